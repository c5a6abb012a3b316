//! Upstreams that speak TLS. The certificates beside this file are for `upstream.test` and 127.0.0.1 and signed by an
//! authority that only these tests trust; its key is gone.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::support::{Backend, Running, config, route};
use crate::gateway::{GatewayConfig, Route, Scheme, Upstream};

const AUTHORITY: &[u8] = include_bytes!("certs/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("certs/upstream.pem");
const KEY: &[u8] = include_bytes!("certs/upstream.key");

/// Answers with the name it was asked for in the handshake.
async fn tls_backend() -> std::net::SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let name = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

fn trusting() -> GatewayConfig {
    let authority = CertificateDer::from_pem_slice(AUTHORITY).unwrap();
    GatewayConfig { extra_roots: vec![authority], ..config() }
}

async fn before(config: GatewayConfig, upstream: Upstream) -> Running {
    let route = Route { upstream, ..route("site", "site.test", ([127, 0, 0, 1], 1).into()) };
    Running::start(config, vec![route]).await
}

fn https(host: &str, address: std::net::SocketAddr) -> Upstream {
    Upstream { scheme: Scheme::Https, host: host.to_owned(), ..Upstream::at(address) }
}

#[tokio::test]
async fn an_upstream_with_a_good_certificate_is_asked_by_its_name() {
    let address = tls_backend().await;
    let gateway = before(trusting(), https("upstream.test", address)).await;
    for _ in 0..3 {
        let answer = gateway.get("/").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "upstream.test"));
    }
    assert_eq!(before(trusting(), https("127.0.0.1", address)).await.get("/").await.status, 200);
}

#[tokio::test]
async fn a_certificate_of_a_stranger_or_for_another_name_is_refused_unless_that_is_meant() {
    let address = tls_backend().await;
    for (config, upstream, why) in [
        (config(), https("upstream.test", address), "signed by nobody this host trusts"),
        (trusting(), https("other.test", address), "for another name"),
    ] {
        let unchecked = Upstream { verify_tls: false, ..upstream.clone() };
        let gateway = before(config.clone(), upstream).await;
        let answer = gateway.get("/").await;
        assert_eq!(answer.status, 502);
        assert!(answer.body.contains("No secure connection"), "{}", answer.body);
        assert!(gateway.last_error().contains(why), "{}", gateway.last_error());
        assert_eq!(before(config, unchecked).await.get("/").await.status, 200);
    }
}

#[tokio::test]
async fn the_wrong_scheme_is_told_apart() {
    let plain = Backend::start(|mut connection| async move {
        connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        connection.rest().await;
    })
    .await;
    let gateway = before(trusting(), https("upstream.test", plain.address)).await;
    assert_eq!(gateway.get("/").await.status, 502);
    assert!(gateway.last_error().contains("does not speak TLS"), "{}", gateway.last_error());

    let tls = tls_backend().await;
    let gateway = before(trusting(), Upstream::at(tls)).await;
    assert_eq!(gateway.get("/").await.status, 502);
    assert!(gateway.last_error().contains("is this the right port"), "{}", gateway.last_error());
}
