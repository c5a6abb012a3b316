//! `GET /api/containers/{id}/logs`, and the download of pages: text, as it comes from Docker.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::line;
use super::query::{stream, time};
use crate::docker::logs::{LogLine, LogLines, LogRequest};
use crate::docker::types::Container;
use crate::docker::{Engine, EngineError};
use crate::features::containers::service::Containers;
use crate::web::access::Identity;
use crate::web::api::{Endpoint, QueryMap};
use crate::web::{Role, WebError};

/// What is kept to give out the last lines of one output.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// What of one line is given out.
const KEEP: usize = 1024 * 1024;

pub(super) fn endpoint() -> Endpoint {
    Endpoint::get("/api/containers/{id}/logs", Role::Viewer, "A container's log, as text.")
        .query(
            "tail",
            "How many lines from the end; all when left out. With `follow`, lines of both outputs count.",
        )
        .query("since", "From then on: a time, seconds since 1970, or how long ago (15m).")
        .query("until", "Up to then.")
        .query("timestamps", "`true`: each line begins with its time.")
        .query("follow", "`true`: goes on with what is written from now on.")
        .query("stream", "`stdout` or `stderr`; both when left out.")
        .query("q", "Only lines that contain this.")
        .query("engine", "An engine's id, when several have it.")
        .returns_text()
        .asks_engine()
}

pub(super) async fn logs(
    State(containers): State<Arc<Containers>>,
    Path(id): Path<String>,
    identity: Identity,
    query: QueryMap,
) -> Result<Response, WebError> {
    let wanted = Wanted::read(&query, containers.clock.now())?;
    let container = containers.find(&id, query.get("engine"))?;
    let stop = containers.lifecycle.stopping();
    let text = text_of(&containers, container, wanted, None, identity.ended, stop).await?;
    Ok(plain(text))
}

/// What is wanted as text.
#[derive(Clone)]
pub(super) struct Wanted {
    request: LogRequest,
    timestamps: bool,
    /// In small letters.
    needle: Option<String>,
    /// Whether a page shows only the lines that contain it.
    only: bool,
}

impl Wanted {
    pub(super) fn read(query: &QueryMap, now: Timestamp) -> Result<Self, WebError> {
        let tail = match query.get("tail") {
            None | Some("all") => None,
            Some(text) => {
                Some(text.parse().map_err(|_| WebError::field("tail", "takes a number of lines, or all."))?)
            }
        };
        Ok(Self {
            request: LogRequest {
                tail,
                since: time(query, "since", now)?,
                until: time(query, "until", now)?,
                follow: query.flag("follow")?,
                only: stream(query)?,
            },
            timestamps: query.flag("timestamps")?,
            needle: query.get("q").map(str::to_lowercase),
            only: query.get("only").is_some(),
        })
    }

    /// What to ask Docker for, and how many lines of the answer count: of one output, Docker would take the last
    /// lines of both, and only then those of the one.
    fn asked(&self) -> (LogRequest, Option<usize>) {
        match self.request.tail {
            Some(tail) if self.request.only.is_some() && !self.request.follow => {
                (LogRequest { tail: None, ..self.request.clone() }, Some(tail))
            }
            _ => (self.request.clone(), None),
        }
    }

    /// For a file: all of what a page shows a part of, with times.
    pub(super) fn whole(mut self) -> Self {
        self.timestamps = true;
        self.request.follow = false;
        self.request.tail = None;
        // A page that only looks for something shows the other lines, too.
        self.needle = self.needle.filter(|_| self.only);
        self
    }
}

/// The text of a log, piece by piece; with a `name`, each line begins with it. Refusals of Docker are errors
/// before the first byte.
pub(super) async fn text_of(
    containers: &Containers,
    container: Arc<Container>,
    wanted: Wanted,
    name: Option<String>,
    session: CancellationToken,
    stopping: CancellationToken,
) -> Result<impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + use<>, WebError> {
    let Some(engine) = containers.engine_of(&container) else {
        return Err(WebError::NotFound("The engine of this container is gone.".to_owned()));
    };
    let (request, newest) = wanted.asked();
    let mut batches = engine.client.logs(&container.id, &request, KEEP).await?;
    if let Some(newest) = newest {
        let lines = last_lines(batches, newest).await?;
        batches = futures_util::stream::once(async move { Ok(lines) }).boxed();
    }
    let engine = engine.clone();
    let ended = async move {
        tokio::select! {
            () = session.cancelled() => {}
            () = stopping.cancelled() => {}
            // A hung engine sends nothing, and never ends.
            () = is_down(&engine) => {}
        }
    };
    let text = batches.take_until(Box::pin(ended)).filter_map(move |batch| {
        let text = batch.map(|lines| write(&lines, &wanted, name.as_deref())).map_err(std::io::Error::other);
        async move { text.as_ref().is_ok_and(Vec::is_empty).then_some(()).map_or(Some(text), |()| None) }
    });
    Ok(text.map(|text| text.map(Bytes::from)))
}

/// The last lines of a log that ends.
async fn last_lines(mut batches: LogLines, most: usize) -> Result<Vec<LogLine>, EngineError> {
    let mut lines: VecDeque<LogLine> = VecDeque::new();
    let mut bytes = 0;
    while let Some(batch) = batches.next().await {
        for line in batch? {
            bytes += line.bytes.len();
            lines.push_back(line);
            while lines.len() > most || bytes > MOST_BYTES {
                let Some(dropped) = lines.pop_front() else { break };
                bytes -= dropped.bytes.len();
            }
        }
    }
    Ok(lines.into())
}

async fn is_down(engine: &Engine) {
    let mut changes = engine.mirror.changes();
    while engine.mirror.snapshot().is_up() && changes.changed().await.is_ok() {}
}

fn write(lines: &[LogLine], wanted: &Wanted, name: Option<&str>) -> Vec<u8> {
    let mut text = Vec::new();
    for log in lines {
        if wanted.needle.as_ref().is_some_and(|needle| !line::searched(&log.bytes).contains(needle)) {
            continue;
        }
        let at =
            log.at.filter(|_| wanted.timestamps).and_then(|at| Timestamp::from_nanosecond(at.into()).ok());
        if let Some(at) = at {
            text.extend_from_slice(at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ ").to_string().as_bytes());
        }
        if let Some(name) = name {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b" | ");
        }
        text.extend_from_slice(&log.bytes);
        if log.left_out > 0 {
            text.extend_from_slice(format!(" … cut: {} bytes more", log.left_out).as_bytes());
        }
        text.push(b'\n');
    }
    text
}

/// An answer of text that flows: no layer may hold it back.
pub(super) fn plain(
    text: impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(text)).into_response()
}
