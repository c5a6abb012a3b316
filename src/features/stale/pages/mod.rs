//! `/stale`, what a cleanup would do, and what was removed.

pub(super) mod automatic;
pub(super) mod list;
pub(super) mod preview;
pub(super) mod removed;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::service::Stale;
use crate::features::leftovers::Leftovers;
use crate::web::{Identity, PageContext, WebError};

/// What the pages are made from.
#[derive(Clone)]
pub struct Pages {
    /// What is stale.
    pub stale: Arc<Stale>,
    /// The other tabs.
    pub leftovers: Arc<Leftovers>,
}

/// Measures what all stale containers have written; Docker walks through their files.
pub(super) async fn measure(State(pages): State<Pages>) -> Result<Response, WebError> {
    let found = pages.stale.found();
    let entries: Vec<_> = found.entries.iter().take(list::MOST).cloned().collect();
    pages.stale.measure(&entries).await;
    Ok(Redirect::to("/stale").into_response())
}

/// Protects a container from being cleaned up, or no longer.
pub(super) async fn protect(
    State(pages): State<Pages>,
    Path((id, verb)): Path<(String, String)>,
    identity: Identity,
    _context: PageContext,
) -> Result<Response, WebError> {
    let on = match verb.as_str() {
        "protect" => true,
        "unprotect" => false,
        _ => return Err(WebError::NotFound("There is no such page.".to_owned())),
    };
    let container = pages.stale.containers.find_shown(&id)?;
    pages.stale.containers.protect(&identity, &container, on).await?;
    pages.stale.tell();
    Ok(Redirect::to("/stale").into_response())
}
