//! What is too much.

use tokio::io::AsyncWriteExt;

use super::support::{Backend, Running, config, route, until};
use crate::gateway::RouteOptions;

#[tokio::test]
async fn headers_that_are_too_large_are_a_431() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    for (size, page) in [(40_000, true), (1_000_000, false)] {
        let mut visitor = gateway.visitor().await;
        let cookie = "x".repeat(size);
        let request = format!("GET / HTTP/1.1\r\nHost: site.test\r\nCookie: {cookie}\r\n\r\n");
        let _cut_off = visitor.stream.write_all(request.as_bytes()).await;
        let answer = visitor.answer().await;
        assert_eq!(answer.status, 431, "{size}");
        // Beyond twice the limit hyper gives up reading, and has no words for it.
        assert_eq!(answer.body.contains("cookies"), page, "{size}: {}", answer.body);
    }
    let many = "X-A: b\r\n".repeat(1000);
    assert_eq!(gateway.ask(&format!("GET / HTTP/1.1\r\nHost: site.test\r\n{many}\r\n")).await.status, 431);
    assert!(backend.heads().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413() {
    let backend = Backend::echo().await;
    let options = RouteOptions { body_limit: Some(10), ..RouteOptions::default() };
    let gateway = Running::with(backend.address, options).await;
    let post = "POST / HTTP/1.1\r\nHost: site.test\r\n";
    assert_eq!(gateway.ask(&format!("{post}Content-Length: 10\r\n\r\n0123456789")).await.status, 200);
    // Refused before it is sent.
    let announced = gateway.ask(&format!("{post}Content-Length: 11\r\nExpect: 100-continue\r\n\r\n")).await;
    assert_eq!(announced.status, 413);
    assert_eq!(backend.heads().len(), 1);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n";
    assert_eq!(gateway.ask(&format!("{post}{chunked}")).await.status, 413);
}

#[tokio::test]
async fn an_upstream_with_headers_without_end_is_a_502() {
    let backend = Backend::start(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 200 OK\r\n").await;
        let line = format!("X-A: {}\r\n", "b".repeat(8000));
        // A gigabyte, if somebody reads it.
        for _ in 0..125_000 {
            if connection.stream.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let gateway = Running::before(backend.address).await;
    assert_eq!(gateway.get("/").await.status, 502);
    assert!(gateway.last_error().contains("headers are larger"), "{}", gateway.last_error());
}

#[tokio::test]
async fn more_requests_at_once_than_the_route_takes_are_a_503() {
    let backend = Backend::silent().await;
    let options = RouteOptions { max_concurrent: Some(2), ..RouteOptions::default() };
    let gateway = Running::with(backend.address, options).await;
    let counters = gateway.gateway.counters("site").unwrap();
    let mut open = Vec::new();
    for n in 1..=2 {
        let mut visitor = gateway.visitor().await;
        visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
        until(|| counters.read().in_flight == n).await;
        open.push(visitor);
    }
    let answer = gateway.get("/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    // A visitor who leaves makes room.
    drop(open.pop());
    until(|| counters.read().in_flight == 1).await;
}

#[tokio::test]
async fn more_connections_than_the_limit_wait() {
    let backend = Backend::echo().await;
    let mut config = config();
    config.limits.connections = 1;
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";
    let mut first = gateway.visitor().await;
    assert_eq!(first.ask(get).await.status, 200);
    let mut second = gateway.visitor().await;
    second.send(get).await;
    assert_eq!(first.ask(get).await.status, 200);
    assert_eq!(backend.heads().len(), 2);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}
