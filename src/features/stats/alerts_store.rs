//! The SQL of thresholds that are crossed.

use rusqlite::{Connection, params};

use super::alerts::{Alert, Change, Rule};
use super::store::SubjectKey;
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;

/// Keeps which thresholds are crossed.
pub(super) fn note_alert(connection: &Connection, change: &Change) -> Result<(), DbError> {
    let (Change::Raised(alert, _) | Change::Cleared(alert, _) | Change::Dropped(alert)) = change;
    let SubjectKey { engine, kind, key } = &alert.subject;
    if matches!(change, Change::Raised(..)) {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO stats_alerts (engine, kind, key, rule, since, name, value)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                engine.as_str(),
                kind,
                key,
                alert.rule.as_str(),
                alert.since,
                alert.name,
                alert.value
            ])?;
    } else {
        connection
            .prepare_cached(
                "DELETE FROM stats_alerts WHERE engine = ?1 AND kind = ?2 AND key = ?3 AND rule = ?4",
            )?
            .execute(params![engine.as_str(), kind, key, alert.rule.as_str()])?;
    }
    Ok(())
}

/// The thresholds that were crossed when it was written last.
pub(super) fn load_alerts(connection: &Connection) -> Result<Vec<Alert>, DbError> {
    let mut statement =
        connection.prepare("SELECT engine, kind, key, rule, since, name, value FROM stats_alerts")?;
    let rows = statement.query_map([], |row| {
        let (engine, kind, rule): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let kind = if kind == "disk" { "disk" } else { "container" };
        let subject = SubjectKey { engine: EngineId::from(engine.as_str()), kind, key: row.get(2)? };
        // A rule of a version that knows more counts as none.
        let (since, name, value) = (row.get(4)?, row.get(5)?, row.get(6)?);
        Ok(Rule::parse(&rule).map(|rule| Alert { subject, rule, since, name, value }))
    })?;
    let alerts: Vec<Option<Alert>> = rows.collect::<Result<_, _>>()?;
    Ok(alerts.into_iter().flatten().collect())
}
