//! The whole way of a user in a real browser: set up, see containers come, change and go, leave.

use crate::support::browser::{Browser, DESKTOP, Options};
use crate::support::engine::Engine;
use crate::support::server::{ADMIN, PASSWORD, Server};
use crate::support::{SOON, check, eventually, unique};
use std::time::Duration;

/// A mark that a reload of the page would wipe.
const MARK: &str = "window.notReloaded = true";
const MARKED: &str = "return window.notReloaded === true";

fn row(name: &str) -> String {
    format!("tr.c-row[data-name='{name}']")
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

#[tokio::test]
async fn from_the_setup_link_to_logout_containers_come_and_change_by_themselves() {
    let engine = Engine::shared().await;
    let server = Server::fresh(&engine.host()).await;
    let browser = Browser::open(server.base()).await;
    browser.goto(&server.setup_path().await).await;
    browser.shot("setup").await;
    for (input, text) in [("name", ADMIN), ("password", PASSWORD), ("password_again", PASSWORD)] {
        browser.fill(&format!("input[name={input}]"), text).await;
    }
    browser.click("main form button[type=submit], form[action^='/setup'] button").await;
    browser.at("/").await;
    browser.expect_no_complaints().await;

    browser.goto("/containers").await;
    browser.live().await;
    browser.script(MARK).await;
    let name = unique("visitor");
    let id = engine.container(&name).run().await;
    wait_row(&browser, &name, "running").await;
    assert_eq!(browser.attributes(&row(&name), "id").await, [format!("c-local-{}", &id[..12])]);
    browser.wait_text(&format!("{} .state", row(&name)), "unning", SOON).await;
    engine.kill_container(&name).await;
    wait_row(&browser, &name, "exited").await;
    browser.wait_text(&row(&name), "137", SOON).await;
    assert_eq!(browser.script(MARKED).await, true, "all of that without a reload");

    // By the keyboard: rows of other tests come in above it, and a click would meet one of them.
    browser.press_in(&format!("{} a.c-name", row(&name)), "\u{e007}").await;
    browser.wait_text("h1", &name, SOON).await;
    let path = browser.path().await;
    assert!(path.starts_with("/containers/"), "{path}");
    browser.expect_no_complaints().await;
    browser.click("nav form[action='/logout'] button").await;
    browser.at("/login").await;
    browser.goto("/containers").await;
    browser.at("/login?next=%2Fcontainers").await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_second_browser_sees_it_too_and_a_removed_container_goes_from_both() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    server.add_user("vera", "viewer").await;
    let name = unique("both");
    let (one, two) = (Browser::open(server.base()).await, Browser::open(server.base()).await);
    for (browser, user) in [(&one, ADMIN), (&two, "vera")] {
        browser.sign_in(user, PASSWORD).await;
        browser.goto(&format!("/containers?q={name}")).await;
        browser.live().await;
        assert_eq!(browser.count(".empty").await, 1, "an empty list says so");
    }
    engine.container(&name).run().await;
    for browser in [&one, &two] {
        wait_row(browser, &name, "running").await;
    }
    engine.remove_container(&name).await;
    for browser in [&one, &two] {
        wait_no_row(browser, &name).await;
        browser.expect_no_complaints().await;
    }
}

#[tokio::test]
async fn a_live_change_keeps_focus_selection_typing_and_scroll() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let mark = unique("calm");
    for number in 0..40 {
        engine.container(&format!("{mark}-{number:02}")).create().await;
    }
    let changing = format!("{mark}-20");
    engine.start_container(&changing).await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in(ADMIN, PASSWORD).await;
    browser.goto(&format!("/containers?q={mark}&sort=name")).await;
    browser.live().await;
    eventually("40 rows", SOON, async || {
        let count = browser.count("tr.c-row").await;
        check(count == 40, count)
    })
    .await;
    wait_row(&browser, &changing, "running").await;
    let state = "const q = document.querySelector('#q'); const rows = document.querySelectorAll('tr.c-row'); \
                 const scroller = [...document.querySelectorAll('*')].find(e => e.scrollTop > 0); \
                 return [document.activeElement === q, q.selectionStart, q.selectionEnd, q.value, \
                         Math.round(scroller ? scroller.scrollTop : -1), String(getSelection())]";
    browser
        .script(
            "const a = document.querySelectorAll('tr.c-row a.c-name')[14]; a.scrollIntoView(); getSelection().selectAllChildren(a); \
             const q = document.querySelector('#q'); q.focus({preventScroll: true}); q.setSelectionRange(1, 3)",
        )
        .await;
    let before = browser.script(state).await;
    assert_eq!((&before[0], &before[1], &before[2]), (&true.into(), &1.into(), &3.into()), "{before}");
    assert!(before[4].as_i64().is_some_and(|top| top > 0), "it is scrolled: {before}");
    // A row that changes in place, a row that goes, a row that comes.
    engine.kill_container(&changing).await;
    wait_row(&browser, &changing, "exited").await;
    engine.remove_container(&format!("{mark}-39")).await;
    wait_no_row(&browser, &format!("{mark}-39")).await;
    engine.container(&format!("{mark}-40")).create().await;
    wait_row(&browser, &format!("{mark}-40"), "created").await;
    assert_eq!(browser.script(state).await, before);
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_stopped_engine_is_announced_on_an_open_page_and_the_banner_goes_again() {
    let engine = Engine::own().await;
    engine.container("always").restart_always().run().await;
    let server = Server::with_admin(&engine.host()).await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in(ADMIN, PASSWORD).await;
    browser.goto("/containers").await;
    browser.live().await;
    wait_row(&browser, "always", "running").await;
    let banner = async || browser.texts("#engine-banner").await.concat().trim().to_owned();
    assert_eq!(banner().await, "", "all is well");
    engine.stop().await;
    eventually("the banner", Duration::from_secs(10), async || check(!banner().await.is_empty(), "none"))
        .await;
    browser.shot("engine-down").await;
    engine.start_again().await;
    eventually("the banner to go", Duration::from_secs(5), async || {
        let text = banner().await;
        check(text.is_empty(), text)
    })
    .await;
    wait_row(&browser, "always", "running").await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn an_open_page_survives_a_restart_of_the_product() {
    let engine = Engine::shared().await;
    let mut server = Server::with_admin(&engine.host()).await;
    let name = unique("survivor");
    engine.container(&name).run().await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in(ADMIN, PASSWORD).await;
    browser.goto(&format!("/containers?q={name}")).await;
    browser.live().await;
    wait_row(&browser, &name, "running").await;
    browser.script(MARK).await;
    server.stop().await;
    browser.find("#live[data-live=off]").await;
    engine.kill_container(&name).await;
    server.start_again().await;
    browser.live().await;
    wait_row(&browser, &name, "exited").await;
    assert_eq!(browser.script(MARKED).await, true, "without a reload");
}

#[tokio::test]
async fn an_open_page_whose_session_ends_leads_to_login() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    server.add_user("vera", "viewer").await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in("vera", PASSWORD).await;
    browser.goto("/containers").await;
    browser.live().await;
    server.cli(&["user", "remove", "vera"], "").await.expect(0);
    eventually("the login page, or a link to it", SOON, async || {
        let path = browser.path().await;
        let linked = browser.count("a[href^='/login']").await;
        check(path.starts_with("/login") || linked > 0, path)
    })
    .await;
}

#[tokio::test]
async fn without_script_pages_and_forms_still_work() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let (name, other) = (unique("plain"), unique("other"));
    engine.container(&name).compose(&unique("proj"), "web", 1).run().await;
    engine.container(&other).create().await;
    let browser = Browser::open_with(server.base(), Options { script: false, ..DESKTOP }).await;
    browser.goto("/containers").await;
    browser.fill("input[name=name]", ADMIN).await;
    browser.fill("input[name=password]", "wrong password").await;
    browser.click("form[action^='/login'] button[type=submit], form[action^='/login'] button").await;
    browser.find("[role=alert]").await;
    assert_eq!(browser.find("input[name=name]").await.prop("value").await.unwrap().as_deref(), Some(ADMIN));
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("form[action^='/login'] button[type=submit], form[action^='/login'] button").await;
    browser.at("/containers").await;
    wait_row(&browser, &name, "running").await;
    // The search form posts by itself, links sort and lead on.
    browser.fill("#q", &name).await;
    browser.press("\u{e007}").await;
    wait_no_row(&browser, &other).await;
    let path = browser.path().await;
    assert!(path.contains(&format!("q={name}")), "{path}");
    browser.click(&format!("{} a.c-name", row(&name))).await;
    browser.wait_text("h1", &name, SOON).await;
    browser.goto("/settings/users").await;
    browser.fill("input[name=name]", "vera").await;
    browser.fill("form[action='/settings/users'] input[name=password]", PASSWORD).await;
    browser
        .click("form[action='/settings/users'] button[type=submit], form[action='/settings/users'] button")
        .await;
    browser.wait_text("main", "vera", SOON).await;
    browser.goto("/").await;
    browser.click("nav form[action='/logout'] button").await;
    browser.at("/login").await;
    server.sign_in("vera").await;
}
