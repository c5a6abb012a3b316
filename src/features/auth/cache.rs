//! Who is signed in, in memory: a request costs a look-up by hash, and a stream ends with its entry.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::web::Identity;

/// How often a use is written down, ms.
const NOTE_EVERY: i64 = 60_000;
/// Entries are few (sessions per user are capped); this only bounds a mistake.
const MAX_ENTRIES: usize = 20_000;

/// One session or token.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) identity: Identity,
    /// When it ends whatever happens, ms.
    pub(super) expires_at: Option<i64>,
    /// When its use was last written down, ms.
    pub(super) noted_at: i64,
}

/// Sessions by hash, or tokens by hash.
pub(super) struct Cache<K> {
    entries: Mutex<HashMap<K, Entry>>,
    /// Counts what may have made an answer of the database untrue while it was under way.
    generation: AtomicU64,
}

/// What the cache says.
pub(super) enum Found {
    /// It is valid; `note` when its use is to be written down.
    Valid { identity: Identity, note: bool },
    /// It is not known here: ask the database.
    Unknown,
}

impl<K: Hash + Eq + Clone> Cache<K> {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default(), generation: AtomicU64::new(0) }
    }

    /// Looks up and notes the use; an entry unused for `idle` ms, or over its end, is dropped.
    pub(super) fn find(&self, key: &K, now: i64, idle: i64) -> Found {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key) else { return Found::Unknown };
        if entry.expires_at.is_some_and(|end| end <= now) || now - entry.noted_at > idle {
            if let Some(entry) = entries.remove(key) {
                entry.identity.ended.cancel();
            }
            return Found::Unknown;
        }
        let note = now - entry.noted_at >= NOTE_EVERY;
        if note {
            entry.noted_at = now;
        }
        Found::Valid { identity: entry.identity.clone(), note }
    }

    /// To be asked before the database is, and given to [`Cache::put`].
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Puts an entry in and gives its identity; one that two requests load at once is the same for both.
    /// `None` when something was ended since `generation`: the database is to be asked again.
    pub(super) fn put(&self, key: K, entry: Entry, generation: u64) -> Option<Identity> {
        let mut entries = self.lock();
        if self.generation() != generation {
            return None;
        }
        if entries.len() >= MAX_ENTRIES {
            for (_, entry) in entries.drain() {
                entry.identity.ended.cancel();
            }
        }
        Some(entries.entry(key).or_insert(entry).identity.clone())
    }

    /// Ends an entry.
    pub(super) fn end(&self, key: &K) {
        let mut entries = self.lock();
        self.generation.fetch_add(1, Ordering::SeqCst);
        if let Some(entry) = entries.remove(key) {
            entry.identity.ended.cancel();
        }
    }

    /// Ends every entry that `keep` does not stand for (any more).
    pub(super) fn retain(&self, keep: impl Fn(&K, &Identity, Option<i64>) -> bool) {
        let mut entries = self.lock();
        self.generation.fetch_add(1, Ordering::SeqCst);
        entries.retain(|key, entry| {
            let keep = keep(key, &entry.identity, entry.expires_at);
            if !keep {
                entry.identity.ended.cancel();
            }
            keep
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new entry.
pub(super) fn entry(identity: Identity, expires_at: Option<i64>, now: i64) -> Entry {
    Entry { identity, expires_at, noted_at: now }
}
