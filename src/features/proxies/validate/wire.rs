//! One request over HTTP/1.1, by hand: a server that does what no server should is to be described, not only to fail.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// How much of an answer is read: of its head, and of its body.
pub(super) const HEAD_BYTES: usize = 64 * 1024;
pub(super) const BODY_BYTES: usize = 64 * 1024;
/// How many headers it may have.
const HEADERS: usize = 200;
/// How many `100 Continue` and the like may come before the answer.
const INTERIM: usize = 8;

/// A connection, in the clear or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// What a destination answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// Its first bytes.
    pub(super) body: Vec<u8>,
    pub(super) end: End,
    /// After which time its head was there.
    pub(super) after: Duration,
}

impl Answer {
    /// The first header of a name, in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should, or we have seen enough.
    Fine,
    /// The connection was closed before its end.
    Closed,
    /// It has a length, and did not come in time.
    Slow,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Not a byte came in time.
    Silent,
    /// It began, and its head did not end in time.
    SlowHead,
    /// Its head does not end.
    HugeHead,
    /// Closed before a byte came.
    Closed,
    /// Closed within its head.
    ClosedInHead,
    /// It is a TLS alert.
    Tls,
    /// It is no HTTP: how it begins.
    Garbage(Vec<u8>),
}

/// Asks on a connection; all is over at `deadline`, and `body_within` after the head.
pub(super) async fn ask(
    stream: &mut dyn Duplex,
    request: &[u8],
    head_only: bool,
    deadline: Instant,
    body_within: Duration,
) -> Result<Answer, Broken> {
    let started = Instant::now();
    // Who closes at once may have answered before: what is there is read all the same.
    let _written = timeout_at(deadline, async {
        stream.write_all(request).await?;
        stream.flush().await
    })
    .await;
    let mut buffer = Vec::with_capacity(4096);
    let mut answer = head(stream, &mut buffer, deadline).await?;
    answer.after = started.elapsed();
    let bodiless = head_only || matches!(answer.status, 100..=199 | 204 | 304);
    if !bodiless {
        body(stream, &mut answer, buffer, deadline.min(Instant::now() + body_within)).await;
    }
    Ok(answer)
}

/// Reads a head; what follows it is left in `buffer`.
async fn head(stream: &mut dyn Duplex, buffer: &mut Vec<u8>, deadline: Instant) -> Result<Answer, Broken> {
    let mut interim = 0;
    loop {
        match parse(buffer)? {
            // A switch of protocols is an answer; what only says that one will come is not.
            Some((answer, used)) => {
                buffer.drain(..used.min(buffer.len()));
                interim += 1;
                if !matches!(answer.status, 100 | 102..=199) || interim > INTERIM {
                    return Ok(answer);
                }
                continue;
            }
            None if buffer.len() >= HEAD_BYTES => return Err(Broken::HugeHead),
            None => {}
        }
        let began = !buffer.is_empty();
        match timeout_at(deadline, read(stream, buffer, HEAD_BYTES)).await {
            Err(_) if began => return Err(Broken::SlowHead),
            Err(_) => return Err(Broken::Silent),
            Ok(true) => {}
            Ok(false) if began && looks_like_http(buffer) => return Err(Broken::ClosedInHead),
            Ok(false) if began => return Err(Broken::Garbage(begin(buffer))),
            Ok(false) => return Err(Broken::Closed),
        }
    }
}

/// Reads some more, up to a size; `false` at the end, which may be an abrupt one.
async fn read(stream: &mut dyn Duplex, buffer: &mut Vec<u8>, most: usize) -> bool {
    let room = most.saturating_sub(buffer.len()).clamp(1, 16 * 1024);
    let mut piece = stream.take(u64::try_from(room).unwrap_or(1));
    matches!(piece.read_buf(buffer).await, Ok(n) if n > 0)
}

fn parse(buffer: &[u8]) -> Result<Option<(Answer, usize)>, Broken> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(buffer) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(used)) => {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let headers =
                response.headers.iter().map(|h| (h.name.to_ascii_lowercase(), text(h.value))).collect();
            let status = response.code.unwrap_or_default();
            let answer = Answer { status, headers, body: Vec::new(), end: End::Fine, after: Duration::ZERO };
            Ok(Some((answer, used)))
        }
        Err(httparse::Error::TooManyHeaders) => Err(Broken::HugeHead),
        // An alert: content type 21, then the version (RFC 8446 §5.1).
        Err(_) if matches!(buffer, [0x15, 0x03, ..] | [0x15]) => Err(Broken::Tls),
        Err(_) => Err(Broken::Garbage(begin(buffer))),
    }
}

fn looks_like_http(buffer: &[u8]) -> bool {
    buffer.starts_with(b"HTTP/")
}

fn begin(buffer: &[u8]) -> Vec<u8> {
    buffer.iter().copied().take(64).collect()
}

/// How the end of a body is known (RFC 9112 §6.3).
enum Length {
    Known(usize),
    Chunked,
    UntilClosed,
}

async fn body(stream: &mut dyn Duplex, answer: &mut Answer, mut raw: Vec<u8>, deadline: Instant) {
    let chunked = answer
        .header("transfer-encoding")
        .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    let length = match answer.header("content-length").and_then(|length| length.trim().parse().ok()) {
        _ if chunked => Length::Chunked,
        Some(length) => Length::Known(length),
        None => Length::UntilClosed,
    };
    loop {
        let done = match &length {
            Length::Known(length) => raw.len() >= *length,
            Length::Chunked => dechunk(&raw).1,
            Length::UntilClosed => false,
        };
        if done || raw.len() >= BODY_BYTES {
            break;
        }
        match timeout_at(deadline, read(stream, &mut raw, BODY_BYTES)).await {
            Ok(true) => {}
            Ok(false) => {
                if !matches!(length, Length::UntilClosed) {
                    answer.end = End::Closed;
                }
                break;
            }
            // A stream of events never ends, and is none the worse for it.
            Err(_) => {
                if matches!(length, Length::Known(_)) {
                    answer.end = End::Slow;
                }
                break;
            }
        }
    }
    answer.body = match length {
        Length::Chunked => dechunk(&raw).0,
        Length::Known(length) => {
            raw.truncate(length);
            raw
        }
        Length::UntilClosed => raw,
    };
}

/// What is in the chunks so far, and whether the last one is there. Nonsense ends it, as no more can be understood.
fn dechunk(raw: &[u8]) -> (Vec<u8>, bool) {
    let mut found = Vec::new();
    let mut rest = raw;
    loop {
        let Some(line) = memchr::memchr(b'\n', rest) else { return (found, false) };
        let (size, after) = rest.split_at(line + 1);
        let size = std::str::from_utf8(size).unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else { return (found, true) };
        if size == 0 {
            return (found, true);
        }
        found.extend(after.iter().take(size));
        let Some(next) = size.checked_add(2).and_then(|size| after.get(size..)) else {
            return (found, false);
        };
        rest = next;
    }
}

/// Whether a plain request is answered in HTTP.
pub(super) async fn speaks_http(address: SocketAddr, within: Duration) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut begin = [0; 5];
        stream.read_exact(&mut begin).await.ok()?;
        Some(&begin == b"HTTP/")
    };
    timeout(within, asked).await.ok().flatten().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(dechunk(b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n"), (b"abcde".to_vec(), true));
        assert_eq!(dechunk(b"3\r\nabc\r\n5\r\nde"), (b"abcde".to_vec(), false));
        assert_eq!(dechunk(b"ffffffffffffffff\r\nab"), (b"ab".to_vec(), false));
        assert_eq!(dechunk(b"xyz\r\n"), (Vec::new(), true));
    }

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        assert!(parse(b"HTTP/1.1 200 OK\r\na: b\r\n").unwrap().is_none());
        let (answer, used) = parse(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest").unwrap().unwrap();
        assert_eq!((answer.status, answer.header("a"), used), (200, Some("b"), 25));
        assert_eq!(parse(&[0x15, 3, 1, 0, 2]).unwrap_err(), Broken::Tls);
        assert!(matches!(parse(b"SSH-2.0-OpenSSH\r\n").unwrap_err(), Broken::Garbage(_)));
    }
}
