//! One folder a feature: `mod` (what it is, its routes), `model`, `store` (the only SQL), `service`,
//! `pages` (HTML), `api` (JSON), `worker`. `containers` is the exemplary one.

pub mod auth;
pub mod containers;
pub mod dashboard;
mod engine_error;
pub mod events;
pub mod leftovers;
pub mod proxies;
pub mod resources;
pub mod settings;
pub mod stale;
pub mod stats;
