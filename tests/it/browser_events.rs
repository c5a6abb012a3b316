//! The event log in a real browser: it grows by itself, waits for who reads further down, is filtered, searched, opened
//! and read without JavaScript.

use crate::actions::{known, operating};
use crate::support::browser::{Browser, DESKTOP, Options};
use crate::support::server::PASSWORD;
use crate::support::{SOON, check, eventually, unique};

/// How often a container is paused: twice as many events, and a page shows a hundred.
const CYCLES: usize = 55;

/// The sentences of the list, newest first.
async fn sentences(browser: &Browser) -> Vec<String> {
    let seen = browser
        .script("return [...document.querySelectorAll('#events .ev-m')].map(e => e.textContent)")
        .await;
    serde_json::from_value(seen).expect("texts")
}

async fn wait_first(browser: &Browser, part: &str) {
    eventually(&format!("the newest event to be {part}"), SOON, async || {
        let seen = sentences(browser).await;
        check(seen.first().is_some_and(|first| first.contains(part)), seen.first())
    })
    .await;
}

#[tokio::test]
async fn new_events_come_on_top_and_wait_for_who_reads_further_down() {
    let (engine, server, client) = operating().await;
    let name = unique("seen");
    engine.container(&name).run().await;
    known(&client, &name, "running").await;
    // More than one page of them, and each a line of its own.
    for _ in 0..CYCLES {
        engine.pause_container(&name).await;
        engine.unpause_container(&name).await;
    }
    let browser = Browser::open(server.base()).await;
    browser.sign_in("otto", PASSWORD).await;
    eventually("all of it to be recorded", SOON, async || {
        let found = client.get(&format!("/api/events?subject={name}&limit=1000")).await.expect(200).json();
        let pauses =
            found["data"].as_array().unwrap().iter().filter(|event| event["kind"] == "container.unpause");
        check(pauses.count() == CYCLES, "not yet")
    })
    .await;
    // Other tests make events on the same engine.
    browser.goto(&format!("/events?subject={name}")).await;
    browser.live().await;
    engine.pause_container(&name).await;
    wait_first(&browser, &format!("{name} was paused")).await;
    browser.script("scrollTo(0, 1500)").await;
    engine.unpause_container(&name).await;
    browser.wait_text("#ev-new", "new", SOON).await;
    assert!(sentences(&browser).await[0].contains("was paused"), "nothing moves under the reader");
    browser.click("#ev-new").await;
    wait_first(&browser, &format!("{name} goes on")).await;
    let before = browser.count("#events .ev").await;
    browser.click("#ev-more").await;
    eventually("older events to be added", SOON, async || {
        let now = browser.count("#events .ev").await;
        check(now > before, (before, now))
    })
    .await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_crash_is_found_in_three_clicks_and_the_way_back_leads_back() {
    let (engine, server, client) = operating().await;
    let name = unique("database");
    engine.container(&name).shell("echo 'FATAL: no space left' >&2; exit 7").run().await;
    known(&client, &name, "exited").await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto("/events").await;
    browser.live().await;
    browser.fill("#q", &name).await;
    browser.press_in("#q", "\u{e007}").await;
    browser.at(&format!("/events?q={name}")).await;
    browser.click(".chips a[href*='severity=warning']").await;
    browser.at(&format!("/events?q={name}&severity=warning")).await;
    eventually("the one event, with its log", SOON, async || {
        browser.reload().await;
        let seen = sentences(&browser).await;
        check(seen.len() == 1 && seen[0].contains("exit code 7") && seen[0].contains("log"), seen)
    })
    .await;
    browser.click("#events .ev summary").await;
    browser.wait_text("#events .ev .ev-log", "FATAL: no space left", SOON).await;
    browser.click("#events .ev .ev-a a").await;
    browser.wait_text("h1", "exit code 7", SOON).await;
    browser.script("history.back()").await;
    browser.at(&format!("/events?q={name}&severity=warning")).await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn without_script_the_log_is_searched_filtered_and_opened() {
    let (engine, server, client) = operating().await;
    let name = unique("plain");
    engine.container(&name).run().await;
    known(&client, &name, "running").await;
    let browser = Browser::open_with(server.base(), Options { script: false, ..DESKTOP }).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto(&format!("/events?subject={name}")).await;
    eventually("its events", SOON, async || {
        browser.reload().await;
        let texts = browser.texts("#events .ev-m").await;
        check(texts.iter().any(|text| text.contains(&format!("{name} started"))), texts)
    })
    .await;
    browser.goto(&format!("/events?q={name}&severity=error")).await;
    browser.wait_text(".empty", "No events match", SOON).await;
}
