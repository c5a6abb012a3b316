//! Cleanups in bad weather: two people at once, and an engine that dies in the middle.

use std::collections::HashSet;

use crate::stale::{AFTER, cleaning, events, inspect, until_stale};
use crate::support::client::Client;
use crate::support::engine::Engine;
use crate::support::{SOON, check, eventually, unique};
use serde_json::{Value, json};

const ALL: &str = "/api/containers/stale/cleanup";

/// Stale containers of these names.
async fn several(engine: &Engine, client: &Client, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|n| unique(&format!("many{n}"))).collect();
    for name in &names {
        engine.container(name).label(AFTER.0, AFTER.1).create().await;
    }
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    until_stale(client, &all).await;
    names
}

fn removed(answer: &Value) -> HashSet<String> {
    let all = answer["data"].as_array().expect("a list").iter();
    let name = |one: &Value| one["name"].as_str().expect("a name").to_owned();
    all.filter(|one| one["removed"] == true).map(name).collect()
}

#[tokio::test]
async fn two_people_clean_up_at_once_and_each_container_goes_once() {
    let (engine, server, client) = cleaning().await;
    let names = several(&engine, &client, 12).await;
    let ada = server.sign_in("ada").await;
    let (one, other) =
        tokio::join!(client.post(ALL, json!({"all": true})), ada.post(ALL, json!({"all": true})));
    let (one, other) = (one.expect(200).json(), other.expect(200).json());
    let (by_one, by_other) = (removed(&one), removed(&other));
    assert!(by_one.is_disjoint(&by_other), "{one:#} {other:#}");
    assert_eq!(by_one.len() + by_other.len(), names.len(), "{one:#} {other:#}");
    for answer in [&one, &other] {
        for item in answer["data"].as_array().unwrap().iter().filter(|item| item["removed"] == false) {
            let why = item["error"].as_str().unwrap_or_default();
            assert!(why.contains("already") || why.contains("no such container"), "{item}");
        }
    }
    for name in &names {
        assert!(inspect(&engine, name).await.is_none());
        assert_eq!(events(&client, "cleanup.removed", name).await.len(), 1, "{name} is told once");
    }
    let kept = client.get("/api/cleanups").await.expect(200).json();
    assert_eq!(kept["data"].as_array().unwrap().len(), names.len(), "{kept:#}");
}

#[tokio::test]
async fn an_engine_that_dies_in_the_middle_loses_nothing_and_the_truth_is_told_after_it() {
    let (engine, server, client) = cleaning().await;
    let names = several(&engine, &client, 24).await;
    let ada = server.sign_in("ada").await;
    let work = client.post(ALL, json!({"all": true}));
    let death = async {
        eventually("the first to go", SOON, async || {
            let kept = ada.get("/api/cleanups").await.expect(200).json();
            check(!kept["data"].as_array().unwrap().is_empty(), kept)
        })
        .await;
        engine.kill().await;
    };
    let (answer, ()) = tokio::join!(work, death);
    let answer = answer.expect(200).json();
    assert_eq!(answer["data"].as_array().unwrap().len(), names.len(), "an answer for each: {answer:#}");
    let done = removed(&answer);
    for item in answer["data"].as_array().unwrap().iter().filter(|item| item["removed"] == false) {
        assert!(
            item["error"]
                .as_str()
                .is_some_and(|why| ["Docker", "engine"].iter().any(|who| why.contains(who))),
            "{item}"
        );
    }
    // The pages are there meanwhile.
    ada.get("/stale").await.expect(200);
    ada.get("/stale/removed").await.expect(200);
    engine.start_again().await;
    let mut gone = HashSet::new();
    for name in &names {
        if inspect(&engine, name).await.is_none() {
            gone.insert(name.clone());
        }
    }
    assert!(done.is_subset(&gone), "what was said to be removed is: {done:?} {gone:?}");
    // What Docker has removed although it could not say so is told as well, and can come back.
    eventually("what is gone to be restorable", SOON, async || {
        let kept = ada.get("/api/cleanups").await.expect(200).json();
        let all = kept["data"].as_array().expect("a list").iter();
        let restorable: HashSet<String> = all
            .filter(|one| one["can_restore"] == true)
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        check(restorable == gone, (&restorable, &gone))
    })
    .await;
    let back = ada.get("/api/cleanups").await.expect(200).json();
    if let Some(one) = back["data"].as_array().unwrap().iter().find(|one| one["can_restore"] == true) {
        let path = format!("/api/cleanups/{}/restore", one["id"].as_str().unwrap());
        ada.post(&path, json!({})).await.expect(200);
    }
}
