//! A real engine is absent, stops, is killed, hangs: the page says so in time and catches up by itself.

use crate::support::client::Client;
use crate::support::engine::Engine;
use crate::support::server::Server;
use crate::support::{SOON, check, eventually};
use serde_json::Value;
use std::time::Duration;

/// Promised: a page says within this time that the engine is gone.
pub const NOTICED: Duration = Duration::from_secs(10);
/// Promised: it has caught up within this time of the engine's return.
pub const CAUGHT_UP: Duration = Duration::from_secs(5);

pub async fn wait_status(client: &Client, status: &str, within: Duration) -> Value {
    eventually(&format!("the engine to be {status}"), within, async || {
        let summary = client.data("/api/summary").await;
        let engine = summary["engines"][0].clone();
        if engine["status"] == status { Ok(engine) } else { Err(summary.to_string()) }
    })
    .await
}

/// Waits until the API lists exactly these, as (name, state).
pub async fn wait_list(client: &Client, within: Duration, expected: &[(&str, &str)]) {
    let mut expected: Vec<_> =
        expected.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect();
    expected.sort();
    eventually(&format!("the list to be {expected:?}"), within, async || {
        let list = client.data("/api/containers").await;
        let text = |c: &Value, key: &str| c[key].as_str().unwrap_or("?").to_owned();
        let mut seen: Vec<_> =
            list.as_array().expect("an array").iter().map(|c| (text(c, "name"), text(c, "state"))).collect();
        seen.sort();
        check(seen == expected, seen)
    })
    .await;
}

/// Fails unless the pages still work, and their banner comes to give a reason with one of these words: a connection that
/// is still being tried has none yet.
pub async fn page_explains(client: &Client, words: &[&str]) {
    for path in ["/", "/containers"] {
        eventually(&format!("the banner of {path} to say one of {words:?}"), NOTICED, async || {
            let html = client.get(path).await.expect(200).text.to_lowercase();
            let banner = html.split("id=\"engine-banner\"").nth(1).expect("a banner");
            let banner = banner.split("id=\"page-content\"").next().unwrap_or_default();
            check(words.iter().any(|word| banner.contains(word)), banner)
        })
        .await;
    }
}

#[tokio::test]
async fn an_engine_absent_at_the_start_is_explained_and_found_when_it_appears() {
    let engine = Engine::own().await;
    engine.container("patient").run().await;
    engine.stop().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    let down = wait_status(&client, "down", NOTICED).await;
    assert!(down["since"].is_string() || down["since"].is_null(), "{down}");
    page_explains(&client, &["docker.sock", "running"]).await;
    client.get("/readyz").await.expect(200);
    engine.start_again().await;
    wait_status(&client, "up", CAUGHT_UP).await;
    wait_list(&client, CAUGHT_UP, &[("patient", "exited")]).await;
    let html = client.get("/containers").await.text;
    assert!(!html.contains("docker.sock"), "the banner is gone:\n{html}");
}

#[tokio::test]
async fn an_engine_that_stops_and_returns_is_noticed_and_caught_up_with() {
    let engine = Engine::own().await;
    engine.container("always").restart_always().run().await;
    engine.container("once").run().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("always", "running"), ("once", "running")]).await;
    let mut stream = client.events("/live?for=/containers&rev=0").await;
    engine.stop().await;
    let down = wait_status(&client, "down", NOTICED).await;
    assert!(down["since"].is_string(), "{down}");
    stream.until("the banner", NOTICED, |event| event.data.contains("engine-banner")).await;
    page_explains(&client, &["docker.sock", "running", "reach"]).await;
    assert_eq!(
        client.data("/api/containers").await.as_array().map(Vec::len),
        Some(2),
        "the last known list stays"
    );
    engine.start_again().await;
    wait_status(&client, "up", CAUGHT_UP).await;
    wait_list(&client, CAUGHT_UP, &[("always", "running"), ("once", "exited")]).await;
    // And the new event stream works.
    engine.container("later").run().await;
    wait_list(&client, SOON, &[("always", "running"), ("once", "exited"), ("later", "running")]).await;
}

#[tokio::test]
async fn an_engine_that_is_killed_and_comes_back_with_other_containers_is_caught_up_with() {
    let engine = Engine::own().await;
    engine.container("stays").run().await;
    engine.container("goes").create().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("stays", "running"), ("goes", "created")]).await;
    for round in 0..2 {
        engine.kill().await;
        wait_status(&client, "down", NOTICED).await;
        engine.start_again().await;
        if round == 0 {
            engine.remove_container("goes").await;
            engine.container("new").create().await;
        }
        wait_status(&client, "up", CAUGHT_UP).await;
        wait_list(&client, CAUGHT_UP, &[("stays", "exited"), ("new", "created")]).await;
    }
}

#[tokio::test]
async fn an_engine_that_hangs_is_noticed_and_caught_up_with() {
    let engine = Engine::own().await;
    engine.container("alive").run().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("alive", "running")]).await;
    engine.freeze();
    wait_status(&client, "down", NOTICED).await;
    page_explains(&client, &["answer", "hang", "respond"]).await;
    // A detail page shows what is known without waiting for the engine.
    client.get("/containers/alive").await.expect(200);
    engine.thaw();
    wait_status(&client, "up", CAUGHT_UP).await;
    engine.kill_container("alive").await;
    wait_list(&client, SOON, &[("alive", "exited")]).await;
}
