//! What users have started and is under way: one job a click, with an item for each thing it is done to.
//!
//! A job is shown in the corner of all pages of the user who started it, live, and on a page of its own
//! (`/jobs/{id}`), which is what a browser without JavaScript gets. Jobs are kept in memory: what they did is
//! recorded as events by whoever runs them.

mod drive;
mod pages;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::live::LIST_CHANGED;
pub use pages::routes;

use super::PageContext;
use crate::platform::clock::{SharedClock, rfc3339};
use crate::platform::live::Hub;
use crate::platform::text;

/// How many jobs are remembered, of all users.
const KEPT: usize = 200;
/// How long one that went well is shown in the corner, ms.
const SHOWN_MS: i64 = 6_000;
/// How many items a card shows.
const ITEMS_SHOWN: usize = 6;
/// How many cards are shown.
const CARDS: usize = 4;

/// Empties the menu and the dialog that a form was in, which closes them.
pub const CLOSED: &str = "<hx-partial hx-target=\"#menu\" hx-swap=\"innerHTML\"></hx-partial>\
                          <hx-partial hx-target=\"#dialog\" hx-swap=\"innerHTML\"></hx-partial>";

/// The topic of a user's jobs.
pub fn topic_of(user: i64) -> String {
    format!("jobs:{user}")
}

fn page_topic(job: u64) -> String {
    format!("job:{job}")
}

/// What is done to one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is done to.
    pub name: String,
    /// Where that is shown; empty for nowhere.
    pub href: String,
    /// How far it is.
    pub progress: Progress,
}

/// How far an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Its turn has not come.
    Waiting,
    /// Under way since then.
    Running(Timestamp),
    /// Done; a sentence says what happened.
    Done(String),
    /// Not done; a sentence says why.
    Failed(String),
}

impl Item {
    /// Something whose turn has not come.
    pub fn new(name: impl Into<String>, href: impl Into<String>) -> Self {
        Self { name: name.into(), href: href.into(), progress: Progress::Waiting }
    }

    fn icon(&self) -> &'static str {
        match self.progress {
            Progress::Waiting => "s-off",
            Progress::Running(_) => "s-start",
            Progress::Done(_) => "check",
            Progress::Failed(_) => "s-bad",
        }
    }

    fn tone(&self) -> &'static str {
        match self.progress {
            Progress::Waiting => "idle",
            Progress::Running(_) => "info",
            Progress::Done(_) => "ok",
            Progress::Failed(_) => "bad",
        }
    }

    fn says(&self) -> &str {
        match &self.progress {
            Progress::Waiting => "waits for its turn",
            Progress::Running(_) => "",
            Progress::Done(text) | Progress::Failed(text) => text,
        }
    }

    /// Since when it runs: for machines and in words.
    fn since(&self, now: &Timestamp) -> Option<(String, String)> {
        match self.progress {
            Progress::Running(since) => Some((rfc3339(since), text::between(since, *now))),
            _ => None,
        }
    }
}

/// A job.
#[derive(Debug, Clone)]
struct Job {
    id: u64,
    owner: i64,
    title: String,
    /// The page it was started from.
    back: String,
    items: Vec<Item>,
    finished: Option<Timestamp>,
    dismissed: bool,
    /// How often something of it changed.
    changes: u64,
}

impl Job {
    fn done(&self) -> usize {
        let over = |item: &&Item| matches!(item.progress, Progress::Done(_) | Progress::Failed(_));
        self.items.iter().filter(over).count()
    }

    fn failed(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.progress, Progress::Failed(_))).count()
    }

    fn is_shown(&self, now: Timestamp) -> bool {
        let fresh = |at: Timestamp| now.as_millisecond() - at.as_millisecond() < SHOWN_MS;
        !self.dismissed && (self.failed() > 0 || self.finished.is_none_or(fresh))
    }

    fn summary(&self) -> String {
        match (self.finished, self.failed()) {
            (None, _) => format!("{} of {} done", self.done(), self.items.len()),
            (Some(_), 0) => "Done".to_owned(),
            (Some(_), failed) if failed == self.items.len() => "Not done".to_owned(),
            (Some(_), failed) => format!("{failed} of {} not done", self.items.len()),
        }
    }
}

/// A job as the corner shows it.
#[derive(Debug, Clone)]
struct Card {
    id: u64,
    title: String,
    summary: String,
    tone: &'static str,
    icon: &'static str,
    running: bool,
    done: usize,
    all: usize,
    /// What runs and what failed first.
    items: Vec<Item>,
    more: usize,
    now: Timestamp,
}

impl Card {
    fn of(job: &Job, now: Timestamp) -> Self {
        let rank = |item: &Item| match item.progress {
            Progress::Failed(_) => 0,
            Progress::Running(_) => 1,
            Progress::Done(_) => 2,
            Progress::Waiting => 3,
        };
        let mut items: Vec<&Item> = job.items.iter().collect();
        items.sort_by_key(|item| rank(item));
        let (tone, icon) = match (job.finished, job.failed()) {
            (None, _) => ("info", "s-start"),
            (Some(_), 0) => ("ok", "circle-check"),
            (Some(_), _) => ("bad", "s-bad"),
        };
        Self {
            id: job.id,
            title: job.title.clone(),
            summary: job.summary(),
            tone,
            icon,
            running: job.finished.is_none(),
            done: job.done(),
            all: job.items.len(),
            more: items.len().saturating_sub(ITEMS_SHOWN),
            items: items.into_iter().take(ITEMS_SHOWN).cloned().collect(),
            now,
        }
    }
}

#[derive(Template)]
#[template(path = "web/_jobs.html")]
struct Corner {
    cards: Vec<Card>,
}

/// All jobs. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    state: Arc<Mutex<Registry>>,
    hub: Hub,
    clock: SharedClock,
}

struct Registry {
    next: u64,
    /// Oldest first.
    jobs: VecDeque<Job>,
}

impl Jobs {
    /// No jobs yet.
    pub fn new(hub: Hub, clock: SharedClock) -> Self {
        Self { state: Arc::new(Mutex::new(Registry { next: 1, jobs: VecDeque::new() })), hub, clock }
    }

    /// Notes that `owner` started something on the page `back`; returns the job's number.
    pub fn begin(&self, owner: i64, title: String, back: String, items: Vec<Item>) -> u64 {
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.jobs.push_back(Job {
            id,
            owner,
            title,
            back,
            items,
            finished: None,
            dismissed: false,
            changes: 0,
        });
        while state.jobs.len() > KEPT {
            let old = state.jobs.iter().position(|job| job.finished.is_some()).unwrap_or(0);
            state.jobs.remove(old);
        }
        drop(state);
        self.publish(id);
        id
    }

    /// Notes how far one item of a job is. The last one to be over ends the job.
    pub fn note(&self, job: u64, item: usize, progress: Progress) {
        let now = self.clock.now();
        let mut state = self.lock();
        let Some(job) = state.jobs.iter_mut().find(|other| other.id == job) else { return };
        if let Some(item) = job.items.get_mut(item) {
            item.progress = progress;
            job.changes += 1;
        }
        if job.done() == job.items.len() {
            job.finished = Some(now);
        }
    }

    /// How often something of a job has changed.
    pub fn changes(&self, job: u64) -> u64 {
        self.lock().jobs.iter().find(|other| other.id == job).map_or(0, |job| job.changes)
    }

    /// Ends a job: what is not over by now has failed, for this reason.
    pub fn end(&self, job: u64, why: &str) {
        let open: Vec<usize> = {
            let state = self.lock();
            let job = state.jobs.iter().find(|other| other.id == job);
            let items = job.into_iter().flat_map(|job| job.items.iter().enumerate());
            let is_open = |item: &Item| matches!(item.progress, Progress::Waiting | Progress::Running(_));
            items.filter(|(_, item)| is_open(item)).map(|(at, _)| at).collect()
        };
        for item in open {
            self.note(job, item, Progress::Failed(why.to_owned()));
        }
    }

    /// Tells the open pages of its owner how far a job is.
    pub fn publish(&self, job: u64) {
        let owner = self.lock().jobs.iter().find(|other| other.id == job).map(|job| job.owner);
        let Some(owner) = owner else { return };
        self.hub.event(&page_topic(job), LIST_CHANGED, "");
        let topic = topic_of(owner);
        if !self.hub.has_audience(&topic) {
            self.hub.touch(&topic);
            return;
        }
        self.hub.patch(&topic, &self.patch(owner));
    }

    /// What brings the corner of an open page up to date.
    pub fn patch(&self, owner: i64) -> String {
        let corner = self.corner(owner);
        format!(r##"<hx-partial hx-target="#jobs" hx-swap="outerMorph">{corner}</hx-partial>"##)
    }

    /// The corner of a user's pages, rendered.
    pub fn corner(&self, owner: i64) -> String {
        let rendered = Corner { cards: self.cards(owner) }.render();
        rendered.unwrap_or_else(|error| {
            tracing::error!(%error, "jobs cannot be shown");
            String::new()
        })
    }

    /// A user's jobs that are in sight, newest first.
    fn cards(&self, owner: i64) -> Vec<Card> {
        let now = self.clock.now();
        let state = self.lock();
        let shown = state.jobs.iter().rev().filter(|job| job.owner == owner && job.is_shown(now));
        shown.take(CARDS).map(|job| Card::of(job, now)).collect()
    }

    /// The time by the clock that items are dated by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Answers a form that began a job: the corner for htmx, else the job's page.
    pub fn started(&self, context: &PageContext, owner: i64, job: u64) -> Response {
        if context.wants_fragment() {
            return Html(format!("{}{CLOSED}", self.patch(owner))).into_response();
        }
        Redirect::to(&format!("/jobs/{job}")).into_response()
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::ManualClock;

    fn jobs() -> (Jobs, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(crate::platform::clock::from_ms(1_000_000)));
        (Jobs::new(Hub::starting_at(0), clock.clone()), clock)
    }

    fn items(n: usize) -> Vec<Item> {
        (0..n).map(|n| Item::new(format!("c{n}"), "")).collect()
    }

    #[test]
    fn a_job_ends_with_its_last_item_and_what_failed_stays_in_sight() {
        let (jobs, clock) = jobs();
        let job = jobs.begin(1, "Stop 2 containers".to_owned(), "/".to_owned(), items(2));
        jobs.note(job, 0, Progress::Done("stopped".to_owned()));
        assert_eq!(jobs.cards(1)[0].summary, "1 of 2 done");
        jobs.note(job, 1, Progress::Failed("it is protected".to_owned()));
        let cards = jobs.cards(1);
        assert_eq!((cards[0].summary.as_str(), cards[0].running), ("1 of 2 not done", false));
        assert_eq!(cards[0].items[0].name, "c1", "what failed comes first");
        clock.advance_ms(60_000);
        assert_eq!(jobs.cards(1).len(), 1);
    }

    #[test]
    fn what_went_well_is_gone_soon_and_is_nobody_elses() {
        let (jobs, clock) = jobs();
        let job = jobs.begin(1, "Start".to_owned(), "/".to_owned(), items(1));
        assert!(jobs.cards(2).is_empty());
        jobs.note(job, 0, Progress::Done("started".to_owned()));
        assert_eq!(jobs.cards(1).len(), 1);
        clock.advance_ms(SHOWN_MS);
        assert!(jobs.cards(1).is_empty());
    }

    #[test]
    fn old_jobs_are_forgotten_but_not_running_ones() {
        let (jobs, _) = jobs();
        let running = jobs.begin(1, "Stop".to_owned(), "/".to_owned(), items(1));
        for _ in 0..(2 * KEPT) {
            let job = jobs.begin(1, "Start".to_owned(), "/".to_owned(), items(1));
            jobs.note(job, 0, Progress::Done(String::new()));
        }
        let state = jobs.lock();
        assert_eq!(state.jobs.len(), KEPT);
        assert!(state.jobs.iter().any(|job| job.id == running));
    }
}
