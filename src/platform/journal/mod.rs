//! The one journal: everything that happens becomes an [`Event`].
//!
//! A writer calls [`append`] inside its own transaction (so that an effect and its record are one), or
//! [`Journal::record`] for an event that stands alone. A subscriber is *woken* by
//! [`Journal::newest`] and *reads* by a durable [`cursor`] that it commits together with its effect.
//! The order of lists, cursors and streams is the id.

pub mod cursor;
pub mod facets;
mod model;
pub mod search;
mod store;
pub mod subjects;

use tokio::sync::watch;

pub use model::{Actor, Audience, Event, NewEvent, Severity, Source, Subject};
pub use store::{append, count_since, recent};

use super::clock::SharedClock;
use super::db::{Db, DbError, Lane};

/// Records events. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    db: Db,
    clock: SharedClock,
}

impl Journal {
    /// A journal in `db`.
    pub fn new(db: Db, clock: SharedClock) -> Self {
        Self { db, clock }
    }

    /// Records one event and answers with its id once it is on disk.
    pub async fn record(&self, event: NewEvent) -> Result<i64, DbError> {
        let now = self.clock.now_ms();
        self.db.write_in(Lane::Bulk, move |connection| append(connection, &event, now)).await
    }

    /// The id of the newest committed event.
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.db.newest_event()
    }
}

#[cfg(test)]
mod tests;
