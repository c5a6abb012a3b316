//! From a visitor's request to the response he gets.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, Response, StatusCode, Uri};

use super::counters::Open;
use super::failure::Failure;
use super::forwarded::Origin;
use super::outgoing::{LOOP, Outgoing, outgoing};
use super::pages;
use super::relay::{Relay, Reply};
use super::response::{cleaned, switched};
use super::route::{RouteOptions, Scheme};
use super::scan::Verdict;
use super::send::send;
use super::shared::{Lane, Shared};
use super::target::{Facts, Target, target};
use super::tasks::Tasks;
use super::tunnel;
use super::upload::Upload;

/// A visitor's connection.
pub(super) struct Visit {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Tasks,
    pub(super) origin: Origin,
    pub(super) scheme: Scheme,
    pub(super) sni: Option<String>,
    pub(super) verdict: Arc<Verdict>,
    /// Requests so far.
    pub(super) served: AtomicU32,
}

/// Answers a request; what fails is answered by a page.
pub(super) async fn answer(visit: &Visit, request: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
    let nth = visit.served.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    let facts = Facts {
        scheme: visit.scheme,
        sni: visit.sni.as_deref(),
        smell: visit.verdict.of(nth),
        head_bytes: visit.shared.config.limits.head_bytes,
    };
    let wants_html = pages::wants_html(request.headers());
    let target = target(&visit.shared.live.load(), &request, &facts);
    let target = match target {
        Ok(target) => target,
        Err(failure) => return Ok(failed(visit, None, &failure, wants_html)),
    };
    let lane = target.lane.clone();
    let response = match relay(visit, target, request).await {
        Ok(response) => response,
        Err(failure) => failed(visit, Some(&lane), &failure, wants_html),
    };
    lane.counters.responded(response.status());
    Ok(response)
}

async fn relay(
    visit: &Visit,
    target: Target,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Failure> {
    let (shared, lane) = (&visit.shared, target.lane.clone());
    let options = &lane.route.options;
    let open = Open::one_more(&lane.counters, options.max_concurrent).ok_or(Failure::Busy)?;
    admit(visit, options, &request).await?;
    let Outgoing { request, progress, websocket } = outgoing(visit, target, request)?;

    let way = lane.pool.take(shared, &visit.tasks, options.timeouts.connect).await?;
    // A copy, for the case that an old connection turns out to be dead. Only what changes nothing is sent again.
    let may_repeat =
        way.is_old() && progress.is_none() && websocket.is_none() && is_idempotent(request.method());
    let again =
        may_repeat.then(|| (request.method().clone(), request.uri().clone(), request.headers().clone()));
    let sent = match send(way, request, progress.as_ref(), &options.timeouts).await {
        Err(lost) if lost.dead => {
            let request =
                lost.unsent.map(|unsent| *unsent).or_else(|| again.map(copy)).ok_or(lost.failure)?;
            let way = lane.pool.fresh(shared, &visit.tasks, options.timeouts.connect).await?;
            send(way, request, progress.as_ref(), &options.timeouts).await
        }
        sent => sent,
    };
    let (mut response, line) = sent.map_err(|lost| lost.failure)?;

    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let visitor =
            websocket.ok_or_else(|| Failure::Response("it switched protocols unasked".to_owned()))?;
        let answer = switched(&response, options)?;
        tunnel::begin(&visit.tasks, visitor, &mut response, line, open, options.timeouts.tunnel_idle);
        return Ok(answer);
    }
    let (head, body) = cleaned(response, options, &shared.config.hidden_cookies)?.into_parts();
    let mut relay = Relay::new(body, line, shared, &lane, open);
    // Without a body the response ends here.
    std::future::poll_fn(|cx| {
        relay.finish_if_empty(cx);
        std::task::Poll::Ready(())
    })
    .await;
    Ok(Response::from_parts(head, Reply::Relayed(relay)))
}

/// Who may pass, and whether.
async fn admit(visit: &Visit, options: &RouteOptions, request: &Request<Incoming>) -> Result<(), Failure> {
    let headers = request.headers();
    let rules = &options.addresses;
    if !rules.allow.is_empty() || !rules.deny.is_empty() {
        let visitor = visit.origin.visitor(headers, &visit.shared.config.trusted_proxies);
        let on = |nets: &[ipnet::IpNet], address: IpAddr| nets.iter().any(|net| net.contains(&address));
        // Nobody knows who that is: see `Origin::visitor`.
        let is_unknown = visitor.is_unspecified();
        if is_unknown || on(&rules.deny, visitor) || !rules.allow.is_empty() && !on(&rules.allow, visitor) {
            return Err(Failure::Forbidden);
        }
    }
    if let Some(page) = &options.maintenance {
        return Err(Failure::Maintenance(page.clone()));
    }
    if came_from_us(headers, visit.shared.mark.as_bytes()) {
        return Err(Failure::Loop);
    }
    if let Some(auth) = &options.basic_auth {
        let visitor = visit.origin.visitor(headers, &visit.shared.config.trusted_proxies);
        visit.shared.sign_ins.check(auth, headers, visitor).await?;
    }
    if let (Some(limit), Some(least)) = (options.body_limit, Some(request.body().size_hint().lower()))
        && least > limit
    {
        return Err(Failure::BodyTooLarge);
    }
    Ok(())
}

/// Our mark in `CDN-Loop` (RFC 8586), which proxies may not remove.
fn came_from_us(headers: &HeaderMap, mark: &[u8]) -> bool {
    let lines = headers.get_all(LOOP).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).any(|item| item.trim_ascii() == mark)
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

fn copy((method, uri, headers): (Method, Uri, HeaderMap)) -> Request<Upload> {
    let mut request = Request::new(Upload::Empty);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// The page for a failure; what an operator should know goes to the log and to the route.
fn failed(visit: &Visit, lane: Option<&Lane>, failure: &Failure, wants_html: bool) -> Response<Reply> {
    let reference = visit.shared.references.next();
    let status = failure.status();
    match lane.and_then(|lane| Some((lane, failure.detail(&lane.route.upstream)?))) {
        Some((lane, detail)) => {
            tracing::warn!(
                route = %lane.route.id,
                request.id = reference,
                http.status = status.as_u16(),
                error = detail,
                "a request could not be answered by its upstream"
            );
            lane.counters.failed(visit.shared.config.clock.now(), detail, &reference);
        }
        None => {
            tracing::debug!(request.id = reference, http.status = status.as_u16(), "a request was refused");
        }
    }
    let mut response = pages::page(failure, wants_html, &reference).map(Reply::Page);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().append(header::VARY, header::HeaderValue::from_static("authorization"));
    }
    response
}
