//! Which part of a log a page shows: read from the URL.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::docker::logs::LogStream;
use crate::web::WebError;
use crate::web::api::QueryMap;

/// How many lines a page shows when it is not said.
const TAIL: usize = 500;
/// How many it shows at most.
pub(super) const MOST: usize = 5_000;

/// Which part of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogQuery {
    /// How many lines.
    pub tail: usize,
    /// From then on, ns.
    pub since: Option<i64>,
    /// Up to then, ns.
    pub until: Option<i64>,
    /// What to find.
    pub q: String,
    /// Only the lines it is found in.
    pub only: bool,
    /// One of the two streams.
    pub stream: Option<LogStream>,
    /// Lines as they are, JSON too.
    pub raw: bool,
}

impl LogQuery {
    pub(super) fn read(query: &QueryMap, now: Timestamp) -> Result<Self, WebError> {
        let tail = match query.get("tail") {
            None => TAIL,
            Some("all") => MOST,
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| WebError::field("tail", "takes a number of lines, or all."))?
                .clamp(1, MOST),
        };
        let q: String = query.get("q").unwrap_or_default().chars().take(200).collect();
        Ok(Self {
            tail,
            since: time(query, "since", now)?,
            until: time(query, "until", now)?,
            only: query.get("only").is_some() && !q.is_empty(),
            q,
            stream: stream(query)?,
            raw: query.get("raw").is_some(),
        })
    }
}

/// `stream=stdout|stderr`.
pub(super) fn stream(query: &QueryMap) -> Result<Option<LogStream>, WebError> {
    match query.get("stream") {
        None => Ok(None),
        Some("stdout") => Ok(Some(LogStream::Stdout)),
        Some("stderr") => Ok(Some(LogStream::Stderr)),
        Some(_) => Err(WebError::field("stream", "takes stdout or stderr.")),
    }
}

/// A moment, ns since the epoch: RFC 3339, a date and time in UTC, seconds since the epoch, or how long ago
/// (`15m`, `2h`, `3d`).
pub(super) fn time(query: &QueryMap, name: &'static str, now: Timestamp) -> Result<Option<i64>, WebError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let found = moment(text, now).and_then(|at| i64::try_from(at.as_nanosecond()).ok());
    found.map(Some).ok_or_else(|| {
        WebError::field(
            name,
            "takes a time (2026-11-24T10:00:00Z), seconds since 1970, or how long ago (15m, 2h, 3d).",
        )
    })
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(at) = text.parse::<DateTime>() {
        return at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    }
    if let Some((seconds, fraction)) = text.split_once('.').or(Some((text, "0")))
        && let (Ok(seconds), true) = (seconds.parse::<i64>(), fraction.bytes().all(|b| b.is_ascii_digit()))
    {
        let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        return Timestamp::new(seconds, nanoseconds).ok();
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()).filter(|days| *days >= 0);
    let ago = match days {
        Some(days) => SignedDuration::from_hours(days.checked_mul(24)?),
        None => text.parse::<SignedDuration>().ok()?,
    };
    now.checked_sub(ago.abs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_can_be_said_in_many_ways() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let at = |text: &str| moment(text, now).map(|at| at.to_string());
        assert_eq!(at("2026-11-24T10:00:00Z").unwrap(), "2026-11-24T10:00:00Z");
        assert_eq!(at("2026-11-24T10:00").unwrap(), "2026-11-24T10:00:00Z");
        assert_eq!(at("2026-11-24").unwrap(), "2026-11-24T00:00:00Z");
        assert_eq!(at("1700000000").unwrap(), "2023-11-14T22:13:20Z");
        assert_eq!(at("1700000000.5").unwrap(), "2023-11-14T22:13:20.5Z");
        assert_eq!(at("15m").unwrap(), "2026-11-24T11:45:00Z");
        assert_eq!(at("1h30m").unwrap(), "2026-11-24T10:30:00Z");
        assert_eq!(at("3d").unwrap(), "2026-11-21T12:00:00Z");
        for bad in ["", "yesterday", "-3d", "1.x", "999999999999999999d"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_page_shows_a_bounded_number_of_lines() {
        let read = |query: &str| LogQuery::read(&QueryMap::parse(query), Timestamp::UNIX_EPOCH);
        assert_eq!(read("").unwrap().tail, 500);
        assert_eq!(read("tail=9999999").unwrap().tail, MOST);
        assert!(read("tail=many").is_err());
        assert!(!read("only=1").unwrap().only, "nothing to find");
    }
}
