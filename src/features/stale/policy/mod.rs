//! The automatic cleanup: what has been stale for long enough goes at a time of the day, without anybody clicking.
//!
//! It is off until an admin switches it on, and then its first run is a trial that removes nothing; so is the first
//! one after its rules were changed. [`lookback`] says what it would have done lately; [`worker`] runs it.

pub(super) mod api;
pub mod lookback;
pub(super) mod store;
pub mod worker;

use std::sync::Arc;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::preview::Plan;
use super::scan::Entry;
use super::service::Stale;
use crate::docker::types::Container;
use crate::features::settings::Settings;
use crate::platform::clock::from_ms;
use crate::platform::db::DbError;
use crate::platform::patterns::{Patterns, Traits};

pub use store::{LastRun, State};

const DAY: i64 = 86_400_000;

/// Whose name stands where a person's would.
pub const ACTOR: &str = "automatic cleanup";

/// What it takes, and when.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether it runs.
    pub is_on: bool,
    /// Days that a container has been stale for.
    pub days: u32,
    /// When, by the clock of the host.
    pub at: civil::Time,
    only: Patterns,
    except: Patterns,
    /// Its rules in a word: others need another trial.
    pub(super) rules: String,
}

impl Policy {
    /// What admins have set.
    pub fn of(settings: &Settings) -> Self {
        // What is kept was checked when it was set.
        let patterns = |text: &str| Patterns::parse(text).ok();
        let (only, except) =
            (patterns(&settings.auto_cleanup_match), patterns(&settings.auto_cleanup_except));
        Self {
            // Without its exceptions it would take what nobody wants it to.
            is_on: settings.auto_cleanup && only.is_some() && except.is_some(),
            days: settings.auto_cleanup_days,
            at: settings.auto_cleanup_at,
            rules: format!(
                "{} days; {}; but {}",
                settings.auto_cleanup_days, settings.auto_cleanup_match, settings.auto_cleanup_except
            ),
            only: only.unwrap_or_default(),
            except: except.unwrap_or_default(),
        }
    }

    /// Whether it is about a container at all.
    fn concerns(&self, traits: Traits<'_>) -> bool {
        (self.only.is_empty() || self.only.fit(traits)) && !self.except.fit(traits)
    }

    /// Whether it takes a stale container, as of `now` (ms). What runs is never taken.
    pub fn takes(&self, entry: &Entry, now: i64) -> bool {
        let container = &entry.container;
        !container.is_up()
            && entry.verdict.since.saturating_add(self.patience()) <= now
            && self.concerns(traits(container))
    }

    /// Whether its trial is made.
    pub fn was_tried(&self, state: &State) -> bool {
        state.tried.as_deref() == Some(&self.rules)
    }

    /// How long something has been stale for before it is taken, ms.
    fn patience(&self) -> i64 {
        i64::from(self.days) * DAY
    }

    /// The time of the next run. What was done for a time is not done for it again.
    pub fn next_run(&self, state: &State, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let from = state.last_due.map_or(now, |due| now.max(from_ms(due.saturating_add(1))));
        self.next(from, zone)
    }

    /// The first time at or after `from` that it runs.
    pub fn next(&self, from: Timestamp, zone: &TimeZone) -> Timestamp {
        let date = from.to_zoned(zone.clone()).date();
        // A day has no such time when the clock is put forward past it: then it is as much later.
        let on = |date: civil::Date| date.to_datetime(self.at).to_zoned(zone.clone()).ok();
        let today = on(date).map(|at| at.timestamp()).filter(|at| *at >= from);
        let tomorrow = || date.checked_add(1.day()).ok().and_then(on).map(|at| at.timestamp());
        today.or_else(tomorrow).unwrap_or(Timestamp::MAX)
    }
}

fn traits(container: &Container) -> Traits<'_> {
    Traits {
        name: &container.name,
        image: &container.image,
        project: container.project.as_deref().unwrap_or_default(),
    }
}

impl Stale {
    /// What a policy would remove now, and what it would leave alone and why.
    pub fn policy_plan(&self, policy: &Policy) -> Plan {
        let now = self.clock.now_ms();
        let found = self.found();
        let entries = found.entries.iter().filter(|entry| policy.takes(entry, now));
        self.plan_of(entries.cloned())
    }

    /// What the automatic cleanup did last.
    pub async fn policy_state(&self) -> Result<State, DbError> {
        self.db.read(store::state).await
    }

    fn plan_of(&self, entries: impl Iterator<Item = Arc<Entry>>) -> Plan {
        let items = entries.map(|entry| self.planned(entry.container.id.to_string(), Some(entry)));
        Plan { items: items.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(at: &str) -> Policy {
        let settings = Settings {
            auto_cleanup: true,
            auto_cleanup_at: at.parse().unwrap(),
            auto_cleanup_match: "web-*".into(),
            auto_cleanup_except: "web-keep, project:shop".into(),
            ..Settings::default()
        };
        Policy::of(&settings)
    }

    #[test]
    fn it_runs_at_its_time_of_the_day_by_the_clock_of_the_host() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let next = |at: &str, from: &str| policy(at).next(from.parse().unwrap(), &zone).to_string();
        assert_eq!(next("04:00", "2026-01-05T02:00:00Z"), "2026-01-05T03:00:00Z");
        assert_eq!(next("04:00", "2026-01-05T03:00:00Z"), "2026-01-05T03:00:00Z", "now is in time");
        assert_eq!(next("04:00", "2026-01-05T03:00:01Z"), "2026-01-06T03:00:00Z");
        // The night in which the clock goes from two to three.
        assert_eq!(next("02:30", "2026-03-28T20:00:00Z"), "2026-03-29T01:30:00Z");
        assert_eq!(next("04:00", "2026-03-28T20:00:00Z"), "2026-03-29T02:00:00Z");
        // The night in which it is half past two twice: once is enough.
        let first = next("02:30", "2026-10-24T20:00:00Z");
        assert_eq!(first, "2026-10-25T00:30:00Z");
        assert_eq!(next("02:30", "2026-10-25T00:30:01Z"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn patterns_choose_and_except() {
        let policy = policy("04:00");
        let concerns = |name, project| policy.concerns(Traits { name, image: "nginx", project });
        assert!(concerns("web-1", ""));
        assert!(!concerns("db-1", "") && !concerns("web-keep", "") && !concerns("web-2", "shop"));
    }

    #[test]
    fn other_rules_are_another_policy_and_another_time_is_not() {
        let first = policy("04:00");
        assert_eq!(first.rules, policy("05:00").rules);
        let settings = Settings { auto_cleanup_days: 3, ..Settings::default() };
        assert_ne!(Policy::of(&settings).rules, Policy::of(&Settings::default()).rules);
    }
}
