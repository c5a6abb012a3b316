//! A container is published from its page and opened in the browser, a wrong port is explained before it is saved.

use crate::proxies::{served, site};
use crate::support::browser::{Browser, DESKTOP, Options};
use crate::support::server::PASSWORD;
use crate::support::{SOON, unique};

#[tokio::test]
async fn a_container_is_published_from_its_page_and_opened() {
    let served = served().await;
    let name = unique("wiki");
    let id = served.engine.container(&name).publish(3000).shell(&site("wiki")).run().await;
    let client = served.server.sign_in("otto").await;
    served.wait_up(&client, &name).await;
    let browser = Browser::open(served.server.base()).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto(&format!("/containers/{id}/menu")).await;
    browser.click("a[href^='/proxies/new?container=']").await;
    browser.wait_text("#proxy-check", "It works", SOON).await;
    // A wrong port is explained while it is typed.
    browser.fill("#port", "8080").await;
    browser.press_in("#port", "\u{e004}").await;
    browser.wait_text("#proxy-check", "It would not work", SOON).await;
    browser.wait_text("#proxy-check", "refused the connection", SOON).await;
    browser.wait_text("#proxy-check", "3000", SOON).await;
    browser.click("#proxy-form button[type='submit']").await;
    browser.wait_text("#proxy-form", "Save anyway", SOON).await;
    browser.fill("#port", "3000").await;
    browser.fill("#domains", "wiki.localhost").await;
    browser.click("#proxy-form button.btn-primary").await;
    browser.wait_text(".badge", "Served", SOON).await;
    browser.expect_no_complaints().await;
    served.wait_visit("wiki.localhost", 200, "hello from wiki").await;
    let visitor = Browser::open(&format!("http://wiki.localhost:{}", served.port)).await;
    visitor.goto("/").await;
    visitor.wait_text("body", "hello from wiki", SOON).await;
    // Deleting says what stops working.
    browser.click("a[href$='/delete']").await;
    browser.wait_text("#dialog[open]", "wiki.localhost", SOON).await;
    browser.click("#dialog[open] button[type='submit']").await;
    browser.wait_text(".empty", "No proxies yet", SOON).await;
}

#[tokio::test]
async fn without_script_a_proxy_is_checked_created_and_changed() {
    let served = served().await;
    let name = unique("plain");
    served.engine.container(&name).publish(3000).shell(&site("plain")).run().await;
    let client = served.server.sign_in("otto").await;
    served.wait_up(&client, &name).await;
    let browser = Browser::open_with(served.server.base(), Options { script: false, ..DESKTOP }).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto("/proxies/new").await;
    browser.click(&format!("a[aria-label='Publish port 3000 of {name}']")).await;
    browser.fill("#port", "99").await;
    browser.click("button[formaction='/proxies/check']").await;
    browser.wait_text("#proxy-check", "It would not work", SOON).await;
    browser.fill("#port", "x").await;
    browser.click("#proxy-form button.btn-primary").await;
    browser.wait_text("#port-error", "1 to 65535", SOON).await;
    browser.fill("#port", "3000").await;
    browser.fill("#domains", "plain.localhost").await;
    browser.click("#proxy-form button.btn-primary").await;
    browser.wait_text("h1", "plain.localhost", SOON).await;
    served.wait_visit("plain.localhost", 200, "hello from plain").await;
    browser.click("form[action$='/disable'] button").await;
    browser.wait_text(".badge", "Off", SOON).await;
    served.wait_visit("plain.localhost", 0, "").await;
}
