//! Publishes what changed: a row once, as bytes that all streams share, and the order to fetch the list
//! anew when membership or order may have changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::row::RowBytes;
use super::service::Containers;
use super::usage::Cells;
use super::view;
use super::{LIST_TOPIC, topic_of};
use crate::docker::types::Container;
use crate::docker::{Engine, Snapshot};
use crate::platform::live::Hub;
use crate::web::live::LIST_CHANGED;

/// Between two rounds of patches.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two orders to fetch the list.
const LIST_PAUSE: Duration = Duration::from_millis(500);
/// So many changed rows at once are fetched faster than patched.
const MANY: usize = 50;

/// Publishes the changes of one engine until the product shuts down.
pub async fn publish(
    engine: Arc<Engine>,
    containers: Arc<Containers>,
    hub: Hub,
    stopping: CancellationToken,
) -> Result<(), askama::Error> {
    let mut actions = containers.pending.changes();
    let mut acted_on: HashSet<Arc<str>> = HashSet::new();
    let mut changes = engine.mirror.changes();
    let mut before = engine.mirror.snapshot();
    let mut list_due: Option<Instant> = None;
    let mut list_told = Instant::now();
    let mut measured = engine.stats.changes();
    let mut shown = Shown::default();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = changes.changed() => if changed.is_err() { return Ok(()) },
            changed = measured.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                patch_cells(&hub, &engine, &containers, &mut shown);
                continue;
            }
            changed = actions.recv() => match changed {
                Ok(id) => drop(acted_on.insert(id)),
                Err(RecvError::Lagged(_)) => drop(list_due.get_or_insert(list_told + LIST_PAUSE)),
                Err(RecvError::Closed) => return Ok(()),
            },
            () = due(list_due) => {
                list_due = None;
                list_told = Instant::now();
                hub.event(LIST_TOPIC, LIST_CHANGED, "");
                continue;
            }
        }
        let now = engine.mirror.snapshot();
        let changed = diff(&before, &now);
        for container in &changed.rows {
            hub.event(&topic_of(&container.id), LIST_CHANGED, "");
        }
        for container in &changed.gone {
            hub.event(&topic_of(&container.id), LIST_CHANGED, "");
        }
        // What something is done to looks different, and so does what nothing is done to any more.
        while let Ok(id) = actions.try_recv() {
            acted_on.insert(id);
        }
        let touched: Vec<_> = acted_on.drain().filter_map(|id| now.by_id(&id).cloned()).collect();
        for container in &touched {
            hub.event(&topic_of(&container.id), LIST_CHANGED, "");
        }
        if changed.rows.len() <= MANY {
            patch_rows(&hub, changed.rows.iter().chain(&touched), &containers)?;
        }
        if changed.order || changed.rows.len() > MANY {
            list_due.get_or_insert(list_told + LIST_PAUSE);
        }
        before = now;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn patch_rows<'a>(
    hub: &Hub,
    rows: impl Iterator<Item = &'a Arc<Container>>,
    containers: &Containers,
) -> Result<(), askama::Error> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    if !hub.has_audience(LIST_TOPIC) {
        hub.touch(LIST_TOPIC);
        return Ok(());
    }
    let mut html = String::new();
    for container in rows {
        let id = view::dom_id(container);
        html.push_str(&format!(r##"<hx-partial hx-target="#{id}" hx-swap="outerMorph">"##));
        let pending = containers.pending.of(&container.id);
        let row = RowBytes::render(container, pending.as_ref(), containers.is_stale(&container.id))?;
        if let Some(cells) = containers.cells_of(&[container]).first() {
            row.write(containers.clock.now(), cells, &mut html)?;
        }
        html.push_str("</hx-partial>");
    }
    hub.patch(LIST_TOPIC, &html);
    Ok(())
}

/// What pages were told last of what is used.
#[derive(Default)]
struct Shown {
    cells: HashMap<Arc<str>, Arc<Cells>>,
    sums: HashMap<String, (String, String)>,
}

/// Tells pages what is used now: only the cells that look different.
fn patch_cells(hub: &Hub, engine: &Engine, containers: &Containers, shown: &mut Shown) {
    if !hub.has_audience(LIST_TOPIC) {
        // Whoever comes next has everything in the page.
        *shown = Shown::default();
        return;
    }
    let (latest, snapshot) = (engine.stats.latest(), engine.mirror.snapshot());
    let all: Vec<&Arc<Container>> = snapshot
        .containers()
        .iter()
        .filter(|container| latest.contains_key(&container.id) || shown.cells.contains_key(&container.id))
        .collect();
    let mut html = String::new();
    let mut cells = HashMap::with_capacity(all.len());
    for (container, now) in all.iter().zip(containers.cells_of(&all)) {
        now.write_changes(shown.cells.get(&container.id).map(AsRef::as_ref), &mut html);
        if latest.contains_key(&container.id) {
            cells.insert(container.id.clone(), now);
        }
    }
    shown.cells = cells;
    let sums: HashMap<_, _> = containers.sums().into_iter().map(|(id, sum)| (id, sum.words())).collect();
    let nothing = (String::new(), String::new());
    let gone = shown.sums.keys().filter(|id| !sums.contains_key(*id)).map(|id| (id, &nothing));
    for (id, words) in sums.iter().chain(gone) {
        let before = shown.sums.get(id);
        for (part, word, old) in
            [("cpu", &words.0, before.map(|old| &old.0)), ("mem", &words.1, before.map(|old| &old.1))]
        {
            if old != Some(word) {
                html.push_str(&format!(
                    r##"<hx-partial hx-target="#{id}-{part}" hx-swap="innerHTML">{word}</hx-partial>"##
                ));
            }
        }
    }
    shown.sums = sums;
    if !html.is_empty() {
        hub.patch(LIST_TOPIC, &html);
    }
}

/// What differs between two snapshots.
struct Changes {
    /// Containers that are new or changed.
    rows: Vec<Arc<Container>>,
    /// Containers that are gone.
    gone: Vec<Arc<Container>>,
    /// Whether membership, order or filters may be touched.
    order: bool,
}

/// Walks both lists, which are in the order of names, side by side; unchanged containers are the same `Arc`.
fn diff(before: &Snapshot, now: &Snapshot) -> Changes {
    let mut changes = Changes { rows: Vec::new(), gone: Vec::new(), order: false };
    if Arc::ptr_eq(before.containers(), now.containers()) {
        return changes;
    }
    for container in now.containers().iter() {
        match before.by_id(&container.id) {
            Some(old) if Arc::ptr_eq(old, container) => {}
            Some(old) => {
                changes.order |= (&old.name, old.state, old.health, &old.project, &old.image)
                    != (
                        &container.name,
                        container.state,
                        container.health,
                        &container.project,
                        &container.image,
                    );
                changes.rows.push(container.clone());
            }
            None => {
                changes.order = true;
                changes.rows.push(container.clone());
            }
        }
    }
    for old in before.containers().iter() {
        if now.by_id(&old.id).is_none() {
            changes.order = true;
            changes.gone.push(old.clone());
        }
    }
    changes
}
