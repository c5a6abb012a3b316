//! Many stale containers, on a stub engine: a page at a time, with search and order, by script and without one.

use crate::support::browser::{Browser, DESKTOP, Options};
use crate::support::client::Client;
use crate::support::server::{PASSWORD, Server, Setup};
use crate::support::stub::Stub;
use crate::support::stub_answers::Fake;
use crate::support::{SOON, check, eventually};
use serde_json::json;
use std::collections::BTreeSet;

/// A server that finds 250 stale containers, `job-000` the longest, and an operator.
async fn many() -> (Stub, Server, Client) {
    let fakes = (0..250).map(|n| Fake::exited(&format!("job-{n:03}")).ended_days_ago(300 - n));
    // One that has a running one in its place is alive, from the first look on.
    let replaced = [Fake::running("web-new"), Fake::exited("web-old").ended_days_ago(90)];
    let replaced = replaced.into_iter().map(|fake| compose(fake, "shop", "web"));
    let stub = Stub::start(fakes.chain(replaced).collect());
    let server = Setup::new(&stub.host()).user("otto", "operator").start().await;
    let client = server.sign_in("otto").await;
    eventually("all to be stale", SOON, async || {
        let summary = client.data("/api/summary").await;
        check(summary["containers"]["stale"] == 250, summary)
    })
    .await;
    (stub, server, client)
}

fn compose(fake: Fake, project: &str, service: &str) -> Fake {
    fake.label("com.docker.compose.project", project)
        .label("com.docker.compose.service", service)
        .label("com.docker.compose.container-number", "1")
}

/// The names of the rows of a page, in order.
fn rows(html: &str) -> Vec<String> {
    let starts = html.split("class=\"c-name mid\"").skip(1);
    starts.filter_map(|row| row.split("title=\"").nth(1)?.split('"').next().map(str::to_owned)).collect()
}

fn jobs(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("job-{n:03}")).collect()
}

#[tokio::test]
async fn the_list_comes_in_pages_that_keep_search_and_order() {
    let (_stub, _server, client) = many().await;
    let page = async |path: &str| client.get(path).await.expect(200).text.clone();
    let first = page("/stale").await;
    assert_eq!(rows(&first), jobs(0..100), "the longest first");
    assert!(first.contains("1 to 100 of 250") && first.contains("href=\"/stale?page=2\""), "{first}");
    assert!(!first.contains("rel=\"prev\""), "there is nothing before");
    let last = page("/stale?page=3").await;
    assert_eq!(rows(&last), jobs(200..250));
    assert!(last.contains("201 to 250 of 250") && !last.contains("rel=\"next\""), "{last}");
    let searched = page("/stale?q=job-1&sort=-name").await;
    let mut backwards = jobs(100..200);
    backwards.reverse();
    assert_eq!(rows(&searched), backwards, "100 match, which is one page");
    assert!(!searched.contains("class=\"pager\""));
    let both = page("/stale?q=job&sort=-name&page=2").await;
    assert!(both.contains("href=\"/stale?q=job&#38;sort=-name&#38;page=3\""), "{both}");
    // The sort links begin with the first page, and so does a list that has become shorter.
    assert!(both.contains("href=\"/stale?q=job&#38;sort=name\""), "{both}");
    assert_eq!(rows(&page("/stale?page=99").await), jobs(200..250), "the last page there is");
    for bad in ["page=0", "page=two", "sort=odd"] {
        client.get(&format!("/stale?{bad}")).await.expect(422);
    }
}

#[tokio::test]
async fn protecting_one_stays_on_its_page_and_counts_at_once() {
    let (_stub, server, client) = many().await;
    assert!(client.get("/stale").await.expect(200).text.contains("Clean up all 250"));
    let plain = Browser::open_with(server.base(), Options { script: false, ..DESKTOP }).await;
    plain.sign_in("otto", PASSWORD).await;
    plain.goto("/stale?sort=name").await;
    plain.click("a[rel='next']").await;
    plain.at("/stale?sort=name&page=2").await;
    plain.click("button[aria-label='Protect job-142']").await;
    plain.wait_text("#page-content", "Clean up all 249", SOON).await;
    plain.at("/stale?sort=name&page=2").await;
    plain.click("button[aria-label='Do not protect job-142 any more']").await;
    plain.wait_text("#page-content", "Clean up all 250", SOON).await;
    // What a page shows is what is measured from it.
    plain.click("form[action='/stale/measure'] button").await;
    plain.at("/stale?sort=name&page=2").await;
    plain.wait_text(".stale-sum", "409 kB reclaimable, 150 not measured", SOON).await;
}

#[tokio::test]
async fn the_api_gives_a_page_at_a_time_and_skips_nothing_when_some_go() {
    let (stub, _server, client) = many().await;
    let get =
        async |query: &str| client.get(&format!("/api/containers/stale?{query}")).await.expect(200).json();
    let names = |answer: &serde_json::Value| -> Vec<String> {
        let data = answer["data"].as_array().expect("a list");
        data.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    };
    let first = get("").await;
    assert_eq!((names(&first), &first["meta"]["total"]), (jobs(0..100), &json!(250)), "100 by default");
    let cursor = first["meta"]["next"].as_str().expect("there is more").to_owned();
    assert_eq!(names(&get(&format!("limit=2&cursor={cursor}")).await), jobs(100..102));
    // Those of the first page go, as when somebody cleans up page by page.
    let left = (50..250).map(|n| Fake::exited(&format!("job-{n:03}")).ended_days_ago(300 - n));
    stub.set_containers(left.collect());
    stub.cut_streams();
    eventually("some to be gone", SOON, async || {
        let total = get("limit=1").await["meta"]["total"].clone();
        check(total == 200, total)
    })
    .await;
    let second = get(&format!("limit=1000&cursor={cursor}")).await;
    assert_eq!((names(&second), &second["meta"]["next"]), (jobs(100..250), &json!(null)));
    let mut seen = BTreeSet::new();
    let mut next = String::new();
    loop {
        let page = get(&format!("limit=70&cursor={next}")).await;
        seen.extend(names(&page));
        match page["meta"]["next"].as_str() {
            Some(cursor) => next = cursor.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 200);
    let told = client.get("/api/events?subject=web-old&source=stale").await.expect(200).json();
    assert_eq!(told["data"], json!([]), "nobody was told of what has a running one in its place");
    for bad in ["limit=0", "limit=1001", "limit=x", "cursor=7", "cursor=elsewhere/job-001", "measure=maybe"] {
        client.get(&format!("/api/containers/stale?{bad}")).await.expect(422);
    }
}
