//! Lists that are joined once and used until something changes: with 30,000 containers, joining takes a while, and every
//! page of Cleanup shows the totals of all kinds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::model::{Freed, Kind, Leftover, Total};
use super::service::Leftovers;
use super::usage::Measured;
use crate::docker::objects::Objects;
use crate::platform::ids::EngineId;

/// What leftovers were joined from. Two that are equal lead to the same list.
#[derive(Clone)]
pub(super) struct Stamp {
    engines: Vec<EngineStamp>,
    /// Grows with each removal of ours that the engine has not told yet.
    gone: u64,
}

#[derive(Clone)]
struct EngineStamp {
    /// The version of the mirror: holding a snapshot would hold containers that are gone.
    mirror: u64,
    objects: Arc<Objects>,
    measured: Option<Arc<Measured>>,
}

impl EngineStamp {
    fn is(&self, other: &Self) -> bool {
        let same = |a: &Option<Arc<Measured>>, b: &Option<Arc<Measured>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        self.mirror == other.mirror
            && Arc::ptr_eq(&self.objects, &other.objects)
            && same(&self.measured, &other.measured)
    }
}

impl Stamp {
    /// Taken before anything is joined, so that what changes on the way is joined again by the next.
    pub(super) fn now(leftovers: &Leftovers) -> Self {
        let engines = leftovers.engines.iter().map(|engine| EngineStamp {
            mirror: *engine.mirror.changes().borrow(),
            objects: engine.objects.snapshot(),
            measured: leftovers.measurements.of(&engine.id).measured,
        });
        Self { engines: engines.collect(), gone: leftovers.gone_version() }
    }

    /// Whether nothing has changed between the two.
    fn is(&self, other: &Self) -> bool {
        self.is_but_for_ours(other) && self.gone == other.gone
    }

    /// The same, our own removals aside.
    fn is_but_for_ours(&self, other: &Self) -> bool {
        self.engines.len() == other.engines.len()
            && self.engines.iter().zip(&other.engines).all(|(a, b)| a.is(b))
    }
}

/// The totals of kinds as they were added up last.
#[derive(Default)]
pub(super) struct LastTotals(Mutex<HashMap<Kind, (Stamp, Option<Total>)>>);

impl Leftovers {
    /// How many leftovers of a kind with a list can be removed, and what that frees; `None` = not known yet.
    pub(super) fn list_total(&self, kind: Kind) -> Option<Total> {
        let stamp = Stamp::now(self);
        let known = |totals: &HashMap<Kind, (Stamp, Option<Total>)>| {
            totals.get(&kind).filter(|(known, _)| known.is(&stamp)).map(|(_, total)| *total)
        };
        if let Some(total) = known(&self.totals.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return total;
        }
        let total = self.add_up(kind);
        self.totals.0.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, (stamp, total));
        total
    }

    fn add_up(&self, kind: Kind) -> Option<Total> {
        let listing = self.list(kind);
        listing.as_of?;
        let removable = listing.leftovers.iter().filter(|leftover| leftover.refusal.is_none());
        let all: Vec<Freed> = removable.map(|leftover| leftover.size.freed()).collect();
        Some(Total { count: all.len(), freed: all.into_iter().sum() })
    }
}

/// What a cleanup judges its things by: each kind is joined again only when the engine has told of a change.
#[derive(Default)]
pub(super) struct Judged(Mutex<HashMap<Kind, (Stamp, Arc<ById>)>>);

type ById = HashMap<(EngineId, Arc<str>), Arc<Leftover>>;

impl Judged {
    /// The same thing as it is known now; `None` = it is gone.
    pub(super) fn again(&self, leftovers: &Leftovers, leftover: &Leftover) -> Option<Arc<Leftover>> {
        if leftovers.is_gone(leftover) {
            return None;
        }
        let by_id = self.of(leftovers, leftover.kind);
        by_id.get(&(leftover.engine.clone(), Arc::clone(&leftover.id))).cloned()
    }

    fn of(&self, leftovers: &Leftovers, kind: Kind) -> Arc<ById> {
        let stamp = Stamp::now(leftovers);
        let mut judged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, by_id)) = judged.get(&kind).filter(|(known, _)| known.is_but_for_ours(&stamp)) {
            return Arc::clone(by_id);
        }
        let all = leftovers.all(kind).into_iter().map(Arc::new);
        let by_id: Arc<ById> =
            Arc::new(all.map(|one| ((one.engine.clone(), Arc::clone(&one.id)), one)).collect());
        judged.insert(kind, (stamp, Arc::clone(&by_id)));
        by_id
    }
}
