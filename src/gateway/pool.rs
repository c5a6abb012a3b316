//! Connections to upstreams: made, kept, and used again.
//!
//! An HTTP/1 connection is driven by whoever uses it, within his own task: a request costs no task switch, and when the
//! visitor goes away everything he held goes with him. An HTTP/2 connection is shared and has a task of its own.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, Sleep};

use super::bell::Bell;
use super::config::Limits;
use super::dial::{Heard, Wire};
use super::failure::{DialError, Failure};
use super::route::{Scheme, Upstream};
use super::shared::Shared;
use super::tasks::Tasks;
use super::upload::Upload;

/// What drives an HTTP/1 connection; it has no name outside hyper.
type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// An HTTP/1 connection that nobody else uses.
pub(super) struct Line {
    pub(super) sender: http1::SendRequest<Upload>,
    driver: Option<Driver>,
    pub(super) heard: Heard,
    used: Instant,
    pub(super) bell: Arc<Bell>,
    /// Of the present wait. It stays in place from request to request: to put a deadline off costs next to nothing.
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    /// Whether it served a request before.
    pub(super) pooled: bool,
}

/// One upstream, as all routes that lead to it share it.
pub(super) struct Pool {
    pub(super) upstream: Upstream,
    idle: Mutex<VecDeque<Line>>,
    shared: tokio::sync::Mutex<Option<http2::SendRequest<Upload>>>,
    keep: usize,
    keep_for: Duration,
}

/// A way to send one request.
pub(super) enum Way {
    Line(Line),
    /// A stream of an HTTP/2 connection, and whether that is older than the request.
    Stream(http2::SendRequest<Upload>, bool),
}

impl Way {
    /// Whether it is older than the request, and may have died meanwhile.
    pub(super) fn is_old(&self) -> bool {
        match self {
            Self::Line(line) => line.pooled,
            Self::Stream(_, pooled) => *pooled,
        }
    }
}

impl Line {
    /// Moves the connection on; the result when it has ended. After that it stays ended.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Error>> {
        let Some(driver) = &mut self.driver else { return Poll::Ready(None) };
        match driver.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(ended) => {
                self.driver = None;
                Poll::Ready(ended.err())
            }
        }
    }

    /// The same, until nothing moves without the outside.
    fn move_on(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Error>> {
        let bell = self.bell.clone();
        bell.poll(cx, |cx| self.drive(cx))
    }

    /// What is left to drive, for an upgrade to come through.
    pub(super) fn into_driver(self) -> Option<Driver> {
        self.driver
    }
}

impl Pool {
    pub(super) fn new(upstream: Upstream, limits: &Limits) -> Self {
        Self {
            upstream,
            idle: Mutex::default(),
            shared: tokio::sync::Mutex::default(),
            keep: limits.idle_upstreams,
            keep_for: limits.idle_upstreams_for,
        }
    }

    /// Whether requests share one HTTP/2 connection.
    pub(super) fn is_h2(&self) -> bool {
        self.upstream.h2c && self.upstream.scheme == Scheme::Http
    }

    /// A connection that was used before and is still alive, or a new one.
    pub(super) async fn take(
        &self,
        shared: &Shared,
        tasks: &Tasks,
        within: Duration,
    ) -> Result<Way, Failure> {
        if self.is_h2() {
            return self.stream_within(shared, tasks, within).await;
        }
        if let Some(line) = std::future::poll_fn(|cx| Poll::Ready(self.idle_line(cx))).await {
            return Ok(Way::Line(line));
        }
        self.fresh(shared, tasks, within).await
    }

    /// A new connection.
    pub(super) async fn fresh(
        &self,
        shared: &Shared,
        tasks: &Tasks,
        within: Duration,
    ) -> Result<Way, Failure> {
        if self.is_h2() {
            return self.stream_within(shared, tasks, within).await;
        }
        let (wire, heard) = self.dial(shared, within).await?;
        let head_bytes = shared.config.limits.head_bytes;
        let handshake = http1::Builder::new()
            .max_buf_size((head_bytes * 2).max(64 * 1024))
            .max_header_size(head_bytes)
            .handshake(TokioIo::new(wire))
            .await;
        let (sender, connection) = handshake.map_err(|error| Failure::Broken(error.to_string()))?;
        Ok(Way::Line(Line {
            sender,
            driver: Some(Box::pin(connection.with_upgrades())),
            heard,
            used: Instant::now(),
            bell: Arc::new(Bell::new()),
            timer: None,
            pooled: false,
        }))
    }

    /// Keeps a connection for the next request, if it is in a state for one.
    pub(super) fn give_back(&self, mut line: Line, cx: &mut Context<'_>) {
        if line.move_on(cx).is_ready() || !line.sender.is_ready() {
            return;
        }
        line.used = Instant::now();
        line.pooled = true;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.keep {
            idle.push_back(line);
        }
    }

    /// Lets go of connections that nobody used for long, and of those the upstream closed.
    pub(super) fn sweep(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain_mut(|line| line.used.elapsed() < self.keep_for && line.drive(&mut cx).is_pending());
    }

    /// How many connections wait for a request.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The one that was used last is the likeliest to be alive.
    fn idle_line(&self, cx: &mut Context<'_>) -> Option<Line> {
        loop {
            let mut line = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop_back()?;
            if line.used.elapsed() < self.keep_for && line.move_on(cx).is_pending() && line.sender.is_ready()
            {
                return Some(line);
            }
        }
    }

    /// One connection is made at a time; who waits for it waits no longer than for one of his own.
    async fn stream_within(&self, shared: &Shared, tasks: &Tasks, within: Duration) -> Result<Way, Failure> {
        let waited = tokio::time::timeout(within, self.stream(shared, tasks, within)).await;
        waited.unwrap_or(Err(Failure::Dial(DialError::TimedOut(within))))
    }

    async fn stream(&self, shared: &Shared, tasks: &Tasks, within: Duration) -> Result<Way, Failure> {
        let mut held = self.shared.lock().await;
        if let Some(sender) = held.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(Way::Stream(sender.clone(), true));
        }
        let (wire, _) = self.dial(shared, within).await?;
        let limits = &shared.config.limits;
        let handshake = http2::Builder::new(tasks.clone())
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .adaptive_window(true)
            .handshake(TokioIo::new(wire))
            .await;
        let (sender, connection) = handshake.map_err(|error| Failure::Broken(error.to_string()))?;
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an HTTP/2 connection to an upstream ended");
            }
        });
        *held = Some(sender.clone());
        Ok(Way::Stream(sender, false))
    }

    async fn dial(&self, shared: &Shared, within: Duration) -> Result<(Wire, Heard), Failure> {
        let own = |address, from| shared.is_own(address, from);
        let dialed: Result<_, DialError> = shared.dialer.dial(&self.upstream, within, own).await;
        dialed.map_err(Failure::Dial)
    }
}
