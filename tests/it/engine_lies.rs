//! A stub engine refuses, lies, forgets and holds 30,000 containers: nothing breaks, nothing is shown wrong.

use crate::engine_faults::{CAUGHT_UP, NOTICED, page_explains, wait_list, wait_status};
use crate::support::client::Client;
use crate::support::process::resident_bytes;
use crate::support::server::Server;
use crate::support::stub::{ALL, Endpoint, Fault, Stub};
use crate::support::stub_answers::Fake;
use crate::support::{SOON, check, eventually};
use std::time::Duration;

#[tokio::test]
async fn a_stub_that_hangs_from_the_first_moment_does_not_stop_the_pages() {
    let stub = Stub::start(vec![Fake::running("one")]);
    stub.fail(&ALL, Fault::Hang);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    wait_status(&client, "down", NOTICED).await;
    page_explains(&client, &["answer", "hang", "respond"]).await;
    stub.heal();
    wait_status(&client, "up", CAUGHT_UP).await;
    wait_list(&client, CAUGHT_UP, &[("one", "running")]).await;
}

/// Waits until the pages say what the proxy in front of the engine does not allow.
async fn pages_say_not_allowed(client: &Client) {
    for path in ["/", "/containers"] {
        eventually(&format!("{path} to say `not allowed`"), NOTICED, async || {
            let html = client.get(path).await.expect(200).text.clone();
            check(html.to_lowercase().contains("not allowed"), html)
        })
        .await;
    }
}

#[tokio::test]
async fn a_filtering_proxy_that_refuses_everything_is_called_that_and_not_an_outage() {
    let stub = Stub::start(vec![Fake::running("one")]);
    stub.fail(&ALL, Fault::Forbidden);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    pages_say_not_allowed(&client).await;
    let html = client.get("/containers").await.text;
    assert!(!html.contains("Is Docker running?"), "it runs, it only refuses:\n{html}");
    stub.heal();
    wait_list(&client, SOON, &[("one", "running")]).await;
}

#[tokio::test]
async fn a_filtering_proxy_that_allows_the_list_is_enough() {
    for refused in [Endpoint::Info, Endpoint::Version, Endpoint::Inspect] {
        let stub = Stub::start(vec![Fake::running("one"), Fake::exited("two")]);
        stub.fail(&[refused], Fault::Forbidden);
        let server = Server::with_admin(&stub.host()).await;
        let client = server.admin().await;
        wait_list(&client, SOON, &[("one", "running"), ("two", "exited")]).await;
        wait_status(&client, "up", SOON).await;
        client.get("/containers/one").await.expect(200);
        client.get("/containers/two").await.expect(200);
    }
}

#[tokio::test]
async fn a_filtering_proxy_without_events_still_shows_changes_and_says_what_is_missing() {
    let stub = Stub::start(vec![Fake::running("one")]);
    stub.fail(&[Endpoint::Events], Fault::Forbidden);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("one", "running")]).await;
    wait_status(&client, "up", SOON).await;
    stub.set_containers(vec![Fake::exited("one"), Fake::running("two")]);
    wait_list(&client, SOON, &[("one", "exited"), ("two", "running")]).await;
    pages_say_not_allowed(&client).await;
}

#[tokio::test]
async fn a_truncated_answer_is_an_error_and_not_an_empty_host() {
    let stub = Stub::start((0..50).map(|number| Fake::running(&format!("web-{number}"))).collect());
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    let count = async |within| {
        eventually("50 containers", within, async || {
            let count = client.data("/api/containers").await.as_array().map(Vec::len);
            check(count == Some(50), count)
        })
        .await;
    };
    count(SOON).await;
    stub.fail(&ALL, Fault::Truncated);
    stub.cut_streams();
    wait_status(&client, "down", NOTICED).await;
    count(Duration::from_secs(1)).await;
    for path in ["/", "/containers", "/containers/web-7"] {
        client.get(path).await.expect(200);
    }
    stub.heal();
    wait_status(&client, "up", CAUGHT_UP).await;
    count(CAUGHT_UP).await;
}

#[tokio::test]
async fn an_endless_answer_is_given_up_before_it_fills_the_memory() {
    let stub = Stub::start(vec![Fake::running("one")]);
    for endpoint in [Endpoint::List, Endpoint::Inspect, Endpoint::Events, Endpoint::Version] {
        stub.heal();
        let server = Server::with_admin(&stub.host()).await;
        let client = server.admin().await;
        wait_list(&client, SOON, &[("one", "running")]).await;
        stub.fail(&[endpoint], Fault::Endless);
        let (before, asked) = (stub.endless_bytes(), stub.asked(endpoint));
        stub.cut_streams();
        let poke = Fake::running("one");
        eventually(
            &format!("an endless answer of {endpoint:?} to be given up"),
            Duration::from_secs(60),
            async || {
                stub.push_event(&poke, "restart");
                client.get("/containers/one").await;
                let memory = resident_bytes(server.pid());
                assert!(memory < 250 << 20, "{endpoint:?}: {} MB resident", memory >> 20);
                let taken = stub.endless_bytes() - before;
                // Asked again: so that the first one was given up.
                check(taken > 0 && stub.asked(endpoint) >= asked + 2, (taken, stub.asked(endpoint)))
            },
        )
        .await;
        client.get("/containers").await.expect(200);
    }
}

#[tokio::test]
async fn a_container_that_vanishes_between_list_and_inspect_breaks_nothing() {
    let (here, ghost) = (Fake::running("here"), Fake::exited("ghost").vanished());
    let stub = Stub::start(vec![here.clone(), ghost.clone()]);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    wait_status(&client, "up", SOON).await;
    eventually("the ghost to be asked about", SOON, async || {
        client.get("/containers/ghost").await;
        check(stub.asked(Endpoint::Inspect) >= 2, stub.asked(Endpoint::Inspect))
    })
    .await;
    for path in ["/containers/ghost", "/api/containers/ghost"] {
        let reply = client.get(path).await;
        assert!(matches!(reply.status, 200 | 404), "{path}: {reply:?}");
    }
    client.get("/containers/here").await.expect(200);
    stub.set_containers(vec![here]);
    stub.push_event(&ghost, "destroy");
    wait_list(&client, SOON, &[("here", "running")]).await;
    wait_status(&client, "up", SOON).await;
}

#[tokio::test]
async fn thirty_thousand_stopped_containers_are_listed_in_bounded_memory() {
    let mut all: Vec<Fake> = (0..30).map(|number| Fake::running(&format!("live-{number:02}"))).collect();
    all.extend((0..30_000).map(|number| Fake::exited(&format!("old-{number:05}"))));
    let stub = Stub::start(all);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    eventually("30,030 containers", Duration::from_secs(90), async || {
        let summary = client.data("/api/summary").await;
        let count = &summary["containers"];
        check(count["total"] == 30_030 && count["running"] == 30 && count["stopped"] == 30_000, count)
    })
    .await;
    wait_status(&client, "up", SOON).await;
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let body =
            client.get(&format!("/api/containers?sort=name&limit=1000{cursor}")).await.expect(200).json();
        seen += body["data"].as_array().map_or(0, Vec::len);
        match body["meta"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 30_030);
    let page = client.get("/containers").await;
    assert!(
        page.expect(200).text.len() < 8 << 20,
        "a page that a browser can hold: {} bytes",
        page.text.len()
    );
    assert!(client.get("/containers?state=running").await.expect(200).text.contains("live-29"));
    assert!(client.get("/containers?q=old-29999").await.expect(200).text.contains("old-29999"));
    // A change among so many still arrives.
    stub.push_event(&Fake::running("live-00"), "die");
    let memory = resident_bytes(server.pid());
    assert!(memory < 200 << 20, "{} MB resident", memory >> 20);
}

#[tokio::test]
async fn odd_names_and_labels_are_shown_escaped_or_cut() {
    let label = "x".repeat(100_000);
    let odd = [
        "quote\"s'and&amps",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
        "emoji-🐳🚀",
        "rtl-\u{202e}gnp.exe",
        "عربي-اسم",
        "{{7*7}}{% raw %}",
        "a/../../etc",
        "-- --",
        "hx-get=/logout",
    ];
    let mut fakes: Vec<Fake> =
        odd.iter().map(|name| Fake::running(name).label("note", &format!("</td>{name}"))).collect();
    fakes.push(
        Fake::running("heavy").label("big", &label).label("com.docker.compose.project", "<b>proj\"ect</b>"),
    );
    let ids: Vec<String> = fakes.iter().map(|fake| fake.id.clone()).collect();
    let stub = Stub::start(fakes);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    eventually("all to be listed", SOON, async || {
        let count = client.data("/api/containers").await.as_array().map(Vec::len);
        check(count == Some(odd.len() + 1), count)
    })
    .await;
    let mut paths = vec!["/".to_owned(), "/containers".into(), "/containers?group=project".into()];
    paths.extend([
        "/containers?q=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/containers?project=%22%3E%3Cscript%3Ealert(3)".into(),
    ]);
    paths.extend(ids.iter().map(|id| format!("/containers/{id}")));
    for path in paths {
        let reply = client.get(&path).await;
        let html = &reply.expect(200).text;
        for raw in ["<script>alert", "<img src=x", "</td>quote\"", "<b>proj"] {
            assert!(!html.contains(raw), "{path}: {raw} stands there raw");
        }
        assert!(html.len() < 1 << 20, "{path}: {} bytes", html.len());
    }
    let list = client.data("/api/containers?sort=name").await;
    let named = |name: &str| list.as_array().unwrap().iter().any(|c| c["name"] == name);
    for name in odd {
        assert!(named(name), "the API tells {name:?} as it is: {list}");
    }
    let heavy = client.data("/api/containers/heavy").await;
    assert!(heavy["labels"]["big"].as_str().is_some_and(|text| text.starts_with("xxxx")), "{heavy}");
    let row = client.get("/containers?q=heavy").await;
    assert!(!row.expect(200).text.contains(&label), "the list does not carry 100 kB of label");
}

#[tokio::test]
async fn a_lost_event_stream_is_opened_again_and_nothing_is_missed() {
    let (one, two) = (Fake::running("one"), Fake::exited("two"));
    let stub = Stub::start(vec![one.clone()]);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("one", "running")]).await;
    let streams = stub.asked(Endpoint::Events);
    stub.set_containers(vec![one, two]);
    stub.cut_streams();
    wait_list(&client, CAUGHT_UP, &[("one", "running"), ("two", "exited")]).await;
    eventually("a new stream", SOON, async || check(stub.asked(Endpoint::Events) > streams, "none")).await;
    wait_status(&client, "up", CAUGHT_UP).await;
}

#[tokio::test]
async fn a_proxy_that_cuts_quiet_streams_is_no_outage() {
    let one = Fake::running("one");
    let stub = Stub::start(vec![one]);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("one", "running")]).await;
    let before = wait_status(&client, "up", SOON).await;
    for _ in 0..3 {
        let streams = stub.asked(Endpoint::Events);
        stub.cut_streams();
        eventually("a new stream", SOON, async || check(stub.asked(Endpoint::Events) > streams, "none"))
            .await;
    }
    let after = wait_status(&client, "up", SOON).await;
    assert_eq!(after["since"], before["since"], "it was up all the time");
    let summary = client.get("/api/summary").await.expect(200).json();
    assert_eq!(summary["data"]["events"]["errors_24h"], 0, "{summary}");
}

#[tokio::test]
async fn an_answer_from_before_a_removal_does_not_bring_the_container_back() {
    let (one, two) = (Fake::running("one"), Fake::running("two"));
    let stub = Stub::start(vec![one.clone()]);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("one", "running")]).await;
    let asked = stub.asked(Endpoint::Inspect);
    stub.fail(&[Endpoint::Inspect], Fault::Late);
    stub.set_containers(vec![one.clone(), two.clone()]);
    stub.push_event(&two, "start");
    eventually("two to be asked about", SOON, async || {
        check(stub.asked(Endpoint::Inspect) > asked, "not yet")
    })
    .await;
    stub.set_containers(vec![one.clone()]);
    stub.push_event(&two, "destroy");
    // Its event is recorded, so the removal is known before the late answer comes.
    eventually("the removal to be told", SOON, async || {
        let html = client.get("/").await.expect(200).text.clone();
        check(html.contains("two was removed"), html)
    })
    .await;
    stub.heal();
    // Another container's start is heard of after the late answer.
    let three = Fake::running("three");
    stub.set_containers(vec![one, three.clone()]);
    stub.push_event(&three, "start");
    wait_list(&client, SOON, &[("one", "running"), ("three", "running")]).await;
}
