//! New connections to upstreams.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::DialError;
use super::no_verify::NoVerify;
use super::route::{Destination, Scheme, Upstream};
use crate::platform::addresses::is_forbidden;

/// Makes connections.
pub(super) struct Dialer {
    verified: TlsConnector,
    unverified: TlsConnector,
}

/// A connection to an upstream, and whether anything came back on it.
pub(super) struct Wire {
    io: Io,
    heard: Heard,
}

/// Set when a byte comes back; cleared before a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<AtomicBool>);

impl Heard {
    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(super) fn anything(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Dialer {
    pub(super) fn new(extra: &[CertificateDer<'static>]) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let (_, bad) = roots.add_parsable_certificates(extra.iter().cloned());
        if bad > 0 {
            tracing::warn!(certificates = bad, "some authorities for upstreams cannot be read");
        }
        let unverified = NoVerify::new(&provider);
        let verified =
            ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let verified = verified.map(|config| config.with_root_certificates(roots).with_no_client_auth());
        let lax = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let lax = lax.map(|config| {
            config.dangerous().with_custom_certificate_verifier(Arc::new(unverified)).with_no_client_auth()
        });
        Self { verified: connector(verified), unverified: connector(lax) }
    }

    /// A connection to an upstream, within a time, but never to `own`.
    pub(super) async fn dial(
        &self,
        upstream: &Upstream,
        within: Duration,
        own: impl Fn(SocketAddr, Option<IpAddr>) -> bool,
    ) -> Result<(Wire, Heard), DialError> {
        let dialed = tokio::time::timeout(within, async {
            let stream = connect(upstream, own).await?;
            match upstream.scheme {
                Scheme::Http => Ok(Io::Plain(stream)),
                Scheme::Https => self.handshake(upstream, stream).await,
            }
        });
        let io = dialed.await.map_err(|_| DialError::TimedOut(within))??;
        let heard = Heard::default();
        Ok((Wire { io, heard: heard.clone() }, heard))
    }

    async fn handshake(&self, upstream: &Upstream, stream: TcpStream) -> Result<Io, DialError> {
        let name = upstream.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|error| DialError::Tls(error.to_string()))?;
        let connector = if upstream.verify_tls { &self.verified } else { &self.unverified };
        let stream =
            connector.connect(name, stream).await.map_err(|error| DialError::Tls(tls_words(&error)))?;
        Ok(Io::Tls(Box::new(stream)))
    }
}

/// ring speaks every protocol version that is on by default.
fn connector(config: Result<ClientConfig, rustls::Error>) -> TlsConnector {
    let mut config = config.unwrap_or_else(|error| {
        tracing::error!(%error, "TLS cannot be set up; no https upstream will be reached");
        ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    });
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    upstream: &Upstream,
    own: impl Fn(SocketAddr, Option<IpAddr>) -> bool,
) -> Result<TcpStream, DialError> {
    let resolved;
    let addresses = match &upstream.at {
        Destination::Unreachable(why) => return Err(DialError::Unreachable(why.clone())),
        Destination::Addresses(addresses) => addresses.as_slice(),
        Destination::Resolve => {
            let name = upstream.host.trim_start_matches('[').trim_end_matches(']');
            let found = tokio::net::lookup_host((name, upstream.port)).await.map_err(DialError::Name)?;
            resolved = found.collect::<Vec<_>>();
            resolved.as_slice()
        }
    };
    let mut last = DialError::NoAddress;
    for address in addresses {
        if own(*address, None) {
            return Err(DialError::Own);
        }
        // Also behind a name: there, clouds keep the credentials of the machine.
        if is_forbidden(address.ip()) {
            return Err(DialError::Unreachable(format!("{} is link-local, and never led to.", address.ip())));
        }
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // From one of our addresses to the same one: it is this host, whatever it is called.
                if own(*address, stream.local_addr().ok().map(|local| local.ip())) {
                    return Err(DialError::Own);
                }
                let _slower = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => last = DialError::Refused,
            Err(error) => last = DialError::Io(error),
        }
    }
    Err(last)
}

fn tls_words(error: &io::Error) -> String {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return error.to_string();
    };
    match tls {
        rustls::Error::InvalidMessage(_) => "it does not speak TLS: choose http".to_owned(),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is signed by nobody this host trusts: turn the check off if that is meant"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("its certificate is for another name ({tls})"),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => {
            format!("its certificate has expired ({tls})")
        }
        other => other.to_string(),
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            self.heard.0.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Io::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(io) => io.is_write_vectored(),
            Io::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
