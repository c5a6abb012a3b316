//! Logs of one container or of several interleaved: a part of them on a page, searched, downloaded, and
//! followed live.
//!
//! [`read`] takes a bounded part from Docker; [`line`] makes a line of HTML; [`follow`] feeds the live topic of
//! a log while somebody listens: one stream from Docker a container, whoever many look at it.

pub(super) mod ansi;
pub mod api;
pub mod follow;
mod json_line;
mod line;
mod pages;
mod query;
mod read;
mod source;

use std::sync::Arc;

use super::service::Containers;
use crate::web::{Role, Routes};

/// The routes of logs.
pub fn routes(containers: Arc<Containers>) -> Routes {
    Routes::of(containers)
        .get("/containers/{id}/logs", Role::Viewer, pages::of_one)
        .live(source::topics_of_one)
        .get("/containers/{id}/logs/lines", Role::Viewer, pages::lines_of_one)
        .get("/containers/{id}/logs/download", Role::Viewer, pages::download_one)
        .get("/logs", Role::Viewer, pages::of_many)
        .live(source::topics_of_many)
        .get("/logs/lines", Role::Viewer, pages::lines_of_many)
        .get("/logs/download", Role::Viewer, pages::download_many)
        .api(api::endpoint(), api::logs)
        .done()
}
