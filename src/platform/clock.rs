//! The one source of wall-clock time, injected so that tests can move it.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Tells the time. Everything that compares or stores times asks a `Clock`.
pub trait Clock: Debug + Send + Sync {
    /// The current time, UTC.
    fn now(&self) -> Timestamp;

    /// The current time in milliseconds since the Unix epoch, as the database keeps it.
    fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }
}

/// A clock that many own.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved: for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_millisecond()))
    }

    /// Moves the clock forward by `milliseconds`.
    pub fn advance_ms(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        from_ms(self.0.load(Ordering::SeqCst))
    }
}

/// The time `milliseconds` after the Unix epoch; values out of range are clamped to what a
/// `Timestamp` can hold, so that a damaged row shows an odd date instead of stopping a page.
pub fn from_ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(if milliseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// RFC 3339, UTC, with milliseconds: how the API writes every time.
pub fn rfc3339(at: Timestamp) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    PRINTER.timestamp_to_string(&at)
}

/// A moment as a person types it: RFC 3339, a date and time in UTC, seconds since the epoch, or how long ago
/// (`15m`, `2h`, `3d`).
pub fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
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
    fn times_are_written_with_milliseconds_in_utc() {
        assert_eq!(rfc3339(from_ms(1_700_000_000_007)), "2023-11-14T22:13:20.007Z");
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(from_ms(1_000));
        assert_eq!(clock.now_ms(), 1_000);
        clock.advance_ms(500);
        assert_eq!(clock.now_ms(), 1_500);
    }

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
}
