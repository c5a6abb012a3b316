use std::io;
use std::time::Duration;

use bollard::errors::Error as Bollard;

/// Why an engine did not do what was asked. The sentences are for users.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// Nothing answers at the address.
    #[error("{endpoint} cannot be reached: {reason}. {hint}")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// What happened.
        reason: String,
        /// What to try.
        hint: String,
    },
    /// The address accepts connections but gives no answer in time.
    #[error(
        "the engine does not answer ({what} took longer than {seconds} s): is the host overloaded or dockerd hung?"
    )]
    NoAnswer {
        /// What was asked.
        what: &'static str,
        /// The deadline, seconds.
        seconds: u64,
    },
    /// A filtering socket proxy (or an authorisation plugin) refuses.
    #[error("{what} is not allowed here: the Docker socket proxy refuses it (403)")]
    Forbidden {
        /// What was asked.
        what: &'static str,
    },
    /// Docker Watcher was started with `--read-only`.
    #[error("Docker Watcher runs with --read-only: it changes nothing on this host")]
    ReadOnly,
    /// No such container.
    #[error("the engine has no such container (any more)")]
    NotFound,
    /// The engine refused, in its own words.
    #[error("the engine refused {what}: {message}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The HTTP status.
        status: u16,
        /// Docker's words.
        message: String,
    },
    /// The answer makes no sense.
    #[error("the engine's answer to {what} is damaged: {detail}")]
    Damaged {
        /// What was asked.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The connection broke.
    #[error("the connection to the engine ended: {0}")]
    Lost(String),
}

impl EngineError {
    /// Whether the engine is there and only this request is refused.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }

    /// No answer within a deadline.
    pub(super) fn no_answer(what: &'static str, deadline: Duration) -> Self {
        Self::NoAnswer { what, seconds: deadline.as_secs() }
    }

    /// Translates an answer with an error status.
    pub(super) fn from_status(what: &'static str, status: u16, message: &str) -> Self {
        match status {
            401 | 403 => Self::Forbidden { what },
            404 if what.contains("{id}") => Self::NotFound,
            _ => Self::Refused { what, status, message: message.trim().chars().take(500).collect() },
        }
    }

    /// Translates an error of the connection itself.
    pub(super) fn from_io(endpoint: &str, error: &io::Error) -> Self {
        let (reason, hint) = match error.kind() {
            io::ErrorKind::NotFound => (
                "there is no such socket".to_owned(),
                "Is Docker running? In a container, is the socket mounted? Another address is set by --docker-host",
            ),
            io::ErrorKind::PermissionDenied => (
                "permission denied".to_owned(),
                "Add the user that runs Docker Watcher to the group that owns the socket (usually docker)",
            ),
            io::ErrorKind::ConnectionRefused => {
                ("the connection was refused".to_owned(), "Is Docker running there?")
            }
            _ => (error.to_string(), "Is Docker running there?"),
        };
        Self::Unreachable { endpoint: endpoint.to_owned(), reason, hint: hint.to_owned() }
    }

    /// Translates bollard's error.
    pub(super) fn from_bollard(what: &'static str, endpoint: &str, error: &Bollard) -> Self {
        match error {
            Bollard::DockerResponseServerError { status_code, message } => {
                Self::from_status(what, *status_code, message)
            }
            Bollard::IOError { err } => Self::from_io(endpoint, err),
            Bollard::JsonDataError { message, .. } => Self::Damaged { what, detail: message.clone() },
            Bollard::JsonSerdeError { err } => Self::Damaged { what, detail: err.to_string() },
            Bollard::RequestTimeoutError => Self::NoAnswer { what, seconds: 0 },
            Bollard::HyperResponseError { err } if err.is_incomplete_message() || err.is_parse() => {
                Self::Damaged { what, detail: "it was cut off".to_owned() }
            }
            other => Self::Lost(other.to_string()),
        }
    }
}
