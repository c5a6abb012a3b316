//! The list of stale containers.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::Pages;
use crate::docker::Snapshot;
use crate::docker::types::EngineStatus;
use crate::features::containers::view::{self, Since, StateView, TwoEnds};
use crate::features::leftovers::{Tab, Tabs};
use crate::features::stale::scan::Entry;
use crate::features::stale::verdict::{label_problem, last_alive_words};
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// How many rows a page shows.
pub(super) const MOST: usize = 500;

#[derive(Template)]
#[template(path = "stale/list.html", blocks = ["content_stale"])]
struct ListPage {
    shell: Shell,
    tabs: Tabs,
    q: String,
    sort: Sort,
    subtitle: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    matching: usize,
    total: usize,
    /// Bytes known to be freed, in words; empty: none are known.
    freed: String,
    unmeasured: usize,
    removable: usize,
    empty: Option<(&'static str, String)>,
}

struct Column {
    label: &'static str,
    class: &'static str,
    href: String,
    sorted: &'static str,
}

struct Row {
    id: String,
    short_id: String,
    name: String,
    name_ends: TwoEnds,
    image_ends: TwoEnds,
    image: String,
    state: StateView,
    reasons: Vec<String>,
    since: Since,
    alive: String,
    size: String,
    /// Why it is left alone; empty when it is not.
    protected: String,
    /// Whether a user has protected it, and may take that back.
    by_user: bool,
    notes: Vec<String>,
}

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Since,
    Name,
    Size,
}

impl Sort {
    const ALL: [(Self, &'static str, &'static str, &'static str); 3] = [
        (Self::Name, "name", "Container", ""),
        (Self::Since, "since", "Stale for", "k-since"),
        (Self::Size, "size", "Size", "k-size num"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(sort, ..)| *sort == self).map_or("", |(_, word, ..)| word)
    }
}

pub(in crate::features::stale) async fn list(
    State(pages): State<Pages>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let stale = &pages.stale;
    let found = stale.found();
    let q: String = query.get("q").unwrap_or_default().chars().take(200).collect();
    let word = query.get("sort").unwrap_or("since").trim_start_matches('-');
    let sort = Sort::ALL.into_iter().find(|(_, known, ..)| *known == word).map(|(sort, ..)| sort);
    let sort = sort
        .ok_or_else(|| WebError::field("sort", "takes name, since or size, with - in front to reverse."))?;
    let reverse = query.get("sort").is_some_and(|text| text.starts_with('-'));
    let words: Vec<String> = q.split_whitespace().map(str::to_lowercase).collect();
    let now = stale.clock.now();
    let mut wanted: Vec<&Arc<Entry>> = found
        .entries
        .iter()
        .filter(|entry| words.iter().all(|word| is_about(entry, word, now.as_millisecond())))
        .collect();
    let size = |entry: &Entry| stale.size_of(&entry.container.id);
    match sort {
        Sort::Name => {}
        Sort::Since => wanted.sort_by_key(|entry| entry.verdict.since),
        Sort::Size => wanted.sort_by_key(|entry| std::cmp::Reverse(size(entry).unwrap_or(0))),
    }
    if reverse {
        wanted.reverse();
    }
    let (freed, measured) = stale.reclaimable();
    let link = |sort: &str| {
        let mut url = url::form_urlencoded::Serializer::new(String::new());
        if !q.is_empty() {
            url.append_pair("q", &q);
        }
        url.append_pair("sort", sort);
        format!("/stale?{}", url.finish())
    };
    let columns = Sort::ALL.into_iter().map(|(column, word, label, class)| {
        let current = column == sort;
        let next = if current && !reverse { format!("-{word}") } else { word.to_owned() };
        let sorted = match (current, reverse) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        Column { label, class, href: link(&next), sorted }
    });
    let page = ListPage {
        tabs: Tabs::new(&pages.leftovers, Tab::Containers),
        columns: columns.collect(),
        rows: wanted.iter().take(MOST).map(|entry| row(&pages, entry, now)).collect(),
        matching: wanted.len(),
        total: found.entries.len(),
        freed: if measured > 0 { text::bytes(freed) } else { String::new() },
        unmeasured: found.entries.len() - measured.min(found.entries.len()),
        removable: stale.removable(),
        subtitle: subtitle(&pages),
        empty: wanted.is_empty().then(|| empty(&pages, &q, found.at.is_none())),
        q,
        sort,
        shell: context.shell("Cleanup", "cleanup"),
    };
    if context.wants_fragment() { Page::render(&page.as_content_stale()) } else { Page::render(&page) }
}

fn is_about(entry: &Entry, word: &str, now: i64) -> bool {
    let container = &entry.container;
    let has = |text: &str| text::contains_word(text, word);
    has(&container.name)
        || has(&container.image)
        || container.id.starts_with(word)
        || container.project.as_deref().is_some_and(has)
        || entry.verdict.reasons.iter().any(|reason| has(&reason.sentence(now)))
}

fn row(pages: &Pages, entry: &Entry, now: jiff::Timestamp) -> Row {
    let container = &entry.container;
    let now_ms = now.as_millisecond();
    let protection = pages.stale.containers.protection.of(container);
    let mut notes = Vec::new();
    if !entry.dependents.is_empty() {
        notes.push(format!("Needed by {}.", entry.dependents.join(", ")));
    }
    if !entry.siblings.is_empty() {
        let project = container.project.as_deref().unwrap_or_default();
        notes.push(format!("Others of {project} run: {}.", entry.siblings.join(", ")));
    }
    notes.extend(Some(label_problem(container)).filter(|problem| !problem.is_empty()));
    Row {
        id: container.id.to_string(),
        short_id: container.short_id().to_owned(),
        name: container.name.clone(),
        name_ends: TwoEnds::of(&container.name),
        image_ends: TwoEnds::of_image(&container.image),
        image: container.image.to_string(),
        state: view::state(container),
        reasons: entry.verdict.reasons.iter().map(|reason| reason.sentence(now_ms)).collect(),
        since: Since::new(from_ms(entry.verdict.since), now, ""),
        alive: last_alive_words(container, &entry.verdict, now_ms),
        size: pages.stale.size_of(&container.id).map(text::bytes).unwrap_or_default(),
        by_user: matches!(protection, Some(crate::features::containers::protection::Reason::User(..))),
        protected: protection
            .map(|reason| text::capital(&format!("it {}.", reason.sentence())))
            .unwrap_or_default(),
        notes,
    }
}

fn subtitle(pages: &Pages) -> String {
    let settings = pages.stale.settings.current();
    format!(
        "What has not been alive for {}, and other things nobody seems to need",
        text::count(usize::try_from(settings.stale_threshold_days).unwrap_or(0), "day")
    )
}

fn empty(pages: &Pages, q: &str, not_looked: bool) -> (&'static str, String) {
    let down =
        pages.stale.engines.iter().map(|engine| engine.mirror.snapshot()).any(|snapshot: Arc<Snapshot>| {
            matches!(snapshot.status, EngineStatus::Down(_) | EngineStatus::Connecting)
        });
    match (q.is_empty(), not_looked || down) {
        (false, _) => {
            ("Nothing stale matches", "The search looks at name, image, project and reasons.".to_owned())
        }
        (true, true) => {
            ("Not known yet", "Stale containers appear here by themselves once Docker answers.".to_owned())
        }
        (true, false) => (
            "Nothing is stale",
            "What stops being needed appears here by itself, with the reasons.".to_owned(),
        ),
    }
}
