//! One connection to an engine, from the first call to the moment it is lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::{Instant, MissedTickBehavior};

use super::inspector::Inspector;
use super::{EngineError, Watcher, facts_store, record};
use crate::docker::mirror::Owner;
use crate::docker::record::Cursor;
use crate::docker::types::{Facts, State};
use crate::docker::wire::EngineEvent;
use crate::docker::{from_inspect, from_list};
use crate::platform::db::{DbError, Lane};
use crate::platform::journal::NewEvent;

/// A hung engine is noticed within this time plus the deadline of a ping (4 s).
const PING_EVERY: Duration = Duration::from_secs(3);
/// A full list now and then, should an event ever go missing.
const LIST_EVERY: Duration = Duration::from_secs(300);
/// How often the list is asked for when a proxy does not allow the event stream.
const LIST_WITHOUT_EVENTS: Duration = Duration::from_secs(5);
/// Events that arrive together are written together.
const BATCH: usize = 256;
/// The replay ends by itself; a hung one must not hold up the rest.
const REPLAY: Duration = Duration::from_secs(10);
/// A cursor that moved without anything to record is saved this often.
const SAVE_CURSOR_EVERY: Duration = Duration::from_secs(60);
/// Changes that come together are published together.
const PUBLISH_SOON: Duration = Duration::from_millis(5);
const PUBLISH_MANY: Duration = Duration::from_millis(150);
const MANY: usize = 2_000;

/// How a connection ended.
pub(super) enum Ended {
    /// It never came to a full list.
    BeforeBeingUp(EngineError),
    /// It worked until then.
    AfterBeingUp(EngineError),
}

impl Watcher {
    /// Follows the engine until the connection is lost.
    pub(super) async fn follow(&self, owner: &mut Owner, told_down: &mut bool) -> Result<Ended, DbError> {
        let mut session = match Session::open(self, owner).await? {
            Ok(session) => session,
            Err(error) => return Ok(Ended::BeforeBeingUp(error)),
        };
        self.note_up(owner, told_down).await?;
        let lost = session.run(owner).await?;
        session.save_cursor().await?;
        Ok(Ended::AfterBeingUp(lost))
    }
}

struct Session<'a> {
    watcher: &'a Watcher,
    inspector: Inspector,
    cursor: Cursor,
    cursor_saved: Instant,
    /// From where the live stream starts, ns by the engine's clock; `None` when events are refused.
    live_from: Option<i64>,
    /// The live stream, in batches; it never yields when events are refused.
    live: BoxStream<'static, Vec<Result<EngineEvent, EngineError>>>,
    /// Facts of containers that do not run, to be saved.
    learned: Vec<(String, Facts)>,
    forgotten: Vec<String>,
    publish_at: Option<Instant>,
}

impl<'a> Session<'a> {
    /// Connects, fills the mirror and records what happened since the last event seen.
    async fn open(watcher: &'a Watcher, owner: &mut Owner) -> Result<Result<Self, EngineError>, DbError> {
        let stored = watcher.load_cursor().await?;
        let known = {
            let id = watcher.id.clone();
            watcher.db.read(move |connection| facts_store::load(connection, &id)).await?
        };
        let mut session = Self {
            watcher,
            inspector: Inspector::new(watcher.client.clone()),
            cursor: stored.clone().unwrap_or_default(),
            cursor_saved: Instant::now(),
            live_from: None,
            live: futures_util::stream::pending().boxed(),
            learned: Vec::new(),
            forgotten: Vec::new(),
            publish_at: None,
        };
        match session.connect(owner, stored.is_some(), known).await? {
            Ok(()) => Ok(Ok(session)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn connect(
        &mut self,
        owner: &mut Owner,
        has_history: bool,
        known: HashMap<String, Facts>,
    ) -> Result<Result<(), EngineError>, DbError> {
        let mut denied = Vec::new();
        let clock = match self.introduce(owner, &mut denied).await {
            Ok(clock) => clock,
            Err(error) => return Ok(Err(error)),
        };
        let replay = if has_history { self.replay(clock).await } else { Ok(Vec::new()) };
        self.live_from = Some(clock);
        match replay {
            Ok(events) if has_history => self.catch_up(&events, clock).await?,
            Ok(_) => {}
            Err(EngineError::Forbidden { .. }) => self.live_from = None,
            Err(error) => return Ok(Err(error)),
        }
        // Before the list: what changes while it is read is heard of.
        if let Err(error) = self.open_live().await {
            return Ok(Err(error));
        }
        match self.relist(owner, known).await {
            Ok(()) => {}
            Err(error) if error.is_forbidden() => denied.push("listing containers".to_owned()),
            Err(error) => return Ok(Err(error)),
        }
        if self.live_from.is_none() {
            denied.push("following events (the list is fetched every 5 s instead)".to_owned());
        }
        let info = owner.snapshot().info.as_ref().clone();
        owner.set_info(info, denied);
        owner.publish();
        Ok(Ok(()))
    }

    /// Asks who the engine is; returns its clock, ns.
    async fn introduce(&mut self, owner: &Owner, denied: &mut Vec<String>) -> Result<i64, EngineError> {
        let own_clock = || i64::try_from(self.watcher.clock.now().as_nanosecond()).unwrap_or(i64::MAX);
        let client = &self.watcher.client;
        let (version, api) = match client.negotiate().await {
            Ok(versions) => versions,
            Err(EngineError::Forbidden { .. }) => {
                denied.push("asking for the engine's version".to_owned());
                client.ping().await?;
                Default::default()
            }
            Err(error) => return Err(error),
        };
        let (mut info, clock) = match client.info().await {
            Ok(answer) => answer,
            Err(error) if error.is_forbidden() => {
                denied.push("asking for facts of the host".to_owned());
                Default::default()
            }
            Err(error) => return Err(error),
        };
        if info.version.is_empty() {
            info.version = version;
        }
        info.api_version = api;
        owner.set_info(info, denied.clone());
        Ok(clock.unwrap_or_else(own_clock))
    }

    /// What Docker's buffer holds since the last event seen, until now. It holds 256 events of all
    /// kinds, so this is short.
    async fn replay(&mut self, until: i64) -> Result<Vec<EngineEvent>, EngineError> {
        const WHAT: &str = "GET /events";
        let since = self.cursor.replay_from();
        if since >= until {
            // The engine's clock was set back: everything it has is new to it.
            return Ok(Vec::new());
        }
        let collect = async {
            let stream = self.watcher.client.events(since, Some(until)).await?;
            let events: Vec<_> = stream.take(4 * BATCH).collect().await;
            events.into_iter().collect::<Result<Vec<_>, _>>()
        };
        let answer = tokio::time::timeout(REPLAY, collect).await;
        answer.unwrap_or(Err(EngineError::NoAnswer { what: WHAT, seconds: REPLAY.as_secs() }))
    }

    /// Records the replayed events, and a gap before them when something may be missing.
    async fn catch_up(&mut self, replay: &[EngineEvent], now_ns: i64) -> Result<(), DbError> {
        let mut events = Vec::new();
        if !self.cursor.is_covered_by(replay) {
            let until = replay.first().map_or(now_ns, |event| event.time_nano);
            events.push(record::gap(&self.watcher.id, self.cursor.last_ns, until));
        }
        for event in replay {
            events.extend(self.take_in(event));
        }
        self.watcher.append(events, Some(&self.cursor)).await
    }

    /// Notes an event in the cursor; returns what the journal keeps of it. A double gives nothing.
    fn take_in(&mut self, event: &EngineEvent) -> Option<NewEvent> {
        if self.cursor.has_seen(event) {
            return None;
        }
        self.cursor.note(event);
        record::translate(&self.watcher.id, event)
    }

    /// Fetches the full list into the mirror.
    async fn relist(&mut self, owner: &mut Owner, known: HashMap<String, Facts>) -> Result<(), EngineError> {
        let entries = self.watcher.client.list().await?;
        let now = self.watcher.clock.now();
        let mut listed = HashSet::with_capacity(entries.len());
        let mut unknown = Vec::new();
        for entry in entries {
            if entry.id.is_empty() {
                continue;
            }
            listed.insert(entry.id.clone());
            let facts = owner
                .get(&entry.id)
                .map(|c| &c.facts)
                .filter(|f| f.inspected)
                .or_else(|| known.get(&entry.id));
            let container = from_list::container(&self.watcher.id, entry, facts, now);
            if !container.facts.inspected {
                unknown.push((container.state, container.id.to_string()));
            }
            owner.put(container);
        }
        self.forgotten.extend(known.into_keys().filter(|id| !listed.contains(id)));
        self.forgotten.extend(owner.retain(|id| listed.contains(id)));
        // What runs is asked about first; 30,000 stopped ones come after it.
        for (_, id) in unknown.iter().filter(|(state, _)| *state == State::Running) {
            self.inspector.ask(id);
        }
        let rest = unknown.into_iter().filter(|(state, _)| *state != State::Running);
        self.inspector.ask_someday(rest.map(|(_, id)| id));
        Ok(())
    }

    /// Follows events, answers and the pulse until the engine is lost.
    async fn run(&mut self, owner: &mut Owner) -> Result<EngineError, DbError> {
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
        loop {
            tokio::select! {
                batch = self.live.next() => match batch {
                    Some(batch) => if let Err(error) = self.apply(owner, batch).await? { return Ok(error) },
                    None => return Ok(EngineError::Lost("the event stream ended".to_owned())),
                },
                (id, answer) = self.inspector.next() => self.learn(owner, &id, answer),
                () = sleep_until(self.publish_at) => self.publish(owner).await?,
                error = &mut pulse => return Ok(error),
                () = self.watcher.stopping.cancelled() => {
                    return Ok(EngineError::Lost("Docker Watcher is shutting down".to_owned()));
                }
                _ = relist.tick() => match self.relist(owner, HashMap::new()).await {
                    Ok(()) => self.publish_soon(owner),
                    Err(error) if error.is_forbidden() => {}
                    Err(error) => return Ok(error),
                },
            }
        }
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

    /// Records a batch of events and asks what became of the containers they name.
    async fn apply(
        &mut self,
        owner: &mut Owner,
        batch: Vec<Result<EngineEvent, EngineError>>,
    ) -> Result<Result<(), EngineError>, DbError> {
        let mut new = Vec::new();
        let mut broken = None;
        for event in batch {
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            };
            if let Some(id) = record::changes_container(&event) {
                if event.kind == "container" && event.action == "destroy" {
                    self.remove(owner, id);
                } else {
                    self.inspector.ask(id);
                }
            }
            new.extend(self.take_in(&event));
        }
        if !new.is_empty() {
            self.watcher.append(new, Some(&self.cursor)).await?;
            self.cursor_saved = Instant::now();
        } else if self.cursor_saved.elapsed() >= SAVE_CURSOR_EVERY {
            self.save_cursor().await?;
        }
        Ok(broken.map_or(Ok(()), Err))
    }

    fn learn(
        &mut self,
        owner: &mut Owner,
        id: &str,
        answer: Result<bollard::models::ContainerInspectResponse, EngineError>,
    ) {
        match answer {
            Ok(answer) => {
                let Some(container) = from_inspect::container(&self.watcher.id, answer) else { return };
                if !container.is_up() {
                    self.learned.push((container.id.to_string(), container.facts.clone()));
                }
                if owner.put(container) {
                    self.publish_soon(owner);
                }
            }
            Err(EngineError::NotFound) => self.remove(owner, id),
            // The list's words stand; the next event or the next list asks again.
            Err(error) => tracing::debug!(container = id, %error, "inspect failed"),
        }
    }

    fn remove(&mut self, owner: &mut Owner, id: &str) {
        self.inspector.forget(id);
        self.forgotten.push(id.to_owned());
        if owner.remove(id) {
            self.publish_soon(owner);
        }
    }

    fn publish_soon(&mut self, owner: &Owner) {
        let wait = if owner.len() > MANY { PUBLISH_MANY } else { PUBLISH_SOON };
        self.publish_at.get_or_insert_with(|| Instant::now() + wait);
    }

    async fn publish(&mut self, owner: &Owner) -> Result<(), DbError> {
        self.publish_at = None;
        owner.publish();
        let learned = std::mem::take(&mut self.learned);
        let forgotten = std::mem::take(&mut self.forgotten);
        if learned.is_empty() && forgotten.is_empty() {
            return Ok(());
        }
        let engine = self.watcher.id.clone();
        self.watcher
            .db
            .write_in(Lane::Bulk, move |connection| {
                facts_store::save(connection, &engine, &learned)?;
                facts_store::forget(connection, &engine, &forgotten)
            })
            .await
    }

    async fn save_cursor(&mut self) -> Result<(), DbError> {
        self.cursor_saved = Instant::now();
        // A first connection without a single event starts its history here.
        if self.cursor.last_ns == 0 {
            self.cursor.last_ns = self.live_from.unwrap_or_default();
        }
        self.watcher.append(Vec::new(), Some(&self.cursor)).await
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
