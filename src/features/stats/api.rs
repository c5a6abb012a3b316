//! Statistics in the JSON API.

use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Parts;
use super::model::{ConsumerView, PointView};
use super::pages::container::events_of;
use super::pages::host::By;

use super::service::Series;
use super::window::{Range, Window};
use crate::docker::stats::board::HostNow;
use crate::features::events::service::audience;
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::journal::Event;
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};

fn window(endpoint: Endpoint) -> Endpoint {
    endpoint
        .query("range", "1h, 24h, 7d or 30d, until now.")
        .query(
            "since",
            "From then on, instead of a range: a time, seconds since 1970, or how long ago (15m).",
        )
        .query("until", "Up to then.")
}

pub(super) fn container_endpoint() -> Endpoint {
    window(Endpoint::get(
        "/api/containers/{id}/stats",
        Role::Viewer,
        "What a container used, oldest first, at most 720 points; `meta.step_seconds` is the distance of two \
         points where nothing is missing, `meta.events` what happened to it.",
    ))
    .query("engine", "An engine's id, when several have it.")
    .returns_list_of::<PointView>()
}

/// Something that happened, as a mark in a chart.
#[derive(Serialize)]
struct MarkView {
    id: String,
    at: String,
    kind: String,
    severity: &'static str,
    message: String,
}

impl From<Event> for MarkView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            at: rfc3339(from_ms(event.at)),
            severity: event.severity.as_str(),
            kind: event.kind,
            message: event.message,
        }
    }
}

pub(super) async fn container(
    State(parts): State<Parts>,
    identity: Identity,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Answer<Vec<PointView>>, WebError> {
    let container = parts.containers.find(&id, query.get("engine"))?;
    let window = Window::read(&query, Range::Hour, parts.stats.clock().now())?;
    let series = parts.stats.of_container(&container, &window).await?;
    let events = events_of(&parts, &container, &window, audience(&identity)).await?;
    let marks: Vec<MarkView> = events.into_iter().map(MarkView::from).collect();
    Ok(answer(&series, &window, marks))
}

fn answer(series: &Series, window: &Window, marks: Vec<MarkView>) -> Answer<Vec<PointView>> {
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let step = series.step as f64 / 1000.0;
    let points: Vec<PointView> = series.points.iter().map(PointView::of).collect();
    Answer::of(points)
        .with_meta("next", serde_json::Value::Null)
        .with_meta("step_seconds", step)
        .with_meta("since", rfc3339(from_ms(window.since)))
        .with_meta("until", rfc3339(window.end()))
        .with_meta("events", marks)
}

pub(super) fn host_endpoint() -> Endpoint {
    window(Endpoint::get(
        "/api/host/stats",
        Role::Viewer,
        "What an engine's host used, oldest first, at most 720 points.",
    ))
    .query("engine", "An engine's id; the first one when left out.")
    .returns_list_of::<PointView>()
}

pub(super) async fn host(
    State(parts): State<Parts>,
    query: QueryMap,
) -> Result<Answer<Vec<PointView>>, WebError> {
    let engine = parts.engine(&query)?;
    let window = Window::read(&query, Range::Hour, parts.stats.clock().now())?;
    let series = parts.stats.of_host(engine, &window).await?;
    Ok(answer(&series, &window, Vec::new()))
}

pub(super) fn host_now_endpoint() -> Endpoint {
    Endpoint::get("/api/host", Role::Viewer, "What an engine's host uses now.")
        .query("engine", "An engine's id; the first one when left out.")
        .returns::<HostView>()
}

/// A host now.
#[derive(Serialize, ToSchema)]
#[schema(as = Host)]
pub(super) struct HostView {
    /// Our id of the engine.
    engine: String,
    /// Its cores; null when the host is not visible.
    cores: Option<u32>,
    /// Percent of one core.
    cpu_percent: Option<f64>,
    /// Over 1, 5 and 15 minutes.
    load: Option<[f64; 3]>,
    /// Bytes in use.
    memory_bytes: Option<u64>,
    /// Bytes there are.
    memory_total_bytes: Option<u64>,
    /// Bytes of swap in use.
    swap_bytes: Option<u64>,
    /// Bytes of swap there are.
    swap_total_bytes: Option<u64>,
    /// Bytes a second received; null when the host's network is not visible.
    net_rx_bytes_per_second: Option<f64>,
    /// Bytes a second sent.
    net_tx_bytes_per_second: Option<f64>,
    /// The file systems that Docker uses.
    disks: Vec<DiskView>,
    /// When it was measured, RFC 3339, UTC.
    at: Option<String>,
    /// Why nothing is known; empty when something is.
    message: String,
}

/// A file system that Docker uses.
#[derive(Serialize, ToSchema)]
#[schema(as = Disk)]
struct DiskView {
    /// Where it is mounted.
    mount: String,
    /// What is mounted there.
    device: String,
    /// Bytes in use.
    used_bytes: u64,
    /// Bytes in use and bytes that can be used.
    total_bytes: u64,
    /// In how many days it is full at the current rate; null when it does not grow, or too little is known.
    full_in_days: Option<f64>,
}

pub(super) async fn host_now(
    State(parts): State<Parts>,
    query: QueryMap,
) -> Result<Answer<HostView>, WebError> {
    let engine = parts.engine(&query)?;
    let HostNow { point, cores, load, memory_total, swap_total, disks, unknown, .. } = engine.stats.host();
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    Ok(Answer::of(HostView {
        engine: engine.id.to_string(),
        cores: Some(cores).filter(|cores| *cores > 0),
        cpu_percent: point.and_then(|point| point.cpu_percent).map(tenth),
        load,
        memory_bytes: point.and_then(|point| point.memory_bytes),
        memory_total_bytes: memory_total,
        swap_bytes: point.and_then(|point| point.swap_bytes),
        swap_total_bytes: swap_total,
        net_rx_bytes_per_second: point.and_then(|point| point.network).map(|(rx, _)| tenth(rx)),
        net_tx_bytes_per_second: point.and_then(|point| point.network).map(|(_, tx)| tenth(tx)),
        disks: disks
            .into_iter()
            .map(|disk| DiskView {
                full_in_days: parts.stats.days_until_full(&engine.id, &disk.mount).map(tenth),
                mount: disk.mount,
                device: disk.device,
                used_bytes: disk.used_bytes,
                total_bytes: disk.total_bytes,
            })
            .collect(),
        at: point.map(|point| rfc3339(from_ms(point.at))),
        message: unknown,
    }))
}

pub(super) fn top_endpoint() -> Endpoint {
    window(Endpoint::get(
        "/api/host/consumers",
        Role::Viewer,
        "Which containers used the most over a stretch of time.",
    ))
    .query("sort", "cpu, cpu_max, memory or memory_max (default); always the most first.")
    .query("limit", "How many at most, 1 to 1000 (default 100).")
    .query("engine", "An engine's id; the first one when left out.")
    .returns_list_of::<ConsumerView>()
}

pub(super) async fn top(
    State(parts): State<Parts>,
    query: QueryMap,
) -> Result<Answer<Vec<ConsumerView>>, WebError> {
    let engine = parts.engine(&query)?;
    let window = Window::read(&query, Range::Day, parts.stats.clock().now())?;
    let (by, paging) = (By::read(&query)?, query.paging()?);
    let mut consumers = parts.stats.consumers(engine, &window).await?;
    by.sort(&mut consumers);
    let total = consumers.len();
    let page = consumers.iter().take(paging.limit).map(ConsumerView::of).collect();
    Ok(Answer::page(page, None, total))
}
