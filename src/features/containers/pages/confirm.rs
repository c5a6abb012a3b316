//! Asks before an action: what will be lost, what is kept, and the choices it takes. A dialog with
//! JavaScript, a page without; for one container and for many.

use askama::Template;
use serde::Deserialize;

use crate::docker::actions::Action;
use crate::docker::types::Container;
use crate::features::containers::actions::{Target, refusal};
use crate::features::containers::service::Containers;
use crate::features::containers::view::{self, StateView};
use crate::platform::text;
use crate::web::forms::{FormErrors, own_address};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// How many containers are listed by name.
const LISTED: usize = 50;
/// The signals that are offered.
const SIGNALS: [(&str, &str); 7] = [
    ("SIGKILL", "end at once, without a chance to tidy up"),
    ("SIGTERM", "ask it to end"),
    ("SIGINT", "interrupt, as Ctrl+C does"),
    ("SIGHUP", "many programs read their configuration again"),
    ("SIGQUIT", "end, often with a dump"),
    ("SIGUSR1", "its own meaning"),
    ("SIGUSR2", "its own meaning"),
];

/// What a form says beside its verb.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::features::containers) struct Options {
    pub signal: String,
    pub name: String,
    pub force: Option<String>,
    pub volumes: Option<String>,
    /// The page it was started from.
    pub back: String,
}

impl Options {
    /// The action a verb and these mean.
    pub(super) fn action(&self, verb: &str) -> Result<Action, WebError> {
        Ok(match verb {
            "start" => Action::Start,
            "stop" => Action::Stop(None),
            "restart" => Action::Restart(None),
            "pause" => Action::Pause,
            "unpause" => Action::Unpause,
            "kill" => Action::Kill(signal(&self.signal)?),
            "rename" => Action::Rename(name(&self.name)?),
            _ => Action::Remove { force: self.force.is_some(), volumes: self.volumes.is_some() },
        })
    }

    /// The page to go back to; an address of somewhere else is not taken.
    pub(super) fn back_or(&self, otherwise: &str) -> String {
        own_address(&self.back).unwrap_or(otherwise).to_owned()
    }
}

/// A signal by name or number, `SIGKILL` when none is given.
pub(in crate::features::containers) fn signal(text: &str) -> Result<String, WebError> {
    let text = text.trim().to_ascii_uppercase();
    if text.is_empty() {
        return Ok("SIGKILL".to_owned());
    }
    let fits = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-');
    if !fits {
        return Err(WebError::field("signal", "takes the name or number of a signal, SIGTERM or 15 say."));
    }
    Ok(text)
}

/// A name that Docker takes.
pub(in crate::features::containers) fn name(text: &str) -> Result<String, WebError> {
    let text = text.trim().trim_start_matches('/');
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if first && rest && (2..=255).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(WebError::field(
        "name",
        "takes 2 or more letters, digits, _ . or -, and begins with a letter or digit.",
    ))
}

/// A question.
pub(super) struct Confirmation {
    pub verb: &'static str,
    pub targets: Vec<Target>,
    /// Whether it is about a selection.
    pub bulk: bool,
    pub options: Options,
    pub errors: FormErrors,
}

#[derive(Template)]
#[template(path = "containers/confirm.html", blocks = ["content_confirm"])]
struct ConfirmPage {
    shell: Shell,
    verb: &'static str,
    title: String,
    button: &'static str,
    danger: bool,
    url: String,
    bulk: bool,
    items: Vec<ConfirmItem>,
    more: usize,
    lost: Vec<String>,
    kept: Vec<String>,
    /// Whether any runs, which removing takes force for.
    running: usize,
    anonymous: usize,
    ids: Vec<String>,
    signals: [(&'static str, &'static str); 7],
    options: Options,
    errors: FormErrors,
    back: String,
}

struct ConfirmItem {
    name: String,
    state: Option<StateView>,
    /// Why it will be left alone.
    refusal: String,
}

impl Confirmation {
    pub(super) fn render(self, containers: &Containers, context: &PageContext) -> Result<Page, WebError> {
        let Self { verb, targets, bulk, options, errors } = self;
        let found: Vec<&Container> = targets
            .iter()
            .filter_map(|target| match target {
                Target::Found(container) => Some(container.as_ref()),
                Target::Missing(_) => None,
            })
            .collect();
        let what = match (found.as_slice(), bulk) {
            ([one], false) => one.name.clone(),
            (_, false) => "this container".to_owned(),
            (many, true) => text::count(many.len(), "container"),
        };
        let (title, button) = match verb {
            "kill" => (format!("Send a signal to {what}"), "Send"),
            "rename" => (format!("Rename {what}"), "Rename"),
            "remove" => (format!("Remove {what}"), "Remove"),
            "start" => (format!("Start {what}"), "Start"),
            "stop" => (format!("Stop {what}"), "Stop"),
            "restart" => (format!("Restart {what}"), "Restart"),
            "pause" => (format!("Pause {what}"), "Pause"),
            _ => (format!("Unpause {what}"), "Unpause"),
        };
        let of = |c: &&Container| c.mounts.iter().filter(|mount| c.is_anonymous(mount)).count();
        let anonymous = found.iter().map(of).sum();
        let first = match targets.first() {
            Some(Target::Found(container)) => container.id.to_string(),
            Some(Target::Missing(id)) => url::form_urlencoded::byte_serialize(id.as_bytes()).collect(),
            None => String::new(),
        };
        let page = ConfirmPage {
            shell: context.shell(title.clone(), "containers"),
            url: if bulk { "/bulk".to_owned() } else { format!("/containers/{first}/{verb}") },
            danger: verb == "remove",
            lost: lost(verb, &found),
            kept: kept(verb, &found),
            running: found.iter().filter(|container| container.is_up()).count(),
            items: targets.iter().take(LISTED).map(|target| item(containers, verb, target)).collect(),
            more: targets.len().saturating_sub(LISTED),
            ids: if bulk {
                found.iter().map(|container| container.short_id().to_owned()).collect()
            } else {
                Vec::new()
            },
            back: options.back_or("/containers"),
            options: filled(options, &found),
            verb,
            title,
            button,
            bulk,
            anonymous,
            signals: SIGNALS,
            errors,
        };
        if context.wants_fragment() { Page::render(&page.as_content_confirm()) } else { Page::render(&page) }
    }
}

/// A rename begins with the name it has.
fn filled(mut options: Options, found: &[&Container]) -> Options {
    if let (true, [one]) = (options.name.is_empty(), found) {
        options.name.clone_from(&one.name);
    }
    options
}

fn item(containers: &Containers, verb: &str, target: &Target) -> ConfirmItem {
    match target {
        Target::Found(container) => ConfirmItem {
            name: container.name.clone(),
            state: Some(view::state(container)),
            refusal: containers
                .protection
                .of(container)
                .filter(|_| !matches!(verb, "start" | "unpause"))
                .map(|reason| refusal(&container.name, &reason))
                .unwrap_or_default(),
        },
        Target::Missing(id) => ConfirmItem {
            name: text::cut(id, 80).into_owned(),
            state: None,
            refusal: "It is gone already.".to_owned(),
        },
    }
}

fn lost(verb: &str, found: &[&Container]) -> Vec<String> {
    let one = found.len() == 1;
    let its = if one { "Its" } else { "Their" };
    match verb {
        "remove" => {
            let mut lost = vec![format!("{its} log, and every file written outside of volumes")];
            let running = found.iter().filter(|container| container.is_up()).count();
            if running > 0 && one {
                lost.push("What it is doing now: it is killed, not stopped".to_owned());
            } else if running > 0 {
                lost.push(format!(
                    "What {} of them {} doing now",
                    running,
                    if running == 1 { "is" } else { "are" }
                ));
            }
            lost
        }
        "kill" => vec!["With SIGKILL: whatever it has not written to disk".to_owned()],
        _ => Vec::new(),
    }
}

fn kept(verb: &str, found: &[&Container]) -> Vec<String> {
    if verb != "remove" {
        return Vec::new();
    }
    let mut kept = Vec::new();
    let mut names: Vec<&str> = found
        .iter()
        .flat_map(|container| container.mounts.iter().map(move |mount| (container, mount)))
        .filter(|(container, mount)| mount.kind == "volume" && !container.is_anonymous(mount))
        .map(|(_, mount)| mount.source.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => {}
        [name] => kept.push(format!("The volume {name}")),
        names if names.len() <= 4 => kept.push(format!("The volumes {}", names.join(", "))),
        names => kept.push(format!("{} named volumes", names.len())),
    }
    if found.iter().flat_map(|container| &container.mounts).any(|mount| mount.kind == "bind") {
        kept.push("The host's directories that are mounted".to_owned());
    }
    kept.push(if found.len() == 1 {
        "Its image and networks".to_owned()
    } else {
        "Images and networks".to_owned()
    });
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_signals_are_checked_before_docker_is_asked() {
        assert_eq!(name(" /web-2 ").unwrap(), "web-2");
        for bad in ["", "a", "-web", "my web", "wéb", "a/b"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(signal("").unwrap(), "SIGKILL");
        assert_eq!(signal("sigusr1").unwrap(), "SIGUSR1");
        assert!(signal("KILL; rm").is_err());
    }

    #[test]
    fn a_way_back_leads_nowhere_else() {
        let back = |back: &str| Options { back: back.to_owned(), ..Options::default() }.back_or("/x");
        assert_eq!(back("/containers?q=a"), "/containers?q=a");
        for bad in ["https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", ""] {
            assert_eq!(back(bad), "/x", "{bad}");
        }
    }
}
