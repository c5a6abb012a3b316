//! Feeds the live topics of logs: while somebody listens, one stream from Docker for each container.
//!
//! A stream that ends is taken up again where it stopped, without a repeated or lost line, when its container
//! runs (again) and the engine answers. What comes faster than pages can show is left out, and said so: each
//! batch carries the number of its first line.

mod tail;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::tail::{Said, State, tail};
use super::line;
use super::source::{self, Source, TOPICS};
use crate::docker::logs::LogLine;
use crate::docker::types::Container;
use crate::features::containers::service::Containers;
use crate::platform::live::Hub;

/// How a log goes on now, for a page.
pub(super) fn state_html(engine_up: bool, container: Option<&Container>) -> String {
    State::of(engine_up, container).html()
}

/// The event that carries lines.
const LINES: &str = "log-lines";
/// Between two batches.
const PAUSE: Duration = Duration::from_millis(100);
/// What a batch holds at most: 20,000 lines and 5 MB a second.
const BATCH_LINES: usize = 2_000;
const BATCH_BYTES: usize = 512 * 1024;
/// How often it is looked whether somebody still listens.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How many logs are followed at once.
const MOST: usize = 128;

/// What follows logs. Cheap to clone.
#[derive(Clone)]
pub struct Followers {
    containers: Arc<Containers>,
    hub: Hub,
    running: Arc<Mutex<Running>>,
    /// Rings when a feed has ended: one that had no place may begin.
    ended: Arc<Notify>,
}

/// The feeds that run, each by a number of its own: a feed that ends does not take away the place of the one
/// that came after it.
#[derive(Default)]
struct Running {
    topics: HashMap<String, u64>,
    next: u64,
}

impl Followers {
    /// Nothing is followed yet.
    pub fn new(containers: Arc<Containers>, hub: Hub) -> Self {
        Self { containers, hub, running: Arc::default(), ended: Arc::default() }
    }

    /// Starts to follow a log when somebody begins to listen to its topic.
    pub async fn run(self, stopping: CancellationToken) -> Result<(), Infallible> {
        let mut subscriptions = self.hub.subscriptions();
        loop {
            for topic in self.hub.listened(TOPICS) {
                self.start(topic, &stopping);
            }
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                () = self.ended.notified() => {}
                changed = subscriptions.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    fn start(&self, topic: String, stopping: &CancellationToken) {
        let Some((source, raw)) = Source::of_topic(&topic) else { return };
        // A project may get containers later; containers that are not there do not come.
        if matches!(source, Source::Containers(_)) && source.containers(&self.containers).found.is_empty() {
            self.publish_state(&topic, State::Gone);
            return;
        }
        let number = {
            let mut running = self.running();
            if running.topics.contains_key(&topic) {
                return;
            }
            if running.topics.len() >= MOST {
                drop(running);
                tracing::warn!(topic, "too many logs are followed at once; this one waits for its turn");
                self.publish_state(&topic, State::Full);
                return;
            }
            running.next += 1;
            let number = running.next;
            running.topics.insert(topic.clone(), number);
            number
        };
        let (this, stop) = (self.clone(), stopping.clone());
        self.containers.lifecycle.spawn(async move {
            let _place = Place { followers: this.clone(), topic: topic.clone(), number };
            let feed = Feed::new(this, topic, source, raw);
            tokio::select! {
                () = stop.cancelled() => {}
                () = feed.run() => {}
            }
        });
    }

    /// Whether a topic's feed may end; noted under the lock, so that who listens from now on starts it anew.
    fn may_end(&self, topic: &str) -> bool {
        let mut running = self.running();
        if self.hub.has_audience(topic) {
            return false;
        }
        running.topics.remove(topic);
        true
    }

    fn publish_state(&self, topic: &str, state: State) {
        let html = format!(
            r##"<hx-partial hx-target="#log-state" hx-swap="outerMorph">{}</hx-partial>"##,
            state.html()
        );
        self.hub.patch(topic, &html);
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a feed among those that run, given back however it ends.
struct Place {
    followers: Followers,
    topic: String,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.followers.running();
        if running.topics.get(&self.topic) == Some(&self.number) {
            running.topics.remove(&self.topic);
        }
        drop(running);
        self.followers.ended.notify_one();
    }
}

/// Feeds one topic.
struct Feed {
    followers: Followers,
    topic: String,
    source: Source,
    raw: bool,
    /// Name and place of each container that was ever followed, and what ends its stream.
    members: HashMap<Arc<str>, Member>,
    next_place: usize,
    waiting: VecDeque<Entry>,
    waiting_bytes: usize,
    /// The number of the next line that comes from Docker.
    next: u64,
}

struct Member {
    name: String,
    place: usize,
    /// Ends its stream when dropped.
    _running: DropGuard,
}

enum Entry {
    Line(Arc<str>, LogLine),
    Note(String),
}

impl Feed {
    fn new(followers: Followers, topic: String, source: Source, raw: bool) -> Self {
        Self {
            followers,
            topic,
            source,
            raw,
            members: HashMap::new(),
            next_place: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            next: 0,
        }
    }

    async fn run(mut self) {
        // A small queue: Docker is read no faster than this keeps up with.
        let (sender, mut receiver) = mpsc::channel(8);
        let mut changes: Vec<_> =
            self.followers.containers.engines.iter().map(|engine| engine.mirror.changes()).collect();
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut due: Option<Instant> = None;
        self.find_members(&sender);
        loop {
            let changed =
                futures_util::future::select_all(changes.iter_mut().map(|one| Box::pin(one.changed())));
            tokio::select! {
                Some((id, said)) = receiver.recv() => {
                    self.take(id, said);
                    due.get_or_insert_with(|| Instant::now() + PAUSE);
                }
                () = sleep_until(due) => {
                    due = None;
                    self.publish();
                }
                _ = changed => self.find_members(&sender),
                _ = look.tick() => if self.followers.may_end(&self.topic) { return },
            }
        }
    }

    /// Follows what there is now: a project's containers come and go.
    fn find_members(&mut self, sender: &mpsc::Sender<(Arc<str>, Said)>) {
        let containers = &self.followers.containers;
        let now = self.source.containers(containers).found;
        // What is gone has said so by itself; its place is kept while its last lines wait.
        if self.members.len() > 2 * source::MOST {
            let is_there = |id: &Arc<str>| now.iter().any(|container| container.id == *id);
            let waits = |id: &Arc<str>| {
                self.waiting.iter().any(|entry| matches!(entry, Entry::Line(of, _) if of == id))
            };
            self.members.retain(|id, _| is_there(id) || waits(id));
        }
        for container in now {
            if let Some(member) = self.members.get_mut(&container.id) {
                if member.name != container.name {
                    member.name.clone_from(&container.name);
                }
                continue;
            }
            let Some(engine) = containers.engine_of(&container).cloned() else { continue };
            let place = self.next_place;
            self.next_place += 1;
            let stop = CancellationToken::new();
            let (id, sender, stopped) = (container.id.clone(), sender.clone(), stop.clone());
            containers.lifecycle.spawn(async move {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = tail(engine, id, sender) => {}
                }
            });
            let member = Member { name: container.name.clone(), place, _running: stop.drop_guard() };
            self.members.insert(container.id.clone(), member);
        }
    }

    fn take(&mut self, id: Arc<str>, said: Said) {
        match said {
            Said::Lines(lines) => {
                self.next += lines.len() as u64;
                for line in lines {
                    self.waiting_bytes += line.bytes.len();
                    self.waiting.push_back(Entry::Line(id.clone(), line));
                }
                self.leave_out();
            }
            Said::Note(note) => {
                let note = match self.members.get(&id).filter(|_| self.source.is_many()) {
                    Some(member) => format!("{}: {note}", member.name),
                    None => note,
                };
                self.waiting.push_back(Entry::Note(note));
            }
            Said::State(word) => self.publish_state(word),
        }
    }

    /// Drops the oldest lines of what is too much for one batch; what happened between them stays.
    fn leave_out(&mut self) {
        let mut notes = VecDeque::new();
        while self.waiting.len() > BATCH_LINES || self.waiting_bytes > BATCH_BYTES {
            match self.waiting.pop_front() {
                Some(Entry::Line(_, line)) => self.waiting_bytes -= line.bytes.len(),
                Some(note) => notes.push_back(note),
                None => break,
            }
        }
        while let Some(note) = notes.pop_back().filter(|_| self.waiting.len() < 2 * BATCH_LINES) {
            self.waiting.push_front(note);
        }
    }

    fn publish_state(&self, state: State) {
        // Of several containers, each says by a note what it does.
        if !self.source.is_many() {
            self.followers.publish_state(&self.topic, state);
        }
    }

    /// Sends what has come: the number of the first line, then the lines.
    fn publish(&mut self) {
        if !self.followers.hub.has_audience(&self.topic) {
            self.waiting.clear();
            self.waiting_bytes = 0;
            return;
        }
        let several = self.source.is_many();
        if several {
            // In the order of time, as far as they came together.
            self.waiting.make_contiguous().sort_by_key(|entry| match entry {
                Entry::Line(_, line) => line.at.unwrap_or(i64::MIN),
                Entry::Note(_) => i64::MAX,
            });
        }
        let lines = self.waiting.iter().filter(|entry| matches!(entry, Entry::Line(..))).count() as u64;
        let mut html = format!("{} {lines}\n", self.next - lines);
        for entry in self.waiting.drain(..) {
            match entry {
                Entry::Line(id, line) => {
                    let member = self.members.get(&id).filter(|_| several);
                    let of =
                        member.map(|member| line::Of { place: member.place, id: &id, name: &member.name });
                    line::push(&line, of, self.raw, &mut html);
                }
                Entry::Note(note) => line::push_note(&note, &mut html),
            }
        }
        self.waiting_bytes = 0;
        self.followers.hub.event(&self.topic, LINES, &html);
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
