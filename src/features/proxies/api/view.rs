//! A proxy as the JSON API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::features::proxies::diff::is_secret_header;
use crate::features::proxies::model::{Check, HeaderChanges, Options, Proxy, Target};
use crate::features::proxies::service::Proxies;
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::units::write_duration;

/// A proxy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proxy)]
pub(in crate::features::proxies) struct ProxyView {
    /// Its number.
    id: String,
    /// In ASCII (punycode for others).
    domains: Vec<String>,
    /// Only paths below this one; null for all.
    path: Option<String>,
    /// Where it leads.
    destination: DestinationView,
    /// Who serves it.
    provider: String,
    /// `off`.
    tls: String,
    /// Whether it is served.
    enabled: bool,
    /// How far its provider is.
    applied: AppliedView,
    /// Under which conditions.
    options: OptionsView,
    /// How its health is checked.
    check: CheckView,
    /// What is known of its health.
    health: HealthView,
    /// For people.
    notes: String,
    /// For people.
    tags: Vec<String>,
    /// How often it was changed.
    version: i64,
    /// When it was created, RFC 3339, UTC.
    created_at: String,
    /// When it was changed last, RFC 3339, UTC.
    updated_at: String,
    /// By whom.
    updated_by: String,
}

/// Where a proxy leads: `host` or `container` is set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyDestination)]
struct DestinationView {
    /// `http` or `https`.
    scheme: &'static str,
    /// A name or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// A container's name, or `project/service`.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// Its port.
    port: u16,
}

/// How far a provider is with a proxy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyApplied)]
struct AppliedView {
    /// `applied`, `pending`, `failed` or `off`.
    status: &'static str,
    /// Why it is not further; empty when it is served.
    message: String,
}

/// The health of a proxy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyHealth)]
struct HealthView {
    /// `healthy`, `unhealthy` or `unknown`.
    status: &'static str,
    /// When it was checked last, RFC 3339, UTC.
    checked_at: Option<String>,
    /// How long the answer took, ms.
    latency_ms: Option<u64>,
    /// Which hop is broken.
    failing_hop: Option<&'static str>,
    /// In a sentence.
    message: String,
    /// Percent.
    uptime_24h: Option<f64>,
}

/// Conditions of a proxy; durations as `5s`, sizes in bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyOptions)]
struct OptionsView {
    websockets: bool,
    strip_path: bool,
    http2: bool,
    verify_tls: bool,
    own_host: bool,
    request_headers: HeadersView,
    response_headers: HeadersView,
    body_limit: Option<u64>,
    connect_timeout: String,
    response_timeout: String,
    idle_timeout: String,
    tunnel_timeout: String,
    max_concurrent: Option<u32>,
    basic_auth: Vec<UserView>,
    allow: Vec<String>,
    deny: Vec<String>,
    maintenance: bool,
    maintenance_message: String,
}

/// Headers that are set and removed; the values of those that may be secret are null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyHeaders)]
struct HeadersView {
    set: std::collections::BTreeMap<String, Option<String>>,
    remove: Vec<String>,
}

/// A user who may pass.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyUser)]
struct UserView {
    name: String,
    /// Whether a password is set: it is never shown.
    set: bool,
}

/// How the health of a proxy is checked; durations as `30s`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProxyCheck)]
struct CheckView {
    enabled: bool,
    path: String,
    method: String,
    expect: String,
    interval: String,
    timeout: String,
    failures: u32,
    successes: u32,
}

fn seconds(n: u32) -> String {
    write_duration(std::time::Duration::from_secs(u64::from(n)))
}

impl HeadersView {
    fn of(changes: &HeaderChanges) -> Self {
        let shown = |(name, value): (&String, &String)| {
            (name.clone(), (!is_secret_header(name)).then(|| value.clone()))
        };
        Self { set: changes.set.iter().map(shown).collect(), remove: changes.remove.clone() }
    }
}

impl OptionsView {
    fn of(options: &Options) -> Self {
        Self {
            websockets: options.websockets,
            strip_path: options.strip_path,
            http2: options.http2,
            verify_tls: options.verify_tls,
            own_host: options.own_host,
            request_headers: HeadersView::of(&options.request_headers),
            response_headers: HeadersView::of(&options.response_headers),
            body_limit: options.body_limit,
            connect_timeout: seconds(options.connect_timeout),
            response_timeout: seconds(options.response_timeout),
            idle_timeout: seconds(options.idle_timeout),
            tunnel_timeout: seconds(options.tunnel_timeout),
            max_concurrent: options.max_concurrent,
            basic_auth: options
                .basic_auth
                .iter()
                .map(|user| UserView { name: user.name.clone(), set: true })
                .collect(),
            allow: options.allow.clone(),
            deny: options.deny.clone(),
            maintenance: options.maintenance,
            maintenance_message: options.maintenance_message.clone(),
        }
    }
}

impl CheckView {
    fn of(check: &Check) -> Self {
        Self {
            enabled: check.enabled,
            path: check.path.clone(),
            method: check.method.clone(),
            expect: check.expect.clone(),
            interval: seconds(check.interval),
            timeout: seconds(check.timeout),
            failures: check.failures,
            successes: check.successes,
        }
    }
}

impl ProxyView {
    pub(super) fn of(proxies: &Proxies, proxy: &Proxy) -> Self {
        let (spec, applied) = (&proxy.spec, proxies.applied(proxy));
        let (host, container) = match &spec.destination.target {
            Target::Host(host) => (Some(host.clone()), None),
            Target::Container(name) => (None, Some(name.clone())),
        };
        Self {
            id: proxy.id.to_string(),
            domains: spec.domains.clone(),
            path: spec.path.clone(),
            destination: DestinationView {
                scheme: spec.destination.scheme.as_str(),
                host,
                container,
                port: spec.destination.port,
            },
            provider: spec.provider.clone(),
            tls: spec.tls.clone(),
            enabled: proxy.enabled,
            applied: AppliedView { status: applied.status.as_str(), message: applied.message },
            options: OptionsView::of(&spec.options),
            check: CheckView::of(&spec.check),
            health: HealthView {
                status: "unknown",
                checked_at: None,
                latency_ms: None,
                failing_hop: None,
                message: String::new(),
                uptime_24h: None,
            },
            notes: spec.notes.clone(),
            tags: spec.tags.clone(),
            version: proxy.version,
            created_at: rfc3339(from_ms(proxy.created_at)),
            updated_at: rfc3339(from_ms(proxy.updated_at)),
            updated_by: proxy.updated_by.clone(),
        }
    }
}
