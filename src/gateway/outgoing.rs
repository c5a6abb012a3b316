//! The request as the upstream gets it.

use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Uri, Version};

use super::exchange::Visit;
use super::failure::Failure;
use super::forwarded::write_prefix;
use super::headers::{asks_for_websocket, change, clean_cookies, strip_hop_by_hop, welcome_trailers};
use super::route::HostHeader;
use super::shared::Lane;
use super::target::Target;
use super::upload::{Progress, Upload};

pub(super) const LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// How many headers we add.
const OURS: usize = 8;

/// A request for the upstream.
pub(super) struct Outgoing {
    pub(super) request: Request<Upload>,
    /// How far its body is, if it has one.
    pub(super) progress: Option<Arc<Progress>>,
    /// The visitor's end of the tunnel he asks for.
    pub(super) websocket: Option<OnUpgrade>,
}

pub(super) fn outgoing(
    visit: &Visit,
    target: Target,
    mut request: Request<Incoming>,
) -> Result<Outgoing, Failure> {
    let Target { lane, host, path } = target;
    let options = &lane.route.options;
    let websocket = options.websockets
        && !lane.pool.is_h2()
        && request.version() == Version::HTTP_11
        && asks_for_websocket(request.headers());
    let websocket = websocket.then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let unsized_body = !body.is_end_stream() && body.size_hint().exact().is_none();
    let (upload, progress) = Upload::new(body, options.body_limit, &lane.counters);

    let headers = &mut parts.headers;
    // At once, as every one of ours would make it grow again.
    headers.reserve(OURS);
    let trailers = strip_hop_by_hop(headers);
    // hyper has answered it when the body is asked for.
    headers.remove(header::EXPECT);
    if options.basic_auth.is_some() {
        headers.remove(header::AUTHORIZATION);
    }
    clean_cookies(headers, &visit.shared.config.hidden_cookies);
    visit.origin.write(headers, &host);
    if lane.route.strip_prefix
        && let Some(prefix) = &lane.route.path
    {
        write_prefix(headers, prefix.trim_end_matches('/'));
    }
    headers.append(LOOP, visit.shared.mark.clone());
    let asked = match lane.route.upstream.host_header {
        HostHeader::Preserve => host,
        HostHeader::Upstream => lane.upstream_host.clone(),
    };
    headers.insert(header::HOST, asked);
    change(headers, &options.request_headers);
    frame(headers, &lane, websocket.is_some(), trailers, unsized_body);
    address(&mut parts, &lane, path)?;
    Ok(Outgoing { request: Request::from_parts(parts, upload), progress, websocket })
}

/// The headers of this connection, which no setting may change.
fn frame(headers: &mut HeaderMap, lane: &Lane, websocket: bool, trailers: bool, unsized_body: bool) {
    let http1 = !lane.pool.is_h2();
    if trailers {
        welcome_trailers(headers, http1);
    }
    if websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    if unsized_body && http1 {
        // Otherwise hyper thinks that a GET has none.
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

fn address(parts: &mut Parts, lane: &Lane, path: PathAndQuery) -> Result<(), Failure> {
    // What hyper noted about the visitor's connection.
    parts.extensions.clear();
    if !lane.pool.is_h2() {
        parts.version = Version::HTTP_11;
        parts.uri = Uri::from(path);
        return Ok(());
    }
    let unreadable = || Failure::Request("The name of the site it is for cannot be read.");
    let host = parts.headers.remove(header::HOST).ok_or_else(unreadable)?;
    let mut uri = hyper::http::uri::Parts::default();
    uri.scheme = Some(UriScheme::HTTP);
    uri.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| unreadable())?);
    uri.path_and_query = Some(path);
    parts.version = Version::HTTP_2;
    parts.uri = Uri::from_parts(uri).map_err(|_| unreadable())?;
    Ok(())
}
