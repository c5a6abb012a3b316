//! One proxy.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;

use super::check::{StepsView, stream};
use super::view::{DomainView, StateView, TargetView, domains, state, target};
use super::{Pages, SECTION};
use crate::features::containers::view::Since;
use crate::features::events::EventQuery;
use crate::features::events::service::audience;
use crate::features::proxies::diff::Change;
use crate::features::proxies::model::{Options, Proxy, ProxySpec};
use crate::features::proxies::resolve::Resolution;
use crate::features::proxies::sealed::SUBJECT;
use crate::features::proxies::versions::Version;
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::platform::units::{write_duration, write_size};
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

/// How many events and versions are shown.
const EVENTS: usize = 10;
const VERSIONS: usize = 20;

#[derive(Template)]
#[template(path = "proxies/detail.html", blocks = ["content_proxy"])]
struct DetailPage {
    shell: Shell,
    id: i64,
    name: String,
    ascii: String,
    notice: &'static str,
    enabled: bool,
    state: StateView,
    domains: Vec<DomainView>,
    target: TargetView,
    reached: String,
    facts: Vec<(&'static str, String)>,
    notes: String,
    tags: Vec<String>,
    check: Option<(Since, StepsView)>,
    versions: Vec<VersionView>,
    events: Vec<EventView>,
}

struct VersionView {
    version: i64,
    current: bool,
    when: Since,
    who: String,
    changes: Vec<Change>,
    more: usize,
}

struct EventView {
    id: i64,
    when: Since,
    message: String,
}

pub(in crate::features::proxies) async fn one(
    State(pages): State<Pages>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Page, WebError> {
    let (proxies, now) = (&pages.proxies, pages.proxies.clock.now());
    let proxy = proxies.find(&id)?;
    let versions = proxies.versions(proxy.id, VERSIONS).await?;
    let events = match pages.events.history_of_own(SUBJECT, proxy.id.to_string()).await? {
        None => Vec::new(),
        history => {
            let wanted = EventQuery { history, ..EventQuery::default() };
            pages.events.list(&wanted, audience(&identity), None, EVENTS).await?
        }
    };
    let page = DetailPage {
        id: proxy.id,
        name: super::super::domain::in_letters(proxy.name()),
        ascii: proxy.name().to_owned(),
        notice: match query.get("done") {
            Some("saved") => "It is saved.",
            _ => "",
        },
        enabled: proxy.enabled,
        state: state(proxies.applied(&proxy)),
        domains: domains(proxies, &proxy),
        target: target(proxies, &proxy.spec.destination),
        reached: reached(&proxies.resolution(&proxy)),
        facts: facts(&proxy.spec),
        notes: proxy.spec.notes.clone(),
        tags: proxy.spec.tags.clone(),
        check: proxies
            .report(proxy.id)
            .map(|(at, report)| (Since::new(from_ms(at), now, " ago"), StepsView::whole(&report))),
        versions: versions.into_iter().map(|one| version(one, &proxy, now)).collect(),
        events: events
            .into_iter()
            .map(|event| EventView {
                id: event.id,
                when: Since::new(from_ms(event.at), now, " ago"),
                message: event.message,
            })
            .collect(),
        shell: context.shell(super::super::domain::in_letters(proxy.name()), SECTION),
    };
    if context.wants_fragment() { Page::render(&page.as_content_proxy()) } else { Page::render(&page) }
}

fn reached(resolution: &Resolution) -> String {
    match resolution {
        Resolution::At(addresses) => {
            let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            all.join(", ")
        }
        Resolution::ByName(_) => "by its name".to_owned(),
        Resolution::Unreachable(why) => why.clone(),
    }
}

fn version(version: Version, proxy: &Proxy, now: Timestamp) -> VersionView {
    let more = version.changes.len().saturating_sub(6);
    VersionView {
        version: version.version,
        current: version.version == proxy.version,
        when: Since::new(from_ms(version.at), now, " ago"),
        who: version.actor,
        changes: version.changes.into_iter().take(6).collect(),
        more,
    }
}

/// What is not as it is by default.
fn facts(spec: &ProxySpec) -> Vec<(&'static str, String)> {
    let (options, usual) = (&spec.options, Options::default());
    let seconds = |n: u32| write_duration(std::time::Duration::from_secs(u64::from(n)));
    let mut facts = vec![("Provider", "Embedded gateway".to_owned())];
    let mut add = |shown: bool, label, value: String| {
        if shown {
            facts.push((label, value));
        }
    };
    add(spec.path.is_some(), "Path", spec.path.clone().unwrap_or_default());
    add(options.strip_path, "Path seen by the destination", "without the prefix".to_owned());
    add(options.maintenance, "Maintenance", "visitors see a page that says so".to_owned());
    add(!options.websockets, "WebSockets", "do not pass".to_owned());
    add(options.http2, "HTTP/2 to the destination", "yes".to_owned());
    add(!options.verify_tls, "Certificate of the destination", "not verified".to_owned());
    add(options.own_host, "Host header", "the destination's own".to_owned());
    let users: Vec<&str> = options.basic_auth.iter().map(|user| user.name.as_str()).collect();
    add(!users.is_empty(), "Password for", users.join(", "));
    add(!options.allow.is_empty(), "Only from", options.allow.join(", "));
    add(!options.deny.is_empty(), "Never from", options.deny.join(", "));
    add(
        options.body_limit.is_some(),
        "Largest upload",
        options.body_limit.map(write_size).unwrap_or_default(),
    );
    let most = options.max_concurrent.map(|n| text::count(usize::try_from(n).unwrap_or_default(), "request"));
    add(most.is_some(), "At once", most.unwrap_or_default());
    let changed = |changes: &crate::features::proxies::model::HeaderChanges| {
        let set = changes.set.keys().map(|name| format!("sets {name}"));
        let removed = changes.remove.iter().map(|name| format!("removes {name}"));
        set.chain(removed).collect::<Vec<_>>().join(", ")
    };
    let (request, response) = (changed(&options.request_headers), changed(&options.response_headers));
    add(!request.is_empty(), "Request headers", request);
    add(!response.is_empty(), "Response headers", response);
    for (label, value, default) in [
        ("Connects within", options.connect_timeout, usual.connect_timeout),
        ("Answers within", options.response_timeout, usual.response_timeout),
        ("Idle at most", options.idle_timeout, usual.idle_timeout),
        ("Idle WebSocket at most", options.tunnel_timeout, usual.tunnel_timeout),
    ] {
        add(value != default, label, seconds(value));
    }
    facts
}

/// Checks it now, step by step.
pub(in crate::features::proxies) async fn check(
    State(pages): State<Pages>,
    context: PageContext,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    use axum::response::{IntoResponse, Redirect};
    let proxy = pages.proxies.find(&id)?;
    if context.wants_fragment() {
        return Ok(stream(pages.proxies.clone(), proxy.spec.clone(), Some(proxy.id), true));
    }
    let report = pages.proxies.validate(&proxy.spec, Some(proxy.id), |_| {}).await;
    pages.proxies.note_report(proxy.id, report);
    Ok(Redirect::to(&format!("/proxies/{}", proxy.id)).into_response())
}
