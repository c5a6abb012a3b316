//! `GET /api/events/stream`: events as they happen, as server-sent events that resume after `Last-Event-ID`.
//!
//! What is new is read from the log once and shared by all streams. A stream that resumes, or fell behind, reads
//! the log itself from its last id on: nothing is lost, nothing comes twice, and nothing is queued for a slow
//! reader.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use super::api::filters;
use super::model::EventView;
use super::query::EventQuery;
use super::service::{Batch, Events, audience};
use crate::platform::journal::{Audience, Event};
use crate::web::api::{Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};

/// How many events are read from the log at once.
const CHUNK: usize = 500;
/// How many streams are open at most.
const MAX_STREAMS: usize = 2_048;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn endpoint() -> Endpoint {
    filters(Endpoint::get(
        "/api/events/stream",
        Role::Viewer,
        "Events as they happen, as server-sent events.",
    ))
    .query("after", "The id to go on after, where `Last-Event-ID` cannot be sent.")
    .returns_text()
}

pub(super) async fn stream(
    State(events): State<Arc<Events>>,
    identity: Identity,
    headers: HeaderMap,
    query: QueryMap,
) -> Result<Response, WebError> {
    let wanted = EventQuery::read(&query, events.clock.now())?;
    let sent = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::trim);
    let resumed = sent.filter(|id| !id.is_empty()).or_else(|| query.get("after"));
    let after = match resumed {
        None => None,
        Some(id) => Some(
            id.trim()
                .parse()
                .map_err(|_| WebError::Malformed("after: takes the id of an event.".to_owned()))?,
        ),
    };
    // Before the newest id is read: what is committed in between comes by the subscription.
    let new = events.subscribe();
    let newest = *events.newest().borrow();
    // An id of another database may be higher than any here.
    let last = after.unwrap_or(newest).min(newest);
    let seat = Seat::take(&events.streams)?;
    let reading = Reading {
        audience: audience(&identity),
        ended: identity.ended,
        stopping: events.stopping.clone(),
        pulse: tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE),
        _seat: seat,
        behind: after.is_some(),
        events,
        wanted,
        new,
        last,
        begun: false,
    };
    let body = futures_util::stream::unfold(reading, |mut reading| async move {
        let bytes = reading.next().await?;
        Some((Ok::<_, Infallible>(bytes), reading))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

struct Reading {
    events: Arc<Events>,
    wanted: EventQuery,
    audience: Audience,
    new: broadcast::Receiver<Arc<Batch>>,
    /// The last id that was looked at.
    last: i64,
    /// Whether the log has to be read.
    behind: bool,
    begun: bool,
    ended: CancellationToken,
    stopping: CancellationToken,
    pulse: Interval,
    _seat: Seat,
}

/// One of the streams that may be open.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(open: &Arc<AtomicUsize>) -> Result<Self, WebError> {
        if open.fetch_add(1, Ordering::Relaxed) >= MAX_STREAMS {
            open.fetch_sub(1, Ordering::Relaxed);
            return Err(WebError::Unavailable("Too many event streams are open. Close some.".to_owned()));
        }
        Ok(Self(Arc::clone(open)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Reading {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            // The first bytes go out at once, so that the client knows that it is connected.
            return Some(Bytes::from_static(b":\n\n"));
        }
        loop {
            if self.ended.is_cancelled() || self.stopping.is_cancelled() {
                return None;
            }
            if self.behind {
                let newest = *self.events.newest().borrow();
                let found = self.events.after(&self.wanted, self.audience, self.last, CHUNK).await.ok()?;
                match found.last() {
                    Some(event) if found.len() == CHUNK => self.last = event.id,
                    // The rest up to there was looked at, wanted or not.
                    event => {
                        self.last = event.map_or(self.last, |event| event.id).max(newest);
                        self.behind = false;
                    }
                }
                if !found.is_empty() {
                    return Some(frames(found));
                }
                continue;
            }
            tokio::select! {
                () = self.ended.cancelled() => return None,
                () = self.stopping.cancelled() => return None,
                _ = self.pulse.tick() => return Some(Bytes::from_static(b":\n\n")),
                batch = self.new.recv() => match batch {
                    // A text is looked for by the index alone; and what was never told has to be read.
                    Ok(batch) if batch.after > self.last || !self.wanted.q.trim().is_empty() => self.behind = true,
                    Ok(batch) => {
                        let found = self.take(&batch.events);
                        if !found.is_empty() {
                            return Some(frames(found));
                        }
                    }
                    Err(RecvError::Lagged(_)) => self.behind = true,
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn take(&mut self, batch: &[Event]) -> Vec<Event> {
        let mut found = Vec::new();
        for event in batch.iter().filter(|event| event.id > self.last) {
            let visible = !event.admins_only || self.audience == Audience::Admins;
            if visible && self.wanted.takes(event) {
                found.push(event.clone());
            }
        }
        self.last = batch.last().map_or(self.last, |event| event.id.max(self.last));
        found
    }
}

fn frames(events: Vec<Event>) -> Bytes {
    let mut text = String::new();
    for event in events {
        let id = event.id;
        let json = serde_json::to_string(&EventView::from(event)).unwrap_or_default();
        text.push_str(&format!("id: {id}\nevent: event\ndata: {json}\n\n"));
    }
    Bytes::from(text)
}
