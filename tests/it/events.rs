//! The event log from outside: found, filtered, streamed, exported, kept with its last lines, and pruned.

use serde_json::{Value, json};

use crate::actions::{known, operating};
use crate::support::client::Client;
use crate::support::{SOON, check, eventually, unique};

/// The events a query finds, newest first, once they fit.
async fn found(client: &Client, query: &str, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually(&format!("the events of {query}"), SOON, async || {
        let events = client.get(&format!("/api/events?{query}")).await.expect(200).json();
        let events = events["data"].as_array().cloned().expect("a list");
        if fits(&events) { Ok(events) } else { Err(format!("{events:?}")) }
    })
    .await
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_happened_is_found_by_words_filters_and_time() {
    let (engine, _server, client) = operating().await;
    let name = unique("crashing");
    let id = engine.container(&name).shell("echo before; echo 'boom: no config' >&2; exit 3").run().await;
    known(&client, &name, "exited").await;
    let died =
        found(&client, &format!("subject={name}&severity=warning,error"), |events| events.len() == 1).await;
    let event = &died[0];
    assert_eq!((event["kind"].as_str(), event["source"].as_str()), (Some("container.die"), Some("docker")));
    assert_eq!(event["subject"], json!({"type": "container", "id": id, "name": name}));
    assert!(event["at"].as_str().unwrap().ends_with('Z') && event["id"].is_string());
    for query in [
        format!("q={name}%20exit%203"),
        format!("q={}&kind=container.die", name.to_uppercase()),
        format!("subject={id}&kind=container.die,container.oom&since=10m"),
        format!("q={name}&source=docker&severity=warning&engine=local"),
    ] {
        assert_eq!(found(&client, &query, |_| true).await, died, "{query}");
    }
    for query in
        [format!("q={name}&source=user"), format!("q={name}&until=1h"), format!("q={name}%20nothing")]
    {
        assert!(found(&client, &query, |_| true).await.is_empty(), "{query}");
    }
    // Whatever is typed is text.
    for text in ["\"", "*", "NEAR(", "a OR b", "(", "💥", "':-", &"x".repeat(8_000)] {
        let text: String = url_encode(text);
        client.get(&format!("/api/events?q={text}")).await.expect(200);
        client.get(&format!("/events?q={text}")).await.expect(200);
    }
    for (query, field) in
        [("severity=loud", "severity"), ("source=nobody", "source"), ("since=soon", "since")]
    {
        let reply = client.get(&format!("/api/events?{query}")).await;
        assert!(reply.expect(422).json()["fields"][field].is_string(), "{query}: {}", reply.text);
    }
    client.get("/api/events?cursor=x").await.expect(400);
    client.get("/api/events/999999999").await.expect(404);
    // The last lines outlive the container.
    engine.remove_container(&id).await;
    let page = format!("/events/{}", event["id"].as_str().unwrap());
    eventually("the kept lines", SOON, async || {
        let html = client.get(&page).await.expect(200).text.clone();
        check(html.contains("boom: no config") && html.contains("before"), html)
    })
    .await;
}

fn url_encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn pages_of_a_list_neither_repeat_nor_leave_out() {
    let (engine, _server, client) = operating().await;
    let name = unique("busy");
    engine.container(&name).run().await;
    known(&client, &name, "running").await;
    for _ in 0..3 {
        engine.pause_container(&name).await;
        engine.unpause_container(&name).await;
    }
    let all = found(&client, &format!("subject={name}"), |events| {
        kinds(events).iter().filter(|kind| kind.ends_with("pause")).count() == 6
    })
    .await;
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            client.get(&format!("/api/events?subject={name}&limit=2{cursor}")).await.expect(200).json();
        pages.extend(page["data"].as_array().unwrap().clone());
        match page["meta"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(pages, all);
    let export = client
        .get(&format!("/api/events/export?subject={name}&format=ndjson"))
        .await
        .expect(200)
        .text
        .clone();
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, all);
    let csv = client.get(&format!("/api/events/export?subject={name}&format=csv")).await;
    assert!(csv.expect(200).header("content-disposition").contains(".csv"));
    assert_eq!(csv.text.lines().count(), all.len() + 1, "{}", csv.text);
    client.get("/api/events/export?format=xml").await.expect(422);
}

fn id_of(json: &str) -> String {
    let event: Value = serde_json::from_str(json).unwrap();
    event["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stream_goes_on_where_it_stopped() {
    let (engine, _server, client) = operating().await;
    let name = unique("streamed");
    let path = format!("/api/events/stream?subject={name}");
    let mut first = client.events(&path).await;
    engine.container(&name).run().await;
    let started = first.until("the start", SOON, |event| event.data.contains("\"container.start\"")).await;
    drop(first);
    engine.pause_container(&name).await;
    engine.unpause_container(&name).await;
    found(&client, &format!("subject={name}&kind=container.unpause"), |events| events.len() == 1).await;
    let mut again = client.events(&format!("{path}&after={}", id_of(&started.data))).await;
    let paused = again.until("the pause", SOON, |event| event.data.contains("\"container.")).await;
    assert!(paused.data.contains("\"container.pause\""), "nothing comes twice: {}", paused.data);
    again.until("what follows", SOON, |event| event.data.contains("\"container.unpause\"")).await;
    engine.pause_container(&name).await;
    again.until("what is new", SOON, |event| event.data.contains("\"container.pause\"")).await;
    engine.unpause_container(&name).await;
    client.get("/api/events/stream?after=x").await.expect(400);
}

#[tokio::test]
async fn a_container_keeps_its_history_through_a_recreate() {
    let (engine, _server, client) = operating().await;
    let project = unique("shop");
    let first = unique("first");
    engine.container(&first).compose(&project, "web", 1).run().await;
    known(&client, &first, "running").await;
    engine.remove_container(&first).await;
    let second = unique("second");
    let id = engine.container(&second).compose(&project, "web", 1).run().await;
    known(&client, &second, "running").await;
    eventually("both lives", SOON, async || {
        let html = client.get(&format!("/containers/{id}/events")).await.expect(200).text.clone();
        let both =
            html.contains(&format!("{first} was removed")) && html.contains(&format!("{second} started"));
        check(both, html)
    })
    .await;
}

#[tokio::test]
async fn sign_in_events_are_for_admins_and_pruning_keeps_its_limit() {
    let (_engine, server, client) = operating().await;
    let admin = server.admin().await;
    let seen = found(&admin, "source=auth", |events| !events.is_empty()).await;
    let id = seen[0]["id"].as_str().unwrap();
    assert!(found(&client, "source=auth", |_| true).await.is_empty(), "an operator sees none");
    client.get(&format!("/api/events/{id}")).await.expect(404);
    client.get(&format!("/events/{id}")).await.expect(404);
    let export = client.get("/api/events/export").await.expect(200).text.clone();
    assert!(!export.contains("auth.login"), "{export}");
    // What is older than the limit goes; what is younger stays.
    let old = "INSERT INTO events (at, engine, source, kind, severity, message) VALUES (1000, 'local', 'system', 'system.old', 1, 'long ago')";
    rusqlite_of(&server).execute(old, []).unwrap();
    let patched =
        admin.call(reqwest::Method::PATCH, "/api/settings", json!({"event_retention_days": 30})).await;
    patched.expect(200);
    eventually("the old event to go", SOON, async || {
        let count: i64 = rusqlite_of(&server)
            .query_row("SELECT count(*) FROM events WHERE kind = 'system.old'", [], |row| row.get(0))
            .unwrap();
        check(count == 0, count)
    })
    .await;
    assert!(!found(&admin, "kind=setting.changed", |_| true).await.is_empty());
}

fn rusqlite_of(server: &crate::support::server::Server) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(server.database()).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    connection
}
