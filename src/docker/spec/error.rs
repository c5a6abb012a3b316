//! Why a container cannot be kept for later, or not be created again. The sentences are for users.

use super::Leans;
use crate::docker::EngineError;
use crate::docker::types::short_id;

/// Why no specification can be kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpecError {
    /// Swarm owns it.
    #[error(
        "it is a task of the Swarm service {service}, which creates its containers itself: scale or remove the \
         service instead"
    )]
    SwarmTask {
        /// The service's name.
        service: String,
    },
    /// The answer of inspect is not whole.
    #[error("the engine's description of it has no {0}, so it could not be created again from it")]
    Incomplete(&'static str),
    /// The engine did not describe it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a container was not created again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateError {
    /// Neither the image's name nor its id is known here.
    #[error("its image {image} is no longer on this host: pull it, or choose another image")]
    ImageGone {
        /// The image that was wanted.
        image: String,
    },
    /// Its name leads to another image now, and the old one is gone.
    #[error(
        "its image {image} is another one now than when it was created, and the old one is no longer on this host: \
         choose {image} to use the new one"
    )]
    ImageChanged {
        /// The image as it was asked for.
        image: String,
    },
    /// Another container has the name.
    #[error(
        "the name {name} is taken by the container {}: remove or rename that one, or choose another name",
        short_id(.by)
    )]
    NameTaken {
        /// The name that was wanted.
        name: String,
        /// The full id of the container that has it; empty when the engine does not say.
        by: String,
    },
    /// A network it was in is gone.
    #[error(
        "its network {network} is no longer on this host: create it (docker network create {network}) and try again"
    )]
    NetworkGone {
        /// The network's name.
        network: String,
    },
    /// A container it leans on is gone.
    #[error(
        "it {} the container {}, which is no longer on this host: restore that one first",
        .leans.words(), named(.container)
    )]
    ContainerGone {
        /// What it uses of it.
        leans: Leans,
        /// The id or name of that container.
        container: String,
    },
    /// The engine created it but did not connect it as it was.
    #[error("it could not be connected to the network {network} as it was: {reason}. {}", left_words(.left))]
    Network {
        /// The network's name.
        network: String,
        /// What the engine said.
        reason: String,
        /// The id of the new container, when it could not be removed again.
        left: Option<String>,
    },
    /// The engine refuses the specification.
    #[error("the engine does not create it: {message}{hint}")]
    Refused {
        /// Docker's words.
        message: String,
        /// What to do, when it is known, with a colon before it.
        hint: &'static str,
    },
    /// Anything that is not about this container.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl CreateError {
    /// Translates the engine's answer to create.
    pub(super) fn from_create(error: EngineError, name: &str, image: &str) -> Self {
        let EngineError::Refused { status, message, .. } = error else { return Self::Engine(error) };
        if status == 404 && message.contains("No such image") {
            return Self::ImageGone { image: image.to_owned() };
        }
        if status == 409
            && let Some((_, by)) = message.split_once("already in use by container ")
        {
            let by: String = by
                .trim_matches(|c| matches!(c, '"' | ' '))
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .collect();
            return Self::NameTaken { name: name.to_owned(), by };
        }
        const RUNTIME: &str = ": set that runtime up in the engine's configuration, or install it";
        let hints = [
            // 28 and 20.10.
            ("runtime name", RUNTIME),
            ("Unknown runtime", RUNTIME),
            ("bind source path does not exist", ": create that file or directory on the host"),
            ("Invalid container name", ": a name has letters, digits, _ . and -, and at least two of them"),
        ];
        let hint = hints.into_iter().find(|(words, _)| message.contains(words)).map_or("", |(_, hint)| hint);
        Self::Refused { message: message.trim_end_matches('.').to_owned(), hint }
    }
}

fn named(container: &str) -> &str {
    let is_id = container.len() == 64 && container.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id { short_id(container) } else { container }
}

fn left_words(left: &Option<String>) -> String {
    match left {
        None => "Nothing was left behind".to_owned(),
        Some(id) => format!("The new container {} could not be removed again: remove it", short_id(id)),
    }
}
