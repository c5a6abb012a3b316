//! A container's events in words.

use serde_json::{Map, Value};

use super::memory::Past;
use super::requested::{Requested, signal_name};
use super::translate::{Told, attribute};
use super::{is_exec, words};
use crate::docker::types::{COMPOSE_PROJECT, COMPOSE_SERVICE, SWARM_SERVICE, SWARM_STACK};
use crate::docker::wire::EngineEvent;
use crate::platform::journal::Severity;
use crate::platform::text::cut;

/// An end this long after the memory ran out is its consequence, ms.
const OOM_EXPLAINS: i64 = 60_000;
/// What a command or another detail of Docker's may weigh.
const MAX_DETAIL: usize = 200;

/// What an event says of a container, given what is remembered of it; `past` then remembers this too.
pub(super) fn tell(event: &EngineEvent, name: &str, past: &mut Past) -> Told {
    let (action, detail) = event.action.split_once(':').unwrap_or((event.action.as_str(), ""));
    let (detail, at) = (detail.trim(), event.time_nano / 1_000_000);
    let code = attribute(event, "exitCode").and_then(|code| code.parse::<i64>().ok());
    let mut data = facts(event);
    let (severity, message) = match action {
        "die" => {
            let requested = past.requested.take().filter(|requested| requested.explains(at));
            let oom = past.oom_at.take().is_some_and(|oom| (0..=OOM_EXPLAINS).contains(&(at - oom)));
            past.restarts.ended(at, requested.is_some());
            ended(name, code, requested.as_ref(), oom, &mut data)
        }
        "oom" => {
            past.oom_at = Some(at);
            (Severity::Error, format!("{name} ran out of memory"))
        }
        "kill" => {
            let signal = attribute(event, "signal").unwrap_or("?");
            if let Ok(number) = signal.parse() {
                past.requested = Some(Requested::note(past.requested.take(), number, at));
            }
            let signal = signal_name(signal);
            let message = format!("{name} was sent {signal}");
            data.insert("signal".to_owned(), signal.into());
            (Severity::Info, message)
        }
        "health_status" => {
            data.insert("health".to_owned(), cut(detail, MAX_DETAIL).into());
            let was = std::mem::replace(&mut past.unhealthy, detail == "unhealthy");
            match detail {
                "unhealthy" => (Severity::Warning, format!("{name} became unhealthy")),
                "healthy" if was => (Severity::Info, format!("{name} is healthy again")),
                other => (Severity::Info, format!("{name} became {}", cut(other, MAX_DETAIL))),
            }
        }
        "rename" => {
            let old = attribute(event, "oldName").unwrap_or_default().trim_start_matches('/');
            data.insert("oldName".to_owned(), old.into());
            (Severity::Info, format!("{old} was renamed to {name}"))
        }
        action if is_exec(action) => {
            if !detail.is_empty() {
                data.insert("command".to_owned(), cut(detail, MAX_DETAIL).into());
            }
            code_into(&mut data, code, None);
            (Severity::Info, exec(name, action, detail, code))
        }
        _ => {
            if action == "start" {
                past.requested = None;
                past.oom_at = None;
                past.unhealthy = false;
            }
            if !detail.is_empty() {
                data.insert("detail".to_owned(), cut(detail, MAX_DETAIL).into());
            }
            (Severity::Info, format!("{name} {}", past_tense(action)))
        }
    };
    Told { action: action.to_owned(), severity, message, data }
}

/// Image, project and service: what every event of a container carries.
fn facts(event: &EngineEvent) -> Map<String, Value> {
    let either = |one, other| attribute(event, one).or_else(|| attribute(event, other));
    let mut data = Map::new();
    data.insert("image".to_owned(), attribute(event, "image").unwrap_or_default().into());
    for (name, value) in [
        ("project", either(COMPOSE_PROJECT, SWARM_STACK)),
        ("service", either(COMPOSE_SERVICE, SWARM_SERVICE)),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            data.insert(name.to_owned(), value.into());
        }
    }
    data
}

/// Adds an exit code and what it means. `words` stand for Docker's own meaning.
pub(super) fn code_into(data: &mut Map<String, Value>, code: Option<i64>, words: Option<&str>) {
    let Some(code) = code else { return };
    data.insert("exit_code".to_owned(), code.into());
    if let Some(words) = words.or_else(|| words::exit_code(code)) {
        data.insert("exit_code_words".to_owned(), words.into());
    }
}

/// The words for the end of a container.
fn ended(
    name: &str,
    code: Option<i64>,
    requested: Option<&Requested>,
    oom: bool,
    data: &mut Map<String, Value>,
) -> (Severity, String) {
    let killed_for_memory = oom && code == Some(137);
    code_into(data, code, killed_for_memory.then_some("out of memory"));
    if let Some(requested) = requested {
        data.insert("signal".to_owned(), requested.signal().into());
    }
    let words = code.and_then(words::exit_code).filter(|_| code != Some(0) && code != Some(1));
    let code_in_words = match (code, words) {
        (Some(code), Some(words)) => format!("exit code {code}, {words}"),
        (Some(code), None) => format!("exit code {code}"),
        (None, _) => "exit code unknown".to_owned(),
    };
    match (requested, code) {
        _ if killed_for_memory => {
            (Severity::Warning, format!("{name} was ended because it ran out of memory ({code_in_words})"))
        }
        (Some(requested), _) => {
            let how = if requested.is_kill() { "killed" } else { "stopped" };
            (Severity::Info, format!("{name} was {how} ({code_in_words})"))
        }
        (None, Some(137)) => {
            (Severity::Warning, format!("{name} was killed, and not by Docker ({code_in_words})"))
        }
        (None, Some(0)) | (None, None) => (Severity::Info, format!("{name} ended ({code_in_words})")),
        (None, Some(_)) => (Severity::Warning, format!("{name} ended by itself ({code_in_words})")),
    }
}

fn exec(name: &str, action: &str, command: &str, code: Option<i64>) -> String {
    let command = cut(command, MAX_DETAIL);
    match (action, code) {
        ("exec_create", _) => format!("A command was prepared in {name}: {command}"),
        ("exec_start", _) => format!("A command was started in {name}: {command}"),
        ("exec_die", Some(code)) => format!("A command in {name} ended with exit code {code}"),
        ("exec_die", None) => format!("A command in {name} ended"),
        _ => format!("{name} {}", past_tense(action)),
    }
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
        other => return format!("reported {}", cut(other, MAX_DETAIL)),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;

    /// When (s), Docker's word, attributes.
    type Step<'a> = (i64, &'a str, &'a [(&'a str, &'a str)]);

    /// Tells a container's events and returns what was told of the last.
    fn last(events: &[Step<'_>]) -> Told {
        let mut past = Past::default();
        let told = events.iter().map(|(at, action, attributes)| {
            tell(&event("container", action, at * 1000, attributes), "web", &mut past)
        });
        told.last().unwrap()
    }

    #[test]
    fn the_end_of_a_container_says_whether_somebody_asked_for_it() {
        const TERM: &[(&str, &str)] = &[("signal", "15")];
        const KILL: &[(&str, &str)] = &[("signal", "9")];
        const HUP: &[(&str, &str)] = &[("signal", "1")];
        const C143: &[(&str, &str)] = &[("exitCode", "143")];
        const C137: &[(&str, &str)] = &[("exitCode", "137")];
        const C130: &[(&str, &str)] = &[("exitCode", "130")];
        const C1: &[(&str, &str)] = &[("exitCode", "1")];
        const C0: &[(&str, &str)] = &[("exitCode", "0")];
        const C127: &[(&str, &str)] = &[("exitCode", "127")];
        let table: &[(&[Step<'_>], Severity, &str)] = &[
            (&[(0, "die", C0)], Severity::Info, "web ended (exit code 0)"),
            (&[(0, "die", &[])], Severity::Info, "web ended (exit code unknown)"),
            (&[(0, "die", C1)], Severity::Warning, "web ended by itself (exit code 1)"),
            (
                &[(0, "die", C127)],
                Severity::Warning,
                "web ended by itself (exit code 127, command not found)",
            ),
            (&[(0, "die", C143)], Severity::Warning, "web ended by itself (exit code 143, SIGTERM)"),
            (
                &[(0, "die", C137)],
                Severity::Warning,
                "web was killed, and not by Docker (exit code 137, SIGKILL)",
            ),
            (
                &[(0, "kill", TERM), (1, "die", C143)],
                Severity::Info,
                "web was stopped (exit code 143, SIGTERM)",
            ),
            (&[(0, "kill", TERM), (1, "die", C0)], Severity::Info, "web was stopped (exit code 0)"),
            (&[(0, "kill", TERM), (1, "die", C1)], Severity::Info, "web was stopped (exit code 1)"),
            (
                &[(0, "kill", &[("signal", "2")]), (1, "die", C130)],
                Severity::Info,
                "web was stopped (exit code 130, SIGINT)",
            ),
            (
                &[(0, "kill", KILL), (0, "die", C137)],
                Severity::Info,
                "web was killed (exit code 137, SIGKILL)",
            ),
            (
                &[(0, "kill", TERM), (10, "kill", KILL), (10, "die", C137)],
                Severity::Info,
                "web was stopped (exit code 137, SIGKILL)",
            ),
            (
                &[(0, "kill", TERM), (299, "die", C143)],
                Severity::Info,
                "web was stopped (exit code 143, SIGTERM)",
            ),
            (
                &[(0, "kill", TERM), (400, "die", C143)],
                Severity::Warning,
                "web ended by itself (exit code 143, SIGTERM)",
            ),
            (
                &[(0, "kill", TERM), (1, "die", C143), (2, "start", &[]), (3, "die", C143)],
                Severity::Warning,
                "web ended by itself (exit code 143, SIGTERM)",
            ),
            (
                &[(0, "kill", TERM), (1, "start", &[]), (2, "die", C1)],
                Severity::Warning,
                "web ended by itself (exit code 1)",
            ),
            (&[(0, "kill", HUP), (60, "die", C1)], Severity::Warning, "web ended by itself (exit code 1)"),
            (
                &[(0, "oom", &[]), (1, "die", C137)],
                Severity::Warning,
                "web was ended because it ran out of memory (exit code 137, SIGKILL)",
            ),
            (
                &[(0, "oom", &[]), (1, "start", &[]), (2, "die", C1)],
                Severity::Warning,
                "web ended by itself (exit code 1)",
            ),
        ];
        for (script, severity, message) in table {
            let told = last(script);
            assert_eq!((told.severity, told.message.as_str()), (*severity, *message), "{script:?}");
        }
    }

    #[test]
    fn an_end_carries_its_code_in_words_and_the_signal() {
        let told = last(&[(0, "oom", &[]), (1, "die", &[("exitCode", "137"), ("image", "db:1")])]);
        assert_eq!(
            Value::Object(told.data),
            serde_json::json!({"image": "db:1", "exit_code": 137, "exit_code_words": "out of memory"})
        );
        let told = last(&[(0, "kill", &[("signal", "15")]), (1, "die", &[("exitCode", "143")])]);
        assert_eq!(told.data["signal"], "SIGTERM");
        assert_eq!(told.data["exit_code_words"], "SIGTERM");
    }

    #[test]
    fn health_turns_matter_more_than_recoveries() {
        const SICK: Step<'_> = (0, "health_status: unhealthy", &[]);
        const WELL: Step<'_> = (1, "health_status: healthy", &[]);
        assert_eq!(last(&[WELL]).message, "web became healthy");
        assert_eq!(last(&[SICK]).severity, Severity::Warning);
        let again = last(&[SICK, WELL]);
        assert_eq!((again.severity, again.message.as_str()), (Severity::Info, "web is healthy again"));
        assert_eq!(again.action, "health_status");
    }

    #[test]
    fn labels_are_not_copied_only_project_and_service_are() {
        let told = last(&[(
            0,
            "start",
            &[("com.docker.compose.project", "shop"), ("com.docker.compose.service", "web"), ("secret", "x")],
        )]);
        assert_eq!(
            Value::Object(told.data),
            serde_json::json!({"image": "", "project": "shop", "service": "web"})
        );
    }

    #[test]
    fn a_rename_and_a_signal_are_told_with_both_names() {
        let told = last(&[(0, "rename", &[("oldName", "/old")])]);
        assert_eq!((told.message.as_str(), &told.data["oldName"]), ("old was renamed to web", &"old".into()));
        assert_eq!(last(&[(0, "kill", &[("signal", "1")])]).message, "web was sent SIGHUP");
    }
}
