//! Docker Watcher: one small binary that watches a Docker host.
//!
//! Who may import whom: `platform` ← `docker`, `web`, `gateway` ← `features` ← `app` ← `cli`. A test
//! (`architecture`) reads every `crate::` path and fails on a forbidden arrow.

pub mod app;
pub mod cli;
pub mod config;
pub mod docker;
pub mod features;
pub mod gateway;
pub mod platform;
pub mod web;

#[cfg(test)]
mod architecture;
