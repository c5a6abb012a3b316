//! What a request is for, once it is sure that everybody behind us would read it the same way.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri, Version};

use super::failure::Failure;
use super::headers::weight;
use super::host::{host_of, port_of};
use super::path::{Meaning, meaning};
use super::route::{Route, Scheme};
use super::scan::Smell;
use super::shared::{Lane, Live};

/// Where a request goes.
pub(super) struct Target {
    pub(super) lane: Arc<Lane>,
    /// The host as the visitor wrote it.
    pub(super) host: HeaderValue,
    /// What the upstream is asked for.
    pub(super) path: PathAndQuery,
}

/// What is known of a connection.
pub(super) struct Facts<'a> {
    pub(super) scheme: Scheme,
    pub(super) sni: Option<&'a str>,
    pub(super) smell: Option<Smell>,
    pub(super) head_bytes: usize,
}

/// Checks a request and finds its route.
pub(super) fn target(live: &Live, request: &Request<Incoming>, facts: &Facts<'_>) -> Result<Target, Failure> {
    let (headers, uri) = (request.headers(), request.uri());
    match facts.smell {
        Some(Smell::TwoLengths) => {
            return Err(Failure::Request("It says in two ways how long it is, and only one can be true."));
        }
        Some(Smell::BareLineFeed) => return Err(Failure::Request("Its lines do not end as they must.")),
        None => {}
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Failure::Method);
    }
    if weight(headers) + uri.path().len() + uri.query().map_or(0, str::len) > facts.head_bytes {
        return Err(Failure::HeadTooLarge);
    }
    check_encoding(headers)?;
    let host = host(request, facts.scheme)?;
    let name = host.to_str().ok().and_then(host_of).ok_or(BAD_HOST)?;
    if facts.sni.is_some_and(|sni| host_of(sni).as_deref() != Some(&*name)) {
        return Err(Failure::Misdirected);
    }
    let meaning = meaning(uri.path()).ok_or(Failure::Request("Its path leads nowhere."))?;
    if !meaning.routed.starts_with('/') {
        return Err(Failure::Request("Its path does not begin at the root."));
    }
    let found = live.table.find(&name, &meaning.routed).ok_or(Failure::NoSite)?;
    let lane = live.lanes.get(found).ok_or(Failure::NoSite)?.clone();
    let path = path(&lane.route, &meaning, uri)?;
    drop(name);
    Ok(Target { lane, host, path })
}

const BAD_HOST: Failure = Failure::Request("The name of the site it is for cannot be read.");

/// Any coding but `chunked` would have to be undone by somebody, and who that is can be argued about.
fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(first) = lines.next() else { return Ok(()) };
    if lines.next().is_some() || !first.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Err(Failure::Request("It uses a transfer coding that is not known here."));
    }
    Ok(())
}

/// The one host a request names.
fn host(request: &Request<Incoming>, scheme: Scheme) -> Result<HeaderValue, Failure> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let (first, more) = (named.next(), named.next());
    if more.is_some() {
        return Err(Failure::Request("It names the site it is for more than once."));
    }
    let authority = request.uri().authority().map(|authority| authority.as_str());
    match (first, authority) {
        (Some(host), None) => Ok(host.clone()),
        (Some(host), Some(authority)) => {
            let same = |host: &str| {
                let port = |text| port_of(text).unwrap_or(scheme.default_port());
                host_of(host).is_some()
                    && host_of(host) == host_of(authority)
                    && port(host) == port(authority)
            };
            match host.to_str() {
                Ok(text) if same(text) => Ok(host.clone()),
                _ => Err(Failure::Request("It names two different sites.")),
            }
        }
        // HTTP/2 has it in a pseudo-header; in HTTP/1 the header must be there even so.
        (None, Some(authority)) if request.version() == Version::HTTP_2 => {
            HeaderValue::from_str(authority).map_err(|_| BAD_HOST)
        }
        (None, _) => Err(Failure::Request("It does not name the site it is for.")),
    }
}

/// The path for the upstream: as it came, unless it had to be resolved or loses its prefix.
fn path(route: &Route, meaning: &Meaning<'_>, uri: &Uri) -> Result<PathAndQuery, Failure> {
    let prefix = route.path.as_deref().unwrap_or_default().trim_end_matches('/');
    let changed = if route.strip_prefix && !prefix.is_empty() {
        let rest = below(&meaning.sent, prefix).or_else(|| below(&meaning.routed, prefix));
        Some(match rest.unwrap_or(&meaning.routed) {
            "" => "/",
            rest => rest,
        })
    } else {
        match &meaning.sent {
            Cow::Owned(resolved) => Some(resolved.as_str()),
            Cow::Borrowed(_) => None,
        }
    };
    let Some(changed) = changed else {
        return Ok(uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
    };
    let whole = match uri.query() {
        Some(query) => format!("{changed}?{query}"),
        None => changed.to_owned(),
    };
    PathAndQuery::try_from(whole).map_err(|_| Failure::Request("Its path cannot be read."))
}

fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}
