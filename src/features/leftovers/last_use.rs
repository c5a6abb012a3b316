//! When a container was last seen to use an image, a volume or a network. Docker does not keep that, so it is
//! watched: what is in use is noted now and then, and at once when its last user goes.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};

use super::model::Kind;
use super::store;
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError};
use crate::platform::ids::EngineId;

/// For so long what is not listed is remembered.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// A use that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct LastUse {
    /// When a container was last seen to use it.
    pub at: Timestamp,
    /// The container's name.
    pub by: String,
}

/// What tells one thing of one engine from all others.
pub type Key = (EngineId, Kind, Arc<str>);

/// All uses that were seen. Cheap to clone.
#[derive(Clone)]
pub struct LastUses {
    seen: Arc<ArcSwap<HashMap<Key, LastUse>>>,
    db: Db,
    clock: SharedClock,
}

impl LastUses {
    /// None until [`LastUses::load`].
    pub fn new(db: Db, clock: SharedClock) -> Self {
        Self { seen: Arc::default(), db, clock }
    }

    /// Reads what was seen before the start.
    pub async fn load(&self) -> Result<(), DbError> {
        self.seen.store(Arc::new(self.db.read(store::load).await?));
        Ok(())
    }

    /// When something was last seen in use.
    pub fn of(&self, engine: &EngineId, kind: Kind, id: &Arc<str>) -> Option<LastUse> {
        let seen = self.seen.load();
        if seen.is_empty() { None } else { seen.get(&(engine.clone(), kind, Arc::clone(id))).cloned() }
    }

    /// Notes that these are in use now (or were until now), by these containers.
    pub async fn note(&self, used: Vec<(Key, String)>) -> Result<(), DbError> {
        if used.is_empty() {
            return Ok(());
        }
        let at = self.clock.now();
        let mut seen = HashMap::clone(&self.seen.load());
        seen.extend(used.iter().map(|(key, by)| (key.clone(), LastUse { at, by: by.clone() })));
        self.seen.store(Arc::new(seen));
        self.db.write(move |connection| store::note(connection, &used, at.as_millisecond())).await
    }

    /// Forgets those of an engine and a kind that are not `kept`: they are gone. What was in use lately may be
    /// too new to be listed.
    pub async fn keep_only(
        &self,
        engine: &EngineId,
        kind: Kind,
        kept: impl Fn(&str) -> bool,
    ) -> Result<(), DbError> {
        let seen = self.seen.load_full();
        let now = self.clock.now();
        let gone = seen.iter().filter(|(key, last)| {
            let old = now.duration_since(last.at) > FORGET_AFTER;
            key.0 == *engine && key.1 == kind && old && !kept(&key.2)
        });
        let gone: Vec<Key> = gone.map(|(key, _)| key.clone()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let mut left = HashMap::clone(&seen);
        left.retain(|key, _| !gone.contains(key));
        self.seen.store(Arc::new(left));
        self.db.write(move |connection| store::forget(connection, &gone)).await
    }
}
