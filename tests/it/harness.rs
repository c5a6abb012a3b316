//! The harness tests itself where a mistake in it would make other tests pass for nothing.

use crate::support::browser::{Browser, DESKTOP, Options, Screen};
use crate::support::engine::Engine;
use crate::support::stub::{ALL, Endpoint, Fault, Stub};
use crate::support::stub_answers::Fake;
use crate::support::unique;
use std::io::{Read, Write};

#[tokio::test]
async fn a_private_engine_survives_kill_and_freeze_and_leaves_nothing_behind() {
    let engine = Engine::own().await;
    let name = unique("self");
    engine.container(&name).publish(80).health("true").restart_always().run().await;
    engine.kill().await;
    engine.start_again().await;
    engine.freeze();
    engine.thaw();
    engine.docker().await.inspect_container(&name, None).await.expect("still there");
    engine.stop().await;
    let folder = engine.socket().parent().expect("a folder").to_owned();
    drop(engine);
    assert!(!folder.exists(), "{} is left", folder.display());
}

#[tokio::test]
async fn the_stub_answers_like_an_engine_until_told_to_fail() {
    let stub = Stub::start(vec![Fake::running("one"), Fake::exited("two")]);
    let docker =
        bollard::Docker::connect_with_unix(stub.socket().to_str().unwrap(), 2, bollard::API_DEFAULT_VERSION)
            .unwrap();
    let docker = docker.negotiate_version().await.unwrap();
    let running = docker.list_containers(None).await.unwrap();
    assert_eq!(running.len(), 1, "{running:?}");
    let two = docker.inspect_container("two", None).await.unwrap();
    assert_eq!(two.state.unwrap().exit_code, Some(137));
    docker.info().await.unwrap();
    for fault in [Fault::Forbidden, Fault::Truncated, Fault::Hang] {
        stub.fail(&ALL, fault);
        docker.list_containers(None).await.expect_err("it fails");
        docker.list_containers(None).await.expect_err("it fails again");
        stub.heal();
        docker.list_containers(None).await.expect("it is healthy again");
    }
    assert!(stub.asked(Endpoint::List) >= 8);
}

#[tokio::test]
async fn the_browser_finds_elements_with_and_without_script() {
    let page = "<meta name=viewport content='width=device-width'><p id=p>still</p><script>p.textContent='moved'</script>";
    let base = serve_page(page);
    for (script, expected) in [(true, "moved"), (false, "still")] {
        let options = Options { script, screen: Screen::Phone, ..DESKTOP };
        let browser = Browser::open_with(&base, options).await;
        browser.goto("/").await;
        assert_eq!(browser.texts("#p").await, [expected]);
        assert_eq!(browser.script("return innerWidth").await, 390);
        browser.expect_no_complaints().await;
    }
}

#[tokio::test]
async fn the_browser_reports_script_errors_and_what_the_policy_blocks() {
    let pages = [
        ("<script>throw new Error('broken')</script>", "broken"),
        (
            "<meta http-equiv=Content-Security-Policy content=\"script-src 'self'\"><script>1</script>",
            "Content Security Policy",
        ),
        (
            "<meta http-equiv=Content-Security-Policy content=\"style-src 'self'\"><p style='color:red'>",
            "Content Security Policy",
        ),
    ];
    for (page, complaint) in pages {
        let browser = Browser::open(&serve_page(page)).await;
        browser.goto("/").await;
        let seen = browser.complaints().await;
        assert!(seen.iter().any(|message| message.contains(complaint)), "{complaint}: {seen:?}");
    }
}

/// Serves one page for ever, on a free port.
fn serve_page(page: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A thread each: Chromium opens connections that it does not use yet.
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    base
}
