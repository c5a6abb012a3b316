//! From the engine's events to the journal, without loss and without doubles.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::types::{short_id, subject_key};
use super::wire::EngineEvent;
use crate::platform::ids::EngineId;
use crate::platform::journal::{NewEvent, Severity, Source, Subject};

/// How many events the cursor remembers, to tell replayed ones from new ones.
const REMEMBERED: usize = 64;
/// The replay begins a little earlier than the last event: two may be sent out of order.
const OVERLAP_NS: i64 = 100_000_000;

/// How far the engine's stream was followed: kept in the database, committed with the events.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// When the last event happened, ns by the engine's clock.
    pub last_ns: i64,
    /// Marks of the last events, oldest first.
    marks: VecDeque<u64>,
}

impl Cursor {
    /// From where to replay, ns.
    pub(super) fn replay_from(&self) -> i64 {
        self.last_ns.saturating_sub(OVERLAP_NS)
    }

    /// Whether an event was seen before.
    pub(super) fn has_seen(&self, event: &EngineEvent) -> bool {
        self.marks.contains(&mark(event))
    }

    /// Notes an event as seen.
    pub(super) fn note(&mut self, event: &EngineEvent) {
        self.last_ns = self.last_ns.max(event.time_nano);
        self.marks.push_back(mark(event));
        while self.marks.len() > REMEMBERED {
            self.marks.pop_front();
        }
    }

    /// Whether the replay still holds the last event seen: if not, events between may be lost.
    pub(super) fn is_covered_by(&self, replay: &[EngineEvent]) -> bool {
        let held: HashSet<u64> = replay.iter().map(mark).collect();
        self.marks.back().is_none_or(|last| held.contains(last))
    }
}

/// A short mark of an event, the same in every version of the binary.
fn mark(event: &EngineEvent) -> u64 {
    let text = format!("{}\n{}\n{}\n{}", event.time_nano, event.kind, event.action, event.actor.id);
    Sha256::digest(text.as_bytes()).iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}

/// Whether an event may have changed what the mirror holds of a container.
pub(super) fn changes_container(event: &EngineEvent) -> Option<&str> {
    match event.kind.as_str() {
        "container" if !is_noise(&event.action) => Some(&event.actor.id),
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
    matches!(
        word,
        "exec_create" | "exec_start" | "exec_die" | "exec_detach" | "top" | "resize" | "attach" | "detach"
    ) || matches!(word, "archive-path" | "extract-to-dir" | "copy" | "export")
}

/// What the journal keeps of an event; `None` for what it does not.
pub(super) fn translate(engine: &EngineId, event: &EngineEvent) -> Option<NewEvent> {
    if event.kind != "container" || is_noise(&event.action) {
        return None;
    }
    let attributes = &event.actor.attributes;
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    if attribute(super::types::HIDE) == Some("true") {
        return None;
    }
    let (action, detail) = event.action.split_once(':').unwrap_or((event.action.as_str(), ""));
    let detail = detail.trim();
    let name = attribute("name").unwrap_or_else(|| short_id(&event.actor.id)).to_owned();
    let code = attribute("exitCode").and_then(|code| code.parse::<i64>().ok());
    let (severity, message) = match action {
        "die" => match code {
            Some(0) => (Severity::Info, format!("{name} ended with exit code 0")),
            // 143 and 137 are what `docker stop` and `docker kill` leave behind.
            Some(code @ (143 | 137)) => {
                (Severity::Info, format!("{name} was ended by a signal (exit code {code})"))
            }
            Some(code) => (Severity::Warning, format!("{name} ended with exit code {code}")),
            None => (Severity::Info, format!("{name} ended")),
        },
        "oom" => (Severity::Error, format!("{name} ran out of memory")),
        "health_status" if detail == "unhealthy" => (Severity::Warning, format!("{name} became unhealthy")),
        "health_status" => (Severity::Info, format!("{name} became {detail}")),
        "rename" => {
            let old = attribute("oldName").unwrap_or_default().trim_start_matches('/');
            (Severity::Info, format!("{old} was renamed to {name}"))
        }
        "kill" => (Severity::Info, format!("{name} was sent signal {}", attribute("signal").unwrap_or("?"))),
        _ => (Severity::Info, format!("{name} {}", past_tense(action))),
    };
    let mut data = serde_json::Map::new();
    let image = attribute("image").unwrap_or_default();
    data.insert("image".to_owned(), image.into());
    if let Some(code) = code {
        data.insert("exit_code".to_owned(), code.into());
    }
    if !detail.is_empty() {
        data.insert("detail".to_owned(), detail.chars().take(200).collect::<String>().into());
    }
    for (label, short) in
        [(super::types::COMPOSE_PROJECT, "project"), (super::types::COMPOSE_SERVICE, "service")]
    {
        if let Some(value) = attribute(label) {
            data.insert(short.to_owned(), value.into());
        }
    }
    let mut new = NewEvent::new(Source::Docker, format!("container.{action}"), message)
        .engine(engine)
        .severity(severity)
        .data(serde_json::Value::Object(data));
    new.at = Some(event.time_nano / 1_000_000);
    new.subject = Subject {
        kind: "container".to_owned(),
        id: event.actor.id.clone(),
        key: Some(subject_key(&name, attribute)),
        name,
    };
    Some(new)
}

fn past_tense(action: &str) -> String {
    match action {
        "create" => "was created",
        "start" => "started",
        "stop" => "stopped",
        "restart" => "was restarted",
        "pause" => "was paused",
        "unpause" => "goes on after its pause",
        "destroy" => "was removed",
        "update" => "got new limits",
        "commit" => "was saved as an image",
        other => return format!("reported {other}"),
    }
    .to_owned()
}

/// The event that says that something may be missing, between two times (ns).
pub(super) fn gap(engine: &EngineId, from_ns: i64, until_ns: i64) -> NewEvent {
    let time = |ns: i64| crate::platform::clock::rfc3339(crate::platform::clock::from_ms(ns / 1_000_000));
    NewEvent::new(
        Source::System,
        "system.gap",
        "Some of the engine's events may be missing here: it no longer had the last one seen",
    )
    .engine(engine)
    .severity(Severity::Warning)
    .subject("engine", engine.as_str(), engine.as_str())
    .data(serde_json::json!({ "from": time(from_ns), "until": time(until_ns) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, at: i64, attributes: &[(&str, &str)]) -> EngineEvent {
        let mut event =
            EngineEvent { kind: "container".to_owned(), action: action.to_owned(), ..EngineEvent::default() };
        event.time_nano = at;
        event.actor.id = "abc".to_owned();
        event.actor.attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        event
    }

    #[test]
    fn health_check_noise_is_not_recorded() {
        let engine = EngineId::local();
        assert!(translate(&engine, &event("exec_start: sh -c true", 1, &[])).is_none());
        assert!(translate(&engine, &event("health_status: unhealthy", 1, &[("name", "web")])).is_some());
    }

    #[test]
    fn an_exit_code_decides_how_much_it_matters() {
        let engine = EngineId::local();
        let severity = |code| {
            translate(&engine, &event("die", 1, &[("name", "web"), ("exitCode", code)])).unwrap().severity
        };
        assert_eq!(severity("0"), Severity::Info);
        assert_eq!(severity("1"), Severity::Warning);
        assert_eq!(severity("143"), Severity::Info);
    }

    #[test]
    fn a_replay_without_the_last_event_is_a_gap() {
        let mut cursor = Cursor::default();
        assert!(cursor.is_covered_by(&[]), "nothing was ever seen");
        cursor.note(&event("start", 10, &[]));
        cursor.note(&event("die", 20, &[]));
        assert!(cursor.is_covered_by(&[event("die", 20, &[]), event("start", 30, &[])]));
        assert!(!cursor.is_covered_by(&[event("start", 30, &[])]));
        assert!(!cursor.is_covered_by(&[]));
    }

    #[test]
    fn a_replayed_event_is_known_after_the_cursor_came_back_from_disk() {
        let mut cursor = Cursor::default();
        for at in 0..200 {
            cursor.note(&event("start", at, &[]));
        }
        let back: Cursor = serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap();
        assert!(back.has_seen(&event("start", 199, &[])));
        assert!(!back.has_seen(&event("start", 200, &[])));
        assert_eq!(back.marks.len(), REMEMBERED);
    }
}
