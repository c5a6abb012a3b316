//! From what the engine says to the journal: each event once, in words, with its severity.
//!
//! [`Cursor`] tells what was seen before from what is new. [`Translator`] turns an event of the engine
//! into events of the journal; it remembers a little of each container ([`memory`]) to know whether
//! somebody asked for an end, and when restarts have become a loop. [`Known`] is how each container was
//! left by the last event told of it: what differs when a connection comes back happened while nobody
//! watched.

mod container;
mod cursor;
mod known;
mod memory;
mod objects;
mod own;
mod reconciled;
mod requested;
mod restart_loop;
mod translate;
mod words;

pub(super) use cursor::{Cursor, Mark};
pub(super) use known::{Known, KnownContainer, Missed};
pub(super) use memory::Memory;
pub(super) use own::{Dropped, dropped, gap};
pub(super) use reconciled::{Whose, reconciled};
pub(super) use translate::Translator;

use super::wire::EngineEvent;

/// Whether an event may have changed what the mirror holds of a container.
pub(super) fn changes_container(event: &EngineEvent) -> Option<&str> {
    match event.kind.as_str() {
        "container" if !is_noise(&event.action) && !event.actor.id.is_empty() => Some(&event.actor.id),
        // A network event names the container that was attached or detached.
        "network" if matches!(event.action.as_str(), "connect" | "disconnect") => {
            event.actor.attributes.get("container").map(String::as_str)
        }
        _ => None,
    }
}

/// Health checks flood the stream with these.
fn is_noise(action: &str) -> bool {
    let word = action.split(':').next().unwrap_or_default();
    is_exec(action)
        || matches!(
            word,
            "top" | "resize" | "attach" | "detach" | "archive-path" | "extract-to-dir" | "copy" | "export"
        )
}

/// Whether an event is about a command run inside a container.
fn is_exec(action: &str) -> bool {
    action.starts_with("exec_")
}

#[cfg(test)]
mod testing {
    use super::EngineEvent;

    /// An event of the engine at a time, ms.
    pub(super) fn event(kind: &str, action: &str, at_ms: i64, attributes: &[(&str, &str)]) -> EngineEvent {
        let mut event =
            EngineEvent { kind: kind.to_owned(), action: action.to_owned(), ..EngineEvent::default() };
        event.time_nano = at_ms * 1_000_000;
        event.actor.id = "abc".to_owned();
        event.actor.attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        event
    }
}
