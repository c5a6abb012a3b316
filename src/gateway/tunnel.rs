//! WebSockets: once both sides have switched, bytes go both ways until one side ends or both fall silent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Response;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::counters::{Counters, Open};
use super::pool::Line;
use super::tasks::Tasks;

/// How long both ends may take to switch, after both have said that they will.
const SWITCH_WITHIN: Duration = Duration::from_secs(10);

/// Joins the two ends in a task of its own.
pub(super) fn begin(
    tasks: &Tasks,
    visitor: OnUpgrade,
    response: &mut Response<Incoming>,
    line: Option<Line>,
    open: Open,
    idle: Duration,
) {
    let upstream = hyper::upgrade::on(response);
    let closing = tasks.closing.clone();
    let driver = line.and_then(Line::into_driver);
    tasks.spawn(async move {
        let switched = async {
            // The upstream's end comes out of its connection, which must be moved on for that.
            let driven = async {
                if let Some(driver) = driver {
                    let _ended = driver.await;
                }
                Ok(())
            };
            let (visitor, upstream, ()) = tokio::try_join!(visitor, upstream, driven)?;
            Ok::<_, hyper::Error>((visitor, upstream))
        };
        let Ok(Ok((visitor, upstream))) = tokio::time::timeout(SWITCH_WITHIN, switched).await else { return };
        tokio::select! {
            ended = join(visitor, upstream, &open.0, idle) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a tunnel broke off");
                }
            }
            // It has no end that could be waited for.
            () = closing.cancelled() => {}
        }
    });
}

async fn join(visitor: Upgraded, upstream: Upgraded, counters: &Counters, idle: Duration) -> io::Result<()> {
    let moved = Arc::new(AtomicU64::new(0));
    let end = |io| End { io: TokioIo::new(io), moved: moved.clone(), read: AtomicU64::new(0) };
    let (mut visitor, mut upstream) = (end(visitor), end(upstream));
    let ended = {
        let mut copied = std::pin::pin!(tokio::io::copy_bidirectional(&mut visitor, &mut upstream));
        let mut before = 0;
        loop {
            tokio::select! {
                ended = &mut copied => break ended.map(|_| ()),
                () = tokio::time::sleep(idle) => {
                    let now = moved.load(Ordering::Relaxed);
                    if now == before {
                        break Ok(());
                    }
                    before = now;
                }
            }
        }
    };
    counters.took(usize::try_from(visitor.read.load(Ordering::Relaxed)).unwrap_or(usize::MAX));
    counters.gave(usize::try_from(upstream.read.load(Ordering::Relaxed)).unwrap_or(usize::MAX));
    ended
}

/// One end, which notes that something came.
struct End {
    io: TokioIo<Upgraded>,
    moved: Arc<AtomicU64>,
    read: AtomicU64,
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let bytes = buf.filled().len().saturating_sub(before) as u64;
        if bytes > 0 {
            self.moved.fetch_add(bytes, Ordering::Relaxed);
            self.read.fetch_add(bytes, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for End {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
