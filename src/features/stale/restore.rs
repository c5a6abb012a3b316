//! Brings removed containers back, and tidies up what is kept of them.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cleanup_store::{self as store, Removal, Stage};
use super::policy::store as spells;
use super::removal::place;
use super::service::Stale;
use crate::docker::spec::Spec;
use crate::platform::db::{DbError, Lane};
use crate::platform::ids::EngineId;
use crate::platform::journal::{self, Actor, NewEvent, Severity, Source};
use crate::web::WebError;

/// How often what is kept is looked through.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);
/// How long it waits for an engine that is down, to compare what was under way.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often it looks for removals that nobody knows the end of.
const LOOK_NOW_AND_THEN: Duration = Duration::from_secs(60);
/// How long Docker may be at a removal after the connection has broken off, ms.
const PATIENCE: i64 = 5 * 60_000;
/// After the clock was set ahead nothing is forgotten for this long.
const DISTRUST: Duration = Duration::from_secs(86_400);
/// How long it is kept when what was stale, days: longer than the automatic cleanup looks back.
const SPELLS_DAYS: i64 = 60;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A container that is back.
#[derive(Debug, Clone)]
pub struct Restored {
    /// Its new full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is not as it was, in sentences.
    pub warnings: Vec<String>,
}

impl Stale {
    /// Creates a removed container again: same name, configuration, networks and volumes. It is not started. With
    /// `layer`, from the image of what it wrote.
    pub async fn restore(self: &Arc<Self>, who: &str, id: i64, layer: bool) -> Result<Restored, WebError> {
        let (this, who) = (Arc::clone(self), who.to_owned());
        let (tell, told) = tokio::sync::oneshot::channel();
        self.lifecycle.spawn(async move {
            // The caller may have gone away; the event tells what became of it.
            let _gone = tell.send(this.bring_back(&who, id, layer).await);
        });
        told.await.unwrap_or_else(|_| Err(WebError::Internal("a restore broke off".to_owned())))
    }

    async fn bring_back(&self, who: &str, id: i64, layer: bool) -> Result<Restored, WebError> {
        // One at a time: two clicks make one container.
        let _turn = self.restoring.lock().await;
        let (removal, sealed) =
            self.db.read(move |c| Ok::<_, DbError>((store::one(c, id)?, store::spec(c, id)?))).await?;
        let removal = removal.ok_or_else(|| WebError::NotFound("There is no such removal.".to_owned()))?;
        let name = removal.name.clone();
        match removal.stage {
            Stage::Removed => {}
            Stage::Restored => return Err(WebError::Conflict(format!("{name} was restored already."))),
            Stage::Removing => return Err(WebError::Conflict(format!("{name} is being removed."))),
            Stage::Kept => return Err(WebError::Conflict(format!("{name} was not removed."))),
        }
        let sealed = sealed.ok_or_else(|| {
            WebError::Conflict(format!(
                "{name} was removed too long ago: what it takes to restore it is no longer kept."
            ))
        })?;
        let opened =
            self.vault.open(&place(id), &sealed).map_err(|error| WebError::Internal(error.to_string()))?;
        let mut spec: Spec =
            serde_json::from_slice(&opened).map_err(|error| WebError::Internal(error.to_string()))?;
        let engine = self.engines.get(&removal.engine).cloned();
        let engine = engine.ok_or_else(|| WebError::NotFound("Its engine is gone.".to_owned()))?;
        // What it leans on may have been removed and restored itself, and has another id since then.
        for reference in spec.references() {
            let gone = reference.container.clone();
            let back = self.db.read(move |c| store::restored_as(c, &gone)).await?;
            if let Some(back) = back {
                spec.redirect(&reference.container, &back);
            }
        }
        let image = removal.layer_image.as_deref().filter(|_| layer);
        let created = engine.client.create(&spec, None, image).await;
        let created =
            created.map_err(|error| WebError::Conflict(format!("{name} was not restored: {error}.")))?;
        let message = format!("{who} restored {name}, which was removed by {}", removal.actor);
        let mut event = NewEvent::new(Source::Stale, "cleanup.restored", message)
            .engine(&engine.id)
            .subject("container", created.id.clone(), name.clone())
            .actor(Actor::user(who))
            .data(json!({"removal": id.to_string(), "from_layer": image.is_some(), "warnings": created.warnings}));
        event.subject.key = Some(removal.subject_key.clone());
        let (now, new_id, by) = (self.clock.now_ms(), created.id.clone(), who.to_owned());
        let work = move |c: &Connection| {
            store::set_restored(c, id, &new_id, &by, now)?;
            journal::append(c, &event, now)
        };
        if let Err(error) = self.db.write(work).await {
            tracing::error!(%error, removal = id, "a restored container cannot be recorded");
        }
        self.tell();
        Ok(Restored { id: created.id, name, warnings: created.warnings })
    }

    /// Compares what was under way when the product ended with what there is.
    async fn recover(&self) -> Result<bool, DbError> {
        let open = self.db.read(store::under_way).await?;
        let mut all = true;
        for removal in open {
            let Some(engine) = self.engines.get(&removal.engine) else { continue };
            // Somebody is at it. To be asked before the list is looked at: it may be over in between.
            if self.containers.pending.of(&removal.container_id).is_some() {
                all = false;
                continue;
            }
            let snapshot = engine.mirror.snapshot();
            if !snapshot.is_up() || snapshot.is_blind() {
                all = false;
                continue;
            }
            let is_there = snapshot.by_id(&removal.container_id).is_some();
            // Docker may go on removing what nobody waits for any more.
            if is_there && self.clock.now_ms() - removal.at < PATIENCE {
                all = false;
                continue;
            }
            self.settle(&removal, is_there).await?;
        }
        Ok(all)
    }

    async fn settle(&self, removal: &Removal, is_there: bool) -> Result<(), DbError> {
        let (id, now) = (removal.id, self.clock.now_ms());
        let event = (!is_there).then(|| {
            let message = format!(
                "{} was cleaned up by {}; whether it worked was not known at first",
                removal.name, removal.actor
            );
            let mut event = NewEvent::new(Source::Stale, "cleanup.removed", message)
                .engine(&EngineId::from(removal.engine.as_str()))
                .subject("container", removal.container_id.clone(), removal.name.clone())
                .severity(Severity::Warning)
                .actor(Actor::user(&removal.actor))
                .data(json!({"removal": id.to_string(), "cut_off": true}));
            event.subject.key = Some(removal.subject_key.clone());
            event
        });
        let work = move |c: &Connection| {
            let was_open = store::settle(c, id, if is_there { Stage::Kept } else { Stage::Removed })?;
            if let Some(event) = event.as_ref().filter(|_| was_open) {
                journal::append(c, event, now)?;
            }
            Ok(())
        };
        self.db.write_in(Lane::Bulk, work).await
    }

    /// Forgets specifications and images of layers whose time is over.
    async fn tidy(&self) -> Result<(), DbError> {
        let (now, settings) = (self.clock.now_ms(), self.settings.current());
        let before = now - i64::from(settings.undo_retention_days) * DAY;
        let work = move |c: &Connection| {
            store::prune(c, before, now - 365 * DAY)?;
            spells::prune_spells(c, now - SPELLS_DAYS * DAY)
        };
        self.db.write_in(Lane::Bulk, work).await?;
        for (id, engine, image) in self.db.read(move |c| store::old_layers(c, now)).await? {
            let Some(engine) = self.engines.get(&engine).filter(|e| e.mirror.snapshot().is_up()) else {
                continue;
            };
            match engine.client.discard_image(&image).await {
                Ok(()) => self.db.write_in(Lane::Bulk, move |c| store::forget_layer(c, id)).await?,
                Err(error) => tracing::debug!(%error, image, "the image of a layer stays for now"),
            }
        }
        Ok(())
    }
}

/// Settles what was under way, then tidies up now and then, until the product shuts down.
pub async fn look_after(stale: Arc<Stale>, stopping: CancellationToken) -> Result<(), DbError> {
    let cut_off = stale.db.write_in(Lane::Bulk, store::mark_cut_off).await?;
    if cut_off > 0 {
        tracing::warn!(cleanups = cut_off, "a cleanup was cut off when Docker Watcher ended");
    }
    let mut tidied: Option<(i64, Instant)> = None;
    let mut tidy_at = Instant::now();
    loop {
        let settled = stale.recover().await?;
        if Instant::now() >= tidy_at {
            let (now, at) = (stale.clock.now_ms(), Instant::now());
            let was_set_ahead = tidied.replace((now, at)).is_some_and(|(before, then)| {
                let passed = i64::try_from((at - then).as_millis()).unwrap_or(i64::MAX);
                now - before > passed.saturating_add(HOUR)
            });
            // A clock that was set ahead must not make everything too old to be kept.
            tidy_at = at + if was_set_ahead { DISTRUST } else { TIDY_EVERY };
            if !was_set_ahead {
                stale.tidy().await?;
            }
        }
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            () = stale.unsettled.notified() => {}
            () = tokio::time::sleep(if settled { LOOK_NOW_AND_THEN } else { LOOK_AGAIN }) => {}
        }
    }
}
