//! The build cache, what is not allowed, and the dialog in a real browser.

use crate::actions::{job_end, known, words};
use crate::leftovers::{item, tidying, until, volume};
use crate::support::browser::{Browser, DESKTOP, Options, Screen};
use crate::support::engine::Engine;
use crate::support::server::{PASSWORD, Server, Setup};
use crate::support::stub::{Endpoint, Fault, Stub};
use crate::support::stub_answers::Fake;
use crate::support::{SOON, check, eventually};
use bollard::query_parameters::RemoveImageOptions;
use serde_json::json;
use std::io::Write;

/// Has BuildKit build something from nothing: the context is sent by one call and taken by another.
async fn build(engine: &Engine) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\nCOPY file /file\n").unwrap();
    std::fs::File::create(folder.path().join("file")).unwrap().write_all(&[7; 300_000]).unwrap();
    let tar = std::process::Command::new("tar").arg("-C").arg(folder.path()).args(["-c", "."]).output();
    let context = tar.expect("tar is installed").stdout;
    let client = reqwest::Client::builder().unix_socket(engine.socket()).build().expect("a client");
    let url = |query: &str| format!("http://docker/v1.41/build?version=2&{query}");
    let upload = client.post(url("buildid=upload-request:it")).header("content-type", "application/x-tar");
    let take = client.post(url("remote=upload-request&buildid=it&t=dw-test/built:1"));
    let (sent, built) = tokio::join!(upload.body(context).send(), async {
        take.send().await.expect("docker build").text().await.expect("its steps")
    });
    assert!(sent.expect("the context").status().is_success());
    assert!(!built.contains("errorDetail"), "{built}");
}

#[tokio::test]
async fn the_build_cache_is_measured_and_removed_by_age_or_as_a_whole() {
    let (engine, _server, client) = tidying().await;
    build(&engine).await;
    engine
        .docker()
        .await
        .remove_image("dw-test/built:1", None::<RemoveImageOptions>, None)
        .await
        .expect("docker rmi");
    let cache =
        until(&client, "a cache", |data| data["build_cache"]["entries"].as_u64().is_some_and(|n| n > 0))
            .await;
    let size = cache["build_cache"]["reclaimable_bytes"].as_u64().expect("bytes");
    assert!(size >= 300_000, "{cache}");
    let page = words(&client.get("/stale/build-cache").await.expect(200).text);
    for part in ["Can be freed", "Not used for 7 days", "0 entries", "Everything that no build needs now"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = words(&client.get("/stale/build-cache/cleanup?age=7d").await.expect(200).text);
    assert!(page.contains("Nothing to remove") && !page.contains("Images stay"), "{page}");
    let dry = json!({"build_cache": true, "dry_run": true});
    let dry = client.post("/api/leftovers/cleanup", dry).await.expect(200).json();
    assert_eq!(dry["data"]["freed_bytes"], size, "{dry}");
    let page = words(&client.get("/stale/build-cache/cleanup?age=all").await.expect(200).text);
    assert!(page.contains("Remove unused build cache") && page.contains("Images stay"), "{page}");
    let job = client.post_form("/stale/build-cache/cleanup", &[("age", "all")]).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("removed") && end.contains("freed") && !end.contains("not done"), "{end}");
    until(&client, "no cache", |data| data["build_cache"]["entries"] == 0).await;
    let written = client.data("/api/events?kind=cleanup.removed").await;
    assert_eq!(
        (&written[0]["subject"]["type"], &written[0]["actor"]),
        (&json!("builder"), &json!("otto")),
        "{written}"
    );
    assert!(written[0]["data"]["freed_bytes"].as_u64().is_some_and(|bytes| bytes >= 300_000), "{written}");
    client.post_form("/stale/build-cache/cleanup", &[("age", "1y")]).await.expect(422);
}

#[tokio::test]
async fn with_read_only_nothing_is_removed_and_it_says_so() {
    let stub = Stub::start(vec![Fake::running("one")]);
    let setup = Setup::new(&stub.host()).env("DOCKER_WATCHER_READ_ONLY", "true");
    let server = setup.user("ada", "admin").start().await;
    let client = server.admin().await;
    known(&client, "one", "running").await;
    until(&client, "the volume", |data| item(data, "volumes", "stub-data").is_some()).await;
    let page = words(&client.get("/stale/volumes/cleanup?c=stub-data").await.expect(200).text);
    assert!(page.contains("--read-only") && page.contains("None of these volumes"), "{page}");
    let form = [("c", "stub-data"), ("typed", "stub-data")];
    let job = client.post_form("/stale/volumes/cleanup", &form).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("Not done") && end.contains("--read-only"), "{end}");
    let job = client.post_form("/stale/build-cache/cleanup", &[("age", "all")]).await.location().to_owned();
    assert!(job_end(&client, &job).await.contains("--read-only"));
    let reply =
        client.post("/api/leftovers/cleanup", json!({"volumes": ["stub-data"], "build_cache": true})).await;
    assert_eq!(reply.expect_error(403), "forbidden");
    assert!(reply.text.contains("--read-only"), "{}", reply.text);
    assert_eq!(stub.writes(), Vec::<String>::new(), "the engine saw only reads");
}

#[tokio::test]
async fn what_a_proxy_refuses_is_not_allowed_here_and_no_outage() {
    let stub = Stub::start(vec![Fake::running("one")]);
    stub.fail(&[Endpoint::Other], Fault::Forbidden);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    known(&client, "one", "running").await;
    let data = until(&client, "the volume", |data| item(data, "volumes", "stub-data").is_some()).await;
    assert!(data["measuring_failed"].as_str().is_some_and(|why| why.contains("not allowed")), "{data}");
    assert!(
        data["build_cache"].is_null() && item(&data, "volumes", "stub-data").unwrap()["size_bytes"].is_null()
    );
    let page = words(&client.get("/stale/volumes").await.expect(200).text);
    assert!(page.contains("does not allow measuring") && page.contains("stub-data"), "{page}");
    assert!(words(&client.get("/stale/build-cache").await.expect(200).text).contains("Not measured"));
    let reply =
        client.post("/api/leftovers/cleanup", json!({"volumes": ["stub-data"]})).await.expect(200).json();
    let result = &reply["data"]["results"][0];
    assert_eq!(result["status"], "failed", "{reply}");
    assert!(result["message"].as_str().is_some_and(|why| why.contains("not allowed here")), "{reply}");
    let failed = client.data("/api/events?kind=cleanup.failed").await;
    assert_eq!(
        (&failed[0]["severity"], &failed[0]["subject"]["name"]),
        (&json!("warning"), &json!("stub-data"))
    );
    // Where nobody may know which containers there are, nothing is called unused.
    let blind = Stub::start(vec![Fake::running("one")]);
    blind.fail(&[Endpoint::List], Fault::Forbidden);
    let server = Server::with_admin(&blind.host()).await;
    let client = server.admin().await;
    eventually("the page to say so", SOON, async || {
        let page = words(&client.get("/stale/volumes").await.text);
        check(page.contains("nothing can be called unused"), page)
    })
    .await;
    let reply =
        client.post("/api/leftovers/cleanup", json!({"volumes": ["stub-data"]})).await.expect(200).json();
    assert!(
        reply["data"]["results"][0]["message"].as_str().unwrap().contains("hides which containers"),
        "{reply}"
    );
}

#[tokio::test]
async fn a_page_never_waits_for_the_measurement() {
    let stub = Stub::start(vec![Fake::running("one")]);
    stub.fail(&[Endpoint::Other], Fault::Hang);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    eventually("the volume", SOON, async || {
        let page = client.get("/stale/volumes").await;
        check(page.text.contains("stub-data"), page.status)
    })
    .await;
    let start = std::time::Instant::now();
    for path in ["/stale/images", "/stale/volumes", "/stale/networks", "/stale/build-cache"] {
        let page = client.get(path).await.expect(200).text.clone();
        assert!(
            path.ends_with("networks") || page.contains("easuring…") || path.ends_with("images"),
            "{path}: {page}"
        );
    }
    assert!(start.elapsed().as_secs() < 3, "they waited {:?}", start.elapsed());
}

#[tokio::test]
async fn volumes_are_selected_previewed_and_removed_with_the_mouse() {
    let (engine, server, client) = tidying().await;
    let long = "a-volume-that-somebody-named-after-everything-it-holds-".repeat(3);
    for name in ["alpha", "beta", &long] {
        volume(&engine, name, &[]).await;
    }
    until(&client, "the volumes", |data| data["volumes"]["count"] == 3).await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in("otto", PASSWORD).await;
    browser.goto("/stale/volumes?sort=name").await;
    browser.live().await;
    browser.click("[aria-label='Select alpha']").await;
    browser.click("[aria-label='Select beta']").await;
    browser.click("#bulk button[type=submit]").await;
    browser.wait_focus("dialog[open] #typed").await;
    browser.wait_text("dialog[open]", "There is no undo", SOON).await;
    browser.shot("leftovers-preview").await;
    browser.fill("dialog[open] #typed", "3 volumes").await;
    browser.click("dialog[open] button[type=submit]").await;
    browser.wait_text("dialog[open] .err", "Type 2 volumes to confirm", SOON).await;
    assert!(engine.has_volume("alpha").await);
    browser.fill("dialog[open] #typed", "2 volumes").await;
    browser.click("dialog[open] button[type=submit]").await;
    browser.wait_text("#jobs .job[data-job='ok']", "removed", SOON).await;
    eventually("one row to be left", SOON, async || {
        let count = browser.count("#leftovers tbody tr").await;
        check(count == 1, count)
    })
    .await;
    assert!(
        !engine.has_volume("alpha").await
            && !engine.has_volume("beta").await
            && engine.has_volume(&long).await
    );
    assert_eq!(browser.count("dialog[open]").await + browser.count(".pick:checked").await, 0);
    browser.expect_no_complaints().await;
    drop(browser);
    for (script, screen) in [(true, Screen::Phone), (false, Screen::Phone), (false, Screen::Desktop)] {
        let browser = Browser::open_with(server.base(), Options { script, screen, ..DESKTOP }).await;
        browser.sign_in("otto", PASSWORD).await;
        let preview = format!("/stale/volumes/cleanup?c={long}");
        for path in ["/stale/images", "/stale/volumes", "/stale/networks", "/stale/build-cache", &preview] {
            browser.goto(path).await;
            let wide = browser.script("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(wide.as_i64().is_some_and(|wide| wide <= 0), "{path} overflows by {wide}");
        }
        if !script {
            browser.goto("/stale/volumes").await;
            browser.click(".pick").await;
            browser.click("#bulk button[type=submit]").await;
            browser.wait_text("main", "There is no undo", SOON).await;
        }
        browser.expect_no_complaints().await;
    }
}
