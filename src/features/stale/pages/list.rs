//! The list of stale containers.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::Pages;
use super::wanted::{Sort, Wanted};
use crate::docker::Snapshot;
use crate::docker::types::EngineStatus;
use crate::features::containers::view::{self, Since, StateView, TwoEnds};
use crate::features::leftovers::{Tab, Tabs};
use crate::features::stale::scan::Entry;
use crate::features::stale::sizes::Footprint;
use crate::features::stale::verdict::{label_problem, last_alive_words};
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

#[derive(Template)]
#[template(path = "stale/list.html", blocks = ["content_stale"])]
struct ListPage {
    shell: Shell,
    tabs: Tabs,
    wanted: Wanted,
    subtitle: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// The places of the first and the last row.
    first: usize,
    last: usize,
    /// Empty where there is none.
    previous_url: String,
    next_url: String,
    matching: usize,
    total: usize,
    /// Bytes known to be freed, in words; empty: none are known.
    freed: String,
    unmeasured: usize,
    /// Whether a size on this page is not known.
    can_measure: bool,
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
    /// What it wrote outside of volumes; empty: not measured.
    size: String,
    /// Whether it is known to be more than nothing.
    has_size: bool,
    /// What else it takes, in words.
    more_size: String,
    /// Why it is left alone; empty when it is not.
    protected: String,
    /// Whether a user has protected it, and may take that back.
    by_user: bool,
    notes: Vec<String>,
}

impl Column {
    fn of(sort: Sort, wanted: &Wanted) -> Self {
        let (label, class) = match sort {
            Sort::Name => ("Container", "k-name"),
            Sort::Since => ("Stale for", "k-since"),
            Sort::Size => ("Size", "k-size num"),
        };
        let current = sort == wanted.sort;
        let next =
            if current && !wanted.reverse { format!("-{}", sort.word()) } else { sort.word().to_owned() };
        let sorted = match (current, wanted.reverse) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        Self { label, class, href: wanted.link(&next, 1), sorted }
    }
}

pub(in crate::features::stale) async fn list(
    State(pages): State<Pages>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let stale = &pages.stale;
    let found = stale.found();
    let wanted = Wanted::read(&query)?;
    let now = stale.clock.now();
    let part = wanted.part(stale, &found, now.as_millisecond());
    let totals = stale.totals();
    let link =
        |page: Option<usize>| page.map(|page| wanted.link(&wanted.sort_word(), page)).unwrap_or_default();
    let page = ListPage {
        tabs: Tabs::new(&pages.leftovers, Tab::Containers),
        columns: Sort::ALL.into_iter().map(|sort| Column::of(sort, &wanted)).collect(),
        rows: part.entries.iter().map(|entry| row(&pages, entry, now)).collect(),
        first: part.before + 1,
        last: part.before + part.entries.len(),
        previous_url: link(part.previous()),
        next_url: link(part.next()),
        matching: part.matching,
        total: found.entries.len(),
        freed: if totals.measured > 0 { text::bytes(totals.bytes) } else { String::new() },
        unmeasured: totals.removable - totals.measured,
        can_measure: part.entries.iter().any(|entry| stale.size_of(&entry.container.id).is_none()),
        removable: totals.removable,
        subtitle: subtitle(&pages),
        empty: (part.matching == 0).then(|| empty(&pages, &wanted.q, found.at.is_none())),
        wanted,
        shell: context.shell("Cleanup", "cleanup"),
    };
    if context.wants_fragment() { Page::render(&page.as_content_stale()) } else { Page::render(&page) }
}

fn row(pages: &Pages, entry: &Entry, now: jiff::Timestamp) -> Row {
    let container = &entry.container;
    let now_ms = now.as_millisecond();
    let protection = pages.stale.containers.protection.of(container);
    let footprint = pages.stale.footprint(entry);
    let mut notes = Vec::new();
    let led = pages.stale.led_to(&entry.container);
    if !led.is_empty() {
        notes.push(format!("The proxy {} leads to it.", led.join(", ")));
    }
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
        size: footprint.layer.map(text::bytes).unwrap_or_default(),
        has_size: footprint.layer.is_some_and(|bytes| bytes > 0),
        more_size: more_size(footprint),
        by_user: matches!(protection, Some(crate::features::containers::protection::Reason::User(..))),
        protected: protection
            .map(|reason| text::capital(&format!("it {}.", reason.sentence())))
            .unwrap_or_default(),
        notes,
    }
}

/// What a container takes that a cleanup does not free by itself.
fn more_size(footprint: Footprint) -> String {
    let some = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0).map(text::bytes);
    let volumes = some(footprint.volumes).map(|size| format!("+ {size} in anonymous volumes"));
    let image = some(footprint.image).map(|size| format!("+ {size} image nobody else uses (kept)"));
    volumes.into_iter().chain(image).collect::<Vec<_>>().join(", ")
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
