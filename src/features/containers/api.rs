//! Containers in the JSON API: list, one, and what is done to them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::ContainerView;
use super::pages::confirm;
use super::query::{ListQuery, SortBy};
use super::service::{Containers, Listed};
use crate::docker::actions::Action;
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};

/// The longest grace that may be asked for, seconds; an answer waits for it.
const MAX_GRACE: u32 = 50;

pub(super) fn list_endpoint() -> Endpoint {
    Endpoint::get("/api/containers", Role::Viewer, "List containers.")
        .query("q", "Words that must all occur in name, image, id, project or a label.")
        .query("state", "States, separated by commas.")
        .query("health", "Health verdicts, separated by commas.")
        .query("project", "A Compose project or Swarm stack; `-` for those without.")
        .query("engine", "An engine's id.")
        .query("stale", "`true` or `false`.")
        .query("sort", "name, state, image, created, project, cpu or memory; `-` in front reverses.")
        .returns_page_of::<ContainerView<'_>>()
}

pub(super) async fn list(
    State(containers): State<Arc<Containers>>,
    identity: Identity,
    query: QueryMap,
) -> Result<Response, WebError> {
    let paging = query.paging()?;
    let masked = identity.role < Role::Operator;
    let wanted = ListQuery { masked, ..ListQuery::read(&query)? };
    let listed = containers.list(&wanted, SortBy::Name);
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
    let page: Vec<_> = page.into_iter().map(|container| containers.view(container, masked)).collect();
    Ok(Answer::page(page, next, total).into_response())
}

/// Where the page after a cursor starts. A cursor is the last container of the page before, and its place
/// should that container have gone meanwhile.
fn after(listed: &Listed, cursor: &str) -> Option<usize> {
    let (place, id) = cursor.split_once('-')?;
    let place: usize = place.parse().ok()?;
    let found = listed.iter().position(|container| container.id.as_ref() == id);
    Some(found.map_or(place.saturating_sub(1), |at| at + 1))
}

pub(super) fn one_endpoint() -> Endpoint {
    Endpoint::get("/api/containers/{id}", Role::Viewer, "One container, by id, name or prefix of the id.")
        .query("engine", "An engine's id, when several have it.")
        .returns::<ContainerView<'_>>()
}

pub(super) async fn one(
    State(containers): State<Arc<Containers>>,
    Path(id): Path<String>,
    identity: Identity,
    query: QueryMap,
) -> Result<Response, WebError> {
    let container = containers.find(&id, query.get("engine"))?;
    Ok(Answer::of(containers.view(&container, identity.role < Role::Operator)).into_response())
}

/// What an action takes beside its name; all of it may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ContainerAction)]
#[serde(default, deny_unknown_fields)]
struct ActionBody {
    /// For kill: a signal by name or number, `SIGKILL` when left out.
    signal: Option<String>,
    /// For rename: the new name.
    name: Option<String>,
    /// For stop and restart: seconds until it is killed; the container's own when left out.
    timeout: Option<u32>,
}

/// The verbs of `POST /api/containers/{id}/{verb}`.
pub(super) const VERBS: [&str; 7] = ["start", "stop", "restart", "pause", "unpause", "kill", "rename"];

pub(super) fn action_endpoint(verb: &str) -> Endpoint {
    let (path, summary) = match verb {
        "start" => ("/api/containers/{id}/start", "Start a container."),
        "stop" => ("/api/containers/{id}/stop", "Stop a container; killed after its grace."),
        "restart" => ("/api/containers/{id}/restart", "Stop and start a container."),
        "pause" => ("/api/containers/{id}/pause", "Freeze a container's processes."),
        "unpause" => ("/api/containers/{id}/unpause", "Let a frozen container go on."),
        "kill" => ("/api/containers/{id}/kill", "Send a container a signal."),
        _ => ("/api/containers/{id}/rename", "Give a container another name."),
    };
    Endpoint::post(path, Role::Operator, summary)
        .query("engine", "An engine's id, when several have it.")
        .takes::<ActionBody>()
        .returns::<ContainerView<'_>>()
        .asks_engine()
}

pub(super) async fn act(
    State(containers): State<Arc<Containers>>,
    Path(id): Path<String>,
    identity: Identity,
    uri: Uri,
    query: QueryMap,
    body: Bytes,
) -> Result<Response, WebError> {
    let body: ActionBody = if body.is_empty() {
        ActionBody::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| WebError::Malformed(format!("The body is not what this call takes: {error}.")))?
    };
    let text = |field: Option<String>, name: &str| field.or_else(|| query.get(name).map(str::to_owned));
    let timeout = match (body.timeout, query.get("timeout")) {
        (Some(seconds), _) => Some(seconds),
        (None, Some(text)) => Some(text.parse().map_err(|_| seconds_wanted())?),
        (None, None) => None,
    };
    if timeout.is_some_and(|seconds| seconds > MAX_GRACE) {
        return Err(seconds_wanted());
    }
    let action = match uri.path().rsplit('/').next().unwrap_or_default() {
        "start" => Action::Start,
        "stop" => Action::Stop(timeout),
        "restart" => Action::Restart(timeout),
        "pause" => Action::Pause,
        "unpause" => Action::Unpause,
        "kill" => Action::Kill(confirm::signal(&text(body.signal, "signal").unwrap_or_default())?),
        _ => Action::Rename(confirm::name(&text(body.name, "name").unwrap_or_default())?),
    };
    let container = containers.find(&id, query.get("engine"))?;
    let outcome = containers.act(&identity, container.clone(), action).await?;
    let after = containers.fresh(&container).await;
    let message = format!("{} {}.", after.name, outcome.says);
    Ok(Answer::of(containers.view(&after, false)).with_message(&message).into_response())
}

fn seconds_wanted() -> WebError {
    WebError::field("timeout", format!("takes seconds, 0 to {MAX_GRACE}."))
}

/// A container that was removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RemovedContainer)]
pub(super) struct Removed {
    /// Its full id.
    removed: String,
}

pub(super) fn remove_endpoint() -> Endpoint {
    Endpoint::delete("/api/containers/{id}", Role::Operator, "Remove a container.")
        .query("engine", "An engine's id, when several have it.")
        .query("force", "`true`: also when it runs; it is killed.")
        .query("volumes", "`true`: its anonymous volumes as well.")
        .returns::<Removed>()
        .asks_engine()
}

pub(super) async fn remove(
    State(containers): State<Arc<Containers>>,
    Path(id): Path<String>,
    identity: Identity,
    query: QueryMap,
) -> Result<Answer<Removed>, WebError> {
    let action = Action::Remove { force: query.flag("force")?, volumes: query.flag("volumes")? };
    let container = containers.find(&id, query.get("engine"))?;
    containers.act(&identity, container.clone(), action).await?;
    Ok(Answer::of(Removed { removed: container.id.to_string() }))
}
