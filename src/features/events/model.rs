//! What the API says of an event.

use serde::Serialize;
use utoipa::ToSchema;

use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::journal::Event;

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Its place in the order of all events.
    pub id: String,
    /// When it happened, RFC 3339, UTC.
    pub at: String,
    /// Our id of the engine it concerns.
    pub engine: String,
    /// `docker`, `user`, `auth`, `system` or `stats`.
    pub source: String,
    /// `<noun>.<what happened>`.
    pub kind: String,
    /// `debug`, `info`, `warning` or `error`.
    pub severity: &'static str,
    /// What it is about.
    pub subject: SubjectView,
    /// Who did it; empty when nobody did.
    pub actor: String,
    /// One sentence.
    pub message: String,
    /// Facts for machines.
    pub data: serde_json::Value,
    /// The last lines the container wrote before it, where they were kept; only when one event is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<KeptLine>,
}

/// What an event is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventSubject)]
pub struct SubjectView {
    /// `container`, `image`, `engine`, `user` …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id at the time.
    pub id: String,
    /// Its name at the time.
    pub name: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            at: rfc3339(from_ms(event.at)),
            engine: event.engine,
            source: event.source,
            kind: event.kind,
            severity: event.severity.as_str(),
            subject: SubjectView { kind: event.subject.kind, id: event.subject.id, name: event.subject.name },
            actor: event.actor,
            message: event.message,
            data: serde_json::from_str(&event.data).unwrap_or_default(),
            lines: Vec::new(),
        }
    }
}

/// A line that a container wrote before an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct KeptLine {
    /// When, ms since the epoch.
    pub at: Option<i64>,
    /// Whether to standard error.
    pub stderr: bool,
    /// What.
    pub text: String,
}
