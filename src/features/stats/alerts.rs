//! Thresholds as facts: what was over its threshold for long enough is told once, and once when it is over.
//!
//! No flapping: a threshold is crossed when every minute of its time was above it, and left when every minute of
//! five was well below.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;

use super::service::in_ms;
use super::store::{MINUTE, SubjectKey};
use crate::platform::clock::from_ms;
use crate::platform::journal::{NewEvent, Severity, Source, Subject};
use crate::platform::text;

/// How long something is well below its threshold before that is told, ms.
const CALM: i64 = 5 * MINUTE;
/// Two observations further apart than this have a hole between them, ms; with an interval of more than a minute, two
/// and a half of those.
const HOLE: i64 = 2 * MINUTE + MINUTE / 2;

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Memory in percent of the limit.
    Memory,
    /// CPU in percent of one core.
    Cpu,
    /// A disk, in percent: filling.
    DiskWarning,
    /// A disk, in percent: almost full.
    DiskError,
    /// A disk that will be full in some days.
    DiskFullSoon,
}

impl Rule {
    const ALL: [Self; 5] = [Self::Memory, Self::Cpu, Self::DiskWarning, Self::DiskError, Self::DiskFullSoon];

    /// Its word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::DiskWarning => "disk_warning",
            Self::DiskError => "disk_error",
            Self::DiskFullSoon => "disk_full_soon",
        }
    }

    /// The rule of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }

    /// The kind of the event that tells of it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Memory => "container.memory_high",
            Self::Cpu => "container.cpu_high",
            Self::DiskWarning => "disk.filling",
            Self::DiskError => "disk.almost_full",
            Self::DiskFullSoon => "disk.full_soon",
        }
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        if self == Self::DiskError { Severity::Error } else { Severity::Warning }
    }

    /// Whether a value is so far on the good side of a threshold that it counts as left.
    fn is_calm(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Memory => value < threshold - 5.0,
            Self::Cpu => value < threshold * 0.8,
            Self::DiskWarning | Self::DiskError => value < threshold - 3.0,
            // Days: more of them are better.
            Self::DiskFullSoon => value > threshold * 1.5,
        }
    }

    fn is_crossed(self, value: f64, threshold: f64) -> bool {
        if self == Self::DiskFullSoon { value <= threshold } else { value >= threshold }
    }
}

/// What was measured of something that has a threshold.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What it belongs to.
    pub subject: SubjectKey,
    /// Its name now.
    pub name: String,
    /// Its id now: a container's, or a mount point.
    pub id: String,
    /// What is watched.
    pub rule: Rule,
    /// Percent, or days.
    pub value: f64,
    /// Where it is crossed.
    pub threshold: f64,
    /// How long it must be.
    pub needed: Duration,
    /// What it is of what, in words: `460 MB of 512 MB`.
    pub words: String,
}

/// A threshold that is crossed.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What it belongs to.
    pub subject: SubjectKey,
    /// What is watched.
    pub rule: Rule,
    /// Since when, ms.
    pub since: i64,
    /// The subject's name.
    pub name: String,
    /// Percent, or days; rounded.
    pub value: i64,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A threshold was crossed; with its event, unless a worse one tells the same.
    Raised(Alert, Option<Box<Told>>),
    /// It was left.
    Cleared(Alert, Box<Told>),
    /// Nobody watches it any more.
    Dropped(Alert),
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    message: String,
    id: String,
    data: serde_json::Value,
}

#[derive(Debug, Default)]
struct Streak {
    over_since: Option<i64>,
    calm_since: Option<i64>,
    last: i64,
}

/// Everything that is watched.
#[derive(Debug, Default)]
pub struct Thresholds {
    raised: HashMap<(SubjectKey, Rule), Alert>,
    streaks: HashMap<(SubjectKey, Rule), Streak>,
}

/// What a judgement needs to know beside what was observed.
pub trait Facts {
    /// The time between two measurements, ms.
    fn interval(&self) -> i64;
    /// Whether a subject without an observation still runs.
    fn runs(&self, subject: &SubjectKey) -> bool;
    /// Whether it was measured in this minute.
    fn is_measured(&self, subject: &SubjectKey) -> bool;
    /// Whether a rule is on.
    fn is_watched(&self, rule: Rule) -> bool;
}

impl Thresholds {
    /// Goes on with what was crossed before a restart.
    pub fn of(alerts: Vec<Alert>) -> Self {
        let raised = alerts.into_iter().map(|alert| ((alert.subject.clone(), alert.rule), alert)).collect();
        Self { raised, streaks: HashMap::new() }
    }

    /// Takes back what a minute has changed: it could not be written. How long something lasts is still known.
    pub fn take_back(&mut self, before: Vec<Alert>) {
        self.raised = Self::of(before).raised;
    }

    /// Nothing is measured any more: nothing is crossed.
    pub fn drop_all(&mut self) -> Vec<Change> {
        self.streaks.clear();
        self.raised.drain().map(|(_, alert)| Change::Dropped(alert)).collect()
    }

    /// What is crossed now, oldest first.
    pub fn alerts(&self) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self.raised.values().cloned().collect();
        alerts.sort_by(|a, b| (a.since, &a.subject.key).cmp(&(b.since, &b.subject.key)));
        alerts
    }

    /// Takes in what was measured in the minute that ended at `now` (ms).
    pub fn minute(&mut self, now: i64, observations: &[Observation], facts: &impl Facts) -> Vec<Change> {
        let mut changes = Vec::new();
        let hole = HOLE.max(facts.interval() * 5 / 2);
        let mut seen = HashSet::new();
        // The worse rule first: it decides whether the milder one is told.
        let mut in_order: Vec<&Observation> = observations.iter().collect();
        in_order.sort_by_key(|observation| std::cmp::Reverse(observation.rule.severity()));
        for observation in in_order {
            let key = (observation.subject.clone(), observation.rule);
            seen.insert(key.clone());
            let streak = self.streaks.entry(key.clone()).or_default();
            streak.take(now, observation, hole);
            let over_long = streak.over_since.is_some_and(|since| now - since >= in_ms(observation.needed));
            let calm_long = streak.calm_since.is_some_and(|since| now - since >= CALM);
            if let Some(alert) = self.raised.get_mut(&key) {
                if observation.value.is_finite() {
                    alert.value = rounded(observation.value);
                }
                if calm_long && let Some(alert) = self.raised.remove(&key) {
                    let told = Box::new(cleared(&alert, observation.id.clone(), now, observation));
                    changes.push(Change::Cleared(alert, told));
                }
            } else if over_long {
                let alert = Alert {
                    subject: observation.subject.clone(),
                    rule: observation.rule,
                    since: streak.over_since.unwrap_or(now),
                    name: observation.name.clone(),
                    value: rounded(observation.value),
                };
                let worse = (observation.subject.clone(), Rule::DiskError);
                let told_already = observation.rule == Rule::DiskWarning && self.raised.contains_key(&worse);
                let told = (!told_already).then(|| Box::new(raised(observation)));
                self.raised.insert(key, alert.clone());
                changes.push(Change::Raised(alert, told));
            }
        }
        let unseen: Vec<_> = self.raised.keys().filter(|key| !seen.contains(*key)).cloned().collect();
        for key in unseen {
            // A limit that was taken away, say: measured, and nothing to compare it with.
            // What stopped within the minute was measured as well, and has ended.
            let runs = facts.runs(&key.0);
            let off = !facts.is_watched(key.1) || (runs && facts.is_measured(&key.0));
            if (off || !runs)
                && let Some(alert) = self.raised.remove(&key)
            {
                // A disk that no container uses any more is nobody's concern.
                if off || alert.subject.kind == "disk" {
                    changes.push(Change::Dropped(alert));
                } else {
                    let told = Told {
                        message: format!("{}: it does not run any more", over(&alert)),
                        id: String::new(),
                        data: json!({"for_seconds": (now - alert.since) / 1000}),
                    };
                    changes.push(Change::Cleared(alert, Box::new(told)));
                }
            }
        }
        // With a long interval there are minutes without a measurement.
        self.streaks.retain(|_, streak| now - streak.last <= hole);
        changes
    }
}

impl Streak {
    fn take(&mut self, now: i64, observation: &Observation, hole: i64) {
        // A clock that was set back begins anew as well.
        if now - self.last > hole || now <= self.last {
            *self = Self::default();
        }
        self.last = now;
        // The minute that has just ended counts.
        let begin = now - MINUTE;
        let Observation { rule, value, threshold, .. } = observation;
        if rule.is_crossed(*value, *threshold) {
            self.over_since.get_or_insert(begin);
        } else {
            self.over_since = None;
        }
        if rule.is_calm(*value, *threshold) {
            self.calm_since.get_or_insert(begin);
        } else {
            self.calm_since = None;
        }
    }
}

impl Change {
    /// The event that tells of it, if one does.
    pub fn event(&self, now: i64) -> Option<NewEvent> {
        let (alert, told, kind, severity) = match self {
            Self::Raised(alert, Some(told)) => {
                (alert, told, alert.rule.kind().to_owned(), alert.rule.severity())
            }
            Self::Cleared(alert, told) => {
                (alert, told, format!("{}_resolved", alert.rule.kind()), Severity::Info)
            }
            Self::Raised(_, None) | Self::Dropped(_) => return None,
        };
        let mut event = NewEvent::new(Source::Stats, kind, told.message.clone())
            .engine(&alert.subject.engine)
            .severity(severity)
            .data(told.data.clone());
        event.at = Some(now);
        event.subject = Subject {
            kind: alert.subject.kind.to_owned(),
            id: told.id.clone(),
            name: alert.name.clone(),
            key: Some(alert.subject.key.clone()),
        };
        Some(event)
    }
}

fn raised(seen: &Observation) -> Told {
    let (name, words, for_long) = (&seen.name, &seen.words, span(in_ms(seen.needed)));
    let threshold = rounded(seen.threshold);
    let message = match seen.rule {
        Rule::Memory => {
            format!("{name} has used over {threshold}\u{a0}% of its memory limit for {for_long}: {words}")
        }
        Rule::Cpu => format!("{name} has used over {threshold}\u{a0}% of a core for {for_long}: {words}"),
        Rule::DiskWarning => format!("The disk at {name} is filling up: {words}"),
        Rule::DiskError => format!("The disk at {name} is almost full: {words}"),
        Rule::DiskFullSoon => {
            format!("The disk at {name} will be full in {} at the current rate: {words}", days(seen.value))
        }
    };
    let data = json!({
        "value": round_tenth(seen.value),
        "threshold": threshold,
        "for_seconds": seen.needed.as_secs(),
    });
    Told { message, id: seen.id.clone(), data }
}

fn cleared(alert: &Alert, id: String, now: i64, seen: &Observation) -> Told {
    let message = format!("{}, after {}: {}", over(alert), span(now - alert.since), seen.words);
    Told {
        message,
        id,
        data: json!({"value": round_tenth(seen.value), "for_seconds": (now - alert.since) / 1000}),
    }
}

fn over(alert: &Alert) -> String {
    let name = &alert.name;
    match alert.rule {
        Rule::Memory => format!("{name} is no longer close to its memory limit"),
        Rule::Cpu => format!("{name} no longer uses that much CPU"),
        Rule::DiskWarning => format!("The disk at {name} has room again"),
        Rule::DiskError => format!("The disk at {name} is no longer almost full"),
        Rule::DiskFullSoon => format!("The disk at {name} does not fill up as fast any more"),
    }
}

/// `6 days`, or `less than a day`.
pub fn days(days: f64) -> String {
    if days < 1.0 {
        return "less than a day".to_owned();
    }
    text::count(usize::try_from(rounded(days.floor())).unwrap_or_default(), "day").replace(' ', "\u{a0}")
}

fn span(ms: i64) -> String {
    text::between(from_ms(0), from_ms(ms))
}

#[expect(clippy::cast_possible_truncation, reason = "percent and days")]
fn rounded(value: f64) -> i64 {
    value.round() as i64
}

fn round_tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
