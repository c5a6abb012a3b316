//! Carries out a plan: one thing after the other, each judged again before it goes, going on after a failure,
//! and each removal an event with its actor.

mod attempt;
mod words;

use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::json;

use self::words::sentence_about;
use super::TOPIC;
use super::known::Judged;
use super::model::{Freed, Kind};
use super::plan::{Plan, Planned, Target};
use super::service::Leftovers;
use crate::platform::journal::{Actor, NewEvent, Severity, Source};
use crate::platform::text;
use crate::web::access::{Credential, Identity};
use crate::web::jobs::{Item, Progress};
use crate::web::live::LIST_CHANGED;

/// How many volumes, or networks, are removed at once.
const AT_ONCE: usize = 4;

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// The rest of a sentence that begins with its name.
    pub says: String,
    /// What that freed.
    pub freed: Freed,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is removed.
    Removed,
    /// It was left alone, and Docker was not asked to remove it.
    Refused,
    /// Docker did not remove it.
    Failed,
}

impl Ended {
    /// Its word in the API.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl Outcome {
    pub(super) fn refused(says: impl Into<String>) -> Self {
        Self { ended: Ended::Refused, says: says.into(), freed: Freed::default() }
    }

    pub(super) fn failed(says: impl Into<String>) -> Self {
        Self { ended: Ended::Failed, says: says.into(), freed: Freed::default() }
    }

    fn progress(&self) -> Progress {
        match self.ended {
            Ended::Removed => Progress::Done(self.says.clone()),
            Ended::Refused | Ended::Failed => Progress::Failed(self.says.clone()),
        }
    }
}

impl Leftovers {
    /// Carries out a plan as a job; returns the job's number.
    pub(super) fn start(self: &Arc<Self>, who: &Identity, plan: Plan, back: String) -> u64 {
        let kind = plan.items.first().map_or(Kind::Image, |planned| planned.kind);
        let title = match plan.items.as_slice() {
            [one] if kind != Kind::BuildCache => format!("Remove {}", one.name()),
            many => format!("Remove {}", kind.count(many.len())),
        };
        let items = plan.items.iter().map(|planned| Item::new(planned.name(), "")).collect();
        let job = self.jobs.begin(who.user_id, title, back, items);
        let (this, who) = (Arc::clone(self), who.clone());
        self.lifecycle.spawn(async move {
            let note = |at, progress| this.jobs.note(job, at, progress);
            let work = this.carry_out(&who, &plan, note, |_, _| {});
            let why = "broke off: look whether it is still there";
            this.jobs.drive(job, why, work).await;
        });
        job
    }

    /// Carries out a plan; tells how far each item is, and what became of it.
    pub(super) async fn carry_out(
        self: &Arc<Self>,
        who: &Identity,
        plan: &Plan,
        note: impl Fn(usize, Progress),
        over: impl Fn(usize, Outcome),
    ) {
        let finish = |at: usize, outcome: Outcome| {
            note(at, outcome.progress());
            over(at, outcome);
        };
        for (at, planned) in plan.items.iter().enumerate() {
            if let Err(why) = &planned.verdict {
                finish(at, Outcome::refused(why.clone()));
            }
        }
        let judged = Judged::default();
        let later = self.images(who, plan, &judged, &note, &finish).await;
        // The layers of one image may be another's, which goes first then.
        for (at, target) in later {
            finish(at, self.remove_and_record(who, target, &judged).await);
        }
        let others = plan.items.iter().enumerate().filter_map(|(at, planned)| match &planned.verdict {
            Ok(target) if planned.kind != Kind::Image => Some((at, target)),
            _ => None,
        });
        futures_util::stream::iter(others)
            .for_each_concurrent(AT_ONCE, |(at, target)| {
                let (note, finish, judged) = (&note, &finish, &judged);
                async move {
                    note(at, Progress::Running(self.jobs.now()));
                    finish(at, self.remove_and_record(who, target, judged).await);
                }
            })
            .await;
        self.hub.event(TOPIC, LIST_CHANGED, "");
    }

    /// Removes the images, newest first, and returns those that others still stand on.
    async fn images<'a>(
        self: &Arc<Self>,
        who: &Identity,
        plan: &'a Plan,
        judged: &Judged,
        note: &impl Fn(usize, Progress),
        finish: &impl Fn(usize, Outcome),
    ) -> Vec<(usize, &'a Target)> {
        let is_image = |planned: &&Planned| planned.kind == Kind::Image;
        let created = |target: &Target| match target {
            Target::One(leftover) => leftover.created_at,
            Target::Cache { .. } => None,
        };
        let images = plan.items.iter().enumerate().filter(|(_, planned)| is_image(planned));
        let mut images: Vec<(usize, &Target)> =
            images.filter_map(|(at, planned)| Some((at, planned.verdict.as_ref().ok()?))).collect();
        // What stands on a layer is younger than that layer.
        images.sort_by_key(|(_, target)| std::cmp::Reverse(created(target)));
        let mut later = Vec::new();
        for (at, target) in images {
            note(at, Progress::Running(self.jobs.now()));
            match self.remove(who, target, judged).await {
                Err(error) if words::has_children(&error) => later.push((at, target)),
                result => finish(at, self.record(who, target, result).await),
            }
        }
        later
    }

    async fn remove_and_record(
        self: &Arc<Self>,
        who: &Identity,
        target: &Target,
        judged: &Judged,
    ) -> Outcome {
        let result = self.remove(who, target, judged).await;
        self.record(who, target, result).await
    }

    /// Turns the result of an attempt into words, and into an event where Docker was asked.
    async fn record(&self, who: &Identity, target: &Target, result: attempt::Attempt) -> Outcome {
        let (kind, name) = (target.kind(), target.name());
        let outcome = match result {
            Ok(done) => done,
            Err(error) => words::outcome(error, kind),
        };
        let event = match outcome.ended {
            Ended::Refused => return outcome,
            Ended::Removed => {
                let freed = match outcome.freed.words() {
                    size if size.is_empty() || outcome.freed.at_most == 0 => String::new(),
                    size => format!(" ({size})"),
                };
                let message = format!("{} removed {}{freed}", who.name, sentence_about(target));
                event(target, who, "cleanup.removed", message)
            }
            Ended::Failed => {
                let message = format!(
                    "{} could not remove {}: {name} {}",
                    who.name,
                    sentence_about(target),
                    outcome.says
                );
                event(target, who, "cleanup.failed", message).severity(Severity::Warning)
            }
        };
        if let Err(error) = self.journal.record(event.data(facts(target, who, outcome.freed))).await {
            tracing::error!(%error, %name, actor = %who.name, "a removal could not be recorded");
        }
        outcome
    }
}

impl Target {
    fn kind(&self) -> Kind {
        match self {
            Self::One(leftover) => leftover.kind,
            Self::Cache { .. } => Kind::BuildCache,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::One(leftover) => super::plan::shown(leftover).to_owned(),
            Self::Cache { .. } => "The build cache".to_owned(),
        }
    }
}

fn event(target: &Target, who: &Identity, kind: &'static str, message: String) -> NewEvent {
    let event = NewEvent::new(Source::Stale, kind, message).actor(Actor::user(&who.name));
    match target {
        Target::One(leftover) => {
            let name = leftover.tags.first().map_or(leftover.name.as_str(), String::as_str);
            let mut event = event.engine(&leftover.engine).subject(
                leftover.kind.subject(),
                leftover.id.to_string(),
                name,
            );
            event.subject.key = Some(name.to_owned());
            event
        }
        Target::Cache { engine, .. } => {
            event.engine(&engine.id).subject(Kind::BuildCache.subject(), "", "build cache")
        }
    }
}

fn facts(target: &Target, who: &Identity, freed: Freed) -> serde_json::Value {
    let mut facts = match target {
        Target::One(leftover) => json!({
            "sort": leftover.sort.as_str(),
            "tags": leftover.tags.iter().take(20).map(|tag| text::cut(tag, 300)).collect::<Vec<_>>(),
            "size_bytes": leftover.size.whole,
        }),
        Target::Cache { age, .. } => json!({ "unused_for": age.as_str() }),
    };
    if let Some(facts) = facts.as_object_mut() {
        facts.insert("freed_bytes".to_owned(), json!(freed.at_least));
        if let Credential::Token(id) = &who.credential {
            facts.insert("api_token".to_owned(), json!(id.to_string()));
        }
    }
    facts
}
