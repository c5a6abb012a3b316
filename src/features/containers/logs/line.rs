//! One line of a log as HTML.

use std::fmt::Write;

use jiff::Timestamp;

use super::{ansi, json_line};
use crate::docker::logs::{LogLine, LogStream};
use crate::docker::types::short_id;
use crate::platform::text;

/// What of a line is shown.
pub(super) const KEEP: usize = 16 * 1024;

/// A level, as far as it has a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Quiet,
    Normal,
    Warning,
    Error,
}

impl Level {
    /// The level of a word that loggers use.
    pub(super) fn of(word: &str) -> Self {
        const ERRORS: [&str; 9] =
            ["error", "err", "fatal", "critical", "crit", "panic", "alert", "emerg", "severe"];
        let is = |words: &[&str]| words.iter().any(|one| word.eq_ignore_ascii_case(one));
        if is(&ERRORS) {
            Self::Error
        } else if is(&["warn", "warning"]) {
            Self::Warning
        } else if is(&["debug", "trace", "dbg", "trc", "verbose"]) {
            Self::Quiet
        } else {
            Self::Normal
        }
    }

    /// Adds its word.
    pub(super) fn push(self, word: &str, out: &mut String) {
        out.push_str(match self {
            Self::Error => "<b class=\"le\">",
            Self::Warning => "<b class=\"lw\">",
            Self::Quiet => "<b class=\"lq\">",
            Self::Normal => "<b class=\"ln\">",
        });
        ansi::push_text(word, out);
        out.push_str("</b>");
    }
}

/// Which of several containers wrote a line.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    /// Its place among them, which gives it a colour.
    pub place: usize,
    /// Its full id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Adds a line; with several containers, `of` says whose.
pub(super) fn push(line: &LogLine, of: Option<Of<'_>>, raw: bool, out: &mut String) {
    out.push_str("<p class=\"l\"");
    if let Some(of) = of {
        // Writing to a string cannot fail.
        let _written = write!(out, " data-c=\"{}\"", short_id(of.id));
    }
    if let Some(at) = line.at {
        // Writing to a string cannot fail.
        let _written = write!(out, " data-t=\"{at}\"");
    }
    out.push('>');
    if let Some(time) = line.at.and_then(|at| Timestamp::from_nanosecond(at.into()).ok()) {
        let _written = write!(out, "<time>{}</time>", time.strftime("%Y-%m-%d %H:%M:%S%.3f"));
    }
    if let Some(of) = of {
        let _written = write!(out, "<b class=\"n n{}\">", of.place % 6);
        ansi::push_text(of.name, out);
        out.push_str("</b>");
    }
    if line.stream == LogStream::Stderr {
        out.push_str("<i>err</i>");
    }
    out.push_str("<span class=\"x\">");
    let shown = readable(&line.bytes);
    let as_json = !raw && line.left_out == 0 && json_line::push(&shown, out);
    if !as_json {
        push_plain(&shown, raw, out);
    }
    if line.left_out > 0 {
        let left_out = text::bytes(line.left_out);
        let _written = write!(out, "<em>… cut here, {left_out} left out. The download has more of it.</em>");
    }
    out.push_str("</span></p>\n");
}

/// Adds what Docker Watcher has to say between the lines.
pub(super) fn push_note(note: &str, out: &mut String) {
    out.push_str("<p class=\"l note\"><span class=\"x\">");
    ansi::push_text(note, out);
    out.push_str("</span></p>\n");
}

/// Bytes as text: what is not UTF-8 as `\xe9`; of a line that overwrites itself, what stays.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _written = write!(text, "\\x{byte:02x}");
        }
    }
    match text.trim_end_matches('\r').rsplit_once('\r') {
        Some((_, last)) => last.to_owned(),
        None => text.trim_end_matches('\r').to_owned(),
    }
}

/// The text of a line that is searched, in small letters.
pub(super) fn searched(bytes: &[u8]) -> String {
    ansi::plain(&readable(bytes)).to_lowercase()
}

/// Most programs write the level near the beginning, in capitals, in brackets or before a colon.
fn push_plain(shown: &str, raw: bool, out: &mut String) {
    if raw || shown.contains('\u{1b}') {
        return ansi::push_ansi(shown, out);
    }
    match level_in(shown) {
        Some((start, end, level)) => {
            ansi::push_text(shown.get(..start).unwrap_or_default(), out);
            level.push(shown.get(start..end).unwrap_or_default(), out);
            ansi::push_text(shown.get(end..).unwrap_or_default(), out);
        }
        None => ansi::push_text(shown, out),
    }
}

/// The first word of the line's beginning that is a warning or an error.
fn level_in(text: &str) -> Option<(usize, usize, Level)> {
    let mut start = 0;
    for word in text.split(|c: char| !c.is_ascii_alphabetic()) {
        let end = start + word.len();
        if start > 80 {
            return None;
        }
        let level = Level::of(word);
        let before = start.checked_sub(1).and_then(|at| text.as_bytes().get(at));
        let after = text.as_bytes().get(end);
        let marked = word.bytes().all(|b| b.is_ascii_uppercase())
            || (before == Some(&b'=') || before == Some(&b'[') || before.is_none())
                && matches!(after, Some(b':' | b']' | b' ' | b','));
        if word.len() > 2 && marked && matches!(level, Level::Warning | Level::Error) {
            return Some((start, end, level));
        }
        // The separator is one character, of however many bytes.
        start = end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(bytes: &[u8], stream: LogStream) -> String {
        let line = LogLine { at: Some(0), stream, bytes: bytes.to_vec(), left_out: 0 };
        let mut out = String::new();
        push(&line, None, false, &mut out);
        let (_, shown) = out.split_once("</time>").unwrap();
        shown.trim_end().trim_end_matches("</span></p>").to_owned()
    }

    #[test]
    fn both_streams_are_told_apart_by_a_word() {
        assert_eq!(html(b"x", LogStream::Stdout), "<span class=\"x\">x");
        assert_eq!(html(b"x", LogStream::Stderr), "<i>err</i><span class=\"x\">x");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(html(b"caf\xe9 \xff", LogStream::Stdout), "<span class=\"x\">caf\\xe9 \\xff");
    }

    #[test]
    fn of_a_progress_bar_the_last_state_is_shown() {
        assert_eq!(html(b"10%\r50%\r100%\r", LogStream::Stdout), "<span class=\"x\">100%");
    }

    #[test]
    fn the_word_of_trouble_is_marked_and_no_other_word() {
        assert_eq!(html(b"[WARN] x", LogStream::Stdout), "<span class=\"x\">[<b class=\"lw\">WARN</b>] x");
        assert_eq!(html(b"error: x", LogStream::Stdout), "<span class=\"x\"><b class=\"le\">error</b>: x");
        assert_eq!(
            html(b"level=error x", LogStream::Stdout),
            "<span class=\"x\">level=<b class=\"le\">error</b> x"
        );
        assert_eq!(html(b"no error at all", LogStream::Stdout), "<span class=\"x\">no error at all");
        assert_eq!(
            html("ünïcödé — ERROR".as_bytes(), LogStream::Stdout),
            "<span class=\"x\">ünïcödé — <b class=\"le\">ERROR</b>"
        );
    }

    #[test]
    fn a_line_that_was_cut_says_so() {
        let line =
            LogLine { at: None, stream: LogStream::Stdout, bytes: vec![b'x'; 1_000], left_out: 9_999_000 };
        let mut out = String::new();
        push(&line, None, false, &mut out);
        assert!(out.contains("cut here, 9.99\u{a0}MB left out"), "{out}");
    }
}
