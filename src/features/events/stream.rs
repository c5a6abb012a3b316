//! `GET /api/events/stream`: events as they happen, as server-sent events that resume after `Last-Event-ID`.
//!
//! What is new is read from the log once and shared by all streams. A stream that resumes, or fell behind, reads
//! the log itself from its last id on: nothing is lost, nothing comes twice, and nothing is queued for a slow
//! reader.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::api::filters;
use super::model::EventView;
use super::query::EventQuery;
use super::service::{Events, audience};
use crate::platform::journal::{Audience, Event};
use crate::web::api::{Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};

/// How many events are read from the log at once.
const CHUNK: usize = 500;
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
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).or_else(|| query.get("after"));
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
    let last = after.unwrap_or(*events.newest().borrow());
    let reading = Reading {
        audience: audience(&identity),
        ended: identity.ended,
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
    new: broadcast::Receiver<Arc<[Event]>>,
    /// The last id that was looked at.
    last: i64,
    /// Whether the log has to be read.
    behind: bool,
    begun: bool,
    ended: CancellationToken,
}

impl Reading {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            // The first bytes go out at once, so that the client knows that it is connected.
            return Some(Bytes::from_static(b":\n\n"));
        }
        loop {
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
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Bytes::from_static(b":\n\n")),
                batch = self.new.recv() => match batch {
                    Ok(batch) => {
                        let found = self.take(&batch);
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
