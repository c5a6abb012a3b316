//! A container's log: tail, range, follow.

mod decode;

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::BodyStream;

pub use decode::{Decoder, LogLine, LogStream};

use super::client::{Client, seconds};
use super::error::EngineError;

/// How long Docker may take to begin to answer.
const BEGIN: Duration = Duration::from_secs(10);

/// Which part of a log is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRequest {
    /// The last so many lines of the file, before `since` and `until` choose among them; `None` = all.
    pub tail: Option<usize>,
    /// From this time on (ns since the epoch).
    pub since: Option<i64>,
    /// Up to this time (ns since the epoch).
    pub until: Option<i64>,
    /// Whether to go on with what is written from now on.
    pub follow: bool,
    /// What to read: standard output, standard error; both when empty.
    pub only: Option<LogStream>,
}

impl LogRequest {
    fn query(&self) -> String {
        let on = |stream| u8::from(self.only.is_none_or(|only| only == stream));
        let (stdout, stderr) = (on(LogStream::Stdout), on(LogStream::Stderr));
        let mut query = format!("timestamps=1&stdout={stdout}&stderr={stderr}");
        let tail = self.tail.map_or("all".to_owned(), |n| n.to_string());
        query.push_str(&format!("&tail={tail}"));
        if let Some(since) = self.since {
            query.push_str(&format!("&since={}", seconds(since)));
        }
        if let Some(until) = self.until {
            query.push_str(&format!("&until={}", seconds(until)));
        }
        if self.follow {
            query.push_str("&follow=1");
        }
        query
    }
}

/// How many pieces that came together are decoded together.
const PIECES: usize = 256;

/// How far a log was read.
enum Reading {
    Open(BoxStream<'static, Vec<Result<Bytes, EngineError>>>, Decoder),
    Broken(EngineError),
    Ended,
}

/// Lines, in the batches they arrived in.
pub type LogLines = BoxStream<'static, Result<Vec<LogLine>, EngineError>>;

impl Client {
    /// Reads a container's log; of a line, at most `keep` bytes are kept. Asks first whether the container has a
    /// TTY, since the framing depends on it.
    pub async fn logs(&self, id: &str, request: &LogRequest, keep: usize) -> Result<LogLines, EngineError> {
        const WHAT: &str = "GET /containers/{id}/logs";
        let tty = match self.inspect(id, BEGIN).await {
            Ok(answer) => answer.config.and_then(|config| config.tty).unwrap_or(false),
            // A filtering proxy: the decoder notices a TTY by itself.
            Err(EngineError::Forbidden { .. }) => false,
            Err(error) => return Err(error),
        };
        let path = format!("/containers/{id}/logs?{}", request.query());
        let opened = tokio::time::timeout(BEGIN, self.get(&path, WHAT)).await;
        let response = opened.unwrap_or(Err(EngineError::no_answer(WHAT, BEGIN)))?;
        let bytes = BodyStream::new(response.into_body())
            .try_filter_map(|frame| async move { Ok(frame.into_data().ok()) })
            .map_err(|error| EngineError::Lost(error.to_string()))
            // Docker sends each line by itself.
            .ready_chunks(PIECES);
        let state = Reading::Open(bytes.boxed(), Decoder::new(tty, keep));
        let lines = stream::unfold(state, |state| async move {
            let (mut bytes, mut decoder) = match state {
                Reading::Open(bytes, decoder) => (bytes, decoder),
                Reading::Broken(error) => return Some((Err(error), Reading::Ended)),
                Reading::Ended => return None,
            };
            let mut lines = Vec::new();
            let Some(pieces) = bytes.next().await else {
                decoder.finish(&mut lines);
                return Some((Ok(lines), Reading::Ended));
            };
            for piece in pieces {
                match piece {
                    Ok(piece) => decoder.take(&piece, &mut lines),
                    // What came before it counts.
                    Err(error) => return Some((Ok(lines), Reading::Broken(error))),
                }
            }
            Some((Ok(lines), Reading::Open(bytes, decoder)))
        });
        Ok(lines.boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_docker_reads_it() {
        let request = LogRequest {
            tail: Some(100),
            since: Some(1_700_000_000_000_000_007),
            follow: true,
            ..LogRequest::default()
        };
        assert_eq!(
            request.query(),
            "timestamps=1&stdout=1&stderr=1&tail=100&since=1700000000.000000007&follow=1"
        );
        let errors = LogRequest { only: Some(LogStream::Stderr), ..LogRequest::default() };
        assert_eq!(errors.query(), "timestamps=1&stdout=0&stderr=1&tail=all");
    }
}
