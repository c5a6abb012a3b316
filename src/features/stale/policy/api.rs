//! The automatic cleanup in the JSON API. Its rules are settings.

use std::sync::Arc;

use axum::extract::State;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::lookback::{Then, WouldHave};
use super::{LastRun, Policy};
use crate::features::stale::service::Stale;
use crate::platform::clock::{from_ms, rfc3339};
use crate::web::api::{Answer, Endpoint};
use crate::web::{Role, WebError};

/// How many are listed.
const MOST: usize = 1_000;

/// The automatic cleanup.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AutomaticCleanup)]
pub(in super::super) struct PolicyView {
    /// Whether it is on.
    enabled: bool,
    /// When it runs next, RFC 3339, UTC; null while it is off.
    next_run_at: Option<String>,
    /// Whether the next run is a trial, that removes nothing.
    next_is_trial: bool,
    /// When it ran last, RFC 3339, UTC.
    last_run_at: Option<String>,
    /// What it did then.
    last_run: Option<LastRunView>,
    /// The names of the containers that it would remove now.
    would_remove: Vec<String>,
    /// What it would have removed in the last 30 days, had it been on.
    last_30_days: Vec<WouldHaveView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AutomaticCleanupRun)]
struct LastRunView {
    /// Whether it removed nothing, and only said what it would.
    trial: bool,
    /// How many it removed, or would have.
    removed: usize,
    /// How many it left alone.
    left_alone: usize,
    /// Why it did not run; null when it did.
    skipped: Option<String>,
}

impl From<LastRun> for LastRunView {
    fn from(run: LastRun) -> Self {
        let skipped = Some(run.skipped).filter(|why| !why.is_empty());
        Self { trial: run.trial, removed: run.removed, left_alone: run.refused, skipped }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WouldHaveRemoved)]
struct WouldHaveView {
    /// The container's full id.
    id: String,
    /// Its name.
    name: String,
    /// Since when it was stale, RFC 3339, UTC.
    stale_since: String,
    /// When it would have been removed, RFC 3339, UTC.
    at: String,
    /// `there`, `removed` or `used`: what became of it instead.
    then: &'static str,
    /// When that was, RFC 3339, UTC.
    then_at: Option<String>,
}

impl From<WouldHave> for WouldHaveView {
    fn from(item: WouldHave) -> Self {
        let (then, then_at) = match item.then {
            Then::There => ("there", None),
            Then::Removed(at) => ("removed", Some(at)),
            Then::Used(at) => ("used", Some(at)),
        };
        Self {
            id: item.id,
            name: item.name,
            stale_since: rfc3339(from_ms(item.since)),
            at: rfc3339(from_ms(item.at)),
            then,
            then_at: then_at.map(|at| rfc3339(from_ms(at))),
        }
    }
}

pub(in super::super) fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/cleanups/automatic",
        Role::Viewer,
        "The automatic cleanup: when it runs, what it would remove, what it would have removed. Its rules are the \
         settings auto_cleanup….",
    )
    .returns::<PolicyView>()
}

pub(in super::super) async fn get(State(stale): State<Arc<Stale>>) -> Result<Answer<PolicyView>, WebError> {
    let (policy, zone) = (Policy::of(&stale.settings.current()), TimeZone::system());
    let state = stale.policy_state().await?;
    let back = stale.look_back(&policy, &zone).await?;
    let plan = stale.policy_plan(&policy);
    Ok(Answer::of(PolicyView {
        enabled: policy.is_on,
        next_run_at: policy.is_on.then(|| rfc3339(policy.next_run(&state, stale.clock.now(), &zone))),
        next_is_trial: policy.is_on && !policy.was_tried(&state),
        last_run_at: state.last_at.map(|at| rfc3339(from_ms(at))),
        last_run: state.last_run.map(LastRunView::from),
        would_remove: plan.removed().take(MOST).map(|item| item.name().to_owned()).collect(),
        last_30_days: back.items.into_iter().take(MOST).map(WouldHaveView::from).collect(),
    }))
}
