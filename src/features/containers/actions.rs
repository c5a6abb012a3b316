//! Does something to containers: one at a time for the API, several as a job for pages. What is protected
//! is refused, nothing is done twice at once, and every attempt becomes an event with its actor.

pub(in crate::features) mod words;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;

use self::words::{after_name, already, past, says, sentence};
use super::pending::Pending;
use super::protection::Reason;
use super::service::Containers;
use crate::docker::actions::{Action, Done};
use crate::docker::types::Container;
use crate::docker::{Engine, EngineError};
use crate::platform::journal::{Actor, NewEvent, Severity, Source};
use crate::platform::text::{self, capital};
use crate::web::WebError;
use crate::web::access::{Credential, Identity};
use crate::web::jobs::{Item, Progress};

/// How many containers of a job are worked on at once.
const AT_ONCE: usize = 4;
/// How long Docker still has when the product shuts down; there must be time to record the result.
const LAST_CHANCE: Duration = Duration::from_secs(4);
/// How long an answer waits until the mirror shows what was done.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// What an action came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// A sentence without a subject: "stopped", "was running already".
    pub says: String,
    /// Whether anything changed.
    pub changed: bool,
}

impl Containers {
    /// Does one thing to one container, and answers when Docker has done it. It goes on when the caller is gone.
    pub async fn act(
        self: &Arc<Self>,
        who: &Identity,
        container: Arc<Container>,
        action: Action,
    ) -> Result<Outcome, WebError> {
        let (this, who) = (Arc::clone(self), who.clone());
        let (tell, told) = tokio::sync::oneshot::channel();
        self.lifecycle.spawn(async move {
            // The caller may have gone away; the event tells what became of it.
            let _gone = tell.send(this.act_and_record(&who, &container, &action).await);
        });
        told.await.unwrap_or_else(|_| {
            let detail = "an action broke off: look at the container, it may have been done";
            Err(WebError::Internal(detail.to_owned()))
        })
    }

    /// Does one thing to several containers as a job; returns the job's number.
    pub fn act_on_all(
        self: &Arc<Self>,
        who: &Identity,
        targets: Vec<Target>,
        action: Action,
        back: String,
    ) -> u64 {
        let title = match targets.as_slice() {
            [one] => format!("{} {}", capital(action.verb()), one.name()),
            more => format!("{} {}", capital(action.verb()), text::count(more.len(), "container")),
        };
        let items = targets.iter().map(|target| Item::new(target.name(), target.href())).collect();
        let job = self.jobs.begin(who.user_id, title, back, items);
        let (this, who) = (Arc::clone(self), who.clone());
        self.lifecycle.spawn(async move { this.run(&who, job, targets, &action).await });
        job
    }

    /// Protects a container, or no longer, and records who did it.
    pub async fn protect(&self, who: &Identity, container: &Container, on: bool) -> Result<(), WebError> {
        let is_on = matches!(self.protection.of(container), Some(Reason::User(..)));
        let (kind, words) =
            if on { ("protected", "protected") } else { ("unprotected", "no longer protects") };
        if is_on != on {
            let message = format!("{} {words} {}", who.name, container.name);
            let event = event_of(container, who, format!("container.{kind}"), message);
            self.protection.set(container, on, &who.name, event).await?;
        }
        self.tell_changed(container);
        Ok(())
    }

    async fn run(self: &Arc<Self>, who: &Identity, job: u64, targets: Vec<Target>, action: &Action) {
        let work = futures_util::stream::iter(targets.into_iter().enumerate()).for_each_concurrent(
            AT_ONCE,
            |(at, target)| async move {
                self.jobs.note(job, at, Progress::Running(self.jobs.now()));
                let progress = match target {
                    Target::Found(container) => match self.act_and_record(who, &container, action).await {
                        Ok(outcome) => Progress::Done(outcome.says),
                        Err(error) => Progress::Failed(after_name(&error.to_string(), &container.name)),
                    },
                    Target::Missing(_) => {
                        Progress::Failed("There is no such container (any more).".to_owned())
                    }
                };
                self.jobs.note(job, at, progress);
            },
        );
        self.jobs.drive(job, "broke off: look at the container, it may have been done", work).await;
    }

    async fn act_and_record(
        &self,
        who: &Identity,
        container: &Arc<Container>,
        action: &Action,
    ) -> Result<Outcome, WebError> {
        let result = self.attempt(who, container, action).await;
        let (name, verb) = (&container.name, action.verb());
        let event = match &result {
            Ok(outcome) => event_of(
                container,
                who,
                format!("container.{verb}"),
                format!(
                    "{} {} {name}{}",
                    who.name,
                    past(action),
                    if outcome.changed { "" } else { ", which it was already" }
                ),
            ),
            Err(error) => event_of(
                container,
                who,
                format!("container.{verb}_failed"),
                format!("{} could not {verb} {name}: {error}", who.name),
            )
            .severity(Severity::Warning),
        };
        if let Err(error) = self.journal.record(event.data(data(action, who))).await {
            tracing::error!(%error, container = %name, verb, actor = %who.name, "an action could not be recorded");
        }
        result
    }

    async fn attempt(
        &self,
        who: &Identity,
        container: &Container,
        action: &Action,
    ) -> Result<Outcome, WebError> {
        if let Some(reason) = self.protection.of(container).filter(|_| endangers(action)) {
            return Err(WebError::Conflict(refusal(&container.name, &reason)));
        }
        let Some(engine) = self.engine_of(container) else {
            return Err(WebError::NotFound("The engine of this container is gone.".to_owned()));
        };
        if engine.client.is_read_only() {
            return Err(WebError::from(EngineError::ReadOnly));
        }
        if !engine.mirror.snapshot().is_up() {
            return Err(WebError::Unavailable(
                "Docker cannot be reached now; nothing was done. Try again once it answers.".to_owned(),
            ));
        }
        let pending = Pending { verb: action.verb(), by: who.name.clone(), since: self.clock.now() };
        // Somebody who has waited long enough for a stop may end it.
        let ends_a_stop = matches!(action, Action::Kill(_))
            && self.pending.of(&container.id).is_some_and(|other| matches!(other.verb, "stop" | "restart"));
        let claim = (!ends_a_stop).then(|| self.pending.claim(&container.id, pending)).transpose().map_err(
            |other| {
                WebError::Conflict(format!(
                    "{} is {} already: {} began it {} ago.",
                    container.name,
                    other.word().to_lowercase(),
                    other.by,
                    text::between(other.since, self.clock.now())
                ))
            },
        )?;
        let stopping = self.lifecycle.stopping();
        let shutting_down = async {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_CHANCE).await;
        };
        let done = tokio::select! {
            done = engine.client.act(&container.id, action) => done,
            // It may be done all the same, but nobody is left to see it.
            () = shutting_down => {
                return Err(WebError::Unavailable(format!(
                    "Docker was asked to {} {}, and had not answered when Docker Watcher shut down.",
                    action.verb(),
                    container.name
                )));
            }
        };
        if let Ok(Done::Changed) = done {
            wait_until_shown(engine, container, action).await;
        }
        drop(claim);
        match done {
            Ok(Done::Changed) => Ok(Outcome { says: says(action), changed: true }),
            Ok(Done::Already) => Ok(Outcome { says: already(action).to_owned(), changed: false }),
            Err(error) => Err(of_engine(error, action)),
        }
    }
}

/// What a job is to be done to: by id or name as asked for, found or not.
#[derive(Debug, Clone)]
pub enum Target {
    /// A container.
    Found(Arc<Container>),
    /// Nothing has this id or name.
    Missing(String),
}

impl Target {
    fn name(&self) -> String {
        match self {
            Self::Found(container) => container.name.clone(),
            Self::Missing(id) => text::cut(id, 80).into_owned(),
        }
    }

    fn href(&self) -> String {
        match self {
            Self::Found(container) => format!("/containers/{}", container.id),
            Self::Missing(_) => String::new(),
        }
    }
}

/// An event of a user that is about a container.
pub fn event_of(container: &Container, who: &Identity, kind: String, message: String) -> NewEvent {
    let mut event = NewEvent::new(Source::User, kind, message)
        .engine(&container.engine)
        .subject("container", container.id.to_string(), container.name.clone())
        .actor(Actor::user(&who.name));
    event.subject.key = Some(container.subject_key());
    event
}

fn data(action: &Action, who: &Identity) -> serde_json::Value {
    let mut data = match action {
        Action::Stop(Some(grace)) | Action::Restart(Some(grace)) => json!({"grace_seconds": grace}),
        Action::Kill(signal) => json!({"signal": signal}),
        Action::Rename(name) => json!({"new_name": name}),
        Action::Remove { force, volumes } => json!({"force": force, "anonymous_volumes": volumes}),
        _ => json!({}),
    };
    if let (Credential::Token(id), Some(data)) = (&who.credential, data.as_object_mut()) {
        data.insert("api_token".to_owned(), json!(id.to_string()));
    }
    data
}

/// Whether an action takes something away.
fn endangers(action: &Action) -> bool {
    !matches!(action, Action::Start | Action::Unpause)
}

/// Why a protected container is left alone, and what to do.
pub fn refusal(name: &str, reason: &Reason) -> String {
    let fix = match reason {
        Reason::Own => "Do this on the host, with the docker command",
        Reason::Label => "Take the label away first",
        Reason::User(..) => "Take the protection away on its page first",
    };
    format!("{name} {}. {fix}.", reason.sentence())
}

/// Docker's event reaches the mirror a moment after Docker's answer; who reads next shall see it.
async fn wait_until_shown(engine: &Engine, container: &Container, action: &Action) {
    let mut changes = engine.mirror.changes();
    let shown = async {
        loop {
            let snapshot = engine.mirror.snapshot();
            let now = snapshot.by_id(&container.id);
            let is_shown = match (action, now) {
                (Action::Remove { .. }, now) => now.is_none(),
                (_, None) => true,
                (Action::Rename(name), Some(now)) => now.name == *name,
                (Action::Stop(_), Some(now)) => !now.is_up(),
                (Action::Start | Action::Unpause, Some(now)) => {
                    now.state != container.state || now.facts != container.facts
                }
                (_, Some(now)) => now.state != container.state || now.facts != container.facts,
            };
            if is_shown || changes.changed().await.is_err() {
                return;
            }
        }
    };
    // A signal may change nothing: then the wait ends by itself.
    let _shown = tokio::time::timeout(SHOWN_WITHIN, shown).await;
}

/// An engine's refusal, in the words of the API and the pages.
pub(super) fn of_engine(error: EngineError, action: &Action) -> WebError {
    match error {
        EngineError::ReadOnly => WebError::from(EngineError::ReadOnly),
        EngineError::NotFound => WebError::NotFound("There is no such container (any more).".to_owned()),
        EngineError::Refused { status: 409, message, .. } => WebError::Conflict(sentence(&message)),
        EngineError::Refused { status: 400, message, .. } => match action {
            Action::Kill(_) => WebError::field("signal", sentence(&message)),
            Action::Rename(_) => WebError::field("name", sentence(&message)),
            _ => WebError::Conflict(sentence(&message)),
        },
        EngineError::Refused { message, .. } => {
            WebError::BadGateway(format!("Docker refused: {}", sentence(&message)))
        }
        other => WebError::from(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_is_no_danger_and_stopping_is() {
        assert!(!endangers(&Action::Start));
        assert!(endangers(&Action::Remove { force: false, volumes: false }));
    }
}
