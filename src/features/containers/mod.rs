//! Containers: the list, one container, and both in the JSON API.
//!
//! The way of the data: `docker::mirror` holds what runs; [`service`] filters, sorts and finds it;
//! [`view`] prepares what templates show; `pages` and `api` are thin. [`worker`] compares each new
//! snapshot with the one before, renders a changed row once, and publishes it to all streams.
//!
//! This folder is the model for other features.

mod api;
pub mod model;
mod pages;
mod query;
pub mod service;
pub mod view;
pub mod worker;

use std::sync::Arc;

pub use query::ListQuery;
pub use service::Containers;

use crate::web::{Role, Routes};

/// The topic of the list's rows.
pub const LIST_TOPIC: &str = "containers";

/// The topic of one container, by its full id.
pub fn topic_of(id: &str) -> String {
    format!("container:{id}")
}

/// The routes of containers.
pub fn routes(containers: Arc<Containers>) -> Routes {
    Routes::of(containers)
        .get("/containers", Role::Viewer, pages::list)
        .live(|_| vec![LIST_TOPIC.to_owned()])
        .get("/containers/{id}", Role::Viewer, pages::detail)
        .live(|path| vec![topic_of(path.rsplit('/').next().unwrap_or_default())])
        .get("/open/{port}", Role::Viewer, pages::open_port)
        .api(api::list_endpoint(), api::list)
        .api(api::one_endpoint(), api::one)
        .done()
}
