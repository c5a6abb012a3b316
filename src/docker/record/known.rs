//! How each container was left by the last event told of it. What the engine says on return and this
//! does not know happened while nobody watched; [`Known::compare`] tells it, once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::translate::attribute;
use crate::docker::types::{Container, HIDE, State, short_id, subject_key};
use crate::docker::wire::EngineEvent;

/// The event of a start is told a little after the start itself, ms.
const TOLERANCE: i64 = 2_000;
/// The start of a container that never ran.
const NEVER: i64 = 0;

/// A container as the last event left it. Small: there may be 30,000.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::docker) struct KnownContainer {
    name: Box<str>,
    /// The key of its subject; `None` when that is the name.
    key: Option<Box<str>>,
    /// Whether it runs, paused or not.
    pub running: bool,
    /// When it last started, ms; 0 = never, `None` = not known.
    pub started_at: Option<i64>,
    /// The code it ended with.
    pub exit_code: Option<i64>,
}

impl KnownContainer {
    /// A container that was never started.
    pub(in crate::docker) fn new(name: &str, key: &str) -> Self {
        let mut new =
            Self { name: name.into(), key: None, running: false, started_at: Some(NEVER), exit_code: None };
        new.rename(name, key);
        new
    }

    pub(in crate::docker) fn name(&self) -> &str {
        &self.name
    }

    /// What its history hangs on.
    pub(in crate::docker) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.name)
    }

    fn rename(&mut self, name: &str, key: &str) {
        if *self.name != *name {
            self.name = name.into();
        }
        self.key = (name != key).then(|| key.into());
    }

    fn of(container: &Container) -> Self {
        let mut known = Self::new(&container.name, &container.subject_key());
        known.running = runs(container.state).unwrap_or_default();
        known.started_at = started_at(container);
        known.exit_code = container.facts.exit_code;
        known
    }
}

/// Something that happened while nobody watched. Times in ms, `None` = not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::docker) enum Missed {
    /// It is new.
    Created,
    /// It was started.
    Started { at: Option<i64> },
    /// It ended.
    Ended { at: Option<i64>, code: Option<i64>, oom: bool },
    /// It is gone.
    Vanished,
}

/// Whether a state is running; `None` for what is on its way from one to the other.
fn runs(state: State) -> Option<bool> {
    match state {
        State::Running | State::Paused | State::Stopping => Some(true),
        State::Created | State::Exited | State::Dead => Some(false),
        State::Restarting | State::Removing | State::Unknown => None,
    }
}

fn started_at(container: &Container) -> Option<i64> {
    let at = container.facts.started_at.map(|at| at.as_millisecond());
    at.or_else(|| container.facts.inspected.then_some(NEVER))
}

/// All containers of an engine, as events left them.
#[derive(Debug, Default)]
pub(in crate::docker) struct Known {
    containers: HashMap<Arc<str>, KnownContainer>,
    /// What the database does not know yet.
    dirty: HashSet<Arc<str>>,
    /// Whether there ever was a full list: before it, nothing can be missing.
    pub is_complete: bool,
    /// Events may be missing: one that does not fit the last tells of another.
    pub unsure: bool,
}

impl Known {
    /// What an earlier run knew.
    pub(in crate::docker) fn load(containers: HashMap<Arc<str>, KnownContainer>, is_complete: bool) -> Self {
        Self { containers, is_complete, ..Self::default() }
    }

    pub(in crate::docker) fn get(&self, id: &str) -> Option<&KnownContainer> {
        self.containers.get(id)
    }

    /// Every id.
    pub(in crate::docker) fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.containers.keys()
    }

    /// Takes the first full list as it is: nobody knows what was before.
    pub(in crate::docker) fn begin<'a>(&mut self, containers: impl Iterator<Item = &'a Arc<Container>>) {
        self.dirty.extend(self.containers.drain().map(|(id, _)| id));
        for container in containers {
            self.put(container.id.clone(), KnownContainer::of(container));
        }
        self.is_complete = true;
    }

    /// Follows an event. Says what must have happened before it, when events may be missing.
    pub(in crate::docker) fn follow(&mut self, event: &EngineEvent) -> Vec<Missed> {
        if event.kind != "container" || event.actor.id.is_empty() || attribute(event, HIDE) == Some("true") {
            return Vec::new();
        }
        let (id, at) = (event.actor.id.as_str(), event.time_nano / 1_000_000);
        let before = self.containers.get(id);
        let missed = match (event.action.as_str(), before.map(|before| before.running)) {
            _ if !self.unsure || !self.is_complete => Vec::new(),
            ("start", None) => vec![Missed::Created],
            ("start", Some(true)) => vec![Missed::Ended { at: None, code: None, oom: false }],
            ("die", None) => vec![Missed::Created, Missed::Started { at: None }],
            ("die", Some(false)) => vec![Missed::Started { at: None }],
            _ => Vec::new(),
        };
        let name = attribute(event, "name").unwrap_or_else(|| short_id(id));
        let key = subject_key(name, |label| attribute(event, label));
        let mut known = before.cloned().unwrap_or_else(|| KnownContainer::new(name, &key));
        match event.action.as_str() {
            "create" => {}
            "start" => (known.running, known.started_at, known.exit_code) = (true, Some(at), None),
            "die" => {
                known.running = false;
                known.exit_code = attribute(event, "exitCode").and_then(|code| code.parse().ok());
            }
            "rename" => known.rename(name, &key),
            "destroy" => {
                self.remove(id);
                return missed;
            }
            // Nothing else changes what is known here.
            _ => return Vec::new(),
        }
        self.put(Arc::from(id), known);
        missed
    }

    /// Learns what inspect says of a container whose events were all told.
    pub(in crate::docker) fn learn(&mut self, container: &Container) {
        let (Some(known), Some(running)) = (self.containers.get(&container.id), runs(container.state)) else {
            return;
        };
        // An answer from before an event is followed by another one.
        if known.running != running {
            return;
        }
        let mut learned = known.clone();
        learned.rename(&container.name, &container.subject_key());
        learned.started_at = started_at(container).or(known.started_at);
        learned.exit_code = container.facts.exit_code.or(known.exit_code);
        let moved = match (known.started_at, learned.started_at) {
            (Some(before), Some(now)) => (before - now).abs() > TOLERANCE / 2,
            (before, now) => before != now,
        };
        if moved
            || (&learned.name, &learned.key, learned.exit_code) != (&known.name, &known.key, known.exit_code)
        {
            self.put(container.id.clone(), learned);
        }
    }

    /// What happened to a container that no event told, given how it is now; that is then known.
    pub(in crate::docker) fn compare(&mut self, container: &Container) -> Vec<Missed> {
        let Some(running) = runs(container.state) else { return Vec::new() };
        let now = started_at(container);
        let start = Missed::Started { at: now.filter(|at| *at != NEVER) };
        let end = Missed::Ended {
            at: container.facts.finished_at.map(|at| at.as_millisecond()),
            code: container.facts.exit_code,
            oom: container.facts.oom_killed,
        };
        let missed = match self.containers.get(&container.id) {
            None if running => vec![Missed::Created, start],
            None if now.is_some_and(|at| at != NEVER) => vec![Missed::Created, start, end],
            None => vec![Missed::Created],
            Some(before) => {
                let restarted =
                    before.started_at.zip(now).is_some_and(|(before, now)| now - before > TOLERANCE);
                // Of the end before a restart, inspect says nothing but when the last one was.
                let earlier = Missed::Ended {
                    at: container.facts.finished_at.map(|at| at.as_millisecond()),
                    code: None,
                    oom: false,
                };
                match (before.running, running) {
                    (true, true) if restarted => vec![earlier, start],
                    (true, false) if restarted => {
                        vec![Missed::Ended { at: None, code: None, oom: false }, start, end]
                    }
                    (true, false) => vec![end],
                    (false, true) => vec![start],
                    (false, false) if restarted => vec![start, end],
                    _ => Vec::new(),
                }
            }
        };
        let known = KnownContainer::of(container);
        if !missed.is_empty() || self.containers.get(&container.id).map(|k| k.name()) != Some(known.name()) {
            self.put(container.id.clone(), known);
        } else {
            self.learn(container);
        }
        missed
    }

    /// Forgets a container.
    pub(in crate::docker) fn remove(&mut self, id: &str) -> Option<KnownContainer> {
        let (id, known) = self.containers.remove_entry(id)?;
        self.dirty.insert(id);
        Some(known)
    }

    fn put(&mut self, id: Arc<str>, known: KnownContainer) {
        self.dirty.insert(id.clone());
        self.containers.insert(id, known);
    }

    /// Whether the database is behind.
    pub(in crate::docker) fn has_changes(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// At most `limit` changes for the database: a container, or that it is gone.
    pub(in crate::docker) fn take_changes(
        &mut self,
        limit: usize,
    ) -> Vec<(Arc<str>, Option<KnownContainer>)> {
        let ids: Vec<Arc<str>> = self.dirty.iter().take(limit).cloned().collect();
        ids.into_iter()
            .map(|id| {
                self.dirty.remove(&id);
                let known = self.containers.get(&id).cloned();
                (id, known)
            })
            .collect()
    }

    /// Gives back changes that could not be written.
    pub(in crate::docker) fn put_back(&mut self, ids: impl Iterator<Item = Arc<str>>) {
        self.dirty.extend(ids);
    }
}

#[cfg(test)]
mod tests;
