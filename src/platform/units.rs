//! Durations and sizes as people type them and as the API writes them: `10s`, `5m`, `512 MB`.

use std::time::Duration;

/// A duration in whole seconds: `10s`, `5m`, `1h 30m`, `2 hours`. A number needs its unit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    // Our own pages put a no-break space before a unit, and people copy from them.
    let text = text.trim().replace('\u{a0}', " ");
    let duration = Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok()?;
    (duration.subsec_nanos() == 0).then_some(duration)
}

/// The duration as the API writes it: `10s`, `5m`, `1h30m`; parts of a second are left out.
pub fn write_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A size in bytes: `512000000`, `512 MB`, `1.5GB`; `MiB` and its like count by 1024.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let factor: u128 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    let whole_of = |digits: &str| digits.parse::<u64>().ok().map(u128::from);
    let (whole, fraction) = match number.split_once('.') {
        None => (number, 0),
        Some((whole, digits)) => {
            let scale = 10_u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
            (whole, whole_of(digits)?.checked_mul(factor)? / scale)
        }
    };
    u64::try_from(whole_of(whole)?.checked_mul(factor)?.checked_add(fraction)?).ok()
}

/// The size as a form shows it, without loss: `512 MB`, `1.5 GB`, or plain bytes where that would round.
pub fn write_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(factor, _)| bytes >= *factor) {
        Some((factor, unit)) if bytes.is_multiple_of(factor / 1000) => {
            let digits = format!("{}.{:03}", bytes / factor, bytes % factor / (factor / 1000));
            format!("{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse_duration(text).map(|duration| duration.as_secs())
    }

    #[test]
    fn a_duration_is_read_as_people_type_it() {
        for (text, wanted) in [
            ("10s", 10),
            (" 5m ", 300),
            ("2h", 7200),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("10\u{a0}min", 600),
        ] {
            assert_eq!(seconds(text), Some(wanted), "{text}");
        }
        for bad in ["", "10", "-5s", "5s ago", "1.5s", "500ms", "soon", "9999999999999999h"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_is_written_as_short_as_it_goes_and_read_back_the_same() {
        for (secs, wanted) in [(0, "0s"), (10, "10s"), (90, "1m30s"), (600, "10m"), (86_400, "24h")] {
            assert_eq!(write_duration(Duration::from_secs(secs)), wanted);
            assert_eq!(seconds(wanted), Some(secs));
        }
    }

    #[test]
    fn a_size_is_read_with_or_without_unit() {
        for (text, wanted) in [
            ("512000000", 512_000_000),
            ("512MB", 512_000_000),
            ("512\u{a0}mb", 512_000_000),
            ("1 GB", 1_000_000_000),
            ("1.5 GB", 1_500_000_000),
            ("2g", 2_000_000_000),
            ("16 MiB", 16_777_216),
            ("0.1 kB", 100),
        ] {
            assert_eq!(parse_size(text), Some(wanted), "{text}");
        }
        let bad =
            ["", "MB", "-1", "1,5 GB", "1.", ".5 MB", "1.2.3", "1 XB", "1e9", "99999999999 TB", "5 % MB"];
        for bad in bad {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_size_is_written_without_loss() {
        for (bytes, wanted) in [
            (512_000_000, "512 MB"),
            (1_000_000_000_000, "1 TB"),
            (1_500_000_000, "1.5 GB"),
            (536_870_912, "536870912 B"),
            (100_000_000, "100 MB"),
            (0, "0 B"),
        ] {
            assert_eq!(write_size(bytes), wanted);
            assert_eq!(parse_size(wanted), Some(bytes));
        }
    }
}
