//! What a visitor reads when something failed: plain words, and nothing that is none of his business.

use super::support::{Backend, Running, config, route};
use crate::gateway::{Destination, Route, Upstream};

const AS_BROWSER: &str = "GET / HTTP/1.1\r\nHost: site.test\r\nAccept: text/html,*/*;q=0.8\r\n\r\n";

fn nobody() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_refused_connection_is_told_to_each_in_his_words() {
    let nobody = nobody();
    let gateway = Running::before(nobody).await;
    let answer = gateway.ask(AS_BROWSER).await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(answer.body.contains("refused the connection"), "{}", answer.body);
    // Without the status line: HTTP itself calls us a gateway.
    let all = format!("{}{}", answer.head.split_once('\n').unwrap().1, answer.body).to_lowercase();
    for internal in ["127.0.0.1", &nobody.port().to_string(), "docker", "hyper", "gateway", "upstream"] {
        assert!(!all.contains(internal), "{internal}: {all}");
    }

    let error = gateway.gateway.counters("site").unwrap().read().last_error.unwrap();
    assert_eq!(
        error.text,
        format!(
            "port {} of 127.0.0.1 refused the connection: is the service running, and is the port right?",
            nobody.port()
        )
    );
    assert!(answer.body.contains(&error.request_id), "{} in {}", error.request_id, answer.body);
}

#[tokio::test]
async fn a_program_gets_plain_text() {
    let gateway = Running::before(nobody()).await;
    let answer = gateway.ask("GET / HTTP/1.1\r\nHost: site.test\r\nAccept: application/json\r\n\r\n").await;
    assert_eq!(answer.header("content-type").as_deref(), Some("text/plain; charset=utf-8"));
    assert!(!answer.body.contains('<'), "{}", answer.body);
    let head = gateway.ask("HEAD / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (502, ""));
}

#[tokio::test]
async fn each_way_to_fail_has_its_own_words() {
    let upstream = |change: fn(&mut Upstream)| {
        let mut upstream = Upstream::at(nobody());
        change(&mut upstream);
        upstream
    };
    for (upstream, visitor, operator) in [
        (
            upstream(|u| u.at = Destination::Unreachable("container blog is stopped".to_owned())),
            "may be stopped",
            "container blog is stopped",
        ),
        (
            upstream(|u| {
                u.host = "no-such-name.invalid".to_owned();
                u.at = Destination::Resolve;
            }),
            "cannot be found",
            "the name no-such-name.invalid cannot be resolved",
        ),
        (upstream(|u| u.at = Destination::Addresses(vec![])), "cannot be found", "has no address"),
    ] {
        let route = Route { upstream, ..route("site", "site.test", nobody()) };
        let gateway = Running::start(config(), vec![route]).await;
        let answer = gateway.get("/").await;
        assert_eq!(answer.status, 502);
        assert!(answer.body.contains(visitor), "{}", answer.body);
        assert!(gateway.last_error().contains(operator), "{}", gateway.last_error());
    }
    let closes = Backend::says_once("").await;
    let gateway = Running::before(closes.address).await;
    assert!(gateway.get("/").await.body.contains("closed the connection without an answer"));
    assert!(gateway.last_error().contains("before it had answered"), "{}", gateway.last_error());
}
