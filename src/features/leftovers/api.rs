//! `GET /api/leftovers` and `POST /api/leftovers/cleanup`.

mod views;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;

use self::views::{CleanupBody, CleanupView, LeftoversView, ResultView};
use super::cleanup::Outcome;
use super::model::{Freed, Kind};
use super::plan::Plan;
use super::service::Leftovers;
use super::wanted::Wanted;
use crate::features::resources::service::Standing;
use crate::web::api::{Answer, Endpoint};
use crate::web::{Identity, Role, WebError};

/// How long a script waits for the first measurement.
const FIRST_MEASUREMENT: Duration = Duration::from_secs(5);
/// How long an answer waits for removals; they go on when it is over.
const PATIENCE: Duration = Duration::from_secs(50);

pub(super) fn list_endpoint() -> Endpoint {
    let summary = "Images, volumes, networks and build cache that nothing needs, and what they take. Sizes are measured in the background, at most every minute.";
    Endpoint::get("/api/leftovers", Role::Viewer, summary).returns::<LeftoversView>().asks_engine()
}

pub(super) async fn list(State(leftovers): State<Arc<Leftovers>>) -> Result<Answer<LeftoversView>, WebError> {
    leftovers.first_reading(FIRST_MEASUREMENT).await;
    leftovers.measure();
    let [images, volumes, networks] =
        [Kind::Image, Kind::Volume, Kind::Network].map(|kind| leftovers.list(kind));
    // A script would take an empty list at its word.
    if images.as_of.is_none() && volumes.as_of.is_none() && networks.as_of.is_none() {
        return Err(match &images.standing {
            Standing::Down(why) => WebError::Unavailable(format!("Docker is not reachable: {why}.")),
            Standing::Refused => {
                WebError::BadGateway("Docker does not allow listing images here.".to_owned())
            }
            Standing::Failed(why) => WebError::BadGateway(format!("Docker did not list its images: {why}.")),
            _ => WebError::Unavailable("Nothing is read yet. Try again soon.".to_owned()),
        });
    }
    Ok(Answer::of(LeftoversView::new(&leftovers, &images, &volumes, &networks)))
}

pub(super) fn cleanup_endpoint() -> Endpoint {
    let summary = "Remove leftovers by id. Each is judged again before it goes; one that cannot be removed says why, and the others go on.";
    Endpoint::post("/api/leftovers/cleanup", Role::Operator, summary)
        .takes::<CleanupBody>()
        .returns::<CleanupView>()
        .asks_engine()
}

pub(super) async fn cleanup(
    State(leftovers): State<Arc<Leftovers>>,
    identity: Identity,
    body: Bytes,
) -> Result<Answer<CleanupView>, WebError> {
    let (wanted, dry_run) = Wanted::of_json(&body)?;
    leftovers.usable()?;
    let plan = leftovers.plan(&wanted);
    if dry_run {
        let results = plan.items.iter().map(ResultView::planned).collect();
        return Ok(Answer::of(CleanupView::new(true, results)));
    }
    let plan = Arc::new(plan);
    let outcomes = leftovers.clean_up(&identity, &plan).await;
    let results =
        plan.items.iter().zip(outcomes).map(|(planned, outcome)| ResultView::done(planned, outcome));
    Ok(Answer::of(CleanupView::new(false, results.collect())))
}

impl Leftovers {
    /// Whether anything can be removed at all.
    fn usable(&self) -> Result<(), WebError> {
        use crate::docker::EngineError;
        if self.engines.iter().all(|engine| engine.client.is_read_only()) {
            return Err(WebError::from(EngineError::ReadOnly));
        }
        if !self.engines.iter().any(|engine| engine.mirror.snapshot().is_up()) {
            let why = "Docker cannot be reached now; nothing was done. Try again once it answers.";
            return Err(WebError::Unavailable(why.to_owned()));
        }
        Ok(())
    }

    /// Carries out a plan and waits for it; what is not over in time goes on, and has no outcome here.
    async fn clean_up(self: &Arc<Self>, who: &Identity, plan: &Arc<Plan>) -> Vec<Option<Outcome>> {
        let outcomes = Arc::new(Mutex::new(vec![None; plan.items.len()]));
        let (ended, end) = tokio::sync::oneshot::channel();
        let (this, who, plan, filled) =
            (Arc::clone(self), who.clone(), Arc::clone(plan), Arc::clone(&outcomes));
        self.lifecycle.spawn(async move {
            let fill = |at: usize, outcome: Outcome| {
                let mut outcomes = filled.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = outcomes.get_mut(at) {
                    *place = Some(outcome);
                }
            };
            this.carry_out(&who, &plan, |_, _| {}, fill).await;
            // The caller may have gone away; events tell what became of it.
            let _gone = ended.send(());
        });
        let _in_time = tokio::time::timeout(PATIENCE, end).await;
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The sure part of what is freed; `None` = nothing is known.
fn sure(freed: Freed) -> Option<u64> {
    freed.short().map(|_| freed.at_least)
}
