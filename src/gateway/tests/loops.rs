//! A request that comes back to us is stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use super::support::{Backend, Running, Visitor, config, route};
use crate::gateway::{Route, Table, Upstream};

#[tokio::test]
async fn the_gateways_own_address_is_no_upstream() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], gateway.address.port()));
    for (upstream, why) in
        [(gateway.address, "is this gateway itself"), (elsewhere, "refused the connection")]
    {
        gateway.gateway.set(Arc::new(Table::new(vec![route("site", "site.test", upstream)])));
        assert_eq!(gateway.get("/").await.status, 502);
        assert!(gateway.last_error().contains(why), "{}", gateway.last_error());
    }
}

#[tokio::test]
async fn the_products_other_addresses_are_no_upstream_by_any_name_of_this_host() {
    let page = Backend::echo().await;
    let mut config = config();
    config.own_addresses = [SocketAddr::from(([0, 0, 0, 0], page.address.port()))].into();
    let gateway = Running::start(config, vec![route("site", "site.test", page.address)]).await;
    assert_eq!(gateway.get("/").await.status, 502);
    let by_name = Upstream {
        host: "localhost".to_owned(),
        at: crate::gateway::Destination::Resolve,
        ..Upstream::at(page.address)
    };
    let route = Route { upstream: by_name, ..route("site", "site.test", page.address) };
    gateway.gateway.set(Arc::new(Table::new(vec![route])));
    assert_eq!(gateway.get("/").await.status, 502);
    assert!(page.heads().is_empty());
}

#[tokio::test]
async fn a_loop_over_another_proxy_is_a_508() {
    // It passes everything on to the address it is told by a header.
    let between = Backend::start(|mut connection| async move {
        let (head, _) = connection.request().await.unwrap();
        let back: SocketAddr = super::support::header(&head, "x-back").unwrap().parse().unwrap();
        let answer = Visitor::to(back).await.ask(&head).await;
        connection.send(format!("{}{}", answer.head, answer.body)).await;
    })
    .await;
    let gateway = Running::before(between.address).await;
    let request = format!("GET / HTTP/1.1\r\nHost: site.test\r\nX-Back: {}\r\n\r\n", gateway.address);
    let answer = gateway.ask(&request).await;
    assert_eq!(answer.status, 508);
    assert!(gateway.last_error().contains("came back to this gateway"), "{}", gateway.last_error());
}
