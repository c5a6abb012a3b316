//! What was measured of one engine: the newest sample of each container, and the last hour of it.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::host::Disk;
use super::sample::{Point, Sample};
use super::sampler::stretched;
use crate::docker::types::Container;

/// How long points are kept, seconds.
pub const KEPT_SECONDS: i64 = 3_600;
const HOUR: Duration = Duration::from_secs(3_600);
/// How many points there are at most over all containers (36 MB), and for one however many there are.
const MOST_POINTS: usize = 1_000_000;
const FEWEST_EACH: usize = 360;
/// How many containers that no longer run keep their points.
const MOST_GONE: usize = 2_000;

/// The newest samples, by full container id.
pub type Latest = HashMap<Arc<str>, Arc<Sample>>;

/// What was measured of one engine. The sampler writes it; everybody reads.
pub struct Board {
    latest: ArcSwap<Latest>,
    tracks: RwLock<HashMap<Arc<str>, Track>>,
    host: RwLock<HostTrack>,
    state: ArcSwap<State>,
    /// Until when the time between two measurements was longer, and how long.
    slow: ArcSwap<Option<(Instant, Duration)>>,
    changed: watch::Sender<u64>,
}

/// The last hour of one container.
#[derive(Debug)]
struct Track {
    /// What its history hangs on (`Container::subject_key`).
    key: Arc<str>,
    points: VecDeque<Point>,
    /// Whether it was measured in the last round.
    runs: bool,
}

/// The last hour of one container, for who keeps history.
#[derive(Debug)]
pub struct Stretch {
    /// What its history hangs on.
    pub key: Arc<str>,
    /// Its full id.
    pub id: Arc<str>,
    /// Its points, oldest first.
    pub points: Vec<Point>,
}

/// How the measuring goes.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Where the numbers come from.
    pub method: Method,
    /// The last whole round; `None` before the first.
    pub round: Option<Round>,
    /// The interval that is set; `None` when measuring is off.
    pub every: Option<Duration>,
    /// Where the host's processes were seen.
    pub proc: Option<Arc<Path>>,
}

/// Where the numbers come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Method {
    /// Nothing was measured yet.
    #[default]
    Unknown,
    /// The containers' cgroups, of this version.
    Cgroups(u8),
    /// The engine's API; why the cgroups cannot be read, in a sentence.
    Api(String),
}

/// One round over all containers.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many containers it measured.
    pub containers: usize,
    /// How many did not answer in time.
    pub missed: usize,
}

impl State {
    /// How far apart rounds really are, when one takes longer than the interval that is set.
    pub fn stretched(&self) -> Option<Duration> {
        let (every, round) = (self.every?, self.round?);
        let needed = stretched(round.took);
        (needed > every).then_some(needed)
    }
}

/// The host at one moment.
#[derive(Debug, Clone, Copy)]
pub struct HostPoint {
    /// When, ms since the epoch.
    pub at: i64,
    /// Percent of one core; `None` at the first reading.
    pub cpu_percent: Option<f64>,
    /// The average length of the run queue over a minute.
    pub load: Option<f64>,
    /// Bytes in use.
    pub memory_bytes: Option<u64>,
    /// Bytes of swap in use.
    pub swap_bytes: Option<u64>,
    /// Bytes a second received and sent.
    pub network: Option<(f64, f64)>,
}

/// The host now.
#[derive(Debug, Clone, Default)]
pub struct HostNow {
    /// The newest point.
    pub point: Option<HostPoint>,
    /// Cores.
    pub cores: u32,
    /// Load over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Bytes of memory there are.
    pub memory_total: Option<u64>,
    /// Bytes of swap there are.
    pub swap_total: Option<u64>,
    /// CPU time since the start of the host, seconds.
    pub cpu_seconds: Option<f64>,
    /// Bytes received and sent since the start of the host.
    pub network_total: Option<(u64, u64)>,
    /// The file systems that Docker uses.
    pub disks: Vec<Disk>,
    /// Why nothing is known of the host; empty when something is.
    pub unknown: String,
}

#[derive(Default)]
struct HostTrack {
    now: HostNow,
    points: VecDeque<HostPoint>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            latest: ArcSwap::default(),
            tracks: RwLock::default(),
            host: RwLock::default(),
            state: ArcSwap::default(),
            slow: ArcSwap::from_pointee(None),
            changed: watch::channel(0).0,
        }
    }
}

impl Board {
    /// The newest samples. A container that is not measured (any more) is not among them.
    pub fn latest(&self) -> Arc<Latest> {
        self.latest.load_full()
    }

    /// The newest sample of one container.
    pub fn of(&self, id: &str) -> Option<Arc<Sample>> {
        self.latest.load().get(id).cloned()
    }

    /// How the measuring goes.
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Wakes when there are new samples.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The points of one container id since a time (ms), oldest first.
    pub fn points(&self, id: &str, since: i64) -> Vec<Point> {
        self.read().get(id).map(|track| track.since(since).copied().collect()).unwrap_or_default()
    }

    /// The points of a container, and of those before it in its place, since a time (ms), oldest first.
    pub fn points_of_key(&self, key: &str, since: i64) -> Vec<Point> {
        let tracks = self.read();
        let of_key = tracks.values().filter(|track| track.key.as_ref() == key);
        let mut points: Vec<Point> = of_key.flat_map(|track| track.since(since).copied()).collect();
        drop(tracks);
        points.sort_by_key(Point::at_ms);
        points
    }

    /// The points of every container within a time (ms; the end is not part of it), oldest first.
    pub fn stretches(&self, since: i64, until: i64) -> Vec<Stretch> {
        let tracks = self.read();
        let stretches = tracks.iter().map(|(id, track)| Stretch {
            key: track.key.clone(),
            id: id.clone(),
            points: track.since(since).take_while(|point| point.at_ms() < until).copied().collect(),
        });
        stretches.filter(|stretch| !stretch.points.is_empty()).collect()
    }

    /// The longest time between two measurements that is no hole, within the last hour.
    pub fn slowest(&self) -> Duration {
        let state = self.state();
        let now = state.stretched().or(state.every).unwrap_or_default();
        let before = *self.slow.load_full();
        before.filter(|(until, _)| until.elapsed() < HOUR).map_or(now, |(_, slow)| slow.max(now))
    }

    /// The host now.
    pub fn host(&self) -> HostNow {
        self.host.read().unwrap_or_else(PoisonError::into_inner).now.clone()
    }

    /// The points of the host since a time (ms), oldest first.
    pub fn host_points(&self, since: i64) -> Vec<HostPoint> {
        let host = self.host.read().unwrap_or_else(PoisonError::into_inner);
        host.points.iter().filter(|point| point.at >= since).copied().collect()
    }

    /// Takes in what was measured. With `whole`, what is not among it does not run any more.
    pub(super) fn record(&self, measured: &[(Arc<Container>, Sample)], whole: bool, now: Timestamp) {
        let mut latest = Latest::clone(&self.latest.load());
        let mut tracks = self.write();
        if whole {
            let measured: std::collections::HashSet<&str> =
                measured.iter().map(|(container, _)| container.id.as_ref()).collect();
            latest.retain(|id, _| measured.contains(id.as_ref()));
            for (id, track) in tracks.iter_mut() {
                track.runs = measured.contains(id.as_ref());
            }
        }
        let most = (MOST_POINTS / tracks.len().max(1)).clamp(FEWEST_EACH, 4 * FEWEST_EACH + FEWEST_EACH);
        for (container, sample) in measured {
            latest.insert(container.id.clone(), Arc::new(sample.clone()));
            let key = container.subject_key();
            if let Some(old) = tracks.get(&container.id).filter(|track| track.key.as_ref() != key) {
                // Renamed: what it used until now stays with what it was.
                let id = Arc::from(format!("{} as {}", container.id, old.key));
                if let Some(track) = tracks.remove(&container.id) {
                    tracks.insert(id, Track { runs: false, ..track });
                }
            }
            let track = tracks.entry(container.id.clone()).or_insert_with(|| Track {
                key: Arc::from(key),
                points: VecDeque::new(),
                runs: true,
            });
            track.runs = true;
            track.push(Point::of(sample), most);
        }
        if whole {
            forget(&mut tracks, now.as_millisecond() - KEPT_SECONDS * 1000);
        }
        drop(tracks);
        self.latest.store(Arc::new(latest));
        self.changed.send_modify(|n| *n += 1);
    }

    /// Takes out what has ended.
    pub(super) fn end(&self, still_runs: impl Fn(&str) -> bool) {
        let latest = self.latest.load();
        if latest.keys().all(|id| still_runs(id)) {
            return;
        }
        let kept = latest.iter().filter(|(id, _)| still_runs(id)).map(|(id, s)| (id.clone(), s.clone()));
        self.latest.store(Arc::new(kept.collect()));
        self.changed.send_modify(|n| *n += 1);
    }

    /// Notes how the measuring goes.
    pub(super) fn set_state(&self, state: State) {
        let before = self.slowest();
        let after = state.stretched().or(state.every).unwrap_or_default();
        if after < before
            && self.slow.load().is_none_or(|(until, slow)| until.elapsed() >= HOUR || slow < before)
        {
            self.slow.store(Arc::new(Some((Instant::now(), before))));
        }
        self.state.store(Arc::new(state));
    }

    /// Takes in how the host is.
    pub(super) fn record_host(&self, now: HostNow) {
        let mut host = self.host.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(point) = now.point {
            while host.points.back().is_some_and(|last| last.at > point.at) {
                host.points.pop_back();
            }
            let old = point.at - KEPT_SECONDS * 1000;
            while host.points.front().is_some_and(|first| first.at < old) {
                host.points.pop_front();
            }
            host.points.push_back(point);
        }
        host.now = now;
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Track>> {
        self.tracks.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Track>> {
        self.tracks.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Track {
    fn push(&mut self, point: Point, most: usize) {
        let at = point.at_ms();
        // The clock was set back: what lies in the future now would come before the past.
        while self.points.back().is_some_and(|last| last.at_ms() > at) {
            self.points.pop_back();
        }
        let old = at - KEPT_SECONDS * 1000;
        while self.points.front().is_some_and(|first| first.at_ms() < old) || self.points.len() >= most {
            self.points.pop_front();
        }
        // Doubling would leave half of it empty.
        if self.points.len() == self.points.capacity() {
            self.points.reserve_exact(64);
        }
        self.points.push_back(point);
    }

    fn since(&self, since: i64) -> impl Iterator<Item = &Point> {
        let from = self.points.partition_point(|point| point.at_ms() < since);
        self.points.iter().skip(from)
    }
}

/// Forgets what ended more than an hour ago, and the oldest of what is too much.
fn forget(tracks: &mut HashMap<Arc<str>, Track>, before: i64) {
    let last = |track: &Track| track.points.back().map_or(i64::MIN, Point::at_ms);
    tracks.retain(|_, track| track.runs || last(track) >= before);
    let gone = tracks.values().filter(|track| !track.runs).count();
    if gone > MOST_GONE {
        let mut ends: Vec<i64> = tracks.values().filter(|track| !track.runs).map(last).collect();
        ends.sort_unstable();
        let limit = ends.get(gone - MOST_GONE).copied().unwrap_or(i64::MAX);
        tracks.retain(|_, track| track.runs || last(track) >= limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::from_list;
    use crate::docker::stats::reading::Reading;
    use crate::docker::wire::ListEntry;
    use crate::platform::clock::from_ms;
    use crate::platform::ids::EngineId;

    fn container(id: &str, name: &str) -> Arc<Container> {
        let entry = ListEntry { id: id.to_owned(), names: vec![format!("/{name}")], ..ListEntry::default() };
        Arc::new(from_list::container(&EngineId::local(), entry, None, from_ms(0)))
    }

    fn sample(second: i64) -> Sample {
        Sample { at: from_ms(second * 1000), reading: Reading::default(), rates: None }
    }

    fn record(board: &Board, seconds: &[i64], container: &Arc<Container>) {
        for second in seconds {
            board.record(&[(container.clone(), sample(*second))], true, from_ms(second * 1000));
        }
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let (board, web) = (Board::default(), container("aa", "web"));
        record(&board, &[10_000, 10_010, 13_605, 13_615], &web);
        let at: Vec<i64> = board.points("aa", 0).iter().map(|point| point.at_ms() / 1000).collect();
        assert_eq!(at, [13_605, 13_615]);
        assert_eq!(board.points("aa", 13_610_000).len(), 1);
    }

    #[test]
    fn what_was_recreated_goes_on_under_the_same_key() {
        let board = Board::default();
        record(&board, &[10, 20], &container("aa", "web"));
        record(&board, &[30, 40], &container("bb", "web"));
        assert_eq!(board.points_of_key("web", 0).len(), 4);
        assert!(board.of("aa").is_none() && board.of("bb").is_some(), "only what runs has a sample");
        record(&board, &[5_000], &container("bb", "web"));
        assert_eq!(board.points("aa", 0).len(), 0, "what ended long ago is forgotten");
    }

    #[test]
    fn what_is_renamed_leaves_its_past_where_it_was() {
        let board = Board::default();
        record(&board, &[10, 20], &container("aa", "web"));
        record(&board, &[30], &container("aa", "web-old"));
        assert_eq!(board.points_of_key("web", 0).len(), 2);
        assert_eq!(board.points_of_key("web-old", 0).len(), 1);
        assert_eq!(board.points("aa", 0).len(), 1);
    }

    #[test]
    fn a_shorter_interval_makes_no_holes_of_the_hour_before() {
        let board = Board::default();
        let every = |seconds| State { every: Some(Duration::from_secs(seconds)), ..State::default() };
        board.set_state(every(60));
        assert_eq!(board.slowest(), Duration::from_secs(60));
        board.set_state(every(2));
        assert_eq!(board.slowest(), Duration::from_secs(60));
        board.set_state(every(300));
        assert_eq!(board.slowest(), Duration::from_secs(300));
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_future() {
        let (board, web) = (Board::default(), container("aa", "web"));
        record(&board, &[1_000, 1_010, 900], &web);
        let at: Vec<i64> = board.points("aa", 0).iter().map(|point| point.at_ms() / 1000).collect();
        assert_eq!(at, [900]);
    }
}
