//! What a route is: where it is found, where it leads, and under which conditions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use ipnet::IpNet;

/// One way from a host (and a part of its paths) to an upstream.
#[derive(Debug, Clone)]
pub struct Route {
    /// The route's lasting name: its counters outlive changes of everything else.
    pub id: Arc<str>,
    /// Host names in ASCII (punycode for others), addresses, or wildcards such as `*.example.org`.
    pub hosts: Vec<String>,
    /// Only paths below this one, `/app`, say; without it, all.
    pub path: Option<String>,
    /// Whether the upstream sees the path without that prefix (then `X-Forwarded-Prefix` tells it).
    pub strip_prefix: bool,
    /// Where it leads.
    pub upstream: Upstream,
    /// Under which conditions.
    pub options: RouteOptions,
}

/// What an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As it stands in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant when none is named.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The server behind a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// What it speaks.
    pub scheme: Scheme,
    /// Its name or address: resolved when `at` says so, the name its certificate must bear, and the `Host` it is
    /// asked for with [`HostHeader::Upstream`].
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is reached.
    pub at: Destination,
    /// Cleartext HTTP/2 with prior knowledge, for gRPC, say. Of no effect with https.
    pub h2c: bool,
    /// Whether its certificate must be valid.
    pub verify_tls: bool,
    /// Which `Host` it is asked for.
    pub host_header: HostHeader,
}

impl Upstream {
    /// An upstream at an address, with every default.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            scheme: Scheme::Http,
            host: address.ip().to_string(),
            port: address.port(),
            at: Destination::Addresses(vec![address]),
            h2c: false,
            verify_tls: true,
            host_header: HostHeader::Preserve,
        }
    }
}

/// How an upstream is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// At one of these, tried in turn.
    Addresses(Vec<SocketAddr>),
    /// Wherever its name leads when a connection is made.
    Resolve,
    /// Not at all, and why, in words for an operator.
    Unreachable(String),
}

/// Which `Host` an upstream is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostHeader {
    /// The visitor's.
    Preserve,
    /// The upstream's own.
    Upstream,
}

/// Conditions of a route. The default forwards everything to everybody.
#[derive(Debug, Clone)]
pub struct RouteOptions {
    /// Whether WebSockets pass.
    pub websockets: bool,
    /// Headers that requests get, and lose, on their way to the upstream.
    pub request_headers: HeaderChanges,
    /// Headers that responses get, and lose, on their way to the visitor.
    pub response_headers: HeaderChanges,
    /// How many bytes the body of a request may have.
    pub body_limit: Option<u64>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Who may pass, by name and password.
    pub basic_auth: Option<BasicAuth>,
    /// Who may pass, by address.
    pub addresses: AddressRules,
    /// Nobody passes: it is being worked on.
    pub maintenance: Option<Maintenance>,
    /// How many requests and tunnels may be open at once.
    pub max_concurrent: Option<u64>,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self {
            websockets: true,
            request_headers: HeaderChanges::default(),
            response_headers: HeaderChanges::default(),
            body_limit: None,
            timeouts: Timeouts::default(),
            basic_auth: None,
            addresses: AddressRules::default(),
            maintenance: None,
            max_concurrent: None,
        }
    }
}

/// Headers to set (over what is there) and to remove, in that order of doing: removed first, then set.
#[derive(Debug, Clone, Default)]
pub struct HeaderChanges {
    /// Set to this value.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Taken away.
    pub remove: Vec<HeaderName>,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to the upstream, its name's resolution and TLS included.
    pub connect: Duration,
    /// For the upstream's response, once it has the whole request.
    pub first_byte: Duration,
    /// For the next piece of a body, in either direction.
    pub idle: Duration,
    /// For the next byte through a tunnel (a WebSocket), in either direction.
    pub tunnel_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            // Long: streams of events may be silent for minutes.
            idle: Duration::from_secs(5 * 60),
            tunnel_idle: Duration::from_secs(60 * 60),
        }
    }
}

/// Who may pass, by name and password.
#[derive(Debug, Clone)]
pub struct BasicAuth {
    /// What the browser calls it when it asks.
    pub realm: String,
    /// The users.
    pub users: Vec<BasicUser>,
}

/// A user of a route.
#[derive(Clone)]
pub struct BasicUser {
    /// The name.
    pub name: String,
    /// The password's argon2 hash as a PHC string.
    pub password_hash: String,
}

impl std::fmt::Debug for BasicUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BasicUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who may pass, by address. Denied beats allowed; an empty `allow` allows all.
#[derive(Debug, Clone, Default)]
pub struct AddressRules {
    /// When there are any, nobody else passes.
    pub allow: Vec<IpNet>,
    /// Never pass.
    pub deny: Vec<IpNet>,
}

/// What visitors read while a site is being worked on.
#[derive(Debug, Clone, Default)]
pub struct Maintenance {
    /// One or two sentences; a default when empty.
    pub message: String,
    /// When to come back.
    pub retry_after: Option<Duration>,
}
