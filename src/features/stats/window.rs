//! The stretch of time that a chart shows: a range until now, or two times.

use jiff::Timestamp;

use super::store::{MINUTE, QUARTER, Resolution};
use crate::platform::clock::{from_ms, moment};
use crate::web::WebError;
use crate::web::api::QueryMap;

/// How many points an answer has at most.
pub const MOST_POINTS: i64 = 720;
/// How long minutes are kept, ms.
const MINUTES_KEPT: i64 = 48 * 60 * MINUTE;
/// How long single measurements are kept, ms.
const SAMPLES_KEPT: i64 = 60 * MINUTE;
/// The shortest and the longest stretch that is shown, ms.
const SHORTEST: i64 = 30_000;
const LONGEST: i64 = 366 * 96 * QUARTER;

/// A range until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// 30 days.
    Month,
}

impl Range {
    /// Every range, shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The word of the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// Its length, ms.
    pub fn ms(self) -> i64 {
        match self {
            Self::Hour => 60 * MINUTE,
            Self::Day => 24 * 60 * MINUTE,
            Self::Week => 7 * 96 * QUARTER,
            Self::Month => 30 * 96 * QUARTER,
        }
    }
}

/// The stretch of time that a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The range, when none of the two times was given.
    pub range: Option<Range>,
    /// The range that the two times are a part of: where a zoom goes back to. Otherwise the range itself.
    pub whole: Range,
    /// The beginning, ms.
    pub since: i64,
    /// The end, ms.
    pub until: i64,
}

impl Window {
    /// A range until `now`.
    pub fn of(range: Range, now: Timestamp) -> Self {
        let until = now.as_millisecond();
        Self { range: Some(range), whole: range, since: until - range.ms(), until }
    }

    /// Reads `range`, or `since` and `until`. Errors name the parameter and what it takes.
    pub fn read(query: &QueryMap, default: Range, now: Timestamp) -> Result<Self, WebError> {
        let time = |name: &'static str| match query.get(name) {
            None => Ok(None),
            Some(text) => moment(text, now).map(Some).ok_or_else(|| {
                WebError::field(
                    name,
                    "takes a time such as 2026-11-24T10:00:00Z, or how long ago, such as 15m.",
                )
            }),
        };
        let (since, until) = (time("since")?, time("until")?);
        let range = query
            .get("range")
            .map(|word| {
                let known = Range::ALL.into_iter().find(|range| range.as_str() == word);
                known.ok_or_else(|| WebError::field("range", "takes 1h, 24h, 7d or 30d."))
            })
            .transpose()?;
        if since.is_none() && until.is_none() {
            return Ok(Self::of(range.unwrap_or(default), now));
        }
        let until = until.unwrap_or(now).min(now).as_millisecond();
        let since = since.map_or(until - default.ms(), Timestamp::as_millisecond);
        if until - since < SHORTEST {
            return Err(WebError::field(
                "since",
                "takes a time at least 30 s before the end, and before now.",
            ));
        }
        Ok(Self { range: None, whole: range.unwrap_or(Range::Day), since: since.max(until - LONGEST), until })
    }

    /// Where it is read from, seen from `now` (ms); `None`: from single measurements.
    pub fn resolution(&self, now: i64) -> Option<Resolution> {
        // A little slack: the page was asked for a moment ago.
        let age = now - self.since - MINUTE;
        if age <= SAMPLES_KEPT {
            None
        } else if age <= MINUTES_KEPT {
            Some(Resolution::Minute)
        } else {
            Some(Resolution::Quarter)
        }
    }

    /// The distance between two points when they are `finest` ms apart: a multiple that keeps their number in bounds.
    pub fn step(&self, finest: i64) -> i64 {
        let finest = finest.max(1);
        // One step less: a window begins and ends within one.
        let most = MOST_POINTS - 1;
        let points = (self.until - self.since + finest - 1) / finest;
        finest * ((points + most - 1) / most).max(1)
    }

    /// Its end, as a time.
    pub fn end(&self) -> Timestamp {
        from_ms(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn read(query: &str) -> Result<Window, WebError> {
        Window::read(&QueryMap::parse(query), Range::Hour, now())
    }

    #[test]
    fn a_range_ends_now_and_two_times_are_taken_as_they_are() {
        let day = read("range=24h").unwrap();
        assert_eq!((day.range, day.until - day.since), (Some(Range::Day), 86_400_000));
        let zoomed = read("since=2026-11-24T10:00:00Z&until=2026-11-24T10:20:00Z&range=7d").unwrap();
        assert_eq!((zoomed.range, zoomed.until - zoomed.since), (None, 1_200_000));
        assert_eq!(zoomed.whole, Range::Week, "where a zoom goes back to");
        assert_eq!(read("since=2h").unwrap().until, now().as_millisecond());
    }

    #[test]
    fn what_is_no_time_is_named() {
        for bad in ["range=2h", "range=", "since=soon", "until=-", "since=2026-11-25T00:00:00Z", "since=10s"]
        {
            let answer = read(bad);
            assert_eq!(answer.is_err(), bad != "range=", "{bad}: {answer:?}");
        }
    }

    #[test]
    fn an_answer_has_720_points_at_most() {
        for (range, finest) in
            [(Range::Hour, 2_000), (Range::Day, MINUTE), (Range::Week, QUARTER), (Range::Month, QUARTER)]
        {
            let window = Window::of(range, now());
            let step = window.step(finest);
            let steps = window.until.div_euclid(step) - window.since.div_euclid(step) + 1;
            assert!(steps <= MOST_POINTS, "{range:?}: {steps}");
            assert_eq!(step % finest, 0);
        }
    }

    #[test]
    fn the_finest_that_reaches_back_far_enough_is_read() {
        let at = now().as_millisecond();
        let of = |range| Window::of(range, now()).resolution(at);
        assert_eq!(of(Range::Hour), None);
        assert_eq!(of(Range::Day), Some(Resolution::Minute));
        assert_eq!(of(Range::Week), Some(Resolution::Quarter));
        let last_night = read("since=40h&until=36h").unwrap();
        assert_eq!(last_night.resolution(at), Some(Resolution::Minute));
    }
}
