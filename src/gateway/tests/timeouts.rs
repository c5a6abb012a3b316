//! Nobody is waited for without end, and one who is slow slows nobody else.

use std::time::Duration;

use tokio::time::Instant;

use super::support::{Backend, Running, config, route, until, within};
use crate::gateway::{Route, RouteOptions, Timeouts};

const SHORT: Duration = Duration::from_millis(150);

fn short() -> RouteOptions {
    let timeouts = Timeouts { connect: SHORT, first_byte: SHORT, idle: SHORT, tunnel_idle: SHORT };
    RouteOptions { timeouts, ..RouteOptions::default() }
}

#[tokio::test]
async fn a_visitor_who_does_not_finish_his_headers_is_let_go() {
    let backend = Backend::echo().await;
    let mut config = config();
    config.limits.head_within = SHORT;
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    for begun in ["", "G", "PRI * HTT", "GET / HTTP/1.1\r\nHost: si"] {
        let mut visitor = gateway.visitor().await;
        visitor.send(begun).await;
        let began = Instant::now();
        assert!(!visitor.rest().await.contains("200"), "{begun:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{begun:?}");
    }
    // One byte at a time does not help him.
    let mut visitor = gateway.visitor().await;
    let dripped = async {
        loop {
            if tokio::io::AsyncWriteExt::write_all(&mut visitor.stream, b"a").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(dripped).await;
    assert!(backend.heads().is_empty());
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    let backend = Backend::echo().await;
    let mut config = config();
    config.limits.head_within = SHORT;
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    let mut visitor = gateway.visitor().await;
    assert_eq!(visitor.ask("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await.status, 200);
    assert_eq!(visitor.rest().await, "");
}

#[tokio::test]
async fn a_visitor_who_stops_in_the_middle_of_a_body_is_let_go() {
    let backend = Backend::echo().await;
    let gateway = Running::with(backend.address, short()).await;
    let began = Instant::now();
    let answer = gateway.ask("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\nhello").await;
    assert_eq!(answer.status, 408);
    assert!(began.elapsed() >= SHORT && began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_slow_body_that_moves_on_is_waited_for() {
    let backend = Backend::echo().await;
    let mut options = short();
    options.timeouts.idle = Duration::from_millis(400);
    let gateway = Running::with(backend.address, options).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\n").await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        visitor.send("x").await;
    }
    assert_eq!(visitor.answer().await.status, 200);
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_a_504_and_slows_nobody_else() {
    let (silent, echo) = (Backend::silent().await, Backend::echo().await);
    let hung = Route { options: short(), ..route("site", "site.test", silent.address) };
    let gateway = Running::start(config(), vec![hung, route("fast", "fast.test", echo.address)]).await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut visitor = gateway.visitor().await;
        visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
        waiting.push(visitor);
    }
    let mut fast = gateway.visitor().await;
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(fast.ask("GET / HTTP/1.1\r\nHost: fast.test\r\n\r\n").await.status, 200);
        assert!(began.elapsed() < Duration::from_secs(1));
    }
    for visitor in &mut waiting {
        let answer = visitor.answer().await;
        assert_eq!(answer.status, 504);
        assert!(answer.body.contains("did not answer"), "{}", answer.body);
    }
    assert!(gateway.last_error().contains("no response within 150 ms"), "{}", gateway.last_error());
}

#[tokio::test]
async fn an_upstream_that_drips_its_headers_is_a_504() {
    let backend = Backend::start(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 200 OK\r\n").await;
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if tokio::io::AsyncWriteExt::write_all(&mut connection.stream, b"X-A: b\r\n").await.is_err() {
                return;
            }
        }
    })
    .await;
    let gateway = Running::with(backend.address, short()).await;
    assert_eq!(gateway.get("/").await.status, 504);
}

#[tokio::test]
async fn an_upstream_that_falls_silent_in_a_response_breaks_it_off() {
    let backend = Backend::start(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
        connection.rest().await;
    })
    .await;
    let gateway = Running::with(backend.address, short()).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
    assert!(visitor.rest().await.ends_with("\r\n\r\nhello"));
    assert!(gateway.last_error().contains("in the middle of a response"), "{}", gateway.last_error());
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_in_time_is_a_504() {
    // TEST-NET-1 (RFC 5737): nobody answers there; where something refuses it at once, it is a 502.
    let gateway = Running::with("192.0.2.1:9".parse().unwrap(), short()).await;
    let began = Instant::now();
    let status = gateway.get("/").await.status;
    assert!(matches!(status, 502 | 504), "{status}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_visitor_who_does_not_take_his_response_is_let_go() {
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n{}", "x".repeat(50_000_000));
    let backend = Backend::says_once(huge).await;
    let mut config = config();
    config.limits.stalled_within = SHORT;
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
    let counters = gateway.gateway.counters("site").unwrap();
    until(|| counters.read().in_flight == 1).await;
    until(|| counters.read().in_flight == 0).await;
}
