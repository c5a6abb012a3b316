//! What is done to containers with the mouse, the keyboard and without JavaScript, in a real browser.

use crate::actions::{known, operating};
use crate::support::browser::{Browser, DESKTOP, Options};
use crate::support::engine::Engine;
use crate::support::server::{PASSWORD, Server};
use crate::support::{SOON, check, eventually, unique};

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const TAB: &str = "\u{e004}";
const UP: &str = "\u{e013}";
const DOWN: &str = "\u{e015}";
const SPACE: &str = " ";

fn row(name: &str) -> String {
    format!("tr.c-row[data-name='{name}']")
}

fn opener(name: &str) -> String {
    format!("{} [data-menu]", row(name))
}

async fn wait_row(browser: &Browser, name: &str, state: &str) {
    browser.find(&format!("{}[data-state='{state}']", row(name))).await;
}

async fn wait_no_row(browser: &Browser, name: &str) {
    eventually(&format!("the row of {name} to go"), SOON, async || {
        let count = browser.count(&row(name)).await;
        check(count == 0, count)
    })
    .await;
}

async fn wait_none(browser: &Browser, css: &str) {
    eventually(&format!("no {css}"), SOON, async || {
        let count = browser.count(css).await;
        check(count == 0, count)
    })
    .await;
}

/// The list of what a search finds, live, as an operator sees it.
async fn listing(server: &Server, search: &str) -> Browser {
    let browser = Browser::open(server.base()).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto(&format!("/containers?q={search}&sort=name")).await;
    browser.live().await;
    browser
}

async fn choose(browser: &Browser, name: &str, verb: &str) {
    browser.click(&opener(name)).await;
    browser
        .click(&format!(
            "#menu:popover-open [href$='/{verb}'], #menu:popover-open [action$='/{verb}'] button"
        ))
        .await;
}

#[tokio::test]
async fn each_action_is_done_with_the_mouse_from_the_menu_of_its_row() {
    let (engine, server, client) = operating().await;
    let (name, other) = (unique("moused"), unique("mousy"));
    let named = unique("kept");
    let new = engine.container(&name).volume(&named, "/data").anonymous_volume("/scratch");
    let id = new.shell("trap 'exit 7' HUP; while true; do sleep 0.05; done").run().await;
    let browser = listing(&server, &id[..12]).await;
    wait_row(&browser, &name, "running").await;
    for (verb, state, says) in [
        ("stop", "exited", "stopped"),
        ("start", "running", "started"),
        ("pause", "paused", "paused"),
        ("unpause", "running", "unpaused"),
        ("restart", "running", "restarted"),
    ] {
        choose(&browser, &name, verb).await;
        wait_none(&browser, "#menu:popover-open").await;
        browser.wait_text("#jobs .job[data-job='ok']", says, SOON).await;
        wait_row(&browser, &name, state).await;
        browser.click("#jobs .job [aria-label='Dismiss']").await;
        wait_none(&browser, "#jobs .job").await;
    }
    choose(&browser, &name, "kill").await;
    browser.wait_focus("dialog[open] #signal").await;
    browser.fill("#signal", "no such").await;
    browser.click("dialog[open] button[type=submit]").await;
    browser.wait_text("dialog[open]", "name or number of a signal", SOON).await;
    browser.fill("dialog[open] #signal", "HUP").await;
    browser.click("dialog[open] button[type=submit]").await;
    wait_none(&browser, "dialog[open]").await;
    wait_row(&browser, &name, "exited").await;
    choose(&browser, &name, "rename").await;
    browser.fill("dialog[open] #new-name", &other).await;
    browser.click("dialog[open] button[type=submit]").await;
    wait_row(&browser, &other, "exited").await;
    wait_no_row(&browser, &name).await;
    choose(&browser, &other, "start").await;
    wait_row(&browser, &other, "running").await;
    // It says what is lost and what is kept; "Cancel" loses nothing; without the tick Docker refuses.
    choose(&browser, &other, "remove").await;
    for part in ["Lost", "Its log", "it is killed", "Kept", &named, "kill it first", "its anonymous volume"] {
        browser.wait_text("dialog[open]", part, SOON).await;
    }
    browser.shot("remove").await;
    browser.click("dialog[open] [data-close]").await;
    wait_none(&browser, "dialog[open]").await;
    choose(&browser, &other, "remove").await;
    browser.click("dialog[open] button[type=submit]").await;
    browser.wait_text("#jobs .job[data-job='bad']", "running", SOON).await;
    assert_eq!(engine.state_of(&id).await, "running");
    choose(&browser, &other, "remove").await;
    browser.click("dialog[open] [name=force]").await;
    browser.click("dialog[open] button[type=submit]").await;
    wait_no_row(&browser, &other).await;
    assert_eq!(engine.state_of(&id).await, "gone");
    assert!(engine.has_volume(&named).await);
    browser.expect_no_complaints().await;
    drop(client);
}

#[tokio::test]
async fn the_keyboard_alone_opens_menus_moves_in_them_and_gets_its_place_back() {
    let (engine, server, _client) = operating().await;
    let name = unique("keyed");
    let id = engine.container(&name).run().await;
    let browser = listing(&server, &name).await;
    wait_row(&browser, &name, "running").await;
    browser.press("j").await;
    browser.wait_focus(&format!("{} .c-name", row(&name))).await;
    browser.press_until(TAB, &opener(&name)).await;
    browser.press(ENTER).await;
    browser.wait_focus("#menu:popover-open a").await;
    browser.press(DOWN).await;
    browser.wait_focus("#menu:popover-open [href$='/logs']").await;
    browser.press(ESCAPE).await;
    wait_none(&browser, "#menu:popover-open").await;
    browser.wait_focus(&opener(&name)).await;
    // Upwards from the first entry are the last ones. A dialog that is left gives the place back, too.
    browser.press(ENTER).await;
    browser.wait_focus("#menu:popover-open a").await;
    browser.press_until(UP, "[href$='/remove']").await;
    browser.press(ENTER).await;
    browser.wait_focus("dialog[open] *").await;
    browser.press(ESCAPE).await;
    wait_none(&browser, "dialog[open]").await;
    browser.wait_focus(&opener(&name)).await;
    assert_eq!(engine.state_of(&id).await, "running");
    // Stop, then remove, without leaving the keys.
    browser.press(ENTER).await;
    browser.wait_focus("#menu:popover-open a").await;
    browser.press_until(DOWN, "[action$='/stop'] button").await;
    browser.press(ENTER).await;
    wait_row(&browser, &name, "exited").await;
    browser.wait_focus(&opener(&name)).await;
    // A row is selected by its key, and Escape takes that back.
    browser.press("x").await;
    browser.find(&format!("{} .pick:checked", row(&name))).await;
    browser.press(ESCAPE).await;
    wait_none(&browser, ".pick:checked").await;
    browser.press_until(TAB, "body *").await;
    browser.press("j").await;
    browser.press_until(TAB, &opener(&name)).await;
    browser.press(ENTER).await;
    browser.wait_focus("#menu:popover-open a").await;
    browser.press_until(UP, "[href$='/remove']").await;
    browser.press(ENTER).await;
    browser.wait_focus("dialog[open] *").await;
    browser.press_until(TAB, "dialog[open] button[type=submit]").await;
    browser.press(SPACE).await;
    wait_no_row(&browser, &name).await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_selection_is_worked_on_with_progress_for_each_and_outlives_live_changes() {
    let (engine, server, client) = operating().await;
    let mark = unique("bulk");
    let name = |n: usize| format!("{mark}-{n}");
    for n in 0..6 {
        let new = engine.container(&name(n));
        let new = match n {
            1 => new.stubborn(3),
            2 => new.label("docker-watcher.protect", "true"),
            _ => new,
        };
        new.run().await;
        known(&client, &name(n), "running").await;
    }
    let browser = listing(&server, &mark).await;
    wait_row(&browser, &name(5), "running").await;
    assert_eq!(
        browser.script("return getComputedStyle(document.querySelector('.bulk')).display").await,
        "none"
    );
    browser.click(&format!("{} .pick", row(&name(0)))).await;
    let shift = "document.querySelector(arguments[0] ?? '').dispatchEvent(new MouseEvent('click', {bubbles: true, shiftKey: true}))";
    browser.script(&shift.replace("arguments[0] ?? ''", &format!("\"{} .pick\"", row(&name(3))))).await;
    browser.wait_text(".bulk strong", "4 selected", SOON).await;
    // Rows that change, come and go leave the selection alone; who goes is not selected any more.
    engine.kill_container(&name(4)).await;
    engine.kill_container(&name(0)).await;
    engine.container(&name(9)).create().await;
    wait_row(&browser, &name(0), "exited").await;
    wait_row(&browser, &name(9), "created").await;
    engine.remove_container(&name(3)).await;
    wait_no_row(&browser, &name(3)).await;
    browser.wait_text(".bulk strong", "3 selected", SOON).await;
    let checked = browser.attributes(".pick:checked", "aria-label").await;
    assert_eq!(checked, (0..3).map(|n| format!("Select {}", name(n))).collect::<Vec<_>>());
    browser.click(".bulk [value=stop]").await;
    browser.wait_text("dialog[open]", "Stop 3 containers", SOON).await;
    browser.wait_text("dialog[open] .ask-list", "protected by its label", SOON).await;
    browser.click("dialog[open] button[type=submit]").await;
    wait_none(&browser, "dialog[open]").await;
    wait_none(&browser, ".pick:checked").await;
    browser.wait_text("#jobs .job[data-job='running']", "2 of 3 done", SOON).await;
    browser.wait_text("#jobs .job[data-job='running']", "under way", SOON).await;
    browser.wait_text(&format!("{} .k-state", row(&name(1))), "Stopping", SOON).await;
    browser.wait_text("#jobs .job[data-job='bad']", "1 of 3 not done", SOON).await;
    for part in ["was stopped already", "protected by its label", "stopped"] {
        browser.wait_text("#jobs .job", part, SOON).await;
    }
    wait_row(&browser, &name(1), "exited").await;
    assert_eq!(engine.state_of(&name(2)).await, "running");
    // What failed stays in sight on other pages until it is dismissed.
    browser.goto("/").await;
    browser.wait_text("#jobs .job", "1 of 3 not done", SOON).await;
    browser.click("#jobs .job [aria-label='Dismiss']").await;
    wait_none(&browser, "#jobs .job").await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_rename_of_one_row_leaves_the_selection_of_others() {
    let (engine, server, client) = operating().await;
    let mark = unique("apart");
    let (one, two, after) = (format!("{mark}-1"), format!("{mark}-2"), format!("{mark}-3"));
    for name in [&one, &two] {
        engine.container(name).create().await;
        known(&client, name, "created").await;
    }
    let browser = listing(&server, &mark).await;
    wait_row(&browser, &two, "created").await;
    browser.click(&format!("{} .pick", row(&one))).await;
    choose(&browser, &two, "rename").await;
    browser.fill("dialog[open] #new-name", &after).await;
    browser.click("dialog[open] button[type=submit]").await;
    wait_row(&browser, &after, "created").await;
    wait_none(&browser, "dialog[open]").await;
    browser.find(&format!("{} .pick:checked", row(&one))).await;
}

#[tokio::test]
async fn a_viewer_sees_no_way_to_do_anything() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    server.add_user("vera", "viewer").await;
    let name = unique("looked-at");
    engine.container(&name).run().await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in("vera", PASSWORD).await;
    browser.goto(&format!("/containers?q={name}")).await;
    browser.live().await;
    wait_row(&browser, &name, "running").await;
    let visible = "return [...document.querySelectorAll('.pick, .pick-all, .bulk, #menu .op *, .head-acts *')]\
                   .filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 100))";
    assert_eq!(browser.script(visible).await, serde_json::json!([]));
    browser.click(&opener(&name)).await;
    browser.wait_text("#menu:popover-open", "Logs", SOON).await;
    assert_eq!(browser.script(visible).await, serde_json::json!([]));
    // The arrow keys do not stop at what is not there.
    for _ in 0..8 {
        browser.press(DOWN).await;
        browser.wait_focus("#menu a:not(.op *)").await;
    }
    browser.click("#menu [href$='/logs']").await;
    browser.find("#log").await;
    assert_eq!(browser.script(visible).await, serde_json::json!([]));
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn without_script_the_menu_is_a_page_and_a_job_shows_itself() {
    let (engine, server, client) = operating().await;
    let name = unique("unscripted");
    let id = engine.container(&name).stubborn(2).run().await;
    known(&client, &name, "running").await;
    let browser = Browser::open_with(server.base(), Options { script: false, ..DESKTOP }).await;
    browser.goto("/containers").await;
    browser.fill("input[name=name]", "otto").await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("form[action^='/login'] button").await;
    browser.goto(&format!("/containers/{id}/menu")).await;
    browser.click("[action$='/stop'] button").await;
    browser.wait_text("main", "under way", SOON).await;
    // It shows its end by itself.
    browser.wait_text("main", "stopped", SOON).await;
    browser.goto(&format!("/containers/{id}/menu")).await;
    browser.click("[href$='/remove']").await;
    browser.wait_text("main", "Lost", SOON).await;
    browser.click("main .btn-danger").await;
    browser.wait_text("main", "removed", SOON).await;
    browser.click(".head-a a").await;
    browser.at("/containers").await;
    wait_no_row(&browser, &name).await;
    assert_eq!(engine.state_of(&id).await, "gone");
}

#[tokio::test]
async fn the_buttons_of_a_containers_page_work_again_after_a_refusal() {
    let (engine, server, client) = operating().await;
    let name = unique("broken");
    let id = engine.container(&name).command(&["/no/such/program"]).create().await;
    known(&client, &name, "created").await;
    let browser = listing(&server, &name).await;
    browser.goto(&format!("/containers/{id}/logs")).await;
    browser.live().await;
    for n in 1..=2 {
        browser.click("#actions [action$='/start'] button:not([aria-busy=true])").await;
        eventually("the refusal", SOON, async || {
            let refused = browser.texts("#jobs .job[data-job='bad']").await;
            check(refused.len() == n && refused[0].contains("/no/such/program"), refused)
        })
        .await;
    }
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn an_answer_that_is_overtaken_by_the_stream_leaves_no_job_running_for_ever() {
    let (engine, server, client) = operating().await;
    let name = unique("overtaken");
    engine.container(&name).run().await;
    known(&client, &name, "running").await;
    let browser = listing(&server, &name).await;
    wait_row(&browser, &name, "running").await;
    let late = "const now = window.fetch; window.fetch = async (...asked) => { const answer = await now(...asked); \
                if (asked[1]?.method === 'POST') await new Promise((go) => setTimeout(go, 600)); return answer; }";
    browser.script(late).await;
    choose(&browser, &name, "remove").await;
    browser.click("dialog[open] button[type=submit]").await;
    wait_none(&browser, "dialog[open]").await;
    browser.wait_text("#jobs .job[data-job='bad']", "running", SOON).await;
    browser.expect_no_complaints().await;
}
