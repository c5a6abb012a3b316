//! `GET /api/containers` and `GET /api/containers/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::model::ContainerView;
use super::query::{ListQuery, SortBy};
use super::service::Containers;
use crate::docker::types::Container;
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Role, WebError};

pub(super) fn list_endpoint() -> Endpoint {
    Endpoint::get("/api/containers", Role::Viewer, "List containers.")
        .query("q", "Words that must all occur in name, image, id, project or a label.")
        .query("state", "States, separated by commas.")
        .query("health", "Health verdicts, separated by commas.")
        .query("project", "A Compose project or Swarm stack; `-` for those without.")
        .query("engine", "An engine's id.")
        .query("stale", "`true` or `false`.")
        .query("sort", "name, state, image, created or project; `-` in front reverses.")
        .returns_page_of::<ContainerView>()
}

pub(super) async fn list(
    State(containers): State<Arc<Containers>>,
    query: QueryMap,
) -> Result<Answer<Vec<ContainerView>>, WebError> {
    let paging = query.paging()?;
    let wanted = ListQuery::read(&query)?;
    let listed = containers.list(&wanted, SortBy::Name).containers;
    let listed = match query.get("stale") {
        None | Some("false") => listed,
        // Nothing is judged stale yet.
        Some("true") => Vec::new(),
        Some(_) => return Err(WebError::field("stale", "takes true or false.")),
    };
    let total = listed.len();
    let start = match &paging.cursor {
        None => 0,
        Some(cursor) => {
            after(&listed, cursor).ok_or_else(|| WebError::field("cursor", "is not one of ours."))?
        }
    };
    let page: Vec<_> = listed.iter().skip(start).take(paging.limit).collect();
    let more = start + page.len() < total;
    let next = page.last().filter(|_| more).map(|last| format!("{}-{}", start + page.len(), last.id));
    Ok(Answer::page(
        page.into_iter().map(|container| ContainerView::from(container.as_ref())).collect(),
        next,
        total,
    ))
}

/// Where the page after a cursor starts. A cursor is the last container of the page before, and its place
/// should that container have gone meanwhile.
fn after(listed: &[Arc<Container>], cursor: &str) -> Option<usize> {
    let (place, id) = cursor.split_once('-')?;
    let place: usize = place.parse().ok()?;
    let found = listed.iter().position(|container| container.id.as_ref() == id);
    Some(found.map_or(place.saturating_sub(1), |at| at + 1))
}

pub(super) fn one_endpoint() -> Endpoint {
    Endpoint::get("/api/containers/{id}", Role::Viewer, "One container, by id, name or prefix of the id.")
        .query("engine", "An engine's id, when several have it.")
        .returns::<ContainerView>()
}

pub(super) async fn one(
    State(containers): State<Arc<Containers>>,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Answer<ContainerView>, WebError> {
    let container = containers.find(&id, query.get("engine"))?;
    Ok(Answer::of(ContainerView::from(container.as_ref())))
}
