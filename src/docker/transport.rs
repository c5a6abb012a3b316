//! One HTTP connection per request, with a cap on what may come back.
//!
//! A damaged engine (or something else behind the address) that answers without end must not fill our
//! memory, and bollard reads an answer to its end: so the connection itself counts. A local connection
//! costs 50 µs, so none is kept.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::endpoint::{Endpoint, Kind};

/// What an ordinary answer may weigh.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;
/// What a list may weigh; 30,000 containers weigh some 24 MB.
const MAX_LIST: u64 = 64 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

#[derive(Clone, Debug)]
pub(super) struct Transport {
    pub(super) endpoint: Endpoint,
    /// Nothing but questions passes.
    pub(super) read_only: bool,
}

/// Why a request got no response.
#[derive(Debug)]
pub(super) enum SendError {
    /// It would have changed something.
    ReadOnly,
    Io(io::Error),
    Http(hyper::Error),
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<hyper::Error> for SendError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl Transport {
    /// Sends a request to a path, `/v1.43/events?since=…`, say, with a body of JSON or with none.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        json: Option<Bytes>,
    ) -> Result<Response<Incoming>, SendError> {
        let mut request = Request::builder().method(method).uri(path);
        if json.is_some() {
            // Docker refuses a body that does not say what it is.
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(json.unwrap_or_default()))
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        self.send(request).await
    }

    /// Sends a request on a connection of its own. Every call to the engine, bollard's too, passes here: this
    /// is where `--read-only` holds.
    pub(super) async fn send<B>(&self, mut request: Request<B>) -> Result<Response<Incoming>, SendError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if self.read_only && !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(SendError::ReadOnly);
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let cap = cap(&path);
        *request.uri_mut() = path.parse().map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("docker"));
        let io = tokio::time::timeout(CONNECT_TIMEOUT, self.connect())
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection within 5 s"))??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(Capped { io, left: cap })).await?;
        drive(connection);
        Ok(sender.send_request(request).await?)
    }

    async fn connect(&self) -> io::Result<Box<dyn Io>> {
        match &self.endpoint.kind {
            Kind::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Kind::Tcp { host, port, tls } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let Some(config) = tls else { return Ok(Box::new(stream)) };
                let name = ServerName::try_from(host.clone())
                    .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
                Ok(Box::new(TlsConnector::from(config.clone()).connect(name, stream).await?))
            }
        }
    }
}

/// Lasts as long as its request: it ends when the response is read or dropped.
#[expect(clippy::disallowed_methods, reason = "ends with its response, nothing to supervise")]
fn drive<B>(connection: http1::Connection<TokioIo<Capped>, B>)
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::trace!(%error, "a connection to the engine ended");
        }
    });
}

/// What may come back for a path. A stream has no end; its reader bounds it itself.
fn cap(path: &str) -> u64 {
    const STREAMS: [&str; 5] = ["/events", "/logs", "/attach", "/export", "/get"];
    const LISTS: [&str; 4] = ["/containers/json", "/images/json", "/volumes", "/system/df"];
    let path = path.split('?').next().unwrap_or_default();
    if STREAMS.iter().any(|end| path.ends_with(end)) {
        u64::MAX
    } else if LISTS.iter().any(|end| path.ends_with(end)) {
        MAX_LIST
    } else {
        MAX_ANSWER
    }
}

/// Counts what is read and breaks off when it is too much.
struct Capped {
    io: Box<dyn Io>,
    left: u64,
}

impl AsyncRead for Capped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let read = u64::try_from(buf.filled().len().saturating_sub(before)).unwrap_or(u64::MAX);
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                polled
            }
            None => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is larger than any true answer",
            ))),
        }
    }
}

impl AsyncWrite for Capped {
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
