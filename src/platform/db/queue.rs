//! The writer's bounded queue, with two lanes: a login never waits behind a storm of events.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DbError;
use super::writer::Job;

/// How many jobs of one lane may wait; more wait in their senders.
const SLOTS: usize = 1024;

/// Which queue a write waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for it: goes first.
    Interactive,
    /// Events and statistics.
    Bulk,
}

pub(super) enum Next {
    Job(Job),
    /// Nothing came within the wait.
    Idle,
    Closed,
}

struct Waiting {
    job: Job,
    /// Frees the slot when the job is taken.
    _slot: OwnedSemaphorePermit,
}

#[derive(Default)]
struct State {
    interactive: VecDeque<Waiting>,
    bulk: VecDeque<Waiting>,
    closed: bool,
}

pub(super) struct Queue {
    state: Mutex<State>,
    ring: Condvar,
    interactive_slots: Arc<Semaphore>,
    bulk_slots: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            ring: Condvar::new(),
            interactive_slots: Arc::new(Semaphore::new(SLOTS)),
            bulk_slots: Arc::new(Semaphore::new(SLOTS)),
        }
    }

    /// Waits for a free slot, then queues the job.
    pub(super) async fn push(&self, lane: Lane, job: Job) -> Result<(), DbError> {
        let slots = match lane {
            Lane::Interactive => &self.interactive_slots,
            Lane::Bulk => &self.bulk_slots,
        };
        let slot = Arc::clone(slots).acquire_owned().await.map_err(|_| DbError::Closed)?;
        let mut state = self.lock();
        if state.closed {
            return Err(DbError::Closed);
        }
        let waiting = Waiting { job, _slot: slot };
        match lane {
            Lane::Interactive => state.interactive.push_back(waiting),
            Lane::Bulk => state.bulk.push_back(waiting),
        }
        drop(state);
        self.ring.notify_one();
        Ok(())
    }

    /// The next job at once, if one waits.
    pub(super) fn try_next(&self) -> Option<Job> {
        Self::take(&mut self.lock())
    }

    /// The next job, waiting for it at most `wait`.
    pub(super) fn next(&self, wait: Duration) -> Next {
        let state = self.lock();
        let (mut state, _timed_out) = self
            .ring
            .wait_timeout_while(state, wait, |s| !s.closed && s.interactive.is_empty() && s.bulk.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        match Self::take(&mut state) {
            Some(job) => Next::Job(job),
            None if state.closed => Next::Closed,
            None => Next::Idle,
        }
    }

    /// Refuses new jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.interactive_slots.close();
        self.bulk_slots.close();
        self.ring.notify_all();
    }

    fn take(state: &mut State) -> Option<Job> {
        state.interactive.pop_front().or_else(|| state.bulk.pop_front()).map(|waiting| waiting.job)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
