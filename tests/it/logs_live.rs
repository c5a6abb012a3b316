//! A log that is followed: numbered batches for all who look, through restarts of the container and deaths of the engine, and
//! without a growing backlog for those who are slow.

use crate::actions::{known, operating};
use crate::logs::log_of;
use crate::support::engine::Engine;
use crate::support::follower::{Follower, Said, SlowReader};
use crate::support::process::resident_bytes;
use crate::support::server::Server;
use crate::support::{SOON, unique};
use std::time::Duration;

/// Says `begin`, and then counts as fast as one can read.
const COUNTER: &str = "echo begin; n=0; while true; do n=$((n+1)); echo n $n; busybox usleep 50000; done";

fn lines(said: &[Said]) -> usize {
    said.iter().filter(|said| matches!(said, Said::Line(..))).count()
}

fn has_state(said: &[Said], state: &str) -> bool {
    said.iter().any(|said| matches!(said, Said::State(word) if word == state))
}

fn has_note(said: &[Said], part: &str) -> bool {
    said.iter().any(|said| matches!(said, Said::Note(text) if text.contains(part)))
}

/// How often it has begun.
fn begins(said: &[Said]) -> usize {
    said.iter().filter(|said| matches!(said, Said::Line(_, text) if text == "begin")).count()
}

/// Fails unless each run that is seen counts without a gap, and each but the first was announced by a note.
fn expect_counted(said: &[Said]) {
    let (mut last, mut notes) = (None::<u64>, 0);
    for one in said {
        match one {
            Said::Line(_, text) if text == "begin" => {
                assert!(last.is_none() || notes > 0, "a restart is noted: {said:#?}");
                (last, notes) = (Some(0), 0);
            }
            Said::Line(_, text) => {
                let n: u64 = text.strip_prefix("n ").and_then(|n| n.parse().ok()).expect("a number");
                assert!(last.is_none_or(|last| n == last + 1), "{n} after {last:?}: {said:#?}");
                last = Some(n);
            }
            Said::Note(_) => notes += 1,
            Said::State(_) => {}
        }
    }
}

#[tokio::test]
async fn batches_are_numbered_and_the_same_for_everybody() {
    let (engine, server, client) = operating().await;
    server.add_user("vera", "viewer").await;
    let viewer = server.sign_in("vera").await;
    let name = unique("shared");
    let id = engine.container(&name).shell(COUNTER).run().await;
    known(&client, &name, "running").await;
    log_of(&client, &name, "", |text| text.lines().count() > 5).await;
    let page = format!("/containers/{id}/logs");
    let mut one = Follower::open(&client, &page).await;
    one.until("the first lines", SOON, |said| lines(said) > 5).await;
    assert_eq!(one.lines().next(), Some("begin"), "who begins to look gets the last lines again");
    let mut two = Follower::open(&viewer, &page).await;
    let mut several = Follower::open(&client, &format!("/logs?c={id}")).await;
    for follower in [&mut one, &mut two, &mut several] {
        follower.until("many lines", SOON, |said| lines(said) > 60).await;
        assert_eq!(follower.missed(), 0, "{:?}", follower.batches);
        expect_counted(&follower.said);
        follower.expect_each_once();
    }
    let from = two.batches[0];
    let at = one.batches.iter().position(|batch| *batch == from).expect("the same batches");
    let both = (one.batches.len() - at).min(two.batches.len());
    assert!(both > 3);
    assert_eq!(one.batches[at..at + both], two.batches[..both]);
    let from = one.said.iter().position(|said| *said == two.said[0]).expect("the same lines");
    let both = (one.said.len() - from).min(two.said.len());
    assert_eq!(one.said[from..from + both], two.said[..both]);
    // One stream from Docker for all who look at one page: who comes back later misses nothing but what was before.
    drop((one, two));
    let mut late = Follower::open(&viewer, &page).await;
    late.until("lines again", SOON, |said| lines(said) > 10).await;
    expect_counted(&late.said);
}

#[tokio::test]
async fn a_container_that_ends_starts_restarts_and_goes_is_followed_all_the_way() {
    let (engine, _server, client) = operating().await;
    let name = unique("phoenix");
    let id = engine.container(&name).shell(COUNTER).run().await;
    known(&client, &name, "running").await;
    let mut follower = Follower::open(&client, &format!("/containers/{id}/logs")).await;
    follower.until("the first lines", SOON, |said| lines(said) > 5).await;
    engine.stop_container(&id).await;
    let ended = |said: &[Said]| has_state(said, "Ended") && has_note(said, "ended with exit code 137");
    follower.until("its end", SOON, ended).await;
    let before = lines(&follower.said);
    engine.start_container(&id).await;
    follower.until("its second run", SOON, |said| lines(said) > before + 5).await;
    assert!(has_note(&follower.said, "started") && has_state(&follower.said, "Following"));
    engine.restart_container(&id).await;
    follower.until("its third run", SOON, |said| begins(said) == 3).await;
    let before = lines(&follower.said);
    follower.until("lines of its third run", SOON, |said| lines(said) > before + 5).await;
    expect_counted(&follower.said);
    follower.expect_each_once();
    assert_eq!(follower.missed(), 0);
    engine.remove_container(&id).await;
    follower.until("its removal", SOON, |said| has_state(said, "Gone") && has_note(said, "gone")).await;
}

/// Follows a counter while the engine dies as in a power cut and comes back.
async fn through_an_engines_death(engine: Engine, expected_begins: usize) {
    let id = engine.container("counter").restart_always().shell(COUNTER).run().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    known(&client, "counter", "running").await;
    let mut follower = Follower::open(&client, &format!("/containers/{id}/logs")).await;
    follower.until("the first lines", SOON, |said| lines(said) > 5).await;
    engine.kill().await;
    let waits = |said: &[Said]| has_state(said, "Waiting") && has_note(said, "Docker does not answer");
    follower.until("word that it waits", SOON, waits).await;
    engine.start_again().await;
    let back = |said: &[Said]| {
        let at = said.iter().rposition(|one| matches!(one, Said::State(word) if word == "Following"));
        at.is_some_and(|at| lines(&said[at..]) > 10) && begins(said) == expected_begins
    };
    follower.until("it to go on", SOON, back).await;
    expect_counted(&follower.said);
    follower.expect_each_once();
    assert_eq!(follower.missed(), 0);
}

#[tokio::test]
async fn a_container_that_outlives_its_engine_is_followed_without_a_lost_line() {
    through_an_engines_death(Engine::own_with(vec!["--live-restore".into()]).await, 1).await;
}

#[tokio::test]
async fn an_engine_that_restarts_its_containers_is_followed_into_the_next_run() {
    through_an_engines_death(Engine::own().await, 2).await;
}

#[tokio::test]
async fn a_chatty_container_and_fifty_readers_do_not_fill_the_memory() {
    const READERS: usize = 50;
    let (engine, server, client) = operating().await;
    let name = unique("chatty");
    let words = "words ".repeat(120);
    let script = format!("while true; do yes '{words}' | busybox head -n 1000; busybox usleep 80000; done");
    let id = engine.container(&name).shell(&script).run().await;
    known(&client, &name, "running").await;
    let page = format!("/containers/{id}/logs");
    let mut slow = SlowReader::open(server.base(), &client, &page).await;
    let mut fast = Follower::open(&client, &page).await;
    // As many as a team has tabs; they read all that comes, and count nothing.
    let mut crowd = Vec::new();
    for _ in 0..READERS {
        crowd.push(client.drain(&format!("/live?for={page}")).await);
    }
    slow.read_for(Duration::from_millis(500)).await;
    fast.read_for(Duration::from_secs(2)).await;
    let early = resident_bytes(server.pid());
    // The slow one stops to read meanwhile; the fast one goes on.
    fast.read_for(Duration::from_secs(6)).await;
    let late = resident_bytes(server.pid());
    for reader in &crowd {
        assert!(!reader.is_finished(), "nobody was thrown out");
        reader.abort();
    }
    engine.remove_container(&id).await;
    let before = slow.batches.len();
    slow.read_for(Duration::from_secs(3)).await;
    let came: u64 = fast.batches.iter().map(|(_, count)| count).sum();
    let first = slow.batches.get(before.saturating_sub(1)).map_or(0, |(first, _)| *first);
    eprintln!(
        "came {came}, fast missed {}, slow got {} batches of {} and missed {} after {first}, memory {} → {} KiB",
        fast.missed(),
        slow.batches.len(),
        fast.batches.len(),
        slow.missed(),
        early / 1024,
        late / 1024
    );
    assert!(late < early + 40 * 1024 * 1024, "memory: {early} → {late} bytes");
    assert!(came > 5_000, "it was chatty: {came} lines");
    assert!(
        slow.missed() > 2 * fast.missed() + 1_000,
        "who stops reading gets no backlog: {} missed",
        slow.missed()
    );
    assert!(fast.missed() * 4 <= came, "who reads on misses little: {} of {came}", fast.missed());
}
