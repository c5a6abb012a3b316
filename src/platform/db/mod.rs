//! One SQLite file: WAL, `synchronous=FULL` (acknowledged means on disk), a pool of readers and one
//! writer thread that commits in groups.
//!
//! `Db::write` runs a closure on the writer and answers only after its commit; `Db::read` runs one
//! on a pooled connection off the async threads. No connection is ever held across an `.await`.

mod error;
mod meta;
mod open;
mod queue;
mod read;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

pub use error::DbError;
pub use meta::{meta, set_meta};
pub use queue::Lane;
use queue::Queue;
use read::Readers;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    queue: Arc<Queue>,
    inserts: watch::Receiver<i64>,
    foreign_writes: watch::Receiver<u64>,
    commits: Arc<std::sync::atomic::AtomicU64>,
    problem: arc_swap::ArcSwapOption<String>,
    writer: std::sync::Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Db {
    /// Opens (and creates, and migrates) the database file.
    ///
    /// Errors: the file cannot be opened or written, or was written by a newer version.
    pub fn open(file: &Path) -> Result<Self, DbError> {
        let connection = open::writer(file)?;
        let queue = Arc::new(Queue::new());
        let handles = writer::start(connection, Arc::clone(&queue))?;
        Ok(Self {
            inner: Arc::new(Inner {
                readers: Readers::new(file)?,
                queue,
                inserts: handles.inserts,
                foreign_writes: handles.foreign_writes,
                commits: handles.commits,
                problem: arc_swap::ArcSwapOption::empty(),
                writer: std::sync::Mutex::new(Some(handles.thread)),
            }),
        })
    }

    /// A database that is gone with the process: for looking at what needs one without having one.
    pub fn in_memory() -> Result<Self, DbError> {
        // Its readers would see another, empty one: nothing reads there.
        Self::open(Path::new(":memory:"))
    }

    /// Runs `work` in a transaction of the one writer, ahead of bulk work, and answers after the
    /// commit. An `Err` undoes what this closure did and nothing else.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.write_in(Lane::Interactive, work).await
    }

    /// Like [`Db::write`], in a lane of the caller's choice.
    pub async fn write_in<T, E>(
        &self,
        lane: Lane,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.inner.queue.push(lane, writer::job(work, answer)).await?;
        answered.await.unwrap_or_else(|_| Err(DbError::Closed.into()))
    }

    /// Runs `work` on a read-only connection of the pool, off the async threads.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.inner.readers.run(work).await
    }

    /// Notes that something could not be written, or that it can again.
    pub fn report_problem(&self, problem: Option<String>) {
        self.inner.problem.store(problem.map(Arc::new));
    }

    /// Why something could not be written lately; `None` when all is well.
    pub fn problem(&self) -> Option<Arc<String>> {
        self.inner.problem.load_full()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }

    /// The rowid of the newest committed row of `events`: wakes subscribers of the journal.
    pub fn newest_event(&self) -> watch::Receiver<i64> {
        self.inner.inserts.clone()
    }

    /// Counts the times another process (the command line) has written: caches must be refilled.
    pub fn foreign_writes(&self) -> watch::Receiver<u64> {
        self.inner.foreign_writes.clone()
    }

    /// How many times it was written to since the start: what waits together is written together.
    pub fn commits(&self) -> u64 {
        self.inner.commits.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Takes no more work, finishes what is queued, and waits for the writer to end.
    pub async fn close(&self) {
        self.inner.queue.close();
        let thread = self.inner.writer.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the database writer ended by a panic");
            }
        }
    }
}

#[cfg(test)]
mod tests;
