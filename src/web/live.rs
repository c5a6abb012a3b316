//! `GET /live?for=<path and query>&rev=N`: the one stream of a page. It carries the topics of the page
//! it is for and those of the shell; it ends with the session and with the product.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, BoxStream, SelectAll, StreamExt};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::WebError;
use super::access::{Identity, Role};
use super::api::QueryMap;
use super::jobs::{self, Jobs};
use super::routes::{RouteTable, Routes};
use super::shell::{self, SHELL_TOPIC, ShellStatus};
use crate::platform::live::{Hub, TAIL, frame};

/// How many streams the product holds at once, if it may open so many files.
const MAX_STREAMS: usize = 4096;
/// How many different tails a user follows at once.
const MAX_TAILS: usize = 16;
/// A comment that keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The event that makes a page fetch its content anew.
pub const LIST_CHANGED: &str = "list-changed";
/// The event that tells a page that its session has ended.
const SIGNED_OUT: &str = "signed-out";

/// What the stream needs.
#[derive(Clone)]
pub struct LiveState {
    hub: Hub,
    anew: Anew,
    table: Arc<std::sync::OnceLock<Arc<RouteTable>>>,
    open: Arc<AtomicUsize>,
    tails: OpenTails,
    most: usize,
    stopping: CancellationToken,
}

impl LiveState {
    /// Nothing is streamed yet. Of `open_files`, half are left to everything else.
    pub fn new(
        hub: Hub,
        shell: Arc<dyn ShellStatus>,
        jobs: Jobs,
        stopping: CancellationToken,
        open_files: u64,
    ) -> Self {
        let most = usize::try_from(open_files / 2).unwrap_or(MAX_STREAMS).min(MAX_STREAMS);
        Self {
            hub,
            most,
            anew: Anew { shell, jobs },
            table: Arc::default(),
            open: Arc::default(),
            tails: Arc::default(),
            stopping,
        }
    }

    /// Fills in the finished table of routes.
    pub fn fill(&self, table: Arc<RouteTable>) {
        // A second call could only bring the same table.
        let _already_filled = self.table.set(table);
    }

    /// How many streams are open.
    pub fn open_streams(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

/// The route of the stream.
pub fn routes(state: LiveState) -> Routes {
    Routes::of(state).get("/live", Role::Viewer, stream_page).done()
}

/// Counts a stream for as long as it is open.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(open: &Arc<AtomicUsize>, most: usize) -> Result<Self, WebError> {
        if open.fetch_add(1, Ordering::Relaxed) >= most {
            open.fetch_sub(1, Ordering::Relaxed);
            return Err(WebError::Unavailable("Too many live pages are open. Close some.".to_owned()));
        }
        Ok(Self(Arc::clone(open)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many streams each user has on each tail.
type OpenTails = Arc<Mutex<HashMap<(i64, String), usize>>>;

/// The tails of a stream. Each different one is work for the product, so a user has a limited number of them;
/// the same one may be open in many tabs.
struct Tails {
    open: OpenTails,
    user: i64,
    names: Vec<String>,
}

impl Tails {
    fn take(open: &OpenTails, user: i64, topics: &[String]) -> Result<Self, WebError> {
        let names: Vec<String> = topics.iter().filter(|topic| topic.starts_with(TAIL)).cloned().collect();
        let mut counts = open.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = counts.keys().filter(|(other, _)| *other == user).count();
        let is_new = names.iter().any(|name| !counts.contains_key(&(user, name.clone())));
        if is_new && mine >= MAX_TAILS {
            return Err(WebError::Unavailable("Too many logs are open. Close some.".to_owned()));
        }
        for name in &names {
            *counts.entry((user, name.clone())).or_default() += 1;
        }
        drop(counts);
        Ok(Self { open: open.clone(), user, names })
    }
}

impl Drop for Tails {
    fn drop(&mut self) {
        let mut counts = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for name in self.names.drain(..) {
            let key = (self.user, name);
            if let Some(count) = counts.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&key);
                }
            }
        }
    }
}

async fn stream_page(
    State(state): State<LiveState>,
    axum::Extension(identity): axum::Extension<Identity>,
    query: QueryMap,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let target = query.get("for").unwrap_or_default();
    let page = state.table.get().and_then(|table| table.live_page(target));
    let Some((role, mut topics)) = page else {
        return Err(WebError::NotFound("No live page has this address.".to_owned()));
    };
    if identity.role < role {
        return Err(WebError::Forbidden(format!("This page needs the role {role}.")));
    }
    topics.push(SHELL_TOPIC.to_owned());
    topics.push(jobs::topic_of(identity.user_id));
    let seat = Seat::take(&state.open, state.most)?;
    let tails = Tails::take(&state.tails, identity.user_id, &topics)?;
    let rev = revision(&query, &headers);
    let subscription = state.hub.subscribe(&topics, rev);
    // The first bytes go out at once, so that the browser knows that it is connected.
    let hello = if subscription.stale {
        state.anew.bytes(identity.user_id, Some(subscription.rev))
    } else {
        frame(Some(subscription.rev), None, "")
    };
    let frames: SelectAll<_> = subscription
        .receivers
        .into_iter()
        .zip(&topics)
        .map(|(receiver, topic)| {
            let anew = (!topic.starts_with(TAIL)).then(|| (state.anew.clone(), identity.user_id));
            frames(receiver, anew)
        })
        .collect();
    let body = with_end(frames, identity.ended, state.stopping.clone());
    let body = stream::once(async move { hello }).chain(body).map(move |bytes| {
        let _held = (&seat, &tails);
        Ok::<_, Infallible>(bytes)
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would hold the stream back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The newest revision the browser has: of its last message, or of its page.
fn revision(query: &QueryMap, headers: &HeaderMap) -> u64 {
    let of_page = query.get("rev").and_then(|rev| rev.parse().ok()).unwrap_or(0);
    let of_message = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    of_page.max(of_message)
}

/// Brings a page that missed something up to date.
#[derive(Clone)]
struct Anew {
    shell: Arc<dyn ShellStatus>,
    jobs: Jobs,
}

impl Anew {
    /// The shell and the user's jobs at once, the rest by fetching.
    fn bytes(&self, user: i64, rev: Option<u64>) -> Bytes {
        let shell = shell::patch(&self.shell.facts()).unwrap_or_default();
        let jobs = self.jobs.patch(user);
        let mut bytes = frame(None, None, &format!("{shell}{jobs}")).to_vec();
        bytes.extend_from_slice(&frame(rev, Some(LIST_CHANGED), ""));
        Bytes::from(bytes)
    }
}

/// The frames of one topic. A page that fell behind is brought up to date; a tail (without `anew`) goes on
/// with what comes next, and its frames tell what is missing.
fn frames(receiver: broadcast::Receiver<Bytes>, anew: Option<(Anew, i64)>) -> BoxStream<'static, Bytes> {
    stream::unfold((receiver, anew), |(mut receiver, anew)| async move {
        loop {
            match (receiver.recv().await, &anew) {
                (Ok(bytes), _) => return Some((bytes, (receiver, anew))),
                (Err(RecvError::Lagged(_)), Some((all, user))) => {
                    let bytes = all.bytes(*user, None);
                    return Some((bytes, (receiver, anew)));
                }
                (Err(RecvError::Lagged(_)), None) => {}
                (Err(RecvError::Closed), _) => return None,
            }
        }
    })
    .boxed()
}

/// Adds keep-alives, and ends the stream with its session or with the product.
fn with_end(
    frames: SelectAll<BoxStream<'static, Bytes>>,
    session: CancellationToken,
    stopping: CancellationToken,
) -> BoxStream<'static, Bytes> {
    let state = Some((frames, session, stopping));
    stream::unfold(state, |state| async move {
        let (mut frames, session, stopping) = state?;
        tokio::select! {
            biased;
            () = stopping.cancelled() => None,
            () = session.cancelled() => Some((frame(None, Some(SIGNED_OUT), ""), None)),
            bytes = frames.next() => bytes.map(|bytes| (bytes, Some((frames, session, stopping)))),
            () = tokio::time::sleep(KEEP_ALIVE) => {
                Some((Bytes::from_static(b":\n\n"), Some((frames, session, stopping))))
            }
        }
    })
    .boxed()
}
