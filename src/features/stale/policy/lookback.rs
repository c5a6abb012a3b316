//! What the automatic cleanup would have done in the last 30 days, had it been on: from what was stale when, and what
//! became of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::store::Spell;
use super::{DAY, Policy, store, traits};
use crate::features::stale::service::Stale;
use crate::platform::clock::from_ms;
use crate::platform::db::DbError;
use crate::platform::patterns::Traits;

/// How far it looks back, days.
pub const DAYS: i64 = 30;

/// A container that it would have removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldHave {
    /// Its full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image as it was asked for; empty when it was not kept.
    pub image: String,
    /// Since when it was stale, ms.
    pub since: i64,
    /// When it would have been removed, ms.
    pub at: i64,
    /// What became of it instead.
    pub then: Then,
}

/// What became of a container that was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is there still, and stale.
    There,
    /// Somebody removed it later, ms.
    Removed(i64),
    /// Somebody had a use for it later, ms.
    Used(i64),
}

/// What it would have done.
#[derive(Debug, Clone, Default)]
pub struct LookBack {
    /// In the order of the removals.
    pub items: Vec<WouldHave>,
    /// How many it would have left alone, because they are protected or others need them.
    pub left_alone: usize,
}

impl LookBack {
    /// How many were of use later.
    pub fn used(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.then, Then::Used(_))).count()
    }
}

impl Stale {
    /// What a policy would have done in the last 30 days. Who was protected then is not known: who is so now counts.
    pub async fn look_back(&self, policy: &Policy, zone: &TimeZone) -> Result<LookBack, DbError> {
        let now = self.clock.now_ms();
        let from = now - DAYS * DAY;
        let past = self.db.read(move |c| store::spells(c, from)).await?;
        let when = When { policy, zone, from, now };
        let mut back = LookBack::default();
        back.items.extend(past.iter().filter_map(|spell| when.of_spell(spell)));
        for entry in &self.found().entries {
            let container = &entry.container;
            let at = when.would(entry.verdict.since, now).filter(|_| !container.is_up());
            let Some(at) = at.filter(|_| policy.concerns(traits(container))) else { continue };
            if self.why_not(entry, container, &entry.dependents).is_some() {
                back.left_alone += 1;
                continue;
            }
            back.items.push(WouldHave {
                id: container.id.to_string(),
                name: container.name.clone(),
                image: container.image.to_string(),
                since: entry.verdict.since,
                at,
                then: Then::There,
            });
        }
        back.items.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.name.cmp(&b.name)));
        Ok(back)
    }
}

struct When<'a> {
    policy: &'a Policy,
    zone: &'a TimeZone,
    /// ms
    from: i64,
    /// ms
    now: i64,
}

impl When<'_> {
    /// When something would have been removed that was stale from `since` until `until` (ms), if at all.
    fn would(&self, since: i64, until: i64) -> Option<i64> {
        let due = since.saturating_add(self.policy.patience()).max(self.from);
        let at = self.next(from_ms(due)).as_millisecond();
        (at <= until && at <= self.now).then_some(at)
    }

    fn next(&self, from: Timestamp) -> Timestamp {
        self.policy.next(from, self.zone)
    }

    fn of_spell(&self, spell: &Spell) -> Option<WouldHave> {
        let traits = Traits { name: &spell.name, image: &spell.image, project: &spell.project };
        let at = self.would(spell.since, spell.until).filter(|_| self.policy.concerns(traits))?;
        Some(WouldHave {
            id: spell.container_id.clone(),
            name: spell.name.clone(),
            image: spell.image.clone(),
            since: spell.since,
            at,
            then: if spell.recovered { Then::Used(spell.until) } else { Then::Removed(spell.until) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::settings::Settings;

    const NOON: &str = "2026-06-30T12:00:00Z";

    fn would(days_stale: i64, ended_days_ago: Option<i64>, recovered: bool) -> Option<(String, Then)> {
        let settings = Settings { auto_cleanup_days: 10, ..Settings::default() };
        let now = NOON.parse::<Timestamp>().unwrap().as_millisecond();
        let policy = Policy::of(&settings);
        let zone = TimeZone::UTC;
        let when = When { policy: &policy, zone: &zone, from: now - DAYS * DAY, now };
        let spell = Spell {
            container_id: "id".into(),
            name: "web".into(),
            image: String::new(),
            project: String::new(),
            since: now - days_stale * DAY,
            until: now - ended_days_ago.unwrap_or(0) * DAY,
            recovered,
        };
        when.of_spell(&spell).map(|item| (from_ms(item.at).to_string(), item.then))
    }

    #[test]
    fn it_would_have_taken_what_was_stale_for_long_enough_at_its_time_of_the_day() {
        // Ten days after the 15th at noon is the 25th; at four in the morning that is the 26th.
        let (at, _) = would(15, None, false).unwrap();
        assert_eq!(at, "2026-06-26T04:00:00Z");
        assert_eq!(would(9, None, false), None, "not long enough");
        assert_eq!(would(15, Some(5), false), None, "it was over in time");
        let now = NOON.parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(would(25, Some(5), true).unwrap().1, Then::Used(now - 5 * DAY));
        // What had been stale for long enough before the 30 days goes on the first of them.
        assert_eq!(would(200, None, false).unwrap().0, "2026-06-01T04:00:00Z");
    }
}
