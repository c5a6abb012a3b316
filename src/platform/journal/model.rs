use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::platform::ids::EngineId;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Of interest when looking for something.
    Debug,
    /// Normal life.
    Info,
    /// Somebody should look at it some day.
    Warning,
    /// Something is broken.
    Error,
}

impl Severity {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The number the database keeps.
    pub fn code(self) -> i64 {
        match self {
            Self::Debug => 0,
            Self::Info => 1,
            Self::Warning => 2,
            Self::Error => 3,
        }
    }

    /// The severity of a number of the database; unknown ones count as info.
    pub fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Debug,
            2 => Self::Warning,
            3 => Self::Error,
            _ => Self::Info,
        }
    }
}

/// Which part of the product wrote an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The engine's own event stream.
    Docker,
    /// Something a person did.
    User,
    /// Sign-in and accounts.
    Auth,
    /// Docker Watcher itself.
    System,
    /// What was measured.
    Stats,
    /// Stale containers and other leftovers.
    Stale,
    /// Proxies and what serves them.
    Proxy,
}

impl Source {
    /// The word the database and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::User => "user",
            Self::Auth => "auth",
            Self::System => "system",
            Self::Proxy => "proxy",
            Self::Stats => "stats",
            Self::Stale => "stale",
        }
    }
}

/// Who may see an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every signed-in user.
    Everyone,
    /// Admins: sign-in events carry addresses and mistyped names.
    Admins,
}

/// Who did it: a user, a command line, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor(pub String);

impl Actor {
    /// A signed-in user.
    pub fn user(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The command line on the host.
    pub fn command_line() -> Self {
        Self("command line".to_owned())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Subject {
    /// `container`, `image`, `engine`, `user` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The id at the time (a container id, say).
    pub id: String,
    /// The name at the time.
    pub name: String,
    /// What history hangs on, where it outlives the id (see `subjects`).
    #[serde(skip)]
    pub key: Option<String>,
}

/// An event to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// When it happened, ms since the epoch; `None` = when it is recorded.
    pub at: Option<i64>,
    /// The engine it concerns.
    pub engine: EngineId,
    /// Which part wrote it.
    pub source: Source,
    /// `<noun>.<what happened>`, Docker's own word where there is one.
    pub kind: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// Who did it.
    pub actor: Actor,
    /// One sentence for a person.
    pub message: String,
    /// Facts for machines.
    pub data: serde_json::Value,
    /// Who may see it.
    pub audience: Audience,
}

impl NewEvent {
    /// An event of normal severity that everyone may see.
    pub fn new(source: Source, kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            at: None,
            engine: EngineId::local(),
            source,
            kind: kind.into(),
            severity: Severity::Info,
            subject: Subject::default(),
            actor: Actor::default(),
            message: message.into(),
            data: serde_json::Value::Object(serde_json::Map::new()),
            audience: Audience::Everyone,
        }
    }

    /// Sets how much it matters.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets the engine it concerns.
    #[must_use]
    pub fn engine(mut self, engine: &EngineId) -> Self {
        self.engine = engine.clone();
        self
    }

    /// Sets what it is about.
    #[must_use]
    pub fn subject(mut self, kind: &str, id: impl Into<String>, name: impl Into<String>) -> Self {
        self.subject = Subject { kind: kind.to_owned(), id: id.into(), name: name.into(), key: None };
        self
    }

    /// Sets who did it.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// Adds facts for machines.
    #[must_use]
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }

    /// Hides it from everyone but admins.
    #[must_use]
    pub fn for_admins(mut self) -> Self {
        self.audience = Audience::Admins;
        self
    }
}

/// A recorded event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the order of all events.
    pub id: i64,
    /// When it happened, ms since the epoch.
    pub at: i64,
    /// The engine it concerns.
    pub engine: String,
    /// Which part wrote it.
    pub source: String,
    /// `<noun>.<what happened>`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// Who did it, empty when nobody did.
    pub actor: String,
    /// One sentence for a person.
    pub message: String,
    /// Facts for machines, JSON.
    pub data: String,
    /// Whether only admins may see it.
    pub admins_only: bool,
}
