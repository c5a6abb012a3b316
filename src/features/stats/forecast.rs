//! When will a disk be full?

/// The least time that a rate is reckoned from, ms, and the least number of measurements.
const LEAST_SPAN: i64 = 12 * 3_600_000;
const LEAST_POINTS: usize = 24;
/// A growth below this share of the disk is noise.
const NOISE: f64 = 0.005;
const DAY_MS: f64 = 86_400_000.0;

/// In how many days a disk of `total` bytes will be full at the rate of its history (ms and bytes in use, oldest first):
/// the line through all measurements with the least squares. `None` when it does not grow, or too little is known.
pub fn days_until_full(history: &[(i64, u64)], used: u64, total: u64) -> Option<f64> {
    let ((first, _), (last, _)) = (history.first()?, history.last()?);
    if history.len() < LEAST_POINTS || last - first < LEAST_SPAN || total == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of weeks, and bytes of disks")]
    let points: Vec<(f64, f64)> =
        history.iter().map(|(at, used)| ((at - first) as f64, *used as f64)).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let n = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (covariance, variance) = points
        .iter()
        .fold((0.0, 0.0), |(c, v), (x, y)| (c + (x - mean_x) * (y - mean_y), v + (x - mean_x).powi(2)));
    let rate = covariance / variance;
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    let (span, total, left) = ((last - first) as f64, total as f64, total.saturating_sub(used) as f64);
    if !rate.is_finite() || rate * span < total * NOISE {
        return None;
    }
    Some(left / rate / DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: i64 = 900_000;

    fn growing(points: i64, a_quarter: u64) -> Vec<(i64, u64)> {
        (0..points).map(|n| (n * QUARTER, 500_000 + u64::try_from(n).unwrap() * a_quarter)).collect()
    }

    #[test]
    fn a_steady_growth_ends_when_it_is_full() {
        // 96 quarters a day, 1,000 each: 404,000 left are 4.2 days.
        let history = growing(97, 1_000);
        let days = days_until_full(&history, 596_000, 1_000_000).unwrap();
        assert!((days - 404.0 / 96.0).abs() < 0.01, "{days}");
    }

    #[test]
    fn what_does_not_grow_or_is_hardly_known_is_not_foretold() {
        assert_eq!(days_until_full(&growing(97, 0), 500_000, 1_000_000), None);
        assert_eq!(days_until_full(&growing(97, 10), 500_970, 1_000_000), None, "noise");
        assert_eq!(days_until_full(&growing(20, 9_000), 680_000, 1_000_000), None, "five hours");
        assert_eq!(days_until_full(&[], 1, 2), None);
    }
}
