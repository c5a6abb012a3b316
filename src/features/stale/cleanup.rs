//! Removes stale containers, so that it can be undone.
//!
//! Of each container the specification is on disk before Docker is asked to remove it. What was under way when the
//! product was killed is compared with what Docker says after the next start, and told as it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::cleanup_store::{self as store, Removal};
use super::preview::{Plan, Planned};
use super::service::Stale;
use crate::docker::Snapshot;
use crate::docker::types::{Container, State};
use crate::features::containers::pending::Pending;
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;
use crate::platform::journal::NewEvent;
use crate::platform::text;
use crate::web::jobs::{Item, Progress};
use crate::web::{Identity, WebError};

/// How many are removed at once.
const AT_ONCE: usize = 4;
/// How long a cleanup waits until every container was looked at once: soon after a start they are not.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);

/// How a cleanup is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Anonymous volumes as well.
    pub volumes: bool,
    /// The writable layer is kept as an image.
    pub layer: bool,
}

/// Who wants it.
#[derive(Debug, Clone)]
pub struct Who {
    /// The name that is recorded.
    pub name: String,
    /// Whether nobody clicked.
    pub automatic: bool,
}

impl Who {
    /// A signed-in user.
    pub fn user(identity: &Identity) -> Self {
        Self { name: identity.name.to_string(), automatic: false }
    }
}

/// What became of one container.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was asked for.
    pub asked: String,
    /// The container's full id, if it is known.
    pub id: Option<String>,
    /// Its name, or what was asked for.
    pub name: String,
    /// What was done, or why not.
    pub result: Result<Cleaned, String>,
}

/// A container that was removed.
#[derive(Debug, Clone)]
pub struct Cleaned {
    /// The number by which it is restored.
    pub removal: i64,
    /// What to know of it, in sentences.
    pub notes: Vec<String>,
}

impl Stale {
    /// Removes what a plan says, as a job of a user's; answers with the job's number.
    pub fn begin(self: &Arc<Self>, who: &Identity, plan: Plan, options: Options) -> u64 {
        let count = plan.removed().count();
        let title = match plan.items.as_slice() {
            [one] => format!("Clean up {}", one.name()),
            _ => format!("Clean up {}", text::count(count, "container")),
        };
        let href = |item: &Planned| {
            item.entry.as_ref().map(|e| format!("/containers/{}", e.container.id)).unwrap_or_default()
        };
        let items = plan.items.iter().map(|item| Item::new(item.name(), href(item))).collect();
        let job = self.jobs.begin(who.user_id, title, "/stale".to_owned(), items);
        let (this, who) = (Arc::clone(self), Who::user(who));
        self.lifecycle.spawn(async move {
            let jobs = this.jobs.clone();
            let told = jobs.clone();
            let work = async {
                let note = move |at: usize, progress: Progress| told.note(job, at, progress);
                this.run(&who, plan, options, &note).await;
            };
            jobs.drive(job, "broke off: look at the container, it may have been removed", work).await;
        });
        job
    }

    /// Removes what a plan says, and answers when it is over. It goes on when the caller is gone.
    pub async fn clean(
        self: &Arc<Self>,
        who: Who,
        plan: Plan,
        options: Options,
    ) -> Result<Vec<Outcome>, WebError> {
        let this = Arc::clone(self);
        let (tell, told) = tokio::sync::oneshot::channel();
        self.lifecycle.spawn(async move {
            let outcomes = this.run(&who, plan, options, &|_, _| {}).await;
            // The caller may have gone away; the events tell what became of it.
            let _gone = tell.send(outcomes);
        });
        told.await.map_err(|_| WebError::Internal("a cleanup broke off".to_owned()))
    }

    async fn run(
        &self,
        who: &Who,
        plan: Plan,
        options: Options,
        note: &(dyn Fn(usize, Progress) + Sync),
    ) -> Vec<Outcome> {
        let unknown = self.engines_not_known(&plan).await;
        let (items, now, actor) = (plan.items.len(), self.clock.now_ms(), who.name.clone());
        let automatic = who.automatic;
        let run = self.db.write(move |c| store::begin(c, &actor, automatic, items, now)).await;
        let numbered = plan.items.into_iter().enumerate();
        let mut outcomes: Vec<(usize, Outcome)> = futures_util::stream::iter(numbered)
            .map(|(at, item)| {
                let (run, unknown) = (run.clone(), &unknown);
                async move {
                    note(at, Progress::Running(self.jobs.now()));
                    let result = match run {
                        // Without a place for its specification nothing is removed.
                        Err(error) => Err(format!("It cannot be kept for undoing: {error}.")),
                        Ok(run) => match not_known(&item, unknown) {
                            Some(why) => Err(why),
                            None => self.one(run, who, &item, options).await,
                        },
                    };
                    note(at, progress(&result));
                    let id = item.entry.as_ref().map(|entry| entry.container.id.to_string());
                    let name = item.name().to_owned();
                    (at, Outcome { asked: item.asked, id, name, result })
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        outcomes.sort_by_key(|(at, _)| *at);
        let gone = outcomes.iter().filter(|(_, outcome)| outcome.result.is_ok());
        self.forget(&gone.filter_map(|(_, outcome)| outcome.id.as_deref()).collect());
        if let Ok(run) = run {
            let now = self.clock.now_ms();
            if let Err(error) = self.db.write(move |c| store::end(c, run, now)).await {
                tracing::error!(%error, "the end of a cleanup cannot be written");
            }
        }
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// The engines some of whose containers nobody has looked at yet, and how many: one of those may need what is to
    /// be removed. Waits a while for it.
    async fn engines_not_known(&self, plan: &Plan) -> HashMap<EngineId, usize> {
        let concerned: HashSet<EngineId> =
            plan.removed().filter_map(|item| Some(item.entry.as_ref()?.container.engine.clone())).collect();
        let end = Instant::now() + KNOWN_WITHIN;
        let mut unknown = HashMap::new();
        for id in concerned {
            let Some(engine) = self.engines.get(id.as_str()) else { continue };
            let mut changes = engine.mirror.changes();
            loop {
                let count = not_inspected(&engine.mirror.snapshot());
                if count == 0 {
                    break;
                }
                if !matches!(tokio::time::timeout_at(end, changes.changed()).await, Ok(Ok(()))) {
                    unknown.insert(id, count);
                    break;
                }
            }
        }
        unknown
    }

    async fn one(&self, run: i64, who: &Who, item: &Planned, options: Options) -> Result<Cleaned, String> {
        if let Some(refused) = &item.refused {
            return Err(refused.clone());
        }
        let Some(entry) = &item.entry else {
            return Err("There is no such container (any more).".to_owned());
        };
        if self.lifecycle.stopping().is_cancelled() {
            return Err("Docker Watcher is shutting down: nothing was done.".to_owned());
        }
        let engine = self.engines.get(entry.container.engine.as_str()).cloned();
        let engine = engine.ok_or_else(|| "Its engine is gone.".to_owned())?;
        if engine.client.is_read_only() {
            return Err("Docker Watcher is read-only: nothing is removed.".to_owned());
        }
        if !engine.mirror.snapshot().is_up() {
            return Err("Docker cannot be reached now; nothing was done.".to_owned());
        }
        let pending = Pending { verb: "remove", by: Arc::from(who.name.as_str()), since: self.clock.now() };
        let claim = self.containers.pending.claim(&entry.container.id, pending).map_err(|other| {
            format!("It is {} already: {} began it.", other.word().to_lowercase(), other.by)
        })?;
        let removed = self.remove(run, who, entry, item, options, &engine).await;
        drop(claim);
        removed
    }

    pub(super) async fn record(&self, event: NewEvent) {
        if let Err(error) = self.journal.record(event).await {
            tracing::error!(%error, "an event of a cleanup cannot be recorded");
        }
    }

    /// Removals, newest first; those with a lower number than `before`.
    pub async fn removals(&self, before: Option<i64>, limit: usize) -> Result<Vec<Removal>, DbError> {
        self.db.read(move |c| store::list(c, before.unwrap_or(i64::MAX), limit)).await
    }

    /// How many removals can be undone.
    pub async fn restorable(&self) -> Result<i64, DbError> {
        self.db.read(store::count).await
    }
}

/// How many containers nobody has looked at yet. Of what Docker fails to remove it may never say more.
fn not_inspected(snapshot: &Snapshot) -> usize {
    let unknown = |container: &&Arc<Container>| {
        !container.facts.inspected && !matches!(container.state, State::Dead | State::Removing)
    };
    snapshot.containers().iter().filter(unknown).count()
}

fn not_known(item: &Planned, unknown: &HashMap<EngineId, usize>) -> Option<String> {
    let count = unknown.get(&item.entry.as_ref()?.container.engine)?;
    Some(format!(
        "{} not been looked at yet, and may need it: try again in a moment.",
        if *count == 1 { "One container has".to_owned() } else { format!("{count} containers have") }
    ))
}

fn progress(result: &Result<Cleaned, String>) -> Progress {
    match result {
        Ok(cleaned) if cleaned.notes.is_empty() => Progress::Done("removed".to_owned()),
        Ok(cleaned) => Progress::Done(format!("removed. {}", cleaned.notes.join(" "))),
        Err(why) => Progress::Failed(why.clone()),
    }
}

/// An event about a container.
pub(super) fn about(container: &Container, event: NewEvent) -> NewEvent {
    let mut event = event.engine(&container.engine).subject(
        "container",
        container.id.to_string(),
        container.name.clone(),
    );
    event.subject.key = Some(container.subject_key());
    event
}
