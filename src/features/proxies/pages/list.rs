//! The list of proxies.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;

use super::view::{DomainView, StateView, TargetView, domains, entrance, state, target};
use super::{Pages, SECTION};
use crate::features::containers::view::Since;
use crate::features::proxies::model::{AppliedStatus, Proxy};
use crate::features::proxies::query::{Order, ProxyQuery};
use crate::features::proxies::service::Proxies;
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// How many rows a page shows before "Show more".
const ROWS: usize = 200;
const MAX_ROWS: usize = 5_000;

#[derive(Template)]
#[template(path = "proxies/list.html", blocks = ["content_list"])]
struct ListPage {
    shell: Shell,
    q: String,
    kept: Vec<(&'static str, String)>,
    subtitle: String,
    chips: Vec<Chip>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    matching: usize,
    more_url: String,
    empty: Option<(&'static str, String)>,
    filtered: bool,
}

struct Chip {
    label: String,
    icon: &'static str,
    tone: &'static str,
    count: usize,
    url: String,
    current: bool,
}

struct Column {
    label: &'static str,
    class: &'static str,
    href: String,
    sorted: &'static str,
}

struct Row {
    id: i64,
    name: String,
    enabled: bool,
    domains: Vec<DomainView>,
    more: usize,
    target: TargetView,
    state: StateView,
    tags: Vec<String>,
    changed: Since,
}

pub(in crate::features::proxies) async fn list(
    State(pages): State<Pages>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let wanted = ProxyQuery::read(&query)?;
    let show = query.get("show").and_then(|n| n.parse().ok()).unwrap_or(ROWS).clamp(1, MAX_ROWS);
    let (proxies, now) = (&pages.proxies, pages.proxies.clock.now());
    let found = wanted.find(proxies);
    let all = proxies.all();
    let empty = match (all.is_empty(), found.is_empty()) {
        (true, _) => Some((
            "No proxies yet",
            "A proxy leads a domain to a container or a service. It is checked before it is saved."
                .to_owned(),
        )),
        (_, true) => Some(("No proxy fits", "Nothing has all of these words and filters.".to_owned())),
        _ => None,
    };
    let more = found.len() > show;
    let page = ListPage {
        subtitle: format!(
            "{}. {}.",
            text::capital(&text::count(all.len(), "proxy").replace("proxys", "proxies")),
            entrance(proxies)
        ),
        chips: chips(proxies, &wanted),
        columns: columns(&wanted),
        matching: found.len(),
        more_url: if more { url(&wanted, &[("show", (show + ROWS).to_string())]) } else { String::new() },
        rows: found.iter().take(show).map(|proxy| row(proxies, proxy, now)).collect(),
        kept: kept(&wanted),
        filtered: wanted.filters(),
        empty,
        q: wanted.q,
        shell: context.shell("Proxies", SECTION),
    };
    if context.wants_fragment() { Page::render(&page.as_content_list()) } else { Page::render(&page) }
}

fn row(proxies: &Proxies, proxy: &Arc<Proxy>, now: Timestamp) -> Row {
    let mut domains = domains(proxies, proxy);
    let more = domains.len().saturating_sub(3);
    domains.truncate(3);
    Row {
        id: proxy.id,
        name: proxy.name().to_owned(),
        enabled: proxy.enabled,
        domains,
        more,
        target: target(proxies, &proxy.spec.destination),
        state: state(proxies.applied(proxy)),
        tags: proxy.spec.tags.clone(),
        changed: Since::new(from_ms(proxy.updated_at), now, " ago"),
    }
}

fn chips(proxies: &Proxies, wanted: &ProxyQuery) -> Vec<Chip> {
    let without = ProxyQuery { states: Vec::new(), ..wanted.clone() }.find(proxies);
    let with = |status| without.iter().filter(|proxy| proxies.applied(proxy).status == status).count();
    let one = |label: &str, icon, tone, status| {
        let only = ProxyQuery { states: vec![status], ..wanted.clone() };
        let current = wanted.states == [status];
        Chip { label: label.to_owned(), icon, tone, count: with(status), url: url(&only, &[]), current }
    };
    let all = ProxyQuery { states: Vec::new(), ..wanted.clone() };
    let mut chips = vec![
        Chip {
            label: "All".to_owned(),
            icon: "",
            tone: "",
            count: without.len(),
            url: url(&all, &[]),
            current: wanted.states.is_empty(),
        },
        one("Not served", "s-bad", "bad", AppliedStatus::Failed),
        one("Served", "s-run", "ok", AppliedStatus::Applied),
        one("Off", "s-off", "idle", AppliedStatus::Off),
    ];
    if !wanted.tag.is_empty() {
        let all = ProxyQuery { tag: String::new(), ..wanted.clone() };
        chips.push(Chip {
            label: format!("Tag {}, all", wanted.tag),
            icon: "",
            tone: "",
            count: proxies.all().len(),
            url: url(&all, &[]),
            current: false,
        });
    }
    chips
}

fn columns(wanted: &ProxyQuery) -> Vec<Column> {
    let of = |label, class, order: Order| {
        let is_current = wanted.order == order;
        let reverse = is_current && !wanted.reverse;
        let sorted = match (is_current, wanted.reverse) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        Column { label, class, href: url(&ProxyQuery { order, reverse, ..wanted.clone() }, &[]), sorted }
    };
    vec![
        of("Domain", "k-name", Order::Domain),
        of("Destination", "k-to", Order::Destination),
        of("State", "k-st", Order::State),
        of("Changed", "k-when", Order::Changed),
    ]
}

fn kept(wanted: &ProxyQuery) -> Vec<(&'static str, String)> {
    pairs(wanted).into_iter().filter(|(name, _)| *name != "q").collect()
}

fn pairs(wanted: &ProxyQuery) -> Vec<(&'static str, String)> {
    let states: Vec<&str> = wanted.states.iter().map(|state| state.as_str()).collect();
    let sort = match (wanted.order, wanted.reverse) {
        (Order::Domain, false) => String::new(),
        (order, reverse) => format!("{}{}", if reverse { "-" } else { "" }, order.word()),
    };
    let all = [
        ("q", wanted.q.trim().to_owned()),
        ("state", states.join(",")),
        ("tag", wanted.tag.clone()),
        ("sort", sort),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn url(wanted: &ProxyQuery, more: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs(wanted)).extend_pairs(more);
    match query.finish() {
        query if query.is_empty() => "/proxies".to_owned(),
        query => format!("/proxies?{query}"),
    }
}
