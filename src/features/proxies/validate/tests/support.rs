//! Proxies, backends that misbehave, a DNS server, certificates.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::docker::Engines;
use crate::docker::types::{Container, Network, Port, State};
use crate::features::containers::model::tests::container;
use crate::features::proxies::model::{Destination, ProxySpec, Scheme, Target};
use crate::features::proxies::resolve::Resolver;
use crate::features::proxies::validate::validator::Limits;
use crate::features::proxies::validate::{Context, Names, Report, Status, Step, StepKind, Validator};
use crate::platform::clock::{ManualClock, SharedClock};

/// How long anything in a test may take.
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("in time")
}

/// The time in tests.
pub(super) fn clock() -> SharedClock {
    Arc::new(ManualClock::at("2026-06-01T12:00:00Z".parse().unwrap()))
}

/// Nobody claims anything, no DNS server answers, and this host is at 192.0.2.1.
pub(in crate::features::proxies::validate) fn context(containers: Vec<Container>) -> Context {
    inside(containers, None)
}

/// The same, from inside the container with this id.
pub(super) fn inside(containers: Vec<Container>, own: Option<&str>) -> Context {
    let resolver = Resolver::new(Engines::showing(containers), own);
    let mut context = Context::new(resolver, Arc::new(|_, _| None), Arc::default(), clock());
    context.names = Names::Servers(vec!["127.0.0.1:9".parse().unwrap()]);
    context.host_addresses = Arc::new(|| vec![IpAddr::from([192, 0, 2, 1])]);
    context
}

/// Short enough for tests that wait for the end of one.
pub(super) fn short() -> Limits {
    let ms = Duration::from_millis;
    Limits { http: ms(600), body: ms(300), tls: ms(600), probe: ms(300), dns: ms(1500), ..Limits::default() }
}

pub(super) fn to(host: &str, port: u16) -> ProxySpec {
    ProxySpec {
        domains: vec!["blog.localhost".into()],
        destination: Destination { scheme: Scheme::Http, target: Target::Host(host.into()), port },
        ..ProxySpec::default()
    }
}

pub(super) fn at(address: SocketAddr) -> ProxySpec {
    to(&address.ip().to_string(), address.port())
}

pub(super) fn https(address: SocketAddr) -> ProxySpec {
    let mut spec = at(address);
    spec.destination.scheme = Scheme::Https;
    spec
}

pub(super) fn to_container(name: &str, port: u16) -> ProxySpec {
    let mut spec = to("", port);
    spec.destination.target = Target::Container(name.into());
    spec
}

pub(super) async fn report(context: Context, spec: &ProxySpec) -> Report {
    within(Validator::with_limits(context, short()).run(spec, |_| {})).await
}

/// The step of this kind, of a validation without containers.
pub(super) async fn step(kind: StepKind, spec: &ProxySpec) -> Step {
    of(&report(context(Vec::new()), spec).await, kind)
}

pub(super) fn of(report: &Report, kind: StepKind) -> Step {
    report.steps.iter().find(|step| step.step == kind).expect("every step is there").clone()
}

/// Asserts how a step ended, and what its detail and its hint say.
#[track_caller]
pub(super) fn says(step: &Step, status: Status, detail: &str, hint: &str) {
    assert_eq!(step.status, status, "{step:?}");
    assert!(step.detail.contains(detail), "no {detail:?} in {step:?}");
    assert!(step.hint.contains(hint), "no {hint:?} in {step:?}");
}

/// A port where nobody listens.
pub(super) async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Answers every connection in a way of its own.
pub(super) async fn backend<F, W>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn(answer(stream));
        }
    });
    address
}

/// Reads a request's head, answers with these bytes, and closes.
pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    backend(move |mut stream| {
        let answer = answer.clone();
        async move {
            read_head(&mut stream).await;
            let _gone = stream.write_all(&answer).await;
        }
    })
    .await
}

/// The head of a request, or what came of it.
pub(super) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A whole answer.
pub(super) fn whole(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// A container that runs, with an address in a network, and the ports that it exposes.
pub(super) fn running(name: &str, ip: &str, ports: &[u16]) -> Container {
    let mut made = container(name, "image", State::Running);
    made.networks = vec![Network { name: "bridge".into(), ip_address: ip.into() }];
    made.ports = ports.iter().map(|port| exposed(*port, None)).collect();
    made
}

pub(super) fn exposed(port: u16, host_port: Option<u16>) -> Port {
    Port {
        container_port: port,
        protocol: "tcp".into(),
        host_port,
        host_ip: host_port.map(|_| "0.0.0.0".into()),
    }
}

/// A DNS server that knows these names and their IPv4 addresses, and no others.
pub(super) async fn dns(known: &'static [(&'static str, [u8; 4])]) -> Names {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::task::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
            let _sent = socket.send_to(&dns_answer(&buffer[..n], known), from).await;
        }
    });
    Names::Servers(vec![address])
}

/// RFC 1035 §4.1: the question again, and an address where it asks for one that is known.
fn dns_answer(query: &[u8], known: &[(&str, [u8; 4])]) -> Vec<u8> {
    let (mut at, mut name) = (12, String::new());
    while query[at] != 0 {
        let length = usize::from(query[at]);
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_lowercase());
        at += 1 + length;
    }
    let question = &query[12..at + 5];
    let asks_for_a = query[at + 2] == 1;
    let found = known.iter().find(|(known, _)| *known == name).map(|(_, ip)| ip);
    let mut answer = query[..2].to_vec();
    let records = u8::from(found.is_some() && asks_for_a);
    // Answered, no such name, or a failure of the server.
    let code = match found {
        Some(_) => 0x80,
        None if name.ends_with("broken") => 0x82,
        None => 0x83,
    };
    answer.extend([0x81, code, 0, 1, 0, records, 0, 0, 0, 0]);
    answer.extend(question);
    if let (Some(ip), true) = (found, asks_for_a) {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(ip);
    }
    answer
}
