//! Docker Watcher: one small binary that watches a Docker host.
//!
//! Who may import whom: `platform` ← `docker`, `web` ← `features` ← `app` ← `cli`. A test
//! (`architecture`) reads every `crate::` path and fails on a forbidden arrow.

pub mod docker;
pub mod platform;

