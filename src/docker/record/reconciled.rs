//! What happened while nobody watched, in words.

use serde_json::{Map, Value};

use super::container::code_into;
use super::known::Missed;
use crate::docker::types::Container;
use crate::platform::ids::EngineId;
use crate::platform::journal::{NewEvent, Severity, Source, Subject};

/// Whose history it is: id, name and key of a container.
#[derive(Debug, Clone, Copy)]
pub(in crate::docker) struct Whose<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub key: &'a str,
}

/// The event of something that was missed. `found_at` (ms) dates it when nobody knows better;
/// `container` is what is known of it now.
pub(in crate::docker) fn reconciled(
    engine: &EngineId,
    whose: Whose<'_>,
    missed: Missed,
    container: Option<&Container>,
    found_at: i64,
) -> NewEvent {
    let name = whose.name;
    let mut data = Map::new();
    if let Some(container) = container {
        data.insert("image".to_owned(), container.image.as_ref().into());
        for (fact, value) in [("project", &container.project), ("service", &container.service)] {
            if let Some(value) = value {
                data.insert(fact.to_owned(), value.as_ref().into());
            }
        }
    }
    data.insert("reconciled".to_owned(), true.into());
    let mut severity = Severity::Info;
    let (kind, at, message) = match missed {
        Missed::Created => {
            let at = container.map(|container| container.created_at.as_millisecond()).filter(|at| *at > 0);
            ("container.create", at, format!("{name} was created while nobody watched"))
        }
        Missed::Started { at } => ("container.start", at, format!("{name} was started while nobody watched")),
        Missed::Ended { at, code, oom } => {
            code_into(&mut data, code, oom.then_some("out of memory"));
            // Whether somebody asked for it, nobody knows; an engine that ends stops its containers this way.
            if oom || !matches!(code, None | Some(0 | 130 | 137 | 143)) {
                severity = Severity::Warning;
            }
            let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
            let why = if oom { " because it ran out of memory" } else { "" };
            ("container.die", at, format!("{name} ended while nobody watched{why}{code}"))
        }
        Missed::Vanished => ("container.destroy", None, format!("{name} vanished while nobody watched")),
    };
    let mut event = NewEvent::new(Source::Docker, kind, message)
        .engine(engine)
        .severity(severity)
        .data(Value::Object(data));
    event.at = Some(at.unwrap_or(found_at));
    event.subject = Subject {
        kind: "container".to_owned(),
        id: whose.id.to_owned(),
        name: name.to_owned(),
        key: Some(whose.key.to_owned()),
    };
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(missed: Missed) -> NewEvent {
        let whose = Whose { id: "abc", name: "web", key: "shop/web/1" };
        reconciled(&EngineId::local(), whose, missed, None, 9)
    }

    #[test]
    fn what_was_missed_is_told_as_such() {
        let ended = |code, oom| Missed::Ended { at: Some(5), code, oom };
        for (missed, kind, severity, message) in [
            (Missed::Created, "container.create", Severity::Info, "web was created while nobody watched"),
            (
                Missed::Started { at: Some(5) },
                "container.start",
                Severity::Info,
                "web was started while nobody watched",
            ),
            (
                ended(Some(143), false),
                "container.die",
                Severity::Info,
                "web ended while nobody watched (exit code 143)",
            ),
            (
                ended(Some(1), false),
                "container.die",
                Severity::Warning,
                "web ended while nobody watched (exit code 1)",
            ),
            (
                ended(Some(137), true),
                "container.die",
                Severity::Warning,
                "web ended while nobody watched because it ran out of memory (exit code 137)",
            ),
            (ended(None, false), "container.die", Severity::Info, "web ended while nobody watched"),
            (Missed::Vanished, "container.destroy", Severity::Info, "web vanished while nobody watched"),
        ] {
            let event = told(missed);
            assert_eq!(
                (event.kind.as_ref(), event.severity, event.message.as_str()),
                (kind, severity, message)
            );
            assert_eq!(event.data["reconciled"], true);
            assert_eq!(event.subject.key.as_deref(), Some("shop/web/1"));
        }
        assert_eq!(told(ended(None, false)).at, Some(5));
        assert_eq!(told(Missed::Vanished).at, Some(9), "when it was found, since nobody knows better");
    }
}
