//! What passes through, what ends at us, and what an upstream is told.

use hyper::header::{HeaderName, HeaderValue};

use super::support::{Backend, Running, config, header, route};
use crate::gateway::{HeaderChanges, RouteOptions};

#[tokio::test]
async fn headers_of_the_connection_end_here_with_every_one_that_it_names() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway
        .ask(
            "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close, X-Secret\r\nConnection: x-more\r\nX-Secret: 1\r\n\
             X-More: 2\r\nX-Kept: 3\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\n\
             Upgrade: h2c\r\nHTTP2-Settings: x\r\nTE: gzip\r\n\r\n",
        )
        .await;
    for gone in [
        "connection",
        "x-secret",
        "x-more",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "upgrade",
        "te",
    ] {
        assert_eq!(header(&answer.body, gone), None, "{gone}: {}", answer.body);
    }
    assert_eq!(header(&answer.body, "x-kept").as_deref(), Some("3"));
}

#[tokio::test]
async fn connection_cannot_take_away_what_frames_the_message() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway
        .ask(
            "POST / HTTP/1.1\r\nHost: site.test\r\nConnection: content-length, host, x-forwarded-for\r\n\
             Content-Length: 5\r\n\r\nhello",
        )
        .await;
    assert_eq!(header(&answer.body, "content-length").as_deref(), Some("5"));
    assert_eq!(header(&answer.body, "host").as_deref(), Some("site.test"));
    assert_eq!(header(&answer.body, "x-forwarded-for").as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_visitor_who_takes_trailers_gets_them() {
    let backend = Backend::says(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n",
    )
    .await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n").await;
    let all = visitor.rest().await;
    assert!(all.to_lowercase().ends_with("0\r\nx-sum: 42\r\n\r\n"), "{all}");

    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway
        .ask("GET / HTTP/1.1\r\nHost: site.test\r\nTE: trailers;q=0.5, gzip\r\nConnection: TE\r\n\r\n")
        .await;
    assert_eq!(header(&answer.body, "te").as_deref(), Some("trailers"));
    assert_eq!(header(&answer.body, "connection").as_deref(), Some("te"));
}

#[tokio::test]
async fn headers_of_the_upstreams_connection_do_not_reach_the_visitor() {
    let backend = Backend::says(
        "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Upgrade: h2c\r\nProxy-Authenticate: Basic\r\nX-Kept: 2\r\n\r\n",
    )
    .await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway.get("/").await;
    for gone in ["x-hop", "keep-alive", "upgrade", "proxy-authenticate", "connection"] {
        assert_eq!(answer.header(gone), None, "{gone}: {}", answer.head);
    }
    assert_eq!(answer.header("x-kept").as_deref(), Some("2"));
    assert!(answer.head.starts_with("HTTP/1.1 200 Fine\r\n"), "{}", answer.head);
}

const SPOOFED: &str = "GET / HTTP/1.1\r\nHost: site.test:8088\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
     X-Forwarded-Host: evil.test\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 6.6.6.6\r\n\
     X_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6;host=evil.test\r\n\r\n";

#[tokio::test]
async fn what_a_stranger_says_of_himself_is_overwritten() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let got = gateway.ask(SPOOFED).await.body;
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "site.test:8088"),
        ("x-forwarded-port", "8088"),
        ("forwarded", "for=127.0.0.1;proto=http;host=\"site.test:8088\""),
    ] {
        assert_eq!(header(&got, name).as_deref(), Some(value), "{name}");
    }
    assert!(!got.contains("6.6.6.6") && !got.contains("evil"), "{got}");
}

#[tokio::test]
async fn what_a_trusted_proxy_says_is_kept_and_continued() {
    let backend = Backend::echo().await;
    let mut config = config();
    config.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into();
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    let got = gateway.ask(SPOOFED).await.body;
    assert_eq!(header(&got, "x-forwarded-for").as_deref(), Some("6.6.6.6, 127.0.0.1"));
    assert_eq!(header(&got, "x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(header(&got, "x-forwarded-host").as_deref(), Some("evil.test"));
    let forwarded = header(&got, "forwarded").unwrap();
    assert!(forwarded.starts_with("for=6.6.6.6;host=evil.test, for=127.0.0.1;proto=http"), "{forwarded}");
}

#[tokio::test]
async fn our_cookies_are_for_nobody_else() {
    let backend = Backend::echo().await;
    let mut config = config();
    config.hidden_cookies = ["dw_session".to_owned()].into();
    let gateway = Running::start(config.clone(), vec![route("site", "site.test", backend.address)]).await;
    let ask = async |cookies: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: site.test\r\n{cookies}\r\n");
        header(&gateway.ask(&request).await.body, "cookie")
    };
    assert_eq!(ask("Cookie: a=1; dw_session=secret; b=2\r\n").await.as_deref(), Some("a=1; b=2"));
    assert_eq!(ask("Cookie: dw_session=secret\r\n").await, None);
    assert_eq!(ask("Cookie: a=1\r\nCookie: dw_session =x;c=3\r\n").await.as_deref(), Some("a=1; c=3"));
    assert_eq!(ask("Cookie: a=dw_session\r\n").await.as_deref(), Some("a=dw_session"));

    let backend = Backend::says(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: dw_session=forged; Path=/\r\nSet-Cookie: own=1\r\n\r\n",
    )
    .await;
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    assert_eq!(gateway.get("/").await.header("set-cookie").as_deref(), Some("own=1"));
}

#[tokio::test]
async fn a_route_sets_and_removes_headers_both_ways_but_not_the_framing() {
    let backend =
        Backend::says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: secret/1.0\r\nX-Old: 1\r\n\r\nok")
            .await;
    let set = |name: &'static str, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let response_headers = HeaderChanges {
        set: vec![set("x-new", "2"), set("content-length", "99"), set("transfer-encoding", "chunked")],
        remove: vec![HeaderName::from_static("server"), HeaderName::from_static("content-length")],
    };
    let options = RouteOptions { response_headers, ..RouteOptions::default() };
    let gateway = Running::with(backend.address, options).await;
    let answer = gateway.get("/").await;
    assert_eq!(answer.body, "ok");
    assert_eq!(answer.header("x-new").as_deref(), Some("2"));
    assert_eq!(answer.header("server"), None);

    let backend = Backend::echo().await;
    let request_headers = HeaderChanges {
        set: vec![set("x-forwarded-proto", "https"), set("host", "inner.test"), set("connection", "close")],
        remove: vec![HeaderName::from_static("x-gone"), HeaderName::from_static("accept-encoding")],
    };
    let options = RouteOptions { request_headers, ..RouteOptions::default() };
    let gateway = Running::with(backend.address, options).await;
    let got = gateway
        .ask("GET / HTTP/1.1\r\nHost: site.test\r\nX-Gone: 1\r\nAccept-Encoding: br\r\n\r\n")
        .await
        .body;
    assert_eq!(header(&got, "x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(header(&got, "host").as_deref(), Some("inner.test"));
    for gone in ["x-gone", "accept-encoding", "connection"] {
        assert_eq!(header(&got, gone), None, "{gone}");
    }
}
