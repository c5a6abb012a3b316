//! Removes stale containers, so that it can be undone.
//!
//! Of each container the specification is on disk before Docker is asked to remove it. What was under way when the
//! product was killed is compared with what Docker says after the next start, and told as it is.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;

use super::cleanup_store::{self as store, NewRemoval, Removal, Stage};
use super::preview::{Plan, Planned};
use super::scan::{Entry, dependents_of};
use super::service::Stale;
use crate::docker::actions::Action;
use crate::docker::spec::Spec;
use crate::docker::types::{Container, Health, State};
use crate::docker::{Engine, EngineError};
use crate::features::containers::pending::Pending;
use crate::platform::db::DbError;
use crate::platform::journal::{self, Actor, NewEvent, Severity, Source};
use crate::platform::text;
use crate::platform::vault::VaultError;
use crate::web::jobs::{Item, Progress};
use crate::web::{Identity, WebError};

/// How many are removed at once.
const AT_ONCE: usize = 4;
/// How long Docker may take to say what a container is.
const INSPECT_WITHIN: Duration = Duration::from_secs(5);
/// The repository of images of writable layers.
const LAYERS: &str = "docker-watcher/kept";
const DAY: i64 = 86_400_000;

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
        let (items, now, actor) = (plan.items.len(), self.clock.now_ms(), who.name.clone());
        let automatic = who.automatic;
        let run = self.db.write(move |c| store::begin(c, &actor, automatic, items, now)).await;
        let numbered = plan.items.into_iter().enumerate();
        let mut outcomes: Vec<(usize, Outcome)> = futures_util::stream::iter(numbered)
            .map(|(at, item)| {
                let run = run.clone();
                async move {
                    note(at, Progress::Running(self.jobs.now()));
                    let result = match run {
                        // Without a place for its specification nothing is removed.
                        Err(error) => Err(format!("It cannot be kept for undoing: {error}.")),
                        Ok(run) => self.one(run, who, &item, options).await,
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
        if let Ok(run) = run {
            let now = self.clock.now_ms();
            if let Err(error) = self.db.write(move |c| store::end(c, run, now)).await {
                tracing::error!(%error, "the end of a cleanup cannot be written");
            }
        }
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
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

    async fn remove(
        &self,
        run: i64,
        who: &Who,
        entry: &Entry,
        item: &Planned,
        options: Options,
        engine: &Engine,
    ) -> Result<Cleaned, String> {
        let id = entry.container.id.to_string();
        // As Docker knows it now: the plan may be minutes old.
        let now = engine.fresh(&id, INSPECT_WITHIN).await.map_err(|error| match error {
            EngineError::NotFound => "There is no such container (any more).".to_owned(),
            other => format!("Docker did not say how it is: {other}."),
        })?;
        let dependents = dependents_of(&engine.mirror.snapshot(), &now);
        if let Some(why) = self.why_not(entry, &now, &dependents) {
            return Err(why);
        }
        if ran_meanwhile(entry, &now) {
            return Err(format!("{} ran again meanwhile: look at it first.", now.name));
        }
        let spec = engine
            .client
            .spec(&id, INSPECT_WITHIN)
            .await
            .map_err(|error| format!("What it takes to restore it cannot be kept: {error}."))?;
        let removal = self.keep(run, who, entry, item, options, &spec).await?;
        let mut notes = Vec::new();
        let done = self.carry_out(removal, &now, options, engine, &mut notes).await;
        match done {
            Ok(()) => {
                self.note_removed(removal, who, &now, item, options).await;
                Ok(Cleaned { removal, notes })
            }
            Err(Failed { why, is_certain }) => {
                // What nobody knows stays under way, until the engine's list has told.
                if is_certain
                    && let Err(error) = self.db.write(move |c| store::settle(c, removal, Stage::Kept)).await
                {
                    tracing::error!(%error, "a removal that failed cannot be noted");
                }
                let message = format!("{} could not be cleaned up: {why}", now.name);
                let event = about(
                    &now,
                    NewEvent::new(Source::Stale, "cleanup.failed", message.trim_end_matches('.')),
                );
                self.record(event.severity(Severity::Warning).actor(Actor::user(&who.name))).await;
                Err(why)
            }
        }
    }

    /// Writes the specification; once this has answered it is on disk.
    async fn keep(
        &self,
        run: i64,
        who: &Who,
        entry: &Entry,
        item: &Planned,
        options: Options,
        spec: &Spec,
    ) -> Result<i64, String> {
        let now = self.clock.now_ms();
        let container = &entry.container;
        let new = NewRemoval {
            run,
            engine: container.engine.to_string(),
            container_id: container.id.to_string(),
            subject_key: container.subject_key(),
            name: container.name.clone(),
            image: container.image.to_string(),
            image_id: container.image_id.to_string(),
            reasons: entry.verdict.reasons.iter().map(|reason| reason.sentence(now)).collect(),
            actor: who.name.clone(),
            volumes: options.volumes && !item.anonymous.is_empty(),
            bytes: item.bytes.and_then(|bytes| i64::try_from(bytes).ok()),
        };
        let json =
            serde_json::to_vec(spec).map_err(|error| format!("It cannot be kept for undoing: {error}."))?;
        let vault = self.vault.clone();
        let work = move |c: &rusqlite::Connection| {
            let id = store::insert(c, &new, now)?;
            let sealed = vault.seal(&place(id), &json)?;
            store::keep_spec(c, id, &sealed)?;
            Ok::<_, KeepError>(id)
        };
        self.db.write(work).await.map_err(|error| format!("It cannot be kept for undoing: {error}."))
    }

    /// Commits the layer, stops, removes.
    async fn carry_out(
        &self,
        removal: i64,
        container: &Container,
        options: Options,
        engine: &Engine,
        notes: &mut Vec<String>,
    ) -> Result<(), Failed> {
        let nothing_done = |why: String| Failed { why, is_certain: true };
        let settings = self.settings.current();
        if options.layer {
            let comment = format!("what {} wrote, kept when it was cleaned up", container.name);
            // Other installations may number theirs alike.
            let tag = format!("{removal}-{}", container.short_id());
            let until = self.clock.now_ms() + i64::from(settings.cleanup_layer_days) * DAY;
            let image = format!("{LAYERS}:{tag}");
            let kept = self.db.write(move |c| store::keep_layer(c, removal, &image, until)).await;
            kept.map_err(|error| nothing_done(format!("What it wrote could not be noted: {error}.")))?;
            let committed = engine.client.commit(&container.id, LAYERS, &tag, &comment).await;
            committed.map_err(|error| {
                nothing_done(format!("What it wrote could not be kept as an image: {error}."))
            })?;
            notes.push("What it wrote is kept as an image.".to_owned());
        }
        if container.is_up() {
            let grace = u32::try_from(settings.cleanup_grace.as_secs()).unwrap_or(10);
            let stopped = engine.client.act(&container.id, &Action::Stop(Some(grace))).await;
            stopped.map_err(|error| nothing_done(format!("It could not be stopped: {error}.")))?;
        }
        let action = Action::Remove { force: false, volumes: options.volumes };
        match engine.client.act(&container.id, &action).await {
            Ok(_) => Ok(()),
            // Somebody was faster.
            Err(EngineError::NotFound) => {
                notes.push("Somebody else removed it meanwhile.".to_owned());
                Ok(())
            }
            Err(error) => {
                // No answer is no refusal: Docker may be at it still.
                let is_certain = matches!(
                    error,
                    EngineError::Forbidden { .. } | EngineError::ReadOnly | EngineError::Refused { .. }
                );
                Err(Failed { why: format!("Docker did not remove it: {error}."), is_certain })
            }
        }
    }

    async fn note_removed(
        &self,
        removal: i64,
        who: &Who,
        container: &Container,
        item: &Planned,
        options: Options,
    ) {
        let volumes = if options.volumes && !item.anonymous.is_empty() {
            format!(", with {}", text::count(item.anonymous.len(), "anonymous volume"))
        } else {
            String::new()
        };
        let message = format!("{} cleaned up {}{volumes}", who.name, container.name);
        let event = about(container, NewEvent::new(Source::Stale, "cleanup.removed", message))
            .actor(Actor::user(&who.name))
            .data(json!({
                "removal": removal.to_string(),
                "automatic": who.automatic,
                "anonymous_volumes": if options.volumes { item.anonymous.clone() } else { Vec::new() },
                "kept_volumes": item.named,
                "bytes": item.bytes,
            }));
        let now = self.clock.now_ms();
        let work = move |c: &rusqlite::Connection| {
            store::settle(c, removal, Stage::Removed)?;
            journal::append(c, &event, now)
        };
        if let Err(error) = self.db.write(work).await {
            // It is found under way, and gone.
            tracing::error!(%error, removal, "a removal cannot be recorded");
        }
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

/// A removal that did not end well.
struct Failed {
    why: String,
    /// Whether the container is known to be there still.
    is_certain: bool,
}

/// Whether a container is no longer what was called stale: it ran since, or recovered.
fn ran_meanwhile(entry: &Entry, now: &Container) -> bool {
    let was = &entry.container;
    if was.state == State::Restarting || now.state == State::Restarting {
        return now.state == State::Running;
    }
    let only_unhealthy = entry.verdict.reasons.iter().all(|reason| reason.kind == "unhealthy");
    let recovered = now.is_up() && only_unhealthy && now.health != Health::Unhealthy;
    recovered || was.facts.started_at != now.facts.started_at
}

/// Why a specification was not kept.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Vault(#[from] VaultError),
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

/// Where a specification is sealed for.
pub(super) fn place(removal: i64) -> String {
    format!("cleanups/spec/{removal}")
}
