//! Containers as the API tells them, from a real engine.

use crate::support::client::Client;
use crate::support::engine::{Engine, IMAGE};
use crate::support::server::Server;
use crate::support::{SOON, check, eventually, unique};
use serde_json::Value;
use std::collections::BTreeSet;

/// A server that watches the shared engine, and a client that may read.
async fn watching() -> (&'static Engine, Server, Client) {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    (engine, server, client)
}

/// The names that a list answers, in its order.
async fn names(client: &Client, query: &str) -> Vec<String> {
    let list = client.data(&format!("/api/containers?{query}")).await;
    list.as_array()
        .expect("an array")
        .iter()
        .map(|c| c["name"].as_str().expect("a name").to_owned())
        .collect()
}

async fn until_names(client: &Client, query: &str, expected: &[&str]) {
    eventually(&format!("{query} to list {expected:?}"), SOON, async || {
        let seen = names(client, query).await;
        check(seen == expected, seen)
    })
    .await;
}

/// The container of that name, once it fits.
async fn until(client: &Client, name: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{name} to be {what}"), SOON, async || {
        let reply = client.get(&format!("/api/containers/{name}")).await;
        let data = if reply.status == 200 { reply.json()["data"].clone() } else { reply.json() };
        if fits(&data) { Ok(data) } else { Err(data.to_string()) }
    })
    .await
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == "2026-11-23T13:41:41.771Z".len() && text.ends_with('Z') && &text[19..20] == "."
    })
}

#[tokio::test]
async fn a_container_started_from_outside_appears_changes_and_goes_by_itself() {
    let (engine, _server, client) = watching().await;
    let name = unique("comes");
    let id = engine.container(&name).run().await;
    let seen = until(&client, &name, "running", |c| c["state"] == "running").await;
    assert_eq!(seen["id"], id.as_str());
    assert_eq!(seen["image"], IMAGE);
    assert_eq!(seen["engine"], "local");
    assert!(seen["image_id"].as_str().is_some_and(|image| image.starts_with("sha256:")), "{seen}");
    assert!(is_time(&seen["created_at"]) && is_time(&seen["started_at"]), "{seen}");
    engine.pause_container(&name).await;
    until(&client, &name, "paused", |c| c["state"] == "paused").await;
    engine.unpause_container(&name).await;
    until(&client, &name, "running again", |c| c["state"] == "running").await;
    engine.kill_container(&name).await;
    let dead =
        until(&client, &name, "exited with its code", |c| c["state"] == "exited" && c["exit_code"] == 137)
            .await;
    assert!(is_time(&dead["finished_at"]), "{dead}");
    let other = unique("renamed");
    engine.rename_container(&name, &other).await;
    until(&client, &other, "found by its new name", |c| c["id"] == id.as_str()).await;
    client.get(&format!("/api/containers/{name}")).await.expect_error(404);
    engine.remove_container(&other).await;
    until(&client, &id, "gone", |c| c["code"] == "not_found").await;
}

#[tokio::test]
async fn a_container_is_found_by_id_by_name_and_by_prefix_in_that_order() {
    let (engine, _server, client) = watching().await;
    let name = unique("findme");
    let id = engine.container(&name).create().await;
    until(&client, &name, "created", |c| c["state"] == "created").await;
    for key in [id.as_str(), &name, &id[..12], &id[..6]] {
        let found = until(&client, key, "found", |c| c["id"] == id.as_str()).await;
        assert_eq!(found["name"], name.as_str());
    }
    // A container whose name is the beginning of another one's id.
    let impostor = engine.container(&id[..14]).create().await;
    until(&client, &impostor, "there", |c| c["id"] == impostor.as_str()).await;
    assert_eq!(client.data(&format!("/api/containers/{}", &id[..14])).await["id"], impostor.as_str());
    assert_eq!(client.data(&format!("/api/containers/{}", &id[..13])).await["id"], id.as_str());
    engine.remove_container(&impostor).await;
    assert_eq!(client.get("/api/containers/there-is-no-such-thing").await.expect_error(404), "not_found");
}

#[tokio::test]
async fn compose_labels_give_project_and_service() {
    let (engine, _server, client) = watching().await;
    let (project, web, db) = (unique("shop"), unique("shop-web-1"), unique("shop-db-1"));
    engine.container(&web).compose(&project, "web", 1).run().await;
    engine.container(&db).compose(&project, "db", 1).create().await;
    until_names(&client, &format!("project={project}&sort=name"), &sorted(&[&web, &db])).await;
    let seen = until(&client, &web, "known", |c| c["service"] == "web").await;
    assert_eq!(seen["project"], project.as_str());
    assert_eq!(seen["labels"]["com.docker.compose.project"], project.as_str());
    until_names(&client, &format!("project={project}&state=running"), &[&web]).await;
    let alone = unique("plain");
    engine.container(&alone).create().await;
    let plain = until(&client, &alone, "known", |c| c["id"].is_string()).await;
    assert!(plain["project"].is_null() && plain["service"].is_null(), "{plain}");
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn search_and_filters_narrow_the_list() {
    let (engine, _server, client) = watching().await;
    let (mark, a, b, c) = (unique("mark"), unique("alpha"), unique("beta"), unique("gamma"));
    engine.container(&a).label("team", &mark).run().await;
    engine.container(&b).label("team", &mark).command(&["false"]).run().await;
    let id = engine.container(&c).label(&mark, "").create().await;
    let all = sorted(&[&a, &b, &c]);
    until_names(&client, &format!("q={mark}&sort=name"), &all).await;
    for (query, expected) in [
        (format!("q={mark}&state=running"), vec![a.as_str()]),
        (format!("q={mark}&state=exited"), vec![&b]),
        (format!("q={mark}&state=created"), vec![&c]),
        (format!("q={}", a.to_uppercase()), vec![&a]),
        (format!("q={}", &id[..20]), vec![&c]),
        (format!("q=dw-test/busybox%20{mark}&sort=name"), all.clone()),
        (format!("q={mark}&engine=local&sort=-name"), all.iter().rev().copied().collect()),
        (format!("q={mark}&engine=elsewhere"), vec![]),
        (format!("q={mark}&project=none-such"), vec![]),
        (format!("q={mark}%22%3E%27%25_"), vec![]),
    ] {
        until_names(&client, &query, &expected).await;
    }
    for bad in [
        "state=sleeping",
        "health=fine",
        "sort=colour",
        "limit=0",
        "limit=1001",
        "limit=many",
        "cursor=%00nonsense",
    ] {
        let reply = client.get(&format!("/api/containers?{bad}")).await;
        assert!(matches!(reply.status, 400 | 422), "{bad}: {reply:?}");
        reply.expect_error(reply.status);
    }
}

#[tokio::test]
async fn the_list_is_paged_without_loss_or_repetition() {
    let (engine, _server, client) = watching().await;
    let mark = unique("page");
    let mut expected = BTreeSet::new();
    for number in 0..7 {
        let name = format!("{mark}-{number}");
        engine.container(&name).create().await;
        expected.insert(name);
    }
    eventually("seven to be listed", SOON, async || {
        let count = names(&client, &format!("q={mark}")).await.len();
        check(count == 7, count)
    })
    .await;
    for sort in ["name", "-name", "created", "state"] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let reply = client.get(&format!("/api/containers?q={mark}&sort={sort}&limit=3{cursor}")).await;
            let body = reply.expect(200).json();
            let page = body["data"].as_array().expect("an array");
            assert!(page.len() <= 3, "limit=3: {}", page.len());
            seen.extend(page.iter().map(|c| c["name"].as_str().unwrap().to_owned()));
            pages += 1;
            match body["meta"]["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((pages, seen.len()), (3, 7), "sort={sort}: {seen:?}");
        assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), expected, "sort={sort}");
    }
}

#[tokio::test]
async fn published_ports_are_told() {
    let (engine, _server, client) = watching().await;
    let name = unique("ports");
    engine.container(&name).publish(8000).run().await;
    let inspect = engine.docker().await.inspect_container(&name, None).await.unwrap();
    let bindings = inspect.network_settings.unwrap().ports.unwrap().remove("8000/tcp").flatten().unwrap();
    let public: u64 = bindings[0].host_port.as_ref().unwrap().parse().unwrap();
    let holds = |port: &Value, number: u64| {
        port.as_object().is_some_and(|fields| fields.values().any(|v| v == number))
    };
    until(&client, &name, "listed with its port", |c| {
        c["ports"]
            .as_array()
            .is_some_and(|all| all.iter().any(|port| holds(port, 8000) && holds(port, public)))
    })
    .await;
    let page = client.get(&format!("/containers?q={name}")).await;
    assert!(page.expect(200).text.contains(&format!(":{public}")), "the port is on the page:\n{}", page.text);
}

#[tokio::test]
async fn health_is_followed_as_it_changes() {
    let (engine, _server, client) = watching().await;
    let (checked, plain) = (unique("checked"), unique("unchecked"));
    engine.container(&checked).health("test ! -e /tmp/sick").run().await;
    engine.container(&plain).run().await;
    until(&client, &checked, "healthy", |c| c["health"] == "healthy").await;
    engine.exec(&checked, &["touch", "/tmp/sick"]).await;
    until(&client, &checked, "unhealthy", |c| c["health"] == "unhealthy").await;
    until_names(&client, &format!("q={checked}&health=unhealthy"), &[&checked]).await;
    until_names(&client, &format!("q={checked}&health=healthy"), &[]).await;
    let other = until(&client, &plain, "known", |c| c["state"] == "running").await;
    assert!(other["health"].is_null() || other["health"] == "none", "{other}");
    let summary = client.data("/api/summary").await;
    assert!(summary["containers"]["unhealthy"].as_u64().is_some_and(|count| count >= 1), "{summary}");
    engine.exec(&checked, &["rm", "/tmp/sick"]).await;
    until(&client, &checked, "healthy again", |c| c["health"] == "healthy").await;
}

#[tokio::test]
async fn a_container_that_crashes_again_and_again_shows_its_restarts() {
    let (engine, _server, client) = watching().await;
    let name = unique("crashes");
    engine.container(&name).command(&["false"]).restart_always().run().await;
    until(&client, &name, "restarted twice", |c| c["restart_count"].as_u64().is_some_and(|count| count >= 2))
        .await;
    engine.remove_container(&name).await;
}

#[tokio::test]
async fn secrets_in_the_environment_are_not_shown() {
    let (engine, server, admin) = watching().await;
    server.add_user("vera", "viewer").await;
    let viewer = server.sign_in("vera").await;
    let name = unique("secretive");
    engine.container(&name).env("DB_PASSWORD=hunter2-the-second").run().await;
    until(&admin, &name, "known", |c| c["state"] == "running").await;
    for client in [&viewer, &admin] {
        for path in [
            format!("/containers/{name}"),
            format!("/api/containers/{name}"),
            format!("/containers?q={name}"),
        ] {
            let reply = client.get(&path).await;
            assert!(!reply.expect(200).text.contains("hunter2"), "{path} shows a secret");
        }
    }
}

#[tokio::test]
async fn after_a_restart_of_the_product_everything_is_as_before() {
    let (engine, mut server, client) = watching().await;
    let (kept, changed, gone, new) = (unique("kept"), unique("changed"), unique("gone"), unique("new"));
    for name in [&kept, &changed, &gone] {
        engine.container(name).run().await;
        until(&client, name, "running", |c| c["state"] == "running").await;
    }
    server.stop().await;
    engine.kill_container(&changed).await;
    engine.remove_container(&gone).await;
    engine.container(&new).run().await;
    server.start_again().await;
    until(&client, &kept, "running", |c| c["state"] == "running").await;
    until(&client, &changed, "exited", |c| c["state"] == "exited" && c["exit_code"] == 137).await;
    until(&client, &new, "running", |c| c["state"] == "running").await;
    until(&client, &gone, "gone", |c| c["code"] == "not_found").await;
}

#[tokio::test]
async fn a_change_reaches_an_open_stream_once_and_escaped() {
    let (engine, _server, client) = watching().await;
    let name = unique("streamed");
    let id = engine.container(&name).run().await;
    until(&client, &name, "running", |c| c["state"] == "running").await;
    let mut stream = client.events(&format!("/live?for=/containers?q={name}&rev=0")).await;
    let row = format!("c-local-{}", &id[..12]);
    engine.kill_container(&name).await;
    let patch = stream
        .until("the row's change", SOON, |event| {
            event.name.is_empty() && event.data.contains(&row) && event.data.contains("exited")
        })
        .await;
    assert!(patch.data.contains("<hx-partial"), "{patch:?}");
    engine.container(&unique(&name)).create().await;
    stream.until("the list to change", SOON, |event| event.name == "list-changed").await;
}
