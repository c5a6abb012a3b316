//! What an upstream is told of the visitor. Anybody can write these headers; only trusted proxies are believed.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::host::port_of;
use super::route::Scheme;

pub(super) const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The facts of a connection, written once for all its requests.
#[derive(Debug)]
pub(super) struct Origin {
    peer: IpAddr,
    trusted: bool,
    address: HeaderValue,
    proto: HeaderValue,
    /// The port that is meant when the visitor names none.
    port: HeaderValue,
    /// `for=…;proto=…` of `Forwarded`.
    element: String,
}

/// An address as proxies write it: some with a port, IPv6 in brackets.
fn read(item: &str) -> Option<IpAddr> {
    let bare = item.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| item.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

impl Origin {
    pub(super) fn new(peer: IpAddr, scheme: Scheme, trusted: &[IpNet]) -> Self {
        let address = peer.to_canonical();
        let text = address.to_string();
        let element = match address {
            IpAddr::V4(_) => format!("for={text};proto={}", scheme.as_str()),
            IpAddr::V6(_) => format!("for=\"[{text}]\";proto={}", scheme.as_str()),
        };
        Self {
            peer: address,
            trusted: trusts(trusted, address),
            // An address is always a valid value.
            address: HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("unknown")),
            proto: HeaderValue::from_static(scheme.as_str()),
            port: HeaderValue::from(scheme.default_port()),
            element,
        }
    }

    /// Whose request it is: the last address that is no trusted proxy.
    pub(super) fn visitor(&self, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
        let mut nearest = self.peer;
        if !self.trusted {
            return nearest;
        }
        let lines: Vec<_> = headers.get_all(FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        for item in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            // What cannot be read is nobody we know: no rule that is for the proxy itself may let it pass.
            nearest = read(item.trim()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
            if !trusts(trusted, nearest) {
                break;
            }
        }
        nearest
    }

    /// Writes what the upstream is told: over what a stranger said, after what a trusted proxy said.
    pub(super) fn write(&self, headers: &mut HeaderMap, host: &HeaderValue) {
        strip_lookalikes(headers);
        headers.remove(PREFIX);
        if self.trusted {
            self.append(headers, host);
            return;
        }
        headers.insert(FOR, self.address.clone());
        headers.insert(REAL_IP, self.address.clone());
        headers.insert(PROTO, self.proto.clone());
        headers.insert(HOST, host.clone());
        headers.insert(PORT, self.port(host));
        if let Some(value) = self.element(host) {
            headers.insert(header::FORWARDED, value);
        }
    }

    fn append(&self, headers: &mut HeaderMap, host: &HeaderValue) {
        let peer = String::from_utf8_lossy(self.address.as_bytes());
        append_to(headers, FOR, &peer);
        if let Some(element) = self.element(host) {
            append_to(headers, header::FORWARDED, &String::from_utf8_lossy(element.as_bytes()));
        }
        let port = self.port(host);
        for (name, value) in [(PROTO, &self.proto), (HOST, host), (PORT, &port), (REAL_IP, &self.address)] {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    fn port(&self, host: &HeaderValue) -> HeaderValue {
        match host.to_str().ok().and_then(port_of) {
            Some(port) => HeaderValue::from(port),
            None => self.port.clone(),
        }
    }

    fn element(&self, host: &HeaderValue) -> Option<HeaderValue> {
        let mut element = String::with_capacity(self.element.len() + host.len() + 8);
        element.push_str(&self.element);
        // Checked before: a host has no quotes.
        let _ = write!(element, ";host=\"{}\"", host.to_str().ok()?);
        HeaderValue::try_from(element).ok()
    }
}

/// Tells which part of the path the upstream does not see.
pub(super) fn write_prefix(headers: &mut HeaderMap, prefix: &str) {
    if let Ok(value) = HeaderValue::from_str(prefix) {
        headers.insert(PREFIX, value);
    }
}

fn trusts(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

fn append_to(headers: &mut HeaderMap, name: HeaderName, item: &str) {
    let lines: Vec<_> = headers.get_all(&name).iter().filter_map(|line| line.to_str().ok()).collect();
    let all = if lines.is_empty() { item.to_owned() } else { format!("{}, {item}", lines.join(", ")) };
    if let Ok(value) = HeaderValue::try_from(all) {
        headers.insert(name, value);
    }
}

/// `X_Forwarded_For` is the same as `X-Forwarded-For` to CGI, WSGI and their kin.
fn strip_lookalikes(headers: &mut HeaderMap) {
    let alike = |name: &HeaderName| {
        let name = name.as_str();
        name.contains('_')
            && [&FOR, &PROTO, &HOST, &PORT, &REAL_IP, &PREFIX]
                .iter()
                .any(|ours| name.replace('_', "-") == ours.as_str())
    };
    while let Some(name) = headers.keys().find(|name| alike(name)).cloned() {
        headers.remove(name);
    }
}
