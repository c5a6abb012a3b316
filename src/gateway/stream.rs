//! A visitor's connection as hyper sees it: its bytes are watched, and a visitor who stops reading is let go.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::scan::{Scanner, Verdict};

pub(super) struct Visitor<S> {
    io: S,
    /// What was read to find out which protocol it is.
    begun: Bytes,
    scanner: Option<(Scanner, Arc<Verdict>)>,
    stalled_within: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Visitor<S> {
    pub(super) fn new(io: S, begun: Bytes, watch: Option<Arc<Verdict>>, stalled_within: Duration) -> Self {
        Self {
            io,
            begun,
            scanner: watch.map(|verdict| (Scanner::new(), verdict)),
            stalled_within,
            stalled: None,
        }
    }

    fn saw(&mut self, bytes: &[u8]) {
        if let Some((scanner, verdict)) = &mut self.scanner {
            scanner.feed(bytes, verdict);
        }
    }

    /// Ends a write that has been waiting for too long.
    fn timed<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let within = self.stalled_within;
        let timer =
            self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + within)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Visitor<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let polled = if this.begun.is_empty() {
            Pin::new(&mut this.io).poll_read(cx, buf)
        } else {
            let piece = this.begun.len().min(buf.remaining());
            buf.put_slice(this.begun.get(..piece).unwrap_or_default());
            this.begun.advance(piece);
            Poll::Ready(Ok(()))
        };
        this.saw(buf.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Visitor<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.timed(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.timed(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
