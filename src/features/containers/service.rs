//! Filters, sorts and finds containers in the mirrors of all engines. What changes them is in `actions`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bollard::models::ContainerInspectResponse;

use super::model::{ContainerView, StatsView};
use super::pending::PendingActions;
use super::protection::Protection;
use super::query::{self, ListQuery, Sort, SortBy};
use super::row::RowCache;
use super::usage::{CellCache, Cells, Sum, group_id};
use crate::docker::mirror::Counts;
use crate::docker::stats::sample::to_f64;
use crate::docker::types::Container;
use crate::docker::{Engine, EngineError, Engines, Snapshot};
use crate::platform::clock::SharedClock;
use crate::platform::db::Db;
use crate::platform::journal::{Journal, subjects};
use crate::platform::lifecycle::Lifecycle;
use crate::web::WebError;
use crate::web::jobs::Jobs;

/// How long a detail page waits for what only inspect knows.
const INSPECT_WITHIN: Duration = Duration::from_secs(2);

/// The containers of all engines.
pub struct Containers {
    pub(super) engines: Engines,
    /// Tells the time.
    pub clock: SharedClock,
    /// Rows as bytes.
    pub(super) rows: RowCache,
    /// What they use, as bytes.
    pub(super) cells: CellCache,
    /// What is done to containers right now.
    pub pending: PendingActions,
    /// What must be left alone.
    pub protection: Protection,
    /// The ids of what is stale, as the feature `stale` says.
    stale: ArcSwap<HashSet<Arc<str>>>,
    pub(super) journal: Journal,
    pub(super) lifecycle: Lifecycle,
    pub(super) jobs: Jobs,
    db: Db,
}

/// What [`Containers`] is made from.
pub struct Parts {
    /// The engines.
    pub engines: Engines,
    /// Tells the time.
    pub clock: SharedClock,
    /// Keeps what is protected, and the journal.
    pub db: Db,
    /// Runs what outlasts a request.
    pub lifecycle: Lifecycle,
    /// Shows what users have started.
    pub jobs: Jobs,
    /// The id of the container we run in.
    pub own: Option<String>,
}

/// A list, and what it was taken from. It points into the snapshots: 30,000 containers are not copied to
/// show 500.
pub struct Listed {
    /// Place of the engine and of the container in it, in the list's order.
    order: Vec<(u32, u32)>,
    /// Counts over all containers, filters aside.
    pub counts: Counts,
    /// The engines.
    pub engines: Vec<Arc<Snapshot>>,
}

impl Listed {
    /// How many containers are wanted.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The containers wanted, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Container>> {
        self.order.iter().filter_map(|place| self.at(*place))
    }

    /// Every project there is, by name.
    pub fn projects(&self) -> Vec<Arc<str>> {
        let mut projects: std::collections::BTreeSet<&Arc<str>> = Default::default();
        let mut last: Option<&Arc<str>> = None;
        for project in
            self.engines.iter().flat_map(|e| e.containers().iter()).filter_map(|c| c.project.as_ref())
        {
            if last != Some(project) {
                projects.insert(project);
                last = Some(project);
            }
        }
        projects.into_iter().cloned().collect()
    }

    fn at(&self, (engine, place): (u32, u32)) -> Option<&Arc<Container>> {
        self.engines.get(usize::try_from(engine).ok()?)?.containers().get(usize::try_from(place).ok()?)
    }
}

impl Containers {
    /// The containers of these engines.
    pub fn new(parts: Parts) -> Self {
        let Parts { engines, clock, db, lifecycle, jobs, own } = parts;
        Self {
            rows: RowCache::default(),
            cells: CellCache::default(),
            pending: PendingActions::default(),
            stale: ArcSwap::default(),
            protection: Protection::new(own, db.clone(), clock.clone()),
            journal: Journal::new(db.clone(), clock.clone()),
            engines,
            clock,
            lifecycle,
            jobs,
            db,
        }
    }

    /// What took the place of a container that is gone, after a recreate say: what has its subject now.
    pub async fn successor(&self, id: &str) -> Result<Option<Arc<Container>>, WebError> {
        let wanted = id.to_owned();
        let subjects = self.db.read(move |connection| subjects::of_container(connection, &wanted)).await?;
        let found = subjects.into_iter().find_map(|(engine, key)| {
            let snapshot = self.engines.get(&engine)?.mirror.snapshot();
            snapshot.containers().iter().find(|container| container.subject_key() == key).cloned()
        });
        Ok(found)
    }

    /// Whether a container is stale.
    pub fn is_stale(&self, id: &str) -> bool {
        self.stale.load().contains(id)
    }

    /// The ids of what is stale.
    pub fn stale(&self) -> Arc<HashSet<Arc<str>>> {
        self.stale.load_full()
    }

    /// Takes in what is stale, and tells the pages that show what changed.
    pub fn set_stale(&self, ids: HashSet<Arc<str>>) {
        let before = self.stale.swap(Arc::new(ids));
        let now = self.stale.load();
        for id in now.symmetric_difference(&before) {
            self.pending.tell(id);
        }
    }

    /// Tells open pages of a container that something beside it has changed.
    pub fn tell_changed(&self, container: &Container) {
        self.pending.tell(&container.id);
    }

    /// The containers a query wants, in its order. Never waits for Docker.
    pub fn list(&self, query: &ListQuery, default_sort: SortBy) -> Listed {
        let engines: Vec<Arc<Snapshot>> =
            self.engines.iter().map(|engine| engine.mirror.snapshot()).collect();
        let counts = engines.iter().fold(Counts::default(), |counts, engine| counts.plus(engine.counts));
        let wanted = query.matcher();
        let stale = self.stale();
        let is_wanted = |container: &Container| {
            query.stale.is_none_or(|wanted| stale.contains(&container.id) == wanted)
                && wanted.takes(container)
        };
        let mut order = Vec::new();
        for (engine, snapshot) in (0..).zip(&engines) {
            let places = (0..).zip(snapshot.containers().iter());
            order.extend(
                places.filter(|(_, container)| is_wanted(container)).map(|(place, _)| (engine, place)),
            );
        }
        let mut listed = Listed { order: Vec::new(), counts, engines };
        let sort = query.sort.unwrap_or(Sort { by: default_sort, descending: false });
        listed.order = match sort.by {
            SortBy::Cpu | SortBy::Memory => self.by_use(&listed, order, sort),
            _ => in_order(&listed, order, sort),
        };
        listed
    }

    /// Sorts places by what is used; what is not measured comes last either way.
    fn by_use(&self, listed: &Listed, order: Vec<(u32, u32)>, sort: Sort) -> Vec<(u32, u32)> {
        let latest: Vec<_> = self.engines.iter().map(|engine| engine.stats.latest()).collect();
        let used = |place: (u32, u32)| {
            let container = listed.at(place)?;
            let sample = latest.get(usize::try_from(place.0).ok()?)?.get(&container.id)?;
            match sort.by {
                SortBy::Cpu => sample.cpu_percent(),
                _ => sample.memory().map(|memory| to_f64(memory.used_bytes)),
            }
        };
        let mut keyed: Vec<_> = order.into_iter().map(|place| (used(place), place)).collect();
        keyed.sort_by(|(a, at_a), (b, at_b)| {
            let by_value = match (a, b) {
                (Some(a), Some(b)) if sort.descending => b.total_cmp(a),
                (Some(a), Some(b)) => a.total_cmp(b),
                _ => b.is_some().cmp(&a.is_some()),
            };
            // Snapshots are in the order of names.
            by_value.then(at_a.cmp(at_b))
        });
        keyed.into_iter().map(|(_, place)| place).collect()
    }

    /// The cells of containers, in their order.
    pub(super) fn cells_of(&self, containers: &[&Arc<Container>]) -> Vec<Arc<Cells>> {
        let mut cells = Vec::with_capacity(containers.len());
        // Engines come in stretches; nearly always there is one.
        for of_engine in containers.chunk_by(|a, b| a.engine == b.engine) {
            let engine = of_engine.first().and_then(|container| self.engine_of(container));
            match engine {
                Some(engine) => cells.extend(self.cells.of(engine, of_engine.iter().copied())),
                None => cells.extend(of_engine.iter().map(|container| Arc::new(Cells::none(container)))),
            }
        }
        cells
    }

    /// What the containers of each project use, by the id of its group.
    pub(super) fn sums(&self) -> HashMap<String, Sum> {
        let mut by_project: HashMap<Option<Arc<str>>, Sum> = HashMap::new();
        for engine in self.engines.iter() {
            let (latest, snapshot) = (engine.stats.latest(), engine.mirror.snapshot());
            for (id, sample) in latest.iter() {
                if let Some(container) = snapshot.by_id(id) {
                    by_project.entry(container.project.clone()).or_default().add(sample);
                }
            }
        }
        let by_id = by_project
            .into_iter()
            .map(|(project, sum)| (group_id(project.is_none(), project.as_deref().unwrap_or_default()), sum));
        by_id.collect()
    }

    /// How many containers there are.
    pub fn total(&self) -> usize {
        self.engines.iter().map(|engine| engine.mirror.snapshot().counts.total).sum()
    }

    /// One container by full id, name, or prefix of the id, tried in that order.
    pub fn find(&self, wanted: &str, engine: Option<&str>) -> Result<Arc<Container>, WebError> {
        let snapshots: Vec<Arc<Snapshot>> = self
            .engines
            .iter()
            .filter(|e| engine.is_none_or(|wanted| e.id.as_str() == wanted))
            .map(|e| e.mirror.snapshot())
            .collect();
        let by_id: Vec<_> = snapshots.iter().filter_map(|s| s.by_id(wanted).cloned()).collect();
        let by_name = || snapshots.iter().filter_map(|s| s.by_name(wanted).cloned()).collect::<Vec<_>>();
        let by_prefix =
            || snapshots.iter().flat_map(|s| s.by_prefix(wanted).take(2).cloned()).collect::<Vec<_>>();
        let mut found = by_id;
        if found.is_empty() {
            found = by_name();
        }
        if found.is_empty() && !wanted.is_empty() {
            found = by_prefix();
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(container), None) => Ok(container),
            (None, _) => {
                let shown = crate::platform::text::cut(wanted, 80);
                Err(WebError::NotFound(format!("There is no container {shown:?} (any more).")))
            }
            (Some(_), Some(_)) => Err(WebError::Conflict(format!(
                "{wanted:?} stands for several containers: give more of the id, or ?engine="
            ))),
        }
    }

    /// The other containers of a project on the same engine, at most a hundred.
    pub fn of_project(&self, project: &str, except: &Container) -> Vec<Arc<Container>> {
        let Some(engine) = self.engine_of(except) else { return Vec::new() };
        let snapshot = engine.mirror.snapshot();
        let members = snapshot.containers().iter().filter(|c| c.project.as_deref() == Some(project));
        members.filter(|c| c.id != except.id).take(100).cloned().collect()
    }

    /// The container that one of our own pages means: by its id or the beginning of it; a name that looks like the
    /// beginning of another container's id does not catch what was meant for that one.
    pub fn find_shown(&self, id: &str) -> Result<Arc<Container>, WebError> {
        if id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let snapshots: Vec<Arc<Snapshot>> =
                self.engines.iter().map(|engine| engine.mirror.snapshot()).collect();
            let mut found = snapshots.iter().flat_map(|snapshot| snapshot.by_prefix(id).take(2));
            if let (Some(container), None) = (found.next(), found.next()) {
                return Ok(container.clone());
            }
        }
        self.find(id, None)
    }

    /// The containers of a project on all engines.
    pub fn members(&self, project: &str) -> Vec<Arc<Container>> {
        let snapshots: Vec<Arc<Snapshot>> =
            self.engines.iter().map(|engine| engine.mirror.snapshot()).collect();
        let all = snapshots.iter().flat_map(|snapshot| snapshot.containers().iter());
        all.filter(|container| container.project.as_deref() == Some(project)).cloned().collect()
    }

    /// What the API says of a container, for those who may only look with what looks like a secret `masked`.
    pub(super) fn view<'a>(&self, container: &'a Container, masked: bool) -> ContainerView<'a> {
        let sample = self.engine_of(container).and_then(|engine| engine.stats.of(&container.id));
        let stats = sample.and_then(|sample| StatsView::of(&sample));
        ContainerView::of(container, masked).with_stats(stats).with_stale(self.is_stale(&container.id))
    }

    /// The engine a container runs on.
    pub fn engine_of(&self, container: &Container) -> Option<&Arc<Engine>> {
        self.engines.get(container.engine.as_str())
    }

    /// A container as it is now; as the mirror has it when the engine does not say.
    pub async fn fresh(&self, container: &Arc<Container>) -> Arc<Container> {
        let Some(engine) = self.engine_of(container) else { return container.clone() };
        match engine.fresh(&container.id, INSPECT_WITHIN).await {
            Ok(fresh) => Arc::new(fresh),
            Err(_) => engine.mirror.snapshot().by_id(&container.id).unwrap_or(container).clone(),
        }
    }

    /// All that Docker says of a container; `None` when the mirror says that the engine is down.
    pub async fn inspect_json(
        &self,
        container: &Container,
    ) -> Option<Result<serde_json::Value, EngineError>> {
        let engine = self.engine_of(container)?;
        if !engine.mirror.snapshot().is_up() {
            return None;
        }
        Some(engine.client.inspect_json(&container.id, INSPECT_WITHIN).await)
    }

    /// What only inspect knows of a container; `None` when the mirror says that the engine is down.
    pub async fn inspect(
        &self,
        container: &Container,
    ) -> Option<Result<ContainerInspectResponse, EngineError>> {
        let engine = self.engine_of(container)?;
        if !engine.mirror.snapshot().is_up() {
            return None;
        }
        Some(engine.client.inspect(&container.id, INSPECT_WITHIN).await)
    }
}

/// Sorts places. A snapshot is in the order of names already, so that what is equal but for its name is.
fn in_order(listed: &Listed, mut order: Vec<(u32, u32)>, sort: Sort) -> Vec<(u32, u32)> {
    let one_engine = listed.engines.len() == 1;
    match sort.by {
        SortBy::Name if one_engine => {}
        // Keys beside the places: comparing containers would fetch each of them many times.
        SortBy::State if one_engine => {
            let ranked = order.into_iter().map(|place| (listed.at(place).map(|c| query::rank(c)), place));
            let mut ranked: Vec<_> = ranked.collect();
            ranked.sort_unstable();
            order = ranked.into_iter().map(|(_, place)| place).collect();
        }
        _ => {
            let ascending = Sort { descending: false, ..sort };
            order.sort_unstable_by(|a, b| match (listed.at(*a), listed.at(*b)) {
                (Some(a), Some(b)) => ascending.compare(a, b),
                _ => std::cmp::Ordering::Equal,
            });
        }
    }
    if sort.descending {
        order.reverse();
    }
    order
}
