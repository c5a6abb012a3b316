//! Statistics: what containers and hosts use, over time.
//!
//! `docker::stats` measures and keeps the last hour in memory. [`worker`] writes averages and maxima of each minute,
//! one transaction a minute, and of each quarter of an hour; it judges thresholds, foretells when a disk is full, and
//! measures what all of this costs. [`service`] puts memory and database together for `pages` and `api`; [`stream`]
//! tells open pages and streams what was measured; `metrics` is what Prometheus scrapes.

pub mod alerts;
mod alerts_store;
mod api;
mod consumers;
pub mod cost;
mod forecast;
mod history;
pub mod metrics;
mod model;
pub mod pages;
pub mod rollup;
pub mod service;
mod store;
pub mod stream;
pub mod window;
pub mod worker;

use std::sync::Arc;

pub use service::Stats;

use crate::docker::Engine;
use crate::features::containers::{Containers, usage_topic};
use crate::features::events::Events;
use crate::web::api::QueryMap;
use crate::web::{Role, Routes, WebError};

/// The topic of hosts.
pub const HOST_TOPIC: &str = "host";

/// What the pages are made from.
#[derive(Clone)]
pub struct Parts {
    /// What was measured.
    pub stats: Arc<Stats>,
    /// What it was measured of.
    pub containers: Arc<Containers>,
    /// What happened to it.
    pub events: Arc<Events>,
}

impl Parts {
    /// The engine that a query names, or the first one.
    fn engine(&self, query: &QueryMap) -> Result<&Arc<Engine>, WebError> {
        let engines = self.stats.engines();
        let found = match query.get("engine") {
            Some(id) => engines.get(id),
            None => engines.iter().next(),
        };
        found.ok_or_else(|| WebError::NotFound("There is no such engine.".to_owned()))
    }
}

/// The routes of statistics.
pub fn routes(parts: Parts) -> Routes {
    let stream = Routes::of(parts.stats.clone()).api(stream::endpoint(), stream::stream);
    Routes::of(parts)
        .get("/containers/{id}/stats", Role::Viewer, pages::container::container)
        .live(|path, _| {
            let id = path.trim_end_matches("/stats").rsplit('/').next().unwrap_or_default();
            vec![crate::features::containers::topic_of(id), usage_topic(id)]
        })
        .get("/host", Role::Viewer, pages::host::host)
        .live(|_, _| vec![HOST_TOPIC.to_owned()])
        .api(api::container_endpoint(), api::container)
        .api(api::host_now_endpoint(), api::host_now)
        .api(api::host_endpoint(), api::host)
        .api(api::top_endpoint(), api::top)
        .done()
        .merge(stream.done())
}
