use std::path::PathBuf;
use std::sync::Arc;

/// What can go wrong with the database. Cloneable, since one failed commit answers many jobs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// SQLite refused.
    #[error("the database refused: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// No reader became free in time.
    #[error("the database is busy: no connection became free in time")]
    Busy,
    /// The database is shutting down.
    #[error("the database is closed")]
    Closed,
    /// A closure that ran on a database thread panicked; its changes were undone.
    #[error("a database job failed inside")]
    Panicked,
    /// The file cannot be opened.
    #[error("cannot open {}: {reason}", file.display())]
    Open {
        /// The database file.
        file: PathBuf,
        /// SQLite's reason.
        reason: String,
    },
    /// The file was written by a newer Docker Watcher.
    #[error(
        "{} was written by a newer version of Docker Watcher (schema {found}, this one knows up to {known}): \
         start that version or newer, or restore an older backup",
        file.display()
    )]
    NewerVersion {
        /// The database file.
        file: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest schema version this binary knows.
        known: usize,
    },
    /// A migration failed; the file is as it was.
    #[error("cannot migrate {}: {reason}", file.display())]
    Migration {
        /// The database file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl DbError {
    /// Whether the file cannot be written for now: locked by another process, disk full or failing.
    pub fn is_unwritable(&self) -> bool {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure,
        };
        matches!(
            self,
            Self::Sqlite(error) if matches!(
                error.sqlite_error_code(),
                Some(DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | ReadOnly | CannotOpen)
            )
        )
    }

    /// Whether a UNIQUE or PRIMARY KEY constraint was violated.
    pub fn is_unique_violation(&self) -> bool {
        matches!(
            self,
            Self::Sqlite(error) if matches!(
                error.sqlite_error().map(|e| e.extended_code),
                Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
            )
        )
    }
}
