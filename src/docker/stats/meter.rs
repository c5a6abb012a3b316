//! Measures containers: from their cgroups where those can be seen, through the engine's API where not. Which way is
//! found out for each container when it starts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::time::Instant;

use super::board::Method;
use super::cgroup::{Cgroup, Miss, Roots};
use super::once;
use super::sample::{Rates, Sample, Timed};
use crate::docker::client::Client;
use crate::docker::types::Container;
use crate::platform::clock::SharedClock;
use crate::platform::text;

/// How many containers the engine is asked about at once. All at once is the cheapest for it, and each is an open
/// file of ours.
const AT_ONCE: usize = 256;
/// How long the engine may take to answer for one container.
const PATIENCE: Duration = Duration::from_secs(8);

/// Where a container's counters are read.
enum Place {
    Cgroup(Cgroup),
    Api,
}

/// What is known of a container from the round before.
struct Known {
    /// With another process it is another run: its counters began anew.
    pid: Option<u32>,
    started_at: Option<Timestamp>,
    place: Place,
    before: Option<Timed>,
    /// How often it was measured or tried, to [`YOUNG`].
    tries: u8,
}

/// It takes so many readings to tell rates.
const YOUNG: u8 = 2;

/// What one round found.
#[derive(Default)]
pub(super) struct Measured {
    /// A sample for each container that answered.
    pub samples: Vec<(Arc<Container>, Sample)>,
    /// How many did not answer in time.
    pub missed: usize,
}

/// Measures the containers of one engine.
pub(super) struct Meter {
    client: Client,
    clock: SharedClock,
    began: Instant,
    roots: Vec<Roots>,
    known: HashMap<Arc<str>, Known>,
    /// Whether a container's cgroup was ever found: the pids that the engine tells are ones that we can see.
    proved: bool,
    /// Why the last container's cgroup could not be read.
    why: Option<String>,
    cgroup_version: u8,
    buffer: Vec<u8>,
}

/// What the blocking part leaves for the engine.
enum Read {
    Done(Arc<Container>, Timed),
    AskEngine(Arc<Container>),
}

impl Meter {
    pub(super) fn new(client: Client, clock: SharedClock) -> Self {
        Self {
            client,
            clock,
            began: Instant::now(),
            roots: Roots::candidates().into(),
            known: HashMap::new(),
            proved: false,
            why: None,
            cgroup_version: 0,
            buffer: Vec::with_capacity(8 * 1024),
        }
    }

    /// Where the numbers come from.
    pub(super) fn method(&self) -> Method {
        let by_api = self.known.values().any(|known| matches!(known.place, Place::Api));
        match (&self.why, by_api, self.known.is_empty()) {
            (_, _, true) => Method::Unknown,
            (Some(why), true, _) => Method::Api(why.clone()),
            (None, true, _) => {
                Method::Api("Docker does not say under which process a container runs.".to_owned())
            }
            (_, false, _) => Method::Cgroups(self.cgroup_version),
        }
    }

    /// Whether the engine runs on this very machine, and we see its processes.
    pub(super) fn sees_processes(&self) -> bool {
        self.proved
    }

    /// Where the host's `/proc` is seen.
    pub(super) fn roots(&self) -> Option<&Roots> {
        self.roots.first()
    }

    /// Whether a container was never measured in this run of it.
    pub(super) fn is_new(&self, container: &Container) -> bool {
        !self.known.get(&container.id).is_some_and(|known| known.is_same_run(container))
    }

    /// Whether a container lacks the readings that it takes to tell rates.
    pub(super) fn is_young(&self, container: &Container) -> bool {
        let known = self.known.get(&container.id).filter(|known| known.is_same_run(container));
        known.is_none_or(|known| known.tries < YOUNG)
    }

    /// Whether some container was measured once.
    pub(super) fn has_young(&self) -> bool {
        self.known.values().any(|known| known.tries < YOUNG)
    }

    /// Measures these containers. `host_memory`: bytes, what the engine gives as the limit of a container without one.
    pub(super) async fn round(
        mut self,
        wanted: Vec<Arc<Container>>,
        host_memory: Option<u64>,
    ) -> (Self, Measured) {
        // Reading a cgroup is work for the kernel and never waits, but 1,000 of them are 50 ms.
        let blocking = tokio::task::spawn_blocking(move || {
            let reads: Vec<Read> = wanted.iter().filter_map(|container| self.read(container)).collect();
            (self, reads)
        });
        let (mut this, reads) = match blocking.await {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let mut samples = Vec::with_capacity(reads.len());
        let mut ask = Vec::new();
        for read in reads {
            match read {
                Read::Done(container, timed) => {
                    let sample = this.sample(&container, timed);
                    samples.push((container, sample));
                }
                Read::AskEngine(container) => ask.push(container),
            }
        }
        let mut missed = 0;
        let client = this.client.clone();
        let mut answers = futures_util::stream::iter(ask)
            .map(|container| {
                let client = client.clone();
                async move {
                    let answer = once::read(&client, &container.id, host_memory, PATIENCE).await;
                    (container, answer)
                }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((container, answer)) = answers.next().await {
            match answer {
                Ok(Some(timed)) => {
                    let sample = this.sample(&container, timed);
                    samples.push((container, sample));
                }
                Ok(None) => {}
                Err(error) => {
                    missed += 1;
                    tracing::debug!(container = container.name, %error, "a container was not measured");
                }
            }
        }
        drop(answers);
        (this, Measured { samples, missed })
    }

    /// Forgets what does not run any more.
    pub(super) fn forget(&mut self, runs: impl Fn(&str) -> bool) {
        self.known.retain(|id, _| runs(id));
    }

    /// Reads a container's cgroup, or says that the engine is to be asked; `None` when it ended meanwhile.
    fn read(&mut self, container: &Arc<Container>) -> Option<Read> {
        if self.is_new(container) {
            let place = self.find(container)?;
            let known = Known {
                pid: container.facts.pid,
                started_at: container.facts.started_at,
                place,
                before: None,
                tries: 0,
            };
            self.known.insert(container.id.clone(), known);
        }
        let known = self.known.get_mut(&container.id)?;
        known.tries = (known.tries + 1).min(YOUNG);
        match &known.place {
            Place::Api => Some(Read::AskEngine(container.clone())),
            Place::Cgroup(cgroup) => {
                let Some(reading) = cgroup.read(&mut self.buffer) else {
                    self.known.remove(&container.id);
                    return None;
                };
                let clock_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                Some(Read::Done(container.clone(), Timed { reading, clock_ns }))
            }
        }
    }

    fn find(&mut self, container: &Container) -> Option<Place> {
        let Some(pid) = container.facts.pid else { return Some(Place::Api) };
        let mut nearest: Option<Miss> = None;
        for at in 0..self.roots.len() {
            let Some(roots) = self.roots.get(at) else { break };
            match Cgroup::find(roots, &container.id, pid) {
                Ok(cgroup) => {
                    self.cgroup_version = cgroup.version();
                    self.proved = true;
                    // What was found once is where the rest is.
                    self.roots.swap(0, at);
                    self.roots.truncate(1);
                    return Some(Place::Cgroup(cgroup));
                }
                // The one that came furthest tells best what is missing.
                Err(miss) => nearest = nearest.max(Some(miss)),
            }
        }
        match nearest {
            // Its process can be seen no more: it has ended, and the event is on its way.
            Some(Miss::NoSuchProcess | Miss::NotOurs) if self.proved => None,
            miss => {
                self.why = miss.map(|miss| format!("{}.", text::capital(&miss.to_string())));
                Some(Place::Api)
            }
        }
    }

    fn sample(&mut self, container: &Container, mut timed: Timed) -> Sample {
        // The engine may have a network namespace of its own, which is "the host" for its containers.
        if container.networks.iter().any(|network| network.name == "host") {
            timed.reading.network = None;
        }
        let before = self.known.get_mut(&container.id).and_then(|known| known.before.replace(timed));
        let rates = before.and_then(|before| Rates::between(&before, &timed));
        Sample { at: self.clock.now(), reading: timed.reading, rates }
    }
}

impl Known {
    fn is_same_run(&self, container: &Container) -> bool {
        self.pid == container.facts.pid && self.started_at == container.facts.started_at
    }
}
