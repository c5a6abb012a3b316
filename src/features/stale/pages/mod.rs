//! `/stale`, what a cleanup would do, and what was removed.

pub(super) mod automatic;
pub(super) mod list;
pub(super) mod preview;
pub(super) mod removed;
mod wanted;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};

use self::wanted::Wanted;
use super::service::Stale;
use crate::features::leftovers::Leftovers;
use crate::web::api::QueryMap;
use crate::web::forms::back_of;
use crate::web::{Identity, PageContext, WebError};

const LIST: &str = "/stale";

/// What the pages are made from.
#[derive(Clone)]
pub struct Pages {
    /// What is stale.
    pub stale: Arc<Stale>,
    /// The other tabs.
    pub leftovers: Arc<Leftovers>,
}

/// The list that a request came from: its search, order and page.
fn list_of(headers: &HeaderMap) -> String {
    let back = back_of(headers);
    if back == LIST || back.starts_with("/stale?") { back } else { LIST.to_owned() }
}

/// Measures what the stale containers of a page of the list take; Docker walks through their files.
pub(super) async fn measure(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, WebError> {
    let back = list_of(&headers);
    let query = QueryMap::parse(back.split_once('?').map_or("", |(_, query)| query));
    let found = pages.stale.found();
    let part = Wanted::read(&query)?.part(&pages.stale, &found, pages.stale.clock.now_ms());
    let entries: Vec<_> = part.entries.into_iter().cloned().collect();
    pages.stale.measure(&entries).await;
    Ok(Redirect::to(&back).into_response())
}

/// Protects a container from being cleaned up, or no longer.
pub(super) async fn protect(
    State(pages): State<Pages>,
    Path((id, verb)): Path<(String, String)>,
    identity: Identity,
    headers: HeaderMap,
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
    Ok(Redirect::to(&list_of(&headers)).into_response())
}
