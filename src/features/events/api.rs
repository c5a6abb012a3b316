//! `GET /api/events` and `GET /api/events/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::model::EventView;
use super::query::EventQuery;
use super::service::{Events, audience};
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};

/// Adds what filters events to a description.
pub(super) fn filters(endpoint: Endpoint) -> Endpoint {
    endpoint
        .query("q", "Words that must all occur; the last one may be the beginning of a word.")
        .query("severity", "debug, info, warning or error; several separated by commas.")
        .query("source", "docker, user, auth, system or stats; several separated by commas.")
        .query("kind", "Kinds like container.die, separated by commas.")
        .query("subject", "The name or id of what they are about.")
        .query("engine", "An engine's id.")
        .query("since", "From then on: a time, seconds since 1970, or how long ago (15m).")
        .query("until", "Up to then.")
}

pub(super) fn list_endpoint() -> Endpoint {
    filters(Endpoint::get("/api/events", Role::Viewer, "List events, newest first."))
        .returns_page_of::<EventView>()
}

pub(super) async fn list(
    State(events): State<Arc<Events>>,
    identity: Identity,
    query: QueryMap,
) -> Result<Answer<Vec<EventView>>, WebError> {
    let paging = query.paging()?;
    let wanted = EventQuery::read(&query, events.clock.now())?;
    let before = match &paging.cursor {
        None => None,
        Some(cursor) => {
            Some(cursor.parse().map_err(|_| WebError::Malformed("cursor: is not one of ours.".to_owned()))?)
        }
    };
    let mut found = events.list(&wanted, audience(&identity), before, paging.limit + 1).await?;
    let more = found.len() > paging.limit;
    found.truncate(paging.limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Answer::slice(found.into_iter().map(EventView::from).collect(), next))
}

pub(super) fn one_endpoint() -> Endpoint {
    Endpoint::get("/api/events/{id}", Role::Viewer, "One event.").returns::<EventView>()
}

pub(super) async fn one(
    State(events): State<Arc<Events>>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Answer<EventView>, WebError> {
    let found = match id.parse() {
        Ok(id) => events.one(id, audience(&identity)).await?,
        Err(_) => None,
    };
    let (event, lines) =
        found.ok_or_else(|| WebError::NotFound("There is no such event (any more).".to_owned()))?;
    Ok(Answer::of(EventView { lines, ..EventView::from(event) }))
}
