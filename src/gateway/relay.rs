//! The body of a response on its way to the visitor.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::counters::Open;
use super::pool::Line;
use super::shared::{Lane, Shared};

/// What a visitor gets.
pub(super) enum Reply {
    /// A page of our own, or nothing.
    Page(Bytes),
    /// What the upstream sends.
    Relayed(Relay),
}

/// The upstream's body, with the connection that brings it.
pub(super) struct Relay {
    body: Incoming,
    line: Option<Line>,
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    open: Open,
    idle: Duration,
    /// Runs while we wait for the upstream.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the timer is set for the present wait.
    set: bool,
}

impl Relay {
    pub(super) fn new(
        body: Incoming,
        line: Option<Line>,
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        open: Open,
    ) -> Self {
        let idle = lane.route.options.timeouts.idle;
        Self { body, line, shared: shared.clone(), lane: lane.clone(), open, idle, timer: None, set: false }
    }

    /// Keeps the connection, as the response is complete.
    fn finish(&mut self, cx: &mut Context<'_>) {
        if let Some(line) = self.line.take() {
            self.lane.pool.give_back(line, cx);
        }
    }

    /// The same for a response without a body, which nobody will read.
    pub(super) fn finish_if_empty(&mut self, cx: &mut Context<'_>) {
        if self.body.is_end_stream() {
            self.finish(cx);
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(line) = &mut self.line else { return Pin::new(&mut self.body).poll_frame(cx) };
        let (bell, body) = (line.bell.clone(), &mut self.body);
        bell.poll(cx, |cx| {
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(frame);
            }
            // Nobody else moves the connection.
            let _ended = line.drive(cx);
            Pin::new(&mut *body).poll_frame(cx)
        })
    }

    /// The visitor has the beginning already: all we can do is to break off, and to say so to the operator.
    fn broke(&self, why: String) -> io::Error {
        self.shared.broke(&self.lane, &why);
        io::Error::other(why)
    }

    fn waits_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        let idle = self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        if !self.set {
            self.set = true;
            timer.as_mut().reset(Instant::now() + idle);
        }
        timer.as_mut().poll(cx).is_ready()
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let relay = match &mut *self {
            Self::Page(page) if page.is_empty() => return Poll::Ready(None),
            Self::Page(page) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(page))))),
            Self::Relayed(relay) => relay,
        };
        match relay.next(cx) {
            Poll::Pending if relay.waits_too_long(cx) => {
                let why =
                    format!("it sent nothing for {} s in the middle of a response", relay.idle.as_secs());
                Poll::Ready(Some(Err(relay.broke(why))))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                relay.finish(cx);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                let why = format!("it broke off in the middle of a response ({error})");
                Poll::Ready(Some(Err(relay.broke(why))))
            }
            Poll::Ready(Some(Ok(frame))) => {
                relay.set = false;
                relay.open.0.gave(frame.data_ref().map_or(0, Bytes::len));
                if relay.body.is_end_stream() {
                    relay.finish(cx);
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Page(page) => page.is_empty(),
            Self::Relayed(relay) => relay.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Page(page) => SizeHint::with_exact(page.len() as u64),
            Self::Relayed(relay) => relay.body.size_hint(),
        }
    }
}
