//! Sessions: `tower-sessions` keeps the cookie, these rows keep the rest. The database holds hashes of
//! the ids; a use is written down at most once a minute.

use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, SessionStore};

use super::model::{AuthError, SessionRow};
use super::service::{Auth, SESSION_IDLE};
use super::store;
use crate::platform::db::DbError;
use crate::platform::ids::sha256_hex;
use crate::platform::journal::{Actor, NewEvent, Source};
use crate::platform::text::cut;
use crate::web::Role;
use crate::web::layers::SESSION_DAYS;

/// What a session's data holds.
pub(super) const USER: &str = "user";
pub(super) const ADDRESS: &str = "address";
pub(super) const AGENT: &str = "agent";
/// How many sessions a user may have; a new one ends the one unused for longest.
const MAX_PER_USER: u32 = 20;

impl Auth {
    /// The sessions that may still be used, of one user or of all, latest first.
    pub async fn sessions_of(&self, user: Option<i64>) -> Result<Vec<SessionRow>, AuthError> {
        let now = self.clock.now_ms();
        let mut rows = self.db.read(move |c| store::live_sessions(c, now, now - SESSION_IDLE)).await?;
        rows.retain(|row| user.is_none_or(|user| row.user_id == user));
        Ok(rows)
    }

    /// Ends a session. `owner` = only if it is theirs.
    pub async fn end_session(&self, hash: &str, owner: Option<i64>, actor: Actor) -> Result<(), AuthError> {
        let row = self.sessions_of(owner).await?.into_iter().find(|row| row.id_hash == hash);
        let row = row.ok_or(AuthError::Gone("session"))?;
        let wanted = hash.to_owned();
        self.db.write(move |c| store::end_session(c, &wanted)).await?;
        self.sessions.end(&Arc::from(hash));
        let message = format!("A session of {} was ended", row.user_name);
        self.record(
            NewEvent::new(Source::Auth, "auth.session_ended", message)
                .subject("user", row.user_id.to_string(), &row.user_name)
                .actor(actor)
                .for_admins(),
        )
        .await
    }

    /// Brings the caches in line with the database: whoever is not in it any more, or has another
    /// role, is out, and their streams end.
    pub async fn refresh(&self) -> Result<(), AuthError> {
        let now = self.clock.now_ms();
        let (sessions, tokens) = self
            .db
            .read(move |c| {
                Ok::<_, DbError>((
                    store::live_sessions(c, now, now - SESSION_IDLE)?,
                    store::live_tokens(c, now)?,
                ))
            })
            .await?;
        let sessions: std::collections::HashMap<&str, &SessionRow> =
            sessions.iter().map(|row| (row.id_hash.as_str(), row)).collect();
        self.sessions.retain(|hash, identity, _| {
            sessions
                .get(hash.as_ref())
                .is_some_and(|row| row.role == identity.role && *row.user_name == *identity.name)
        });
        self.tokens.retain(|_, identity, _| {
            tokens.iter().any(|row| {
                identity.credential == crate::web::access::Credential::Token(row.id)
                    && row.role == identity.role
            })
        });
        Ok(())
    }

    /// Removes rows of sessions that have ended.
    pub(super) async fn remove_ended_sessions(&self) -> Result<(), DbError> {
        let now = self.clock.now_ms();
        self.db.write(move |c| store::remove_ended_sessions(c, now, now - SESSION_IDLE)).await
    }

    pub(super) async fn note_session_use(&self, hash: &str) {
        let (hash, now) = (hash.to_owned(), self.clock.now_ms());
        if let Err(error) = self.db.write(move |c| store::touch_session(c, &hash, now)).await {
            tracing::warn!(%error, "the use of a session could not be noted");
        }
    }
}

/// The rows as `tower-sessions` sees them.
#[derive(Clone)]
pub struct SessionRows(Arc<Auth>);

impl SessionRows {
    /// The sessions of a service.
    pub fn of(auth: Arc<Auth>) -> Self {
        Self(auth)
    }

    async fn put(&self, record: &Record) -> session_store::Result<()> {
        let Some(user_id) = record.data.get(USER).and_then(serde_json::Value::as_i64) else {
            return Err(session_store::Error::Backend("only signed-in users have a session".to_owned()));
        };
        let text = |key: &str| {
            let value = record.data.get(key).and_then(|value| value.as_str()).unwrap_or_default();
            cut(value, 300).into_owned()
        };
        let now = self.0.clock.now_ms();
        let row = SessionRow {
            id_hash: sha256_hex(&record.id.to_string()),
            user_id,
            user_name: String::new(),
            role: Role::Viewer,
            created_at: now,
            last_seen_at: now,
            expires_at: now + SESSION_DAYS * 86_400_000,
            address: text(ADDRESS),
            agent: text(AGENT),
        };
        let data =
            serde_json::to_string(&record.data).map_err(|e| session_store::Error::Encode(e.to_string()))?;
        let save = self.0.db.write(move |c| store::save_session(c, &row, &data, MAX_PER_USER));
        for ended in save.await.map_err(backend)? {
            self.0.sessions.end(&Arc::from(ended.as_str()));
        }
        Ok(())
    }
}

impl fmt::Debug for SessionRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionRows")
    }
}

fn backend(error: DbError) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}

// Written out, as `async_trait` would write it, so that the crate is not needed for one trait.
impl SessionStore for SessionRows {
    fn create<'a, 'b, 'f>(&'a self, record: &'b mut Record) -> BoxFuture<'f, session_store::Result<()>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        // 128 random bits do not collide.
        async move { self.put(record).await }.boxed()
    }

    fn save<'a, 'b, 'f>(&'a self, record: &'b Record) -> BoxFuture<'f, session_store::Result<()>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        async move { self.put(record).await }.boxed()
    }

    fn load<'a, 'b, 'f>(&'a self, id: &'b Id) -> BoxFuture<'f, session_store::Result<Option<Record>>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        async move {
            let (id, hash, now) = (*id, sha256_hex(&id.to_string()), self.0.clock.now_ms());
            let found = self
                .0
                .db
                .read(move |c| {
                    let Some(row) = store::live_session(c, &hash, now, now - SESSION_IDLE)? else {
                        return Ok(None);
                    };
                    Ok::<_, DbError>(store::session_data(c, &hash)?.map(|data| (data, row.expires_at)))
                })
                .await
                .map_err(backend)?;
            let Some((data, expires_at)) = found else { return Ok(None) };
            let data =
                serde_json::from_str(&data).map_err(|e| session_store::Error::Decode(e.to_string()))?;
            let expiry_date =
                tower_sessions::cookie::time::OffsetDateTime::from_unix_timestamp(expires_at / 1000)
                    .map_err(|e| session_store::Error::Decode(e.to_string()))?;
            Ok(Some(Record { id, data, expiry_date }))
        }
        .boxed()
    }

    fn delete<'a, 'b, 'f>(&'a self, id: &'b Id) -> BoxFuture<'f, session_store::Result<()>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        async move {
            let hash = sha256_hex(&id.to_string());
            self.0.sessions.end(&Arc::from(hash.as_str()));
            self.0.db.write(move |c| store::end_session(c, &hash)).await.map(|_| ()).map_err(backend)
        }
        .boxed()
    }
}
