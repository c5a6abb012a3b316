//! Slows down guessing: after a number of failures an address, or an account, must wait.
//!
//! Only failures count (a rate limiter such as `governor` counts attempts, and would lock out a script
//! that signs in often), and an attempt counts as failed until it has succeeded, so that many at once
//! gain nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Failures within the window before the key must wait.
const FAILURES: u32 = 10;
/// The window, ms.
const WINDOW: i64 = 5 * 60 * 1000;
/// Keys remembered; beyond, the oldest windows are forgotten first.
const MAX_KEYS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Limiter {
    windows: Mutex<HashMap<String, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: i64,
    failures: u32,
}

impl Limiter {
    /// Counts an attempt for each key, or says how many seconds to wait.
    pub(super) fn attempt(&self, keys: &[String], now: i64) -> Result<(), u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, window| now - window.since < WINDOW);
        let wait = keys
            .iter()
            .filter_map(|key| windows.get(key))
            .filter(|window| window.failures >= FAILURES)
            .map(|window| window.since + WINDOW - now)
            .max();
        if let Some(wait) = wait {
            return Err(u64::try_from(wait / 1000 + 1).unwrap_or(1));
        }
        if windows.len() + keys.len() > MAX_KEYS {
            forget_oldest(&mut windows);
        }
        for key in keys {
            windows.entry(key.clone()).or_insert(Window { since: now, failures: 0 }).failures += 1;
        }
        Ok(())
    }

    /// The attempt succeeded: it does not count, and the account starts afresh.
    pub(super) fn succeeded(&self, keys: &[String]) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Some(window) = windows.get_mut(key) {
                window.failures = window.failures.saturating_sub(1);
            }
        }
    }
}

fn forget_oldest(windows: &mut HashMap<String, Window>) {
    let mut since: Vec<i64> = windows.values().map(|window| window.since).collect();
    let middle = since.len() / 2;
    let (_, median, _) = since.select_nth_unstable(middle);
    let median = *median;
    windows.retain(|_, window| window.since > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<String> {
        vec!["address 10.0.0.1".to_owned(), "account marta".to_owned()]
    }

    #[test]
    fn ten_failures_and_then_a_wait_that_ends() {
        let limiter = Limiter::default();
        for _ in 0..FAILURES {
            limiter.attempt(&keys(), 0).unwrap();
        }
        let wait = limiter.attempt(&keys(), 1_000).unwrap_err();
        assert_eq!(wait, 300);
        assert!(limiter.attempt(&["account marta".to_owned()], 1_000).is_err(), "from any address");
        assert!(limiter.attempt(&keys(), WINDOW).is_ok());
    }

    #[test]
    fn success_does_not_count() {
        let limiter = Limiter::default();
        for _ in 0..100 {
            limiter.attempt(&keys(), 0).unwrap();
            limiter.succeeded(&keys());
        }
    }

    #[test]
    fn a_flood_of_names_does_not_fill_the_memory() {
        let limiter = Limiter::default();
        for n in 0..50_000 {
            let _waits = limiter.attempt(&[format!("account {n}")], n);
        }
        assert!(limiter.windows.lock().unwrap().len() <= MAX_KEYS);
    }
}
