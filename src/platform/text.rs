//! Words for people: cut texts, durations, sizes.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

/// At most `max` bytes of `text`, cut between characters and marked with "…".
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

/// How long ago, or for how long: `8 s`, `14 min`, `3 h`, `41 days`. The space does not break.
/// `static/app.js` writes the same words; keep them alike.
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds}\u{a0}s"),
        60..3_600 => format!("{}\u{a0}min", seconds / 60),
        3_600..172_800 => format!("{}\u{a0}h", seconds / 3_600),
        _ => format!("{}\u{a0}days", seconds / 86_400),
    }
}

/// The time from `from` to `to`, in words; never negative (clocks of two machines differ).
pub fn between(from: Timestamp, to: Timestamp) -> String {
    duration(to.duration_since(from).max(SignedDuration::ZERO).as_secs())
}

/// A size in decimal units with three significant digits: `18.4 GB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut scaled = bytes;
    let mut rest = 0;
    let mut unit = UNITS.iter();
    let mut name = unit.next().copied().unwrap_or("B");
    while scaled >= 1000 {
        let Some(next) = unit.next() else { break };
        rest = scaled % 1000;
        scaled /= 1000;
        name = next;
    }
    match (name, scaled) {
        ("B", _) | (_, 100..) => format!("{scaled}\u{a0}{name}"),
        (_, 10..) => format!("{scaled}.{}\u{a0}{name}", rest / 100),
        _ => format!("{scaled}.{:02}\u{a0}{name}", rest / 10),
    }
}

/// A part of one core, or of a limit: `0.4 %`, `41.3 %`, `184 %`. The space does not break.
pub fn percent(value: f64) -> String {
    if value.abs() >= 99.95 { format!("{value:.0}\u{a0}%") } else { format!("{value:.1}\u{a0}%") }
}

/// How many cores, in hundredths: `1 core`, `0.5 cores`.
pub fn cores(cores: f64) -> String {
    let cores = (cores * 100.0).round() / 100.0;
    if (cores - 1.0).abs() < 1e-9 { "1\u{a0}core".to_owned() } else { format!("{cores}\u{a0}cores") }
}

/// Traffic in decimal units: `4.10 MB/s`.
pub fn rate(bytes_a_second: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
    let whole = bytes_a_second.max(0.0).round() as u64;
    format!("{}/s", bytes(whole))
}

/// Whether a text contains another one, large and small letters alike. `needle` is in small letters.
pub fn contains_word(text: &str, needle: &str) -> bool {
    let (text_bytes, needle_bytes) = (text.as_bytes(), needle.as_bytes());
    let Some((first, rest)) = needle_bytes.split_first() else { return true };
    if !needle.is_ascii() {
        return text.to_lowercase().contains(needle);
    }
    // Without a copy in small letters: a search goes through every label of every container.
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text_bytes).any(|at| {
        text_bytes.get(at + 1..at + needle_bytes.len()).is_some_and(|found| found.eq_ignore_ascii_case(rest))
    })
}

/// The text with its first letter large.
pub fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// `1 container`, `2 containers`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(texts: &[&str]) -> String {
    match texts {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A time as people write it where it must be exact: `2026-11-23 13:05:02 UTC`.
pub fn exact(at: Timestamp) -> String {
    format!("{} UTC", at.strftime("%Y-%m-%d %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("αβγ", 3), "α…");
    }

    #[test]
    fn a_list_ends_with_and() {
        assert_eq!(listed(&[]), "");
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn a_search_does_not_mind_large_letters() {
        assert!(
            contains_word("My-Web-Server", "web-s") && contains_word("x", "") && contains_word("aab", "ab")
        );
        assert!(!contains_word("My-Web", "web-s") && !contains_word("", "a"));
        assert!(contains_word("ÄRGER", "ärg"));
    }

    #[test]
    fn durations_read_like_speech() {
        assert_eq!(duration(-5), "0\u{a0}s");
        assert_eq!(duration(59), "59\u{a0}s");
        assert_eq!(duration(14 * 60), "14\u{a0}min");
        assert_eq!(duration(47 * 3600), "47\u{a0}h");
        assert_eq!(duration(41 * 86_400), "41\u{a0}days");
    }

    #[test]
    fn percentages_and_rates_are_short() {
        assert_eq!(percent(0.04), "0.0\u{a0}%");
        assert_eq!(percent(184.23), "184\u{a0}%");
        assert_eq!(percent(1_600.0), "1600\u{a0}%");
        assert_eq!((cores(1.0), cores(1.0 / 3.0)), ("1\u{a0}core".to_owned(), "0.33\u{a0}cores".to_owned()));
        assert_eq!(rate(4_100_000.4), "4.10\u{a0}MB/s");
        assert_eq!(rate(-1.0), "0\u{a0}B/s");
    }

    #[test]
    fn sizes_are_decimal_with_three_digits() {
        assert_eq!(bytes(999), "999\u{a0}B");
        assert_eq!(bytes(1_000), "1.00\u{a0}kB");
        assert_eq!(bytes(18_430_000_000), "18.4\u{a0}GB");
        assert_eq!(bytes(612_000_000), "612\u{a0}MB");
    }
}
