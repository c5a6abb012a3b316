//! What the product itself has to say of its record.

use crate::platform::clock;
use crate::platform::ids::EngineId;
use crate::platform::journal::{NewEvent, Severity, Source};

fn time(ms: i64) -> String {
    clock::rfc3339(clock::from_ms(ms))
}

/// The event that says that something may be missing, between two times (ns).
pub(in crate::docker) fn gap(engine: &EngineId, from_ns: i64, until_ns: i64) -> NewEvent {
    let (from, until) = (from_ns / 1_000_000, until_ns / 1_000_000);
    let mut event = NewEvent::new(
        Source::System,
        "system.gap",
        "Some of the engine's events may be missing here: it no longer had the last one seen",
    )
    .engine(engine)
    .severity(Severity::Warning)
    .subject("engine", engine.as_str(), engine.as_str())
    .data(serde_json::json!({ "from": time(from), "until": time(until) }));
    event.at = Some(until);
    event
}

/// Events that were lost because the database could not be written and memory has an end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::docker) struct Dropped {
    /// How many.
    pub count: u64,
    /// When the first of them happened, ms.
    pub from: i64,
    /// When the last of them happened, ms.
    pub until: i64,
}

impl Dropped {
    /// Counts one more.
    pub(in crate::docker) fn add(&mut self, at: i64) {
        self.from = if self.count == 0 { at } else { self.from.min(at) };
        self.until = self.until.max(at);
        self.count += 1;
    }
}

/// The event that says how many were lost.
pub(in crate::docker) fn dropped(engine: &EngineId, lost: Dropped) -> NewEvent {
    let count = lost.count;
    let events = if count == 1 { "event was" } else { "events were" };
    NewEvent::new(
        Source::System,
        "system.events_dropped",
        format!("{count} {events} lost: the database could not be written for too long"),
    )
    .engine(engine)
    .severity(Severity::Warning)
    .subject("engine", engine.as_str(), engine.as_str())
    .data(serde_json::json!({ "count": count, "from": time(lost.from), "until": time(lost.until) }))
}
