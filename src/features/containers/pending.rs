//! What is being done to containers right now: shown at once in their rows, and not done twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::broadcast;

/// How many changes may wait to be shown; a bulk action makes two each.
const CHANGES: usize = 4_096;

/// Something under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// `stop`, `remove` …
    pub verb: &'static str,
    /// Who started it.
    pub by: Arc<str>,
    /// Since when.
    pub since: Timestamp,
}

impl Pending {
    /// What the container's state reads meanwhile.
    pub fn word(&self) -> &'static str {
        match self.verb {
            "start" => "Starting",
            "stop" => "Stopping",
            "restart" => "Restarting",
            "pause" => "Pausing",
            "unpause" => "Unpausing",
            "kill" => "Being killed",
            "rename" => "Being renamed",
            _ => "Being removed",
        }
    }
}

/// Everything under way, by container id. Cheap to clone.
#[derive(Clone)]
pub struct PendingActions {
    map: Arc<Mutex<HashMap<Arc<str>, Pending>>>,
    /// The ids of containers that something began or ended for.
    changed: broadcast::Sender<Arc<str>>,
}

/// Held while an action is under way.
pub struct Claim {
    all: PendingActions,
    id: Arc<str>,
}

impl Default for PendingActions {
    fn default() -> Self {
        Self { map: Arc::default(), changed: broadcast::channel(CHANGES).0 }
    }
}

impl PendingActions {
    /// What is done to a container.
    pub fn of(&self, id: &str) -> Option<Pending> {
        let map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.is_empty() { None } else { map.get(id).cloned() }
    }

    /// The containers that something begins or ends for from now on.
    pub fn changes(&self) -> broadcast::Receiver<Arc<str>> {
        self.changed.subscribe()
    }

    /// Wakes who shows a container, for a change that is beside it.
    pub fn tell(&self, id: &Arc<str>) {
        self.say(id);
    }

    fn say(&self, id: &Arc<str>) {
        // Without a receiver nobody shows it.
        let _nobody = self.changed.send(id.clone());
    }

    /// Begins something; what is under way already is the error.
    pub fn claim(&self, id: &Arc<str>, pending: Pending) -> Result<Claim, Pending> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = map.get(id) {
            return Err(other.clone());
        }
        map.insert(id.clone(), pending);
        drop(map);
        self.say(id);
        Ok(Claim { all: self.clone(), id: id.clone() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.all.map.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.all.say(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::from_ms;

    #[test]
    fn two_people_cannot_do_something_to_one_container_at_once() {
        let all = PendingActions::default();
        let id: Arc<str> = Arc::from("abc");
        let stop = Pending { verb: "stop", by: Arc::from("ann"), since: from_ms(0) };
        let claim = all.claim(&id, stop.clone()).ok().unwrap();
        assert_eq!(all.claim(&id, stop.clone()).err(), Some(stop.clone()));
        assert_eq!(all.of("abc").unwrap().word(), "Stopping");
        drop(claim);
        assert!(all.claim(&id, stop).is_ok());
    }
}
