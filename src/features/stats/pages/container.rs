//! `/containers/{id}/stats`: what a container used, and those before it in its place.

use askama::Template;
use axum::extract::{Path, State};

use super::charts::{self, CPU, Charts, DISK, Kind, MEMORY, NETWORK, PIDS, Unit};
use crate::docker::stats::sample::to_f64;
use crate::docker::types::Container;
use crate::features::containers::head_html;
use crate::features::events::EventQuery;
use crate::features::events::service::audience;
use crate::features::stats::service::Stats;
use crate::features::stats::window::{Range, Window};
use crate::features::stats::{Parts, store::MINUTE};
use crate::platform::journal::{Audience, Event};
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

/// How many marks a chart has at most.
const MARKS: usize = 200;
/// What is marked.
const MARKED: [&str; 4] = ["container.start", "container.die", "container.oom", "container.restart_loop"];

#[derive(Template)]
#[template(path = "stats/container.html", blocks = ["content_container_stats"])]
struct ContainerPage {
    shell: Shell,
    head: String,
    ranges: Vec<(&'static str, String, bool)>,
    reset: String,
    note: String,
    charts: Charts,
}

pub(in crate::features::stats) async fn container(
    State(parts): State<Parts>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Page, WebError> {
    let Parts { stats, containers, .. } = &parts;
    let container = containers.find(&id, query.get("engine"))?;
    let window = Window::read(&query, Range::Hour, stats.clock().now())?;
    let series = stats.of_container(&container, &window).await?;
    let events = events_of(&parts, &container, &window, audience(&identity)).await?;
    let page = format!("/containers/{}/stats", container.id);
    let mut shell = context.shell(container.name.clone(), "containers");
    shell.target.clone_from(&page);
    let page = ContainerPage {
        shell,
        head: head_html(containers, &container, "stats")?,
        ranges: charts::ranges(&window, |range| format!("{page}?range={range}")),
        reset: format!("{page}?range={}", window.whole.as_str()),
        note: note(stats, &container),
        charts: Charts::new(
            page.clone(),
            format!("/api{page}"),
            &window,
            &series,
            kinds(stats, &container),
            &events,
        ),
    };
    if context.wants_fragment() {
        Page::render(&page.as_content_container_stats())
    } else {
        Page::render(&page)
    }
}

/// What is marked in the charts of a container, oldest first.
pub(in crate::features::stats) async fn events_of(
    parts: &Parts,
    container: &Container,
    window: &Window,
    audience: Audience,
) -> Result<Vec<Event>, WebError> {
    let Some(history) = parts.events.history_of(container).await? else { return Ok(Vec::new()) };
    let wanted = EventQuery {
        history: Some(history),
        kinds: MARKED.map(str::to_owned).into(),
        since: Some(window.since),
        until: Some(window.until),
        ..EventQuery::default()
    };
    let mut events = parts.events.list(&wanted, audience, None, MARKS).await?;
    events.reverse();
    Ok(events)
}

/// Why there is no present to be seen; empty when there is.
fn note(stats: &Stats, container: &Container) -> String {
    if stats.settings.current().stats_interval.is_none() {
        return "Measuring is off, so there is nothing new to see. An admin can turn it on under Settings → Statistics."
            .to_owned();
    }
    if !container.is_up() {
        return format!("{} does not run. What it used before stands here.", container.name);
    }
    let networks = &container.networks;
    if networks.iter().any(|network| network.name == "host") {
        return "It uses the network of the host: what it sends and receives cannot be told apart from the rest."
            .to_owned();
    }
    String::new()
}

fn kinds(stats: &Stats, container: &Container) -> Vec<Kind> {
    let engine = stats.engines().get(container.engine.as_str());
    let sample = engine.and_then(|engine| engine.stats.of(&container.id));
    let memory_limit = sample.and_then(|sample| sample.memory()).and_then(|memory| memory.limit_bytes);
    let cores = container.facts.cores;
    let host_network = container.networks.iter().any(|network| network.name == "host");
    vec![
        Kind {
            id: "cpu",
            title: "CPU",
            unit: Unit::Percent,
            lines: CPU,
            limit: cores.map(|cores| cores * 100.0),
            limit_label: cores.map(|cores| format!("limit {}", text::cores(cores))).unwrap_or_default(),
            empty: "Not measured in this time.",
        },
        Kind {
            id: "memory",
            title: "Memory",
            unit: Unit::Bytes,
            lines: MEMORY,
            limit: memory_limit.map(to_f64),
            limit_label: memory_limit
                .map(|limit| format!("limit {}", text::bytes(limit)))
                .unwrap_or_default(),
            empty: "Not available: not measured in this time, or the host keeps no account of memory.",
        },
        Kind {
            id: "network",
            title: "Network",
            unit: Unit::Rate,
            lines: NETWORK,
            limit: None,
            limit_label: String::new(),
            empty: if host_network {
                "Not available: it uses the network of the host."
            } else {
                "Not measured in this time."
            },
        },
        Kind {
            id: "disk",
            title: "Disks",
            unit: Unit::Rate,
            lines: DISK,
            limit: None,
            limit_label: String::new(),
            empty: "Not available: not measured in this time, or the host keeps no account of it.",
        },
        Kind {
            id: "pids",
            title: "Processes and threads",
            unit: Unit::Count,
            lines: PIDS,
            limit: None,
            limit_label: String::new(),
            empty: "Not measured in this time.",
        },
    ]
}

/// How long a link to a moment looks around it, ms.
const AROUND: i64 = 15 * MINUTE;

/// Where the charts of a container around a time (ms) are.
pub(in crate::features::stats) fn around(id: &str, at: i64, now: i64) -> String {
    use crate::platform::clock::{from_ms, rfc3339};
    let (since, until) = (at - AROUND, (at + AROUND).min(now));
    format!("/containers/{id}/stats?since={}&until={}", rfc3339(from_ms(since)), rfc3339(from_ms(until)))
}
