//! The owner task of a [`Board`]: when is what measured.
//!
//! A whole round at the interval that is set. In between, every two seconds, what somebody looks at, and what has
//! just started: it takes two readings to tell how much CPU something uses. While the engine is down nothing is
//! measured, and the charts have a hole.

mod host;

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::host::{HostMeter, Place};
use super::board::{HostNow, Round, State};
use super::meter::Meter;
use crate::docker::types::{Container, State as ContainerState};
use crate::docker::{Engine, Snapshot};
use crate::platform::clock::SharedClock;

/// How often that is measured which somebody looks at, or which has just started.
const QUICK: Duration = Duration::from_secs(2);
/// Containers that start together are measured together.
const SOON: Duration = Duration::from_millis(300);

/// Measures one engine.
#[derive(Clone)]
pub struct Sampler {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Tells the time.
    pub clock: SharedClock,
    /// The interval that is set; `None`: nothing is measured.
    pub every: watch::Receiver<Option<Duration>>,
    /// The full ids of the containers that somebody looks at.
    pub watched: Arc<dyn Fn() -> HashSet<String> + Send + Sync>,
    /// Wakes when somebody begins to look at something.
    pub looked: watch::Receiver<u64>,
    /// The id of the container we run in.
    pub own: Option<String>,
    /// Cancelled when the product shuts down.
    pub stopping: CancellationToken,
}

impl Sampler {
    /// Measures until the product shuts down.
    pub async fn run(mut self) -> Result<(), Infallible> {
        let mut meter = Meter::new(self.engine.client.clone(), self.clock.clone());
        let mut host = HostMeter::default();
        let mut mirror = self.engine.mirror.changes();
        mirror.mark_changed();
        let mut whole_at = Instant::now();
        let mut quick_at: Option<Instant> = None;
        let mut was_up = false;
        let stopping = self.stopping.clone();
        loop {
            let every = *self.every.borrow_and_update();
            let whole = tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                changed = self.every.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    whole_at = Instant::now();
                    if self.every.borrow().is_none() {
                        self.turn_off();
                        // An average over the time in between would be neither now nor then.
                        meter.forget(|_| false);
                        host = HostMeter::default();
                    }
                    continue;
                }
                changed = mirror.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let snapshot = self.engine.mirror.snapshot();
                    let runs = |id: &str| snapshot.by_id(id).is_some_and(|container| is_measured(container));
                    self.engine.stats.end(runs);
                    meter.forget(runs);
                    // What answers (again) is measured at once.
                    let is_up = snapshot.is_up();
                    if is_up && !std::mem::replace(&mut was_up, is_up) {
                        whole_at = whole_at.min(Instant::now() + SOON);
                    }
                    was_up = is_up;
                    if wanted(&snapshot).any(|container| meter.is_new(container)) {
                        quick_at.get_or_insert(Instant::now() + SOON);
                    }
                    continue;
                }
                changed = self.looked.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    if !(self.watched)().is_empty() {
                        quick_at.get_or_insert(Instant::now());
                    }
                    continue;
                }
                () = at(every.map(|_| whole_at)) => true,
                () = at(quick_at.filter(|_| every.is_some())) => false,
            };
            let began = Instant::now();
            let round = self.round(meter, &mut host, whole);
            meter = tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                meter = round => meter,
            };
            if whole {
                let pause = every.unwrap_or(QUICK).max(stretched(began.elapsed()));
                // After a time in which nothing ran (a laptop that slept) there is nothing to catch up with.
                whole_at = (whole_at + pause).max(began + stretched(began.elapsed())).max(began + pause / 2);
            }
            let goes_on = !(self.watched)().is_empty() || meter.has_young() || host.is_young();
            quick_at = goes_on.then(|| began + QUICK.max(stretched(began.elapsed())));
        }
    }

    async fn round(&self, meter: Meter, host: &mut HostMeter, whole: bool) -> Meter {
        let began = Instant::now();
        let snapshot = self.engine.mirror.snapshot();
        let mut meter = meter;
        let targets: Vec<Arc<Container>> = if !snapshot.is_up() {
            meter.forget(|_| false);
            Vec::new()
        } else if whole {
            wanted(&snapshot).cloned().collect()
        } else {
            let watched = (self.watched)();
            let looked_at = |c: &&Arc<Container>| watched.contains(c.id.as_ref()) || meter.is_young(c);
            wanted(&snapshot).filter(looked_at).cloned().collect()
        };
        let host_memory = snapshot.info.memory_bytes;
        let (meter, measured) = if targets.is_empty() {
            (meter, Default::default())
        } else {
            meter.round(targets, host_memory).await
        };
        let now = self.clock.now();
        let board = &self.engine.stats;
        if whole || host.is_young() {
            let place = Place {
                here: self.is_here(&snapshot, meter.sees_processes()),
                sees_processes: meter.sees_processes(),
                in_container: self.own.is_some(),
                roots: meter.roots(),
            };
            host.measure(board, &snapshot, place, now).await;
        }
        if whole {
            let round = Round {
                at: now,
                took: began.elapsed(),
                containers: measured.samples.len(),
                missed: measured.missed,
            };
            let proc =
                meter.roots().filter(|_| meter.sees_processes()).map(|roots| Arc::from(roots.proc.as_path()));
            let every = *self.every.borrow();
            board.set_state(State { method: meter.method(), round: Some(round), every, proc });
        }
        if whole || !measured.samples.is_empty() {
            board.record(&measured.samples, whole, now);
        }
        meter
    }

    /// Whether the engine runs on this machine, so that what we read of the host is about its host.
    fn is_here(&self, snapshot: &Snapshot, sees_processes: bool) -> bool {
        sees_processes
            || self.engine.client.endpoint().is_unix()
            || self.own.as_deref().is_some_and(|own| snapshot.by_id(own).is_some())
    }

    fn turn_off(&self) {
        let unknown = "Measuring is off.".to_owned();
        self.engine.stats.record_host(HostNow { unknown, ..HostNow::default() });
        self.engine.stats.record(&[], true, self.clock.now());
        self.engine.stats.set_state(State::default());
    }
}

/// Whether a container is measured: it runs, paused or not.
fn is_measured(container: &Container) -> bool {
    matches!(container.state, ContainerState::Running | ContainerState::Paused)
}

/// What a whole round measures. What is yet to be inspected is left out: without its process id the engine would
/// have to be asked.
fn wanted(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<Container>> {
    let by_list_alone = snapshot.knows_no_details();
    let all = snapshot.containers().iter();
    all.filter(move |container| is_measured(container) && (container.facts.inspected || by_list_alone))
}

/// The time until the next round, when the one before took so long: never without a pause.
pub(super) fn stretched(took: Duration) -> Duration {
    took + took / 4
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}
