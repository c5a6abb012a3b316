//! What the gateway as a whole is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;

use crate::platform::clock::SharedClock;

/// What the gateway is told once, at the start.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Proxies in front of us, whose `X-Forwarded-*` and `Forwarded` count.
    pub trusted_proxies: Arc<[IpNet]>,
    /// Where this product listens besides the gateway: never an upstream, as that would be a loop. An unspecified
    /// address (`0.0.0.0`) stands for every address of this host.
    pub own_addresses: Arc<[SocketAddr]>,
    /// Cookies that are ours and that no upstream may read or set: cookies ignore ports.
    pub hidden_cookies: Arc<[String]>,
    /// Authorities trusted for https upstreams besides the public ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Bounds for everything together.
    pub limits: Limits,
    /// The time of errors.
    pub clock: SharedClock,
}

impl GatewayConfig {
    /// Trusts nobody, hides nothing, with the default limits.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            trusted_proxies: Arc::default(),
            own_addresses: Arc::default(),
            hidden_cookies: Arc::default(),
            extra_roots: Vec::new(),
            limits: Limits::default(),
            clock,
        }
    }
}

/// Bounds for everything together.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections of visitors at once; more wait to be accepted.
    pub connections: usize,
    /// Requests at once on one HTTP/2 connection.
    pub h2_streams: u32,
    /// What the head of a request may weigh, in bytes; and that of a response.
    pub head_bytes: usize,
    /// For the head of a request, and between two requests on a connection.
    pub head_within: Duration,
    /// How long a visitor may not take what is sent to him.
    pub stalled_within: Duration,
    /// Connections kept open to each upstream while nobody uses them.
    pub idle_upstreams: usize,
    /// How long they are kept.
    pub idle_upstreams_for: Duration,
    /// How long open requests may take when the product stops.
    pub drain: Duration,
    /// The longest pause before a port that was taken is tried again.
    pub rebind_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            h2_streams: 128,
            head_bytes: 32 * 1024,
            head_within: Duration::from_secs(15),
            stalled_within: Duration::from_secs(60),
            idle_upstreams: 128,
            idle_upstreams_for: Duration::from_secs(60),
            drain: Duration::from_secs(10),
            rebind_within: Duration::from_secs(30),
        }
    }
}
