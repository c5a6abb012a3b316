//! API tokens: shown once, kept as their hash, as mighty as their user.

use super::model::{AuthError, TokenRow};
use super::service::Auth;
use super::{rules, store};
use crate::platform::ids::{random_secret, sha256_hex};
use crate::platform::journal::{self, Actor, NewEvent, Source};

/// Marks a token, so that one that lands in a public place can be found.
const PREFIX: &str = "dw_";

impl Auth {
    /// Makes a token for a user and returns it: the only time it is seen. `expires_at` in ms.
    pub async fn create_token(
        &self,
        user: i64,
        name: &str,
        expires_at: Option<i64>,
        actor: Actor,
    ) -> Result<String, AuthError> {
        let name = rules::token_name(name)?;
        let now = self.clock.now_ms();
        if expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::field("expires", "Must be in the future."));
        }
        let secret = random_secret().map_err(|e| AuthError::Hashing(e.to_string()))?;
        let token = format!("{PREFIX}{secret}");
        let hash = sha256_hex(&token);
        self.db
            .write(move |c| {
                let owner =
                    store::user_by_id(c, user)?.ok_or_else(|| AuthError::NoSuchUser(user.to_string()))?;
                let id = store::add_token(c, user, &name, &hash, now, expires_at).map_err(|error| {
                    if error.is_unique_violation() {
                        AuthError::field("name", format!("{} already has a token {name:?}.", owner.name))
                    } else {
                        error.into()
                    }
                })?;
                let message = format!("The API token {name:?} of {} was created", owner.name);
                journal::append(c, &event("auth.token_created", message, id, &name, actor), now)?;
                Ok::<_, AuthError>(())
            })
            .await?;
        Ok(token)
    }

    /// The tokens of one user, or of all.
    pub async fn tokens_of(&self, user: Option<i64>) -> Result<Vec<TokenRow>, AuthError> {
        Ok(self.db.read(move |c| store::tokens(c, user)).await?)
    }

    /// Ends a token. `owner` = only if it is theirs.
    pub async fn revoke_token(&self, id: i64, owner: Option<i64>, actor: Actor) -> Result<(), AuthError> {
        let now = self.clock.now_ms();
        self.db
            .write(move |c| {
                let token =
                    store::token_by_id(c, id)?.filter(|t| owner.is_none_or(|owner| t.user_id == owner));
                let token = token.ok_or(AuthError::Gone("API token"))?;
                store::remove_token(c, id)?;
                let message = format!("The API token {:?} of {} was revoked", token.name, token.user_name);
                journal::append(c, &event("auth.token_revoked", message, id, &token.name, actor), now)?;
                Ok::<_, AuthError>(())
            })
            .await?;
        self.refresh().await
    }

    /// Writes down that a token was used.
    pub(super) async fn note_token_use(&self, id: i64) {
        let now = self.clock.now_ms();
        if let Err(error) = self.db.write(move |c| store::touch_token(c, id, now)).await {
            tracing::warn!(%error, token = id, "the use of an API token could not be noted");
        }
    }
}

fn event(kind: &'static str, message: String, id: i64, name: &str, actor: Actor) -> NewEvent {
    NewEvent::new(Source::Auth, kind, message)
        .subject("token", id.to_string(), name)
        .actor(actor)
        .for_admins()
}
