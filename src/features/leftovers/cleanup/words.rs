//! Words for what was removed, and for what Docker said to it.

use super::Outcome;
use super::attempt::gone;
use crate::docker::EngineError;
use crate::features::containers::actions::words::sentence;
use crate::features::leftovers::model::{Kind, Sort};
use crate::features::leftovers::plan::{Target, shown};

/// What was removed, in a sentence: `the dangling image 0123456789ab`.
pub(super) fn sentence_about(target: &Target) -> String {
    match target {
        Target::One(leftover) => {
            let sort = match leftover.sort {
                Sort::Dangling => "dangling ",
                Sort::Unused | Sort::Unattached => "unused ",
                Sort::Anonymous => "anonymous ",
                Sort::Named => "",
            };
            format!("the {sort}{} {}", leftover.kind.noun(), shown(leftover))
        }
        Target::Cache { .. } => "unused build cache".to_owned(),
    }
}

/// Whether Docker kept an image because another one stands on it.
pub(super) fn has_children(error: &EngineError) -> bool {
    matches!(error, EngineError::Refused { status: 409, message, .. } if message.contains("dependent child"))
}

/// What a refusal of Docker means, as the rest of a sentence that begins with the thing's name.
pub(super) fn outcome(error: EngineError, kind: Kind) -> Outcome {
    match error {
        EngineError::NotFound | EngineError::Refused { status: 404, .. } => Outcome::refused(gone(kind)),
        EngineError::ReadOnly => Outcome::refused("is left alone: Docker Watcher runs with --read-only"),
        EngineError::Forbidden { .. } => {
            let what = match kind {
                Kind::BuildCache => "pruning the build cache".to_owned(),
                other => format!("removing {}s", other.noun()),
            };
            Outcome::failed(format!(
                "was not removed: {what} is not allowed here, the Docker socket proxy refuses it (403)"
            ))
        }
        EngineError::Refused { message, .. } => {
            Outcome::failed(format!("was not removed. Docker says: {}", sentence(&message)))
        }
        other => Outcome::failed(format!("may not be removed: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::leftovers::cleanup::Ended;

    fn refused(status: u16, message: &str) -> EngineError {
        EngineError::Refused { what: "DELETE /images/{name}", status, message: message.to_owned() }
    }

    #[test]
    fn what_is_gone_is_no_failure_and_what_docker_keeps_says_why() {
        let said = outcome(refused(404, "No such image: a"), Kind::Image);
        assert_eq!((said.ended, said.says.contains("gone already")), (Ended::Refused, true));
        let said = outcome(refused(409, "conflict: unable to remove (cannot be forced)"), Kind::Image);
        assert_eq!(said.ended, Ended::Failed);
        assert!(said.says.ends_with("Conflict: unable to remove (cannot be forced)."), "{}", said.says);
        let said = outcome(EngineError::Forbidden { what: "DELETE /volumes/{name}" }, Kind::Volume);
        assert!(said.says.contains("volumes is not allowed here"), "{}", said.says);
        assert!(has_children(&refused(409, "conflict: image has dependent child images")));
    }
}
