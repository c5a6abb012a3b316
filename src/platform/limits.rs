//! What the operating system allows this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files and connections may be open at most; more are never asked for.
const ENOUGH: u64 = 65_536;

/// Raises the number of open files and connections as far as it is allowed to, and returns it. Services often
/// start with 1,024, which is fewer than the live pages we hold.
pub fn raise_open_files() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let (soft, hard) = (now.current.unwrap_or(ENOUGH), now.maximum.unwrap_or(ENOUGH));
    let wanted = hard.min(ENOUGH);
    if soft >= wanted {
        return soft;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, limit = soft, "the limit of open files cannot be raised");
            soft
        }
    }
}
