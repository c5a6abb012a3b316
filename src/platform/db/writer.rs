//! The one thread that writes. Jobs that wait together are committed together (group commit), each
//! in a savepoint of its own; every job is answered after the commit, never before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::hooks::Action;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::DbError;
use super::queue::{Next, Queue};

/// A group is closed after this time or this many jobs, whichever comes first.
const GROUP_TIME: Duration = Duration::from_millis(20);
const GROUP_JOBS: usize = 512;
/// How often an idle writer looks whether another process has written.
const IDLE_CHECK: Duration = Duration::from_secs(1);
/// The table whose newest rowid wakes the journal's subscribers.
const JOURNAL_TABLE: &str = "events";

/// Answers the sender, told whether the group was committed.
type Finish = Box<dyn FnOnce(Result<(), DbError>) + Send>;
/// Runs on the writer (or learns that it cannot run); says whether its savepoint is to be kept.
pub(super) type Job = Box<dyn FnOnce(Result<&Connection, DbError>) -> (bool, Finish) + Send>;

pub(super) struct Handles {
    pub(super) inserts: watch::Receiver<i64>,
    pub(super) foreign_writes: watch::Receiver<u64>,
    pub(super) commits: Arc<AtomicU64>,
    pub(super) thread: JoinHandle<()>,
}

/// Wraps a closure so that its result is sent after the commit.
pub(super) fn job<T, E>(
    work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    answer: oneshot::Sender<Result<T, E>>,
) -> Job
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    Box::new(move |connection| {
        let outcome = match connection {
            Ok(connection) => catch_unwind(AssertUnwindSafe(|| work(connection)))
                .unwrap_or_else(|_| Err(DbError::Panicked.into())),
            Err(error) => Err(error.into()),
        };
        let keep = outcome.is_ok();
        let finish = move |commit: Result<(), DbError>| {
            let result = outcome.and_then(|value| commit.map(|()| value).map_err(E::from));
            // The asker may have gone: the work is done all the same.
            let _gone = answer.send(result);
        };
        (keep, Box::new(finish))
    })
}

/// Starts the writer thread on its connection.
pub(super) fn start(connection: Connection, queue: Arc<Queue>) -> Result<Handles, DbError> {
    let newest = connection
        .query_row("SELECT coalesce(max(id), 0) FROM events", [], |row| row.get(0))
        .map_err(DbError::from)?;
    let (inserts_sender, inserts) = watch::channel(newest);
    let (foreign_sender, foreign_writes) = watch::channel(0);
    let pending = Arc::new(AtomicI64::new(newest));
    let seen_by_hook = Arc::clone(&pending);
    connection
        .update_hook(Some(move |action, _db: &str, table: &str, rowid: i64| {
            if action == Action::SQLITE_INSERT && table == JOURNAL_TABLE {
                seen_by_hook.fetch_max(rowid, Ordering::Relaxed);
            }
        }))
        .map_err(DbError::from)?;
    let commits = Arc::new(AtomicU64::new(0));
    let mut writer = Writer {
        connection,
        pending,
        inserts: inserts_sender,
        foreign: foreign_sender,
        commits: Arc::clone(&commits),
        version: 0,
    };
    writer.version = writer.data_version();
    let thread =
        std::thread::Builder::new()
            .name("db-writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|e| DbError::Sqlite(Arc::new(rusqlite::Error::ToSqlConversionFailure(Box::new(e)))))?;
    Ok(Handles { inserts, foreign_writes, commits, thread })
}

struct Writer {
    connection: Connection,
    /// The highest rowid of the journal inserted so far, committed or not.
    pending: Arc<AtomicI64>,
    inserts: watch::Sender<i64>,
    foreign: watch::Sender<u64>,
    /// How many groups were committed.
    commits: Arc<AtomicU64>,
    version: i64,
}

impl Writer {
    fn run(mut self, queue: &Queue) {
        let mut checked = Instant::now();
        loop {
            match queue.next(IDLE_CHECK) {
                Next::Job(first) => self.commit_group(first, queue),
                Next::Idle => {}
                Next::Closed => break,
            }
            if checked.elapsed() >= IDLE_CHECK {
                self.notice_foreign_writes();
                checked = Instant::now();
            }
        }
        // Leaves one tidy file behind; a busy reader only means that the WAL stays.
        if let Err(error) = self.connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);")
        {
            tracing::debug!(%error, "the last checkpoint did not finish");
        }
    }

    fn commit_group(&mut self, first: Job, queue: &Queue) {
        let mut transaction = match self.connection.transaction_with_behavior(TransactionBehavior::Immediate)
        {
            Ok(transaction) => transaction,
            Err(error) => {
                let error = DbError::from(error);
                let (_, finish) = first(Err(error.clone()));
                finish(Err(error));
                return;
            }
        };
        let started = Instant::now();
        let mut finishes = Vec::new();
        let mut next = Some(first);
        let before_group = self.pending.load(Ordering::Relaxed);
        while let Some(job) = next {
            let before = self.pending.load(Ordering::Relaxed);
            let (kept, finish) = run_in_savepoint(&mut transaction, job);
            finishes.push(finish);
            if !kept {
                self.pending.store(before, Ordering::Relaxed);
            }
            // Some errors (a full disk) make SQLite roll everything back by itself.
            if transaction.is_autocommit() {
                break;
            }
            let full = finishes.len() >= GROUP_JOBS || started.elapsed() >= GROUP_TIME;
            next = if full { None } else { queue.try_next() };
        }
        let committed = transaction.commit().map_err(DbError::from);
        if let Err(error) = &committed {
            self.pending.store(before_group, Ordering::Relaxed);
            tracing::error!(%error, db.jobs = finishes.len(), "a commit failed");
        } else {
            self.commits.fetch_add(1, Ordering::Relaxed);
            let newest = self.pending.load(Ordering::Relaxed);
            self.inserts.send_if_modified(|seen| std::mem::replace(seen, newest) != newest);
        }
        for finish in finishes {
            finish(committed.clone());
        }
    }

    /// `PRAGMA data_version` changes when another connection has committed.
    fn notice_foreign_writes(&mut self) {
        let version = self.data_version();
        if version == self.version {
            return;
        }
        self.version = version;
        self.foreign.send_modify(|count| *count += 1);
        let newest = self
            .connection
            .query_row("SELECT coalesce(max(id), 0) FROM events", [], |row| row.get(0))
            .unwrap_or_else(|_| self.pending.load(Ordering::Relaxed));
        self.pending.fetch_max(newest, Ordering::Relaxed);
        self.inserts.send_if_modified(|seen| std::mem::replace(seen, newest) != newest);
    }

    fn data_version(&self) -> i64 {
        self.connection.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap_or(self.version)
    }
}

/// Runs a job; says whether its changes stand.
fn run_in_savepoint(transaction: &mut rusqlite::Transaction<'_>, job: Job) -> (bool, Finish) {
    let mut savepoint = match transaction.savepoint() {
        Ok(savepoint) => savepoint,
        Err(error) => return (false, job(Err(error.into())).1),
    };
    let (keep, finish) = job(Ok(&savepoint));
    let ended =
        if keep { savepoint.commit() } else { savepoint.rollback().and_then(|()| savepoint.commit()) };
    match ended {
        Ok(()) => (keep, finish),
        Err(error) => {
            let error = DbError::from(error);
            (false, Box::new(move |_| finish(Err(error))))
        }
    }
}
