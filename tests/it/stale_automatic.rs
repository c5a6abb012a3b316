//! The cleanup that nobody clicks: off at first, then a trial, then for real; and a clock that was set makes nothing stale.

use crate::stale::{AFTER, events, inspect, until_stale};
use crate::support::client::Client;
use crate::support::clock::MovedClock;
use crate::support::engine::Engine;
use crate::support::server::{Server, Setup};
use crate::support::{SOON, check, eventually, unique};
use reqwest::Method;
use serde_json::{Value, json};

const DAY: i64 = 86_400;

/// A server with a clock of its own, on an engine of its own.
async fn with_clock() -> (Engine, MovedClock, Server, Client) {
    let (engine, clock) = (Engine::own().await, MovedClock::new());
    let setup = clock.of(Setup::new(&engine.host()).user("ada", "admin").user("vera", "viewer"));
    let server = setup.start().await;
    let client = server.sign_in("ada").await;
    (engine, clock, server, client)
}

async fn automatic(client: &Client) -> Value {
    client.get("/api/cleanups/automatic").await.expect(200).json()["data"].clone()
}

/// Starts the server again at another time.
async fn again_at(server: &mut Server, clock: &MovedClock, time: &str) -> Client {
    server.stop().await;
    clock.ahead(MovedClock::until(time));
    server.start_again().await;
    server.sign_in("ada").await
}

#[tokio::test]
async fn it_makes_a_trial_and_then_cleans_up_every_day_what_fits() {
    let (engine, clock, mut server, client) = with_clock().await;
    let (due, spared, locked, used) = (unique("due"), unique("spared"), unique("locked"), unique("used"));
    for name in [&due, &spared] {
        engine.container(name).label(AFTER.0, AFTER.1).shell("exit 3").run().await;
    }
    let protected = engine.container(&locked).label(AFTER.0, AFTER.1).label("docker-watcher.protect", "true");
    protected.shell("exit 0").run().await;
    let first_ends = "if [ -e /ran ]; then sleep 86400; fi; touch /ran";
    engine.container(&used).label(AFTER.0, AFTER.1).shell(first_ends).run().await;
    until_stale(&client, &[&due, &spared, &locked, &used]).await;
    assert_eq!(
        automatic(&client).await["enabled"],
        false,
        "nothing happens by itself until somebody wants it"
    );
    let rules = json!({"auto_cleanup": true, "auto_cleanup_days": 1, "auto_cleanup_at": "04:00",
                       "auto_cleanup_except": "spared-*"});
    client.call(Method::PATCH, "/api/settings", rules).await.expect(200);
    eventually("its next run to be a trial", SOON, async || {
        let now = automatic(&client).await;
        check(now["next_is_trial"] == true && now["next_run_at"].is_string(), now)
    })
    .await;

    // Two days later, in the night: it only says what it would do.
    let day = |n: i64| {
        (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(n * DAY)).strftime("%F").to_string()
    };
    let (first, second) = (day(2), day(3));
    let client = again_at(&mut server, &clock, &format!("{first}T03:59:58Z")).await;
    let trial = eventually("the trial", SOON * 2, async || {
        let told = client.get("/api/events?kind=cleanup.trial").await.expect(200).json();
        let told = told["data"].as_array().expect("a list").clone();
        if let [one] = told.as_slice() { Ok(one.clone()) } else { Err(told) }
    })
    .await;
    let mut would = [due.clone(), used.clone()];
    would.sort();
    assert_eq!(trial["data"]["would_remove"], json!(would), "{trial}");
    assert_eq!(trial["data"]["left_alone"][0]["name"], json!(locked), "{trial}");
    let now = automatic(&client).await;
    assert_eq!((&now["next_is_trial"], &now["last_run"]["removed"]), (&json!(false), &json!(2)), "{now}");
    for name in [&due, &spared, &locked, &used] {
        assert!(inspect(&engine, name).await.is_some(), "a trial removes nothing");
    }
    // One of them was of use after all: that is said when looking back.
    engine.start_container(&used).await;
    until_stale(&client, &[&due, &spared, &locked]).await;
    let back = eventually("it to be told as used", SOON, async || {
        let now = automatic(&client).await;
        let all = now["last_30_days"].as_array().expect("a list").clone();
        let then = |name: &str| all.iter().find(|one| one["name"] == name).map(|one| one["then"].clone());
        check(then(&used) == Some(json!("used")) && then(&due) == Some(json!("there")), &now)?;
        Ok::<_, String>(all)
    })
    .await;
    assert_eq!(back.len(), 2, "{back:#?}");
    let page = client.get("/stale/automatic").await.expect(200).text.clone();
    assert!(page.contains("One of them was of use again later"), "{page}");

    // The night after: for real.
    let client = again_at(&mut server, &clock, &format!("{second}T03:59:58Z")).await;
    eventually("what is due to go", SOON * 2, async || {
        check(inspect(&engine, &due).await.is_none(), "there")
    })
    .await;
    let told = eventually("the summary", SOON, async || {
        let told = client.get("/api/events?kind=cleanup.finished").await.expect(200).json();
        let told = told["data"].as_array().expect("a list").clone();
        if let [one] = told.as_slice() { Ok(one.clone()) } else { Err(told) }
    })
    .await;
    assert_eq!((&told["data"]["removed"], &told["severity"]), (&json!([due]), &json!("info")), "{told}");
    for name in [&spared, &locked, &used] {
        assert!(inspect(&engine, name).await.is_some(), "{name} stays");
    }
    let removed = events(&client, "cleanup.removed", &due).await;
    assert_eq!(removed[0]["actor"], "automatic cleanup", "{removed:#?}");
    let removal = client.get("/api/cleanups").await.expect(200).json()["data"][0].clone();
    let restore = format!("/api/cleanups/{}/restore", removal["id"].as_str().expect("an id"));
    client.post(&restore, json!({})).await.expect(200);
    assert!(inspect(&engine, &due).await.is_some(), "and it can be undone");

    // Other rules make another trial.
    client.call(Method::PATCH, "/api/settings", json!({"auto_cleanup_days": 2})).await.expect(200);
    assert_eq!(automatic(&client).await["next_is_trial"], true);
}

#[tokio::test]
async fn its_rules_are_checked_shown_before_they_are_saved_and_for_admins() {
    let (engine, _clock, server, client) = with_clock().await;
    let name = unique("fits");
    engine.container(&name).label(AFTER.0, AFTER.1).shell("exit 0").run().await;
    until_stale(&client, &[&name]).await;
    for (field, bad) in [
        ("auto_cleanup_days", "0"),
        ("auto_cleanup_at", "25:00"),
        ("auto_cleanup_match", "colour:red"),
        ("auto_cleanup_except", "image:"),
    ] {
        let mut form =
            vec![("auto_cleanup", "true"), ("auto_cleanup_days", "3"), ("auto_cleanup_at", "04:00")];
        form.retain(|(name, _)| *name != field);
        form.push((field, bad));
        let page = client.post_form("/stale/automatic", &form).await.expect(422).text.clone();
        assert!(
            page.contains(&format!("id=\"{field}-error\"")) && page.contains(&format!("value=\"{bad}\"")),
            "{page}"
        );
    }
    let kept = client.get("/api/settings").await.expect(200).json();
    assert_eq!(kept["data"]["auto_cleanup"], false, "nothing is half saved");
    let shown =
        client.get("/stale/automatic?auto_cleanup=true&auto_cleanup_days=9").await.expect(200).text.clone();
    assert!(shown.contains("not saved") && shown.contains("A trial"), "{shown}");
    let good = [("auto_cleanup", "true"), ("auto_cleanup_days", "9"), ("auto_cleanup_at", "05:30")];
    client.post_form("/stale/automatic", &good).await.expect(303);
    let kept = client.get("/api/settings").await.expect(200).json();
    assert_eq!(
        (&kept["data"]["auto_cleanup_days"], &kept["data"]["auto_cleanup_at"]),
        (&json!(9), &json!("05:30"))
    );
    let vera = server.sign_in("vera").await;
    let page = vera.get("/stale/automatic").await.expect(200).text.clone();
    assert!(page.contains("Only an admin"), "{page}");
    vera.post_form("/stale/automatic", &good).await.expect(403);
    vera.get("/api/cleanups/automatic").await.expect(200);
}

#[tokio::test]
async fn a_clock_that_is_set_ahead_makes_nothing_stale() {
    let (engine, clock, server, client) = with_clock().await;
    let (young, known) = (unique("young"), unique("known"));
    engine.container(&young).shell("exit 0").run().await;
    engine.container(&known).label(AFTER.0, AFTER.1).shell("exit 0").run().await;
    until_stale(&client, &[&known]).await;
    clock.ahead(40 * DAY);
    // Sessions are as old as that now.
    let client = server.sign_in("ada").await;
    // What changes makes it look again.
    engine.container(&unique("other")).shell("sleep 86400").run().await;
    eventually("it to notice", SOON, async || {
        let log = server.log();
        check(log.contains("the clock was set ahead"), log)
    })
    .await;
    let other = unique("another");
    let id = engine.container(&other).shell("exit 0").run().await;
    eventually("another look", SOON, async || {
        let list = client.get("/api/containers").await.expect(200).json();
        check(list["data"].as_array().unwrap().iter().any(|one| one["id"] == json!(id)), "not seen")
    })
    .await;
    until_stale(&client, &[&known]).await;
    assert!(events(&client, "container.stale", &young).await.is_empty());
}
