use std::sync::Arc;

use super::*;
use crate::platform::clock::{ManualClock, from_ms};
use crate::platform::ids::EngineId;

fn scratch() -> (tempfile::TempDir, Db, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("test.db")).unwrap();
    let journal = Journal::new(db.clone(), Arc::new(ManualClock::at(from_ms(5_000))));
    (dir, db, journal)
}

fn start(name: &str, key: &str, id: &str) -> NewEvent {
    let mut event = NewEvent::new(Source::Docker, "container.start", format!("{name} started")).subject(
        "container",
        id,
        name,
    );
    event.subject.key = Some(key.to_owned());
    event
}

#[tokio::test]
async fn an_event_is_read_back_as_it_was_recorded_and_wakes_subscribers() {
    let (_dir, db, journal) = scratch();
    let mut newest = journal.newest();
    let id = journal.record(start("web-1", "shop/web/1", "abc").severity(Severity::Warning)).await.unwrap();
    newest.changed().await.unwrap();
    assert_eq!(*newest.borrow(), id);
    let events = db.read(|c| recent(c, Audience::Everyone, 10)).await.unwrap();
    let event = events.first().unwrap();
    assert_eq!(
        (event.at, event.severity, event.kind.as_str()),
        (5_000, Severity::Warning, "container.start")
    );
    assert_eq!(event.subject.name, "web-1");
}

#[tokio::test]
async fn a_recreated_container_keeps_its_subject() {
    let (_dir, db, journal) = scratch();
    journal.record(start("web-1", "shop/web/1", "old")).await.unwrap();
    journal.record(start("web-1", "shop/web/1", "new")).await.unwrap();
    let bound: i64 = db
        .read(|c| {
            Ok::<_, DbError>(c.query_row(
                "SELECT count(DISTINCT subject_id) FROM container_subjects WHERE container_id IN ('old', 'new')",
                [],
                |row| row.get(0),
            )?)
        })
        .await
        .unwrap();
    assert_eq!(bound, 1);
}

#[tokio::test]
async fn sign_in_events_are_for_admins_only() {
    let (_dir, db, journal) = scratch();
    journal.record(NewEvent::new(Source::Auth, "auth.login_failed", "no").for_admins()).await.unwrap();
    assert!(db.read(|c| recent(c, Audience::Everyone, 10)).await.unwrap().is_empty());
    assert_eq!(db.read(|c| recent(c, Audience::Admins, 10)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_cursor_is_undone_with_the_effect_it_belongs_to() {
    let (_dir, db, _journal) = scratch();
    db.write(|c| cursor::set(c, "reader", "1", 0)).await.unwrap();
    let failed: Result<(), DbError> = db
        .write(|c| {
            cursor::set(c, "reader", "2", 0)?;
            Err(DbError::Busy)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(db.read(|c| cursor::get(c, "reader")).await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn a_huge_label_does_not_fill_the_journal() {
    let (_dir, db, journal) = scratch();
    let huge = "x".repeat(200_000);
    let event = NewEvent::new(Source::Docker, "container.create", huge.clone())
        .engine(&EngineId::local())
        .data(serde_json::json!({ "label": huge }));
    journal.record(event).await.unwrap();
    let events = db.read(|c| recent(c, Audience::Everyone, 1)).await.unwrap();
    assert!(events.first().unwrap().message.len() < 3_000);
    assert!(events.first().unwrap().data.len() < 3_000);
}
