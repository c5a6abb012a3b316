//! What is done to containers, through the API and plain forms, on a real engine: what the answer says, what the engine says
//! afterwards, and what is written down.

use crate::support::client::{Client, Reply};
use crate::support::engine::Engine;
use crate::support::server::{ADMIN, Server};
use crate::support::{SOON, check, eventually, unique};
use serde_json::{Value, json};

/// A server that watches the shared engine, and an operator.
pub async fn operating() -> (&'static Engine, Server, Client) {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    server.add_user("otto", "operator").await;
    let client = server.sign_in("otto").await;
    (engine, server, client)
}

/// Waits until the product knows a container as it is.
pub async fn known(client: &Client, name: &str, state: &str) {
    eventually(&format!("{name} to be known as {state}"), SOON, async || {
        let reply = client.get(&format!("/api/containers/{name}")).await;
        check(reply.status == 200 && reply.json()["data"]["state"] == state, reply.text)
    })
    .await;
}

async fn act(client: &Client, name: &str, verb: &str, body: Value) -> Reply {
    client.post(&format!("/api/containers/{name}/{verb}"), body).await
}

/// The text of a page without its tags.
pub fn words(html: &str) -> String {
    let main = html.split("<main").nth(1).and_then(|rest| rest.split("</main>").next()).unwrap_or(html);
    let mut text = String::new();
    for piece in main.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Waits until a job's page says that it is over, and returns what it says.
pub async fn job_end(client: &Client, job: &str) -> String {
    eventually(&format!("{job} to end"), SOON, async || {
        let text = words(&client.get(job).await.expect(200).text);
        let over = !text.contains("under way") && !text.contains("waits for its turn");
        if over { Ok(text) } else { Err(text) }
    })
    .await
}

#[tokio::test]
async fn each_action_answers_with_the_container_after_it_and_is_written_down() {
    let (engine, server, client) = operating().await;
    let (name, other) = (unique("acted"), unique("acted-on"));
    // `kill` with SIGHUP ends it with a code of its own, so that it is plain which signal arrived.
    let script = "trap 'exit 7' HUP; while true; do sleep 0.05; done";
    let id = engine.container(&name).shell(script).create().await;
    known(&client, &name, "created").await;
    let steps = [
        ("start", json!(null), "running"),
        ("pause", json!(null), "paused"),
        ("unpause", json!(null), "running"),
        ("restart", json!({"timeout": 0}), "running"),
        ("stop", json!(null), "exited"),
        ("start", json!(null), "running"),
        ("kill", json!({"signal": "hup"}), "exited"),
    ];
    for (verb, body, state) in steps {
        let before = client.data(&format!("/api/containers/{name}")).await;
        let answer = act(&client, &name, verb, body).await.expect(200).json();
        assert_eq!((&answer["data"]["id"], &answer["data"]["state"]), (&json!(id), &json!(state)), "{verb}");
        assert!(answer["meta"]["message"].as_str().is_some_and(|text| text.contains(&name)), "{answer}");
        assert_eq!(engine.state_of(&id).await, state, "after {verb}");
        let now = client.data(&format!("/api/containers/{name}")).await;
        assert_eq!(now["state"], state, "the next reader sees what {verb} did");
        if verb == "restart" {
            assert_ne!(now["started_at"], before["started_at"], "{now}");
        }
    }
    assert_eq!(client.data(&format!("/api/containers/{name}")).await["exit_code"], 7, "SIGHUP and no other");
    let renamed = act(&client, &name, "rename", json!({"name": other})).await.expect(200).json();
    assert_eq!(renamed["data"]["name"], other.as_str());
    client.get(&format!("/api/containers/{name}")).await.expect_error(404);
    assert_eq!(client.data(&format!("/api/containers/{other}")).await["id"], id.as_str());
    let removed = client.delete(&format!("/api/containers/{other}")).await.expect(200).json();
    assert_eq!(removed["data"], json!({"removed": id}));
    assert_eq!(engine.state_of(&id).await, "gone");
    client.get(&format!("/api/containers/{id}")).await.expect_error(404);

    let events = server.user_events(&id);
    let kinds: Vec<&str> = events.iter().map(|(kind, ..)| kind.as_str()).collect();
    let verbs = ["start", "pause", "unpause", "restart", "stop", "start", "kill", "rename", "remove"];
    assert_eq!(kinds, verbs.map(|verb| format!("container.{verb}")), "{events:#?}");
    for (_, actor, message) in &events {
        assert!(actor.contains("otto") && message.contains("otto"), "{events:#?}");
        assert!(message.contains(&name) || message.contains(&other), "{events:#?}");
    }
}

#[tokio::test]
async fn what_is_so_already_is_no_error_and_says_so() {
    let (engine, server, client) = operating().await;
    let name = unique("twice");
    let id = engine.container(&name).run().await;
    known(&client, &name, "running").await;
    let start = act(&client, &name, "start", json!(null)).await.expect(200).json();
    assert!(start["meta"]["message"].as_str().is_some_and(|text| text.contains("already")), "{start}");
    assert_eq!(start["data"]["state"], "running");
    act(&client, &name, "stop", json!(null)).await.expect(200);
    let again = act(&client, &name, "stop", json!(null)).await.expect(200).json();
    assert!(again["meta"]["message"].as_str().is_some_and(|text| text.contains("already")), "{again}");
    assert_eq!(again["data"]["state"], "exited");
    let last = server.user_events(&id).pop().expect("events");
    assert!(last.2.contains("already"), "nobody is said to have stopped what was stopped: {last:?}");
    // Docker's own words where it will not: pausing what does not run.
    let reply = act(&client, &name, "pause", json!(null)).await;
    assert_eq!(reply.expect_error(409), "conflict");
    assert!(reply.text.contains("is not running"), "{}", reply.text);
    assert_eq!(server.user_events(&id).pop().expect("events").0, "container.pause_failed");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_field_or_in_dockers_words() {
    let (engine, _server, client) = operating().await;
    let (name, taken) = (unique("picky"), unique("taken"));
    let id = engine.container(&name).run().await;
    engine.container(&taken).create().await;
    known(&client, &name, "running").await;
    known(&client, &taken, "created").await;
    let field = |reply: Reply, field: &str| {
        assert_eq!(reply.expect_error(422), "invalid");
        let body = reply.json();
        assert!(body["fields"][field].as_str().is_some_and(|why| why.len() > 10), "{field}: {body}");
    };
    field(act(&client, &name, "kill", json!({"signal": "SIGNOPE"})).await, "signal");
    field(act(&client, &name, "kill", json!({"signal": "a b"})).await, "signal");
    for bad in ["", "x", "-x", "a/b", "mit Leerzeichen", "ä-umlaut"] {
        field(act(&client, &name, "rename", json!({"name": bad})).await, "name");
    }
    field(act(&client, &name, "stop", json!({"timeout": 51})).await, "timeout");
    assert_eq!(act(&client, &name, "stop", json!({"grace": 1})).await.expect_error(400), "malformed");
    assert_eq!(act(&client, &name, "stop", json!([1])).await.status, 400);
    let reply = act(&client, &name, "rename", json!({"name": taken})).await;
    assert_eq!(reply.expect_error(409), "conflict");
    assert!(reply.text.contains("already in use"), "{}", reply.text);
    act(&client, &unique("never-was"), "stop", json!(null)).await.expect_error(404);
    assert_eq!(engine.state_of(&id).await, "running", "nothing of that did anything");
    // It goes behind the product's back: the answer is 404, and soon it is gone from the list.
    engine.remove_container(&name).await;
    act(&client, &id, "stop", json!(null)).await.expect_error(404);
    client.delete(&format!("/api/containers/{id}")).await.expect_error(404);
}

#[tokio::test]
async fn removing_what_runs_takes_force_and_volumes_stay_unless_asked() {
    let (engine, _server, client) = operating().await;
    for volumes in [false, true] {
        let (name, named) = (unique("full"), unique("data"));
        let id = engine.container(&name).volume(&named, "/named").anonymous_volume("/scratch").run().await;
        known(&client, &name, "running").await;
        let mounted = engine.volumes_of(&name).await;
        let anonymous = mounted["/scratch"].clone();
        assert_eq!((mounted["/named"].as_str(), anonymous.len()), (named.as_str(), 64));
        let reply = client.delete(&format!("/api/containers/{name}?volumes={volumes}")).await;
        assert_eq!(reply.expect_error(409), "conflict");
        assert!(reply.text.contains("running"), "Docker's words: {}", reply.text);
        assert_eq!(engine.state_of(&id).await, "running");
        client.delete(&format!("/api/containers/{name}?force=true&volumes={volumes}")).await.expect(200);
        assert_eq!(engine.state_of(&id).await, "gone");
        assert_eq!(engine.has_volume(&anonymous).await, !volumes, "volumes={volumes}");
        assert!(engine.has_volume(&named).await, "a named volume is never removed");
    }
    let name = unique("quiet");
    engine.container(&name).create().await;
    known(&client, &name, "created").await;
    client.delete(&format!("/api/containers/{name}?force=perhaps")).await.expect_error(422);
    client.delete(&format!("/api/containers/{name}")).await.expect(200);
}

#[tokio::test]
async fn a_slow_stop_answers_at_once_shows_itself_and_is_not_done_twice() {
    let (engine, server, client) = operating().await;
    let admin = server.admin().await;
    let name = unique("stubborn");
    let id = engine.container(&name).stubborn(4).run().await;
    known(&client, &name, "running").await;
    let job = client.post_form(&format!("/containers/{id}/stop"), &[]).await.location().to_owned();
    assert!(job.starts_with("/jobs/"), "{job}");
    assert_eq!(engine.state_of(&id).await, "running", "the answer did not wait");
    let page = words(&client.get(&job).await.expect(200).text);
    assert!(page.contains(&name) && page.contains("under way"), "{page}");
    assert_eq!(admin.get(&job).await.status, 404, "it is nobody else's");
    let row = words(&admin.get(&format!("/containers?q={name}")).await.text);
    assert!(row.contains("Stopping"), "everybody sees what is going on: {row}");
    let head = words(&admin.get(&format!("/containers/{id}/logs")).await.text);
    assert!(head.contains("Stopping"), "{head}");
    let reply = admin.post(&format!("/api/containers/{name}/stop"), json!(null)).await;
    assert_eq!(reply.expect_error(409), "conflict");
    assert!(reply.text.contains("otto") && reply.text.contains("stopping"), "{}", reply.text);
    let second = admin.post_form(&format!("/containers/{id}/restart"), &[]).await.location().to_owned();
    let refused = job_end(&admin, &second).await;
    assert!(refused.contains("otto began it") && refused.contains("Not done"), "{refused}");
    let end = job_end(&client, &job).await;
    assert!(end.contains("stopped") && end.contains("Done"), "{end}");
    assert_eq!(engine.state_of(&id).await, "exited");
    let row = words(&admin.get(&format!("/containers?q={name}")).await.text);
    assert!(!row.contains("Stopping"), "{row}");
    let events = server.user_events(&id);
    assert!(events.iter().any(|(kind, actor, _)| kind == "container.stop" && actor.contains("otto")));
    assert!(events.iter().any(|(kind, actor, _)| kind == "container.stop_failed" && actor.contains(ADMIN)));
}

#[tokio::test]
async fn a_selection_is_worked_through_whatever_happens_to_single_ones() {
    let (engine, server, client) = operating().await;
    let mark = unique("many");
    let name = |n: usize| format!("{mark}-{n}");
    let mut ids = Vec::new();
    for n in 0..7 {
        let new = engine.container(&name(n));
        let new = if n == 3 { new.label("docker-watcher.protect", "true") } else { new };
        ids.push(new.run().await);
        known(&client, &name(n), "running").await;
    }
    let gone = ids[5].clone();
    engine.remove_container(&gone).await;
    eventually("the product to forget it", SOON, async || {
        let reply = client.get(&format!("/api/containers/{gone}")).await;
        check(reply.status == 404, reply.text)
    })
    .await;
    let query: String = ids.iter().map(|id| format!("&c={}", &id[..12])).collect();
    let ask = words(&client.get(&format!("/bulk?action=stop{query}")).await.expect(200).text);
    assert!(ask.contains("protected by its label") && ask.contains("gone already"), "{ask}");
    let mut form = vec![("action", "stop")];
    form.extend(ids.iter().map(|id| ("c", id.as_str())));
    let job = client.post_form("/bulk", &form).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("2 of 7 not done"), "{end}");
    assert!(end.contains(&format!("{} is protected by its label", name(3))), "{end}");
    assert!(end.contains("no such container"), "{end}");
    for (n, id) in ids.iter().enumerate() {
        let state = match n {
            3 => "running",
            5 => "gone",
            _ => "exited",
        };
        assert_eq!(engine.state_of(id).await, state, "number {n}");
        if n != 5 {
            assert!(end.contains(&name(n)), "{end}");
            let kind = if n == 3 { "container.stop_failed" } else { "container.stop" };
            assert_eq!(server.user_events(id).last().expect("an event").0, kind);
        }
    }
    // Nothing selected, too much selected, and what cannot be done to many.
    assert_eq!(client.post_form("/bulk", &[("action", "stop")]).await.status, 422);
    assert_eq!(
        client.post_form("/bulk", &[("action", "rename"), ("c", &ids[0]), ("name", "xx")]).await.status,
        422
    );
    assert_eq!(client.post_form("/bulk", &[("action", "explode"), ("c", &ids[0])]).await.status, 404);
    let many: Vec<String> = (0..1001).map(|n| format!("c{n}")).collect();
    let mut form = vec![("action", "stop")];
    form.extend(many.iter().map(|id| ("c", id.as_str())));
    assert_eq!(client.post_form("/bulk", &form).await.status, 422);
}

#[tokio::test]
async fn plain_forms_ask_first_and_show_what_is_wrong_beside_the_field() {
    let (engine, _server, client) = operating().await;
    let (name, named) = (unique("asked"), unique("kept"));
    let id = engine.container(&name).volume(&named, "/named").anonymous_volume("/scratch").run().await;
    known(&client, &name, "running").await;
    let ask = words(&client.get(&format!("/containers/{id}/remove")).await.expect(200).text);
    for part in ["Lost", "log", "Kept", &named, "image", "kill it first", "anonymous volume"] {
        assert!(ask.contains(part), "{part}: {ask}");
    }
    let reply = client.post_form(&format!("/containers/{id}/rename"), &[("name", "-bad")]).await;
    let html = &reply.expect(422).text;
    assert!(html.contains("aria-invalid=\"true\"") && html.contains("value=\"-bad\""), "{html}");
    client.post_form(&format!("/containers/{id}/kill"), &[("signal", "no such")]).await.expect(422);
    client.get(&format!("/containers/{id}/explode")).await.expect(404);
    client.post_form(&format!("/containers/{id}/explode"), &[]).await.expect(404);
    // Without force, Docker says no and the job's page says it; with it, and with volumes, both go.
    let remove = format!("/containers/{id}/remove");
    let job = client.post_form(&remove, &[("back", "https://evil.example/")]).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("Not done") && end.contains("running"), "{end}");
    assert!(!client.get(&job).await.text.contains("evil.example"));
    let anonymous = engine.volumes_of(&name).await["/scratch"].clone();
    let job = client.post_form(&remove, &[("force", "1"), ("volumes", "1")]).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("removed"), "{end}");
    assert!(!engine.has_volume(&anonymous).await && engine.has_volume(&named).await);
    // Once more, on a page that was open all the time.
    let job = client.post_form(&remove, &[]).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("no such container"), "{end}");
}
