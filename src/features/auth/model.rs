//! Users, sessions, tokens, and why something was refused.

use std::net::IpAddr;

use crate::platform::db::DbError;
use crate::web::{Role, WebError};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: i64,
    /// The name, unique whatever its case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may not sign in.
    pub disabled: bool,
    /// When they were added, ms.
    pub created_at: i64,
    /// When they last signed in, ms.
    pub last_login_at: Option<i64>,
    /// How many sessions they have.
    pub sessions: u32,
}

/// A user to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// The password in the clear.
    pub password: String,
    /// What they may do.
    pub role: Role,
}

/// A session in the database.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// The hash of its id.
    pub id_hash: String,
    /// Whose it is.
    pub user_id: i64,
    /// The name of whose it is.
    pub user_name: String,
    /// What they may do.
    pub role: Role,
    /// When it began, ms.
    pub created_at: i64,
    /// When it was last used, ms.
    pub last_seen_at: i64,
    /// When it ends whatever happens, ms.
    pub expires_at: i64,
    /// From where.
    pub address: String,
    /// With what.
    pub agent: String,
}

/// An API token in the database; the token itself is not kept.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// The id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub user_id: i64,
    /// The name of whose it is.
    pub user_name: String,
    /// What they may do.
    pub role: Role,
    /// When it was made, ms.
    pub created_at: i64,
    /// When it ends, ms.
    pub expires_at: Option<i64>,
    /// When it was last used, ms.
    pub last_used_at: Option<i64>,
}

/// Who signs in, and from where.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The address.
    pub address: IpAddr,
    /// The browser's word for itself.
    pub agent: String,
}

/// Why it was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    /// A field is not valid.
    #[error("{why}")]
    Field {
        /// The field.
        name: &'static str,
        /// Why.
        why: String,
    },
    /// Wrong name or password, or the user is disabled: one sentence for all, so that names cannot be found out.
    #[error("The name or the password is wrong.")]
    WrongPassword,
    /// Too many failed attempts.
    #[error("Too many failed attempts. Try again in {0} s.")]
    TooMany(u64),
    /// The setup link was used, or is another run's.
    #[error("This setup link is not valid (any more). The newest one is printed when Docker Watcher starts.")]
    BadSetupLink,
    /// There must always be an admin who can sign in.
    #[error("{0} is the last admin who can sign in: make somebody else an admin first.")]
    LastAdmin(String),
    /// No such user.
    #[error("There is no user {0:?}.")]
    NoSuchUser(String),
    /// No such session or token.
    #[error("There is no such {0} (any more).")]
    Gone(&'static str),
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Hashing(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl AuthError {
    /// A field that is not valid.
    pub fn field(name: &'static str, why: impl Into<String>) -> Self {
        Self::Field { name, why: why.into() }
    }
}

impl From<AuthError> for WebError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Field { name, why } => Self::field(name, why),
            AuthError::WrongPassword => Self::field("password", error.to_string()),
            AuthError::TooMany(seconds) => Self::TooMany(seconds),
            AuthError::BadSetupLink => Self::Forbidden(error.to_string()),
            AuthError::LastAdmin(_) => Self::Conflict(error.to_string()),
            AuthError::NoSuchUser(_) | AuthError::Gone(_) => Self::NotFound(error.to_string()),
            AuthError::Hashing(detail) => Self::Internal(detail),
            AuthError::Db(error) => error.into(),
        }
    }
}
