//! Who asks, and what they may do.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

use super::WebError;

/// What a user may do; each role may do all that the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Acts on containers and proxies.
    Operator,
    /// Changes settings, users and providers.
    Admin,
}

impl Role {
    /// Every role, lowest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word of the database, the command line and the forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, signed in or not.
    Public,
    /// Signed-in users of this role or a higher one.
    Role(Role),
}

impl From<Role> for Access {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

/// What an identity was proved by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A session, by the hash of its id.
    Session(Arc<str>),
    /// An API token, by its id.
    Token(i64),
}

/// A signed-in user.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user's id.
    pub user_id: i64,
    /// The user's name.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// What they proved it by.
    pub credential: Credential,
    /// Cancelled when the session or token ends, or the role changes: streams end with it.
    pub ended: CancellationToken,
}

/// Tells who asks. `features::auth` does; `app` fills it in.
pub trait Authenticator: Send + Sync {
    /// The user behind a bearer token, else behind the session; `None` for nobody.
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        session: Option<&'a Session>,
    ) -> BoxFuture<'a, Result<Option<Identity>, WebError>>;
}
