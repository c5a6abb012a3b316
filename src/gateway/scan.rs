//! Watches the bytes of an HTTP/1 connection before hyper reads them.
//!
//! hyper quietly drops `Content-Length` when `Transfer-Encoding` is there too, and takes a bare line feed for the end
//! of a line. Both are allowed, and both are how requests are smuggled past a proxy; we refuse them, and for that
//! they must be seen. This follows the framing just far enough to know what is a head. Where it and hyper could
//! disagree the message is malformed, and hyper ends the connection.

use std::sync::atomic::{AtomicU32, Ordering};

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Smell {
    /// `Content-Length` and `Transfer-Encoding`.
    TwoLengths,
    /// A line that ends in a line feed alone.
    BareLineFeed,
}

/// Which request of a connection is the first that smells, shared with who answers them.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The number of that request (from 1) times two, and the smell in the last bit; 0 is none.
    first: AtomicU32,
}

impl Verdict {
    /// What is wrong with the connection's `nth` request, counted from 1.
    pub(super) fn of(&self, nth: u32) -> Option<Smell> {
        let first = self.first.load(Ordering::Relaxed);
        (first != 0 && first / 2 == nth).then_some(match first % 2 {
            0 => Smell::TwoLengths,
            _ => Smell::BareLineFeed,
        })
    }

    fn set(&self, nth: u32, smell: Smell) {
        let value = nth.wrapping_mul(2) + u32::from(smell == Smell::BareLineFeed);
        let _already = self.first.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Follows the bytes of one connection.
#[derive(Debug)]
pub(super) struct Scanner {
    part: Part,
    /// The beginning of the current line, as far as it matters.
    line: Vec<u8>,
    /// Heads seen so far, with the current one.
    heads: u32,
    length: Option<u64>,
    chunked: bool,
    anything: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// It is no HTTP/1 any more, or hyper will say that it never was.
    Lost,
}

/// Longer lines matter only by their beginning.
const LINE: usize = 64;

impl Scanner {
    pub(super) fn new() -> Self {
        Self { part: Part::Head, line: Vec::new(), heads: 1, length: None, chunked: false, anything: false }
    }

    /// Reads what came.
    pub(super) fn feed(&mut self, mut bytes: &[u8], verdict: &Verdict) {
        while !bytes.is_empty() {
            bytes = match self.part {
                Part::Lost => return,
                Part::Body(left) => self.skip(bytes, left, Part::Body, Part::Head),
                Part::Chunk(left) => self.skip(bytes, left, Part::Chunk, Part::ChunkEnd),
                _ => self.feed_line(bytes, verdict),
            };
        }
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64, more: fn(u64) -> Part, then: Part) -> &'a [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left.saturating_sub(here as u64);
        self.part = if left == 0 { then } else { more(left) };
        if self.part == Part::Head {
            self.begin_head();
        }
        bytes.get(here..).unwrap_or_default()
    }

    fn feed_line<'a>(&mut self, bytes: &'a [u8], verdict: &Verdict) -> &'a [u8] {
        let end = memchr::memchr(b'\n', bytes);
        let piece = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let Some(end) = end else {
            self.keep(piece);
            return &[];
        };
        // Most lines come whole: they are read where they are.
        if self.line.is_empty() {
            self.ended(piece, verdict);
        } else {
            self.keep(piece);
            let line = std::mem::take(&mut self.line);
            self.ended(&line, verdict);
            self.line = line;
            self.line.clear();
        }
        bytes.get(end + 1..).unwrap_or_default()
    }

    /// Keeps the beginning of a line and its last byte, which tells how it ends.
    fn keep(&mut self, piece: &[u8]) {
        let room = LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if piece.len() > room
            && let (Some(kept), Some(last)) = (self.line.last_mut(), piece.last())
        {
            *kept = *last;
        }
    }

    fn ended(&mut self, line: &[u8], verdict: &Verdict) {
        let (line, bare) = match line.strip_suffix(b"\r") {
            Some(line) => (line, false),
            None => (line, true),
        };
        match self.part {
            Part::Head if line.is_empty() && !self.anything => {} // Empty lines before a request are ignored.
            Part::Head => {
                self.anything = true;
                if bare {
                    verdict.set(self.heads, Smell::BareLineFeed);
                }
                if line.is_empty() {
                    self.head_ended(verdict);
                } else {
                    self.header(line);
                }
            }
            Part::ChunkSize => {
                self.part = chunk_size(line).map_or(Part::Lost, |size| match size {
                    0 => Part::Trailers,
                    size => Part::Chunk(size),
                })
            }
            Part::ChunkEnd => self.part = if line.is_empty() { Part::ChunkSize } else { Part::Lost },
            Part::Trailers if line.is_empty() => {
                self.part = Part::Head;
                self.begin_head();
            }
            _ => {}
        }
    }

    fn header(&mut self, line: &[u8]) {
        let Some(colon) = memchr::memchr(b':', line) else { return };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.get(1..).unwrap_or_default().trim_ascii();
            // One that is no number is hyper's to refuse.
            let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            self.length = Some(length.unwrap_or_default());
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        }
    }

    fn head_ended(&mut self, verdict: &Verdict) {
        self.part = match (self.chunked, self.length) {
            (true, Some(_)) => {
                verdict.set(self.heads, Smell::TwoLengths);
                Part::Lost
            }
            (true, None) => Part::ChunkSize,
            (false, Some(0) | None) => {
                self.begin_head();
                return;
            }
            (false, Some(length)) => Part::Body(length),
        };
    }

    fn begin_head(&mut self) {
        self.part = Part::Head;
        self.heads = self.heads.saturating_add(1);
        self.length = None;
        self.chunked = false;
        self.anything = false;
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smell of each of the first three requests, however the bytes are cut.
    fn smells(bytes: &str) -> Vec<Option<Smell>> {
        let whole = fed(bytes, bytes.len());
        for piece in [1, 2, 3, 7, 100] {
            assert_eq!(fed(bytes, piece), whole, "in pieces of {piece}");
        }
        whole
    }

    fn fed(bytes: &str, piece: usize) -> Vec<Option<Smell>> {
        let (mut scanner, verdict) = (Scanner::new(), Verdict::default());
        for piece in bytes.as_bytes().chunks(piece) {
            scanner.feed(piece, &verdict);
        }
        (1..=3).map(|nth| verdict.of(nth)).collect()
    }

    #[test]
    fn two_lengths_are_seen_in_either_order() {
        let lengths = [Some(Smell::TwoLengths), None, None];
        let rest = "\r\n0\r\n\r\n";
        assert_eq!(
            smells(&format!("POST / HTTP/1.1\r\ncontent-length: 5\r\nTransfer-Encoding: chunked\r\n{rest}")),
            lengths
        );
        assert_eq!(
            smells(&format!("POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\nContent-Length:5\r\n{rest}")),
            lengths
        );
    }

    #[test]
    fn only_heads_are_looked_at() {
        let body = "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n\n\n";
        let length = body.len();
        let sized = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        let chunked = format!(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x};a=b\r\n{body}\r\n0\r\nX-Sum: 1\r\n\r\n"
        );
        assert_eq!(smells(&format!("{sized}{chunked}\r\nGET / HTTP/1.1\r\n\r\n")), [None; 3]);
        let third =
            format!("{sized}{chunked}GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n\r\n");
        assert_eq!(smells(&third), [None, None, Some(Smell::TwoLengths)]);
    }

    #[test]
    fn a_bare_line_feed_is_seen() {
        assert_eq!(smells("GET / HTTP/1.1\nHost: a\r\n\r\n"), [Some(Smell::BareLineFeed), None, None]);
        assert_eq!(
            smells("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nA: b\n\r\n"),
            [None, Some(Smell::BareLineFeed), None]
        );
    }

    #[test]
    fn long_lines_are_followed_without_being_kept() {
        let long = "x".repeat(100_000);
        let text = format!("GET /{long} HTTP/1.1\r\nCookie: {long}\r\n\r\nGET / HTTP/1.1\r\nA: {long}\n\r\n");
        assert_eq!(smells(&text), [None, Some(Smell::BareLineFeed), None]);
    }
}
