//! The journal's SQL.

use rusqlite::{Connection, params};

use super::model::{Audience, Event, NewEvent, Severity};
use super::search::{self, Find};
use super::{facets, subjects};
use crate::platform::db::DbError;
use crate::platform::text::cut;

/// Caps, so that a container with a 100 kB label cannot fill the journal.
const MAX_MESSAGE: usize = 2_000;
const MAX_NAME: usize = 300;
const MAX_DATA: usize = 64 * 1024;

/// Appends an event inside the caller's transaction and returns its id. `now` (ms) dates it when it
/// does not say itself when it happened.
pub fn append(connection: &Connection, event: &NewEvent, now: i64) -> Result<i64, DbError> {
    let subject = match &event.subject.key {
        Some(key) => Some(subjects::resolve(connection, &event.engine, &event.subject.kind, key)?),
        None => None,
    };
    if let (Some(subject), "container") = (subject, event.subject.kind.as_str()) {
        subjects::bind_container(connection, &event.engine, &event.subject.id, subject)?;
    }
    let data = event.data.to_string();
    let data = if data.len() > MAX_DATA { r#"{"cut":true}"#.to_owned() } else { data };
    connection
        .prepare_cached(
            "INSERT INTO events (at, engine, source, kind, severity, subject_type, subject_id, subject_name,
                                 subject, actor, message, data, admins_only)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            event.at.unwrap_or(now),
            event.engine.as_str(),
            event.source.as_str(),
            event.kind,
            event.severity.code(),
            event.subject.kind,
            cut(&event.subject.id, MAX_NAME),
            cut(&event.subject.name, MAX_NAME),
            subject,
            cut(&event.actor.0, MAX_NAME),
            cut(&event.message, MAX_MESSAGE),
            data,
            event.audience == Audience::Admins,
        ])?;
    let id = connection.last_insert_rowid();
    index(connection, id, event, subject, event.at.unwrap_or(now))?;
    Ok(id)
}

/// What finds the event again: its words and facets, and the count of its minute.
fn index(
    connection: &Connection,
    id: i64,
    event: &NewEvent,
    subject: Option<i64>,
    at: i64,
) -> Result<(), DbError> {
    connection
        .prepare_cached("INSERT INTO event_words (rowid, words, facets) VALUES (?1, ?2, ?3)")?
        .execute(params![
            id,
            cut(&facets::words_of(event), MAX_MESSAGE),
            facets::facets_of(event, subject)
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO event_minutes (minute, severity, admins_only, count, first_id, last_id)
             VALUES (?1, ?2, ?3, 1, ?4, ?4)
             ON CONFLICT DO UPDATE SET count = count + 1, last_id = excluded.last_id",
        )?
        .execute(params![
            at.div_euclid(60_000),
            event.severity.code(),
            event.audience == Audience::Admins,
            id
        ])?;
    Ok(())
}

/// The newest `limit` events that `audience` may see, newest first.
pub fn recent(connection: &Connection, audience: Audience, limit: usize) -> Result<Vec<Event>, DbError> {
    search::find(connection, &Find::all(audience, limit))
}

/// How many events of a severity (warning or error) that everyone may see have happened since `since` (ms).
pub fn count_since(connection: &Connection, severity: Severity, since: i64) -> Result<i64, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM events WHERE severity = ?1 AND severity >= 2 AND at >= ?2 AND admins_only = 0",
    )?;
    Ok(statement.query_row([severity.code(), since], |row| row.get(0))?)
}
