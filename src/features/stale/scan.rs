//! One look at all containers of an engine: which are stale, since when are some in trouble.

use std::collections::HashMap;
use std::sync::Arc;

use super::service::Found;
use super::store::Key;
use super::verdict::{Known, Rules, Verdict, judge};
use crate::docker::Snapshot;
use crate::docker::types::{Container, Health, State, is_nameless};

/// A stale container.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The container as it was when it was judged.
    pub container: Arc<Container>,
    /// Why it is stale.
    pub verdict: Verdict,
    /// What cannot be without it: names of containers.
    pub dependents: Vec<String>,
    /// Others of its Compose project that run: names.
    pub siblings: Vec<String>,
    /// Its anonymous volumes that no other container has: names.
    pub own_volumes: Vec<String>,
    /// Whether no other container was made from its image.
    pub sole_image: bool,
}

impl Entry {
    /// Whether nobody could tell one from the other.
    fn looks_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.container, &other.container)
            && self.verdict == other.verdict
            && self.dependents == other.dependents
            && self.siblings == other.siblings
            && self.own_volumes == other.own_volumes
            && self.sole_image == other.sole_image
    }
}

/// What earlier looks have left.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When each subject was last alive, ms.
    pub alive: HashMap<Key, i64>,
    restarting: HashMap<Arc<str>, Loop>,
    unhealthy: HashMap<Arc<str>, i64>,
}

#[derive(Debug, Clone, Copy)]
struct Loop {
    /// How often Docker had restarted it.
    count: u64,
    /// Since when it is restarted again and again, ms; `None`: it is not.
    since: Option<i64>,
    /// When it was restarted last, ms.
    last: i64,
}

/// A container that was not restarted for this long has stopped being restarted, ms.
const CALM: i64 = 30 * 60_000;
/// The words of the database.
pub(super) const RESTARTING: &str = "restarting";
pub(super) const UNHEALTHY: &str = "unhealthy";
/// How many siblings are named.
const SIBLINGS: usize = 10;

impl Memory {
    /// Goes on with what is in the database.
    pub(super) fn load(alive: HashMap<Key, i64>, trouble: Vec<(Key, String, i64)>) -> Self {
        let mut memory = Self { alive, ..Self::default() };
        for ((_, id), kind, since) in trouble {
            let id: Arc<str> = Arc::from(id);
            if kind == UNHEALTHY {
                memory.unhealthy.insert(id, since);
            } else {
                memory.restarting.insert(id, Loop { count: 0, since: Some(since), last: since });
            }
        }
        memory
    }

    /// Takes in how containers are now (ms).
    pub(super) fn look(&mut self, snapshot: &Snapshot, now: i64) {
        for container in snapshot.containers().iter() {
            self.look_at(container, now);
            if container.is_up() {
                self.alive.insert((container.engine.to_string(), container.subject_key()), now);
            }
        }
        let there = |id: &Arc<str>| snapshot.by_id(id).is_some_and(|container| container.is_up());
        self.restarting.retain(|id, _| there(id));
        self.unhealthy.retain(|id, _| there(id));
    }

    fn look_at(&mut self, container: &Container, now: i64) {
        if container.state == State::Running && container.health == Health::Unhealthy {
            self.unhealthy.entry(container.id.clone()).or_insert(now);
        } else {
            self.unhealthy.remove(&container.id);
        }
        if !container.is_up() {
            return;
        }
        let seen = container.facts.restart_count;
        // A count that is not known yet is no change.
        if seen.is_none()
            && container.state != State::Restarting
            && !self.restarting.contains_key(&container.id)
        {
            return;
        }
        let first = Loop { count: seen.unwrap_or(0), since: None, last: now };
        let known = self.restarting.entry(container.id.clone()).or_insert(first);
        let count = seen.unwrap_or(known.count);
        if container.state == State::Restarting || count > known.count {
            known.since.get_or_insert(now);
            known.last = now;
        } else if now - known.last > CALM {
            known.since = None;
        }
        known.count = count;
    }

    /// Since when containers are in trouble, for the database.
    pub(super) fn trouble(&self) -> Vec<(String, &'static str, i64)> {
        let restarting =
            self.restarting.iter().filter_map(|(id, l)| Some((id.to_string(), RESTARTING, l.since?)));
        let unhealthy = self.unhealthy.iter().map(|(id, since)| (id.to_string(), UNHEALTHY, *since));
        let mut all: Vec<_> = restarting.chain(unhealthy).collect();
        all.sort_unstable();
        all
    }
}

/// Containers are told from each other by so many characters of an id at least.
const SHORTEST_ID: usize = 4;

/// The stale containers of a snapshot, as of `now` (ms), in the order of names; and when the next one turns stale by
/// time alone, if that is before `until` (ms). What looks as `before` is what it was: a look at 30,000 that finds nothing
/// new must not need memory for all of them once more.
pub(super) fn stale(
    snapshot: &Snapshot,
    memory: &Memory,
    rules: &Rules,
    (now, until): (i64, i64),
    before: &Found,
) -> (Vec<Arc<Entry>>, Option<i64>) {
    let newest = newest_of_services(snapshot);
    let uses = Uses::of(snapshot);
    let mut entries = Vec::new();
    let mut next: Option<i64> = None;
    for container in snapshot.containers().iter() {
        let newer = service_of(container)
            .and_then(|service| newest.get(&service))
            .filter(|newest| newest.created_at > container.created_at && newest.id != container.id);
        let alive = if container.is_up() || memory.alive.is_empty() {
            None
        } else {
            memory.alive.get(&(container.engine.to_string(), container.subject_key())).copied()
        };
        let known = Known {
            alive,
            restarting_since: memory.restarting.get(&container.id).and_then(|l| l.since),
            unhealthy_since: memory.unhealthy.get(&container.id).copied(),
            newer: newer.map(AsRef::as_ref),
        };
        if let Some(verdict) = judge(container, &known, rules, now) {
            let entry = uses.entry(container, verdict);
            let same = before.get(&container.id).filter(|known| known.looks_like(&entry));
            entries.push(same.cloned().unwrap_or_else(|| Arc::new(entry)));
        } else if let Some(later) = judge(container, &known, rules, until).filter(|_| !container.is_up()) {
            next = Some(next.map_or(later.since, |next| next.min(later.since)));
        }
    }
    (entries, next)
}

fn service_of(container: &Container) -> Option<(&str, &str)> {
    Some((container.project.as_deref()?, container.service.as_deref()?))
}

fn newest_of_services(snapshot: &Snapshot) -> HashMap<(&str, &str), &Arc<Container>> {
    let mut newest: HashMap<(&str, &str), &Arc<Container>> = HashMap::new();
    for container in snapshot.containers().iter() {
        if let Some(service) = service_of(container) {
            let known = newest.entry(service).or_insert(container);
            if container.created_at > known.created_at {
                *known = container;
            }
        }
    }
    newest
}

/// Who has to do with whom, counted over all containers once.
struct Uses<'a> {
    /// Names of those that cannot be without another one, by its id.
    leaning: HashMap<&'a str, Vec<&'a str>>,
    /// Names of those that run, by project.
    running: HashMap<&'a str, Vec<&'a str>>,
    /// How many were made from an image, by its id.
    images: HashMap<&'a str, usize>,
    /// The first that has an anonymous volume, and whether it is the only one.
    volumes: HashMap<&'a str, (&'a str, bool)>,
}

impl<'a> Uses<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let mut uses = Self {
            leaning: HashMap::new(),
            running: HashMap::new(),
            images: HashMap::new(),
            volumes: HashMap::new(),
        };
        for container in snapshot.leaning().iter() {
            for on in &container.facts.leans_on {
                let on = named(snapshot, on).map_or(on.as_str(), |found| found.id.as_ref());
                uses.leaning.entry(on).or_default().push(&container.name);
            }
        }
        for container in snapshot.containers().iter() {
            if let (Some(project), true) = (container.project.as_deref(), container.is_up()) {
                uses.running.entry(project).or_default().push(&container.name);
            }
            *uses.images.entry(container.image_id.as_ref()).or_default() += 1;
            // However it is attached: who names a volume that nobody named uses it as well.
            for name in nameless_volumes(container) {
                // A volume may be mounted at two places of one container.
                let first = uses.volumes.entry(name).or_insert((container.id.as_ref(), true));
                first.1 &= first.0 == container.id.as_ref();
            }
        }
        uses
    }

    fn entry(&self, container: &Arc<Container>, verdict: Verdict) -> Entry {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<String>>();
        let id = container.id.as_ref();
        let project = container.project.as_deref().and_then(|project| self.running.get(project));
        let siblings = project.into_iter().flatten().filter(|name| **name != container.name);
        let is_own = |name: &&str| self.volumes.get(name).is_some_and(|(_, only)| *only);
        let mut own_volumes: Vec<&str> = anonymous_volumes(container).filter(is_own).collect();
        own_volumes.sort_unstable();
        own_volumes.dedup();
        Entry {
            container: container.clone(),
            verdict,
            dependents: owned(self.leaning.get(id).cloned().unwrap_or_default()),
            siblings: owned(siblings.take(SIBLINGS).copied().collect()),
            own_volumes: owned(own_volumes),
            sole_image: self.images.get(container.image_id.as_ref()) == Some(&1),
        }
    }
}

/// What a container names another one by: its name, its id, or the beginning of its id.
fn named<'a>(snapshot: &'a Snapshot, on: &'a str) -> Option<&'a Arc<Container>> {
    let by_prefix = || snapshot.by_prefix(on).next().filter(|_| on.len() >= SHORTEST_ID);
    snapshot.by_name(on).or_else(by_prefix)
}

/// Volumes that go with it when its anonymous volumes do.
fn anonymous_volumes(container: &Container) -> impl Iterator<Item = &str> {
    let volumes = container.mounts.iter().filter(|mount| container.is_anonymous(mount));
    volumes.map(|mount| mount.source.as_str())
}

/// Volumes that nobody named.
fn nameless_volumes(container: &Container) -> impl Iterator<Item = &str> {
    let volumes = container.mounts.iter().filter(|mount| mount.kind == "volume");
    volumes.map(|mount| mount.source.as_str()).filter(|name| is_nameless(name))
}

/// The containers that cannot be without this one, now: names.
pub(super) fn dependents_of(snapshot: &Snapshot, container: &Container) -> Vec<String> {
    let leans = |other: &&Arc<Container>| {
        let is_it = |on: &String| {
            *on == container.name || (on.len() >= SHORTEST_ID && container.id.starts_with(on.as_str()))
        };
        other.id != container.id && other.facts.leans_on.iter().any(is_it)
    };
    snapshot.leaning().iter().filter(leans).map(|other| other.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::types::Mount;
    use crate::features::containers::model::tests::container;

    #[test]
    fn an_anonymous_volume_is_told_from_one_with_a_name() {
        let mut web = container("web", "nginx", State::Exited);
        let mount = |source: &str, kind: &str| Mount {
            kind: kind.to_owned(),
            source: source.to_owned(),
            destination: "/data".to_owned(),
            read_only: false,
        };
        let nameless = "0123456789abcdef".repeat(4);
        web.mounts = vec![mount("photos", "volume"), mount(&nameless, "volume"), mount(&nameless, "bind")];
        assert_eq!(anonymous_volumes(&web).collect::<Vec<_>>(), [nameless.as_str()]);
    }
}
