//! One visitor's connection, whatever carries it. A listener with TLS hands over what it decrypts, with the name and the
//! protocol of the handshake; nothing here knows of TLS.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::exchange::{Visit, answer};
use super::forwarded::Origin;
use super::route::Scheme;
use super::scan::Verdict;
use super::shared::Shared;
use super::stream::Visitor;
use super::tasks::Tasks;

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is known of a connection before its first request.
pub(super) struct Arrival {
    /// Whose it is.
    pub(super) peer: IpAddr,
    /// What the visitor speaks.
    pub(super) scheme: Scheme,
    /// The name he asked for in the TLS handshake.
    pub(super) sni: Option<String>,
    /// What was agreed on there; without, the first bytes tell.
    pub(super) protocol: Option<Protocol>,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Serves a connection until it ends. When `closing` is cancelled it finishes what it has begun.
pub(super) async fn serve<S>(
    shared: Arc<Shared>,
    tasks: Tasks,
    mut stream: S,
    arrival: Arrival,
    closing: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.config.limits;
    let (begun, protocol) = match arrival.protocol {
        Some(protocol) => (Bytes::new(), protocol),
        None => tokio::select! {
            begun = tokio::time::timeout(limits.head_within, begin(&mut stream)) => match begun {
                Ok(Some(begun)) => begun,
                _ => return,
            },
            () = closing.cancelled() => return,
        },
    };
    let verdict = Arc::new(Verdict::default());
    let watch = (protocol == Protocol::Http1).then(|| verdict.clone());
    let io = TokioIo::new(Visitor::new(stream, begun, watch, limits.stalled_within));
    let visit = Arc::new(Visit {
        origin: Origin::new(arrival.peer, arrival.scheme, &shared.config.trusted_proxies),
        scheme: arrival.scheme,
        sni: arrival.sni,
        verdict,
        served: AtomicU32::new(0),
        shared,
        tasks: tasks.clone(),
    });
    let service = service_fn(move |request| {
        let visit = visit.clone();
        async move { answer(&visit, request).await }
    });
    // Both kinds of connection end alike, but have no trait in common.
    macro_rules! run {
        ($connection:expr) => {{
            let mut connection = std::pin::pin!($connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }};
    }
    let ended = match protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head_within)
                .max_buf_size((limits.head_bytes * 2).max(64 * 1024));
            run!(builder.serve_connection(io, service).with_upgrades())
        }
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(tasks);
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(limits.h2_streams)
                .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
                .keep_alive_interval(limits.head_within)
                .keep_alive_timeout(limits.head_within)
                .adaptive_window(true);
            run!(builder.serve_connection(io, service))
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a visitor's connection ended early");
    }
}

/// Reads until it is clear which protocol it is.
async fn begin(stream: &mut (impl AsyncRead + Unpin)) -> Option<(Bytes, Protocol)> {
    let mut begun = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut begun).await.ok()? == 0 {
            return None;
        }
        let compared = begun.len().min(PREFACE.len());
        if begun.get(..compared) != PREFACE.get(..compared) {
            return Some((begun.freeze(), Protocol::Http1));
        }
        if compared == PREFACE.len() {
            return Some((begun.freeze(), Protocol::Http2));
        }
    }
}
