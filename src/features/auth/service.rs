//! Sign-in and the setup.

use std::sync::{Arc, Mutex, PoisonError};

use super::cache::Cache;
use super::limiter::{self, Limiter};
use super::model::{AuthError, NewUser, Origin, User};
use super::password::Passwords;
use super::store;
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError};
use crate::platform::ids::{random_secret, sha256_hex};
use crate::platform::journal::{self, Actor, NewEvent, Severity, Source};
use crate::web::Role;

/// A session that is not used this long ends, ms.
pub(super) const SESSION_IDLE: i64 = 7 * 86_400_000;
/// A token never ends for not being used.
pub(super) const NEVER_IDLE: i64 = i64::MAX;

/// Sign-in, users, sessions and tokens.
pub struct Auth {
    pub(super) db: Db,
    pub(super) clock: SharedClock,
    pub(super) passwords: Passwords,
    pub(super) sessions: Cache<Arc<str>>,
    pub(super) tokens: Cache<Arc<str>>,
    addresses: Limiter,
    accounts: Limiter,
    /// The hash of the setup link's token, while no user exists.
    setup: Mutex<Option<String>>,
}

impl Auth {
    /// The service on a database.
    pub fn new(db: Db, clock: SharedClock) -> Self {
        Self {
            db,
            clock,
            passwords: Passwords::default(),
            sessions: Cache::new(),
            tokens: Cache::new(),
            addresses: Limiter::default(),
            accounts: Limiter::default(),
            setup: Mutex::default(),
        }
    }

    /// The time now, ms.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Whether anybody could sign in.
    pub async fn has_users(&self) -> Result<bool, AuthError> {
        Ok(self.db.read(store::any_user).await?)
    }

    /// Makes the token of the setup link, when no user exists yet.
    pub async fn open_setup(&self) -> Result<Option<String>, AuthError> {
        if self.has_users().await? {
            return Ok(None);
        }
        let token = random_secret().map_err(|e| AuthError::Hashing(e.to_string()))?;
        *self.setup_token() = Some(sha256_hex(&token));
        Ok(Some(token))
    }

    /// Whether the setup link is the valid one.
    pub fn is_setup_link(&self, token: &str) -> bool {
        self.setup_token().as_deref() == Some(sha256_hex(token).as_str())
    }

    /// Creates the first admin, once.
    pub async fn set_up(&self, token: &str, new: NewUser, origin: &Origin) -> Result<User, AuthError> {
        if !self.is_setup_link(token) {
            return Err(AuthError::BadSetupLink);
        }
        let new = NewUser { role: Role::Admin, ..new };
        let (name, hash) = self.prepare(&new).await?;
        let now = self.clock.now_ms();
        let address = origin.address.to_string();
        let user = self
            .db
            .write(move |c| {
                // The command line, or the same link in another tab, may have been faster.
                if store::any_user(c)? {
                    return Err(AuthError::BadSetupLink);
                }
                let id = store::add_user(c, &name, &hash, new.role, now)?;
                let event = NewEvent::new(
                    Source::Auth,
                    "auth.setup",
                    format!("{name} was set up as the first admin"),
                )
                .subject("user", id.to_string(), &name)
                .actor(Actor::user(&name))
                .data(serde_json::json!({ "address": address }))
                .for_admins();
                journal::append(c, &event, now)?;
                store::user_by_id(c, id)?.ok_or(AuthError::NoSuchUser(name))
            })
            .await?;
        *self.setup_token() = None;
        Ok(user)
    }

    /// Checks a name and a password. Every outcome is recorded.
    pub async fn sign_in(&self, name: &str, password: &str, origin: &Origin) -> Result<User, AuthError> {
        let (address, account) = (limiter::address_key(origin.address), limiter::account_key(name));
        let now = self.clock.now_ms();
        self.addresses.attempt(&address, now).map_err(AuthError::TooMany)?;
        self.accounts.attempt(&account, now).map_err(AuthError::TooMany)?;
        let wanted = name.trim().to_owned();
        let found = self
            .db
            .read(move |c| match store::user_by_name(c, &wanted)? {
                Some(user) => {
                    let hash = store::password_hash(c, user.id)?;
                    Ok::<_, DbError>(Some((user, hash)))
                }
                None => Ok(None),
            })
            .await?;
        let (user, hash) = match found {
            Some((user, hash)) => (Some(user), Some(hash)),
            None => (None, None),
        };
        let right = self.passwords.verify(password.to_owned(), hash).await?;
        match user.filter(|user| right && !user.disabled) {
            Some(user) => {
                self.addresses.succeeded(&address);
                self.accounts.succeeded(&account);
                self.record_login(&user, origin).await?;
                Ok(user)
            }
            None => {
                self.record_failure(name, origin).await?;
                Err(AuthError::WrongPassword)
            }
        }
    }

    /// Checks the password of somebody who is signed in; guessing is as slow as at the door.
    pub(super) async fn check_password(
        &self,
        name: &str,
        password: String,
        hash: String,
    ) -> Result<bool, AuthError> {
        let account = limiter::account_key(name);
        self.accounts.attempt(&account, self.clock.now_ms()).map_err(AuthError::TooMany)?;
        let right = self.passwords.verify(password, Some(hash)).await?;
        if right {
            self.accounts.succeeded(&account);
        }
        Ok(right)
    }

    /// Records that somebody signed out.
    pub async fn record_logout(&self, name: &str, user: i64, origin: &Origin) -> Result<(), AuthError> {
        let event = NewEvent::new(Source::Auth, "auth.logout", format!("{name} signed out"))
            .subject("user", user.to_string(), name)
            .actor(Actor::user(name))
            .data(serde_json::json!({ "address": origin.address.to_string() }))
            .for_admins();
        self.record(event).await
    }

    async fn record_login(&self, user: &User, origin: &Origin) -> Result<(), AuthError> {
        let event = NewEvent::new(Source::Auth, "auth.login", format!("{} signed in", user.name))
            .subject("user", user.id.to_string(), &user.name)
            .actor(Actor::user(&user.name))
            .data(serde_json::json!({ "address": origin.address.to_string() }))
            .for_admins();
        let (id, now) = (user.id, self.clock.now_ms());
        self.db
            .write(move |c| {
                store::note_login(c, id, now)?;
                journal::append(c, &event, now).map(|_| ())
            })
            .await
            .map_err(|e: DbError| e.into())
    }

    async fn record_failure(&self, name: &str, origin: &Origin) -> Result<(), AuthError> {
        let name = crate::platform::text::cut(name.trim(), 64).into_owned();
        let event = NewEvent::new(Source::Auth, "auth.login_failed", format!("A sign-in as {name:?} failed"))
            .severity(Severity::Warning)
            .subject("user", "", &name)
            .data(serde_json::json!({ "address": origin.address.to_string() }))
            .for_admins();
        self.record(event).await
    }

    pub(super) async fn record(&self, event: NewEvent) -> Result<(), AuthError> {
        let now = self.clock.now_ms();
        self.db
            .write(move |c| journal::append(c, &event, now).map(|_| ()))
            .await
            .map_err(|e: DbError| e.into())
    }

    /// Checks a new user's fields and hashes the password.
    pub(super) async fn prepare(&self, new: &NewUser) -> Result<(String, String), AuthError> {
        let name = super::rules::user_name(&new.name)?;
        super::rules::password(&new.password, &name)?;
        let hash = self.passwords.hash(new.password.clone()).await?;
        Ok((name, hash))
    }

    fn setup_token(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
