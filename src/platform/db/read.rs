//! The pool of readers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{DbError, open};

/// How long a read waits for a free connection before it says that the database is busy.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Readers {
    pool: r2d2::Pool<SqliteConnectionManager>,
    /// Keeps waiting readers as cheap futures instead of blocked threads.
    seats: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(file: &Path) -> Result<Self, DbError> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get).clamp(2, 16);
        let manager = SqliteConnectionManager::file(file)
            .with_flags(open::reader_flags())
            .with_init(open::prepare_reader);
        let pool = r2d2::Pool::builder()
            .max_size(u32::try_from(cores).unwrap_or(2))
            .min_idle(Some(0))
            .idle_timeout(Some(Duration::from_secs(60)))
            .connection_timeout(PATIENCE)
            .test_on_check_out(false)
            .thread_pool(Arc::new(
                scheduled_thread_pool::ScheduledThreadPool::builder().num_threads(1).build(),
            ))
            .build(manager)
            .map_err(|e| DbError::Open { file: file.to_owned(), reason: e.to_string() })?;
        Ok(Self { pool, seats: Arc::new(Semaphore::new(cores)) })
    }

    pub(super) async fn run<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let seat = tokio::time::timeout(PATIENCE, Arc::clone(&self.seats).acquire_owned())
            .await
            .map_err(|_| DbError::Busy)?
            .map_err(|_| DbError::Closed)?;
        let pool = self.pool.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            let connection = pool.get().map_err(|_| DbError::Busy)?;
            catch_unwind(AssertUnwindSafe(|| work(&connection)))
                .unwrap_or_else(|_| Err(DbError::Panicked.into()))
        })
        .await;
        done.unwrap_or_else(|_| Err(DbError::Closed.into()))
    }
}
