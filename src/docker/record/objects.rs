//! Events of images, networks, volumes, the daemon and Swarm in words.

use serde_json::{Map, Value};

use super::translate::{Told, attribute};
use crate::docker::types::{is_nameless, short_id};
use crate::docker::wire::EngineEvent;
use crate::platform::journal::{Severity, Subject};
use crate::platform::text::cut;

/// A name longer than this is cut in a message.
const MAX_NAME: usize = 120;

/// What an event says of something that is no container, and of what; `None` for noise.
pub(super) fn tell(
    event: &EngineEvent,
    container_name: impl Fn(&str) -> Option<String>,
) -> Option<(Told, Subject)> {
    let (noun, action) = (event.kind.as_str(), event.action.as_str());
    if action == "prune" {
        return Some((prune(event), Subject { kind: noun.to_owned(), ..Subject::default() }));
    }
    let name = attribute(event, "name").filter(|name| !name.is_empty()).unwrap_or(&event.actor.id);
    let mut data = Map::new();
    let mut severity = Severity::Info;
    let (message, name) = match (noun, action) {
        ("image", _) => image(event, &mut data),
        ("volume", "mount" | "unmount") => return None,
        ("network", "connect" | "disconnect") => {
            let id = attribute(event, "container").unwrap_or_default();
            let container = container_name(id).unwrap_or_else(|| format!("Container {}", short_id(id)));
            let verb = if action == "connect" { "connected to" } else { "disconnected from" };
            data.insert("container_id".to_owned(), id.into());
            data.insert("container".to_owned(), container.as_str().into());
            (format!("{container} was {verb} the network {}", cut(name, MAX_NAME)), name.to_owned())
        }
        ("network" | "volume" | "service" | "node", _) => {
            changes(event, &mut data);
            if noun == "node" && data.get("state.new").is_some_and(|state| state == "down") {
                severity = Severity::Warning;
            }
            let shown = if noun == "volume" { shorter(name) } else { cut(name, MAX_NAME).into_owned() };
            (format!("The {noun} {shown} {}", past_tense(action)), name.to_owned())
        }
        ("daemon", "reload") => {
            ("The Docker engine read its configuration again".to_owned(), name.to_owned())
        }
        ("daemon", _) => (format!("The Docker engine {}", past_tense(action)), name.to_owned()),
        _ => return None,
    };
    if let Some(driver) = attribute(event, if noun == "network" { "type" } else { "driver" }) {
        data.insert("driver".to_owned(), driver.into());
    }
    let key = (!name.is_empty()).then(|| name.clone());
    let subject = Subject { kind: noun.to_owned(), id: event.actor.id.clone(), name, key };
    Some((Told { action: action.to_owned(), severity, message, data }, subject))
}

/// The words for an image, and its reference, or its id where Docker does not tell one.
fn image(event: &EngineEvent, data: &mut Map<String, Value>) -> (String, String) {
    let id = event.actor.id.as_str();
    // A pull and a push name the reference where others name the id; "name" may be the bare repository.
    let is_id = |text: &str| text.is_empty() || text.starts_with("sha256:");
    let reference = if is_id(id) { attribute(event, "name").filter(|name| !is_id(name)) } else { Some(id) };
    let short = short_id(id.strip_prefix("sha256:").unwrap_or(id));
    if let Some(reference) = reference {
        data.insert("image".to_owned(), cut(reference, 300).into());
    }
    let named = reference.map_or_else(|| format!("Image {short}"), |name| cut(name, MAX_NAME).into_owned());
    let message = match (event.action.as_str(), reference) {
        ("tag", Some(_)) => format!("Image {short} is now called {named}"),
        ("untag", Some(_)) => format!("Image {short} is no longer called {named}"),
        ("untag", None) => format!("{named} lost one of its names"),
        (action, _) => format!("{named} {}", past_tense(action)),
    };
    (message, reference.unwrap_or(id).to_owned())
}

/// What Swarm says has changed: `replicas.old`, `replicas.new`, `state.new` …
fn changes(event: &EngineEvent, data: &mut Map<String, Value>) {
    let attributes = event.actor.attributes.iter();
    let mut changed: Vec<_> =
        attributes.filter(|(name, _)| name.ends_with(".new") || name.ends_with(".old")).collect();
    changed.sort_unstable();
    for (name, value) in changed.into_iter().take(12) {
        data.insert(cut(name, 60).into_owned(), cut(value, 200).into());
    }
}

fn prune(event: &EngineEvent) -> Told {
    let mut data = Map::new();
    if let Some(bytes) = attribute(event, "reclaimed").and_then(|bytes| bytes.parse::<u64>().ok()) {
        data.insert("reclaimed_bytes".to_owned(), bytes.into());
    }
    let message = format!("Unused {}s were removed", event.kind);
    Told { action: "prune".to_owned(), severity: Severity::Info, message, data }
}

fn shorter(name: &str) -> String {
    if is_nameless(name) { short_id(name).to_owned() } else { cut(name, MAX_NAME).into_owned() }
}

fn past_tense(action: &str) -> String {
    match action {
        "create" => "was created",
        "destroy" | "remove" | "delete" => "was removed",
        "update" => "was changed",
        "pull" => "was pulled",
        "push" => "was pushed",
        "import" => "was imported",
        "load" => "was loaded from a file",
        "save" => "was saved to a file",
        other => return format!("reported {}", cut(other, MAX_NAME)),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef";

    /// The message, the subject's name and its key.
    fn told(
        kind: &str,
        action: &str,
        id: &str,
        attributes: &[(&str, &str)],
    ) -> (String, String, Option<String>) {
        let mut event = event(kind, action, 0, attributes);
        event.actor.id = id.to_owned();
        let names = |id: &str| (id == "c1").then(|| "web".to_owned());
        let (told, subject) = tell(&event, names).unwrap();
        (told.message, subject.name, subject.key)
    }

    #[test]
    fn each_kind_of_object_is_told_in_a_sentence() {
        let anonymous = "ab".repeat(32);
        type Row<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);
        let table: &[Row<'_>] = &[
            ("image", "pull", "nginx:1", &[("name", "nginx")], "nginx:1 was pulled", "nginx:1"),
            ("image", "push", "r.io/a:1", &[("name", "r.io/a")], "r.io/a:1 was pushed", "r.io/a:1"),
            ("image", "tag", SHA, &[("name", "app:2")], "Image 0123456789ab is now called app:2", "app:2"),
            ("image", "untag", SHA, &[("name", SHA)], "Image 0123456789ab lost one of its names", SHA),
            ("image", "untag", SHA, &[("name", "a:1")], "Image 0123456789ab is no longer called a:1", "a:1"),
            ("image", "delete", SHA, &[("name", SHA)], "Image 0123456789ab was removed", SHA),
            ("image", "import", SHA, &[("name", SHA)], "Image 0123456789ab was imported", SHA),
            ("image", "load", SHA, &[("name", SHA)], "Image 0123456789ab was loaded from a file", SHA),
            ("image", "save", SHA, &[("name", "a:1")], "a:1 was saved to a file", "a:1"),
            ("network", "create", "n1", &[("name", "shop")], "The network shop was created", "shop"),
            ("network", "destroy", "n1", &[("name", "shop")], "The network shop was removed", "shop"),
            ("network", "remove", "n1", &[("name", "shop")], "The network shop was removed", "shop"),
            (
                "network",
                "connect",
                "n1",
                &[("name", "shop"), ("container", "c1")],
                "web was connected to the network shop",
                "shop",
            ),
            (
                "network",
                "disconnect",
                "n1",
                &[("name", "shop"), ("container", "0123456789abcdef")],
                "Container 0123456789ab was disconnected from the network shop",
                "shop",
            ),
            ("volume", "create", "data", &[("driver", "local")], "The volume data was created", "data"),
            ("volume", "destroy", &anonymous, &[], "The volume abababababab was removed", &anonymous),
            (
                "daemon",
                "reload",
                "d",
                &[("name", "host1")],
                "The Docker engine read its configuration again",
                "host1",
            ),
            ("service", "update", "s", &[("name", "web")], "The service web was changed", "web"),
            ("node", "remove", "n", &[("name", "host2")], "The node host2 was removed", "host2"),
        ];
        for (kind, action, id, attributes, message, name) in table {
            let expected = ((*message).to_owned(), (*name).to_owned(), Some((*name).to_owned()));
            assert_eq!(told(kind, action, id, attributes), expected);
        }
        assert_eq!(told("image", "prune", "", &[("reclaimed", "5")]).0, "Unused images were removed");
    }

    #[test]
    fn mounting_a_volume_and_what_nobody_knows_are_noise() {
        for (kind, action) in
            [("volume", "mount"), ("volume", "unmount"), ("pod", "create"), ("plugin", "pull")]
        {
            assert!(tell(&event(kind, action, 0, &[]), |_| None).is_none(), "{kind} {action}");
        }
    }

    #[test]
    fn a_node_that_goes_down_is_a_warning_and_says_what_changed() {
        let event =
            event("node", "update", 0, &[("name", "n"), ("state.new", "down"), ("state.old", "ready")]);
        let (told, _) = tell(&event, |_| None).unwrap();
        assert_eq!(told.severity, Severity::Warning);
        assert_eq!(Value::Object(told.data), serde_json::json!({"state.new": "down", "state.old": "ready"}));
    }
}
