//! Leftovers: images, volumes, networks and build cache that nothing needs, what they take, and their removal.
//!
//! The way of the data: `resources` says what no container uses, [`usage`] how much room it takes (measured in the
//! background, because Docker may need minutes), [`last_use`] when a container last used it. [`service`] joins
//! them into [`model::Leftover`]s. A removal is first a [`plan::Plan`] (what goes, what is left alone and why), shown
//! or answered as a dry run; [`cleanup`] carries it out as a job, judging each thing again before it goes.

mod api;
mod cleanup;
mod known;
pub mod last_use;
mod leaves;
pub mod model;
mod pages;
mod plan;
mod query;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod usage;
mod wanted;
pub mod worker;

use std::sync::Arc;

pub use pages::tabs::{Tab, TabCount, Tabs};
pub use service::{Leftovers, Parts};

use super::resources::{IMAGES_TOPIC, NETWORKS_TOPIC, VOLUMES_TOPIC};
use crate::web::api::QueryMap;
use crate::web::{Role, Routes};

/// The topic of what was measured and removed; every tab shows the counts of all.
pub const TOPIC: &str = "leftovers";

fn topics(_path: &str, _query: &QueryMap) -> Vec<String> {
    [TOPIC, IMAGES_TOPIC, NETWORKS_TOPIC, VOLUMES_TOPIC].map(str::to_owned).to_vec()
}

/// The routes of leftovers.
pub fn routes(leftovers: Arc<Leftovers>) -> Routes {
    use pages::preview::{ask, clean};
    Routes::of(leftovers)
        .get("/stale/images", Role::Viewer, pages::list::images)
        .live(topics)
        .get("/stale/volumes", Role::Viewer, pages::list::volumes)
        .live(topics)
        .get("/stale/networks", Role::Viewer, pages::list::networks)
        .live(topics)
        .get("/stale/build-cache", Role::Viewer, pages::cache::page)
        .live(topics)
        .get("/stale/images/cleanup", Role::Operator, ask)
        .live(|_, _| Vec::new())
        .post("/stale/images/cleanup", Role::Operator, clean)
        .get("/stale/volumes/cleanup", Role::Operator, ask)
        .live(|_, _| Vec::new())
        .post("/stale/volumes/cleanup", Role::Operator, clean)
        .get("/stale/networks/cleanup", Role::Operator, ask)
        .live(|_, _| Vec::new())
        .post("/stale/networks/cleanup", Role::Operator, clean)
        .get("/stale/build-cache/cleanup", Role::Operator, ask)
        .live(|_, _| Vec::new())
        .post("/stale/build-cache/cleanup", Role::Operator, clean)
        .api(api::list_endpoint(), api::list)
        .api(api::cleanup_endpoint(), api::cleanup)
        .done()
}
