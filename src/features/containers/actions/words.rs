//! Words for what was done to a container, and for what Docker said to it.

use crate::docker::actions::Action;
use crate::platform::text::{self, capital};

/// A sentence that begins with the name, beside that name.
pub(super) fn after_name(sentence: &str, name: &str) -> String {
    let rest = sentence.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
    rest.unwrap_or(sentence).to_owned()
}

/// Docker's words as a sentence, without the prefixes of Go programs.
pub(in crate::features) fn sentence(message: &str) -> String {
    let message = message.trim().trim_start_matches("Error response from daemon: ");
    let message: String = message.split(' ').map(short).collect::<Vec<_>>().join(" ");
    let message = text::cut(&message, 400);
    let end = if message.ends_with(['.', '!', '…']) { "" } else { "." };
    format!("{}{end}", capital(&message))
}

/// A word without most of a container's id.
fn short(word: &str) -> String {
    let id = word.trim_matches(|c: char| !c.is_ascii_hexdigit());
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { word.replace(id, id.get(..12).unwrap_or(id)) } else { word.to_owned() }
}

pub(super) fn past(action: &Action) -> &'static str {
    match action {
        Action::Start => "started",
        Action::Stop(_) => "stopped",
        Action::Restart(_) => "restarted",
        Action::Pause => "paused",
        Action::Unpause => "unpaused",
        Action::Kill(_) => "sent a signal to",
        Action::Rename(_) => "renamed",
        Action::Remove { .. } => "removed",
    }
}

pub(super) fn says(action: &Action) -> String {
    match action {
        Action::Kill(signal) => format!("was sent {signal}"),
        Action::Rename(name) => format!("is called {name} now"),
        other => past(other).to_owned(),
    }
}

pub(super) fn already(action: &Action) -> &'static str {
    match action {
        Action::Start => "was running already",
        Action::Stop(_) => "was stopped already",
        _ => "was so already",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_words_become_a_sentence() {
        assert_eq!(sentence("Error response from daemon: no such image: x"), "No such image: x.");
        let long = format!("you cannot remove a running container {}. Stop it", "a1".repeat(32));
        assert_eq!(sentence(&long), "You cannot remove a running container a1a1a1a1a1a1. Stop it.");
    }
}
