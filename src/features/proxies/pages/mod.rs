//! `/proxies`: the list, one proxy, the form with its checks beside it.

pub(super) mod act;
pub(super) mod check;
pub(super) mod detail;
pub(super) mod form;
pub(super) mod list;
mod sent;
mod view;

use std::sync::Arc;

use super::service::Proxies;
use crate::features::events::Events;

pub(super) const SECTION: &str = "proxies";

/// What the pages are made from.
#[derive(Clone)]
pub struct Pages {
    /// The proxies.
    pub proxies: Arc<Proxies>,
    /// What happened to them.
    pub events: Arc<Events>,
}
