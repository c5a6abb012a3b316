//! Runs the automatic cleanup once a day, and tells what it did.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::store::{self, LastRun, State};
use super::{ACTOR, DAY, Policy};
use crate::features::stale::cleanup::{Options, Outcome, Who};
use crate::features::stale::preview::Plan;
use crate::features::stale::service::Stale;
use crate::platform::db::DbError;
use crate::platform::journal::{Actor, NewEvent, Severity, Source};
use crate::platform::text;

/// How often it looks whether it is time: the clock may be set, or the host sleep.
const LOOK: Duration = Duration::from_secs(20);
/// A run whose time came while nobody was there is made up for, this long after the start: until then it may not be
/// known what is of use.
const SETTLE: Duration = Duration::from_secs(10 * 60);
/// A run that cannot be made (Docker is not there) is tried again for this long, ms.
const GIVE_UP: i64 = 6 * 3_600_000;
/// How many names an event has.
const NAMES: usize = 100;
/// How many names a sentence has.
const NAMED: usize = 5;

/// Runs the automatic cleanup until the product shuts down.
pub async fn run(stale: Arc<Stale>, stopping: CancellationToken) -> Result<(), DbError> {
    let started = (Instant::now(), stale.clock.now());
    let mut settings = stale.settings.changes();
    loop {
        let policy = Policy::of(&settings.borrow_and_update());
        stale.run_if_due(&policy, started).await?;
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
            changed = settings.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

impl Stale {
    async fn run_if_due(
        self: &Arc<Self>,
        policy: &Policy,
        started: (Instant, Timestamp),
    ) -> Result<(), DbError> {
        let mut state = self.policy_state().await?;
        if !policy.is_on {
            // Whoever switches it on again gets another trial.
            if state.tried.is_some() || state.last_due.is_some() {
                let off = State { tried: None, last_due: None, ..state };
                self.db.write(move |c| store::set_state(c, &off)).await?;
                self.tell();
            }
            return Ok(());
        }
        let now = self.clock.now();
        // Switched on just now, or never asked before: what is due is what comes next.
        let Some(last_due) = state.last_due else {
            state.last_due = Some(now.as_millisecond());
            return self.db.write(move |c| store::set_state(c, &state)).await;
        };
        let Some(due) = due(policy, last_due, now, &TimeZone::system()) else { return Ok(()) };
        if due < started.1 && started.0.elapsed() < SETTLE {
            return Ok(());
        }
        let trial = !policy.was_tried(&state);
        let late = now.as_millisecond() - due.as_millisecond();
        let last_run = match self.unready() {
            Some(_) if late < GIVE_UP => return Ok(()),
            Some(why) => {
                self.note_skipped(&why).await;
                LastRun { trial, skipped: why, ..LastRun::default() }
            }
            None if trial => {
                state.tried = Some(policy.rules.clone());
                self.try_out(policy).await
            }
            None => self.carry_out_policy(policy).await,
        };
        let state = State {
            last_due: Some(due.as_millisecond()),
            last_at: Some(now.as_millisecond()),
            last_run: Some(last_run),
            ..state
        };
        self.db.write(move |c| store::set_state(c, &state)).await?;
        self.tell();
        Ok(())
    }

    /// Why nothing can be said or done now.
    fn unready(&self) -> Option<String> {
        if self.found().at.is_none() {
            return Some("it was not known yet what is stale".to_owned());
        }
        if self.is_clock_doubtful() {
            return Some("the clock was set ahead".to_owned());
        }
        let engines = self.engines.iter();
        engines
            .filter(|engine| !engine.mirror.snapshot().is_up())
            .map(|_| "Docker could not be reached".into())
            .next()
    }

    async fn try_out(&self, policy: &Policy) -> LastRun {
        let plan = self.policy_plan(policy);
        let names: Vec<&str> = plan.removed().map(super::super::preview::Planned::name).collect();
        let refused: Vec<_> = plan
            .refused()
            .map(|item| json!({"name": item.name(), "why": item.refused}))
            .take(NAMES)
            .collect();
        let what = if names.is_empty() {
            "nothing that is stale fits its rules now".to_owned()
        } else {
            format!("it would have removed {}", listed(&names))
        };
        let message = format!("The automatic cleanup made its trial: {what}");
        let event =
            NewEvent::new(Source::Stale, "cleanup.trial", message).actor(Actor::user(ACTOR)).data(json!({
                "would_remove": names.iter().take(NAMES).collect::<Vec<_>>(),
                "left_alone": refused,
            }));
        let last = LastRun {
            trial: true,
            removed: names.len(),
            refused: plan.refused().count(),
            skipped: String::new(),
        };
        self.record(event).await;
        last
    }

    async fn carry_out_policy(self: &Arc<Self>, policy: &Policy) -> LastRun {
        let plan = self.policy_plan(policy);
        let left_alone = plan.refused().count();
        let plan = Plan { items: plan.items.into_iter().filter(|item| item.refused.is_none()).collect() };
        if plan.items.is_empty() {
            return LastRun { refused: left_alone, ..LastRun::default() };
        }
        let sizes: Vec<Option<u64>> = plan.items.iter().map(|item| item.bytes).collect();
        let options = Options { volumes: false, layer: self.settings.current().cleanup_keep_layer };
        let who = Who { name: ACTOR.to_owned(), automatic: true };
        let outcomes = match self.clean(who, plan, options).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let why = error.to_string();
                self.note_skipped(&why).await;
                return LastRun { skipped: why, ..LastRun::default() };
            }
        };
        let last = summary(&outcomes, left_alone);
        let freed: u64 =
            outcomes.iter().zip(sizes).filter(|(o, _)| o.result.is_ok()).filter_map(|(_, bytes)| bytes).sum();
        self.record(finished(&outcomes, freed)).await;
        last
    }

    async fn note_skipped(&self, why: &str) {
        let message = format!("The automatic cleanup did not run: {why}");
        let event = NewEvent::new(Source::Stale, "cleanup.skipped", message)
            .severity(Severity::Warning)
            .actor(Actor::user(ACTOR));
        self.record(event).await;
    }
}

/// The time of the day that has come since the last run, the latest one.
fn due(policy: &Policy, last_due: i64, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    // What was missed for days is made up for once.
    let from = (last_due + 1).max(now.as_millisecond() - DAY + 1);
    let at = policy.next(crate::platform::clock::from_ms(from), zone);
    (at <= now).then_some(at)
}

fn summary(outcomes: &[Outcome], left_alone: usize) -> LastRun {
    let removed = outcomes.iter().filter(|outcome| outcome.result.is_ok()).count();
    LastRun { removed, refused: left_alone + outcomes.len() - removed, ..LastRun::default() }
}

fn finished(outcomes: &[Outcome], freed: u64) -> NewEvent {
    let removed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_ok())
        .map(|outcome| outcome.name.as_str())
        .collect();
    let failed: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| Some(json!({"name": outcome.name, "why": outcome.result.as_ref().err()?})))
        .collect();
    let mut message = match removed.len() {
        0 => "The automatic cleanup removed nothing".to_owned(),
        _ => format!("The automatic cleanup removed {}", listed(&removed)),
    };
    if freed > 0 {
        message = format!("{message} and freed {}", text::bytes(freed));
    }
    if !failed.is_empty() {
        message = format!("{message}; {} could not be removed", text::count(failed.len(), "container"));
    }
    let severity = if failed.is_empty() { Severity::Info } else { Severity::Warning };
    NewEvent::new(Source::Stale, "cleanup.finished", message)
        .severity(severity)
        .actor(Actor::user(ACTOR))
        .data(json!({
            "removed": removed.iter().take(NAMES).collect::<Vec<_>>(),
            "failed": failed.into_iter().take(NAMES).collect::<Vec<_>>(),
            "bytes": freed,
        }))
}

/// `3 containers: a, b and c`, or the one by its name.
fn listed(names: &[&str]) -> String {
    if let [one] = names {
        return (*one).to_owned();
    }
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {shown}{more}", text::count(names.len(), "container"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::settings::Settings;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_run_is_due_once_for_each_day_and_what_was_missed_is_made_up_for_once() {
        let policy = Policy::of(&Settings { auto_cleanup: true, ..Settings::default() });
        let due = |last: &str, now: &str| {
            super::due(&policy, at(last).as_millisecond(), at(now), &TimeZone::UTC).map(|at| at.to_string())
        };
        assert_eq!(due("2026-06-01T10:00:00Z", "2026-06-02T03:59:59Z"), None);
        assert_eq!(
            due("2026-06-01T10:00:00Z", "2026-06-02T04:00:00Z").as_deref(),
            Some("2026-06-02T04:00:00Z")
        );
        assert_eq!(due("2026-06-02T04:00:00Z", "2026-06-02T04:00:20Z"), None, "it ran");
        assert_eq!(
            due("2026-06-02T04:00:00Z", "2026-06-09T08:00:00Z").as_deref(),
            Some("2026-06-09T04:00:00Z")
        );
        // A clock that went back runs nothing twice.
        assert_eq!(due("2026-06-09T04:00:00Z", "2026-06-02T08:00:00Z"), None);
    }
}
