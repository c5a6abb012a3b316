//! What the overview shows, and what every page's shell shows of it.

use std::sync::Arc;

use crate::docker::mirror::Counts;
use crate::docker::types::EngineStatus;
use crate::docker::{Engines, Snapshot};
use crate::features::leftovers::Leftovers;
use crate::features::leftovers::model::Freed;
use crate::features::proxies::Proxies;
use crate::features::stale::Stale;
use crate::features::stats::Stats;
use crate::gateway::ListenerState;
use crate::platform::clock::{SharedClock, rfc3339};
use crate::platform::db::{Db, DbError};
use crate::platform::journal::{self, Audience, Event, Severity};
use crate::platform::text;
use crate::web::shell::{Banner, ShellFacts, ShellStatus};

/// How far back "lately" goes, ms.
const LATELY: i64 = 24 * 3_600_000;

/// The overview.
pub struct Dashboard {
    pub(super) engines: Engines,
    db: Db,
    pub(super) clock: SharedClock,
    pub(super) stats: Arc<Stats>,
    stale: Arc<Stale>,
    leftovers: Arc<Leftovers>,
    proxies: Arc<Proxies>,
}

/// What [`Dashboard`] is made from.
pub struct Parts {
    /// The engines.
    pub engines: Engines,
    /// Holds the events.
    pub db: Db,
    /// Tells the time.
    pub clock: SharedClock,
    /// What everything uses.
    pub stats: Arc<Stats>,
    /// Containers that nobody seems to need.
    pub stale: Arc<Stale>,
    /// Images, volumes and networks that nobody needs.
    pub leftovers: Arc<Leftovers>,
    /// Which domain leads where.
    pub proxies: Arc<Proxies>,
}

/// What can be cleaned up.
pub(super) struct Cleanable {
    /// Stale containers that are not protected.
    pub containers: usize,
    /// What they and all leftovers take, as far as it is known.
    pub freed: Freed,
}

/// How many events of the last 24 hours were bad, sign-in events aside.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    /// Errors.
    pub errors: i64,
    /// Warnings.
    pub warnings: i64,
}

impl Dashboard {
    /// The overview of these engines.
    pub fn new(parts: Parts) -> Self {
        let Parts { engines, db, clock, stats, stale, leftovers, proxies } = parts;
        Self { engines, db, clock, stats, stale, leftovers, proxies }
    }

    /// How many proxies are served, or are to be.
    pub(super) fn proxies(&self) -> usize {
        self.proxies.all().iter().filter(|proxy| proxy.enabled).count()
    }

    /// What can be cleaned up, as far as it is known. Never waits.
    pub(super) fn cleanable(&self) -> Cleanable {
        let (bytes, _) = self.stale.reclaimable();
        let freed = [Freed::exactly(bytes), self.leftovers.reclaimable()].into_iter().sum();
        Cleanable { containers: self.stale.removable(), freed }
    }

    /// How many containers are stale.
    pub(super) fn stale(&self) -> usize {
        self.stale.found().entries.len()
    }

    /// Every engine now.
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.engines.iter().map(|engine| engine.mirror.snapshot()).collect()
    }

    /// What changed last.
    pub async fn recent(&self, audience: Audience, limit: usize) -> Result<Vec<Event>, DbError> {
        self.db.read(move |c| journal::recent(c, audience, limit)).await
    }

    /// The bad events of the last 24 hours.
    pub async fn trouble_lately(&self) -> Result<Trouble, DbError> {
        let since = self.clock.now_ms() - LATELY;
        self.db
            .read(move |c| {
                Ok(Trouble {
                    errors: journal::count_since(c, Severity::Error, since)?,
                    warnings: journal::count_since(c, Severity::Warning, since)?,
                })
            })
            .await
    }
}

/// With a large first letter and a full stop.
fn sentence(why: &str) -> String {
    format!("{}.", text::capital(why.trim_end_matches('.')))
}

/// Containers over all engines.
pub fn counts(engines: &[Arc<Snapshot>]) -> Counts {
    engines.iter().fold(Counts::default(), |sum, engine| sum.plus(engine.counts))
}

impl ShellStatus for Dashboard {
    fn facts(&self) -> ShellFacts {
        let now = self.clock.now();
        let engines = self.snapshots();
        let mut facts = ShellFacts { containers: counts(&engines).total, ..ShellFacts::default() };
        for engine in &engines {
            facts.trouble += engine.attention;
            if facts.host.is_empty() {
                facts.host.clone_from(&engine.info.name);
            }
            if let EngineStatus::Down(why) = &engine.status {
                facts.trouble += 1;
                facts.banners.push(Banner {
                    title: "Docker is not reachable".to_owned(),
                    text: format!("{why}. What you see is from before; it is tried again all the time."),
                    since: Some((rfc3339(engine.since), text::between(engine.since, now))),
                    mild: false,
                });
            }
            if !engine.denied.is_empty() {
                facts.banners.push(Banner {
                    title: "Some things are not allowed here".to_owned(),
                    text: format!("The Docker socket proxy refuses: {}.", engine.denied.join("; ")),
                    since: None,
                    mild: true,
                });
            }
        }
        if let ListenerState::Failed(why) = self.proxies.listener() {
            facts.trouble += 1;
            facts.banners.push(Banner {
                title: "The gateway does not serve".to_owned(),
                text: format!("{} It is tried again all the time; the rest works.", sentence(&why)),
                since: None,
                mild: false,
            });
        }
        if let Some(problem) = self.db.problem() {
            facts.trouble += 1;
            facts.banners.push(Banner {
                title: "The log cannot be written".to_owned(),
                text: format!(
                    "Is the disk full? {problem}. Events wait in memory; what you see is true all the same."
                ),
                since: None,
                mild: false,
            });
        }
        facts
    }
}
