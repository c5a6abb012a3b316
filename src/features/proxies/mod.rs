//! Proxies: which domain leads where, as people want it; providers make it real.
//!
//! [`body`] reads what is sent and [`service`] keeps it; [`worker`] gives each [`provider`] what it is to serve whenever a
//! proxy or a container changes, with [`resolve`] saying where a destination is reached; [`validate`] says before that
//! whether it will work, and why not.

mod api;
pub mod body;
mod checks;
pub mod diff;
pub mod domain;
pub mod model;
pub mod pages;
pub mod provider;
pub mod query;
pub mod resolve;
mod sealed;
pub mod service;
mod store;
pub mod validate;
pub mod versions;
pub mod worker;

use std::sync::Arc;

pub use service::{Parts, Proxies};

use self::pages::Pages;
use crate::features::events::Events;
use crate::web::{Role, Routes};

/// The topic of the list.
pub const TOPIC: &str = "proxies";

/// The routes of proxies.
pub fn routes(proxies: Arc<Proxies>, events: Arc<Events>) -> Routes {
    let api = Routes::of(proxies.clone())
        .api(api::list_endpoint(), api::list)
        .api(api::create_endpoint(), api::create)
        .api(api::validate_endpoint(), api::validate)
        .api(api::one_endpoint(), api::one)
        .api(api::change_endpoint(), api::change)
        .api(api::delete_endpoint(), api::delete)
        .api(api::enable_endpoint(), api::enable)
        .api(api::disable_endpoint(), api::disable)
        .api(api::check_endpoint(), api::check)
        .api(api::versions_endpoint(), api::versions)
        .api(api::revert_endpoint(), api::revert);
    Routes::of(Pages { proxies, events })
        .get("/proxies", Role::Viewer, pages::list::list)
        .live(|_, _| vec![TOPIC.to_owned()])
        .post("/proxies", Role::Operator, pages::form::create)
        .get("/proxies/new", Role::Operator, pages::form::new)
        .live(|_, _| Vec::new())
        .post("/proxies/check", Role::Operator, pages::form::check)
        .post("/proxies/bulk", Role::Operator, pages::act::bulk)
        .get("/proxies/{id}", Role::Viewer, pages::detail::one)
        .live(|_, _| vec![TOPIC.to_owned()])
        .post("/proxies/{id}", Role::Operator, pages::form::change)
        .get("/proxies/{id}/edit", Role::Operator, pages::form::edit)
        .live(|_, _| Vec::new())
        .get("/proxies/{id}/delete", Role::Operator, pages::act::ask)
        .live(|_, _| Vec::new())
        .post("/proxies/{id}/delete", Role::Operator, pages::act::delete)
        .post("/proxies/{id}/check", Role::Operator, pages::detail::check)
        .post("/proxies/{id}/revert", Role::Operator, pages::act::revert)
        .post("/proxies/{id}/{verb}", Role::Operator, pages::act::act)
        .done()
        .merge(api.done())
}
