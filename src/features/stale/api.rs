//! Stale containers and their cleanup in the JSON API.

mod list;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cleanup::{Options, Outcome, Who};
use super::cleanup_store::{Removal, Stage};
use super::preview::{Plan, Wanted};
use super::service::Stale;
use crate::platform::clock::{from_ms, rfc3339};
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};

pub(super) use self::list::{list, list_endpoint};

/// How many may be cleaned up by one call.
const MOST: usize = 10_000;

/// What is to be cleaned up.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Cleanup)]
#[serde(default, deny_unknown_fields)]
struct CleanupBody {
    /// Ids, names, or beginnings of ids.
    ids: Vec<String>,
    /// All that are stale and stopped, instead of `ids`.
    all: bool,
    /// Only say what would be done.
    dry_run: bool,
    /// Anonymous volumes as well.
    volumes: bool,
    /// Keep what it wrote as an image; the setting when left out.
    keep_layer: Option<bool>,
}

/// What became of one container, or would.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CleanupResult)]
pub(super) struct ResultView {
    /// What was asked for.
    asked: String,
    /// The full id; null when there is no such container.
    id: Option<String>,
    /// The name, or what was asked for.
    name: String,
    /// Whether it is removed, or with `dry_run` would be.
    removed: bool,
    /// Why not; null when it is.
    error: Option<String>,
    /// The number to restore it by; null when it was not removed.
    cleanup: Option<String>,
    /// Bytes freed; null when not measured.
    size_bytes: Option<u64>,
    /// Volumes with a name: they are kept.
    kept_volumes: Vec<String>,
    /// Volumes without one: they go with `volumes`.
    anonymous_volumes: Vec<String>,
    /// What else to know.
    notes: Vec<String>,
}

pub(super) fn cleanup_endpoint() -> Endpoint {
    Endpoint::post(
        "/api/containers/stale/cleanup",
        Role::Operator,
        "Remove stale containers, so that it can be undone; a result for each, whatever fails.",
    )
    .takes::<CleanupBody>()
    .returns_list_of::<ResultView>()
    .asks_engine()
}

pub(super) fn cleanup_one_endpoint() -> Endpoint {
    Endpoint::post(
        "/api/containers/stale/{id}/cleanup",
        Role::Operator,
        "Remove one stale container, so that it can be undone.",
    )
    .takes::<CleanupBody>()
    .returns_list_of::<ResultView>()
    .asks_engine()
}

fn body(bytes: &Bytes) -> Result<CleanupBody, WebError> {
    if bytes.is_empty() {
        return Ok(CleanupBody::default());
    }
    serde_json::from_slice(bytes)
        .map_err(|error| WebError::Malformed(format!("The body is not what this call takes: {error}.")))
}

pub(super) async fn cleanup(
    State(stale): State<Arc<Stale>>,
    identity: Identity,
    bytes: Bytes,
) -> Result<Answer<Vec<ResultView>>, WebError> {
    let body = body(&bytes)?;
    let wanted = match (body.all, body.ids.len()) {
        (true, 0) => Wanted::All,
        (true, _) => return Err(WebError::field("all", "is instead of ids: give one of the two.")),
        (false, 0) => return Err(WebError::field("ids", "takes at least one id, or give all: true.")),
        (false, n) if n > MOST => return Err(WebError::field("ids", format!("takes {MOST} ids at most."))),
        (false, _) => Wanted::These(body.ids.clone()),
    };
    carry_out(&stale, &identity, &wanted, &body).await
}

pub(super) async fn cleanup_one(
    State(stale): State<Arc<Stale>>,
    identity: Identity,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Answer<Vec<ResultView>>, WebError> {
    let body = body(&bytes)?;
    if body.all || !body.ids.is_empty() {
        return Err(WebError::field("ids", "is given by the address of this call."));
    }
    // One that does not exist at all is 404, as everywhere.
    stale.containers.find(&id, None)?;
    carry_out(&stale, &identity, &Wanted::These(vec![id]), &body).await
}

async fn carry_out(
    stale: &Arc<Stale>,
    identity: &Identity,
    wanted: &Wanted,
    body: &CleanupBody,
) -> Result<Answer<Vec<ResultView>>, WebError> {
    let plan = stale.plan(wanted);
    if body.dry_run {
        return Ok(dry(plan));
    }
    let layer = body.keep_layer.unwrap_or(stale.settings.current().cleanup_keep_layer);
    let options = Options { volumes: body.volumes, layer };
    let planned: Vec<_> = plan.items.clone();
    let outcomes = stale.clean(Who::user(identity), plan, options).await?;
    let results: Vec<ResultView> =
        outcomes.into_iter().zip(planned).map(|(outcome, item)| done(outcome, item)).collect();
    let removed = results.iter().filter(|result| result.removed).count();
    Ok(Answer::of(results).with_meta("removed", removed).with_meta("dry_run", false))
}

fn dry(plan: Plan) -> Answer<Vec<ResultView>> {
    let (bytes, unknown) = plan.bytes();
    let results: Vec<ResultView> = plan
        .items
        .into_iter()
        .map(|item| ResultView {
            id: item.entry.as_ref().map(|entry| entry.container.id.to_string()),
            name: item.name().to_owned(),
            removed: item.refused.is_none(),
            error: item.refused,
            cleanup: None,
            size_bytes: item.bytes,
            kept_volumes: item.named,
            anonymous_volumes: item.anonymous,
            notes: Vec::new(),
            asked: item.asked,
        })
        .collect();
    Answer::of(results)
        .with_meta("dry_run", true)
        .with_meta("bytes", bytes)
        .with_meta("not_measured", unknown)
}

fn done(outcome: Outcome, item: super::preview::Planned) -> ResultView {
    let (cleaned, error) = match outcome.result {
        Ok(cleaned) => (Some(cleaned), None),
        Err(why) => (None, Some(why)),
    };
    ResultView {
        asked: outcome.asked,
        id: outcome.id,
        name: outcome.name,
        removed: cleaned.is_some(),
        error,
        cleanup: cleaned.as_ref().map(|cleaned| cleaned.removal.to_string()),
        size_bytes: item.bytes,
        kept_volumes: item.named,
        anonymous_volumes: item.anonymous,
        notes: cleaned.map(|cleaned| cleaned.notes).unwrap_or_default(),
    }
}

/// A container, protected or not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Protected)]
pub(super) struct ProtectedView {
    /// Its full id.
    id: String,
    /// Whether it is left alone.
    protected: bool,
    /// Why; null when it is not.
    because: Option<String>,
}

pub(super) fn protect_endpoint() -> Endpoint {
    Endpoint::post("/api/containers/stale/{id}/protect", Role::Operator, "Leave a container alone.")
        .returns::<ProtectedView>()
}

pub(super) fn unprotect_endpoint() -> Endpoint {
    Endpoint::post("/api/containers/stale/{id}/unprotect", Role::Operator, "Do not leave a container alone.")
        .returns::<ProtectedView>()
}

pub(super) async fn protect(
    State(stale): State<Arc<Stale>>,
    Path(id): Path<String>,
    identity: Identity,
) -> Result<Answer<ProtectedView>, WebError> {
    set(&stale, &id, &identity, true).await
}

pub(super) async fn unprotect(
    State(stale): State<Arc<Stale>>,
    Path(id): Path<String>,
    identity: Identity,
) -> Result<Answer<ProtectedView>, WebError> {
    set(&stale, &id, &identity, false).await
}

async fn set(
    stale: &Stale,
    id: &str,
    identity: &Identity,
    on: bool,
) -> Result<Answer<ProtectedView>, WebError> {
    let container = stale.containers.find(id, None)?;
    stale.containers.protect(identity, &container, on).await?;
    stale.tell();
    let reason = stale.containers.protection.of(&container);
    Ok(Answer::of(ProtectedView {
        id: container.id.to_string(),
        protected: reason.is_some(),
        because: reason.map(|reason| format!("It {}.", reason.sentence())),
    }))
}

/// A removed container.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Removal)]
pub(super) struct RemovalView {
    /// The number to restore it by.
    id: String,
    /// Our id of the engine.
    engine: String,
    /// The full id it had.
    container_id: String,
    /// Its name.
    name: String,
    /// Its image.
    image: String,
    /// Why it was stale, in sentences.
    reasons: Vec<String>,
    /// When it was removed, RFC 3339, UTC.
    at: String,
    /// Who removed it.
    actor: String,
    /// `removing`, `removed` or `restored`.
    state: &'static str,
    /// Whether it can come back.
    can_restore: bool,
    /// Whether its anonymous volumes were removed as well.
    anonymous_volumes_removed: bool,
    /// The image of what it wrote; null when there is none.
    layer_image: Option<String>,
    /// Bytes freed; null when not measured.
    size_bytes: Option<i64>,
    /// When it was restored, RFC 3339, UTC.
    restored_at: Option<String>,
    /// Who restored it.
    restored_by: Option<String>,
    /// The full id it has since then.
    restored_id: Option<String>,
}

impl From<Removal> for RemovalView {
    fn from(removal: Removal) -> Self {
        Self {
            id: removal.id.to_string(),
            engine: removal.engine,
            container_id: removal.container_id,
            name: removal.name,
            image: removal.image,
            reasons: removal.reasons,
            at: rfc3339(from_ms(removal.at)),
            actor: removal.actor,
            state: removal.stage.as_str(),
            can_restore: removal.stage == Stage::Removed && removal.can_restore,
            anonymous_volumes_removed: removal.volumes,
            layer_image: removal.layer_image,
            size_bytes: removal.bytes,
            restored_at: removal.restored_at.map(|at| rfc3339(from_ms(at))),
            restored_by: removal.restored_by,
            restored_id: removal.restored_id,
        }
    }
}

pub(super) fn removals_endpoint() -> Endpoint {
    Endpoint::get("/api/cleanups", Role::Viewer, "Containers that were cleaned up, newest first.")
        .returns_page_of::<RemovalView>()
}

pub(super) async fn removals(
    State(stale): State<Arc<Stale>>,
    query: QueryMap,
) -> Result<Answer<Vec<RemovalView>>, WebError> {
    let paging = query.paging()?;
    let before = match &paging.cursor {
        None => None,
        Some(cursor) => Some(cursor.parse().map_err(|_| WebError::field("cursor", "is not one of ours."))?),
    };
    let mut found = stale.removals(before, paging.limit + 1).await?;
    let more = found.len() > paging.limit;
    found.truncate(paging.limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Answer::slice(found.into_iter().map(RemovalView::from).collect(), next))
}

/// How a container is to be restored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Restore)]
#[serde(default, deny_unknown_fields)]
struct RestoreBody {
    /// From the image of what it wrote, where there is one.
    layer: bool,
}

/// A container that is back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Restored)]
pub(super) struct RestoredView {
    /// Its new full id.
    id: String,
    /// Its name.
    name: String,
    /// What is not as it was, in sentences.
    warnings: Vec<String>,
}

pub(super) fn restore_endpoint() -> Endpoint {
    Endpoint::post(
        "/api/cleanups/{id}/restore",
        Role::Operator,
        "Create a removed container again: same name, configuration, networks and volumes; it is not started.",
    )
    .takes::<RestoreBody>()
    .returns::<RestoredView>()
    .asks_engine()
}

pub(super) async fn restore(
    State(stale): State<Arc<Stale>>,
    Path(id): Path<String>,
    identity: Identity,
    bytes: Bytes,
) -> Result<Answer<RestoredView>, WebError> {
    let body: RestoreBody = if bytes.is_empty() {
        RestoreBody::default()
    } else {
        serde_json::from_slice(&bytes)
            .map_err(|error| WebError::Malformed(format!("The body is not what this call takes: {error}.")))?
    };
    let id = id.parse().map_err(|_| WebError::NotFound("There is no such removal.".to_owned()))?;
    let restored = stale.restore(&identity.name, id, body.layer).await?;
    Ok(Answer::of(RestoredView { id: restored.id, name: restored.name, warnings: restored.warnings }))
}
