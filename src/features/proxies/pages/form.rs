//! The form that creates or changes a proxy, its check beside it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::check::{StepsView, stream};
use super::sent::Sent;
use super::{Pages, SECTION};
use crate::docker::types::{Container, State as ContainerState};
use crate::features::proxies::body::{ProxyBody, Wanted, Wrong};
use crate::features::proxies::model::{Proxy, ProxySpec, Target};
use crate::features::proxies::service::Proxies;
use crate::features::proxies::validate::{Report, Status, StepKind, domains_claimed, port_named};
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

/// How many containers are suggested.
const SUGGESTED: usize = 200;

#[derive(Template)]
#[template(path = "proxies/form.html")]
struct FormPage {
    shell: Shell,
    /// The proxy that is changed; `None` for a new one.
    id: Option<i64>,
    title: String,
    action: String,
    back: String,
    sent: Sent,
    errors: FormErrors,
    /// What a check said, when it was sent without script, or refused.
    check: Option<StepsView>,
    /// Whether it may be saved all the same.
    may_force: bool,
    /// Whether the part that is rarely needed is open.
    open: bool,
    known: Vec<String>,
    suggestions: Vec<Suggestion>,
    entrance: String,
}

/// A container and a port of it, offered as a destination.
struct Suggestion {
    name: String,
    image: String,
    ports: Vec<SuggestedPort>,
}

struct SuggestedPort {
    port: u16,
    href: String,
}

pub(in crate::features::proxies) async fn new(
    State(pages): State<Pages>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let proxies = &pages.proxies;
    let base = match query.get("from") {
        Some(from) => copied(&proxies.find(from)?.spec),
        None => ProxySpec::default(),
    };
    let mut sent = Sent::showing(&base, None);
    sent.set("from", query.get("from").unwrap_or_default());
    for (name, field) in
        [("domain", "domains"), ("container", "to"), ("host", "to"), ("port", "destination.port")]
    {
        if let Some(value) = query.get(name) {
            sent.set(field, value.chars().take(300).collect::<String>().as_str());
        }
    }
    if let Some(name) = query.get("container") {
        suggest(proxies, &mut sent, name, &query);
    }
    page(&pages, &context, Asked { sent, ..Asked::default() })
}

/// Fills in what a container says of itself: a port, and the domains of its labels.
fn suggest(proxies: &Proxies, sent: &mut Sent, name: &str, query: &QueryMap) {
    let found = proxies.resolver.container(name).map(|(_, found)| found);
    if query.get("port").is_none() {
        let port = found.as_ref().and_then(|found| ports(found).first().map(u16::to_string));
        sent.set("destination.port", &port.unwrap_or_default());
    }
    if query.get("domain").is_none() && sent.get("domains").is_empty() {
        let labelled = found.as_ref().map(|found| domains_claimed(found)).unwrap_or_default();
        let own = format!("{}.localhost", label(name));
        sent.set("domains", if labelled.is_empty() { own } else { labelled.join(", ") }.as_str());
    }
}

/// What a copy keeps: all but the domains, of which each has one proxy.
fn copied(spec: &ProxySpec) -> ProxySpec {
    ProxySpec { domains: Vec::new(), ..spec.clone() }
}

/// A name as a part of a domain.
fn label(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.rsplit('/')
        .next()
        .unwrap_or(name)
        .chars()
        .map(plain)
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

pub(in crate::features::proxies) async fn edit(
    State(pages): State<Pages>,
    context: PageContext,
    Path(id): Path<String>,
) -> Result<Page, WebError> {
    let proxy = pages.proxies.find(&id)?;
    let sent = Sent::showing(&proxy.spec, Some(proxy.version));
    page(&pages, &context, Asked { sent, proxy: Some(proxy), ..Asked::default() })
}

/// What the form is to show.
#[derive(Default)]
struct Asked {
    sent: Sent,
    proxy: Option<Arc<Proxy>>,
    errors: FormErrors,
    report: Option<Report>,
    refused: bool,
}

fn page(pages: &Pages, context: &PageContext, asked: Asked) -> Result<Page, WebError> {
    let proxies = &pages.proxies;
    let Asked { sent, proxy, errors, report, refused } = asked;
    let id = proxy.as_ref().map(|proxy| proxy.id);
    let title = proxy.as_ref().map_or("New proxy".to_owned(), |proxy| format!("Edit {}", proxy.name()));
    let back = id.map_or("/proxies".to_owned(), |id| format!("/proxies/{id}"));
    let (known, suggestions) = suggestions(proxies);
    let defaults = Sent::showing(&ProxySpec::default(), None);
    let more = |name: &&str| sent.get(name) != defaults.get(name) || !errors.of(name).is_empty();
    let page = FormPage {
        id,
        action: id.map_or("/proxies".to_owned(), |id| format!("/proxies/{id}")),
        back,
        open: RARE.iter().any(more),
        check: report.as_ref().map(StepsView::whole),
        may_force: refused,
        errors,
        known,
        suggestions,
        entrance: super::view::entrance(proxies),
        shell: context.shell(&title, SECTION),
        title,
        sent,
    };
    Page::render(&page)
}

/// The fields of the part that is rarely needed.
const RARE: [&str; 26] = [
    "check.enabled",
    "check.interval",
    "check.timeout",
    "path",
    "options.websockets",
    "options.strip_path",
    "options.http2",
    "options.verify_tls",
    "options.own_host",
    "options.maintenance",
    "options.maintenance_message",
    "options.body_limit",
    "options.max_concurrent",
    "options.connect_timeout",
    "options.response_timeout",
    "options.idle_timeout",
    "options.tunnel_timeout",
    "options.basic_auth",
    "options.allow",
    "options.deny",
    "options.request_headers",
    "options.response_headers",
    "check.path",
    "check.expect",
    "notes",
    "tags",
];

pub(in crate::features::proxies) async fn create(
    State(pages): State<Pages>,
    context: PageContext,
    identity: Identity,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    save(&pages, &context, &identity, Sent::of(typed), None).await
}

pub(in crate::features::proxies) async fn change(
    State(pages): State<Pages>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<String>,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    let proxy = pages.proxies.find(&id)?;
    save(&pages, &context, &identity, Sent::of(typed), Some(proxy)).await
}

async fn save(
    pages: &Pages,
    context: &PageContext,
    identity: &Identity,
    sent: Sent,
    proxy: Option<Arc<Proxy>>,
) -> Result<Response, WebError> {
    let (proxies, id) = (&pages.proxies, proxy.as_ref().map(|proxy| proxy.id));
    let base = base(proxies, &sent, proxy.as_deref());
    let body = sent.body(&proxies.resolver, &base);
    let wanted = match wanted(&body, &sent, &base) {
        Ok(wanted) => wanted,
        Err(wrong) => return refused(pages, context, WebError::Invalid(wrong), sent, proxy),
    };
    let spec = proxies.hashed(wanted).await?;
    let report = proxies.validate(&spec, id, |_| {}).await;
    let conflict = report.steps.iter().any(|s| s.step == StepKind::Conflict && s.status == Status::Fail);
    if !report.ok && (!body.force || conflict) {
        // What another proxy claims is not to be had by force.
        let status = if conflict { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
        let asked = Asked { sent, proxy, report: Some(report), refused: !conflict, ..Asked::default() };
        return Ok(page(pages, context, asked)?.status(status).into_response());
    }
    let saved = match id {
        None => proxies.create(spec, true, &identity.name).await,
        Some(id) => proxies.update(id, body.version, spec, &identity.name).await,
    };
    match saved {
        Ok(saved) => {
            proxies.note_report(saved.id, report);
            Ok(Redirect::to(&format!("/proxies/{}?done=saved", saved.id)).into_response())
        }
        Err(error) => refused(pages, context, error, sent, proxy),
    }
}

fn refused(
    pages: &Pages,
    context: &PageContext,
    error: WebError,
    sent: Sent,
    proxy: Option<Arc<Proxy>>,
) -> Result<Response, WebError> {
    let (errors, status) = forms::refused(error)?;
    let page = page(pages, context, Asked { sent, proxy, errors, ..Asked::default() })?;
    Ok(page.status(status).into_response())
}

/// What the form was shown with: the proxy that is changed, or the one that is copied.
fn base(proxies: &Proxies, sent: &Sent, proxy: Option<&Proxy>) -> ProxySpec {
    match proxy {
        Some(proxy) => proxy.spec.clone(),
        None => proxies.find(sent.get("from")).map(|from| copied(&from.spec)).unwrap_or_default(),
    }
}

/// What is wanted, or all that is wrong.
fn wanted(body: &ProxyBody, sent: &Sent, base: &ProxySpec) -> Result<Wanted, Wrong> {
    let mut wrong = sent.unreadable(base);
    match body.over(base) {
        Ok(wanted) if wrong.is_empty() => Ok(wanted),
        Ok(_) => Err(wrong),
        Err(others) => {
            for (field, why) in others {
                wrong.entry(field).or_insert(why);
            }
            Err(wrong)
        }
    }
}

/// Checks what is typed: step by step with script, as a page without.
pub(in crate::features::proxies) async fn check(
    State(pages): State<Pages>,
    context: PageContext,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    let sent = Sent::of(typed);
    let proxy = match sent.get("id") {
        "" => None,
        id => Some(pages.proxies.find(id)?),
    };
    let base = base(&pages.proxies, &sent, proxy.as_deref());
    let read = wanted(&sent.body(&pages.proxies.resolver, &base), &sent, &base);
    let id = proxy.as_ref().map(|proxy| proxy.id);
    match (read, context.wants_fragment()) {
        (Ok(wanted), true) => Ok(stream(pages.proxies.clone(), wanted.spec, id, false)),
        (Err(wrong), true) => {
            Ok(Page::render(&NotYet { wrong: wrong.into_values().collect() })?.into_response())
        }
        (Ok(wanted), false) => {
            let report = pages.proxies.validate(&wanted.spec, id, |_| {}).await;
            let asked = Asked { sent, proxy, report: Some(report), ..Asked::default() };
            Ok(page(&pages, &context, asked)?.into_response())
        }
        (Err(wrong), false) => refused(&pages, &context, WebError::Invalid(wrong), sent, proxy),
    }
}

/// What is missing before there is anything to check.
#[derive(Template)]
#[template(path = "proxies/_not_yet.html")]
struct NotYet {
    wrong: Vec<String>,
}

/// Names that are known as destinations, and those that are offered with their ports.
fn suggestions(proxies: &Proxies) -> (Vec<String>, Vec<Suggestion>) {
    let taken: HashSet<String> = proxies
        .all()
        .iter()
        .filter_map(|proxy| match &proxy.spec.destination.target {
            Target::Container(name) => Some(name.clone()),
            Target::Host(_) => None,
        })
        .collect();
    let (mut known, mut offered) = (Vec::new(), Vec::new());
    for engine in proxies.resolver.engines().iter() {
        let snapshot = engine.mirror.snapshot();
        let up = snapshot.containers().iter().filter(|container| container.state == ContainerState::Running);
        for container in up {
            known.push(container.name.clone());
            if let (Some(project), Some(service)) = (&container.project, &container.service) {
                known.push(format!("{project}/{service}"));
            }
            let ports = ports(container);
            if !ports.is_empty() && !taken.contains(&container.name) && offered.len() < SUGGESTED {
                let href = |port: &u16| SuggestedPort {
                    port: *port,
                    href: format!("/proxies/new?container={}&port={port}", container.name),
                };
                offered.push(Suggestion {
                    name: container.name.clone(),
                    image: container.image.to_string(),
                    ports: ports.iter().take(6).map(href).collect(),
                });
            }
        }
    }
    known.sort_unstable();
    known.dedup();
    offered.sort_by(|a, b| a.name.cmp(&b.name));
    (known, offered)
}

/// The ports of a container that may speak HTTP, those of the web first.
fn ports(container: &Container) -> Vec<u16> {
    const WEB: [u16; 10] = [80, 8080, 3000, 8000, 5000, 8081, 8096, 9000, 443, 8443];
    let mut found: Vec<u16> = container
        .ports
        .iter()
        .filter(|port| port.protocol == "tcp")
        .map(|port| port.container_port)
        .collect();
    let named = port_named(container);
    found.extend(named);
    found.sort_by_key(|port| {
        (Some(*port) != named, WEB.iter().position(|web| web == port).unwrap_or(WEB.len()), *port)
    });
    found.dedup();
    found
}
