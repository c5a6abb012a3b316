//! The pages of sign-in, account, sessions, tokens and users: one file a page, with `get` and `post`.

pub mod account;
pub mod login;
pub mod sessions;
pub mod setup;
pub mod theme;
pub mod tokens;
pub mod users;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Redirect;
use tower_sessions::Session;

use super::model::{Origin, User};
use super::sessions::{ADDRESS, AGENT, USER};
use crate::platform::clock::{SharedClock, from_ms};
use crate::platform::text;
use crate::web::Identity;
use crate::web::WebError;
use crate::web::access::Credential;
use crate::web::request::RequestInfo;

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        let info = RequestInfo::from_request_parts(parts, state).await?;
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self { address: info.address, agent: text::cut(agent.unwrap_or_default(), 300).into_owned() })
    }
}

/// Begins a session under a new id, so that one planted before the sign-in is worth nothing.
async fn begin(session: &Session, user: &User, origin: &Origin) -> Result<(), WebError> {
    let failed = |e: tower_sessions::session::Error| WebError::Internal(e.to_string());
    session.cycle_id().await.map_err(failed)?;
    session.insert(USER, user.id).await.map_err(failed)?;
    session.insert(ADDRESS, origin.address.to_string()).await.map_err(failed)?;
    session.insert(AGENT, origin.agent.clone()).await.map_err(failed)?;
    Ok(())
}

/// Where to go after signing in: a path of this site, nothing else.
fn local_path(next: &str) -> &str {
    let fine = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(|c: char| c == '\\' || c.is_control())
        && !next.starts_with("/login")
        && !next.starts_with("/logout");
    if fine { next } else { "/" }
}

/// Back to a page, with word of what was done.
fn done(path: &str, what: &str) -> Redirect {
    Redirect::to(&format!("{path}?done={what}"))
}

/// A time as a page shows it: for machines, exact, and in words.
pub(super) struct When {
    pub(super) rfc3339: String,
    pub(super) exact: String,
    pub(super) words: String,
}

impl When {
    fn ago(ms: i64, clock: &SharedClock) -> Self {
        let at = from_ms(ms);
        Self::with(at, format!("{} ago", text::between(at, clock.now())))
    }

    fn ahead(ms: i64, clock: &SharedClock) -> Self {
        let at = from_ms(ms);
        Self::with(at, format!("in {}", text::between(clock.now(), at)))
    }

    fn with(at: jiff::Timestamp, words: String) -> Self {
        Self { rfc3339: crate::platform::clock::rfc3339(at), exact: text::exact(at), words }
    }
}

/// The hash of the session that asks, if it asks by one.
fn own_session(identity: &Identity) -> Option<String> {
    match &identity.credential {
        Credential::Session(hash) => Some(hash.to_string()),
        Credential::Token(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn signing_in_never_leads_to_another_site() {
        assert_eq!(local_path("/containers?q=a"), "/containers?q=a");
        for bad in [
            "//evil.test",
            "https://evil.test",
            "/\\evil.test",
            "",
            "/login?next=/login",
            "\t//evil.test",
            "/\t/evil.test",
        ] {
            assert_eq!(local_path(bad), "/", "{bad}");
        }
    }
}
