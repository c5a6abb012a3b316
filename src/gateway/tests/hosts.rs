//! Which site a request is for.

use super::support::{Backend, Running, config, header, route};
use crate::gateway::{HostHeader, Route, Upstream};

async fn status_of(request: &str) -> u16 {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    gateway.ask(request).await.status
}

#[tokio::test]
async fn a_request_names_its_host_exactly_once() {
    assert_eq!(status_of("GET / HTTP/1.1\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.0\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.1\r\nHost: site.test\r\nHost: site.test\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.1\r\nHost: site.test\r\nhost: other.test\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.1\r\nHost: site.test, other.test\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.1\r\nHost: user@site.test\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.1\r\nHost: site.test/x\r\n\r\n").await, 400);
    assert_eq!(status_of("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await, 200);
    assert_eq!(status_of("GET / HTTP/1.0\r\nHost: SITE.test.:8088\r\n\r\n").await, 200);
}

#[tokio::test]
async fn an_absolute_form_agrees_with_the_host() {
    assert_eq!(status_of("GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n").await, 200);
    assert_eq!(status_of("GET http://SITE.test:80/ HTTP/1.1\r\nHost: site.test\r\n\r\n").await, 200);
    assert_eq!(status_of("GET http://other.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n").await, 400);
    assert_eq!(status_of("GET http://site.test:81/ HTTP/1.1\r\nHost: site.test\r\n\r\n").await, 400);
    assert_eq!(status_of("GET http://user@site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n").await, 400);
    assert_eq!(status_of("GET http://site.test/ HTTP/1.1\r\n\r\n").await, 400);
}

#[tokio::test]
async fn an_absolute_form_reaches_the_upstream_as_a_path() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway.ask("GET http://site.test/a?b=c HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
    assert!(answer.body.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{}", answer.body);
}

#[tokio::test]
async fn we_are_no_forward_proxy_and_reflect_nothing() {
    assert_eq!(status_of("CONNECT site.test:443 HTTP/1.1\r\nHost: site.test:443\r\n\r\n").await, 405);
    assert_eq!(status_of("TRACE / HTTP/1.1\r\nHost: site.test\r\n\r\n").await, 405);
}

#[tokio::test]
async fn an_unknown_host_is_a_404_that_names_nothing() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway.ask("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("no site"), "{}", answer.body);
    assert!(!answer.body.contains("site.test"), "{}", answer.body);
}

#[tokio::test]
async fn the_upstream_is_asked_for_the_visitors_host_or_its_own() {
    let backend = Backend::echo().await;
    let own = Upstream { host_header: HostHeader::Upstream, ..Upstream::at(backend.address) };
    let gateway = Running::start(
        config(),
        vec![
            route("site", "site.test", backend.address),
            Route { upstream: own, ..route("own", "own.test", backend.address) },
        ],
    )
    .await;
    let kept = gateway.ask("GET / HTTP/1.1\r\nHost: Site.Test:8088\r\n\r\n").await;
    assert_eq!(header(&kept.body, "host").as_deref(), Some("Site.Test:8088"));
    let own = gateway.ask("GET / HTTP/1.1\r\nHost: own.test\r\n\r\n").await;
    assert_eq!(header(&own.body, "host"), Some(backend.address.to_string()));
    assert_eq!(header(&own.body, "x-forwarded-host").as_deref(), Some("own.test"));
}
