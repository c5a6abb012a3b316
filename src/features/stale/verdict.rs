//! Is a container stale, and why? Reasons, not a flag.

use std::time::Duration;

use crate::docker::types::{Container, Health, State};
use crate::features::settings::Settings;
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::platform::units::parse_duration;

/// The label that excepts a container.
pub const IGNORE: &str = "docker-watcher.stale.ignore";
/// The label that gives a container a threshold of its own.
pub const AFTER: &str = "docker-watcher.stale.after";
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// From when on something is stale, ms; `None`: that is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Not alive.
    pub stopped: i64,
    /// Created and never started.
    pub never_started: Option<i64>,
    /// Docker could not start it.
    pub failed_to_start: Option<i64>,
    /// Restarted again and again.
    pub restarting: Option<i64>,
    /// Docker failed to remove it.
    pub dead: Option<i64>,
    /// Runs with a failing health check.
    pub unhealthy: Option<i64>,
    /// Ended with an error, and a newer container of its service is there.
    pub superseded: Option<i64>,
}

impl Rules {
    /// What admins have set.
    pub fn of(settings: &Settings) -> Self {
        let days = |days: Option<u32>| days.map(|days| i64::from(days) * DAY);
        let hours = |hours: Option<u32>| hours.map(|hours| i64::from(hours) * HOUR);
        Self {
            stopped: i64::from(settings.stale_threshold_days) * DAY,
            never_started: days(settings.stale_never_started_days),
            failed_to_start: days(settings.stale_failed_start_days),
            restarting: hours(settings.stale_restarting_hours),
            dead: hours(settings.stale_dead_hours),
            unhealthy: days(settings.stale_unhealthy_days),
            superseded: days(settings.stale_superseded_days),
        }
    }
}

/// What is known of a container beside what Docker says now. Times in ms.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// When it, or another container in its place, was last seen alive.
    pub alive: Option<i64>,
    /// Since when it is restarted again and again.
    pub restarting_since: Option<i64>,
    /// Since when its health check fails.
    pub unhealthy_since: Option<i64>,
    /// A newer container of its service.
    pub newer: Option<&'a Container>,
}

/// Why a container is stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A word for machines.
    pub kind: &'static str,
    /// Since when it is one, ms.
    pub since: i64,
    /// The time that its sentence counts from, ms.
    from: i64,
    /// The sentence, with `{}` where the time goes.
    words: String,
}

impl Reason {
    fn new(kind: &'static str, from: i64, after: i64, words: impl Into<String>) -> Self {
        Self { kind, since: from.saturating_add(after), from, words: words.into() }
    }

    /// The reason in a sentence, as of `now` (ms).
    pub fn sentence(&self, now: i64) -> String {
        self.words.replace("{}", &text::between(from_ms(self.from), from_ms(now)))
    }
}

/// What is wrong with a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// At least one.
    pub reasons: Vec<Reason>,
    /// Since when it is stale, ms.
    pub since: i64,
    /// When it was last alive, ms.
    pub last_alive: i64,
}

/// The time a container was last alive, as far as anybody knows, ms.
pub fn last_alive(container: &Container, known: &Known<'_>, now: i64) -> i64 {
    if container.is_up() {
        return now;
    }
    // Docker's own word may be from a clock that was ahead.
    let seed = container.facts.finished_at.unwrap_or(container.created_at).as_millisecond().min(now);
    known.alive.map_or(seed, |alive| alive.min(now).max(seed))
}

/// Judges a container; `None`: it is not stale. What is not known yet (a container that was not inspected) is not
/// judged.
pub fn judge(container: &Container, known: &Known<'_>, rules: &Rules, now: i64) -> Option<Verdict> {
    let facts = &container.facts;
    if container.label(IGNORE) == Some("true") || !facts.inspected {
        return None;
    }
    let alive = last_alive(container, known, now);
    let own = own_threshold(container);
    let mut reasons = Vec::new();
    let mut add = |reason: Reason| {
        if reason.since <= now {
            reasons.push(reason);
        }
    };
    let created = container.created_at.as_millisecond().min(now);
    // Its own end, whatever has its place since then.
    let ended = facts.finished_at.unwrap_or(container.created_at).as_millisecond().min(now);
    match container.state {
        State::Created if facts.error.is_some() => {
            let why = facts.error.as_deref().unwrap_or_default().trim_end_matches('.');
            if let Some(after) = rules.failed_to_start {
                // Braces of Docker's own are not ours.
                let why = text::cut(why, 300).replace(['{', '}'], "");
                add(Reason::new(
                    "failed_to_start",
                    created,
                    after,
                    format!("Failed to start, {{}} ago: {why}."),
                ));
            }
        }
        State::Created => {
            if let Some(after) = own.or(rules.never_started) {
                add(Reason::new("never_started", alive, after, never_started(alive, created)));
            }
        }
        State::Dead => {
            if let Some(after) = rules.dead {
                add(Reason::new("dead", ended, after, "Dead for {}: Docker failed to remove it."));
            }
        }
        State::Exited => {
            let code = facts.exit_code.map(|code| format!(", with exit code {code}")).unwrap_or_default();
            let words = format!("Not running for {{}}; it ended{code}.");
            add(Reason::new("stopped", alive, own.unwrap_or(rules.stopped), words));
            if let (Some(newer), Some(after), Some(1..)) = (known.newer, rules.superseded, facts.exit_code) {
                let from = newer.created_at.as_millisecond().max(ended).min(now);
                let words = format!(
                    "It ended with an error, and {} has its place since {{}}.",
                    newer.name.replace(['{', '}'], "")
                );
                add(Reason::new("superseded", from, after, words));
            }
        }
        State::Restarting => restarting(container, known, rules, &mut add),
        State::Running => {
            restarting(container, known, rules, &mut add);
            if let (Health::Unhealthy, Some(since), Some(after)) =
                (container.health, known.unhealthy_since, rules.unhealthy)
            {
                add(Reason::new(
                    "unhealthy",
                    since,
                    after,
                    "It runs, and its health check has failed for {}.",
                ));
            }
        }
        State::Paused | State::Removing | State::Stopping | State::Unknown => {}
    }
    let since = reasons.iter().map(|reason| reason.since).min()?;
    // There may be 30,000 of them, with one reason each and room for four.
    reasons.shrink_to_fit();
    Some(Verdict { reasons, since, last_alive: alive })
}

fn restarting(container: &Container, known: &Known<'_>, rules: &Rules, add: &mut impl FnMut(Reason)) {
    if let (Some(since), Some(after)) = (known.restarting_since, rules.restarting) {
        let times = container.facts.restart_count.map(|n| format!(", {n} times so far")).unwrap_or_default();
        add(Reason::new("restarting", since, after, format!("Docker has restarted it for {{}}{times}.")));
    }
}

fn never_started(alive: i64, created: i64) -> &'static str {
    if alive > created {
        "Created and never started; what was in its place was alive {} ago."
    } else {
        "Created {} ago and never started."
    }
}

/// The threshold of a container's own label, ms.
pub fn own_threshold(container: &Container) -> Option<i64> {
    let text = container.label(AFTER)?.trim();
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<u32>().ok());
    let ms = match days {
        Some(days) => i64::from(days) * DAY,
        None => parse_duration(text).and_then(|time: Duration| i64::try_from(time.as_millis()).ok())?,
    };
    (1..=3650 * DAY).contains(&ms).then_some(ms)
}

/// What is wrong with a container's own label; empty when nothing is.
pub fn label_problem(container: &Container) -> String {
    match container.label(AFTER) {
        Some(text) if own_threshold(container).is_none() => format!(
            "Its label {AFTER}={} is not understood: it takes days or a duration, such as 3d or 12h.",
            text::cut(text, 60)
        ),
        _ => String::new(),
    }
}

/// When it was last alive, where its reasons do not say so.
pub fn last_alive_words(container: &Container, verdict: &Verdict, now: i64) -> String {
    let counts_from_then = verdict.reasons.iter().any(|reason| reason.from == verdict.last_alive);
    if container.is_up() || counts_from_then {
        return String::new();
    }
    format!("Last alive {} ago.", text::between(from_ms(verdict.last_alive), from_ms(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::containers::model::tests::container;

    const NOW: i64 = 1_800_000_000_000;

    fn stopped(days_ago: i64, code: i64) -> Container {
        let mut web = container("web", "nginx", State::Exited);
        web.created_at = from_ms(NOW - 100 * DAY);
        web.facts.inspected = true;
        web.facts.finished_at = Some(from_ms(NOW - days_ago * DAY));
        web.facts.exit_code = Some(code);
        web
    }

    fn kinds(container: &Container, known: Known<'_>) -> Vec<&'static str> {
        let rules = Rules::of(&Settings::default());
        let verdict = judge(container, &known, &rules, NOW);
        verdict.map(|v| v.reasons.iter().map(|reason| reason.kind).collect()).unwrap_or_default()
    }

    #[test]
    fn a_stopped_container_turns_stale_only_after_its_threshold() {
        assert!(kinds(&stopped(6, 0), Known::default()).is_empty());
        assert_eq!(kinds(&stopped(7, 0), Known::default()), ["stopped"]);
        let rules = Rules::of(&Settings::default());
        let verdict = judge(&stopped(10, 137), &Known::default(), &rules, NOW).unwrap();
        assert_eq!(verdict.since, NOW - 3 * DAY);
        assert_eq!(
            verdict.reasons[0].sentence(NOW),
            "Not running for 10\u{a0}days; it ended, with exit code 137."
        );
    }

    #[test]
    fn what_was_seen_alive_lately_in_its_place_is_not_stale() {
        let known = Known { alive: Some(NOW - DAY), ..Known::default() };
        assert!(kinds(&stopped(30, 0), known).is_empty());
        // A clock that was ahead does not keep it young for ever.
        let future = Known { alive: Some(NOW + 900 * DAY), ..Known::default() };
        assert!(kinds(&stopped(30, 0), future).is_empty());
    }

    #[test]
    fn labels_ignore_or_set_a_threshold_of_their_own() {
        let mut web = stopped(4, 0);
        web.labels.insert(AFTER.into(), "3d".into());
        assert_eq!(kinds(&web, Known::default()), ["stopped"]);
        web.labels.insert(IGNORE.into(), "true".into());
        assert!(kinds(&web, Known::default()).is_empty());
        for (text, wanted) in [("12h", Some(12 * HOUR)), ("0d", None), ("soon", None), ("9999d", None)] {
            web.labels.insert(AFTER.into(), text.into());
            assert_eq!(own_threshold(&web), wanted, "{text}");
            assert_eq!(label_problem(&web).is_empty(), wanted.is_some());
        }
    }

    #[test]
    fn each_further_verdict_has_its_own_reason() {
        let mut never = container("new", "nginx", State::Created);
        never.facts.inspected = true;
        never.created_at = from_ms(NOW - 8 * DAY);
        assert_eq!(kinds(&never, Known::default()), ["never_started"]);
        never.facts.error = Some("exec: \"{sh}\": not found".to_owned());
        assert_eq!(kinds(&never, Known::default()), ["failed_to_start"]);

        let mut sick = container("sick", "nginx", State::Running);
        sick.facts.inspected = true;
        sick.health = Health::Unhealthy;
        assert!(kinds(&sick, Known::default()).is_empty(), "nobody knows since when");
        assert_eq!(
            kinds(&sick, Known { unhealthy_since: Some(NOW - 8 * DAY), ..Known::default() }),
            ["unhealthy"]
        );
        let mut looping = container("loop", "nginx", State::Restarting);
        looping.facts.inspected = true;
        assert_eq!(
            kinds(&looping, Known { restarting_since: Some(NOW - 25 * HOUR), ..Known::default() }),
            ["restarting"]
        );
        let mut newer = container("web-2", "nginx", State::Running);
        newer.created_at = from_ms(NOW - 3 * DAY);
        let known = Known { newer: Some(&newer), ..Known::default() };
        assert_eq!(kinds(&stopped(4, 1), known), ["superseded"]);
        assert!(kinds(&stopped(4, 0), known).is_empty(), "it ended well");
    }

    #[test]
    fn what_was_not_inspected_is_not_judged() {
        let mut web = stopped(90, 0);
        web.facts.inspected = false;
        assert!(kinds(&web, Known::default()).is_empty());
    }
}
