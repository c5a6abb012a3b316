//! `/`: the overview.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::service::{Dashboard, counts};
use crate::docker::Snapshot;
use crate::docker::mirror::{Counts, needs_attention};
use crate::docker::types::{Container, EngineStatus};
use crate::features::containers::view::{self, Since};
use crate::features::stats::alerts::{Alert, Rule};
use crate::features::stats::pages::cells;
use crate::platform::clock::from_ms;
use crate::platform::journal::{Audience, Event, Severity};
use crate::platform::text;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, Role, WebError};

/// How many things to attend to, and how many changes, are shown.
const ATTENTION: usize = 8;
const RECENT: usize = 12;
/// Of the bar of states, in per mille: a part's least width, and the gap behind it.
const NARROWEST: usize = 24;
const GAP: usize = 6;
/// How many events are read for them: repeats are folded.
const EVENTS: usize = 60;

#[derive(Template)]
#[template(path = "dashboard/overview.html", blocks = ["content_overview"])]
struct OverviewPage {
    shell: Shell,
    subtitle: String,
    attention: Vec<Attention>,
    more_attention: usize,
    clear: String,
    counts: Counts,
    split: Vec<Part>,
    count_note: String,
    warnings: i64,
    errors: i64,
    hosts: Vec<Host>,
    engines: Vec<EngineCard>,
    recent: Vec<Change>,
}

struct Attention {
    tone: &'static str,
    icon: &'static str,
    title: String,
    text: String,
    since: Option<Since>,
    href: String,
    action: &'static str,
}

/// A piece of the bar of states: position and width in per mille.
struct Part {
    class: &'static str,
    x: usize,
    width: usize,
}

/// What a host and its containers use, as HTML that is shared with the live updates.
struct Host {
    engine: String,
    cells: String,
    busiest: String,
}

struct EngineCard {
    name: String,
    endpoint: String,
    status: &'static str,
    icon: &'static str,
    tone: &'static str,
    since: Since,
    facts: Vec<(&'static str, String)>,
}

struct Change {
    tone: &'static str,
    icon: &'static str,
    message: String,
    /// How often it happened.
    times: usize,
    href: String,
    when: Since,
}

pub(super) async fn overview(
    State(dashboard): State<Arc<Dashboard>>,
    context: PageContext,
) -> Result<Page, WebError> {
    let engines = dashboard.snapshots();
    let now = dashboard.clock.now();
    let audience = if context.may(Role::Admin) { Audience::Admins } else { Audience::Everyone };
    let trouble = dashboard.trouble_lately().await?;
    let recent = dashboard.recent(audience, EVENTS).await?;
    let counts = counts(&engines);
    let mut attention: Vec<Attention> = engines.iter().flat_map(|engine| attention(engine, now)).collect();
    let alerts = dashboard.stats.alerts();
    // The worse one has a line of its own.
    let milder = |alert: &&Alert| {
        alert.rule != Rule::DiskWarning
            || !alerts.iter().any(|other| other.rule == Rule::DiskError && other.subject == alert.subject)
    };
    attention.extend(alerts.iter().filter(milder).filter_map(|alert| crossed(alert, &engines, now)));
    attention.extend(cleanable(&dashboard));
    let more_attention = attention.len().saturating_sub(ATTENTION);
    attention.truncate(ATTENTION);
    let page = OverviewPage {
        subtitle: subtitle(&engines),
        clear: clear(&engines, counts),
        attention,
        more_attention,
        split: split(counts),
        count_note: count_note(counts),
        counts,
        warnings: trouble.warnings,
        errors: trouble.errors,
        hosts: hosts(&dashboard)?,
        engines: engines.iter().map(|engine| engine_card(&dashboard, engine, now)).collect(),
        recent: fold(&recent)
            .into_iter()
            .take(RECENT)
            .map(|(event, times)| change(event, times, &engines, now))
            .collect(),
        shell: context.shell("Overview", "overview"),
    };
    if context.wants_fragment() { Page::render(&page.as_content_overview()) } else { Page::render(&page) }
}

fn subtitle(engines: &[Arc<Snapshot>]) -> String {
    let Some(engine) = engines.first() else { return String::new() };
    let name = if engine.info.name.is_empty() { "Docker" } else { engine.info.name.as_str() };
    match &engine.status {
        EngineStatus::Up => format!("{name} · Docker {}", engine.info.version),
        EngineStatus::Connecting => format!("{name} · connecting"),
        EngineStatus::Down(_) => format!("{name} · not reachable"),
    }
}

fn clear(engines: &[Arc<Snapshot>], counts: Counts) -> String {
    if engines.iter().any(|engine| engine.status == EngineStatus::Connecting) {
        return "Connecting to Docker.".to_owned();
    }
    match counts.total {
        0 => "No containers yet. Start one and it appears here by itself.".to_owned(),
        1 => "1 container, and nothing needs attention.".to_owned(),
        total => format!("{total} containers, and nothing needs attention."),
    }
}

fn attention(engine: &Arc<Snapshot>, now: jiff::Timestamp) -> Vec<Attention> {
    let mut list = Vec::new();
    // The banner on top of the page says why.
    if let EngineStatus::Down(_) = &engine.status {
        list.push(Attention {
            tone: "bad",
            icon: "unplug",
            title: "Docker is not reachable".to_owned(),
            text: "Nothing here is up to date until it answers.".to_owned(),
            since: Some(Since::new(engine.since, now, "")),
            href: "/settings".to_owned(),
            action: "See details",
        });
    }
    let troubled = engine.containers().iter().filter(|container| needs_attention(container));
    list.extend(troubled.take(ATTENTION + 100).map(|container| trouble_of(container, now)));
    list
}

fn trouble_of(container: &Container, now: jiff::Timestamp) -> Attention {
    use crate::docker::types::State;
    let name = &container.name;
    let (tone, icon, title, text) = match container.state {
        State::Restarting => {
            let times =
                container.facts.restart_count.map(|n| format!(", {n} times so far")).unwrap_or_default();
            let code = container
                .facts
                .exit_code
                .map(|c| format!("It ends with exit code {c}"))
                .unwrap_or("It ends".to_owned());
            (
                "warn",
                "rotate-cw",
                format!("{name} keeps restarting"),
                format!("{code} and Docker starts it again{times}."),
            )
        }
        State::Dead => {
            ("bad", "circle-x", format!("{name} is dead"), "Docker failed to remove it.".to_owned())
        }
        State::Exited => (
            "bad",
            "memory-stick",
            format!("{name} ran out of memory"),
            "The kernel killed it; it does not run.".to_owned(),
        ),
        State::Created => {
            let why = container.facts.error.clone().unwrap_or_default();
            ("bad", "circle-x", format!("{name} failed to start"), why)
        }
        _ => {
            let streak = container.facts.failing_streak.unwrap_or(0);
            let text = match streak {
                0 => "Its health check fails.".to_owned(),
                n => format!(
                    "Its health check failed {} in a row.",
                    text::count(usize::try_from(n).unwrap_or(0), "time")
                ),
            };
            ("warn", "triangle-alert", format!("{name} is unhealthy"), text)
        }
    };
    Attention {
        tone,
        icon,
        title,
        text,
        since: view::since(container, now).filter(|_| !matches!(container.state, State::Running)),
        href: format!("/containers/{}", container.id),
        action: "See why",
    }
}

/// Stale containers: no trouble, and still something to look at.
fn cleanable(dashboard: &Dashboard) -> Option<Attention> {
    let found = dashboard.cleanable();
    if found.containers == 0 {
        return None;
    }
    let freed = match found.freed.words() {
        words if words.is_empty() || found.freed.at_most == 0 => String::new(),
        words => format!(" With unused images, volumes and build cache, {words} can be freed."),
    };
    Some(Attention {
        tone: "info",
        icon: "brush-cleaning",
        title: if found.containers == 1 {
            "1 stale container can be cleaned up".to_owned()
        } else {
            format!("{} stale containers can be cleaned up", found.containers)
        },
        text: format!(
            "Nobody seems to need {} any more.{freed}",
            if found.containers == 1 { "it" } else { "them" }
        ),
        since: None,
        href: "/stale".to_owned(),
        action: "Look",
    })
}

/// A threshold that is crossed. What has its own line already (a container that is unhealthy, say) has another here:
/// it is another trouble.
fn crossed(alert: &Alert, engines: &[Arc<Snapshot>], now: jiff::Timestamp) -> Option<Attention> {
    let name = &alert.name;
    let container = || {
        let of_engine = engines.iter().find(|engine| engine.engine == alert.subject.engine)?;
        of_engine.containers().iter().find(|c| c.is_up() && c.subject_key() == alert.subject.key).cloned()
    };
    let since = Some(Since::new(from_ms(alert.since), now, ""));
    let percent = format!("{}\u{a0}%", alert.value);
    let (tone, icon, title, text) = match alert.rule {
        Rule::Memory => (
            "warn",
            "memory-stick",
            format!("{name} is close to its memory limit"),
            format!("It uses {percent} of it."),
        ),
        Rule::Cpu => ("warn", "cpu", format!("{name} uses a lot of CPU"), format!("{percent} of one core.")),
        Rule::DiskWarning => (
            "warn",
            "hard-drive",
            format!("The disk at {name} is filling up"),
            format!("{percent} of it are used."),
        ),
        Rule::DiskError => (
            "bad",
            "hard-drive",
            format!("The disk at {name} is almost full"),
            format!("{percent} of it are used."),
        ),
        Rule::DiskFullSoon => (
            "warn",
            "hard-drive",
            format!("The disk at {name} will be full soon"),
            format!(
                "At the current rate in {}.",
                text::count(usize::try_from(alert.value).unwrap_or(0), "day")
            ),
        ),
    };
    let (href, action) = match alert.rule {
        Rule::Memory | Rule::Cpu => (format!("/containers/{}/stats", container()?.id), "See its use"),
        _ => ("/host#disks-t".to_owned(), "See disks"),
    };
    Some(Attention { tone, icon, title, text, since, href, action })
}

fn hosts(dashboard: &Dashboard) -> Result<Vec<Host>, WebError> {
    let hosts = dashboard.engines.iter().map(|engine| {
        Ok(Host {
            engine: engine.id.to_string(),
            cells: cells::strip(&dashboard.stats, engine)?,
            busiest: cells::busiest(&dashboard.stats, engine)?,
        })
    });
    hosts.collect()
}

/// The states as parts of a bar 1000 wide.
fn split(counts: Counts) -> Vec<Part> {
    if counts.total == 0 {
        return Vec::new();
    }
    let healthy = counts.running.saturating_sub(counts.unhealthy);
    let parts = [
        ("f-ok", healthy),
        ("f-warn", counts.unhealthy),
        ("f-start", counts.restarting),
        ("f-idle", counts.stopped + counts.paused),
    ];
    let parts: Vec<(&'static str, usize)> = parts.into_iter().filter(|(_, count)| *count > 0).collect();
    // A single container among thousands stays visible, at the cost of the widest part.
    let mut widths: Vec<usize> =
        parts.iter().map(|(_, count)| (count * 1000 / counts.total).max(NARROWEST)).collect();
    let sum: usize = widths.iter().sum();
    if let Some(widest) = widths.iter_mut().max() {
        *widest = (*widest + 1000).saturating_sub(sum);
    }
    let mut x = 0;
    let mut split = Vec::new();
    for ((class, _), width) in parts.into_iter().zip(widths) {
        split.push(Part {
            class,
            x,
            width: if x + width < 1000 { width.saturating_sub(GAP) } else { width },
        });
        x += width;
    }
    split
}

fn count_note(counts: Counts) -> String {
    let parts = [
        (counts.unhealthy, "unhealthy"),
        (counts.restarting, "restarting"),
        (counts.paused, "paused"),
        (counts.stopped, "stopped"),
    ];
    let words: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n}\u{a0}{word}")).collect();
    match (words.is_empty(), counts.total) {
        (true, 0) => "None yet".to_owned(),
        (true, _) => "All running".to_owned(),
        (false, _) => words.join(" · "),
    }
}

fn engine_card(dashboard: &Dashboard, engine: &Snapshot, now: jiff::Timestamp) -> EngineCard {
    let info = &engine.info;
    let (status, icon, tone) = match &engine.status {
        EngineStatus::Up => ("Up", "s-run", "ok"),
        EngineStatus::Connecting => ("Connecting", "s-start", "info"),
        EngineStatus::Down(_) => ("Not reachable", "s-bad", "bad"),
    };
    let mut facts: Vec<(&'static str, String)> = vec![
        ("Docker", info.version.clone()),
        ("API", info.api_version.clone()),
        ("System", info.operating_system.clone()),
        ("Kernel", info.kernel.clone()),
        ("Architecture", info.architecture.clone()),
        ("Cores", info.cores.map(|n| n.to_string()).unwrap_or_default()),
        ("Memory", info.memory_bytes.map(text::bytes).unwrap_or_default()),
        ("Storage driver", info.storage_driver.clone()),
        ("Data", info.data_root.clone()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    let endpoint =
        dashboard.engines.get(engine.engine.as_str()).map(|e| e.client.endpoint().label().to_owned());
    EngineCard {
        name: if info.name.is_empty() { "Docker".to_owned() } else { info.name.clone() },
        endpoint: endpoint.unwrap_or_default(),
        status,
        icon,
        tone,
        since: Since::new(engine.since, now, ""),
        facts,
    }
}

/// Equal messages as one, at the place of the newest, with how many there are.
fn fold(newest_first: &[Event]) -> Vec<(&Event, usize)> {
    let mut folded: Vec<(&Event, usize)> = Vec::new();
    for event in newest_first {
        match folded.iter_mut().find(|(seen, _)| seen.message == event.message) {
            Some((_, times)) => *times += 1,
            None => folded.push((event, 1)),
        }
    }
    folded
}

fn change(event: &Event, times: usize, engines: &[Arc<Snapshot>], now: jiff::Timestamp) -> Change {
    let (tone, icon) = match event.severity {
        Severity::Error => ("bad", "s-bad"),
        Severity::Warning => ("warn", "s-warn"),
        Severity::Info | Severity::Debug => ("idle", "s-off"),
    };
    // What is gone has no page.
    let exists = event.subject.kind == "container"
        && engines.iter().any(|engine| engine.by_id(&event.subject.id).is_some());
    let href = if exists { format!("/containers/{}", event.subject.id) } else { String::new() };
    Change {
        tone,
        icon,
        message: event.message.clone(),
        times,
        href,
        when: Since::new(from_ms(event.at), now, " ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: i64, message: &str) -> Event {
        Event {
            id,
            at: id,
            engine: "local".to_owned(),
            source: "docker".to_owned(),
            kind: "container.die".to_owned(),
            severity: Severity::Warning,
            subject: Default::default(),
            actor: String::new(),
            message: message.to_owned(),
            data: String::new(),
            admins_only: false,
        }
    }

    #[test]
    fn the_bar_of_states_is_filled_and_shows_the_few() {
        let counts =
            Counts { total: 30_000, running: 2, restarting: 1, stopped: 29_997, ..Counts::default() };
        let split = split(counts);
        assert_eq!(split.len(), 3);
        assert!(split.iter().all(|part| part.width >= NARROWEST - GAP));
        let last = split.last().unwrap();
        assert_eq!(last.x + last.width, 1000);
    }

    #[test]
    fn repeats_are_folded_at_the_newest() {
        let events =
            [event(5, "web ended"), event(4, "db started"), event(3, "web ended"), event(2, "web ended")];
        let folded: Vec<(i64, usize)> =
            fold(&events).iter().map(|(event, times)| (event.at, *times)).collect();
        assert_eq!(folded, [(5, 3), (4, 1)]);
        assert!(fold(&[]).is_empty());
    }
}
