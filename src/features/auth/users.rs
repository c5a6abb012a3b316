//! What an admin, or the command line, does to users.

use super::model::{AuthError, NewUser, User};
use super::service::Auth;
use super::{rules, store};
use crate::platform::db::DbError;
use crate::platform::journal::{self, Actor, NewEvent, Source};
use crate::web::Role;

/// A change to one user.
#[derive(Debug, Clone)]
pub enum Change {
    /// Another role.
    Role(Role),
    /// May not sign in any more.
    Disable,
    /// May sign in again.
    Enable,
    /// Gone, with sessions and tokens.
    Remove,
}

impl Auth {
    /// Every user, by name.
    pub async fn users(&self) -> Result<Vec<User>, AuthError> {
        Ok(self.db.read(store::users).await?)
    }

    /// A user by name.
    pub async fn user_named(&self, name: &str) -> Result<User, AuthError> {
        let wanted = name.to_owned();
        let found = self.db.read(move |c| store::user_by_name(c, &wanted)).await?;
        found.ok_or_else(|| AuthError::NoSuchUser(name.to_owned()))
    }

    /// Adds a user.
    pub async fn add_user(&self, new: NewUser, actor: Actor) -> Result<User, AuthError> {
        let (name, hash) = self.prepare(&new).await?;
        let now = self.clock.now_ms();
        self.db
            .write(move |c| {
                let id = store::add_user(c, &name, &hash, new.role, now).map_err(|error| {
                    if error.is_unique_violation() {
                        AuthError::field("name", format!("There is already a user {name:?}."))
                    } else {
                        error.into()
                    }
                })?;
                let event =
                    event("auth.user_added", format!("{name} was added as {}", new.role), id, &name, actor);
                journal::append(c, &event, now)?;
                store::user_by_id(c, id)?.ok_or(AuthError::NoSuchUser(name))
            })
            .await
    }

    /// Changes a user; never so that no admin is left who can sign in.
    pub async fn change_user(&self, id: i64, change: Change, actor: Actor) -> Result<User, AuthError> {
        let now = self.clock.now_ms();
        let user = self
            .db
            .write(move |c| {
                let user = store::user_by_id(c, id)?.ok_or_else(|| AuthError::NoSuchUser(id.to_string()))?;
                let loses_admin = match change {
                    Change::Role(role) => role != Role::Admin,
                    Change::Disable | Change::Remove => true,
                    Change::Enable => false,
                };
                let is_admin = user.role == Role::Admin && !user.disabled;
                if loses_admin && is_admin && store::other_admins(c, id)? == 0 {
                    return Err(AuthError::LastAdmin(user.name));
                }
                let name = &user.name;
                let (kind, message) = match change {
                    Change::Role(role) => {
                        store::set_role(c, id, role)?;
                        ("auth.role_changed", format!("{name} is now {role}, was {}", user.role))
                    }
                    Change::Disable => {
                        store::set_disabled(c, id, true)?;
                        store::end_sessions_of(c, id, None)?;
                        ("auth.user_disabled", format!("{name} may not sign in any more"))
                    }
                    Change::Enable => {
                        store::set_disabled(c, id, false)?;
                        ("auth.user_enabled", format!("{name} may sign in again"))
                    }
                    Change::Remove => {
                        store::remove_user(c, id)?;
                        ("auth.user_removed", format!("{name} was removed"))
                    }
                };
                journal::append(c, &event(kind, message, id, name, actor), now)?;
                Ok(user)
            })
            .await?;
        self.refresh().await?;
        Ok(user)
    }

    /// Sets a new password and ends the user's sessions, except the one that asks.
    pub async fn set_password(
        &self,
        id: i64,
        password: String,
        except: Option<String>,
        actor: Actor,
    ) -> Result<User, AuthError> {
        let found = self.db.read(move |c| store::user_by_id(c, id)).await?;
        let user = found.ok_or_else(|| AuthError::NoSuchUser(id.to_string()))?;
        rules::password(&password, &user.name)?;
        let hash = self.passwords.hash(password).await?;
        let now = self.clock.now_ms();
        let name = user.name.clone();
        self.db
            .write(move |c| {
                store::set_password(c, id, &hash)?;
                store::end_sessions_of(c, id, except.as_deref())?;
                let message = format!("The password of {name} was changed");
                journal::append(c, &event("auth.password_changed", message, id, &name, actor), now)
                    .map(|_| ())
            })
            .await
            .map_err(|e: DbError| AuthError::from(e))?;
        self.refresh().await?;
        Ok(user)
    }

    /// Changes one's own password; the old one must be right.
    pub async fn change_own_password(
        &self,
        id: i64,
        old: String,
        new: String,
        session: Option<String>,
    ) -> Result<(), AuthError> {
        let (hash, user) = self
            .db
            .read(move |c| Ok::<_, DbError>((store::password_hash(c, id)?, store::user_by_id(c, id)?)))
            .await?;
        let user = user.ok_or_else(|| AuthError::NoSuchUser(id.to_string()))?;
        if !self.check_password(&user.name, old, hash).await? {
            return Err(AuthError::field("old_password", "This is not your present password."));
        }
        self.set_password(id, new, session, Actor::user(&user.name)).await?;
        Ok(())
    }
}

fn event(kind: &'static str, message: String, id: i64, name: &str, actor: Actor) -> NewEvent {
    NewEvent::new(Source::Auth, kind, message).subject("user", id.to_string(), name).actor(actor).for_admins()
}
