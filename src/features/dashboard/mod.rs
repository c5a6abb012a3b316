//! The overview: is anything wrong, and what? It asks the other features' services and the mirrors.

mod api;
mod pages;
mod service;
pub mod worker;

use std::sync::Arc;

pub use service::{Dashboard, Parts};

use crate::features::stats::HOST_TOPIC;
use crate::web::{Role, Routes};

/// The topic of the overview.
pub const TOPIC: &str = "dashboard";

/// The routes of the overview.
pub fn routes(dashboard: Arc<Dashboard>) -> Routes {
    Routes::of(dashboard)
        .get("/", Role::Viewer, pages::overview)
        .live(|_, _| vec![TOPIC.to_owned(), HOST_TOPIC.to_owned()])
        .api(api::endpoint(), api::summary)
        .done()
}
