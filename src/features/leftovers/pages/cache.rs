//! `/stale/build-cache`: what builds have left, by how long it was of no use.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;

use super::frame::{Note, unmeasured};
use super::tabs::Tab;
use super::{SECTION, TITLE};
use crate::docker::leftovers::CacheEntry;
use crate::docker::types::EngineStatus;
use crate::features::containers::view::Since;
use crate::features::leftovers::model::Kind;
use crate::features::leftovers::plan::is_old;
use crate::features::leftovers::service::{Leftovers, reclaimable};
use crate::features::leftovers::wanted::Age;
use crate::platform::text;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// How many entries are listed, the largest first.
const LISTED: usize = 100;

#[derive(Template)]
#[template(path = "leftovers/cache.html", blocks = ["content_cache"])]
struct CachePage {
    shell: Shell,
    tabs: String,
    subtitle: String,
    notes: Vec<Note>,
    figures: Vec<(&'static str, String, String)>,
    choices: Vec<Choice>,
    rows: Vec<CacheRow>,
    more: usize,
    measuring: bool,
    measured: Option<Since>,
    /// What is said instead of entries: a title and a text.
    empty: Option<(&'static str, String, String)>,
}

/// A part of the cache that can be removed.
struct Choice {
    label: &'static str,
    url: String,
    entries: String,
    size: String,
    /// Nothing is in it.
    none: bool,
}

struct CacheRow {
    description: String,
    kind: String,
    tag: &'static str,
    size: String,
    created: Option<Since>,
    used: Option<Since>,
}

impl CacheRow {
    fn new(entry: &CacheEntry, now: Timestamp) -> Self {
        let known = if entry.description.is_empty() { &entry.id } else { &entry.description };
        Self {
            description: text::cut(known, 300).into_owned(),
            kind: entry.kind.clone(),
            tag: match entry {
                CacheEntry { in_use: true, .. } => "in use",
                CacheEntry { shared: true, .. } => "shared",
                _ => "",
            },
            size: text::bytes(entry.size_bytes),
            created: entry.created_at.map(|at| Since::new(at, now, " ago")),
            used: entry.last_used_at.map(|at| Since::new(at, now, " ago")),
        }
    }
}

pub(in crate::features::leftovers) async fn page(
    State(leftovers): State<Arc<Leftovers>>,
    context: PageContext,
) -> Result<Page, WebError> {
    let shell = context.shell(TITLE, SECTION);
    leftovers.measure();
    let (standing, now) = (leftovers.measuring(), leftovers.clock.now());
    let known = leftovers.cache();
    let entries = known.as_deref().unwrap_or_default();
    let total: u64 = entries.iter().filter(|entry| !entry.shared).map(|entry| entry.size_bytes).sum();
    let free = reclaimable(entries, |_| true);
    let page = CachePage {
        tabs: leftovers.tabs_html(Tab::Of(Kind::BuildCache)),
        subtitle: match &known {
            None => "Not known yet".to_owned(),
            Some(_) if entries.is_empty() => "Builds have left nothing here".to_owned(),
            Some(_) => format!(
                "{} that builds have left, {} can be freed",
                text::bytes(total),
                text::bytes(free.freed.at_least)
            ),
        },
        notes: unmeasured(&standing, now).into_iter().collect(),
        figures: figures(entries, total),
        choices: Age::ALL.into_iter().map(|age| choice(entries, age, now)).collect(),
        rows: entries.iter().take(LISTED).map(|entry| CacheRow::new(entry, now)).collect(),
        more: entries.len().saturating_sub(LISTED),
        measuring: standing.running && known.is_none(),
        measured: standing.measured.as_ref().map(|measured| Since::new(measured.at, now, " ago")),
        empty: empty(&leftovers, known.as_deref(), standing.running),
        shell,
    };
    if context.wants_fragment() { Page::render(&page.as_content_cache()) } else { Page::render(&page) }
}

fn figures(entries: &[CacheEntry], total: u64) -> Vec<(&'static str, String, String)> {
    let sum = |fits: fn(&CacheEntry) -> bool| -> (u64, usize) {
        let fitting = entries.iter().filter(|entry| fits(entry));
        fitting.fold((0, 0), |(bytes, n), entry| (bytes + entry.size_bytes, n + 1))
    };
    let free = sum(|entry| !entry.in_use && !entry.shared);
    let used = sum(|entry| entry.in_use);
    let shared = sum(|entry| entry.shared && !entry.in_use);
    let count = |n: usize| if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") };
    vec![
        ("Can be freed", text::bytes(free.0), count(free.1)),
        ("In all", text::bytes(total), count(entries.len())),
        ("In use by a build", text::bytes(used.0), count(used.1)),
        ("Shared with images", text::bytes(shared.0), "frees nothing".to_owned()),
    ]
}

fn choice(entries: &[CacheEntry], age: Age, now: Timestamp) -> Choice {
    let total = reclaimable(entries, |entry| is_old(entry, age, now));
    Choice {
        label: age.words(),
        url: format!("/stale/build-cache/cleanup?age={}", age.as_str()),
        entries: if total.count == 1 { "1 entry".to_owned() } else { format!("{} entries", total.count) },
        size: text::bytes(total.freed.at_least),
        none: total.count == 0,
    }
}

fn empty(
    leftovers: &Leftovers,
    known: Option<&[CacheEntry]>,
    running: bool,
) -> Option<(&'static str, String, String)> {
    let status = leftovers.engines.iter().next().map(|engine| engine.mirror.snapshot().status.clone());
    let said = match (known, status) {
        (Some([]), _) => (
            "circle-check",
            "No build cache",
            "Builds by BuildKit keep their steps here to make the next build faster.",
        ),
        (Some(_), _) => return None,
        (None, Some(EngineStatus::Down(_))) => {
            ("unplug", "Docker is not reachable", "The build cache appears here by itself once it answers.")
        }
        (None, Some(EngineStatus::Connecting)) => {
            ("unplug", "Connecting to Docker", "The build cache appears here by itself.")
        }
        (None, _) if running => (
            "loader-circle",
            "Measuring…",
            "Docker adds up what lies on its disk. On a large one that takes a minute or two.",
        ),
        (None, _) => (
            "triangle-alert",
            "Not measured",
            "Docker did not tell. It is asked again when this page is opened.",
        ),
    };
    let (icon, title, text) = said;
    Some((icon, title.to_owned(), text.to_owned()))
}
