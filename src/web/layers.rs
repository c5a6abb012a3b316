//! What every request passes through, from the outside in: its facts, the security headers, errors
//! turned into answers, panics caught, cross-site requests refused, the session, who it is.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::TimeoutLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore};

use super::WebError;
use super::access::{Authenticator, Identity};
use super::api;
use super::page::{Page, PageContext, PageServices};
use super::request::{Deployment, RequestInfo, Wants};
use super::shell::Shell;

/// The cookie of the session.
pub const SESSION_COOKIE: &str = "dw_session";
/// How long a browser keeps the cookie; the store ends a session earlier when it is not used.
pub const SESSION_DAYS: i64 = 30;
/// What a request may carry.
const MAX_BODY: usize = 1024 * 1024;
/// How long a handler may think.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of a list of 200 containers, 9 would save another 2 kB of 15 and cost ten times as much.
const GZIP_LEVEL: i32 = 2;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                   connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the layers need.
pub struct Services<Store> {
    /// How the product is deployed.
    pub deployment: Deployment,
    /// The origin of `--public-url`, which a proxy may make differ from the `Host` we see.
    pub trusted_origin: Option<String>,
    /// Keeps sessions.
    pub sessions: Store,
    /// Tells who asks.
    pub authenticator: Arc<dyn Authenticator>,
    /// What pages are made from.
    pub pages: PageServices,
}

/// Wraps the router.
pub fn wrap<Store: SessionStore + Clone>(router: Router, services: Services<Store>) -> Router {
    let sessions = SessionManagerLayer::new(services.sessions)
        .with_name(SESSION_COOKIE)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        // Set by `secure_cookies`, which knows whether the browser speaks https.
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(tower_sessions::cookie::time::Duration::days(SESSION_DAYS)));
    let mut csrf = CsrfLayer::new();
    if let Some(origin) = &services.trusted_origin {
        csrf = match csrf.clone().add_trusted_origin(origin) {
            Ok(csrf) => csrf,
            Err(error) => {
                tracing::warn!(%error, "--public-url is not an origin that forms can be trusted from");
                csrf
            }
        };
    }
    let csrf = csrf.with_rejection_response(|_: tower_http::csrf::ProtectionError| {
        WebError::Forbidden(
            "This request comes from another site. If Docker Watcher stands behind a reverse proxy, set --public-url \
             to the address in the browser, and let the proxy pass the Host header on."
                .to_owned(),
        )
        .into_response()
    });
    router
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(services.authenticator, identify))
        .layer(sessions)
        .layer(csrf)
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, PATIENCE))
        .layer(CatchPanicLayer::custom(|_panic: Box<dyn std::any::Any + Send>| {
            WebError::Internal("a handler panicked".to_owned()).into_response()
        }))
        .layer(middleware::from_fn(render_errors))
        .layer(CompressionLayer::new().quality(CompressionLevel::Precise(GZIP_LEVEL)))
        .layer(middleware::from_fn_with_state(
            Outer { deployment: Arc::new(services.deployment), pages: services.pages },
            outermost,
        ))
}

#[derive(Clone)]
struct Outer {
    deployment: Arc<Deployment>,
    pages: PageServices,
}

/// Notes the facts of the request, and puts the security headers on the answer.
async fn outermost(State(outer): State<Outer>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let info = outer.deployment.read(&parts);
    let https = info.https;
    parts.extensions.insert(info);
    parts.extensions.insert(outer.pages.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", CSP),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if https {
        secure_cookies(headers);
    }
    response
}

fn secure_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|cookie| HeaderValue::from_str(&format!("{}; Secure", cookie.to_str().ok()?)).ok())
        .collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Notes who asks.
async fn identify(
    State(authenticator): State<Arc<dyn Authenticator>>,
    request: Request,
    next: Next,
) -> Response {
    // Assets and health checks are the same for everybody.
    let path = request.uri().path();
    if path.starts_with("/static/") || path == "/healthz" || path == "/readyz" {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // Another scheme (basic authentication of a proxy in front) is not for us.
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let found = authenticator.authenticate(bearer, parts.extensions.get::<Session>()).await;
    match found {
        Ok(Some(identity)) => {
            parts.extensions.insert(identity.clone());
            let mut response = next.run(Request::from_parts(parts, body)).await;
            response.extensions_mut().insert(identity);
            response
        }
        Ok(None) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    }
}

#[derive(Template)]
#[template(path = "web/error.html", blocks = ["content"])]
struct ErrorPage {
    shell: Shell,
    status: u16,
    heading: &'static str,
    text: String,
}

/// Turns a [`WebError`] into a page, a fragment or the API's envelope.
async fn render_errors(request: Request, next: Next) -> Response {
    let info = request.extensions().get::<RequestInfo>().cloned();
    let services = request.extensions().get::<PageServices>().cloned();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let error = match response.extensions_mut().remove::<WebError>() {
        Some(error) => error,
        None if response.status() == StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
        None if response.status() == StatusCode::GATEWAY_TIMEOUT => {
            WebError::Unavailable("That took too long and was given up.".to_owned())
        }
        None => match rejected_by_the_framework(&response) {
            Some(error) => error,
            None => return response,
        },
    };
    let (Some(info), Some(services)) = (info, services) else { return response };
    if let WebError::Internal(detail) = &error {
        tracing::error!(http.method = %method, http.target = info.target, error = detail, "a request failed");
    }
    let mut answer = if info.wants == Wants::Json {
        (error.status(), Json(api::error_body(&error))).into_response()
    } else {
        let identity = response.extensions().get::<Identity>().cloned();
        let fragment = info.wants == Wants::Fragment;
        error_page(&error, PageContext::new(info, identity, services), fragment)
    };
    for name in [header::ALLOW, header::SET_COOKIE] {
        for value in response.headers().get_all(&name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    if let WebError::TooMany(seconds) = &error
        && let Ok(seconds) = HeaderValue::from_str(&seconds.to_string())
    {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    answer
}

/// axum refuses what its extractors cannot read in plain text.
fn rejected_by_the_framework(response: &Response) -> Option<WebError> {
    let kind = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    if !response.status().is_client_error() || !kind.starts_with("text/plain") {
        return None;
    }
    Some(match response.status() {
        StatusCode::NOT_FOUND => WebError::NotFound("There is no such page.".to_owned()),
        _ => WebError::Malformed("The address or what was sent with it cannot be read.".to_owned()),
    })
}

fn error_page(error: &WebError, context: PageContext, fragment: bool) -> Response {
    let heading = match error.status() {
        StatusCode::UNAUTHORIZED => "Sign in first",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        status if status.is_server_error() => "That did not work",
        _ => "That cannot be done",
    };
    let page = ErrorPage {
        shell: context.shell(heading, ""),
        status: error.status().as_u16(),
        heading,
        text: error.to_string(),
    };
    let rendered = if fragment { Page::render(&page.as_content()) } else { Page::render(&page) };
    match rendered {
        Ok(page) => page.status(error.status()).into_response(),
        Err(_) => (error.status(), error.to_string()).into_response(),
    }
}
