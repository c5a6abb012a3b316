//! Which part of a log a page shows: read from the URL.

use jiff::Timestamp;

use crate::docker::logs::LogStream;
use crate::platform::clock;
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
    let found = clock::moment(text, now).and_then(|at| i64::try_from(at.as_nanosecond()).ok());
    found.map(Some).ok_or_else(|| {
        WebError::field(
            name,
            "takes a time (2026-11-24T10:00:00Z), seconds since 1970, or how long ago (15m, 2h, 3d).",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_a_bounded_number_of_lines() {
        let read = |query: &str| LogQuery::read(&QueryMap::parse(query), Timestamp::UNIX_EPOCH);
        assert_eq!(read("").unwrap().tail, 500);
        assert_eq!(read("tail=9999999").unwrap().tail, MOST);
        assert!(read("tail=many").is_err());
        assert!(!read("only=1").unwrap().only, "nothing to find");
    }
}
