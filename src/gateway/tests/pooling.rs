//! Connections to upstreams are used again, and a dead one costs nobody a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::support::{Backend, Running, config, route, until};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Running {
    fn idle(&self) -> usize {
        self.gateway.shared.live.load().lanes[0].pool.idle()
    }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.status, 200);
        let empty = gateway.ask("HEAD / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
        assert_eq!(empty.status, 200);
    }
    // The echo of a HEAD has a body, which it must not: such a connection is not used again.
    assert!(backend.connections.load(Ordering::SeqCst) <= 11);

    let backend = Backend::says(OK).await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    for _ in 0..10 {
        assert_eq!(visitor.ask("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await.status, 200);
        until(|| gateway.idle() == 1).await;
    }
    assert_eq!(backend.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_more_idle_connections_are_kept_than_allowed_and_none_for_long() {
    let backend = Backend::says(OK).await;
    let mut config = config();
    config.limits.idle_upstreams = 2;
    config.limits.idle_upstreams_for = Duration::from_millis(50);
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    let asked = (0..10).map(|_| gateway.get("/"));
    futures_util::future::join_all(asked).await;
    assert!(gateway.idle() <= 2, "{}", gateway.idle());
    tokio::time::sleep(Duration::from_millis(60)).await;
    gateway.gateway.shared.sweep();
    assert_eq!(gateway.idle(), 0);
}

/// Answers the first request of each connection, and closes it at the second, unanswered.
async fn forgetful(seen: Arc<AtomicUsize>) -> Backend {
    Backend::start(move |mut connection| {
        let seen = seen.clone();
        async move {
            connection.request().await.unwrap();
            seen.fetch_add(1, Ordering::SeqCst);
            connection.send(OK).await;
            if connection.request().await.is_some() {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_that_changes_nothing_is_repeated_once_when_an_old_connection_was_dead() {
    let seen = Arc::new(AtomicUsize::new(0));
    let backend = forgetful(seen.clone()).await;
    let gateway = Running::before(backend.address).await;
    for n in 1..=5 {
        assert_eq!(gateway.get("/").await.status, 200);
        assert_eq!(backend.connections.load(Ordering::SeqCst), n);
    }
    assert_eq!(seen.load(Ordering::SeqCst), 9);
}

#[tokio::test]
async fn a_request_that_may_change_something_is_never_sent_twice() {
    for request in [
        "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 2\r\n\r\nab",
        "PATCH / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    ] {
        let seen = Arc::new(AtomicUsize::new(0));
        let backend = forgetful(seen.clone()).await;
        let gateway = Running::before(backend.address).await;
        assert_eq!(gateway.get("/").await.status, 200);
        assert_eq!(gateway.ask(request).await.status, 502, "{request}");
        assert_eq!(
            (seen.load(Ordering::SeqCst), backend.connections.load(Ordering::SeqCst)),
            (2, 1),
            "{request}"
        );
    }
}

#[tokio::test]
async fn nothing_is_repeated_when_something_came_back_or_the_connection_was_new() {
    let backend = Backend::start(|mut connection| async move {
        connection.request().await.unwrap();
        connection.send(OK).await;
        connection.request().await.unwrap();
        connection.send("HTTP/1.1 2").await;
    })
    .await;
    let gateway = Running::before(backend.address).await;
    assert_eq!(gateway.get("/").await.status, 200);
    assert_eq!(gateway.get("/").await.status, 502);
    assert_eq!(backend.connections.load(Ordering::SeqCst), 1);

    let closes = Backend::says_once("").await;
    let gateway = Running::before(closes.address).await;
    assert_eq!(gateway.get("/").await.status, 502);
    assert_eq!(closes.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_the_upstream_closed_is_not_used_again_even_for_a_post() {
    let backend = Backend::says_once(OK).await;
    let gateway = Running::before(backend.address).await;
    for n in 1..=5 {
        assert_eq!(gateway.get("/").await.status, 200);
        // Its end has arrived when a sweep removes it.
        until(|| {
            gateway.gateway.shared.sweep();
            gateway.idle() == 0
        })
        .await;
        assert_eq!(backend.connections.load(Ordering::SeqCst), n);
    }
    let post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 2\r\n\r\nab";
    assert_eq!(gateway.ask(post).await.status, 200);
}

#[tokio::test]
async fn what_comes_unasked_on_an_idle_connection_is_nobodys_answer() {
    let backend = Backend::says(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")).await;
    let gateway = Running::before(backend.address).await;
    for _ in 0..5 {
        assert_eq!(gateway.get("/").await.body, "ok");
    }
}
