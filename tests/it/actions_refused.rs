//! What must not be done to containers: protected ones, by viewers, with `--read-only`, through a proxy that refuses, without an
//! engine. Everything is refused in words, and nothing reaches the engine.

use crate::actions::{job_end, known, operating, words};
use crate::support::client::Client;
use crate::support::engine::Engine;
use crate::support::server::{Server, Setup};
use crate::support::stub::{Endpoint, Fault, Stub};
use crate::support::stub_answers::Fake;
use crate::support::{SOON, check, eventually, unique};
use reqwest::Method;
use serde_json::json;

const VERBS: [&str; 7] = ["start", "stop", "restart", "pause", "unpause", "kill", "rename"];

/// Each write of the API, as its answer's status and text.
async fn every_api_write(client: &Client, id: &str) -> Vec<(String, u16, String)> {
    let mut answers = Vec::new();
    for verb in VERBS {
        let body = if verb == "rename" { json!({"name": "other-name"}) } else { json!(null) };
        let reply = client.post(&format!("/api/containers/{id}/{verb}"), body).await;
        answers.push((verb.to_owned(), reply.status, reply.text));
    }
    for query in ["", "?force=true", "?force=true&volumes=true"] {
        let reply = client.delete(&format!("/api/containers/{id}{query}")).await;
        answers.push((format!("remove{query}"), reply.status, reply.text));
    }
    answers
}

#[tokio::test]
async fn a_protected_container_is_left_alone_until_its_protection_is_taken_away() {
    let (engine, server, client) = operating().await;
    let (labelled, chosen) = (unique("by-label"), unique("by-user"));
    let (project, service) = (unique("shop"), "db");
    let by_label = engine.container(&labelled).label("docker-watcher.protect", "true").create().await;
    let by_user = engine.container(&chosen).compose(&project, service, 1).create().await;
    for name in [&labelled, &chosen] {
        known(&client, name, "created").await;
    }
    let protect = client.post_form(&format!("/containers/{by_user}/protect"), &[]).await;
    assert_eq!(protect.location(), format!("/containers/{by_user}"));
    for (id, words) in [(&by_label, "label"), (&by_user, "otto")] {
        client.post(&format!("/api/containers/{id}/start"), json!(null)).await.expect(200);
        for (call, status, text) in every_api_write(&client, id).await {
            match call.as_str() {
                "start" | "unpause" => assert!(!text.contains("protected"), "{call}: {text}"),
                _ => {
                    assert_eq!(status, 409, "{call}: {text}");
                    assert!(text.contains("protected") && text.contains(words), "{call}: {text}");
                }
            }
        }
        assert_eq!(engine.state_of(id).await, "running");
        let job = client.post_form(&format!("/containers/{id}/stop"), &[]).await.location().to_owned();
        let end = job_end(&client, &job).await;
        assert!(end.contains("protected"), "{end}");
        let menu = client.get(&format!("/containers/{id}/menu")).await.text.clone();
        assert!(menu.contains("This container is protected") && menu.contains("disabled"), "{menu}");
    }
    // Compose makes it anew: another id, the same service.
    engine.remove_container(&by_user).await;
    let anew = engine.container(&unique("by-user")).compose(&project, service, 1).run().await;
    known(&client, &anew, "running").await;
    let stop = format!("/api/containers/{anew}/stop");
    assert_eq!(client.post(&stop, json!(null)).await.expect_error(409), "conflict");
    client.post_form(&format!("/containers/{anew}/unprotect"), &[]).await.expect(303);
    client.post(&stop, json!(null)).await.expect(200);
    let kinds: Vec<String> = server.user_events(&anew).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["container.stop_failed", "container.unprotected", "container.stop"]);
    assert_eq!(server.user_events(&by_user)[0].0, "container.protected");
}

#[tokio::test]
async fn protection_outlives_a_restart_of_the_product() {
    let (engine, mut server, client) = operating().await;
    let name = unique("lasting");
    let id = engine.container(&name).run().await;
    known(&client, &name, "running").await;
    client.post_form(&format!("/containers/{id}/protect"), &[]).await.expect(303);
    server.stop().await;
    server.start_again().await;
    let client = server.sign_in("otto").await;
    known(&client, &name, "running").await;
    client.delete(&format!("/api/containers/{id}?force=true")).await.expect_error(409);
    assert_eq!(engine.state_of(&id).await, "running");
}

#[tokio::test]
async fn a_viewer_can_do_nothing_by_any_way() {
    let (engine, server, client) = operating().await;
    server.add_user("vera", "viewer").await;
    let viewer = server.sign_in("vera").await;
    let name = unique("watched");
    let id = engine.container(&name).run().await;
    known(&client, &name, "running").await;
    let token = server.cli(&["token", "create", "t", "--user", "vera"], "").await.stdout.trim().to_owned();
    for client in [&viewer, &server.bearer(&token)] {
        for (call, status, text) in every_api_write(client, &id).await {
            assert_eq!(status, 403, "{call}: {text}");
        }
    }
    for verb in VERBS.into_iter().chain(["remove", "protect", "unprotect"]) {
        let path = format!("/containers/{id}/{verb}");
        viewer.post_form(&path, &[("name", "other-name"), ("force", "1")]).await.expect(403);
        viewer.get(&path).await.expect(403);
        viewer.post_form("/bulk", &[("action", verb), ("c", &id)]).await.expect(403);
    }
    viewer.get(&format!("/bulk?action=stop&c={id}")).await.expect(403);
    assert_eq!(engine.state_of(&name).await, "running");
    assert!(server.user_events(&id).is_empty());
    // What is left of the menu is for reading.
    viewer.get(&format!("/containers/{id}/menu")).await.expect(200);
    client.get(&format!("/containers/{id}/menu")).await.expect(200);
    // Another site cannot make an operator's browser do it.
    let forged = client.request(Method::POST, &format!("/containers/{id}/stop"));
    let forged = forged.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
    let forged = client.send(forged.form(&[("x", "y")])).await;
    assert_eq!(forged.status, 403, "{}", forged.text);
    assert_eq!(engine.state_of(&name).await, "running");
}

#[tokio::test]
async fn with_read_only_no_write_ever_reaches_the_engine() {
    let stub = Stub::start(vec![Fake::running("one"), Fake::exited("two")]);
    let server =
        Setup::new(&stub.host()).env("DOCKER_WATCHER_READ_ONLY", "true").user("ada", "admin").start().await;
    let client = server.admin().await;
    known(&client, "one", "running").await;
    known(&client, "two", "exited").await;
    for name in ["one", "two"] {
        for (call, status, text) in every_api_write(&client, name).await {
            assert_eq!(status, 403, "{call}: {text}");
            assert!(text.contains("--read-only"), "{call}: {text}");
        }
        let id = client.data(&format!("/api/containers/{name}")).await["id"].as_str().unwrap().to_owned();
        let menu = client.get(&format!("/containers/{id}/menu")).await.text.clone();
        assert!(menu.contains("--read-only"), "{menu}");
        for verb in VERBS.into_iter().chain(["remove"]) {
            let fields = [("name", "other-name"), ("force", "1"), ("volumes", "1")];
            let job = client.post_form(&format!("/containers/{id}/{verb}"), &fields).await;
            let end = job_end(&client, job.location()).await;
            assert!(end.contains("Not done") && end.contains("--read-only"), "{verb}: {end}");
        }
    }
    for verb in VERBS.into_iter().filter(|verb| *verb != "rename").chain(["remove"]) {
        let form = [("action", verb), ("c", "one"), ("c", "two"), ("force", "1")];
        let job = client.post_form("/bulk", &form).await.location().to_owned();
        let end = job_end(&client, &job).await;
        assert!(end.contains("Not done") && end.contains("--read-only"), "{verb}: {end}");
    }
    for page in
        ["/", "/containers", "/containers/one", "/containers/one/logs", "/images", "/networks", "/volumes"]
    {
        client.get(page).await.expect(200);
    }
    assert!(stub.asked(Endpoint::List) > 0 && stub.asked(Endpoint::Inspect) > 0);
    assert_eq!(stub.writes(), Vec::<String>::new(), "the engine saw only reads");
}

#[tokio::test]
async fn a_proxy_that_forbids_writing_is_told_from_an_outage() {
    let stub = Stub::start(vec![Fake::running("one")]);
    stub.fail(&[Endpoint::Other], Fault::Forbidden);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    known(&client, "one", "running").await;
    let reply = client.post("/api/containers/one/stop", json!(null)).await;
    reply.expect_error(502);
    assert!(reply.text.contains("proxy") && reply.text.contains("not allowed"), "{}", reply.text);
    assert_eq!(stub.writes().len(), 1, "it was tried once: {:?}", stub.writes());
    let job = client.post_form("/containers/one/restart", &[]).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("Not done") && end.contains("not allowed"), "{end}");
    // Half an answer to an action is no success.
    stub.heal();
    let reply = client.post("/api/containers/one/stop", json!(null)).await;
    assert!(reply.status >= 400, "the stub knows no such call: {}", reply.text);
}

#[tokio::test]
async fn without_an_engine_nothing_is_promised() {
    let engine = Engine::own().await;
    let name = unique("unreached");
    engine.container(&name).run().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    known(&client, &name, "running").await;
    engine.kill().await;
    for (call, status, text) in every_api_write(&client, &name).await {
        assert_eq!(status, 503, "{call}: {text}");
        assert!(["Docker", "engine"].iter().any(|word| text.contains(word)), "{call}: {text}");
    }
    let job = client.post_form(&format!("/containers/{name}/stop"), &[]).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("Not done"), "{end}");
    let html = client.get(&format!("/containers/{name}/stop")).await.expect(200).text.clone();
    assert!(words(&html).contains("Stop"), "asking works");
    engine.start_again().await;
    eventually("it to work again", SOON, async || {
        let reply = client.post(&format!("/api/containers/{name}/start"), json!(null)).await;
        check(reply.status == 200, reply.text)
    })
    .await;
    assert_eq!(engine.state_of(&name).await, "running");
}
