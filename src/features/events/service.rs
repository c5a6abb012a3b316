//! Reads the event log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::model::KeptLine;
use super::query::EventQuery;
use super::store;
use crate::docker::Engines;
use crate::docker::types::Container;
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError};
use crate::platform::ids::EngineId;
use crate::platform::journal::search::{self, Bucket};
use crate::platform::journal::{Audience, Event, subjects};
use crate::web::access::{Identity, Role};

/// How many batches a slow stream may lag behind before it reads the log itself.
const BACKLOG: usize = 16;

/// Events that are new, as all streams share them.
pub struct Batch {
    /// Every event above this id, up to the last one, is in it.
    pub after: i64,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// The event log.
pub struct Events {
    pub(super) db: Db,
    /// Tells the time.
    pub clock: SharedClock,
    /// The engines, for what an event is about now.
    pub engines: Engines,
    new: broadcast::Sender<Arc<Batch>>,
    /// How many streams are open.
    pub(super) streams: Arc<AtomicUsize>,
    /// Cancelled when the product shuts down.
    pub(super) stopping: CancellationToken,
}

/// Who may see what.
pub fn audience(identity: &Identity) -> Audience {
    if identity.role >= Role::Admin { Audience::Admins } else { Audience::Everyone }
}

impl Events {
    /// The log in `db`.
    pub fn new(db: Db, clock: SharedClock, engines: Engines, stopping: CancellationToken) -> Self {
        let new = broadcast::channel(BACKLOG).0;
        Self { db, clock, engines, new, streams: Arc::default(), stopping }
    }

    /// Events, newest first; those below the id `before` when it is given.
    pub async fn list(
        &self,
        query: &EventQuery,
        audience: Audience,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Event>, DbError> {
        let query = query.clone();
        self.db
            .read(move |connection| {
                let find = search::Find { before, ..query.find(audience, limit) };
                search::find(connection, &find)
            })
            .await
    }

    /// Events above the id `after`, oldest first.
    pub async fn after(
        &self,
        query: &EventQuery,
        audience: Audience,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, DbError> {
        let query = query.clone();
        self.db
            .read(move |connection| {
                let find =
                    search::Find { after: Some(after), ascending: true, ..query.find(audience, limit) };
                search::find(connection, &find)
            })
            .await
    }

    /// The lines that were kept with some of these events.
    pub async fn lines_of(&self, events: &[Event]) -> Result<HashMap<i64, Vec<KeptLine>>, DbError> {
        let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
        self.db.read(move |connection| store::lines_of(connection, &ids)).await
    }

    /// One event, with the lines that were kept with it.
    pub async fn one(&self, id: i64, audience: Audience) -> Result<Option<(Event, Vec<KeptLine>)>, DbError> {
        self.db
            .read(move |connection| {
                let Some(event) = search::one(connection, audience, id)? else { return Ok(None) };
                Ok(Some((event, store::kept_lines(connection, id)?)))
            })
            .await
    }

    /// The counts of a time, in equal parts: the length of a part (ms), and the parts.
    pub async fn histogram(
        &self,
        audience: Audience,
        since: i64,
        until: i64,
        parts: i64,
    ) -> Result<(i64, Vec<Bucket>), DbError> {
        self.db.read(move |connection| search::histogram(connection, audience, since, until, parts)).await
    }

    /// The time of the oldest event, ms.
    pub async fn oldest(&self) -> Result<Option<i64>, DbError> {
        self.db.read(search::oldest).await
    }

    /// What the history of something hangs on that is of no engine, if anything ever happened to it.
    pub async fn history_of_own(&self, kind: &'static str, key: String) -> Result<Option<i64>, DbError> {
        self.db.read(move |c| subjects::find(c, &EngineId::local(), kind, &key)).await
    }

    /// What a container's history hangs on, if anything ever happened to it.
    pub async fn history_of(&self, container: &Container) -> Result<Option<i64>, DbError> {
        let (engine, key) = (container.engine.clone(), container.subject_key());
        self.db.read(move |connection| subjects::find(connection, &engine, "container", &key)).await
    }

    /// The id of the newest committed event.
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.db.newest_event()
    }

    /// What is new from now on; who falls behind reads the log.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Batch>> {
        self.new.subscribe()
    }

    /// Whether somebody subscribes.
    pub(super) fn has_subscribers(&self) -> bool {
        self.new.receiver_count() > 0
    }

    pub(super) fn publish(&self, batch: Batch) {
        // Without a receiver there is nobody to tell.
        let _nobody = self.new.send(Arc::new(batch));
    }
}
