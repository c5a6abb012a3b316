//! The in-memory mirror of one engine. The owner task alone changes it; everyone else takes the current
//! [`Snapshot`], which never changes and costs one atomic load.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;

use super::types::{Container, EngineInfo, EngineStatus, HIDE, Health, State};
use crate::platform::ids::EngineId;

/// An engine at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Our id of the engine.
    pub engine: EngineId,
    /// How it is.
    pub status: EngineStatus,
    /// Since when it is so.
    pub since: Timestamp,
    /// What it says of itself; kept while it is down.
    pub info: Arc<EngineInfo>,
    /// Requests a filtering proxy refuses, in words.
    pub denied: Arc<[String]>,
    /// By id.
    by_id: Arc<[Arc<Container>]>,
    /// By name, for lists.
    by_name: Arc<[Arc<Container>]>,
    /// Those that cannot be without another one, by name.
    leaning: Arc<[Arc<Container>]>,
    /// How many are in which state.
    pub counts: Counts,
    /// How many need somebody (see [`needs_attention`]).
    pub attention: usize,
}

/// Whether a container needs somebody: unhealthy, restarting again and again, dead, out of memory, or
/// failed to start.
pub fn needs_attention(container: &Container) -> bool {
    match container.state {
        State::Running => container.health == Health::Unhealthy,
        State::Restarting | State::Dead => true,
        State::Exited => container.facts.oom_killed,
        State::Created => container.facts.error.is_some(),
        _ => false,
    }
}

/// How a proxy's refusal to list the containers is put in words.
pub(super) const LISTING_DENIED: &str = "listing containers";

/// How its refusal to inspect one is put in words.
pub(super) const DETAILS_DENIED: &str = "details of a container (times and exit codes are missing)";

/// How many containers are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub total: usize,
    /// Running, health aside.
    pub running: usize,
    /// Neither running, paused nor restarting.
    pub stopped: usize,
    /// Frozen.
    pub paused: usize,
    /// Restarted again and again.
    pub restarting: usize,
    /// Running with a failing health check.
    pub unhealthy: usize,
}

impl Counts {
    /// The counts of two engines together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            running: self.running + other.running,
            stopped: self.stopped + other.stopped,
            paused: self.paused + other.paused,
            restarting: self.restarting + other.restarting,
            unhealthy: self.unhealthy + other.unhealthy,
        }
    }
}

impl Snapshot {
    /// Nothing is known of the engine yet.
    pub fn unknown(engine: EngineId, now: Timestamp) -> Self {
        Self {
            engine,
            status: EngineStatus::Connecting,
            since: now,
            info: Arc::default(),
            denied: Arc::from([]),
            by_id: Arc::from([]),
            by_name: Arc::from([]),
            leaning: Arc::from([]),
            counts: Counts::default(),
            attention: 0,
        }
    }

    /// Every container, by name.
    pub fn containers(&self) -> &Arc<[Arc<Container>]> {
        &self.by_name
    }

    /// The containers that use the network, processes or volumes of another one, by name: few of many.
    pub fn leaning(&self) -> &Arc<[Arc<Container>]> {
        &self.leaning
    }

    /// The container with this full id.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Container>> {
        let at = self.by_id.binary_search_by(|container| container.id.as_ref().cmp(id)).ok()?;
        self.by_id.get(at)
    }

    /// The container with this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Container>> {
        let at = self.by_name.binary_search_by(|container| container.name.as_str().cmp(name)).ok()?;
        self.by_name.get(at)
    }

    /// The containers whose id begins with `prefix`.
    pub fn by_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Arc<Container>> {
        let from = self.by_id.partition_point(|container| container.id.as_ref() < prefix);
        self.by_id.iter().skip(from).take_while(move |container| container.id.starts_with(prefix))
    }

    /// Whether a proxy lets nobody know which containers there are.
    pub fn is_blind(&self) -> bool {
        self.denied.iter().any(|denied| denied == LISTING_DENIED)
    }

    /// Whether a proxy refuses to tell more of a container than the list does.
    pub fn knows_no_details(&self) -> bool {
        self.denied.iter().any(|denied| denied == DETAILS_DENIED)
    }

    /// Whether the engine answers.
    pub fn is_up(&self) -> bool {
        self.status == EngineStatus::Up
    }
}

/// The mirror of one engine.
pub struct Mirror {
    current: ArcSwap<Snapshot>,
    changed: watch::Sender<u64>,
}

impl Mirror {
    /// An empty mirror.
    pub fn new(engine: EngineId, now: Timestamp) -> Self {
        Self { current: ArcSwap::from_pointee(Snapshot::unknown(engine, now)), changed: watch::channel(0).0 }
    }

    /// The engine now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Wakes when there is a new snapshot.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A mirror of an engine that answers and has these containers.
    #[cfg(test)]
    pub(crate) fn showing(containers: Vec<Container>) -> Self {
        let mirror = Arc::new(Self::new(EngineId::local(), Timestamp::UNIX_EPOCH));
        let mut owner = Owner::new(mirror.clone());
        for container in containers {
            owner.put(container);
        }
        owner.set_status(EngineStatus::Up, Timestamp::UNIX_EPOCH);
        owner.publish();
        Self { current: ArcSwap::new(mirror.snapshot()), changed: watch::channel(0).0 }
    }

    fn publish(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
        self.changed.send_modify(|n| *n += 1);
    }
}

/// The owner's side of a mirror: changes it and publishes snapshots.
pub(super) struct Owner {
    mirror: Arc<Mirror>,
    by_id: BTreeMap<Arc<str>, Arc<Container>>,
    by_name: BTreeMap<(String, Arc<str>), Arc<Container>>,
}

impl Owner {
    pub(super) fn new(mirror: Arc<Mirror>) -> Self {
        Self { mirror, by_id: BTreeMap::new(), by_name: BTreeMap::new() }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<Container>> {
        self.by_id.get(id)
    }

    /// Every container, by id.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Container>> {
        self.by_id.values()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Puts a container in; says whether anything changed.
    pub(super) fn put(&mut self, container: Container) -> bool {
        if self.by_id.get(&container.id).is_some_and(|old| **old == container) {
            return false;
        }
        // A container that its labels hide is not shown anywhere.
        if container.label(HIDE) == Some("true") {
            return self.remove(&container.id.clone());
        }
        self.remove(&container.id.clone());
        let container = Arc::new(container);
        self.by_name.insert((container.name.clone(), container.id.clone()), container.clone());
        self.by_id.insert(container.id.clone(), container);
        true
    }

    /// Takes a container out; says whether it was there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some(old) = self.by_id.remove(id) else { return false };
        self.by_name.remove(&(old.name.clone(), old.id.clone()));
        true
    }

    /// Keeps only the containers of a full list; returns the ids that went.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let gone: Vec<String> = self.by_id.keys().filter(|id| !keep(id)).map(|id| id.to_string()).collect();
        for id in &gone {
            self.remove(id);
        }
        gone
    }

    /// Publishes the containers as they are now.
    pub(super) fn publish(&self) {
        let before = self.mirror.snapshot();
        let by_name: Arc<[Arc<Container>]> = self.by_name.values().cloned().collect();
        self.mirror.publish(Snapshot {
            counts: count(&by_name),
            attention: by_name.iter().filter(|container| needs_attention(container)).count(),
            leaning: by_name.iter().filter(|one| !one.facts.leans_on.is_empty()).cloned().collect(),
            by_id: self.by_id.values().cloned().collect(),
            by_name,
            ..Snapshot::clone(&before)
        });
    }

    /// Publishes how the engine is; `since` only moves when that changed.
    pub(super) fn set_status(&self, status: EngineStatus, now: Timestamp) {
        let before = self.mirror.snapshot();
        let same = std::mem::discriminant(&before.status) == std::mem::discriminant(&status);
        let since = if same { before.since } else { now };
        self.mirror.publish(Snapshot { status, since, ..Snapshot::clone(&before) });
    }

    /// Publishes what the engine says of itself.
    pub(super) fn set_info(&self, info: EngineInfo, denied: Vec<String>) {
        let before = self.mirror.snapshot();
        self.mirror.publish(Snapshot {
            info: Arc::new(info),
            denied: denied.into(),
            ..Snapshot::clone(&before)
        });
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.mirror.snapshot()
    }
}

fn count(containers: &[Arc<Container>]) -> Counts {
    let mut counts = Counts { total: containers.len(), ..Counts::default() };
    for container in containers {
        match container.state {
            State::Running => counts.running += 1,
            State::Paused => counts.paused += 1,
            State::Restarting => counts.restarting += 1,
            _ => counts.stopped += 1,
        }
        if container.health == Health::Unhealthy {
            counts.unhealthy += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::from_list;
    use crate::docker::wire::ListEntry;
    use crate::platform::clock::from_ms;

    fn container(id: &str, name: &str, state: &str) -> Container {
        let entry = ListEntry {
            id: id.to_owned(),
            names: vec![format!("/{name}")],
            state: state.to_owned(),
            ..ListEntry::default()
        };
        from_list::container(&EngineId::local(), entry, None, from_ms(0))
    }

    fn owner() -> Owner {
        Owner::new(Arc::new(Mirror::new(EngineId::local(), from_ms(0))))
    }

    #[test]
    fn a_container_is_found_by_id_name_and_prefix() {
        let mut owner = owner();
        owner.put(container("aa11", "web", "running"));
        owner.put(container("aa22", "db", "exited"));
        owner.publish();
        let now = owner.snapshot();
        assert_eq!(now.by_id("aa22").unwrap().name, "db");
        assert_eq!(now.by_name("web").unwrap().id.as_ref(), "aa11");
        assert_eq!(now.by_prefix("aa").count(), 2);
        assert_eq!(now.by_prefix("aa1").count(), 1);
        assert_eq!(now.by_prefix("zz").count(), 0);
        assert_eq!((now.counts.running, now.counts.stopped), (1, 1));
    }

    #[test]
    fn what_leans_on_another_is_known_as_long_as_it_is_there() {
        let mut owner = owner();
        let mut sidecar = container("aa22", "sidecar", "exited");
        sidecar.facts.leans_on = vec!["aa11".to_owned()];
        owner.put(container("aa11", "web", "running"));
        owner.put(sidecar);
        owner.publish();
        let names =
            |owner: &Owner| owner.snapshot().leaning().iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&owner), ["sidecar"]);
        owner.remove("aa22");
        owner.publish();
        assert!(names(&owner).is_empty());
    }

    #[test]
    fn a_renamed_container_leaves_no_trace_of_its_old_name() {
        let mut owner = owner();
        owner.put(container("aa11", "old", "running"));
        assert!(owner.put(container("aa11", "new", "running")));
        assert!(!owner.put(container("aa11", "new", "running")), "nothing changed");
        owner.publish();
        let now = owner.snapshot();
        assert!(now.by_name("old").is_none());
        assert_eq!(now.containers().len(), 1);
    }

    #[test]
    fn the_time_an_engine_went_down_stays_when_the_reason_changes() {
        let owner = owner();
        owner.set_status(EngineStatus::Down("a".to_owned()), from_ms(1_000));
        owner.set_status(EngineStatus::Down("b".to_owned()), from_ms(9_000));
        assert_eq!(owner.snapshot().since, from_ms(1_000));
    }
}
