//! Joins images, networks and volumes with the containers that use them, filters and sorts them. Never
//! waits for Docker.

mod kinds;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::query::{ListQuery, Sort, SortBy};
use crate::docker::objects::{Objects, Reading};
use crate::docker::types::{Container, EngineStatus};
use crate::docker::{Engine, EngineError, Engines};
use crate::platform::clock::SharedClock;
use crate::platform::ids::EngineId;

/// How long the API waits for the first reading after a start.
const FIRST_READING: Duration = Duration::from_secs(3);

/// The containers of an engine by what they use.
pub type Users<'a> = HashMap<&'a str, Vec<&'a Arc<Container>>>;

/// A kind of thing that containers use.
pub trait Resource: Sized + Send + Sync + 'static {
    /// `image`, in the plural.
    const NOUNS: &'static str;
    /// What it can be ordered by.
    const SORTS: &'static [SortBy];
    /// The filter that only this kind has.
    const SPECIAL: Option<&'static str>;

    /// What was read of it.
    fn reading(objects: &Objects) -> &Reading<Self>;
    /// What tells two of an engine apart.
    fn key(&self) -> &str;
    /// Which containers use which, by [`Resource::used_as`].
    fn join<'a>(items: &'a [Arc<Self>], containers: &'a [Arc<Container>]) -> Users<'a>;
    /// What containers know it by.
    fn used_as(&self) -> &str;
    /// Whether a word (in lower case) occurs in it.
    fn mentions(&self, word: &str) -> bool;
    /// Whether [`Resource::SPECIAL`] holds.
    fn is_special(&self) -> bool {
        false
    }
    /// Whether it can be called unused at all when no container here uses it.
    fn may_be_unused(&self) -> bool {
        true
    }
    /// Their order; equal ones are told apart by [`Resource::key`].
    fn compare(&self, other: &Self, by: SortBy) -> Ordering;
}

/// One of a list, with the containers that use it.
pub struct Used<T> {
    /// The thing itself.
    pub item: Arc<T>,
    /// The engine it is on.
    pub engine: EngineId,
    /// Who uses it, by name.
    pub containers: Vec<Arc<Container>>,
    /// Whether a proxy hides who does.
    pub blind: bool,
}

impl<T: Resource> Used<T> {
    /// Whether nothing here needs it, as far as that can be said.
    pub fn is_unused(&self) -> bool {
        !self.blind && self.containers.is_empty() && self.item.may_be_unused()
    }

    fn matches(&self, query: &ListQuery) -> bool {
        let used = match query.used {
            None => true,
            Some(true) => !self.containers.is_empty(),
            Some(false) => self.is_unused(),
        };
        used && query.special.is_none_or(|wanted| self.item.is_special() == wanted)
            && query.q.split_whitespace().all(|word| {
                let word = word.to_lowercase();
                self.item.mentions(&word)
                    || self.containers.iter().any(|container| container.name.to_lowercase().contains(&word))
            })
    }

    fn compare(&self, other: &Self, sort: Sort) -> Ordering {
        let by_name = || self.item.compare(&other.item, SortBy::Name);
        let ordering = (self.item.compare(&other.item, sort.by).then_with(by_name))
            .then_with(|| self.engine.as_str().cmp(other.engine.as_str()))
            .then_with(|| self.item.key().cmp(other.item.key()));
        if sort.descending { ordering.reverse() } else { ordering }
    }
}

/// How many there are, filters aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub total: usize,
    /// Containers use them.
    pub used: usize,
    /// No container uses them.
    pub unused: usize,
    /// Those that are dangling or anonymous.
    pub special: usize,
}

/// How far a list can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It is as the engine last said.
    Current,
    /// The engine has not been asked yet.
    NotYet,
    /// The first connection is being made.
    Connecting,
    /// The engine does not answer; why.
    Down(String),
    /// A filtering proxy does not allow the list.
    Refused,
    /// The last attempt failed; why.
    Failed(String),
}

/// A list, and what it was taken from.
pub struct Listed<T> {
    /// What is wanted, in order.
    pub rows: Vec<Used<T>>,
    /// Counts over all, filters aside.
    pub counts: Counts,
    /// The worst standing of all engines.
    pub standing: Standing,
    /// When the list was read, the oldest of all engines; `None` = not at all yet.
    pub as_of: Option<Timestamp>,
    /// The name of the host, where there is one engine.
    pub host: String,
}

/// The images, networks and volumes of all engines.
pub struct Resources {
    engines: Engines,
    /// Tells the time.
    pub clock: SharedClock,
}

impl Resources {
    /// Those of these engines.
    pub fn new(engines: Engines, clock: SharedClock) -> Self {
        Self { engines, clock }
    }

    /// What a query wants, in its order. Never waits for Docker.
    pub fn list<T: Resource>(&self, query: &ListQuery) -> Listed<T> {
        let mut listed = Listed {
            rows: Vec::new(),
            counts: Counts::default(),
            standing: Standing::Current,
            as_of: None,
            host: String::new(),
        };
        for engine in self.engines.iter() {
            let (objects, mirror) = (engine.objects.snapshot(), engine.mirror.snapshot());
            let reading = T::reading(&objects);
            if listed.standing == Standing::Current {
                listed.standing = standing(&mirror.status, reading.at, reading.failed.as_ref());
            }
            listed.as_of = [listed.as_of, reading.at].into_iter().flatten().min();
            if listed.host.is_empty() {
                listed.host.clone_from(&mirror.info.name);
            }
            let users = T::join(&reading.items, mirror.containers());
            for item in reading.items.iter() {
                let containers = users.get(item.used_as()).into_iter().flatten();
                let row = Used {
                    item: item.clone(),
                    engine: engine.id.clone(),
                    containers: containers.map(|container| Arc::clone(container)).collect(),
                    blind: mirror.is_blind(),
                };
                listed.counts.total += 1;
                listed.counts.used += usize::from(!row.containers.is_empty());
                listed.counts.unused += usize::from(row.is_unused());
                listed.counts.special += usize::from(item.is_special());
                let here = query.engine.as_deref().is_none_or(|wanted| engine.id.as_str() == wanted);
                if here && row.matches(query) {
                    listed.rows.push(row);
                }
            }
        }
        let sort = query.sort.unwrap_or(Sort::DEFAULT);
        listed.rows.sort_unstable_by(|a, b| a.compare(b, sort));
        listed
    }

    /// Waits, shortly, for the first reading after a start: a script would take an empty list at its word.
    pub async fn first_reading<T: Resource>(&self) {
        for engine in self.engines.iter() {
            let mut changes = engine.objects.changes();
            let known = async {
                while waits_for::<T>(engine) {
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
            };
            // What is not there by then is an error that says so.
            let _in_time = tokio::time::timeout(FIRST_READING, known).await;
        }
    }
}

fn waits_for<T: Resource>(engine: &Engine) -> bool {
    let objects = engine.objects.snapshot();
    let reading = T::reading(&objects);
    let down = matches!(engine.mirror.snapshot().status, EngineStatus::Down(_));
    reading.at.is_none() && reading.failed.is_none() && !down
}

fn standing(engine: &EngineStatus, at: Option<Timestamp>, failed: Option<&EngineError>) -> Standing {
    match (engine, failed) {
        (EngineStatus::Down(why), _) => Standing::Down(why.clone()),
        (EngineStatus::Connecting, _) => Standing::Connecting,
        (EngineStatus::Up, Some(error)) if error.is_forbidden() => Standing::Refused,
        (EngineStatus::Up, Some(error)) => Standing::Failed(error.to_string()),
        (EngineStatus::Up, None) if at.is_none() => Standing::NotYet,
        (EngineStatus::Up, None) => Standing::Current,
    }
}

#[cfg(test)]
pub(super) mod tests;
