//! One removal: judged again, claimed, and asked of Docker.

use std::sync::Arc;
use std::time::Duration;

use super::{Ended, Outcome};
use crate::docker::{Engine, EngineError};
use crate::features::containers::pending::Pending;
use crate::features::leftovers::known::Judged;
use crate::features::leftovers::model::{Freed, Kind, Leftover};
use crate::features::leftovers::plan::Target;
use crate::features::leftovers::service::Leftovers;
use crate::features::leftovers::wanted::Age;
use crate::platform::text;
use crate::web::access::Identity;

/// How long Docker still has when the product shuts down; there must be time to record the result.
const LAST_CHANCE: Duration = Duration::from_secs(4);
/// What is being removed is claimed by this when it has no id.
const CACHE_CLAIM: &str = "build cache of ";

/// What an attempt came to; an error is Docker's.
pub(super) type Attempt = Result<Outcome, EngineError>;

impl Leftovers {
    /// Removes one thing, unless that is not right any more.
    pub(super) async fn remove(
        self: &Arc<Self>,
        who: &Identity,
        target: &Target,
        judged: &Judged,
    ) -> Attempt {
        let stopping = self.lifecycle.stopping();
        if stopping.is_cancelled() {
            return Ok(Outcome::refused("was left alone: Docker Watcher shut down before its turn"));
        }
        let claimed: Arc<str> = match target {
            Target::One(leftover) => Arc::clone(&leftover.id),
            Target::Cache { engine, .. } => Arc::from(format!("{CACHE_CLAIM}{}", engine.id)),
        };
        let pending = Pending { verb: "remove", by: who.name.clone(), since: self.clock.now() };
        let claim = match self.pending.claim(&claimed, pending) {
            Ok(claim) => claim,
            Err(other) => {
                let since = text::between(other.since, self.clock.now());
                return Ok(Outcome::refused(format!(
                    "is being removed already: {} began it {since} ago",
                    other.by
                )));
            }
        };
        let shutting_down = async {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_CHANCE).await;
        };
        let work = async {
            match target {
                Target::One(leftover) => self.remove_one(leftover, judged).await,
                Target::Cache { engine, age, .. } => self.prune(engine, *age).await,
            }
        };
        let done = tokio::select! {
            done = work => done,
            // It may be done all the same, but nobody is left to see it.
            () = shutting_down => Ok(Outcome::failed("may be removed: Docker had not answered when Docker Watcher shut down")),
        };
        drop(claim);
        done
    }

    async fn remove_one(&self, planned: &Leftover, judged: &Judged) -> Attempt {
        // The preview may be hours old: what it is now counts.
        let Some(now) = judged.again(self, planned) else {
            return Ok(Outcome::refused(gone(planned.kind)));
        };
        if let Err(why) = self.judge(&now) {
            return Ok(Outcome::refused(why));
        }
        let Some(engine) = self.engine(&now.engine) else {
            return Ok(Outcome::refused("is on an engine that is gone"));
        };
        let refused = match now.kind {
            Kind::Image => remove_image(engine, planned).await?,
            Kind::Network => remove_network(engine, &now).await?,
            Kind::Volume | Kind::BuildCache => {
                engine.client.remove_volume(&now.id).await?;
                None
            }
        };
        if let Some(why) = refused {
            return Ok(Outcome::refused(why));
        }
        self.note_gone(&now);
        let tags = now.tags.as_slice();
        let and_tags = if tags.len() > 1 { format!(" with its {} tags", tags.len()) } else { String::new() };
        let freed = now.size.freed();
        let words = freed.words();
        let size =
            if words.is_empty() || freed.at_most == 0 { String::new() } else { format!(", {words} freed") };
        Ok(Outcome { ended: Ended::Removed, says: format!("removed{and_tags}{size}"), freed })
    }

    async fn prune(&self, engine: &Arc<Engine>, age: Age) -> Attempt {
        let pruned = engine.client.prune_build_cache(age.unused_for()).await?;
        self.measurements.forget(engine);
        self.measurements.want(engine);
        let entries = match pruned.entries {
            1 => "1 entry".to_owned(),
            n => format!("{n} entries"),
        };
        let says = format!("{entries} removed, {} freed", text::bytes(pruned.bytes));
        Ok(Outcome { ended: Ended::Removed, says, freed: Freed::exactly(pruned.bytes) })
    }
}

/// What is said of something that is not there any more.
pub(super) fn gone(kind: Kind) -> String {
    format!("is gone already: there is no such {} any more", kind.noun())
}

/// Removes an image with the tags it was shown with. By its id, so that no tag that has moved meanwhile takes
/// another image along; Docker asks for each tag but one to be taken off first.
async fn remove_image(engine: &Engine, planned: &Leftover) -> Result<Option<String>, EngineError> {
    let client = &engine.client;
    let tags = client.tags_of(&planned.id).await?;
    if let Some(new) = tags.iter().find(|tag| !planned.tags.contains(tag)) {
        return Ok(Some(format!("was left alone: it has got the tag {new} meanwhile")));
    }
    for tag in tags.iter().skip(1) {
        client.remove_image(tag).await?;
    }
    client.remove_image(&planned.id).await?;
    Ok(None)
}

/// Docker removes a network under containers that do not run, which then cannot start: so it is asked first.
async fn remove_network(engine: &Engine, network: &Leftover) -> Result<Option<String>, EngineError> {
    let attached = engine.client.attached_to(&network.id).await?;
    if !attached.is_empty() {
        let names: Vec<&str> = attached.iter().take(3).map(String::as_str).collect();
        return Ok(Some(format!("is used by {}", text::listed(&names))));
    }
    engine.client.remove_network(&network.id).await?;
    Ok(None)
}
