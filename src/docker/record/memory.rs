//! What is remembered of containers between two of their events. Bounded: what says nothing any more is
//! forgotten, and of too many containers the ones not heard of for longest.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::requested::Requested;
use super::restart_loop::{Restarts, WINDOW};

/// Of so many containers something is remembered at most.
const MOST: usize = 2048;

/// What is remembered of one container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Past {
    /// When it was heard of last, ms.
    heard_at: i64,
    /// The signals it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<Requested>,
    /// When it ran out of memory, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_at: Option<i64>,
    /// Whether its health check failed last.
    #[serde(default)]
    pub unhealthy: bool,
    /// Its restarts.
    #[serde(default)]
    pub restarts: Restarts,
}

/// What is remembered of all containers; kept in the database, so that a restart does not forget.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::docker) struct Memory {
    containers: HashMap<String, Past>,
}

impl Memory {
    /// What is remembered of a container, to be changed.
    pub(super) fn of(&mut self, id: &str, now: i64) -> &mut Past {
        if !self.containers.contains_key(id) && self.containers.len() >= MOST {
            self.make_room(now);
        }
        let past = self.containers.entry(id.to_owned()).or_default();
        past.heard_at = now;
        past
    }

    /// Forgets a container that is gone.
    pub(super) fn forget(&mut self, id: &str) {
        self.containers.remove(id);
    }

    /// Forgets what says nothing any more.
    pub(in crate::docker) fn prune(&mut self, now: i64) {
        self.containers.retain(|_, past| past.unhealthy || now - past.heard_at < WINDOW);
    }

    fn make_room(&mut self, now: i64) {
        self.prune(now);
        if self.containers.len() < MOST {
            return;
        }
        let mut heard: Vec<i64> = self.containers.values().map(|past| past.heard_at).collect();
        heard.sort_unstable();
        // A quarter at once, so that this is rare.
        let Some(limit) = heard.get(MOST / 4).copied() else { return };
        let mut spare = MOST / 4;
        self.containers.retain(|_, past| {
            let goes = past.heard_at <= limit && spare > 0;
            spare -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_keeps_what_was_heard_of_last() {
        let mut memory = Memory::default();
        for number in 0..20_000 {
            memory.of(&format!("c{number}"), number).unhealthy = true;
            assert!(memory.containers.len() <= MOST);
        }
        assert!(memory.of("c19999", 20_000).unhealthy);
        assert!(memory.of("c19000", 20_000).unhealthy);
        assert!(!memory.containers.contains_key("c1"));
    }

    #[test]
    fn what_says_nothing_any_more_is_forgotten() {
        let mut memory = Memory::default();
        memory.of("quiet", 0);
        memory.of("sick", 0).unhealthy = true;
        memory.prune(WINDOW);
        assert_eq!(memory.containers.keys().collect::<Vec<_>>(), ["sick"]);
    }
}
