//! Tunnels: only after the upstream's own 101, and only for WebSockets.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::support::{Backend, DEADLINE, Running, header, until, within};
use crate::gateway::{RouteOptions, Timeouts};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: site.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Switches, greets at once, and sends back what comes.
async fn chat() -> Backend {
    Backend::start(|mut connection| async move {
        let head = connection.head().await;
        assert_eq!(header(&head, "connection").as_deref(), Some("upgrade"), "{head}");
        assert_eq!(header(&head, "upgrade").as_deref(), Some("websocket"), "{head}");
        connection.send(format!("{SWITCHED}hello ")).await;
        let (mut read, mut write) = connection.stream.split();
        let _gone = tokio::io::copy(&mut read, &mut write).await;
        let _gone = write.shutdown().await;
    })
    .await
}

#[tokio::test]
async fn a_websocket_passes_both_ways_and_is_counted() {
    let backend = chat().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    let answer = visitor.ask(ASK).await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade").as_deref(), Some("websocket"));
    assert_eq!(answer.header("sec-websocket-accept").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(visitor.exactly(6).await, "hello ");
    for word in ["one\n", "two\r\n\r\n", "GET / HTTP/1.1\n\n"] {
        visitor.send(word).await;
        assert_eq!(visitor.exactly(word.len()).await, word);
    }
    let counters = gateway.gateway.counters("site").unwrap();
    assert_eq!(counters.read().in_flight, 1);
    drop(visitor);
    until(|| counters.read().in_flight == 0).await;
    let counted = counters.read();
    assert_eq!((counted.classes[0], counted.bytes_in, counted.bytes_out), (1, 27, 33));
}

#[tokio::test]
async fn what_the_visitor_sends_before_the_101_is_not_lost() {
    let backend = chat().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    let answer = visitor.ask(&format!("{ASK}early")).await;
    assert_eq!(answer.status, 101);
    assert_eq!(visitor.exactly(11).await, "hello early");
}

#[tokio::test]
async fn no_tunnel_without_the_upstreams_own_101() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    // The second request must not reach the upstream as the bytes of a tunnel.
    visitor.send(format!("{ASK}GET /second HTTP/1.1\r\nHost: other.test\r\n\r\n")).await;
    assert_eq!(visitor.answer().await.status, 200);
    assert_eq!(visitor.answer().await.status, 404);
    assert_eq!(backend.heads().len(), 1);
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_is_a_502() {
    let backend = Backend::says(format!("{SWITCHED}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")).await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway.get("/").await;
    assert_eq!(answer.status, 502);
    assert!(gateway.last_error().contains("switched protocols unasked"), "{}", gateway.last_error());
    for half in
        ["Connection: upgrade\r\n", "Upgrade: websocket\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n"]
    {
        let answer = gateway.ask(&format!("GET / HTTP/1.1\r\nHost: site.test\r\n{half}\r\n")).await;
        assert_eq!(answer.status, 502, "{half}");
    }
}

#[tokio::test]
async fn a_101_to_something_else_is_a_502() {
    for other in ["Upgrade: h2c\r\n", "", "Upgrade: websocket2\r\n"] {
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n{other}\r\n");
        let backend = Backend::says_once(answer).await;
        let gateway = Running::before(backend.address).await;
        assert_eq!(gateway.ask(ASK).await.status, 502, "{other}");
        assert!(gateway.last_error().contains("another protocol"), "{}", gateway.last_error());
    }
}

#[tokio::test]
async fn a_route_without_websockets_forwards_a_plain_request() {
    let backend = Backend::echo().await;
    let options = RouteOptions { websockets: false, ..RouteOptions::default() };
    let gateway = Running::with(backend.address, options).await;
    let answer = gateway.ask(ASK).await;
    assert_eq!(answer.status, 200);
    assert_eq!(header(&answer.body, "upgrade"), None);
    assert_eq!(header(&answer.body, "connection"), None);
}

#[tokio::test]
async fn a_refusal_of_the_upstream_reaches_the_visitor() {
    let backend = Backend::says("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway.ask(ASK).await;
    assert_eq!((answer.status, answer.body.as_str()), (403, "no"));
}

#[tokio::test]
async fn a_silent_tunnel_is_closed() {
    let backend = chat().await;
    let timeouts = Timeouts { tunnel_idle: Duration::from_millis(100), ..Timeouts::default() };
    let gateway = Running::with(backend.address, RouteOptions { timeouts, ..RouteOptions::default() }).await;
    let mut visitor = gateway.visitor().await;
    assert_eq!(visitor.ask(ASK).await.status, 101);
    assert_eq!(within(visitor.rest()).await, "hello ");
}

#[tokio::test]
async fn a_tunnel_ends_when_the_product_stops() {
    let backend = chat().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    assert_eq!(visitor.ask(ASK).await.status, 101);
    gateway.stopping.cancel();
    assert_eq!(visitor.rest().await, "hello ");
    tokio::time::timeout(DEADLINE / 4, gateway.task).await.unwrap().unwrap();
}
