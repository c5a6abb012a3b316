//! Settings in memory: read by everybody, changed by admins, written before they count.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;
use tokio::sync::{Mutex, oneshot, watch};

use super::model::{ALL, Patch, Settings, Wrong, named};
use super::store;
use crate::platform::clock::{SharedClock, from_ms};
use crate::platform::db::{Db, DbError};
use crate::platform::journal::{self, Actor, NewEvent, Source};
use crate::platform::lifecycle::Lifecycle;
use crate::platform::units::write_duration;

/// A setting that a flag of the command line fixes for as long as the product runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The setting.
    pub setting: &'static str,
    /// The flag, as it is typed.
    pub flag: &'static str,
    /// The value, as the setting's text.
    pub value: String,
}

impl Lock {
    /// `--stats-interval`.
    pub fn stats_interval(interval: Duration) -> Self {
        Self { setting: "stats_interval", flag: "--stats-interval", value: write_duration(interval) }
    }
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A flag fixes it.
    #[error(
        "{setting} is fixed by the flag {flag}: start Docker Watcher without it to change the setting here."
    )]
    Locked {
        /// The setting.
        setting: &'static str,
        /// The flag.
        flag: &'static str,
    },
    /// Settings would contradict each other: why, by name.
    #[error("settings contradict each other: {0:?}")]
    Contradiction(Wrong),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// When the event log is pruned next: told by who prunes it, shown on the page. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct NextPrune(Arc<AtomicI64>);

impl NextPrune {
    /// Says when; `None` = nobody knows.
    pub fn set(&self, at: Option<Timestamp>) {
        self.0.store(at.map_or(0, Timestamp::as_millisecond), Ordering::Relaxed);
    }

    /// When, if it was said.
    pub fn get(&self) -> Option<Timestamp> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at != 0).map(from_ms)
    }
}

/// The settings. One for the whole product.
pub struct SettingsService {
    pub(super) db: Db,
    pub(super) clock: SharedClock,
    /// Filled in by who prunes the event log.
    pub next_prune: NextPrune,
    lifecycle: Lifecycle,
    locks: Vec<Lock>,
    now: watch::Sender<Arc<Settings>>,
    /// One change at a time, so that memory takes on changes in the order of the table.
    turn: Mutex<()>,
}

impl SettingsService {
    /// The defaults and what flags fix, until [`SettingsService::load`].
    pub fn new(db: Db, clock: SharedClock, lifecycle: Lifecycle, locks: Vec<Lock>) -> Self {
        let now = watch::Sender::new(Arc::new(fixed(Settings::default(), &locks)));
        Self { db, clock, next_prune: NextPrune::default(), lifecycle, locks, now, turn: Mutex::default() }
    }

    /// Reads what admins have set.
    pub async fn load(&self) -> Result<(), DbError> {
        let stored = self.db.read(stored).await?;
        self.take_on(stored);
        Ok(())
    }

    /// The settings that hold now.
    pub fn current(&self) -> Arc<Settings> {
        self.now.borrow().clone()
    }

    /// The settings that hold now, and a wake-up at each change of any of them.
    pub fn changes(&self) -> watch::Receiver<Arc<Settings>> {
        self.now.subscribe()
    }

    /// What flags fix.
    pub fn locks(&self) -> &[Lock] {
        &self.locks
    }

    /// The flag that fixes a setting.
    pub fn locked_by(&self, name: &str) -> Option<&'static str> {
        self.locks.iter().find(|lock| lock.setting == name).map(|lock| lock.flag)
    }

    /// Changes settings: all of the patch or nothing. Answers with what holds afterwards, once it is on
    /// disk, recorded and in memory.
    pub async fn apply(self: &Arc<Self>, patch: Patch, who: Actor) -> Result<Arc<Settings>, SettingsError> {
        if let Some(lock) = self.locks.iter().find(|lock| patch.value(lock.setting).is_some()) {
            return Err(SettingsError::Locked { setting: lock.setting, flag: lock.flag });
        }
        let (answer, answered) = oneshot::channel();
        let this = Arc::clone(self);
        // A client that hangs up drops its request half-way, and memory must not miss what was written.
        self.lifecycle.spawn(async move {
            let _client_is_gone = answer.send(this.write(patch, who).await);
        });
        answered.await.unwrap_or(Err(DbError::Closed.into()))
    }

    async fn write(&self, patch: Patch, who: Actor) -> Result<Arc<Settings>, SettingsError> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now_ms();
        let after = self.db.write(move |connection| change(connection, &patch, &who, now)).await?;
        self.take_on(after);
        Ok(self.current())
    }

    fn take_on(&self, stored: Settings) {
        let after = fixed(stored, &self.locks);
        self.now.send_if_modified(|now| {
            let differs = **now != after;
            if differs {
                *now = Arc::new(after);
            }
            differs
        });
    }
}

/// The settings with what flags fix.
fn fixed(mut settings: Settings, locks: &[Lock]) -> Settings {
    for lock in locks {
        let taken = named(lock.setting).map(|setting| setting.set(&mut settings, &lock.value));
        if let Some(Err(why)) = taken {
            tracing::warn!(flag = lock.flag, value = lock.value, why, "a flag has no effect");
        }
    }
    settings
}

/// What the table says; a value that cannot be read (any more) counts as never set.
fn stored(connection: &Connection) -> Result<Settings, DbError> {
    let mut settings = Settings::default();
    for (name, value) in store::load(connection)? {
        match named(&name).map(|setting| setting.set(&mut settings, &value)) {
            Some(Ok(())) => {}
            Some(Err(why)) => {
                tracing::warn!(name, value, why, "a stored setting is not valid: its default holds")
            }
            // Written by a version that knows more.
            None => tracing::debug!(name, "a stored setting is unknown"),
        }
    }
    Ok(settings)
}

/// Writes what differs, with an event for each.
fn change(connection: &Connection, patch: &Patch, who: &Actor, now: i64) -> Result<Settings, SettingsError> {
    let before = stored(connection)?;
    let after = patched(&before, patch)?;
    for setting in &ALL {
        let text = setting.text(&after);
        if text == setting.text(&before) {
            continue;
        }
        store::set(connection, setting.name, &text, &who.0, now)?;
        let (from, to) = (setting.words(&before), setting.words(&after));
        let message = format!("{} was changed from {from} to {to}", setting.name);
        let event = NewEvent::new(Source::User, "setting.changed", message)
            .subject("setting", setting.name, setting.name)
            .actor(who.clone())
            .data(json!({"name": setting.name, "from": setting.json(&before), "to": setting.json(&after)}));
        journal::append(connection, &event, now)?;
    }
    Ok(after)
}

/// What holds after the patch: the one place that sees a patch, which may name one setting of two that
/// must fit, together with what is stored.
fn patched(before: &Settings, patch: &Patch) -> Result<Settings, SettingsError> {
    let mut after = before.clone();
    for setting in &ALL {
        // A patch holds checked values only.
        let _taken = patch.value(setting.name).map(|text| setting.set(&mut after, text));
    }
    let wrong = after.contradictions();
    // What stood there already (another version, another hand) must not keep the rest from being changed; the
    // sentences name the values, so equal sentences mean that the patch did not touch them.
    if wrong.is_empty() || wrong == before.contradictions() {
        Ok(after)
    } else {
        Err(SettingsError::Contradiction(wrong))
    }
}

#[cfg(test)]
mod tests;
