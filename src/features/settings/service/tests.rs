use serde_json::Value;

use super::*;
use crate::platform::clock::ManualClock;
use crate::platform::journal::{Audience, Event};

struct Scratch {
    _dir: tempfile::TempDir,
    db: Db,
    lifecycle: Lifecycle,
    clock: SharedClock,
}

impl Scratch {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).unwrap();
        let clock: SharedClock = Arc::new(ManualClock::at(from_ms(1_800_000_000_000)));
        Self { _dir: dir, db, lifecycle: Lifecycle::new(clock.clone()), clock }
    }

    async fn service(&self, locks: Vec<Lock>) -> Arc<SettingsService> {
        let service =
            SettingsService::new(self.db.clone(), self.clock.clone(), self.lifecycle.clone(), locks);
        service.load().await.unwrap();
        Arc::new(service)
    }

    async fn events(&self) -> Vec<Event> {
        self.db.read(|connection| journal::recent(connection, Audience::Everyone, 100)).await.unwrap()
    }
}

fn patch(json: Value) -> Patch {
    Patch::from_json(json.as_object().unwrap()).unwrap()
}

fn ada() -> Actor {
    Actor::user("ada")
}

#[tokio::test]
async fn a_change_is_kept_recorded_and_told_at_once() {
    let scratch = Scratch::new();
    let service = scratch.service(Vec::new()).await;
    let mut changes = service.changes();
    let wanted =
        json!({"event_retention_days": 30, "event_retention_bytes": 20_000_000, "record_exec_events": false});
    let after = service.apply(patch(wanted), ada()).await.unwrap();
    assert_eq!((after.event_retention_days, after.event_retention_bytes), (30, 20_000_000));
    assert!(changes.has_changed().unwrap());
    assert_eq!(*changes.borrow_and_update(), after);
    let events = scratch.events().await;
    assert_eq!(events.len(), 2, "one for each that changed, none for the third: {events:?}");
    let bytes = &events[0];
    assert_eq!(
        (bytes.kind.as_str(), bytes.source.as_str(), bytes.actor.as_str()),
        ("setting.changed", "user", "ada")
    );
    assert_eq!(bytes.message, "event_retention_bytes was changed from 512 MB to 20 MB");
    let data: Value = serde_json::from_str(&bytes.data).unwrap();
    assert_eq!(data, json!({"name": "event_retention_bytes", "from": 512_000_000, "to": 20_000_000}));
    assert_eq!(scratch.service(Vec::new()).await.current(), after, "another start reads the same");
}

#[tokio::test]
async fn setting_what_holds_already_changes_and_records_nothing() {
    let scratch = Scratch::new();
    let service = scratch.service(Vec::new()).await;
    let changes = service.changes();
    service.apply(patch(json!({"event_retention_days": 90, "stats_interval": "10s"})), ada()).await.unwrap();
    service.apply(Patch::default(), ada()).await.unwrap();
    assert!(!changes.has_changed().unwrap() && scratch.events().await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_written_as_a_whole_is_not_written_at_all() {
    let scratch = Scratch::new();
    let service = scratch.service(Vec::new()).await;
    let done = scratch.db.write(|connection| store::refuse(connection, "record_exec_events")).await;
    done.unwrap();
    let both = patch(json!({"event_retention_days": 30, "record_exec_events": true}));
    assert!(matches!(service.apply(both, ada()).await, Err(SettingsError::Db(_))));
    assert_eq!(*service.current(), Settings::default());
    assert_eq!(*scratch.service(Vec::new()).await.current(), Settings::default());
    assert!(scratch.events().await.is_empty());
}

#[tokio::test]
async fn a_patch_that_would_contradict_what_is_stored_changes_nothing() {
    let scratch = Scratch::new();
    let service = scratch.service(Vec::new()).await;
    for refused in [
        json!({"event_retention_days": 30, "alert_disk_warning_percent": 95}),
        json!({"event_retention_days": 30, "alert_disk_error_percent": 85}),
        json!({"alert_disk_warning_percent": 60, "alert_disk_error_percent": 50}),
    ] {
        let why = service.apply(patch(refused.clone()), ada()).await.unwrap_err();
        let SettingsError::Contradiction(wrong) = why else { panic!("{refused}: {why}") };
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["alert_disk_warning_percent"], "{refused}");
    }
    assert!(*service.current() == Settings::default() && scratch.events().await.is_empty());
    for taken in [
        json!({"alert_disk_warning_percent": 96, "alert_disk_error_percent": 97}),
        json!({"alert_disk_error_percent": "off"}),
        json!({"alert_disk_warning_percent": 100}),
        json!({"alert_disk_warning_percent": "off", "alert_disk_error_percent": 10}),
    ] {
        service.apply(patch(taken), ada()).await.unwrap();
    }
}

#[tokio::test]
async fn a_contradiction_that_was_stored_long_ago_does_not_lock_the_other_settings() {
    let scratch = Scratch::new();
    let stored: Result<(), DbError> =
        scratch.db.write(|db| store::set(db, "alert_disk_warning_percent", "98", "ada", 0)).await;
    stored.unwrap();
    let service = scratch.service(Vec::new()).await;
    service.apply(patch(json!({"event_retention_days": 30})), ada()).await.unwrap();
    let worse = service.apply(patch(json!({"alert_disk_warning_percent": 99})), ada()).await;
    assert!(matches!(worse, Err(SettingsError::Contradiction(_))));
    service.apply(patch(json!({"alert_disk_warning_percent": 80})), ada()).await.unwrap();
}

#[tokio::test]
async fn a_change_counts_even_when_its_client_has_hung_up() {
    let scratch = Scratch::new();
    let service = scratch.service(Vec::new()).await;
    let mut changes = service.changes();
    let mut asked = Box::pin(service.apply(patch(json!({"event_retention_days": 30})), ada()));
    assert!(futures_util::poll!(asked.as_mut()).is_pending());
    drop(asked);
    changes.changed().await.unwrap();
    assert_eq!(service.current().event_retention_days, 30);
}

#[tokio::test]
async fn a_flag_fixes_its_setting_whatever_is_stored() {
    let scratch = Scratch::new();
    scratch.service(Vec::new()).await.apply(patch(json!({"stats_interval": "off"})), ada()).await.unwrap();
    let service = scratch.service(vec![Lock::stats_interval(Duration::from_secs(30))]).await;
    assert_eq!(service.current().stats_interval, Some(Duration::from_secs(30)));
    assert_eq!(service.locked_by("stats_interval"), Some("--stats-interval"));
    let refused =
        service.apply(patch(json!({"stats_interval": "1m", "event_retention_days": 5})), ada()).await;
    assert!(refused.unwrap_err().to_string().contains("--stats-interval"));
    let after = service.apply(patch(json!({"event_retention_days": 30})), ada()).await.unwrap();
    assert_eq!((after.event_retention_days, after.stats_interval), (30, Some(Duration::from_secs(30))));
    assert_eq!(scratch.service(Vec::new()).await.current().stats_interval, None, "it is kept for later");
}

#[tokio::test]
async fn a_stored_value_that_makes_no_sense_counts_as_never_set() {
    let scratch = Scratch::new();
    let stored: Result<(), DbError> = scratch
        .db
        .write(|connection| {
            store::set(connection, "event_retention_days", "0", "ada", 0)?;
            store::set(connection, "of_a_newer_version", "x", "ada", 0)?;
            store::set(connection, "record_exec_events", "true", "ada", 0)
        })
        .await;
    stored.unwrap();
    let settings = scratch.service(Vec::new()).await.current();
    assert_eq!((settings.event_retention_days, settings.record_exec_events), (90, true));
}

#[tokio::test]
async fn the_event_log_is_counted_and_measured() {
    let scratch = Scratch::new();
    let empty = scratch.db.read(store::log_facts).await.unwrap();
    assert!(empty.events == 0 && empty.oldest.is_none() && empty.file_bytes > empty.free_bytes);
    let service = scratch.service(Vec::new()).await;
    service.apply(patch(json!({"event_retention_days": 30})), ada()).await.unwrap();
    let facts = scratch.db.read(store::log_facts).await.unwrap();
    assert_eq!((facts.events, facts.oldest), (1, Some(1_800_000_000_000)));
    assert_eq!(service.next_prune.get(), None);
    service.next_prune.set(Some(from_ms(5)));
    assert_eq!(service.next_prune.clone().get(), Some(from_ms(5)));
}
