//! Black-box tests: the real binary, a private Docker engine, a real browser where the page matters.
//!
//! Nothing here knows the code under test: only its command line, its pages and its API. Every wait has a condition and a
//! deadline (`support::eventually`). The binary is the one cargo built for this test run; `DOCKER_WATCHER_BIN` overrides it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::large_futures,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and real time passes in them"
)]

mod access;
mod actions;
mod actions_refused;
mod api_contract;
mod browser_actions;
mod browser_events;
mod browser_live;
mod browser_logs;
mod browser_pages;
mod browser_stats;
mod cli;
mod containers;
mod durability;
mod engine_faults;
mod engine_lies;
mod engine_remote;
mod events;
mod harness;
mod leftovers;
mod leftovers_cache;
mod logs;
mod logs_live;
mod proxies;
mod proxies_browser;
mod recording;
mod resources;
mod settings;
mod settings_stats;
mod signin;
mod stale;
mod stale_automatic;
mod stale_faults;
mod stale_list;
mod stale_sizes;
mod stats;
mod support;
