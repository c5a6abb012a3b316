//! `/settings`: about, the engines, the workers. What can be set stands on pages of its own.

pub(super) mod cleanup;
pub(super) mod events;
mod field;
mod form;
pub(super) mod stats;

pub use field::FieldView;
pub use form::SettingsForm;

use askama::Template;
use axum::extract::State;

use super::System;
use crate::docker::types::EngineStatus;
use crate::features::containers::view::Since;
use crate::platform::lifecycle::WorkerStatus;
use crate::platform::text;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, Role, WebError};

#[derive(Template)]
#[template(path = "settings/system.html")]
struct SystemPage {
    shell: Shell,
    tab: &'static str,
    facts: Vec<(&'static str, String)>,
    engines: Vec<EngineRow>,
    workers: Vec<WorkerRow>,
    cost: String,
}

struct EngineRow {
    id: String,
    endpoint: String,
    icon: &'static str,
    tone: &'static str,
    status: &'static str,
    why: String,
    since: Since,
    facts: Vec<(&'static str, String)>,
    plain_tcp: bool,
}

struct WorkerRow {
    name: String,
    icon: &'static str,
    tone: &'static str,
    status: &'static str,
    since: Since,
    restarts: u32,
    last_error: String,
}

pub(super) async fn system(State(system): State<System>, context: PageContext) -> Result<Page, WebError> {
    let now = system.clock.now();
    let mut facts = vec![
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Running for", text::between(system.started_at, now)),
        ("Open live pages", system.live.open_streams().to_string()),
    ];
    if system.read_only {
        facts.push(("Mode", "Read only: no container is ever changed".to_owned()));
    }
    let size = tokio::fs::metadata(&system.database).await.map(|file| file.len()).unwrap_or_default();
    if context.may(Role::Admin) {
        facts.push(("Database", format!("{}, {}", system.database.display(), text::bytes(size))));
    }
    let page = SystemPage {
        tab: "system",
        facts,
        engines: engines(&system, now),
        workers: workers(&system, now),
        cost: (system.cards.cost)(size)?,
        shell: context.shell("Settings", "settings"),
    };
    Page::render(&page)
}

fn engines(system: &System, now: jiff::Timestamp) -> Vec<EngineRow> {
    let rows = system.engines.iter().map(|engine| {
        let snapshot = engine.mirror.snapshot();
        let info = &snapshot.info;
        let (icon, tone, status, why) = match &snapshot.status {
            EngineStatus::Up => ("s-run", "ok", "Up", snapshot.denied.join("; ")),
            EngineStatus::Connecting => ("s-start", "info", "Connecting", String::new()),
            EngineStatus::Down(why) => ("s-bad", "bad", "Not reachable", why.clone()),
        };
        let mut facts: Vec<(&'static str, String)> = vec![
            ("Host", info.name.clone()),
            ("Docker", info.version.clone()),
            ("API version", info.api_version.clone()),
            ("System", info.operating_system.clone()),
            ("Kernel", info.kernel.clone()),
            ("Cores", info.cores.map(|n| n.to_string()).unwrap_or_default()),
            ("Memory", info.memory_bytes.map(text::bytes).unwrap_or_default()),
            ("Storage driver", info.storage_driver.clone()),
            ("Data root", info.data_root.clone()),
            ("Cgroup version", info.cgroup_version.clone()),
            ("Swarm", if info.swarm { "part of a swarm".to_owned() } else { String::new() }),
        ];
        facts.retain(|(_, value)| !value.is_empty());
        EngineRow {
            id: engine.id.to_string(),
            endpoint: engine.client.endpoint().label().to_owned(),
            icon,
            tone,
            status,
            why,
            since: Since::new(snapshot.since, now, ""),
            facts,
            plain_tcp: engine.client.endpoint().is_plain_tcp(),
        }
    });
    rows.collect()
}

fn workers(system: &System, now: jiff::Timestamp) -> Vec<WorkerRow> {
    let rows = system.lifecycle.workers().into_iter().map(|(name, state)| {
        let (icon, tone, status) = match state.status {
            WorkerStatus::Running => ("s-run", "ok", "Running"),
            WorkerStatus::Restarting => ("s-warn", "warn", "Restarting"),
            WorkerStatus::Stopped => ("s-off", "idle", "Stopped"),
        };
        WorkerRow {
            name,
            icon,
            tone,
            status,
            since: Since::new(state.since, now, ""),
            restarts: state.restarts,
            last_error: state.last_error.unwrap_or_default(),
        }
    });
    rows.collect()
}
