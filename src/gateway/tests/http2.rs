//! HTTP/2 in the clear: from visitors who begin with it, and to upstreams that want it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::super::connection::{Arrival, Protocol, serve};
use super::super::tasks::Tasks;
use super::support::{Backend, Running, config, route, within};
use crate::gateway::{Route, Scheme, Upstream};

/// Tells what it was asked, over HTTP/2 alone; counts its connections.
async fn h2_backend() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(async |request: Request<Incoming>| {
                let told = format!(
                    "{:?} {} te={:?} host={:?}",
                    request.version(),
                    request.uri(),
                    request.headers().get("te"),
                    request.headers().get("host"),
                );
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let told = format!("{told} {}", String::from_utf8_lossy(&body));
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(told))))
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, connections)
}

async fn h2_visitor(stream: TcpStream) -> SendRequest<Full<Bytes>> {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> (u16, String) {
    let response = within(sender.send_request(request)).await.unwrap();
    let status = response.status().as_u16();
    let body = within(response.into_body().collect()).await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn get(uri: &str) -> hyper::http::request::Builder {
    Request::get(uri).version(Version::HTTP_2)
}

#[tokio::test]
async fn an_upstream_that_wants_it_gets_http2_on_one_connection() {
    let (address, connections) = h2_backend().await;
    let upstream = Upstream { h2c: true, ..Upstream::at(address) };
    let gateway =
        Running::start(config(), vec![Route { upstream, ..route("site", "site.test", address) }]).await;
    let asked = (0..20).map(|_| {
        gateway.ask("POST /a?b HTTP/1.1\r\nHost: site.test\r\nTE: trailers\r\nContent-Length: 2\r\n\r\nhi")
    });
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, "HTTP/2.0 http://site.test/a?b te=Some(\"trailers\") host=None hi");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_it_is_a_502() {
    let backend = Backend::says_once("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let upstream = Upstream { h2c: true, ..Upstream::at(backend.address) };
    let gateway =
        Running::start(config(), vec![Route { upstream, ..route("site", "site.test", backend.address) }])
            .await;
    assert_eq!(gateway.get("/").await.status, 502);
}

#[tokio::test]
async fn a_visitor_may_begin_with_http2() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = h2_visitor(TcpStream::connect(gateway.address).await.unwrap()).await;
    let request = get("http://site.test/x").header("cookie", "a=1").header("cookie", "b=2");
    let (status, body) = ask(&mut visitor, request.body(Full::default()).unwrap()).await;
    assert_eq!(status, 200);
    assert!(body.starts_with("GET /x HTTP/1.1\r\n"), "{body}");
    let header = |name| super::support::header(&body, name);
    assert_eq!(header("host").as_deref(), Some("site.test"));
    // HTTP/1 servers expect one line.
    assert_eq!(header("cookie").as_deref(), Some("a=1; b=2"));

    let two = get("http://site.test/").header("host", "other.test").body(Full::default()).unwrap();
    assert_eq!(ask(&mut visitor, two).await.0, 400);
    let posted = Request::post("http://site.test/").version(Version::HTTP_2);
    let (_, body) = ask(&mut visitor, posted.body(Full::new("hello".into())).unwrap()).await;
    assert!(body.ends_with("hello"), "{body}");
}

#[tokio::test]
async fn a_host_other_than_that_of_the_handshake_is_a_421() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    // As a listener with TLS hands it over.
    let arrival = Arrival {
        peer: [203, 0, 113, 5].into(),
        scheme: Scheme::Https,
        sni: Some("site.test".to_owned()),
        protocol: Some(Protocol::Http2),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let shared = gateway.gateway.shared.clone();
    tokio::spawn(serve(shared, Tasks::new(), accepted, arrival, CancellationToken::new()));
    let mut visitor = h2_visitor(stream).await;
    let (status, body) = ask(&mut visitor, get("https://site.test/").body(Full::default()).unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(super::support::header(&body, "x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(super::support::header(&body, "x-forwarded-port").as_deref(), Some("443"));
    assert_eq!(super::support::header(&body, "x-forwarded-for").as_deref(), Some("203.0.113.5"));
    assert_eq!(ask(&mut visitor, get("https://other.test/").body(Full::default()).unwrap()).await.0, 421);
}
