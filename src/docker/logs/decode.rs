//! From the bytes of `GET /containers/{id}/logs` to lines.
//!
//! Without a TTY the stream is multiplexed: frames with a header of eight bytes (stream, three zeros, length).
//! With one it is raw. Docker cuts a long line into pieces of 16 KiB and puts the line's time in front of each
//! piece; they are put together again here.

use jiff::Timestamp;

/// Docker's own pieces of a long line.
const PIECE: u64 = 16 * 1024;
/// The longest time Docker writes in front of a line, its blank included.
const MAX_STAMP: usize = 36;
const HEADER: usize = 8;

/// What a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, ns since the epoch by the engine's clock; `None` when Docker did not say.
    pub at: Option<i64>,
    /// What it was written to.
    pub stream: LogStream,
    /// Its bytes, without the line break; at most as many as the decoder keeps.
    pub bytes: Vec<u8>,
    /// How many bytes were left out of a line that was too long.
    pub left_out: u64,
}

/// Takes a log in as it comes, and gives out its lines.
pub struct Decoder {
    framing: Framing,
    out: Assembler,
    err: Assembler,
}

enum Framing {
    Raw,
    /// Reading a header; so much of it is here.
    Header([u8; HEADER], usize),
    /// Inside a frame of that stream; so many bytes are to come.
    Payload(LogStream, usize),
}

impl Decoder {
    /// For a container with or without a TTY; of a line, at most `keep` bytes are kept.
    pub fn new(tty: bool, keep: usize) -> Self {
        Self {
            framing: if tty { Framing::Raw } else { Framing::Header([0; HEADER], 0) },
            out: Assembler::new(LogStream::Stdout, keep, tty),
            err: Assembler::new(LogStream::Stderr, keep, false),
        }
    }

    /// Takes bytes in; whole lines are added to `lines`.
    pub fn take(&mut self, mut bytes: &[u8], lines: &mut Vec<LogLine>) {
        while !bytes.is_empty() {
            match &mut self.framing {
                Framing::Raw => {
                    self.out.take(bytes, lines);
                    return;
                }
                Framing::Header(header, have) => {
                    let n = bytes.len().min(HEADER - *have);
                    let (head, rest) = bytes.split_at(n);
                    if let Some(place) = header.get_mut(*have..*have + n) {
                        place.copy_from_slice(head);
                    }
                    *have += n;
                    bytes = rest;
                    if *have == HEADER {
                        self.framing = match read_header(*header) {
                            Some((stream, length)) => {
                                self.of(stream).begin_piece();
                                if length == 0 {
                                    Framing::Header([0; HEADER], 0)
                                } else {
                                    Framing::Payload(stream, length)
                                }
                            }
                            // No header at all: a TTY that nobody told us of. Later it is damage, and what follows is text
                            // all the same.
                            None => {
                                let start = *header;
                                self.out.take(&start, lines);
                                Framing::Raw
                            }
                        };
                    }
                }
                Framing::Payload(stream, left) => {
                    let stream = *stream;
                    let (piece, rest) = bytes.split_at(bytes.len().min(*left));
                    *left -= piece.len();
                    if *left == 0 {
                        self.framing = Framing::Header([0; HEADER], 0);
                    }
                    bytes = rest;
                    self.of(stream).take(piece, lines);
                }
            }
        }
    }

    /// The log ended: a last line may have no line break.
    pub fn finish(&mut self, lines: &mut Vec<LogLine>) {
        self.out.finish(lines);
        self.err.finish(lines);
    }

    fn of(&mut self, stream: LogStream) -> &mut Assembler {
        match stream {
            LogStream::Stdout => &mut self.out,
            LogStream::Stderr => &mut self.err,
        }
    }
}

fn read_header(header: [u8; HEADER]) -> Option<(LogStream, usize)> {
    let [stream, 0, 0, 0, a, b, c, d] = header else { return None };
    let stream = match stream {
        0 | 1 => LogStream::Stdout,
        // 3 is Docker's own: why it cannot read on.
        2 | 3 => LogStream::Stderr,
        _ => return None,
    };
    usize::try_from(u32::from_be_bytes([a, b, c, d])).ok().map(|length| (stream, length))
}

/// Puts the lines of one stream together.
struct Assembler {
    stream: LogStream,
    keep: usize,
    raw: bool,
    /// What may become the time in front of a line or piece; `None` while inside the text.
    stamp: Option<Vec<u8>>,
    at: Option<i64>,
    kept: Vec<u8>,
    /// Bytes of the line so far, kept or not.
    length: u64,
}

impl Assembler {
    fn new(stream: LogStream, keep: usize, raw: bool) -> Self {
        Self { stream, keep, raw, stamp: Some(Vec::new()), at: None, kept: Vec::new(), length: 0 }
    }

    /// A frame begins, and with it a time.
    fn begin_piece(&mut self) {
        if self.stamp.is_none() {
            self.stamp = Some(Vec::new());
        }
    }

    fn take(&mut self, mut bytes: &[u8], lines: &mut Vec<LogLine>) {
        while let Some((first, rest)) = bytes.split_first() {
            if let Some(stamp) = &mut self.stamp {
                stamp.push(*first);
                bytes = rest;
                let whole = *first == b' ' || *first == b'\n' || stamp.len() >= MAX_STAMP;
                if whole {
                    self.end_stamp(lines);
                }
                continue;
            }
            // In a raw stream the pieces of a long line can be told only by their length.
            let until_piece = if self.raw { PIECE - self.length % PIECE } else { u64::MAX };
            let limit = usize::try_from(until_piece).unwrap_or(usize::MAX).min(bytes.len());
            let (near, far) = bytes.split_at(limit);
            match memchr::memchr(b'\n', near) {
                Some(end) => {
                    self.keep(near.get(..end).unwrap_or_default());
                    bytes = bytes.get(end + 1..).unwrap_or_default();
                    self.end_line(lines);
                }
                None => {
                    self.keep(near);
                    bytes = far;
                    if self.raw && self.length.is_multiple_of(PIECE) {
                        self.stamp = Some(Vec::new());
                    }
                }
            }
        }
    }

    /// What stood in front was a time, or the text's first word.
    fn end_stamp(&mut self, lines: &mut Vec<LogLine>) {
        let stamp = self.stamp.take().unwrap_or_default();
        let time = stamp.split_last().filter(|(last, _)| **last == b' ').and_then(|(_, time)| time_of(time));
        match time {
            // The first time of a line counts; each further piece repeats it.
            Some(at) if self.length == 0 => self.at = Some(at),
            Some(at) if self.at == Some(at) || !self.raw => {}
            _ => match stamp.split_last() {
                Some((b'\n', text)) => {
                    self.keep(text);
                    self.end_line(lines);
                }
                _ => self.keep(&stamp),
            },
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.keep.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.length += bytes.len() as u64;
    }

    fn end_line(&mut self, lines: &mut Vec<LogLine>) {
        let left_out = self.length - self.kept.len() as u64;
        let mut bytes = std::mem::take(&mut self.kept);
        // A terminal ends its lines so.
        if left_out == 0 && bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        lines.push(LogLine { at: self.at.take(), stream: self.stream, bytes, left_out });
        self.length = 0;
        self.stamp = Some(Vec::new());
    }

    fn finish(&mut self, lines: &mut Vec<LogLine>) {
        if self.stamp.as_ref().is_some_and(|stamp| !stamp.is_empty()) {
            self.end_stamp(lines);
        }
        if self.length > 0 || self.at.is_some() {
            self.end_line(lines);
        }
    }
}

fn time_of(text: &[u8]) -> Option<i64> {
    if text.len() < 20 || !text.first()?.is_ascii_digit() {
        return None;
    }
    let time: Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-24T10:00:00.000000007Z";
    const AT_NS: i64 = 1_795_514_400_000_000_007;

    fn frame(stream: u8, text: &[u8]) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(text);
        frame
    }

    /// Decodes bytes that arrive in pieces of `step`.
    fn decode(tty: bool, bytes: &[u8], step: usize) -> Vec<LogLine> {
        let mut decoder = Decoder::new(tty, 64 * 1024);
        let mut lines = Vec::new();
        for piece in bytes.chunks(step) {
            decoder.take(piece, &mut lines);
        }
        decoder.finish(&mut lines);
        lines
    }

    fn texts(lines: &[LogLine]) -> Vec<String> {
        lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
    }

    #[test]
    fn both_streams_are_told_apart_however_the_bytes_arrive() {
        let mut bytes = frame(1, format!("{AT} hello world\n").as_bytes());
        bytes.extend(frame(2, format!("{AT} trouble\n").as_bytes()));
        bytes.extend(frame(1, format!("{AT} \n").as_bytes()));
        for step in [1, 3, 7, 1000] {
            let lines = decode(false, &bytes, step);
            assert_eq!(texts(&lines), ["hello world", "trouble", ""], "in steps of {step}");
            assert_eq!(lines[1].stream, LogStream::Stderr);
            assert!(lines.iter().all(|line| line.at == Some(AT_NS)));
        }
    }

    #[test]
    fn a_line_that_docker_cut_into_pieces_is_whole_again() {
        let long = "x".repeat(40_000);
        let mut bytes = Vec::new();
        for piece in long.as_bytes().chunks(16 * 1024) {
            bytes.extend(frame(1, &[format!("{AT} ").as_bytes(), piece].concat()));
        }
        bytes.extend(frame(1, b"\n"));
        bytes.extend(frame(1, format!("{AT} next\n").as_bytes()));
        assert_eq!(texts(&decode(false, &bytes, 999)), [long.as_str(), "next"]);
    }

    #[test]
    fn pieces_of_two_streams_do_not_mix() {
        let mut bytes = frame(1, format!("{AT} one ").as_bytes());
        bytes.extend(frame(2, format!("{AT} other\n").as_bytes()));
        bytes.extend(frame(1, format!("{AT} line\n").as_bytes()));
        assert_eq!(texts(&decode(false, &bytes, 5)), ["other", "one line"]);
    }

    #[test]
    fn a_terminal_is_raw_and_its_long_lines_are_whole_again() {
        let long = "y".repeat(16 * 1024);
        let bytes = format!("{AT} {long}{AT} tail\r\n{AT} \u{1b}[31mred\u{1b}[0m\r\n");
        for step in [1, 4096, 100_000] {
            let lines = decode(true, bytes.as_bytes(), step);
            assert_eq!(texts(&lines), [format!("{long}tail"), "\u{1b}[31mred\u{1b}[0m".to_owned()], "{step}");
        }
    }

    #[test]
    fn a_huge_line_is_cut_and_says_how_much_is_missing() {
        let mut decoder = Decoder::new(false, 1_000);
        let mut lines = Vec::new();
        let piece = frame(1, &[b'z'; 10_000]);
        for _ in 0..1_000 {
            decoder.take(&piece, &mut lines);
        }
        assert!(lines.is_empty() && decoder.out.kept.capacity() < 20_000, "nothing piles up");
        decoder.take(&frame(1, b"\n"), &mut lines);
        assert_eq!((lines[0].bytes.len(), lines[0].left_out), (1_000, 9_999_000));
    }

    #[test]
    fn text_that_has_no_time_is_text() {
        let lines = decode(false, &frame(1, b"short\nno time here, but many many words in it\n"), 2);
        assert_eq!(texts(&lines), ["short", "no time here, but many many words in it"]);
        assert_eq!(lines[0].at, None);
    }

    #[test]
    fn a_terminal_that_nobody_told_us_of_is_read_all_the_same() {
        let lines = decode(false, format!("{AT} from a terminal\r\n").as_bytes(), 11);
        assert_eq!(texts(&lines), ["from a terminal"]);
    }

    #[test]
    fn what_docker_itself_says_in_between_is_a_line() {
        let mut bytes = frame(1, format!("{AT} one\n").as_bytes());
        bytes.extend(frame(3, b"Error grabbing logs: invalid character\n"));
        bytes.extend(frame(1, format!("{AT} two\n").as_bytes()));
        assert_eq!(
            texts(&decode(false, &bytes, 7)),
            ["one", "Error grabbing logs: invalid character", "two"]
        );
    }

    #[test]
    fn a_last_line_without_a_break_is_shown() {
        assert_eq!(texts(&decode(false, &frame(1, format!("{AT} prompt> ").as_bytes()), 4)), ["prompt> "]);
    }
}
