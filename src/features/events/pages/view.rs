//! What pages show of events: entries, in which repeats are folded.

use std::collections::HashMap;

use askama::Template;
use jiff::Timestamp;

use crate::features::containers::view::Since;
use crate::features::events::model::KeptLine;
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::journal::{Event, Severity};
use crate::platform::text;

/// How many facts an entry shows.
const FACTS: usize = 20;

/// One entry: an event, or several alike that follow each other.
pub(in super::super) struct Entry {
    pub id: i64,
    pub tone: &'static str,
    pub icon: &'static str,
    pub severity: &'static str,
    pub message: String,
    pub when: Since,
    pub kind: String,
    pub source: String,
    pub actor: String,
    pub subject: String,
    /// The events of what it is about.
    pub subject_href: String,
    /// Where it is now; empty when that has no page.
    pub href: String,
    pub facts: Vec<(String, String)>,
    pub lines: Vec<Line>,
    /// When the others like it happened, newest first.
    pub again: Vec<(i64, Since)>,
    pub around: String,
}

pub(in super::super) struct Line {
    pub at: String,
    pub stderr: bool,
    pub text: String,
}

/// The rows of a list, for htmx and for the page.
#[derive(Template)]
#[template(path = "events/_rows.html")]
pub(in super::super) struct Rows<'a> {
    pub entries: &'a [Entry],
}

/// Folds events that follow each other and are alike, newest first.
pub(in super::super) fn entries(
    events: Vec<Event>,
    mut lines: HashMap<i64, Vec<KeptLine>>,
    now: Timestamp,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(events.len());
    let mut last: Option<(String, String, Severity, bool)> = None;
    for event in events {
        let kept = lines.remove(&event.id).unwrap_or_default();
        let key = (event.kind.clone(), event.subject.name.clone(), event.severity, !kept.is_empty());
        match entries.last_mut() {
            // Lines that were kept belong to one event.
            Some(entry)
                if last.as_ref() == Some(&key) && kept.is_empty() && entry.message == event.message =>
            {
                entry.again.push((event.id, Since::new(from_ms(event.at), now, " ago")));
            }
            _ => entries.push(Entry::of(event, kept, now)),
        }
        last = Some(key);
    }
    entries
}

impl Entry {
    pub(in super::super) fn of(event: Event, kept: Vec<KeptLine>, now: Timestamp) -> Self {
        let (tone, icon) = match event.severity {
            Severity::Error => ("bad", "s-bad"),
            Severity::Warning => ("warn", "s-warn"),
            Severity::Info => ("idle", "s-off"),
            Severity::Debug => ("idle", "s-off"),
        };
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (since, until) = (from_ms(event.at - 300_000), from_ms(event.at + 300_000));
        let (since, until) = (encode(&rfc3339(since)), encode(&rfc3339(until)));
        let around = format!("/events?since={since}&until={until}&engine={}", encode(&event.engine));
        let is_container = event.subject.kind == "container";
        Self {
            id: event.id,
            tone,
            icon,
            severity: event.severity.as_str(),
            when: Since::new(from_ms(event.at), now, " ago"),
            facts: facts(&event.data),
            lines: kept.into_iter().map(Line::of).collect(),
            subject_href: if event.subject.name.is_empty() {
                String::new()
            } else {
                format!("/events?subject={}", encode(&event.subject.name))
            },
            href: if is_container { format!("/containers/{}", event.subject.id) } else { String::new() },
            message: event.message,
            kind: event.kind,
            source: event.source,
            actor: event.actor,
            subject: event.subject.name,
            again: Vec::new(),
            around,
        }
    }
}

impl Line {
    fn of(line: KeptLine) -> Self {
        let at = line.at.map(|at| from_ms(at).strftime("%H:%M:%S").to_string()).unwrap_or_default();
        let text = line.text.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        Self { at, stderr: line.stderr, text }
    }
}

/// The facts of an event, by name.
fn facts(data: &str) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(map)) = serde_json::from_str(data) else { return Vec::new() };
    map.into_iter()
        .take(FACTS)
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (text::capital(&name.replace('_', " ")), text::cut(&value, 300).into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::journal::Subject;

    fn event(id: i64, kind: &str, name: &str) -> Event {
        Event {
            id,
            at: id * 1000,
            engine: "local".to_owned(),
            source: "docker".to_owned(),
            kind: kind.to_owned(),
            severity: Severity::Info,
            subject: Subject {
                kind: "container".to_owned(),
                id: "a".repeat(64),
                name: name.to_owned(),
                key: None,
            },
            actor: String::new(),
            message: format!("{name} {kind}"),
            data: r#"{"exit_code":1,"image":"nginx"}"#.to_owned(),
            admins_only: false,
        }
    }

    #[test]
    fn repeats_are_folded_and_lines_are_not() {
        let events = vec![
            event(5, "container.die", "web"),
            event(4, "container.die", "web"),
            event(3, "container.die", "db"),
        ];
        let folded = entries(events.clone(), HashMap::new(), from_ms(0));
        assert_eq!(folded.iter().map(|entry| entry.again.len()).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(folded[0].facts[0], ("Exit code".to_owned(), "1".to_owned()));
        let line = KeptLine { at: None, stderr: true, text: "boom\u{1b}".to_owned() };
        let apart = entries(events, HashMap::from([(4, vec![line])]), from_ms(0));
        assert_eq!(apart.len(), 3);
        assert_eq!(apart[1].lines[0].text, "boom");
    }
}
