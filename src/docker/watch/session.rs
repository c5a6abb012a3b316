//! One connection to an engine, from the first call to the moment it is lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior};

use super::inspector::Inspector;
use super::reconcile::Unsettled;
use super::recorder::Recorder;
use super::{EngineError, Watcher, facts_store};
use crate::docker::mirror::{DETAILS_DENIED, LISTING_DENIED, Owner};
use crate::docker::types::{Facts, State};
use crate::docker::wire::{EngineEvent, ListEntry};
use crate::docker::{from_inspect, from_list, record};

/// A hung engine is noticed within this time plus the deadline of a ping (4 s).
const PING_EVERY: Duration = Duration::from_secs(3);
/// A full list now and then, should an event ever go missing.
const LIST_EVERY: Duration = Duration::from_secs(300);
/// How often the list is asked for when a proxy does not allow the event stream.
const LIST_WITHOUT_EVENTS: Duration = Duration::from_secs(5);
/// Events that arrive together are handled together.
const BATCH: usize = 256;
/// The replay ends by itself; a hung one must not hold up the rest.
const REPLAY: Duration = Duration::from_secs(4);
/// Changes that come together are published together.
const PUBLISH_SOON: Duration = Duration::from_millis(5);
const PUBLISH_MANY: Duration = Duration::from_millis(150);
const MANY: usize = 2_000;

type Listing = BoxFuture<'static, Result<Vec<ListEntry>, EngineError>>;

/// How a connection ended.
pub(super) enum Ended {
    /// It never came to a full list.
    BeforeBeingUp(EngineError),
    /// It worked until then.
    AfterBeingUp(EngineError),
}

impl Watcher {
    /// Follows the engine until the connection is lost.
    pub(super) async fn follow(&self, owner: &mut Owner, recorder: &mut Recorder) -> Ended {
        let mut session = Session {
            watcher: self,
            inspector: Inspector::new(self.client.clone()),
            live_from: None,
            live: futures_util::stream::pending().boxed(),
            denied: Vec::new(),
            listing: None,
            publish_at: None,
            unsettled: Unsettled::default(),
        };
        if let Err(error) = session.connect(owner, recorder).await {
            return Ended::BeforeBeingUp(error);
        }
        self.note_up(owner, recorder);
        Ended::AfterBeingUp(session.run(owner, recorder).await)
    }
}

struct Session<'a> {
    watcher: &'a Watcher,
    inspector: Inspector,
    /// From where the live stream starts, ns by the engine's clock; `None` when events are refused.
    live_from: Option<i64>,
    /// The live stream, in batches; it never yields when events are refused.
    live: BoxStream<'static, Vec<Result<EngineEvent, EngineError>>>,
    /// What a filtering proxy refuses, in words.
    denied: Vec<String>,
    /// The full list that is being fetched.
    listing: Option<Listing>,
    publish_at: Option<Instant>,
    /// What is yet to be compared with what the last events left.
    unsettled: Unsettled,
}

impl Session<'_> {
    /// Connects, fills the mirror, and takes in what happened since the last event seen.
    async fn connect(&mut self, owner: &mut Owner, recorder: &mut Recorder) -> Result<(), EngineError> {
        let clock = self.introduce(owner).await?;
        self.live_from = Some(clock);
        let replay = if recorder.has_history {
            self.replay(recorder.cursor.replay_from(), clock).await?
        } else {
            None
        };
        // Before the list: what changes while it is read is heard of.
        self.open_live().await?;
        let docker_id = owner.snapshot().info.docker_id.clone();
        recorder.meet(&docker_id);
        let mut listed = false;
        match self.watcher.client.list().await {
            Ok(entries) => {
                let known = self.known_facts().await;
                self.apply_list(owner, recorder, entries, &known);
                listed = true;
            }
            Err(error) if error.is_forbidden() => self.denied.push(LISTING_DENIED.to_owned()),
            Err(error) => return Err(error),
        }
        match replay {
            Some(events) => {
                recorder.catch_up(&events, clock);
                // What ran meanwhile may look as before, and has other facts.
                events
                    .iter()
                    .filter_map(record::changes_container)
                    .for_each(|id| self.ask_if_listed(owner, id));
            }
            None => recorder.start_history(clock),
        }
        if listed && self.live_from.is_some() && !recorder.begin(owner, &docker_id) {
            self.unsettled.compare_soon();
        }
        if self.live_from.is_none() {
            self.denied.push("following events (the list is fetched every 5 s instead)".to_owned());
        }
        let info = owner.snapshot().info.as_ref().clone();
        owner.set_info(info, self.denied.clone());
        owner.publish();
        self.watcher.objects.connected(self.live_from.is_some());
        Ok(())
    }

    /// Asks who the engine is; returns its clock, ns.
    async fn introduce(&mut self, owner: &Owner) -> Result<i64, EngineError> {
        let client = &self.watcher.client;
        let (version, api) = match client.negotiate().await {
            Ok(versions) => versions,
            Err(EngineError::Forbidden { .. }) => {
                self.denied.push("asking for the engine's version".to_owned());
                client.ping().await?;
                Default::default()
            }
            Err(error) => return Err(error),
        };
        let (mut info, clock) = match client.info().await {
            Ok(answer) => answer,
            Err(error) if error.is_forbidden() => {
                self.denied.push("asking for facts of the host".to_owned());
                Default::default()
            }
            Err(error) => return Err(error),
        };
        if info.version.is_empty() {
            info.version = version;
        }
        info.api_version = api;
        owner.set_info(info, self.denied.clone());
        let own_clock = || i64::try_from(self.watcher.clock.now().as_nanosecond()).unwrap_or(i64::MAX);
        Ok(clock.unwrap_or_else(own_clock))
    }

    /// What Docker's buffer holds since the last event seen, until now; `None` when events are refused.
    /// It holds 256 events of all kinds, so this is short.
    async fn replay(&mut self, since: i64, until: i64) -> Result<Option<Vec<EngineEvent>>, EngineError> {
        if since >= until {
            // The engine's clock was set back: everything it has is new to it.
            return Ok(Some(Vec::new()));
        }
        let stream = match self.watcher.client.events(since, Some(until)).await {
            Ok(stream) => stream,
            Err(error) if error.is_forbidden() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut stream = stream.take(4 * BATCH).boxed();
        let mut events = Vec::new();
        // Where the engine's clock is not known and ours is ahead, "until now" never comes: what was read counts.
        let end = Instant::now() + REPLAY;
        while let Ok(Some(event)) = tokio::time::timeout_at(end, stream.next()).await {
            events.push(event?);
        }
        Ok(Some(events))
    }

    async fn open_live(&mut self) -> Result<(), EngineError> {
        let Some(since) = self.live_from else { return Ok(()) };
        match self.watcher.client.events(since, None).await {
            Ok(stream) => self.live = stream.ready_chunks(BATCH).boxed(),
            Err(error) if error.is_forbidden() => self.live_from = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What inspect said of stopped containers in earlier runs.
    async fn known_facts(&mut self) -> HashMap<String, Facts> {
        let id = self.watcher.id.clone();
        let loaded = self.watcher.db.read(move |connection| facts_store::load(connection, &id)).await;
        loaded.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is known of stopped containers cannot be read; they are inspected again");
            HashMap::new()
        })
    }

    /// Brings the mirror in line with a full list.
    fn apply_list(
        &mut self,
        owner: &mut Owner,
        recorder: &mut Recorder,
        entries: Vec<ListEntry>,
        known: &HashMap<String, Facts>,
    ) {
        let now = self.watcher.clock.now();
        let mut listed = HashSet::with_capacity(entries.len());
        let mut unknown = Vec::new();
        for entry in entries.into_iter().filter(|entry| !entry.id.is_empty()) {
            listed.insert(entry.id.clone());
            let before = owner.get(&entry.id).filter(|before| before.facts.inspected).cloned();
            let facts = before.as_ref().map(|before| &before.facts).or_else(|| known.get(&entry.id));
            let mut container = from_list::container(&self.watcher.id, entry, facts, now);
            match before {
                // Inspect knows these better: the list cuts the time, and forgets the image's name once its tag moves.
                Some(before) if container.facts.inspected => {
                    container.created_at = before.created_at;
                    container.image = before.image.clone();
                }
                _ if !container.facts.inspected => unknown.push((container.state, container.id.to_string())),
                _ => {}
            }
            owner.put(container);
        }
        recorder.forget(known.keys().filter(|id| !listed.contains(*id)).cloned());
        recorder.forget(owner.retain(|id| listed.contains(id)));
        // What runs is asked about first; 30,000 stopped ones come after it.
        let (running, rest): (Vec<_>, Vec<_>) =
            unknown.into_iter().partition(|(state, _)| *state == State::Running);
        for (_, id) in running {
            self.inspector.ask(&id);
        }
        self.inspector.ask_someday(rest.into_iter().map(|(_, id)| id));
    }

    fn ask_if_listed(&mut self, owner: &Owner, id: &str) {
        if owner.get(id).is_some() {
            self.inspector.ask(id);
        }
    }

    /// Follows events, answers and the pulse until the engine is lost.
    async fn run(&mut self, owner: &mut Owner, recorder: &mut Recorder) -> EngineError {
        let client = self.watcher.client.clone();
        let mut pulse = std::pin::pin!(async move {
            loop {
                tokio::time::sleep(PING_EVERY).await;
                if let Err(error) = client.ping().await {
                    return error;
                }
            }
        });
        let every = if self.live_from.is_some() { LIST_EVERY } else { LIST_WITHOUT_EVENTS };
        let mut relist = tokio::time::interval_at(Instant::now() + every, every);
        relist.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Nothing below waits for anything: the pulse is felt whatever else is slow.
        loop {
            tokio::select! {
                batch = self.live.next() => match batch {
                    Some(batch) => if let Err(error) = self.apply(owner, recorder, batch) { return error },
                    None => return EngineError::Lost("the event stream ended".to_owned()),
                },
                (id, answer) = self.inspector.next() => self.learn(owner, recorder, &id, answer),
                () = sleep_until(self.publish_at) => {
                    self.publish_at = None;
                    owner.publish();
                }
                () = sleep_until(self.unsettled.compare_at) => {
                    for id in recorder.settle(owner, &mut self.unsettled) {
                        self.inspector.ask(&id);
                    }
                }
                () = recorder.work() => {}
                error = &mut pulse => return error,
                _ = relist.tick() => self.start_listing(),
                entries = listing(&mut self.listing) => {
                    self.listing = None;
                    match entries {
                        Ok(entries) => {
                            self.apply_list(owner, recorder, entries, &HashMap::new());
                            self.publish_soon(owner);
                        }
                        Err(error) if error.is_forbidden() => {}
                        Err(error) => return error,
                    }
                }
            }
        }
    }

    fn start_listing(&mut self) {
        if self.listing.is_none() {
            let client = self.watcher.client.clone();
            self.listing = Some(async move { client.list().await }.boxed());
        }
    }

    /// Takes in a batch of events and asks what became of the containers they name.
    fn apply(
        &mut self,
        owner: &mut Owner,
        recorder: &mut Recorder,
        batch: Vec<Result<EngineEvent, EngineError>>,
    ) -> Result<(), EngineError> {
        for event in batch {
            let event = event?;
            self.watcher.objects.hear(&event);
            if let Some(id) = record::changes_container(&event) {
                if event.kind == "container" && event.action == "destroy" {
                    self.remove(owner, recorder, id);
                } else {
                    self.inspector.ask(id);
                }
            }
            self.unsettled.touch(&event);
            recorder.take_in(&event);
        }
        Ok(())
    }

    fn learn(
        &mut self,
        owner: &mut Owner,
        recorder: &mut Recorder,
        id: &str,
        answer: Result<ContainerInspectResponse, EngineError>,
    ) {
        match answer {
            Ok(answer) => {
                let Some(container) = from_inspect::container(&self.watcher.id, answer) else { return };
                if !container.is_up() {
                    recorder.learn(&container.id, &container.facts);
                }
                let id = container.id.clone();
                if owner.put(container) {
                    self.publish_soon(owner);
                }
                if let Some(container) = owner.get(&id) {
                    if self.unsettled.is_due(&id) {
                        recorder.check(container);
                    } else if self.unsettled.compare_at.is_none() {
                        recorder.known.learn(container);
                    }
                }
            }
            Err(EngineError::NotFound) => self.remove(owner, recorder, id),
            Err(EngineError::Forbidden { .. }) => {
                // The list's words must do.
                let pending = self.unsettled.give_up();
                pending.iter().filter_map(|id| owner.get(id)).for_each(|container| recorder.check(container));
                self.note_inspect_denied(owner);
            }
            // The list's words stand; the next event or the next list asks again.
            Err(error) => tracing::debug!(container = id, %error, "inspect failed"),
        }
    }

    /// Without inspect, only a new list tells what an event has changed.
    fn note_inspect_denied(&mut self, owner: &Owner) {
        self.start_listing();
        if !self.denied.iter().any(|what| what == DETAILS_DENIED) {
            self.denied.push(DETAILS_DENIED.to_owned());
            owner.set_info(owner.snapshot().info.as_ref().clone(), self.denied.clone());
            self.inspector.give_up_on_someday();
        }
    }

    fn remove(&mut self, owner: &mut Owner, recorder: &mut Recorder, id: &str) {
        self.inspector.forget(id);
        recorder.forget([id.to_owned()]);
        if owner.remove(id) {
            self.publish_soon(owner);
        }
    }

    fn publish_soon(&mut self, owner: &Owner) {
        let wait = if owner.len() > MANY { PUBLISH_MANY } else { PUBLISH_SOON };
        self.publish_at.get_or_insert_with(|| Instant::now() + wait);
    }
}

async fn listing(under_way: &mut Option<Listing>) -> Result<Vec<ListEntry>, EngineError> {
    match under_way {
        Some(listing) => listing.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
