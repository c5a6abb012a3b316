//! What must not be stopped, killed or removed: Docker Watcher's own container, and what a label or a user
//! protects.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::protection_store::{self, Protected};
use crate::docker::types::{Container, PROTECT};
use crate::platform::clock::{SharedClock, from_ms};
use crate::platform::db::{Db, DbError};
use crate::platform::journal::{self, NewEvent};
use crate::platform::text;

/// Why a container is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is Docker Watcher's own.
    Own,
    /// Its label says so.
    Label,
    /// A user said so: who, and when (in words).
    User(String, String),
}

impl Reason {
    /// The reason as the rest of a sentence that begins with the container's name.
    pub fn sentence(&self) -> String {
        match self {
            Self::Own => "is the container Docker Watcher runs in".to_owned(),
            Self::Label => format!("is protected by its label {PROTECT}"),
            Self::User(who, when) => format!("is protected: {who} said so {when} ago"),
        }
    }
}

/// What is protected.
pub struct Protection {
    own: Option<String>,
    by_user: ArcSwap<HashMap<(String, String), Protected>>,
    version: AtomicU64,
    db: Db,
    clock: SharedClock,
}

impl Protection {
    /// Nothing but our own container (by id) until [`Protection::load`].
    pub fn new(own: Option<String>, db: Db, clock: SharedClock) -> Self {
        Self { own, by_user: ArcSwap::default(), version: AtomicU64::new(0), db, clock }
    }

    /// Reads what users have protected.
    pub async fn load(&self) -> Result<(), DbError> {
        let all = self.db.read(protection_store::load).await?;
        let map = all.into_iter().map(|one| ((one.engine.clone(), one.key.clone()), one)).collect();
        self.by_user.store(Arc::new(map));
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Grows when a user has protected something, or no longer: what was counted before is out of date then.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Why a container is protected, if it is.
    pub fn of(&self, container: &Container) -> Option<Reason> {
        if self.own.as_deref() == Some(container.id.as_ref()) {
            return Some(Reason::Own);
        }
        if container.label(PROTECT) == Some("true") {
            return Some(Reason::Label);
        }
        let by_user = self.by_user.load();
        if by_user.is_empty() {
            return None;
        }
        let found = by_user.get(&(container.engine.to_string(), container.subject_key()))?;
        Some(Reason::User(found.actor.clone(), text::between(from_ms(found.at), self.clock.now())))
    }

    /// Protects a container, or no longer, and records who did it.
    pub async fn set(
        &self,
        container: &Container,
        on: bool,
        who: &str,
        event: NewEvent,
    ) -> Result<(), DbError> {
        let (engine, key, now) = (container.engine.clone(), container.subject_key(), self.clock.now_ms());
        let by = on.then(|| who.to_owned());
        self.db
            .write(move |connection| {
                protection_store::set(connection, &engine, &key, by.as_deref(), now)?;
                journal::append(connection, &event, now).map(|_id| ())
            })
            .await?;
        self.load().await
    }
}
