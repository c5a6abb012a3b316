//! The SQL of users, sessions and tokens.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::model::{SessionRow, TokenRow, User};
use crate::platform::db::DbError;
use crate::web::Role;

type Result<T> = std::result::Result<T, DbError>;

const USER: &str = "SELECT u.id, u.name, u.role, u.disabled, u.created_at, u.last_login_at,
                           (SELECT count(*) FROM sessions s WHERE s.user_id = u.id) FROM users u";
const SESSION: &str =
    "SELECT s.id_hash, s.user_id, u.name, u.role, s.created_at, s.last_seen_at, s.expires_at,
                              s.address, s.agent FROM sessions s JOIN users u ON u.id = s.user_id";
const TOKEN: &str =
    "SELECT t.id, t.name, t.user_id, u.name, u.role, t.created_at, t.expires_at, t.last_used_at
                     FROM api_tokens t JOIN users u ON u.id = t.user_id";

fn role(row: &Row<'_>, at: usize) -> rusqlite::Result<Role> {
    let word: String = row.get(at)?;
    Role::parse(&word).ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, word.into()))
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: role(row, 2)?,
        disabled: row.get(3)?,
        created_at: row.get(4)?,
        last_login_at: row.get(5)?,
        sessions: row.get(6)?,
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id_hash: row.get(0)?,
        user_id: row.get(1)?,
        user_name: row.get(2)?,
        role: role(row, 3)?,
        created_at: row.get(4)?,
        last_seen_at: row.get(5)?,
        expires_at: row.get(6)?,
        address: row.get(7)?,
        agent: row.get(8)?,
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        user_id: row.get(2)?,
        user_name: row.get(3)?,
        role: role(row, 4)?,
        created_at: row.get(5)?,
        expires_at: row.get(6)?,
        last_used_at: row.get(7)?,
    })
}

fn all<T>(
    c: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, read)?;
    rows.map(|row| row.map_err(DbError::from)).collect()
}

pub(super) fn any_user(c: &Connection) -> Result<bool> {
    Ok(c.query_row("SELECT EXISTS (SELECT 1 FROM users)", [], |row| row.get(0))?)
}

pub(super) fn users(c: &Connection) -> Result<Vec<User>> {
    all(c, &format!("{USER} ORDER BY u.name"), [], user)
}

pub(super) fn user_by_id(c: &Connection, id: i64) -> Result<Option<User>> {
    Ok(c.prepare_cached(&format!("{USER} WHERE u.id = ?1"))?.query_row([id], user).optional()?)
}

pub(super) fn user_by_name(c: &Connection, name: &str) -> Result<Option<User>> {
    Ok(c.prepare_cached(&format!("{USER} WHERE u.name = ?1"))?.query_row([name], user).optional()?)
}

pub(super) fn password_hash(c: &Connection, user: i64) -> Result<String> {
    Ok(c.query_row("SELECT password_hash FROM users WHERE id = ?1", [user], |row| row.get(0))?)
}

pub(super) fn add_user(c: &Connection, name: &str, hash: &str, role: Role, now: i64) -> Result<i64> {
    c.execute(
        "INSERT INTO users (name, password_hash, role, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![name, hash, role.as_str(), now],
    )?;
    Ok(c.last_insert_rowid())
}

pub(super) fn set_role(c: &Connection, user: i64, role: Role) -> Result<()> {
    c.execute("UPDATE users SET role = ?2 WHERE id = ?1", params![user, role.as_str()])?;
    Ok(())
}

pub(super) fn set_password(c: &Connection, user: i64, hash: &str) -> Result<()> {
    c.execute("UPDATE users SET password_hash = ?2 WHERE id = ?1", params![user, hash])?;
    Ok(())
}

pub(super) fn set_disabled(c: &Connection, user: i64, disabled: bool) -> Result<()> {
    c.execute("UPDATE users SET disabled = ?2 WHERE id = ?1", params![user, disabled])?;
    Ok(())
}

pub(super) fn remove_user(c: &Connection, user: i64) -> Result<()> {
    c.execute("DELETE FROM users WHERE id = ?1", [user])?;
    Ok(())
}

/// How many admins other than this one can sign in.
pub(super) fn other_admins(c: &Connection, user: i64) -> Result<i64> {
    Ok(c.query_row(
        "SELECT count(*) FROM users WHERE role = 'admin' AND disabled = 0 AND id <> ?1",
        [user],
        |row| row.get(0),
    )?)
}

pub(super) fn note_login(c: &Connection, user: i64, now: i64) -> Result<()> {
    c.execute("UPDATE users SET last_login_at = ?2 WHERE id = ?1", [user, now])?;
    Ok(())
}

/// Every session that may still be used: its user is enabled and it has not ended.
pub(super) fn live_sessions(c: &Connection, now: i64, idle_before: i64) -> Result<Vec<SessionRow>> {
    let sql = format!(
        "{SESSION} WHERE u.disabled = 0 AND s.expires_at > ?1 AND s.last_seen_at > ?2 ORDER BY s.last_seen_at DESC"
    );
    all(c, &sql, [now, idle_before], session)
}

pub(super) fn live_session(
    c: &Connection,
    hash: &str,
    now: i64,
    idle_before: i64,
) -> Result<Option<SessionRow>> {
    let sql = format!(
        "{SESSION} WHERE s.id_hash = ?1 AND u.disabled = 0 AND s.expires_at > ?2 AND s.last_seen_at > ?3"
    );
    Ok(c.prepare_cached(&sql)?.query_row(params![hash, now, idle_before], session).optional()?)
}

pub(super) fn session_data(c: &Connection, hash: &str) -> Result<Option<String>> {
    Ok(c.prepare_cached("SELECT data FROM sessions WHERE id_hash = ?1")?
        .query_row([hash], |row| row.get(0))
        .optional()?)
}

/// Saves a session, and ends those of its user beyond the `keep` last used; returns the hashes of these.
pub(super) fn save_session(c: &Connection, row: &SessionRow, data: &str, keep: u32) -> Result<Vec<String>> {
    c.prepare_cached(
        "INSERT INTO sessions (id_hash, user_id, data, created_at, last_seen_at, expires_at, address, agent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id_hash) DO UPDATE SET data = excluded.data, last_seen_at = excluded.last_seen_at",
    )?
    .execute(params![
        row.id_hash,
        row.user_id,
        data,
        row.created_at,
        row.last_seen_at,
        row.expires_at,
        row.address,
        row.agent
    ])?;
    all(
        c,
        "DELETE FROM sessions WHERE user_id = ?1 AND id_hash NOT IN
         (SELECT id_hash FROM sessions WHERE user_id = ?1 ORDER BY last_seen_at DESC LIMIT ?2) RETURNING id_hash",
        params![row.user_id, keep],
        |row| row.get(0),
    )
}

pub(super) fn touch_session(c: &Connection, hash: &str, now: i64) -> Result<()> {
    c.prepare_cached("UPDATE sessions SET last_seen_at = max(last_seen_at, ?2) WHERE id_hash = ?1")?
        .execute(params![hash, now])?;
    Ok(())
}

pub(super) fn end_session(c: &Connection, hash: &str) -> Result<bool> {
    Ok(c.execute("DELETE FROM sessions WHERE id_hash = ?1", [hash])? > 0)
}

pub(super) fn end_sessions_of(c: &Connection, user: i64, except: Option<&str>) -> Result<()> {
    c.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND id_hash <> ?2",
        params![user, except.unwrap_or_default()],
    )?;
    Ok(())
}

pub(super) fn remove_ended_sessions(c: &Connection, now: i64, idle_before: i64) -> Result<()> {
    c.execute("DELETE FROM sessions WHERE expires_at <= ?1 OR last_seen_at <= ?2", [now, idle_before])?;
    Ok(())
}

pub(super) fn live_tokens(c: &Connection, now: i64) -> Result<Vec<TokenRow>> {
    let sql = format!("{TOKEN} WHERE u.disabled = 0 AND (t.expires_at IS NULL OR t.expires_at > ?1)");
    all(c, &sql, [now], token)
}

pub(super) fn live_token(c: &Connection, hash: &str, now: i64) -> Result<Option<TokenRow>> {
    let sql = format!(
        "{TOKEN} WHERE t.token_hash = ?1 AND u.disabled = 0 AND (t.expires_at IS NULL OR t.expires_at > ?2)"
    );
    Ok(c.prepare_cached(&sql)?.query_row(params![hash, now], token).optional()?)
}

pub(super) fn tokens(c: &Connection, of_user: Option<i64>) -> Result<Vec<TokenRow>> {
    let sql = format!("{TOKEN} WHERE ?1 IS NULL OR t.user_id = ?1 ORDER BY u.name, t.name");
    all(c, &sql, [of_user], token)
}

pub(super) fn token_by_id(c: &Connection, id: i64) -> Result<Option<TokenRow>> {
    Ok(c.prepare_cached(&format!("{TOKEN} WHERE t.id = ?1"))?.query_row([id], token).optional()?)
}

pub(super) fn add_token(
    c: &Connection,
    user: i64,
    name: &str,
    hash: &str,
    now: i64,
    expires_at: Option<i64>,
) -> Result<i64> {
    c.execute(
        "INSERT INTO api_tokens (user_id, name, token_hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![user, name, hash, now, expires_at],
    )?;
    Ok(c.last_insert_rowid())
}

pub(super) fn touch_token(c: &Connection, id: i64, now: i64) -> Result<()> {
    c.execute("UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1", [id, now])?;
    Ok(())
}

pub(super) fn remove_token(c: &Connection, id: i64) -> Result<bool> {
    Ok(c.execute("DELETE FROM api_tokens WHERE id = ?1", [id])? > 0)
}
