//! Answers the web shell's question who asks.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

use super::cache::{self, Found};
use super::service::{Auth, NEVER_IDLE, SESSION_IDLE};
use super::store;
use crate::platform::ids::sha256_hex;
use crate::web::access::{Authenticator, Credential};
use crate::web::{Identity, WebError};

/// How often the database is asked again because something was revoked meanwhile.
const ATTEMPTS: usize = 5;

impl Authenticator for Auth {
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        session: Option<&'a Session>,
    ) -> BoxFuture<'a, Result<Option<Identity>, WebError>> {
        async move {
            match bearer {
                // A wrong token is refused, not replaced by the session that happens to be there.
                Some(token) => self.by_token(token).await?.map(Some).ok_or(WebError::BadToken),
                None => match session.and_then(Session::id) {
                    Some(id) => self.by_session(&sha256_hex(&id.to_string())).await,
                    None => Ok(None),
                },
            }
        }
        .boxed()
    }
}

impl Auth {
    async fn by_session(&self, hash: &str) -> Result<Option<Identity>, WebError> {
        let key: Arc<str> = Arc::from(hash);
        for _ in 0..ATTEMPTS {
            let now = self.clock.now_ms();
            if let Found::Valid { identity, note } = self.sessions.find(&key, now, SESSION_IDLE) {
                if note {
                    self.note_session_use(hash).await;
                }
                return Ok(Some(identity));
            }
            let generation = self.sessions.generation();
            let wanted = hash.to_owned();
            let found =
                self.db.read(move |c| store::live_session(c, &wanted, now, now - SESSION_IDLE)).await?;
            let Some(row) = found else { return Ok(None) };
            let identity = Identity {
                user_id: row.user_id,
                name: Arc::from(row.user_name.as_str()),
                role: row.role,
                credential: Credential::Session(key.clone()),
                ended: CancellationToken::new(),
            };
            let entry = cache::entry(identity, Some(row.expires_at), row.last_seen_at);
            if let Some(identity) = self.sessions.put(key.clone(), entry, generation) {
                return Ok(Some(identity));
            }
        }
        Err(changing())
    }

    async fn by_token(&self, token: &str) -> Result<Option<Identity>, WebError> {
        let hash = sha256_hex(token);
        let key: Arc<str> = Arc::from(hash.as_str());
        for _ in 0..ATTEMPTS {
            let now = self.clock.now_ms();
            if let Found::Valid { identity, note } = self.tokens.find(&key, now, NEVER_IDLE) {
                if let (true, Credential::Token(id)) = (note, &identity.credential) {
                    self.note_token_use(*id).await;
                }
                return Ok(Some(identity));
            }
            let generation = self.tokens.generation();
            let wanted = hash.clone();
            let found = self.db.read(move |c| store::live_token(c, &wanted, now)).await?;
            let Some(row) = found else { return Ok(None) };
            let identity = Identity {
                user_id: row.user_id,
                name: Arc::from(row.user_name.as_str()),
                role: row.role,
                credential: Credential::Token(row.id),
                ended: CancellationToken::new(),
            };
            if let Some(identity) =
                self.tokens.put(key.clone(), cache::entry(identity, row.expires_at, now), generation)
            {
                self.note_token_use(row.id).await;
                return Ok(Some(identity));
            }
        }
        Err(changing())
    }
}

fn changing() -> WebError {
    WebError::Unavailable("Users are being changed just now. Try again.".to_owned())
}
