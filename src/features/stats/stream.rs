//! What was measured, as it is measured: to the pages of containers, and to `GET /api/stats/stream`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::HOST_TOPIC;
use super::model::PointView;
use super::pages::cells;
use super::rollup::Rollup;
use super::service::Stats;
use crate::docker::Engine;
use crate::docker::stats::Point;
use crate::features::containers::model::StatsView;
use crate::features::containers::now::NowView;
use crate::features::containers::{USAGE, usage_topic};
use crate::platform::live::{Hub, frame};
use crate::web::api::Endpoint;
use crate::web::{Identity, Role, WebError};

/// How many streams are open at most.
const MAX_STREAMS: usize = 512;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Two rounds that come together are told together.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/stats/stream",
        Role::Viewer,
        "What every container uses, at each measurement, as server-sent events `container_stats`.",
    )
    .returns_text()
}

#[derive(Serialize)]
struct Measured<'a> {
    id: &'a str,
    stats: StatsView,
}

/// Tells pages and streams what was measured, until the product shuts down.
pub async fn publish(
    stats: Arc<Stats>,
    engine: Arc<Engine>,
    hub: Hub,
    stopping: CancellationToken,
) -> Result<(), askama::Error> {
    let mut changes = engine.stats.changes();
    let mut told = engine.stats.latest();
    let mut host_told = 0;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = changes.changed() => if changed.is_err() { return Ok(()) },
        }
        let latest = engine.stats.latest();
        let new =
            latest.iter().filter(|(id, sample)| told.get(*id).is_none_or(|old| !Arc::ptr_eq(old, sample)));
        if stats.batches.receiver_count() > 0 {
            let batch: Vec<Measured<'_>> = new
                .clone()
                .filter_map(|(id, sample)| Some(Measured { id, stats: StatsView::of(sample)? }))
                .collect();
            if !batch.is_empty() {
                let json = serde_json::to_string(&batch).unwrap_or_default();
                // Without a receiver there is nobody to tell.
                let _nobody = stats.batches.send(frame(None, Some("container_stats"), &json));
            }
        }
        let listened = hub.listened(USAGE);
        if !listened.is_empty() {
            for (id, sample) in new {
                let topic = usage_topic(id);
                if !listened.contains(&topic) {
                    continue;
                }
                let snapshot = engine.mirror.snapshot();
                let Some(container) = snapshot.by_id(id) else { continue };
                hub.patch(&topic, &NowView::new(container, Some(sample), &engine).patch()?);
                let limit = sample.memory().and_then(|memory| memory.limit_bytes);
                let point = Rollup::of_point(&Point::of(sample)).limited(limit);
                hub.event(
                    &topic,
                    "sample",
                    &serde_json::to_string(&PointView::of(&point)).unwrap_or_default(),
                );
            }
        }
        let host = engine.stats.host();
        if let Some(point) = host.point.filter(|point| point.at != host_told && hub.has_audience(HOST_TOPIC))
        {
            host_told = point.at;
            let (strip, busiest) = (cells::strip(&stats, &engine)?, cells::busiest(&stats, &engine)?);
            // Links that were exchanged would lose the focus, and a click that is under way.
            let html = format!(
                r##"<hx-partial hx-target="#host-cells-{id}" hx-swap="innerMorph">{strip}</hx-partial><hx-partial hx-target="#busiest-{id}" hx-swap="innerMorph">{busiest}</hx-partial>"##,
                id = engine.id
            );
            hub.patch(HOST_TOPIC, &html);
            let rollup = Rollup::of_host(&point, host.memory_total);
            hub.event(
                HOST_TOPIC,
                "sample",
                &serde_json::to_string(&PointView::of(&rollup)).unwrap_or_default(),
            );
        }
        told = latest;
        tokio::time::sleep(PAUSE).await;
    }
}

/// One of the streams that may be open.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(open: &Arc<AtomicUsize>) -> Result<Self, WebError> {
        if open.fetch_add(1, Ordering::Relaxed) >= MAX_STREAMS {
            open.fetch_sub(1, Ordering::Relaxed);
            return Err(WebError::Unavailable(
                "Too many streams of statistics are open. Close some.".to_owned(),
            ));
        }
        Ok(Self(Arc::clone(open)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) async fn stream(
    State(stats): State<Arc<Stats>>,
    identity: Identity,
) -> Result<Response, WebError> {
    let seat = Seat::take(&stats.streams)?;
    let (ended, stopping) = (identity.ended, stats.stopping.clone());
    let state = (stats.subscribe(), false);
    let body = futures_util::stream::unfold(state, move |(mut batches, begun)| {
        let (ended, stopping) = (ended.clone(), stopping.clone());
        async move {
            if !begun {
                // The first bytes go out at once, so that the client knows that it is connected.
                return Some((Bytes::from_static(b":\n\n"), (batches, true)));
            }
            loop {
                tokio::select! {
                    () = ended.cancelled() => return None,
                    () = stopping.cancelled() => return None,
                    () = tokio::time::sleep(KEEP_ALIVE) => return Some((Bytes::from_static(b":\n\n"), (batches, true))),
                    batch = batches.recv() => match batch {
                        Ok(bytes) => return Some((bytes, (batches, true))),
                        // What is old is of no use: the next batch tells how it is.
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return None,
                    },
                }
            }
        }
    });
    let body = futures_util::StreamExt::map(body, move |bytes| {
        let _held = &seat;
        Ok::<_, Infallible>(bytes)
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}
