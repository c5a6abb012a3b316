//! Containers: the list, one container, and both in the JSON API.
//!
//! The way of the data: `docker::mirror` holds what runs; [`service`] filters, sorts and finds it;
//! [`view`] prepares what templates show; `pages` and `api` are thin. [`worker`] compares each new
//! snapshot with the one before, renders a changed row once, and publishes it to all streams.
//!
//! This folder is the model for other features.

pub mod actions;
mod api;
pub mod logs;
pub mod model;
pub mod now;
mod pages;
pub mod pending;
pub mod protection;
mod protection_store;
mod query;
pub mod row;
pub mod secrets;
pub mod service;
pub mod usage;
pub mod view;
pub mod worker;

use std::sync::Arc;

pub use pages::head::head_html;
pub use query::ListQuery;
pub use service::{Containers, Parts};

use crate::web::{Role, Routes};

/// The topic of the list's rows.
pub const LIST_TOPIC: &str = "containers";

/// The topic of one container, by its full id.
pub fn topic_of(id: &str) -> String {
    format!("container:{id}")
}

/// The beginning of the topics of what containers use.
pub const USAGE: &str = "usage:";

/// The topic of what one container uses, by its full id: who listens to it has it measured often.
pub fn usage_topic(id: &str) -> String {
    format!("{USAGE}{id}")
}

/// The routes of containers.
pub fn routes(containers: Arc<Containers>) -> Routes {
    let logs = logs::routes(containers.clone());
    let routes = Routes::of(containers)
        .get("/containers", Role::Viewer, pages::list)
        .live(|_, _| vec![LIST_TOPIC.to_owned()])
        .get("/containers/{id}", Role::Viewer, pages::detail)
        .live(|path, _| {
            let id = path.rsplit('/').next().unwrap_or_default();
            vec![topic_of(id), usage_topic(id)]
        })
        .get("/containers/{id}/inspect", Role::Viewer, pages::inspect::inspect)
        .live(|path, _| {
            vec![topic_of(path.trim_end_matches("/inspect").rsplit('/').next().unwrap_or_default())]
        })
        .get("/containers/{id}/processes", Role::Viewer, pages::processes::processes)
        .live(|_, _| Vec::new())
        .get("/containers/{id}/size", Role::Viewer, pages::processes::size)
        .live(|_, _| Vec::new())
        .post("/containers/{id}/environment", Role::Operator, pages::environment::show)
        .get("/containers/{id}/menu", Role::Viewer, pages::acts::menu)
        .live(|_, _| Vec::new())
        .get("/containers/{id}/{verb}", Role::Operator, pages::acts::ask)
        .live(|_, _| Vec::new())
        .post("/containers/{id}/{verb}", Role::Operator, pages::acts::act)
        .get("/bulk", Role::Operator, pages::bulk::ask)
        .live(|_, _| Vec::new())
        .post("/bulk", Role::Operator, pages::bulk::act)
        .get("/open/{port}", Role::Viewer, pages::open_port)
        .api(api::list_endpoint(), api::list)
        .api(api::one_endpoint(), api::one)
        .api(api::remove_endpoint(), api::remove);
    let actions = api::VERBS.into_iter();
    actions.fold(routes, |routes, verb| routes.api(api::action_endpoint(verb), api::act)).done().merge(logs)
}
