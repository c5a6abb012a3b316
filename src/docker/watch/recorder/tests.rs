use super::*;
use crate::platform::clock::{ManualClock, from_ms};
use crate::platform::journal::{Audience, Event, Severity};

struct Bench {
    _dir: tempfile::TempDir,
    db: Db,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).unwrap();
        Self { _dir: dir, db }
    }

    /// The recorder of a product that was just started.
    async fn recorder(&self) -> Recorder {
        let clock = Arc::new(ManualClock::at(from_ms(9_000)));
        Recorder::open(EngineId::local(), self.db.clone(), clock).await
    }

    /// Every event, oldest first.
    async fn events(&self) -> Vec<Event> {
        let mut events = self.db.read(|c| journal::recent(c, Audience::Everyone, 1_000_000)).await.unwrap();
        events.reverse();
        events
    }

    async fn kinds(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.kind).collect()
    }

    async fn execute(&self, sql: &'static str) {
        self.db.write(move |c| Ok::<_, DbError>(c.execute_batch(sql)?)).await.unwrap();
    }
}

fn event(action: &str, at_ms: i64) -> EngineEvent {
    let mut event =
        EngineEvent { kind: "container".to_owned(), action: action.to_owned(), ..Default::default() };
    event.time_nano = at_ms * 1_000_000;
    event.actor.id = "abc".to_owned();
    event.actor.attributes.insert("name".to_owned(), "web".to_owned());
    event
}

/// Writes batches until the count is reached, then forgets the rest as a power cut would.
async fn cut_after(mut recorder: Recorder, batches: usize) {
    for _ in 0..batches {
        recorder.work().await;
    }
}

#[tokio::test]
async fn each_event_is_recorded_once_wherever_the_power_is_cut() {
    let events: Vec<EngineEvent> =
        (0..700).map(|n| event(if n % 2 == 0 { "start" } else { "die" }, n)).collect();
    for batches in 0..4 {
        let bench = Bench::new();
        let mut recorder = bench.recorder().await;
        recorder.start_history(1);
        events.iter().for_each(|event| recorder.take_in(event));
        cut_after(recorder, batches).await;
        let mut again = bench.recorder().await;
        let since = again.cursor.replay_from();
        let replay: Vec<_> = events.iter().filter(|event| event.time_nano >= since).cloned().collect();
        again.catch_up(&replay, 2_000_000_000);
        again.finish(Duration::from_secs(20)).await;
        let recorded = bench.events().await;
        // Starts that are restarts by Docker add one conclusion.
        let told = recorded.iter().filter(|event| event.kind != "container.restart_loop");
        let times: Vec<i64> = told.map(|event| event.at).collect();
        assert!(times == (0..700).collect::<Vec<_>>(), "cut after {batches} batches: {times:?}");
    }
}

#[tokio::test]
async fn a_cursor_marks_only_what_was_written_and_the_rest_is_taken_from_the_replay() {
    let bench = Bench::new();
    let mut recorder = bench.recorder().await;
    let events: Vec<EngineEvent> = (0..600).map(|n| event("start", 1_000 + n)).collect();
    events.iter().for_each(|event| recorder.take_in(event));
    cut_after(recorder, 1).await;
    let mut again = bench.recorder().await;
    assert_eq!(again.cursor.last_ns, 1_255 * 1_000_000);
    let since = again.cursor.replay_from();
    let replay: Vec<_> = events.iter().filter(|event| event.time_nano >= since).cloned().collect();
    again.catch_up(&replay, 2_000_000_000);
    again.finish(Duration::from_secs(20)).await;
    assert_eq!(bench.kinds().await, vec!["container.start"; 600]);
}

#[tokio::test]
async fn a_gap_is_recorded_with_its_times() {
    let bench = Bench::new();
    let mut recorder = bench.recorder().await;
    recorder.take_in(&event("start", 1_000));
    recorder.catch_up(&[event("die", 5_000)], 6_000_000_000);
    recorder.finish(Duration::from_secs(20)).await;
    let events = bench.events().await;
    assert_eq!(bench.kinds().await, ["container.start", "system.gap", "container.die"]);
    let data: serde_json::Value = serde_json::from_str(&events[1].data).unwrap();
    assert_eq!(data["from"], "1970-01-01T00:00:01.000Z");
    assert_eq!(data["until"], "1970-01-01T00:00:05.000Z");
}

#[tokio::test]
async fn what_the_journal_last_said_of_the_engine_survives_a_restart() {
    let bench = Bench::new();
    let mut recorder = bench.recorder().await;
    assert!(!recorder.told_down);
    recorder.told_down = true;
    recorder.save_soon();
    recorder.finish(Duration::from_secs(20)).await;
    assert!(bench.recorder().await.told_down);
}

#[tokio::test]
async fn while_nothing_can_be_written_the_newest_events_wait_and_the_lost_ones_are_counted() {
    let bench = Bench::new();
    // A full disk, as far as SQLite can tell.
    bench.execute("PRAGMA max_page_count = 1").await;
    let mut recorder = bench.recorder().await;
    for n in 0..10_100 {
        recorder.take_in(&event("pause", n));
        if n == 5_000 {
            recorder.work().await;
        }
    }
    recorder.retry_at = None;
    recorder.work().await;
    assert!(bench.events().await.is_empty());
    bench.execute("PRAGMA max_page_count = 1073741823").await;
    recorder.retry_at = None;
    recorder.finish(Duration::from_secs(30)).await;
    let events = bench.events().await;
    assert_eq!(events.len(), 10_001);
    assert_eq!((events[0].kind.as_str(), events[0].severity), ("system.events_dropped", Severity::Warning));
    let data: serde_json::Value = serde_json::from_str(&events[0].data).unwrap();
    assert_eq!(data["count"], 100);
    let times: Vec<i64> = events[1..].iter().map(|event| event.at).collect();
    assert_eq!(times, (100..10_100).collect::<Vec<_>>(), "the newest, in their order");
}

#[tokio::test]
async fn facts_learned_while_nothing_could_be_written_are_kept_the_newest_last() {
    let bench = Bench::new();
    bench.execute("ALTER TABLE container_facts RENAME TO away").await;
    let mut recorder = bench.recorder().await;
    let code = |code| Facts { exit_code: Some(code), ..Facts::default() };
    recorder.learn("a", &code(1));
    recorder.work().await;
    recorder.learn("a", &code(2));
    bench.execute("ALTER TABLE away RENAME TO container_facts").await;
    recorder.retry_at = None;
    recorder.finish(Duration::from_secs(20)).await;
    let facts = bench.db.read(|c| facts_store::load(c, &EngineId::local())).await.unwrap();
    assert_eq!(facts["a"].exit_code, Some(2));
}
