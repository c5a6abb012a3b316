//! Routes change under load, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::support::{Backend, Running, config, route, within};
use crate::gateway::{Route, RouteOptions, Table};

const GET: &str = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_swaps_under_load_fail_no_request() {
    let (one, two) =
        (Backend::says("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none").await, Backend::echo().await);
    let table = |n: usize| {
        let address = if n.is_multiple_of(2) { one.address } else { two.address };
        let mut routes = vec![route("site", "site.test", address)];
        routes.extend((0..n % 20).map(|n| route(&format!("other-{n}"), &format!("o{n}.test"), one.address)));
        Arc::new(Table::new(routes))
    };
    let gateway = Running::start(config(), vec![route("site", "site.test", one.address)]).await;
    let (done, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut visitors = Vec::new();
    for _ in 0..8 {
        let (mut visitor, done, served) = (gateway.visitor().await, done.clone(), served.clone());
        visitors.push(tokio::spawn(async move {
            // On one connection, which no swap may close.
            while !done.load(Ordering::SeqCst) {
                let answer = visitor.ask(GET).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                served.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    for n in 0..1000 {
        gateway.gateway.set(table(n));
        // The load goes on between any two.
        let seen = served.load(Ordering::SeqCst);
        within(async {
            while served.load(Ordering::SeqCst) == seen {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    done.store(true, Ordering::SeqCst);
    for visitor in visitors {
        within(visitor).await.unwrap();
    }
    let counted = gateway.gateway.counters("site").unwrap().read();
    assert_eq!(counted.requests, served.load(Ordering::SeqCst) as u64);
    assert_eq!(counted.classes[1], counted.requests);
}

#[tokio::test]
async fn a_request_on_its_way_keeps_the_route_it_began_with() {
    let backend = Backend::start(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
        let rest = connection.exactly(1).await;
        connection.send(format!("{rest}aaaa")).await;
    })
    .await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\n").await;
    visitor.head().await;
    assert_eq!(visitor.exactly(5).await, "hello");
    let other = Backend::echo().await;
    gateway.gateway.set(Arc::new(Table::new(vec![route("other", "other.test", other.address)])));
    visitor.send("b").await;
    assert_eq!(visitor.exactly(5).await, "baaaa");
    assert_eq!(visitor.ask(GET).await.status, 404);
}

#[tokio::test]
async fn counters_and_connections_outlive_a_change_of_options() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    assert_eq!(gateway.get("/").await.status, 200);
    let options = RouteOptions { websockets: false, ..RouteOptions::default() };
    let changed = Route { options, ..route("site", "new.test", backend.address) };
    gateway.gateway.set(Arc::new(Table::new(vec![changed])));
    assert_eq!(gateway.ask("GET / HTTP/1.1\r\nHost: new.test\r\n\r\n").await.status, 200);
    assert_eq!(gateway.gateway.counters("site").unwrap().read().requests, 2);
    assert_eq!(backend.connections.load(Ordering::SeqCst), 1);
    assert!(gateway.gateway.counters("gone").is_none());
}
