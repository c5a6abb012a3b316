//! Images, networks and volumes: what lies on an engine beside its containers, and which of them use it.
//!
//! The way of the data: `docker::objects` holds what was read last, `docker::mirror` the containers;
//! [`service`] joins, filters and sorts them; `pages` and `api` are thin. [`worker`] tells open pages to
//! fetch their list anew. Nothing is changed or removed here.

mod api;
mod links;
pub mod model;
mod pages;
mod query;
pub mod service;
mod view;
pub mod worker;

use std::sync::Arc;

pub use query::ListQuery;
pub use service::Resources;

use crate::docker::objects::{Image, Network, Volume};
use crate::web::{Role, Routes};

/// The topic of the list of images.
pub const IMAGES_TOPIC: &str = "images";
/// The topic of the list of networks.
pub const NETWORKS_TOPIC: &str = "networks";
/// The topic of the list of volumes.
pub const VOLUMES_TOPIC: &str = "volumes";

/// The routes of images, networks and volumes.
pub fn routes(resources: Arc<Resources>) -> Routes {
    Routes::of(resources)
        .get("/images", Role::Viewer, pages::list::<Image>)
        .live(|_, _| vec![IMAGES_TOPIC.to_owned()])
        .get("/networks", Role::Viewer, pages::list::<Network>)
        .live(|_, _| vec![NETWORKS_TOPIC.to_owned()])
        .get("/volumes", Role::Viewer, pages::list::<Volume>)
        .live(|_, _| vec![VOLUMES_TOPIC.to_owned()])
        .api(api::images(), api::list::<Image>)
        .api(api::networks(), api::list::<Network>)
        .api(api::volumes(), api::list::<Volume>)
        .done()
}
