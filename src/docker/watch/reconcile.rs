//! After a gap, an outage or a restart: tells what happened while nobody watched.
//!
//! The list is compared with what the last events left a moment after it was read, when the events that
//! overtook it have arrived; a container that an event named meanwhile is left to its events. What only
//! inspect knows (a restart between two looks) is compared when its answer comes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::recorder::Recorder;
use crate::docker::mirror::Owner;
use crate::docker::record::{Missed, Whose, reconciled};
use crate::docker::types::{Container, State};
use crate::docker::wire::EngineEvent;

/// Events that overtook a full list have arrived by then.
const SETTLE: Duration = Duration::from_secs(1);

/// What a connection has yet to compare.
#[derive(Default)]
pub(super) struct Unsettled {
    /// When the list is compared; `None` when it was, or needs not be.
    pub(super) compare_at: Option<Instant>,
    /// Named by events since the list was asked for.
    touched: HashSet<Arc<str>>,
    /// To be compared once inspect has answered.
    pending: HashSet<Arc<str>>,
}

impl Unsettled {
    /// Has the list that was just read compared soon.
    pub(super) fn compare_soon(&mut self) {
        self.compare_at = Some(Instant::now() + SETTLE);
    }

    /// Notes an event that came after the list was asked for.
    pub(super) fn touch(&mut self, event: &EngineEvent) {
        // An exec, or a signal, changes nothing that is compared.
        let changes = matches!(event.action.as_str(), "create" | "start" | "die" | "destroy");
        if event.kind != "container" || !changes {
            return;
        }
        self.pending.remove(event.actor.id.as_str());
        if self.compare_at.is_some() {
            self.touched.insert(Arc::from(event.actor.id.as_str()));
        }
    }

    /// Whether this container was waiting to be compared.
    pub(super) fn is_due(&mut self, id: &str) -> bool {
        self.pending.remove(id)
    }

    /// Everything that inspect will not tell.
    pub(super) fn give_up(&mut self) -> HashSet<Arc<str>> {
        std::mem::take(&mut self.pending)
    }
}

impl Recorder {
    /// Prepares for a full list of an engine: whose containers are known must be the same engine.
    pub(super) fn meet(&mut self, docker_id: &str) {
        let known = self.known_of.as_deref().filter(|known| !known.is_empty());
        if known.is_some_and(|known| !docker_id.is_empty() && known != docker_id) {
            tracing::info!(engine = %self.engine, "this is another engine than before; its containers are taken as they are");
            self.known.is_complete = false;
        }
    }

    /// Takes the first full list of an engine as it is; says whether it was the first.
    pub(super) fn begin(&mut self, owner: &Owner, docker_id: &str) -> bool {
        if self.known.is_complete {
            return false;
        }
        self.known.begin(owner.all());
        self.known_of = Some(docker_id.to_owned());
        self.save_soon();
        true
    }

    /// Follows an event, and tells what must have been missed before it.
    pub(super) fn follow(&mut self, event: &EngineEvent) {
        let missed = self.known.follow(event);
        if missed.is_empty() {
            return;
        }
        let at = event.time_nano / 1_000_000;
        let id = event.actor.id.as_str();
        let Some(known) = self.known.get(id).cloned() else { return };
        for missed in missed {
            let whose = Whose { id, name: known.name(), key: known.key() };
            self.add(reconciled(&self.engine, whose, missed, None, at));
        }
    }

    /// Compares everything with what is known. What only inspect can tell goes to `unsettled`; returns
    /// what inspect is to be asked about soon.
    pub(super) fn settle(&mut self, owner: &Owner, unsettled: &mut Unsettled) -> Vec<Arc<str>> {
        self.known.unsure = false;
        unsettled.compare_at = None;
        let touched = std::mem::take(&mut unsettled.touched);
        let mut ask = Vec::new();
        for container in owner.all() {
            if touched.contains(&container.id) {
                self.known.learn(container);
                continue;
            }
            if container.facts.inspected {
                self.check(container);
                continue;
            }
            let runs = container.state == State::Running;
            let as_known = self.known.get(&container.id).is_some_and(|known| known.running == runs);
            if !as_known {
                ask.push(container.id.clone());
            }
            unsettled.pending.insert(container.id.clone());
        }
        let gone = |id: &&Arc<str>| owner.get(id).is_none() && !touched.contains(*id);
        let gone: Vec<Arc<str>> = self.known.ids().filter(gone).cloned().collect();
        let now = self.clock.now_ms();
        for id in gone {
            if let Some(known) = self.known.remove(&id) {
                let whose = Whose { id: &id, name: known.name(), key: known.key() };
                self.add(reconciled(&self.engine, whose, Missed::Vanished, None, now));
            }
        }
        ask
    }

    /// Compares one container with what is known, and tells the difference.
    pub(super) fn check(&mut self, container: &Container) {
        let now = self.clock.now_ms();
        let key = container.subject_key();
        for missed in self.known.compare(container) {
            let whose = Whose { id: &container.id, name: &container.name, key: &key };
            self.add(reconciled(&self.engine, whose, missed, Some(container), now));
        }
    }
}
