//! A log in a real browser: followed, searched, held, scrolled, fetched further back, and read without JavaScript.

use crate::actions::{known, operating};
use crate::logs::log_of;
use crate::support::browser::{Browser, DESKTOP, Options};
use crate::support::client::Client;
use crate::support::engine::Engine;
use crate::support::server::{ADMIN, PASSWORD, Server};
use crate::support::{SOON, check, eventually, unique};
use serde_json::json;

const ENTER: &str = "\u{e007}";
const SHIFT_ENTER: &str = "\u{e008}\u{e007}\u{e000}";

/// Prints so many lines and stays; `say` adds to them.
async fn speaker(engine: &Engine, client: &Client, lines: usize) -> (String, String) {
    let name = unique("speaker");
    let script =
        format!("busybox awk 'BEGIN {{ for (i = 1; i <= {lines}; i++) print \"line \" i }}'; sleep 86400");
    let id = engine.container(&name).shell(&script).run().await;
    known(client, &name, "running").await;
    log_of(client, &name, "tail=1", |text| text == format!("line {lines}\n")).await;
    (name, id)
}

async fn open(server: &Server, page: &str) -> Browser {
    let browser = Browser::open(server.base()).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto(page).await;
    browser.live().await;
    browser
}

/// What stands in the log, notes included.
async fn texts(browser: &Browser) -> Vec<String> {
    let seen = browser
        .script("return [...document.querySelectorAll('#log-lines .x')].map(e => e.textContent)")
        .await;
    serde_json::from_value(seen).expect("texts")
}

async fn wait_texts(browser: &Browser, what: &str, fits: impl Fn(&[String]) -> bool) -> Vec<String> {
    eventually(what, SOON, async || {
        let seen = texts(browser).await;
        let end = format!("{} lines, the last: {:?}", seen.len(), &seen[seen.len().saturating_sub(12)..]);
        if fits(&seen) { Ok(seen) } else { Err(end) }
    })
    .await
}

async fn wait_last(browser: &Browser, last: &str) -> Vec<String> {
    wait_texts(browser, &format!("the last line to be {last}"), |seen| {
        seen.last().is_some_and(|line| line == last)
    })
    .await
}

fn numbered(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|n| format!("line {n}")).collect()
}

const AT_END: &str =
    "const b = document.querySelector('#log'); return b.scrollHeight - b.scrollTop - b.clientHeight < 24";
const TOP: &str = "return document.querySelector('#log').scrollTop";

#[tokio::test]
async fn what_is_written_appears_stays_in_sight_and_waits_while_the_reader_does() {
    let (engine, server, client) = operating().await;
    let (name, id) = speaker(engine, &client, 200).await;
    let browser = open(&server, &format!("/containers/{id}/logs")).await;
    assert_eq!(texts(&browser).await, numbered(1, 200));
    browser.wait_script("the end to be in sight", AT_END).await;
    engine.say(&name, &["hello <img src=x onerror='window.hacked=1'>", "\u{1b}[31mred\u{1b}[0m"]).await;
    let mut expected = numbered(1, 200);
    expected.extend(["hello <img src=x onerror='window.hacked=1'>", "red"].map(String::from));
    assert_eq!(wait_last(&browser, "red").await, expected);
    assert_eq!(
        browser.script("return [window.hacked, document.querySelectorAll('#log img').length]").await,
        json!([null, 0])
    );
    browser.wait_script("the end to be in sight", AT_END).await;
    // Held: nothing moves, and it is told how much waits. Nothing of it is lost.
    browser.click("#log-pause").await;
    for line in ["held 1", "held 2", "held 3"] {
        engine.say(&name, &[line]).await;
    }
    browser.wait_text("#log-end", "3 new", SOON).await;
    assert_eq!(texts(&browser).await, expected);
    browser.click("#log-pause").await;
    expected.extend([1, 2, 3].map(|n| format!("held {n}")));
    assert_eq!(wait_last(&browser, "held 3").await, expected);
    browser.wait_script("the end to be in sight", AT_END).await;
    // Scrolled up: lines are added, and the place stays; the button leads back.
    browser.script("document.querySelector('#log').scrollTop = 40").await;
    browser.wait_text("#log-end", "Jump to end", SOON).await;
    engine.say(&name, &["below"]).await;
    expected.push("below".into());
    assert_eq!(wait_last(&browser, "below").await, expected);
    browser.wait_text("#log-end", "1 new", SOON).await;
    assert_eq!(browser.script(TOP).await, 40);
    browser.click("#log-end").await;
    browser.wait_script("the end to be in sight", AT_END).await;
    browser.wait_script("the button to go", "return document.querySelector('#log-end').hidden").await;
    engine.say(&name, &["after"]).await;
    expected.push("after".into());
    assert_eq!(wait_last(&browser, "after").await, expected);
    browser.wait_script("the end to be in sight again", AT_END).await;
    // It ends, and says so.
    engine.kill_container(&id).await;
    browser.wait_text("#log-state", "Not running", SOON).await;
    browser.wait_text("#log .note", "exit code 137", SOON).await;
    browser.shot("log").await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_word_is_found_counted_and_walked_through() {
    let (engine, server, client) = operating().await;
    let (name, id) = speaker(engine, &client, 300).await;
    let browser = open(&server, &format!("/containers/{id}/logs")).await;
    let count = async |text: &str| browser.wait_text("#log-count", text, SOON).await;
    browser.fill("#q", "LINE 7").await;
    count("11 of 11").await;
    // The button and the key that are called "Next" do the same; so do those that are called "Previous".
    browser.click("#log-prev").await;
    count("10 of 11").await;
    browser.click("#log-next").await;
    count("11 of 11").await;
    browser.click("#log-next").await;
    count("1 of 11").await;
    browser.press_in("#q", ENTER).await;
    count("2 of 11").await;
    browser.press_in("#q", SHIFT_ENTER).await;
    count("1 of 11").await;
    let in_sight = "const b = document.querySelector('#log').getBoundingClientRect(); \
                    const l = [...document.querySelectorAll('#log .l')].find(l => l.textContent.endsWith('line 7')).getBoundingClientRect(); \
                    return l.top >= b.top - 1 && l.bottom <= b.bottom + 1";
    browser.wait_script("the first match to be in sight", in_sight).await;
    engine.say(&name, &["line 7 again"]).await;
    count("of 12").await;
    browser.fill("#q", "nowhere").await;
    count("No match").await;
    // Only matches: the server looks, also among what the page does not show.
    browser.fill("#q", "line 29").await;
    browser.click(".chip-check").await;
    wait_texts(&browser, "only matches", |seen| seen.len() == 11).await;
    let path = browser.path().await;
    assert!(path.contains("only=1") && path.contains("q=line+29"), "{path}");
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_page_with_few_lines_is_continued_backwards_and_forwards_in_order() {
    let (engine, server, client) = operating().await;
    let (name, id) = speaker(engine, &client, 1_400).await;
    // Nobody followed this log before: the stream begins with lines from before those that the page has.
    let browser = open(&server, &format!("/containers/{id}/logs?tail=100")).await;
    engine.say(&name, &["line 1401"]).await;
    assert_eq!(wait_last(&browser, "line 1401").await, numbered(1_301, 1_401));
    let mut have = 101;
    while have < 1_401 {
        browser.script("document.querySelector('#log').scrollTop = 0").await;
        browser.click("#log-older").await;
        let seen = wait_texts(&browser, "older lines", |seen| seen.len() > have).await;
        have = seen.len();
        assert_eq!(seen, numbered(1_402 - have, 1_401));
    }
    browser.wait_script("no more to be offered", "return document.querySelector('#log-older').hidden").await;
    engine.say(&name, &["line 1402"]).await;
    assert_eq!(wait_last(&browser, "line 1402").await, numbered(1, 1_402));
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn one_output_stays_one_output_when_it_goes_on() {
    let (engine, server, client) = operating().await;
    let (name, id) = speaker(engine, &client, 50).await;
    engine.complain(&name, "trouble 1").await;
    log_of(&client, &name, "stream=stderr", |text| text == "trouble 1\n").await;
    let browser = open(&server, &format!("/containers/{id}/logs?stream=stderr")).await;
    engine.say(&name, &["chatter"]).await;
    engine.complain(&name, "trouble 2").await;
    assert_eq!(wait_last(&browser, "trouble 2").await, ["trouble 1", "trouble 2"]);
    // A time range begins where it says, too.
    browser.goto(&format!("/containers/{id}/logs?since={}", "2030-01-01T00:00:00Z")).await;
    browser.live().await;
    browser.wait_text("#log-state", "Following", SOON).await;
    engine.say(&name, &["too early"]).await;
    log_of(&client, &name, "tail=1", |text| text == "too early\n").await;
    let mut other =
        crate::support::follower::Follower::open(&client, &format!("/containers/{id}/logs")).await;
    engine.say(&name, &["and again"]).await;
    other.until("it to have been sent", SOON, |said| format!("{said:?}").contains("and again")).await;
    assert_eq!(texts(&browser).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_was_cut_off_catches_up_without_a_gap() {
    let engine = Engine::shared().await;
    let mut server = Server::with_admin(&engine.host()).await;
    server.add_user("otto", "operator").await;
    let client = server.admin().await;
    let (name, id) = speaker(engine, &client, 20).await;
    let browser = open(&server, &format!("/containers/{id}/logs")).await;
    engine.say(&name, &["line 21"]).await;
    assert_eq!(wait_last(&browser, "line 21").await, numbered(1, 21));
    server.stop().await;
    browser.find("#live[data-live=off]").await;
    let missed = numbered(22, 60);
    engine.say(&name, &missed.iter().map(String::as_str).collect::<Vec<_>>()).await;
    server.start_again().await;
    browser.live().await;
    wait_last(&browser, "line 60").await;
    engine.say(&name, &["line 61"]).await;
    assert_eq!(wait_last(&browser, "line 61").await, numbered(1, 61), "each once, in order, without a note");
}

#[tokio::test]
async fn without_script_a_log_is_read_searched_and_chosen_from() {
    let (engine, server, client) = operating().await;
    let (name, id) = speaker(engine, &client, 300).await;
    let browser = Browser::open_with(server.base(), Options { script: false, ..DESKTOP }).await;
    browser.goto(&format!("/containers/{id}/logs?tail=100")).await;
    browser.fill("input[name=name]", ADMIN).await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("form[action^='/login'] button").await;
    browser.find("#log").await;
    let lines = async || browser.count("#log-lines .l").await;
    assert_eq!(lines().await, 100);
    browser.wait_text("h1", &name, SOON).await;
    for hidden in ["#log-older", "#log-end", "#log-pause", "#log-find"] {
        let shown = browser.find(hidden).await.is_displayed().await.expect("there");
        assert!(!shown, "{hidden} does nothing without script");
    }
    browser.fill("#q", "line 28").await;
    browser.click(".chip-check").await;
    browser.click("#log-form > noscript button, #log-form > button").await;
    eventually("only matches", SOON, async || {
        let count = lines().await;
        check(count == 11, count)
    })
    .await;
    browser.wait_text("#log-lines", "line 289", SOON).await;
}
