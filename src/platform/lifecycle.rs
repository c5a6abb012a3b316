//! Long-lived tasks: supervised (restarted with capped, jittered backoff, panics caught), visible on the
//! system page, and ended in two steps: `soft` asks everybody to finish, `hard` cuts off who has not.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::SharedClock;

/// A worker that ran this long has recovered: its backoff starts anew.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerStatus {
    /// At work.
    Running,
    /// Failed; will be started again.
    Restarting,
    /// Ended because the product is shutting down.
    Stopped,
}

/// The state of one worker, for the system page and `/readyz`.
#[derive(Debug, Clone)]
pub struct WorkerState {
    /// What it is doing.
    pub status: WorkerStatus,
    /// Since when.
    pub since: Timestamp,
    /// How often it was started again.
    pub restarts: u32,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// Owns all tasks. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    workers: Arc<Mutex<BTreeMap<String, WorkerState>>>,
    clock: SharedClock,
}

impl Lifecycle {
    /// Nothing runs yet.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            tasks: TaskTracker::new(),
            workers: Arc::default(),
            clock,
        }
    }

    /// Cancelled when the product begins to shut down.
    pub fn stopping(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Runs a task that ends by itself (one connection, one job), counted in the shutdown.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let hard = self.hard.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = hard.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Runs `make()` for as long as the product lives: when it returns or panics it is started again.
    pub fn supervise<F, E>(&self, name: &str, make: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = Result<(), E>> + Send,
        E: Display + Send,
    {
        let this = self.clone();
        let name = name.to_owned();
        this.note(&name, WorkerStatus::Running, None);
        self.spawn(async move { this.keep_running(&name, make).await });
    }

    /// Every worker and its state, by name.
    pub fn workers(&self) -> Vec<(String, WorkerState)> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|(name, state)| (name.clone(), state.clone())).collect()
    }

    /// Whether every worker is at work.
    pub fn all_running(&self) -> bool {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.values().all(|worker| worker.status == WorkerStatus::Running)
    }

    /// Asks every task to finish, gives them `grace`, then cuts them off.
    pub async fn shut_down(&self, grace: Duration) {
        self.soft.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "some tasks did not finish in time and are cut off");
            self.hard.cancel();
            let _cut = tokio::time::timeout(Duration::from_secs(1), self.tasks.wait()).await;
        }
    }

    async fn keep_running<F, E>(&self, name: &str, make: impl Fn() -> F)
    where
        F: Future<Output = Result<(), E>> + Send,
        E: Display + Send,
    {
        let delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(30))
            .with_jitter()
            .without_max_times();
        let mut delay = delays.build();
        loop {
            let started = Instant::now();
            self.note(name, WorkerStatus::Running, None);
            // Nothing shared is touched half-way: a worker owns its state, and starts from scratch.
            let ended = tokio::select! {
                ended = AssertUnwindSafe(make()).catch_unwind() => ended,
                () = self.soft_then_grace() => break,
            };
            if self.soft.is_cancelled() {
                break;
            }
            let error = match ended {
                Ok(Ok(())) => "it ended".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("it panicked: {}", panic_text(panic.as_ref())),
            };
            if started.elapsed() >= RECOVERED_AFTER {
                delay = delays.build();
            }
            let wait = delay.next().unwrap_or(Duration::from_secs(30));
            tracing::warn!(
                worker = name,
                error,
                wait_ms = wait.as_millis(),
                "a worker failed and will be restarted"
            );
            self.note(name, WorkerStatus::Restarting, Some(error));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.soft.cancelled() => break,
            }
        }
        self.note(name, WorkerStatus::Stopped, None);
    }

    /// A worker that watches `stopping()` may finish its work; one that does not is dropped.
    async fn soft_then_grace(&self) {
        self.soft.cancelled().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    fn note(&self, name: &str, status: WorkerStatus, error: Option<String>) {
        let now = self.clock.now();
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let state = workers.entry(name.to_owned()).or_insert(WorkerState {
            status,
            since: now,
            restarts: 0,
            last_error: None,
        });
        if state.status != status {
            if state.status == WorkerStatus::Restarting && status == WorkerStatus::Running {
                state.restarts += 1;
            }
            state.status = status;
            state.since = now;
        }
        if error.is_some() {
            state.last_error = error;
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::platform::clock::SystemClock;

    fn lifecycle() -> Lifecycle {
        Lifecycle::new(Arc::new(SystemClock))
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_panics_is_started_again_and_says_why() {
        let lifecycle = lifecycle();
        let starts = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&starts);
        lifecycle.supervise("flaky", move || {
            let n = seen.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(n >= 2, "boom {n}");
                std::future::pending::<()>().await;
                Ok::<(), String>(())
            }
        });
        tokio::time::timeout(Duration::from_secs(60), async {
            while starts.load(Ordering::SeqCst) < 3 || !lifecycle.all_running() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        let (_, state) = lifecycle.workers().into_iter().next().unwrap();
        assert_eq!(state.restarts, 2);
        assert!(state.last_error.unwrap().contains("boom 1"));
    }

    #[tokio::test(start_paused = true)]
    async fn shutting_down_ends_even_who_does_not_listen() {
        let lifecycle = lifecycle();
        lifecycle.supervise("deaf", || async {
            std::future::pending::<()>().await;
            Ok::<(), String>(())
        });
        lifecycle.spawn(std::future::pending());
        tokio::time::timeout(Duration::from_secs(30), lifecycle.shut_down(Duration::from_secs(2)))
            .await
            .unwrap();
    }
}
