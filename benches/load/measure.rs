//! Times and percentiles.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since the epoch: what the scripts and Docker's events can be compared with.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("before the year 586912")
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The nearest-rank percentile; the list is sorted on the way.
pub fn percentile(list: &mut [Duration], percent: usize) -> Duration {
    list.sort_unstable();
    let rank = (list.len() * percent).div_ceil(100);
    list.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
