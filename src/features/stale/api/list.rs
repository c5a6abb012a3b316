//! `GET /api/containers/stale`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::features::stale::scan::Entry;
use crate::features::stale::service::Stale;
use crate::platform::clock::{from_ms, rfc3339};
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Role, WebError};

const DAY: i64 = 86_400_000;

/// A stale container.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StaleContainer)]
pub(in crate::features::stale) struct StaleView {
    /// Its full id.
    id: String,
    /// Our id of the engine.
    engine: String,
    /// Its name.
    name: String,
    /// The image as it was asked for.
    image: String,
    /// `exited`, `created`, `dead`, `restarting` or `running`.
    state: &'static str,
    /// The Compose project or Swarm stack.
    project: Option<String>,
    /// Why it is stale.
    reasons: Vec<ReasonView>,
    /// Since when, RFC 3339, UTC.
    stale_since: String,
    /// When it, or another one in its place, was last seen alive, RFC 3339, UTC.
    last_alive_at: String,
    /// Whole days since then.
    days: i64,
    /// The code it ended with.
    exit_code: Option<i64>,
    /// Bytes it wrote outside of volumes, which a cleanup frees; null until it was measured.
    size_bytes: Option<u64>,
    /// All that it takes.
    size: SizeView,
    /// Containers that cannot be without it.
    dependents: Vec<String>,
    /// Domains of proxies that lead to it.
    proxies: Vec<String>,
    /// Whether it is left alone.
    protected: bool,
    /// Why it is left alone; null when it is not.
    protected_because: Option<String>,
}

/// What a stale container takes on disk. Measured when somebody asks for it: with `measure=true`, on the page, or by a
/// preview.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StaleSize)]
struct SizeView {
    /// Bytes it wrote outside of volumes: a cleanup frees them. Null until measured.
    layer_bytes: Option<u64>,
    /// Bytes in its anonymous volumes that no other container has: freed when these are removed as well. Null until
    /// measured.
    anonymous_volumes_bytes: Option<u64>,
    /// Bytes of its image that no other image needs, if no other container and one tag at most uses it: a cleanup keeps
    /// the image. Null until measured, and when something else uses it.
    image_bytes: Option<u64>,
}

/// Why a container is stale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StaleReason)]
struct ReasonView {
    /// `stopped`, `never_started`, `failed_to_start`, `restarting`, `dead`, `unhealthy` or `superseded`.
    kind: &'static str,
    /// In a sentence.
    text: String,
    /// Since when it is a reason, RFC 3339, UTC.
    since: String,
}

impl StaleView {
    fn of(stale: &Stale, entry: &Entry) -> Self {
        let (container, now) = (&entry.container, stale.clock.now_ms());
        let protection = stale.containers.protection.of(container);
        let footprint = stale.footprint(entry);
        Self {
            id: container.id.to_string(),
            engine: container.engine.to_string(),
            name: container.name.clone(),
            image: container.image.to_string(),
            state: container.state.as_str(),
            project: container.project.as_deref().map(str::to_owned),
            reasons: entry
                .verdict
                .reasons
                .iter()
                .map(|reason| ReasonView {
                    kind: reason.kind,
                    text: reason.sentence(now),
                    since: rfc3339(from_ms(reason.since)),
                })
                .collect(),
            stale_since: rfc3339(from_ms(entry.verdict.since)),
            last_alive_at: rfc3339(from_ms(entry.verdict.last_alive)),
            days: (now - entry.verdict.last_alive).max(0) / DAY,
            exit_code: container.facts.exit_code,
            size_bytes: footprint.layer,
            size: SizeView {
                layer_bytes: footprint.layer,
                anonymous_volumes_bytes: footprint.volumes,
                image_bytes: footprint.image,
            },
            dependents: entry.dependents.clone(),
            proxies: stale.led_to(container),
            protected: protection.is_some(),
            protected_because: protection.map(|reason| format!("It {}.", reason.sentence())),
        }
    }
}

pub(in crate::features::stale) fn list_endpoint() -> Endpoint {
    Endpoint::get("/api/containers/stale", Role::Viewer, "Containers that nobody seems to need, by name.")
        .query("engine", "An engine's id.")
        .query(
            "measure",
            "true: ask Docker first what those of this page take, which may need half a minute.",
        )
        .returns_page_of::<StaleView>()
        .asks_engine()
}

pub(in crate::features::stale) async fn list(
    State(stale): State<Arc<Stale>>,
    query: QueryMap,
) -> Result<Answer<Vec<StaleView>>, WebError> {
    let paging = query.paging()?;
    let measure = query.flag("measure")?;
    let found = stale.found();
    let is_wanted = |entry: &&Arc<Entry>| {
        query.get("engine").is_none_or(|engine| entry.container.engine.as_str() == engine)
    };
    let wanted: Vec<&Arc<Entry>> = found.entries.iter().filter(is_wanted).collect();
    let start = match &paging.cursor {
        None => 0,
        Some(cursor) => {
            after(&stale, &wanted, cursor).ok_or_else(|| WebError::field("cursor", "is not one of ours."))?
        }
    };
    let page: Vec<Arc<Entry>> = wanted.iter().skip(start).take(paging.limit).copied().cloned().collect();
    let more = start + page.len() < wanted.len();
    let next =
        page.last().filter(|_| more).map(|last| format!("{}/{}", last.container.engine, last.container.name));
    if measure {
        stale.measure(&page).await;
    }
    let views = page.iter().map(|entry| StaleView::of(&stale, entry)).collect();
    Ok(Answer::page(views, next, wanted.len()))
}

/// Where the page after a cursor starts. A cursor is the engine and the name of the last one, not its place: whoever cleans up
/// page by page would skip what moves up.
fn after(stale: &Stale, wanted: &[&Arc<Entry>], cursor: &str) -> Option<usize> {
    let (engine, name) = cursor.split_once('/')?;
    let rank = |id: &str| stale.engines.iter().position(|engine| engine.id.as_str() == id);
    let last = (rank(engine)?, name);
    Some(wanted.partition_point(|entry| {
        let container = &entry.container;
        (rank(container.engine.as_str()).unwrap_or(usize::MAX), container.name.as_str()) <= last
    }))
}
