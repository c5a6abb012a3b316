//! What the overview shows, and what every page's shell shows of it.

use std::sync::Arc;

use crate::docker::mirror::Counts;
use crate::docker::types::EngineStatus;
use crate::docker::{Engines, Snapshot};
use crate::features::stats::Stats;
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
    pub fn new(engines: Engines, db: Db, clock: SharedClock, stats: Arc<Stats>) -> Self {
        Self { engines, db, clock, stats }
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
