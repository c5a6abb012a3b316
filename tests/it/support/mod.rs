//! What the tests stand on: a private engine, the server under test, a stub engine and a browser.

pub mod browser;
pub mod client;
pub mod clock;
pub mod comparable;
pub mod containers;
pub mod engine;
pub mod follower;
pub mod forward;
pub mod process;
pub mod server;
pub mod stub;
pub mod stub_answers;
pub mod stub_wire;

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// For what has no promised time: generous, because CI machines are slow and a passing test does not wait.
pub const SOON: Duration = Duration::from_secs(30);

/// Repeats `probe` until it answers `Ok`, and panics with what it said last once `within` has passed.
pub async fn eventually<T, E, F>(what: &str, within: Duration, mut probe: F) -> T
where
    E: Debug,
    F: AsyncFnMut() -> Result<T, E>,
{
    let start = Instant::now();
    let mut last: Option<E> = None;
    loop {
        match tokio::time::timeout(within.saturating_sub(start.elapsed()), probe()).await {
            Ok(Ok(value)) => return value,
            Ok(Err(why)) if start.elapsed() < within => last = Some(why),
            Ok(Err(why)) => panic!("waited {within:?} for {what}; last seen: {why:?}"),
            Err(_) => {
                panic!("waited {within:?} for {what}; the last try did not finish; before it: {last:?}")
            }
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// Turns a condition into what `eventually` wants, with what was seen as the reason.
pub fn check(condition: bool, seen: impl Debug) -> Result<(), String> {
    if condition { Ok(()) } else { Err(format!("{seen:?}")) }
}

/// A name that no other test of this run uses, and that a search for it finds alone.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{stem}-{:x}z{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
