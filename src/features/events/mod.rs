//! The event log: everything that happened, searched, filtered, live, exported, kept for as long as it is set.
//!
//! Events are written by whoever knows of them (`platform::journal`); this feature reads them. [`worker`] keeps
//! the last lines a container wrote before it crashed, prunes what is too old, and tells open pages and streams.

mod api;
mod export;
pub mod model;
mod pages;
mod query;
pub mod service;
mod store;
mod stream;
pub mod worker;

use std::sync::Arc;

pub use query::EventQuery;
pub use service::Events;

use crate::features::containers::Containers;
use crate::web::{Role, Routes};

/// The topic of pages that show events.
pub const TOPIC: &str = "events";

/// The routes of events.
pub fn routes(events: Arc<Events>, containers: Arc<Containers>) -> Routes {
    let of_container = Routes::of((events.clone(), containers))
        .get("/containers/{id}/events", Role::Viewer, pages::container::container)
        .live(|path, _| {
            let id = path.trim_end_matches("/events").rsplit('/').next().unwrap_or_default();
            vec![crate::features::containers::topic_of(id)]
        });
    Routes::of(events)
        .get("/events", Role::Viewer, pages::list::list)
        .live(|_, _| vec![TOPIC.to_owned()])
        .get("/events/{id}", Role::Viewer, pages::one::one)
        .live(|_, _| Vec::new())
        .api(api::list_endpoint(), api::list)
        .api(api::one_endpoint(), api::one)
        .api(stream::endpoint(), stream::stream)
        .api(export::endpoint(), export::export)
        .done()
        .merge(of_container.done())
}
