//! Slows down guessing: after a number of failures an address, or an account, must wait.
//!
//! Only failures count (a rate limiter such as `governor` counts attempts, and would lock out a script
//! that signs in often), and an attempt counts as failed until it has succeeded, so that many at once
//! gain nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::platform::text;

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

/// What failures of an address count for: an IPv6 visitor has a whole /64 to choose from.
pub(super) fn address_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// What failures of an account count for, whatever was typed.
pub(super) fn account_key(name: &str) -> String {
    text::cut(&name.trim().to_lowercase(), 64).into_owned()
}

impl Limiter {
    /// Counts an attempt, or says how many seconds to wait.
    pub(super) fn attempt(&self, key: &str, now: i64) -> Result<(), u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, window| now - window.since < WINDOW);
        if let Some(window) = windows.get(key).filter(|window| window.failures >= FAILURES) {
            let wait = window.since + WINDOW - now;
            return Err(u64::try_from(wait / 1000 + 1).unwrap_or(1));
        }
        if windows.len() >= MAX_KEYS {
            forget_oldest(&mut windows);
        }
        windows.entry(key.to_owned()).or_insert(Window { since: now, failures: 0 }).failures += 1;
        Ok(())
    }

    /// The attempt succeeded: it does not count.
    pub(super) fn succeeded(&self, key: &str) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get_mut(key) {
            window.failures = window.failures.saturating_sub(1);
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

    #[test]
    fn ten_failures_and_then_a_wait_that_ends() {
        let limiter = Limiter::default();
        for _ in 0..FAILURES {
            limiter.attempt("marta", 0).unwrap();
        }
        assert_eq!(limiter.attempt("marta", 1_000).unwrap_err(), 300);
        assert!(limiter.attempt("ivo", 1_000).is_ok());
        assert!(limiter.attempt("marta", WINDOW).is_ok());
    }

    #[test]
    fn success_does_not_count() {
        let limiter = Limiter::default();
        for _ in 0..100 {
            limiter.attempt("marta", 0).unwrap();
            limiter.succeeded("marta");
        }
    }

    #[test]
    fn neither_an_ipv6_network_nor_a_long_name_gets_round_the_limit() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert!(account_key(&"x".repeat(1_000_000)).len() < 80);
    }

    #[test]
    fn a_flood_of_names_does_not_fill_the_memory() {
        let limiter = Limiter::default();
        for n in 0..50_000 {
            let _waits = limiter.attempt(&n.to_string(), n);
        }
        assert!(limiter.windows.lock().unwrap().len() <= MAX_KEYS);
    }
}
