//! The socket is bound only while it is needed, and a taken port is no catastrophe.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::support::{Backend, Running, Visitor, config, listening, route, until, within};
use crate::gateway::{Gateway, ListenerState, Table};

#[tokio::test]
async fn without_routes_nothing_listens() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let status = gateway.gateway.status();
    let mut visitor = gateway.visitor().await;
    assert_eq!(visitor.ask("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await.status, 200);
    gateway.gateway.set(Arc::default());
    until(|| *status.borrow() == ListenerState::Idle).await;
    assert!(TcpStream::connect(gateway.address).await.is_err());
    // Who is idle is let go.
    assert_eq!(visitor.rest().await, "");
    gateway.gateway.set(Arc::new(Table::new(vec![route("site", "site.test", backend.address)])));
    let address = listening(&gateway.gateway).await;
    let mut visitor = Visitor::to(address).await;
    assert_eq!(visitor.ask("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await.status, 200);
}

#[tokio::test]
async fn a_taken_port_is_said_and_tried_again() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut config = config();
    config.limits.rebind_within = Duration::from_millis(20);
    let gateway = Gateway::new(config).unwrap();
    let backend = Backend::echo().await;
    gateway.set(Arc::new(Table::new(vec![route("site", "site.test", backend.address)])));
    let stopping = CancellationToken::new();
    let (running, stop) = (gateway.clone(), stopping.clone());
    let task = tokio::spawn(async move { running.run(Some(address), stop).await });
    let status = gateway.status();
    let failed = format!("port {} is taken by another program", address.port());
    until(|| matches!(&*status.borrow(), ListenerState::Failed(why) if why.starts_with(&failed))).await;
    drop(taken);
    assert_eq!(listening(&gateway).await, address);
    stopping.cancel();
    within(task).await.unwrap();
    assert_eq!(*status.borrow(), ListenerState::Off);
}

#[tokio::test]
async fn without_an_address_it_stays_off() {
    let gateway = Gateway::new(config()).unwrap();
    let stopping = CancellationToken::new();
    stopping.cancel();
    within(gateway.run(None, stopping)).await;
    assert_eq!(*gateway.status().borrow(), ListenerState::Off);
}

#[tokio::test]
async fn stopping_lets_open_requests_finish_within_its_bound() {
    let backend = Backend::start(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na").await;
        let last = connection.exactly(1).await;
        connection.send(last).await;
    })
    .await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\n").await;
    visitor.head().await;
    gateway.stopping.cancel();
    until(|| std::net::TcpStream::connect(gateway.address).is_err()).await;
    assert!(!gateway.task.is_finished());
    visitor.send("b").await;
    assert_eq!(visitor.rest().await, "ab");
    within(gateway.task).await.unwrap();
}

#[tokio::test]
async fn who_does_not_finish_is_cut_off() {
    let backend = Backend::silent().await;
    let mut config = config();
    config.limits.drain = Duration::from_millis(100);
    let gateway = Running::start(config, vec![route("site", "site.test", backend.address)]).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
    let counters = gateway.gateway.counters("site").unwrap();
    until(|| counters.read().in_flight == 1).await;
    gateway.stopping.cancel();
    within(gateway.task).await.unwrap();
    assert_eq!(visitor.rest().await, "");
    until(|| counters.read().in_flight == 0).await;
}
