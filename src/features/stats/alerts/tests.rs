use super::*;
use crate::platform::ids::EngineId;

struct Told {
    interval: i64,
    runs: bool,
    measured: bool,
    watched: bool,
}

const ALL: Told = Told { interval: 10_000, runs: true, measured: false, watched: true };

impl Facts for Told {
    fn interval(&self) -> i64 {
        self.interval
    }
    fn runs(&self, _: &SubjectKey) -> bool {
        self.runs
    }
    fn is_measured(&self, _: &SubjectKey) -> bool {
        self.measured
    }
    fn is_watched(&self, _: Rule) -> bool {
        self.watched
    }
}

fn web(rule: Rule, value: f64) -> Observation {
    Observation {
        subject: SubjectKey { engine: EngineId::local(), kind: "container", key: "web".to_owned() },
        name: "web".to_owned(),
        id: "abc".to_owned(),
        rule,
        value,
        threshold: 90.0,
        needed: Duration::from_secs(300),
        words: "460 MB of 512 MB".to_owned(),
    }
}

fn minutes(thresholds: &mut Thresholds, from: i64, values: &[f64]) -> Vec<(i64, Change)> {
    let mut all = Vec::new();
    for (minute, value) in (from..).zip(values) {
        let changes = thresholds.minute(minute * MINUTE, &[web(Rule::Memory, *value)], &ALL);
        all.extend(changes.into_iter().map(|change| (minute, change)));
    }
    all
}

#[test]
fn a_threshold_is_told_once_after_its_time() {
    let mut thresholds = Thresholds::default();
    let changes = minutes(&mut thresholds, 1, &[95.0; 20]);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].0, 5, "five whole minutes");
    let event = changes[0].1.event(0).unwrap();
    assert_eq!((event.kind.as_ref(), event.severity), ("container.memory_high", Severity::Warning));
    assert_eq!(
        event.message,
        "web has used over 90\u{a0}% of its memory limit for 5\u{a0}min: 460 MB of 512 MB"
    );
}

#[test]
fn what_goes_up_and_down_does_not_flap() {
    let mut thresholds = Thresholds::default();
    assert!(minutes(&mut thresholds, 1, &[95.0, 95.0, 95.0, 95.0, 80.0, 95.0, 95.0, 95.0]).is_empty());
    minutes(&mut thresholds, 20, &[95.0; 5]);
    assert_eq!(thresholds.alerts().len(), 1);
    assert!(minutes(&mut thresholds, 25, &[87.0, 89.0, 95.0, 86.0, 80.0, 80.0, 87.0]).is_empty());
    let changes = minutes(&mut thresholds, 32, &[50.0; 10]);
    assert_eq!(changes.len(), 1, "told once that it is over");
    assert!(matches!(changes[0].1, Change::Cleared(..)));
    assert_eq!(changes[0].1.event(0).unwrap().kind, "container.memory_high_resolved");
}

#[test]
fn a_hole_begins_the_time_anew() {
    let mut thresholds = Thresholds::default();
    minutes(&mut thresholds, 1, &[95.0; 4]);
    assert!(minutes(&mut thresholds, 9, &[95.0; 4]).is_empty());
    assert_eq!(minutes(&mut thresholds, 13, &[95.0]).len(), 1);
}

#[test]
fn a_restart_does_not_tell_again() {
    let mut before = Thresholds::default();
    minutes(&mut before, 1, &[95.0; 5]);
    let mut after = Thresholds::of(before.alerts());
    assert!(minutes(&mut after, 6, &[95.0; 10]).is_empty());
}

#[test]
fn what_ended_is_over_and_what_is_switched_off_is_dropped() {
    let mut thresholds = Thresholds::default();
    minutes(&mut thresholds, 1, &[95.0; 5]);
    assert!(thresholds.minute(6 * MINUTE, &[], &ALL).is_empty(), "a hole");
    let changes = thresholds.minute(7 * MINUTE, &[], &Told { runs: false, ..ALL });
    assert!(matches!(changes.as_slice(), [Change::Cleared(..)]), "{changes:?}");
    minutes(&mut thresholds, 10, &[95.0; 5]);
    // It stopped within the minute: what it did before was measured.
    let changes = thresholds.minute(15 * MINUTE, &[], &Told { runs: false, measured: true, ..ALL });
    assert!(matches!(changes.as_slice(), [Change::Cleared(..)]), "{changes:?}");
    minutes(&mut thresholds, 20, &[95.0; 5]);
    let changes = thresholds.minute(25 * MINUTE, &[], &Told { watched: false, ..ALL });
    assert!(matches!(changes.as_slice(), [Change::Dropped(_)]), "{changes:?}");
}

#[test]
fn a_disk_that_is_almost_full_is_not_told_as_filling_as_well() {
    let mut thresholds = Thresholds::default();
    let disk = |rule| Observation { needed: Duration::ZERO, ..web(rule, 97.0) };
    let changes = thresholds.minute(MINUTE, &[disk(Rule::DiskWarning), disk(Rule::DiskError)], &ALL);
    let told: Vec<_> = changes.iter().filter_map(|change| change.event(0)).collect();
    assert_eq!(changes.len(), 2);
    assert_eq!(told.iter().map(|event| event.kind.as_ref()).collect::<Vec<_>>(), ["disk.almost_full"]);
}

#[test]
fn an_interval_of_minutes_is_no_hole() {
    let mut thresholds = Thresholds::default();
    let slow = Told { interval: 2 * MINUTE, ..ALL };
    let mut told = 0;
    for minute in 1..=20 {
        let seen = [web(Rule::Memory, 95.0)];
        let seen = if minute % 2 == 0 { &seen[..] } else { &[] };
        told += thresholds.minute(minute * MINUTE, seen, &slow).len();
    }
    assert_eq!(told, 1);
}

#[test]
fn a_limit_that_was_taken_away_is_no_longer_close() {
    let mut thresholds = Thresholds::default();
    minutes(&mut thresholds, 1, &[95.0; 5]);
    let changes = thresholds.minute(6 * MINUTE, &[], &Told { measured: true, ..ALL });
    assert!(matches!(changes.as_slice(), [Change::Dropped(_)]), "{changes:?}");
}

#[test]
fn a_minute_that_could_not_be_written_is_told_with_the_next() {
    let mut thresholds = Thresholds::default();
    minutes(&mut thresholds, 1, &[95.0; 4]);
    let before = thresholds.alerts();
    assert_eq!(minutes(&mut thresholds, 5, &[95.0]).len(), 1);
    thresholds.take_back(before);
    assert_eq!(minutes(&mut thresholds, 6, &[95.0]).len(), 1);
}
