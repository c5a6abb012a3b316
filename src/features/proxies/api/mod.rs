//! Proxies in the JSON API.

mod view;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::ProxyBody;
use super::diff::Change;
use super::model::ProxySpec;
use super::query::ProxyQuery;
use super::service::Proxies;
use super::validate::{Report, Status, StepKind};
use super::versions::{VERSIONS, Version};
use crate::platform::clock::{from_ms, rfc3339};
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};
use view::ProxyView;

pub(super) fn list_endpoint() -> Endpoint {
    Endpoint::get("/api/proxies", Role::Viewer, "Proxies, by domain.")
        .query("q", "Words in domains, destination, notes or tags.")
        .query("state", "applied, pending, failed or off; several separated by commas.")
        .query("tag", "A tag.")
        .query("sort", "domain, destination, state or changed; with - in front the other way round.")
        .returns_page_of::<ProxyView>()
}

pub(super) async fn list(
    State(proxies): State<Arc<Proxies>>,
    query: QueryMap,
) -> Result<Answer<Vec<ProxyView>>, WebError> {
    let paging = query.paging()?;
    let start: usize = match &paging.cursor {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| WebError::field("cursor", "is not one of ours."))?,
    };
    let found = ProxyQuery::read(&query)?.find(&proxies);
    let total = found.len();
    let page: Vec<ProxyView> =
        found.iter().skip(start).take(paging.limit).map(|proxy| ProxyView::of(&proxies, proxy)).collect();
    let end = start + page.len();
    Ok(Answer::page(page, (end < total).then(|| end.to_string()), total))
}

pub(super) fn one_endpoint() -> Endpoint {
    Endpoint::get("/api/proxies/{id}", Role::Viewer, "One proxy.").returns::<ProxyView>()
}

pub(super) async fn one(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
) -> Result<Answer<ProxyView>, WebError> {
    let proxy = proxies.find(&id)?;
    Ok(Answer::of(ProxyView::of(&proxies, &proxy)))
}

fn body(bytes: &Bytes) -> Result<ProxyBody, WebError> {
    serde_json::from_slice(bytes)
        .map_err(|error| WebError::Malformed(format!("The body is not what this call takes: {error}.")))
}

pub(super) fn create_endpoint() -> Endpoint {
    Endpoint::post(
        "/api/proxies",
        Role::Operator,
        "Create a proxy. It is checked first: what fails is refused unless force is set.",
    )
    .takes::<ProxyBody>()
    .returns::<ProxyView>()
}

pub(super) async fn create(
    State(proxies): State<Arc<Proxies>>,
    identity: Identity,
    bytes: Bytes,
) -> Result<Answer<ProxyView>, WebError> {
    let body = body(&bytes)?;
    let spec = proxies.read(&body, None).await?;
    let report = checked(&proxies, &spec, None, body.force).await?;
    let proxy = proxies.create(spec, body.enabled.unwrap_or(true), &identity.name).await?;
    proxies.note_report(proxy.id, report);
    Ok(Answer::of(ProxyView::of(&proxies, &proxy)))
}

/// What a check says of what is to be saved. Errors: what would not work, unless it is wanted all the same.
async fn checked(
    proxies: &Proxies,
    spec: &ProxySpec,
    not: Option<i64>,
    force: bool,
) -> Result<Report, WebError> {
    let report = proxies.validate(spec, not, |_| {}).await;
    let failed = report.steps.iter().find(|step| step.status == Status::Fail);
    match failed.filter(|_| !force) {
        None => Ok(report),
        Some(step) if step.step == StepKind::Conflict => Err(WebError::Conflict(step.detail.clone())),
        Some(step) => {
            let hint = if step.hint.is_empty() { String::new() } else { format!(" {}", step.hint) };
            let why = format!("{}{hint} (force saves it all the same)", step.detail);
            Err(WebError::field("destination", why))
        }
    }
}

pub(super) fn validate_endpoint() -> Endpoint {
    Endpoint::post(
        "/api/proxies/validate",
        Role::Operator,
        "Say whether a proxy would work, step by step; nothing is saved.",
    )
    .takes::<ProxyBody>()
    .returns::<Report>()
}

pub(super) async fn validate(
    State(proxies): State<Arc<Proxies>>,
    bytes: Bytes,
) -> Result<Answer<Report>, WebError> {
    let report = match body(&bytes)?.over(&ProxySpec::default()) {
        Ok(wanted) => proxies.validate(&wanted.spec, None, |_| {}).await,
        Err(wrong) => Report::unreadable(wrong.into_iter().map(|(field, why)| format!("{field}: {why}"))),
    };
    Ok(Answer::of(report))
}

pub(super) fn check_endpoint() -> Endpoint {
    Endpoint::post("/api/proxies/{id}/check", Role::Operator, "Say whether a proxy works, step by step.")
        .returns::<Report>()
}

pub(super) async fn check(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
) -> Result<Answer<Report>, WebError> {
    let proxy = proxies.find(&id)?;
    let report = proxies.validate(&proxy.spec, Some(proxy.id), |_| {}).await;
    proxies.note_report(proxy.id, report.clone());
    Ok(Answer::of(report))
}

pub(super) fn change_endpoint() -> Endpoint {
    Endpoint::patch(
        "/api/proxies/{id}",
        Role::Operator,
        "Change a proxy: what is left out stays. With version, only when nobody changed it since.",
    )
    .takes::<ProxyBody>()
    .returns::<ProxyView>()
}

pub(super) async fn change(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
    identity: Identity,
    bytes: Bytes,
) -> Result<Answer<ProxyView>, WebError> {
    let body = body(&bytes)?;
    let before = proxies.find(&id)?;
    let spec = proxies.read(&body, Some(&before)).await?;
    if spec.destination != before.spec.destination || spec.domains != before.spec.domains {
        let report = checked(&proxies, &spec, Some(before.id), body.force).await?;
        proxies.note_report(before.id, report);
    }
    // What is left out is as it was when this was read: nobody else's change is to be undone.
    let version = body.version.unwrap_or(before.version);
    let mut proxy = proxies.update(before.id, Some(version), spec, &identity.name).await?;
    if let Some(enabled) = body.enabled {
        proxy = proxies.set_enabled(before.id, enabled, &identity.name).await?;
    }
    Ok(Answer::of(ProxyView::of(&proxies, &proxy)))
}

/// A proxy that is gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyDeleted)]
pub(super) struct DeletedView {
    /// Its number.
    removed: String,
}

pub(super) fn delete_endpoint() -> Endpoint {
    Endpoint::delete("/api/proxies/{id}", Role::Operator, "Delete a proxy: its domains are no longer served.")
        .returns::<DeletedView>()
}

pub(super) async fn delete(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
    identity: Identity,
) -> Result<Answer<DeletedView>, WebError> {
    let proxy = proxies.find(&id)?;
    proxies.delete(proxy.id, &identity.name).await?;
    Ok(Answer::of(DeletedView { removed: proxy.id.to_string() }))
}

pub(super) fn enable_endpoint() -> Endpoint {
    Endpoint::post("/api/proxies/{id}/enable", Role::Operator, "Serve a proxy.").returns::<ProxyView>()
}

pub(super) fn disable_endpoint() -> Endpoint {
    Endpoint::post("/api/proxies/{id}/disable", Role::Operator, "Serve a proxy no longer.")
        .returns::<ProxyView>()
}

pub(super) async fn enable(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
    identity: Identity,
) -> Result<Answer<ProxyView>, WebError> {
    set(&proxies, &id, &identity, true).await
}

pub(super) async fn disable(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
    identity: Identity,
) -> Result<Answer<ProxyView>, WebError> {
    set(&proxies, &id, &identity, false).await
}

async fn set(
    proxies: &Arc<Proxies>,
    id: &str,
    identity: &Identity,
    enabled: bool,
) -> Result<Answer<ProxyView>, WebError> {
    let proxy = proxies.find(id)?;
    let proxy = proxies.set_enabled(proxy.id, enabled, &identity.name).await?;
    Ok(Answer::of(ProxyView::of(proxies, &proxy)))
}

/// A version of a proxy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyVersion)]
pub(super) struct VersionView {
    /// Its number.
    version: i64,
    /// When it was made, RFC 3339, UTC.
    at: String,
    /// By whom.
    actor: String,
    /// What it changed.
    changes: Vec<Change>,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        let Version { version, at, actor, changes, .. } = version;
        Self { version, at: rfc3339(from_ms(at)), actor, changes }
    }
}

pub(super) fn versions_endpoint() -> Endpoint {
    Endpoint::get("/api/proxies/{id}/versions", Role::Viewer, "How a proxy was changed, newest first.")
        .returns_list_of::<VersionView>()
}

pub(super) async fn versions(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
) -> Result<Answer<Vec<VersionView>>, WebError> {
    let proxy = proxies.find(&id)?;
    let versions = proxies.versions(proxy.id, VERSIONS).await?;
    Ok(Answer::of(versions.into_iter().map(VersionView::from).collect()))
}

/// The version to go back to.
#[derive(Debug, Default, serde::Deserialize, Serialize, ToSchema)]
#[schema(as = ProxyRevert)]
#[serde(deny_unknown_fields)]
struct RevertBody {
    /// Its number.
    version: i64,
}

pub(super) fn revert_endpoint() -> Endpoint {
    Endpoint::post("/api/proxies/{id}/revert", Role::Operator, "Go back to an earlier version of a proxy.")
        .takes::<RevertBody>()
        .returns::<ProxyView>()
}

pub(super) async fn revert(
    State(proxies): State<Arc<Proxies>>,
    Path(id): Path<String>,
    identity: Identity,
    bytes: Bytes,
) -> Result<Answer<ProxyView>, WebError> {
    let body: RevertBody = serde_json::from_slice(&bytes)
        .map_err(|error| WebError::Malformed(format!("The body is not what this call takes: {error}.")))?;
    let proxy = proxies.find(&id)?;
    let proxy = proxies.revert(proxy.id, body.version, &identity.name).await?;
    Ok(Answer::of(ProxyView::of(&proxies, &proxy)))
}
