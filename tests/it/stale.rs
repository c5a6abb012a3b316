//! Stale containers: found with reasons, told once, cleaned up after a preview, and brought back. On engines of their own,
//! because a cleanup of all takes what is everybody's.

use crate::support::browser::{Browser, DESKTOP, Options};
use crate::support::client::Client;
use crate::support::comparable::{comparable, differences};
use crate::support::engine::{Engine, IMAGE};
use crate::support::server::{PASSWORD, Server, Setup};
use crate::support::{SOON, check, eventually, unique};
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use serde_json::{Value, json};

/// A second after its end it is stale.
pub const AFTER: (&str, &str) = ("docker-watcher.stale.after", "1s");

/// A server that watches an engine of its own, and an operator.
pub async fn cleaning() -> (Engine, Server, Client) {
    let engine = Engine::own().await;
    let setup = Setup::new(&engine.host()).user("otto", "operator").user("vera", "viewer");
    let server = setup.user("ada", "admin").start().await;
    let client = server.sign_in("otto").await;
    (engine, server, client)
}

/// Waits until exactly these are stale, and returns them.
pub async fn until_stale(client: &Client, names: &[&str]) -> Vec<Value> {
    let mut names = names.to_vec();
    names.sort_unstable();
    eventually(&format!("{names:?} to be stale"), SOON, async || {
        let list = client.get("/api/containers/stale").await.expect(200).json();
        let list = list["data"].as_array().expect("a list").clone();
        let found: Vec<&str> = list.iter().filter_map(|one| one["name"].as_str()).collect();
        check(found == names, &found)?;
        Ok::<_, String>(list)
    })
    .await
}

pub async fn events(client: &Client, kind: &str, name: &str) -> Vec<Value> {
    let found = client.get(&format!("/api/events?kind={kind}&subject={name}")).await.expect(200).json();
    found["data"].as_array().expect("a list").clone()
}

pub async fn inspect(engine: &Engine, name: &str) -> Option<Value> {
    let docker = engine.docker().await;
    let answer = docker.inspect_container(name, None).await.ok()?;
    Some(serde_json::to_value(answer).expect("inspect is JSON"))
}

#[tokio::test]
async fn what_nobody_needs_is_stale_with_its_reasons_and_told_once() {
    let (engine, mut server, client) = cleaning().await;
    let (ended, never, ignored, fresh) =
        (unique("ended"), unique("never"), unique("ignored"), unique("fresh"));
    let new = engine.container(&ended).label(AFTER.0, AFTER.1);
    // The first run fails, the second goes on.
    let id = new.shell("if [ -e /ran ]; then sleep 86400; fi; touch /ran; exit 3").run().await;
    engine.container(&never).label(AFTER.0, AFTER.1).create().await;
    let exempt = engine.container(&ignored).label(AFTER.0, AFTER.1);
    exempt.label("docker-watcher.stale.ignore", "true").create().await;
    engine.container(&fresh).shell("exit 0").run().await;
    let stale = until_stale(&client, &[&ended, &never]).await;
    let of = |name: &str| stale.iter().find(|one| one["name"] == name).expect("it").clone();
    let (ended_one, never_one) = (of(&ended), of(&never));
    assert_eq!((&ended_one["exit_code"], &ended_one["reasons"][0]["kind"]), (&json!(3), &json!("stopped")));
    assert!(ended_one["reasons"][0]["text"].as_str().is_some_and(|text| text.contains("exit code 3")));
    assert_eq!(never_one["reasons"][0]["kind"], "never_started");
    assert_eq!((&ended_one["days"], &ended_one["protected"]), (&json!(0), &json!(false)));
    for time in ["stale_since", "last_alive_at"] {
        assert!(ended_one[time].as_str().is_some_and(|text| text.ends_with('Z')), "{ended_one}");
    }
    let told = events(&client, "container.stale", &ended).await;
    assert_eq!(
        (told.len(), &told[0]["severity"], &told[0]["source"]),
        (1, &json!("warning"), &json!("stale"))
    );
    let names = client.get("/api/containers?stale=true&sort=name").await.expect(200).json();
    let names: Vec<&str> =
        names["data"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, [ended.as_str(), never.as_str()]);
    assert_eq!(client.get("/api/summary").await.expect(200).json()["data"]["containers"]["stale"], 2);
    assert!(client.get("/").await.expect(200).text.contains("2 stale containers can be cleaned up"));
    let page = client.get("/stale").await.expect(200).text.clone();
    assert!(page.contains(&ended) && page.contains("never started") && !page.contains(&ignored), "{page}");
    server.stop().await;
    server.start_again().await;
    let client = server.sign_in("otto").await;
    until_stale(&client, &[&ended, &never]).await;
    engine.start_container(&id).await;
    until_stale(&client, &[&never]).await;
    eventually("its recovery to be told", SOON, async || {
        let over = events(&client, "container.stale_resolved", &ended).await;
        check(over.len() == 1, over)
    })
    .await;
    assert_eq!(events(&client, "container.stale", &ended).await.len(), 1, "once, over a restart");
}

#[tokio::test]
async fn what_was_cleaned_up_comes_back_as_it_was() {
    let (engine, server, client) = cleaning().await;
    let (name, kept) = (unique("undone"), unique("kept"));
    let new = engine.container(&name).label(AFTER.0, AFTER.1).label("team", "ops").env("TOKEN=hush");
    let new = new.volume(&kept, "/data").anonymous_volume("/scratch").publish(80).memory(64_000_000);
    let id = new.shell("echo mine > /scratch/note; exit 3").run().await;
    until_stale(&client, &[&name]).await;
    let before = inspect(&engine, &name).await.expect("the container");
    let volumes = engine.volumes_of(&name).await;
    let ask = |dry_run: bool| json!({"ids": [id], "dry_run": dry_run});
    let plan = client.post("/api/containers/stale/cleanup", ask(true)).await.expect(200).json();
    let item = &plan["data"][0];
    assert_eq!((&item["removed"], &item["kept_volumes"]), (&json!(true), &json!([kept])), "{plan}");
    assert_eq!(
        (&item["anonymous_volumes"], &plan["meta"]["dry_run"]),
        (&json!([volumes["/scratch"]]), &json!(true))
    );
    assert!(inspect(&engine, &name).await.is_some(), "a preview removes nothing");
    let done = client.post("/api/containers/stale/cleanup", ask(false)).await.expect(200).json();
    assert_eq!(
        (&done["data"][0]["removed"], &done["data"][0]["error"]),
        (&json!(true), &Value::Null),
        "{done}"
    );
    assert!(inspect(&engine, &name).await.is_none(), "it is gone");
    for volume in volumes.values() {
        assert!(engine.has_volume(volume).await, "{volume} is kept");
    }
    let told = events(&client, "cleanup.removed", &name).await;
    assert_eq!((told.len(), &told[0]["actor"], &told[0]["source"]), (1, &json!("otto"), &json!("stale")));
    let removal = client.get("/api/cleanups").await.expect(200).json()["data"][0].clone();
    assert_eq!((&removal["name"], &removal["can_restore"]), (&json!(name), &json!(true)));
    let path = format!("/api/cleanups/{}/restore", removal["id"].as_str().expect("an id"));
    // Somebody else has taken the name: said, and nothing lost.
    engine.container(&name).create().await;
    let taken = client.post(&path, json!({})).await.expect(409).json();
    assert!(taken["error"].as_str().is_some_and(|text| text.contains(&name)), "{taken}");
    engine.remove_container(&name).await;
    client.post(&path, json!({})).await.expect(200);
    let after = inspect(&engine, &name).await.expect("it is back");
    let (before, after) = (comparable(&before), comparable(&after));
    let changed: Vec<String> = differences(&before, &after)
        .into_iter()
        // Its anonymous volume is attached by its name now, and so it is the same volume.
        .filter(|change| !change.contains("Binds") && !change.contains("Mounts"))
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert_eq!(engine.volumes_of(&name).await, volumes, "the same volumes, the anonymous one as well");
    client.post(&path, json!({})).await.expect_error(409);
    // Its anonymous volume is attached by name now: a second cleanup keeps it, and says so.
    until_stale(&client, &[&name]).await;
    let again = json!({"ids": [name], "dry_run": true, "volumes": true});
    let plan = client.post("/api/containers/stale/cleanup", again).await.expect(200).json();
    assert_eq!(plan["data"][0]["anonymous_volumes"], json!([]), "{plan}");
    assert_eq!(plan["data"][0]["kept_volumes"].as_array().map(Vec::len), Some(2), "{plan}");
    let told = events(&client, "cleanup.restored", &name).await;
    assert_eq!((told.len(), &told[0]["actor"]), (1, &json!("otto")));
    let found =
        std::process::Command::new("grep").arg("-c").arg("TOKEN=hush").arg(server.database()).output();
    assert_eq!(String::from_utf8_lossy(&found.expect("grep").stdout).trim(), "0", "secrets are sealed");
}

#[tokio::test]
async fn what_is_protected_needed_or_running_is_left_alone_and_the_rest_goes() {
    let (engine, server, client) = cleaning().await;
    let (locked, base, leaning, free, running) =
        (unique("locked"), unique("base"), unique("leaning"), unique("free"), unique("running"));
    engine.container(&locked).label(AFTER.0, AFTER.1).label("docker-watcher.protect", "true").create().await;
    engine.container(&base).label(AFTER.0, AFTER.1).anonymous_volume("/shared").create().await;
    let host = HostConfig { volumes_from: Some(vec![base.clone()]), ..Default::default() };
    let body = ContainerCreateBody {
        image: Some(IMAGE.into()),
        cmd: Some(vec!["true".into()]),
        host_config: Some(host),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&leaning).build();
    engine.docker().await.create_container(Some(options), body).await.expect("docker create");
    let free_id = engine.container(&free).label(AFTER.0, AFTER.1).anonymous_volume("/own").create().await;
    let own_volume = engine.volumes_of(&free).await["/own"].clone();
    let running_id = engine.container(&running).shell("sleep 86400").run().await;
    let stale = until_stale(&client, &[&locked, &base, &free]).await;
    let of = |name: &str| stale.iter().find(|one| one["name"] == name).expect("it").clone();
    assert_eq!(of(&locked)["protected"], true);
    assert!(of(&locked)["protected_because"].as_str().is_some_and(|text| text.contains("label")));
    assert_eq!(of(&base)["dependents"], json!([leaning]));
    // A viewer sees them, and touches nothing.
    let vera = server.sign_in("vera").await;
    vera.get("/api/containers/stale").await.expect(200);
    vera.post("/api/containers/stale/cleanup", json!({"all": true})).await.expect(403);
    vera.post(&format!("/api/containers/stale/{free_id}/protect"), json!({})).await.expect(403);
    vera.get("/stale/cleanup?all=1").await.expect(403);
    // Each that was asked for has an answer.
    let these = json!({"ids": [free_id, free_id, "nobody", running_id, of(&locked)["id"]], "dry_run": true});
    let plan = client.post("/api/containers/stale/cleanup", these).await.expect(200).json();
    let plan = plan["data"].as_array().expect("a list").clone();
    let said = |name: &str| {
        let item = plan.iter().find(|one| one["asked"] == name || one["name"] == name);
        item.expect("an answer")["error"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!((plan.len(), said(&free)), (4, String::new()), "{plan:#?}");
    assert!(said("nobody").contains("no such container") && said(&running_id).contains("runs"), "{plan:#?}");
    assert!(said(&locked).contains("protected"), "{plan:#?}");
    // A user's own protection, and back.
    client.post(&format!("/api/containers/stale/{free_id}/protect"), json!({})).await.expect(200);
    let alone = client.post(&format!("/api/containers/stale/{free_id}/cleanup"), json!({})).await;
    assert!(alone.status == 200 || alone.status == 409, "{}", alone.text);
    assert!(inspect(&engine, &free).await.is_some(), "protected");
    client.post(&format!("/api/containers/stale/{free_id}/unprotect"), json!({})).await.expect(200);
    let all = json!({"all": true, "volumes": true});
    let done = client.post("/api/containers/stale/cleanup", all).await.expect(200).json();
    assert_eq!(done["meta"]["removed"], 1, "{done:#}");
    let there = async |name: &str| inspect(&engine, name).await.is_some();
    assert!(!there(&free).await && there(&locked).await && there(&base).await && there(&running).await);
    assert!(!engine.has_volume(&own_volume).await, "the anonymous volume was ticked");
    for bad in [json!({}), json!({"ids": []}), json!({"ids": [free_id], "all": true})] {
        client.post("/api/containers/stale/cleanup", bad).await.expect(422);
    }
    let many: Vec<String> = (0..10_001).map(|n| n.to_string()).collect();
    client.post("/api/containers/stale/cleanup", json!({"ids": many})).await.expect(422);
    let ada = server.admin().await;
    for bad in [json!(0), json!(-1), json!("abc"), json!(10_000)] {
        let said =
            ada.call(reqwest::Method::PATCH, "/api/settings", json!({"stale_threshold_days": bad})).await;
        assert!(said.expect(422).json()["fields"]["stale_threshold_days"].as_str().unwrap().contains("3650"));
    }
}

#[tokio::test]
async fn what_was_removed_when_the_product_was_killed_can_be_restored() {
    let (engine, mut server, client) = cleaning().await;
    let stem = unique("cut");
    let names: Vec<String> = (0..12).map(|n| format!("{stem}-{n:02}")).collect();
    for name in &names {
        engine.container(name).label(AFTER.0, AFTER.1).create().await;
    }
    until_stale(&client, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let cleanup = tokio::spawn(async move {
        // Its answer never comes.
        let request = client.request(reqwest::Method::POST, "/api/containers/stale/cleanup");
        let _cut_off = request.json(&json!({"all": true})).send().await;
    });
    let left = async || {
        let mut left = Vec::new();
        for name in &names {
            if inspect(&engine, name).await.is_some() {
                left.push(name.as_str());
            }
        }
        left
    };
    eventually("the first to go", SOON, async || {
        let first = inspect(&engine, &names[0]).await;
        check(first.is_none(), "it is there")
    })
    .await;
    server.kill().await;
    cleanup.abort();
    server.start_again().await;
    let client = server.sign_in("otto").await;
    let left = left().await;
    eventually("each that is gone to be restorable", SOON, async || {
        let removals = client.get("/api/cleanups").await.expect(200).json();
        let removals = removals["data"].as_array().expect("a list").clone();
        let restorable: Vec<&str> = removals
            .iter()
            .filter(|removal| removal["can_restore"] == true && removal["state"] == "removed")
            .filter_map(|removal| removal["name"].as_str())
            .collect();
        let gone = names.iter().filter(|name| !left.contains(&name.as_str()));
        let lost: Vec<&String> = gone.filter(|name| !restorable.contains(&name.as_str())).collect();
        check(lost.is_empty() && restorable.len() + left.len() == names.len(), (lost, &removals))
    })
    .await;
    // Restored from what was kept before the end.
    let removals = client.get("/api/cleanups").await.expect(200).json();
    let first = removals["data"].as_array().unwrap().iter().find(|one| one["name"] == json!(names[0]));
    let path = format!("/api/cleanups/{}/restore", first.expect("it")["id"].as_str().unwrap());
    client.post(&path, json!({})).await.expect(200);
    assert!(inspect(&engine, &names[0]).await.is_some());
}

#[tokio::test]
async fn all_is_cleaned_up_and_undone_with_the_mouse() {
    let (engine, server, client) = cleaning().await;
    let (one, other) = (unique("mouse-one"), unique("mouse-two"));
    for name in [&one, &other] {
        engine.container(name).label(AFTER.0, AFTER.1).shell("echo mine > /note; exit 1").run().await;
    }
    until_stale(&client, &[&one, &other]).await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto("/stale").await;
    browser.live().await;
    browser.wait_text("tr.s-row", "exit code 1", SOON).await;
    browser.click("a[href='/stale/cleanup?all=1']").await;
    browser.wait_text("#dialog[open] .ask", "Clean up 2 containers", SOON).await;
    browser.wait_text("#dialog[open] .ask", "What it takes to restore them", SOON).await;
    browser.click("#dialog[open] button[type='submit']").await;
    browser.wait_text("#jobs .job[data-job='ok']", "2", SOON).await;
    browser.wait_text(".empty", "Nothing is stale", SOON).await;
    browser.goto("/stale/removed").await;
    browser.wait_text("tr.s-row", &other, SOON).await;
    browser.click(&format!("button[aria-label='Restore {one}']")).await;
    browser.wait_text("[role='status']", &one, SOON).await;
    eventually("it to be back", SOON, async || check(inspect(&engine, &one).await.is_some(), "gone")).await;
    assert!(inspect(&engine, &other).await.is_none(), "only the one");
    browser.expect_no_complaints().await;
    // Without script the same is pages.
    let plain = Browser::open_with(server.base(), Options { script: false, ..DESKTOP }).await;
    plain.sign_in("otto", PASSWORD).await;
    until_stale(&client, &[&one]).await;
    plain.goto("/stale").await;
    plain.click(&format!("a[aria-label='Clean up {one}']")).await;
    plain.wait_text(".ask", "Clean up", SOON).await;
    plain.click(".ask button[type='submit']").await;
    eventually("it to go", SOON, async || check(inspect(&engine, &one).await.is_none(), "there")).await;
}
