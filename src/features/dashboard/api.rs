//! `GET /api/summary`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::service::{Dashboard, counts};
use crate::docker::types::EngineStatus;
use crate::platform::clock::rfc3339;
use crate::web::api::{Answer, Endpoint};
use crate::web::{Role, WebError};

/// Everything at a glance.
#[derive(Serialize, ToSchema)]
pub(super) struct Summary {
    containers: ContainerCounts,
    proxies: ProxyCounts,
    events: EventCounts,
    engines: Vec<EngineView>,
}

/// How many containers are in which state.
#[derive(Serialize, ToSchema)]
struct ContainerCounts {
    total: usize,
    running: usize,
    stopped: usize,
    paused: usize,
    unhealthy: usize,
    stale: usize,
}

/// How many proxies answer.
#[derive(Serialize, ToSchema)]
struct ProxyCounts {
    total: usize,
    healthy: usize,
    unhealthy: usize,
    unknown: usize,
}

/// What went wrong in the last 24 hours.
#[derive(Serialize, ToSchema)]
struct EventCounts {
    errors_24h: i64,
    warnings_24h: i64,
}

/// A Docker engine.
#[derive(Serialize, ToSchema)]
#[schema(as = Engine)]
struct EngineView {
    /// Our id of it.
    id: String,
    /// The host's name.
    name: String,
    /// `up` or `down`.
    status: &'static str,
    /// Since when it is so, RFC 3339, UTC.
    since: String,
    /// The engine's version; empty when it never answered.
    version: String,
    /// Why it is down, or what it does not allow; empty when all is well.
    message: String,
}

pub(super) fn endpoint() -> Endpoint {
    Endpoint::get("/api/summary", Role::Viewer, "Everything at a glance.").returns::<Summary>()
}

pub(super) async fn summary(State(dashboard): State<Arc<Dashboard>>) -> Result<Answer<Summary>, WebError> {
    let engines = dashboard.snapshots();
    let counts = counts(&engines);
    let trouble = dashboard.trouble_lately().await?;
    let proxies = dashboard.proxies();
    Ok(Answer::of(Summary {
        containers: ContainerCounts {
            total: counts.total,
            running: counts.running,
            stopped: counts.stopped,
            paused: counts.paused,
            unhealthy: counts.unhealthy,
            stale: dashboard.stale(),
        },
        // Nobody has asked them yet whether they are well.
        proxies: ProxyCounts { total: proxies, healthy: 0, unhealthy: 0, unknown: proxies },
        events: EventCounts { errors_24h: trouble.errors, warnings_24h: trouble.warnings },
        engines: engines
            .iter()
            .map(|engine| EngineView {
                id: engine.engine.to_string(),
                name: engine.info.name.clone(),
                status: if engine.is_up() { "up" } else { "down" },
                since: rfc3339(engine.since),
                version: engine.info.version.clone(),
                message: match &engine.status {
                    EngineStatus::Down(why) => why.clone(),
                    EngineStatus::Connecting => "Connecting".to_owned(),
                    EngineStatus::Up => engine.denied.join("; "),
                },
            })
            .collect(),
    }))
}
