//! Turns the minute that was measured into observations, and those into what is to be told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::docker::Engine;
use crate::docker::stats::sample::to_f64;
use crate::docker::types::Container;
use crate::features::settings::Settings;
use crate::features::stats::alerts::{Alert, Change, Facts, Observation, Rule, Thresholds};
use crate::features::stats::alerts_store;
use crate::features::stats::forecast;
use crate::features::stats::rollup::{Metric, Rollup};
use crate::features::stats::service::{Stats, disk, in_ms};
use crate::features::stats::store::{self, SubjectKey};
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;
use crate::platform::text;

/// How far back the growth of a disk is looked at, ms.
const GROWTH: i64 = 7 * 86_400_000;
/// A disk is told of when it was above for this long: a large file may be gone in a moment.
const DISK_FOR: Duration = Duration::from_secs(120);

/// Judges thresholds.
pub(super) struct Judge {
    now: Thresholds,
    /// What was crossed before the minute that is being written, should that fail.
    before: Vec<Alert>,
    /// Whether it was reckoned when disks are full.
    foretold: bool,
}

/// What a minute has brought.
#[derive(Default)]
pub(super) struct Judged {
    pub changes: Vec<Change>,
    /// To be written; only once in a quarter of an hour.
    pub disks: Vec<DiskNow>,
}

/// How full a disk is.
pub(super) struct DiskNow {
    pub subject: SubjectKey,
    pub used: u64,
    pub total: u64,
}

impl Judge {
    /// Goes on where the last run of the product ended.
    pub(super) async fn load(stats: &Stats) -> Result<Self, DbError> {
        let alerts = stats.db.read(alerts_store::load_alerts).await?;
        stats.alerts.store(Arc::new(alerts.clone()));
        Ok(Self { now: Thresholds::of(alerts), before: Vec::new(), foretold: false })
    }

    pub(super) fn alerts(&self) -> Vec<Alert> {
        self.now.alerts()
    }

    /// Nothing of the last minute was written.
    pub(super) fn take_back(&mut self) {
        self.now.take_back(std::mem::take(&mut self.before));
    }

    /// Judges the minute that ended at `now` (ms).
    pub(super) async fn minute(
        &mut self,
        stats: &Stats,
        now: i64,
        new_quarter: bool,
        rows: &[(SubjectKey, Vec<Rollup>)],
    ) -> Judged {
        self.before = self.now.alerts();
        let settings = stats.settings.current();
        if settings.stats_interval.is_none() {
            return Judged { changes: self.now.drop_all(), disks: Vec::new() };
        }
        let mut seen = Vec::new();
        let mut disks = Vec::new();
        let mut running: HashMap<SubjectKey, Arc<Container>> = HashMap::new();
        let mut blind = Vec::new();
        for engine in stats.engines.iter() {
            let snapshot = engine.mirror.snapshot();
            if !snapshot.is_up() {
                blind.push(engine.id.clone());
            }
            for container in snapshot.containers().iter().filter(|container| container.is_up()) {
                let subject =
                    SubjectKey { engine: engine.id.clone(), kind: "container", key: container.subject_key() };
                running.insert(subject, container.clone());
            }
            disks.extend(disks_of(engine));
        }
        for (subject, rollups) in rows {
            if let (Some(container), Some(rollup)) = (running.get(subject), rollups.last()) {
                seen.extend(container_minute(subject, container, rollup, &settings));
            }
        }
        if new_quarter || !std::mem::replace(&mut self.foretold, true) {
            self.foretell(stats, now, &disks).await;
        }
        let forecasts = stats.forecasts.load();
        for disk in &disks {
            seen.extend(disk_minute(disk, forecasts.get(&disk.subject).copied(), &settings));
        }
        let facts = MinuteFacts {
            interval: settings.stats_interval.map_or(0, in_ms),
            measured: rows.iter().map(|(subject, _)| subject).collect(),
            blind,
            running: &running,
            disks: &disks,
            settings: &settings,
        };
        let changes = self.now.minute(now, &seen, &facts);
        Judged { changes, disks: if new_quarter { disks } else { Vec::new() } }
    }

    async fn foretell(&self, stats: &Stats, now: i64, disks: &[DiskNow]) {
        let mut forecasts = HashMap::new();
        for disk in disks {
            let subject = disk.subject.clone();
            let read = stats.db.read(move |c| store::disk_history(c, &subject, now - GROWTH)).await;
            let days =
                read.ok().and_then(|history| forecast::days_until_full(&history, disk.used, disk.total));
            if let Some(days) = days {
                forecasts.insert(disk.subject.clone(), days);
            }
        }
        stats.forecasts.store(Arc::new(forecasts));
    }
}

/// What the judgement of a minute needs to know.
struct MinuteFacts<'a> {
    interval: i64,
    measured: HashSet<&'a SubjectKey>,
    /// Engines that are down: what runs there nobody knows.
    blind: Vec<EngineId>,
    running: &'a HashMap<SubjectKey, Arc<Container>>,
    disks: &'a [DiskNow],
    settings: &'a Settings,
}

impl Facts for MinuteFacts<'_> {
    fn interval(&self) -> i64 {
        self.interval
    }

    fn runs(&self, subject: &SubjectKey) -> bool {
        self.blind.contains(&subject.engine)
            || self.running.contains_key(subject)
            // Not looked at yet, after a start.
            || (subject.kind == "disk" && self.disks.is_empty())
            || self.disks.iter().any(|disk| disk.subject == *subject)
    }

    fn is_measured(&self, subject: &SubjectKey) -> bool {
        self.measured.contains(subject)
    }

    fn is_watched(&self, rule: Rule) -> bool {
        threshold(rule, self.settings).is_some()
    }
}

fn disks_of(engine: &Engine) -> Vec<DiskNow> {
    let host = engine.stats.host();
    let disks = host.disks.into_iter().map(|found| DiskNow {
        subject: disk(&engine.id, &found.mount),
        used: found.used_bytes,
        total: found.total_bytes,
    });
    disks.collect()
}

/// Where a rule is crossed; `None` when it is off.
fn threshold(rule: Rule, settings: &Settings) -> Option<f64> {
    let set = match rule {
        Rule::Memory => settings.alert_memory_percent,
        Rule::Cpu => settings.alert_cpu_percent,
        Rule::DiskWarning => settings.alert_disk_warning_percent,
        Rule::DiskError => settings.alert_disk_error_percent,
        Rule::DiskFullSoon => settings.alert_disk_full_days,
    };
    set.map(f64::from)
}

fn container_minute(
    subject: &SubjectKey,
    container: &Container,
    rollup: &Rollup,
    settings: &Settings,
) -> Vec<Observation> {
    let observe = |rule, value, needed, words| {
        Some(Observation {
            subject: subject.clone(),
            name: container.name.clone(),
            id: container.id.to_string(),
            rule,
            value,
            threshold: threshold(rule, settings)?,
            needed,
            words,
        })
    };
    let memory = rollup.get(Metric::Memory).zip(rollup.memory_limit).and_then(|(memory, limit)| {
        let words = format!("{} of {}", text::bytes(to_u64(memory.avg)), text::bytes(limit));
        let percent = memory.avg / to_f64(limit.max(1)) * 100.0;
        observe(Rule::Memory, percent, settings.alert_memory_for, words)
    });
    let cpu = rollup
        .get(Metric::Cpu)
        .and_then(|cpu| observe(Rule::Cpu, cpu.avg, settings.alert_cpu_for, text::percent(cpu.avg)));
    memory.into_iter().chain(cpu).collect()
}

fn disk_minute(disk: &DiskNow, days: Option<f64>, settings: &Settings) -> Vec<Observation> {
    let percent = to_f64(disk.used) / to_f64(disk.total.max(1)) * 100.0;
    let words = format!(
        "{} of {} are used, {}",
        text::bytes(disk.used),
        text::bytes(disk.total),
        text::percent(percent)
    );
    let observe = |rule, value, needed| {
        Some(Observation {
            subject: disk.subject.clone(),
            name: disk.subject.key.clone(),
            id: disk.subject.key.clone(),
            rule,
            value,
            threshold: threshold(rule, settings)?,
            needed,
            words: words.clone(),
        })
    };
    // A disk that does not grow is full never.
    let soon = observe(Rule::DiskFullSoon, days.unwrap_or(f64::INFINITY), Duration::ZERO);
    let full = [Rule::DiskWarning, Rule::DiskError].map(|rule| observe(rule, percent, DISK_FOR));
    full.into_iter().chain([soon]).flatten().collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes are positive")]
fn to_u64(value: f64) -> u64 {
    value.max(0.0) as u64
}
