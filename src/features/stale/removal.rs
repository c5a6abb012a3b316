//! One container's removal: its specification is on disk before Docker is asked, and what became of it is noted.

use std::time::Duration;

use serde_json::json;

use super::cleanup::{Cleaned, Options, Who, about};
use super::cleanup_store::{self as store, NewRemoval, Stage};
use super::preview::Planned;
use super::scan::{Entry, dependents_of};
use super::service::Stale;
use crate::docker::actions::Action;
use crate::docker::spec::Spec;
use crate::docker::types::{Container, Health, State};
use crate::docker::{Engine, EngineError};
use crate::platform::db::DbError;
use crate::platform::journal::{self, Actor, NewEvent, Severity, Source};
use crate::platform::text;
use crate::platform::vault::VaultError;

/// How long Docker may take to say what a container is.
const INSPECT_WITHIN: Duration = Duration::from_secs(5);
/// The repository of images of writable layers.
const LAYERS: &str = "docker-watcher/kept";
const DAY: i64 = 86_400_000;

impl Stale {
    /// Removes one, as far as it may be removed now.
    pub(super) async fn remove(
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
                if !is_certain {
                    self.unsettled.notify_one();
                }
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
        let message = if who.automatic {
            format!("The automatic cleanup removed {}{volumes}", container.name)
        } else {
            format!("{} cleaned up {}{volumes}", who.name, container.name)
        };
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

/// Where a specification is sealed for.
pub(super) fn place(removal: i64) -> String {
    format!("cleanups/spec/{removal}")
}
