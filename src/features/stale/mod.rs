//! Stale containers: found, explained, cleaned up, and brought back if that was wrong.
//!
//! [`worker`] looks at the mirrors now and then and soon after changes ([`scan`]); [`verdict`] says why something is
//! stale; each is told once. [`preview`] is what a cleanup would do; [`cleanup`] does it, with the specification of
//! each container on disk before it is removed; [`restore`] brings it back. [`policy`] is the cleanup that nobody clicks.

mod api;
pub mod cleanup;
mod cleanup_store;
mod led;
mod pages;
pub mod policy;
pub mod preview;
mod removal;
pub mod restore;
pub mod scan;
pub mod service;
pub mod sizes;
mod store;
pub mod totals;
pub mod verdict;
pub mod worker;

use std::sync::Arc;

pub use led::LedTo;
pub use service::{Parts, Stale};

use self::pages::Pages;
use crate::features::leftovers::Leftovers;
use crate::web::{Role, Routes};

/// The topic of the list.
pub const TOPIC: &str = "stale";

/// The routes of stale containers.
pub fn routes(stale: Arc<Stale>, leftovers: Arc<Leftovers>) -> Routes {
    let api = Routes::of(stale.clone())
        .api(api::list_endpoint(), api::list)
        .api(api::cleanup_endpoint(), api::cleanup)
        .api(api::cleanup_one_endpoint(), api::cleanup_one)
        .api(api::protect_endpoint(), api::protect)
        .api(api::unprotect_endpoint(), api::unprotect)
        .api(policy::api::endpoint(), policy::api::get)
        .api(api::removals_endpoint(), api::removals)
        .api(api::restore_endpoint(), api::restore);
    Routes::of(Pages { stale, leftovers })
        .get("/stale", Role::Viewer, pages::list::list)
        .live(|_, _| vec![TOPIC.to_owned()])
        .post("/stale/measure", Role::Viewer, pages::measure)
        .get("/stale/cleanup", Role::Operator, pages::preview::ask)
        .live(|_, _| Vec::new())
        .post("/stale/cleanup", Role::Operator, pages::preview::act)
        .get("/stale/removed", Role::Viewer, pages::removed::list)
        .live(|_, _| vec![TOPIC.to_owned()])
        .get(pages::automatic::PATH, Role::Viewer, pages::automatic::get)
        .live(|_, _| Vec::new())
        .post(pages::automatic::PATH, Role::Admin, pages::automatic::post)
        .post("/stale/removed/{id}/restore", Role::Operator, pages::removed::restore)
        .post("/stale/{id}/{verb}", Role::Operator, pages::protect)
        .done()
        .merge(api.done())
}
