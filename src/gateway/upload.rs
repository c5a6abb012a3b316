//! The body of a request on its way to an upstream: counted, bounded, never kept.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::counters::Counters;

/// The body of a request.
pub(super) enum Upload {
    /// None.
    Empty,
    /// As it comes.
    Streamed(Box<Streamed>),
}

pub(super) struct Streamed {
    body: Incoming,
    left: u64,
    progress: Arc<Progress>,
    counters: Arc<Counters>,
}

/// How far an upload is, for who waits for the response.
#[derive(Debug, Default)]
pub(super) struct Progress {
    moved: AtomicU64,
    waiting: AtomicBool,
    finished: AtomicBool,
    too_large: AtomicBool,
}

impl Progress {
    /// Grows with each piece.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Whether it is the visitor who lets us wait.
    pub(super) fn waits_for_visitor(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether the upstream has it all.
    pub(super) fn finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Whether it was more than allowed.
    pub(super) fn too_large(&self) -> bool {
        self.too_large.load(Ordering::Relaxed)
    }
}

/// Why an upload broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    #[error("the body is larger than the route takes")]
    TooLarge,
    #[error("the visitor's connection broke off: {0}")]
    Visitor(hyper::Error),
}

impl Upload {
    pub(super) fn new(
        body: Incoming,
        limit: Option<u64>,
        counters: &Arc<Counters>,
    ) -> (Self, Option<Arc<Progress>>) {
        if body.is_end_stream() {
            return (Self::Empty, None);
        }
        let progress = Arc::new(Progress::default());
        let streamed = Streamed {
            body,
            left: limit.unwrap_or(u64::MAX),
            progress: progress.clone(),
            counters: counters.clone(),
        };
        (Self::Streamed(Box::new(streamed)), Some(progress))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Streamed(streamed) => streamed.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streamed(streamed) => streamed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streamed(streamed) => streamed.body.size_hint(),
        }
    }
}

impl Streamed {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.waiting.store(polled.is_pending(), Ordering::Relaxed);
        let Poll::Ready(frame) = polled else { return Poll::Pending };
        self.progress.moved.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(match frame {
            None => {
                self.progress.finished.store(true, Ordering::Relaxed);
                None
            }
            Some(Err(error)) => Some(Err(UploadError::Visitor(error))),
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let Some(left) = self.left.checked_sub(bytes as u64) else {
                    self.progress.too_large.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(UploadError::TooLarge)));
                };
                self.left = left;
                self.counters.took(bytes);
                if self.body.is_end_stream() {
                    self.progress.finished.store(true, Ordering::Relaxed);
                }
                Some(Ok(frame))
            }
        })
    }
}
