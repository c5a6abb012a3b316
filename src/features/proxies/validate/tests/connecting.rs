//! From the spec to a connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::support::{
    answering, at, closed_port, context, dns, of, report, says, short, step, to, whole, within,
};
use crate::features::proxies::validate::validator::Limits;
use crate::features::proxies::validate::{Names, Status, StepKind, Validator};

#[tokio::test]
async fn a_destination_that_works_passes_every_step_and_each_is_told_at_once() {
    let backend = answering(whole("200 OK", "content-type: text/html\r\n", "<title>My\n blog</title>")).await;
    let mut told = Vec::new();
    let validator = Validator::with_limits(context(Vec::new()), short());
    let report = within(validator.run(&at(backend), |step| told.push(step.clone()))).await;
    assert!(report.ok, "{report:?}");
    assert_eq!(told, report.steps);
    assert_eq!(report.steps.iter().map(|step| step.step).collect::<Vec<_>>(), StepKind::ALL);
    says(&of(&report, StepKind::Tcp), Status::Pass, &backend.to_string(), "");
    says(&of(&report, StepKind::Tls), Status::Skip, "plain http", "");
    says(&of(&report, StepKind::Http), Status::Pass, "200 OK", "");
    says(&of(&report, StepKind::Http), Status::Pass, "\"My blog\"", "");
}

#[tokio::test]
async fn after_a_failed_step_the_others_are_not_tried() {
    let report = report(context(Vec::new()), &to("127.0.0.1", 0)).await;
    assert!(!report.ok);
    says(&of(&report, StepKind::Syntax), Status::Fail, "port:", "");
    for kind in &StepKind::ALL[1..] {
        says(&of(&report, *kind), Status::Skip, "Not tried: the step syntax failed.", "");
    }
}

#[tokio::test]
async fn a_domain_of_another_proxy_is_a_conflict() {
    let mut context = context(Vec::new());
    context.claims = Arc::new(|domain, path| {
        (domain == "blog.localhost" && path == Some("/app")).then(|| "shop.localhost".to_owned())
    });
    let mut spec = to("127.0.0.1", 1);
    spec.path = Some("/app".into());
    let report = report(context, &spec).await;
    says(
        &of(&report, StepKind::Conflict),
        Status::Fail,
        "blog.localhost below /app is already led by the proxy shop.localhost",
        "Change that one",
    );
}

#[tokio::test]
async fn a_refused_connection_asks_for_the_service_and_the_port() {
    let address = closed_port().await;
    let step = step(StepKind::Tcp, &at(address)).await;
    let says_so = format!(
        "Port {} of 127.0.0.1 refused the connection: is the service running, and is the port right?",
        address.port()
    );
    says(&step, Status::Fail, &says_so, "");
}

#[tokio::test]
async fn a_port_that_drops_what_comes_is_told_from_one_that_refuses() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // Nobody accepts: once its queue is full, the kernel drops what comes.
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let soon = Duration::from_millis(200);
    while let Ok(Ok(stream)) = tokio::time::timeout(soon, TcpStream::connect(address)).await {
        queued.push(stream);
    }
    let limits = Limits { tcp: soon, ..short() };
    let validator = Validator::with_limits(context(Vec::new()), limits);
    let report = within(validator.run(&at(address), |_| {})).await;
    says(
        &of(&report, StepKind::Tcp),
        Status::Fail,
        "did not answer within",
        "A firewall may drop this: it timed out, and was not refused.",
    );
}

#[tokio::test]
async fn a_proxy_that_is_changed_does_not_conflict_with_itself() {
    let mut context = context(Vec::new());
    context.claims = Arc::new(|_, _| Some("blog.localhost".to_owned()));
    let validator = Validator::with_limits(context, short());
    let changed = validator.claiming(Arc::new(|_, _| None));
    let spec = to("127.0.0.1", 1);
    let conflict =
        async |validator: &Validator| of(&within(validator.run(&spec, |_| {})).await, StepKind::Conflict);
    assert_eq!(conflict(&validator).await.status, Status::Fail);
    assert_eq!(conflict(&changed).await.status, Status::Pass);
}

#[tokio::test]
async fn a_name_is_looked_up_and_its_very_address_connected_to() {
    let backend = answering(whole("200 OK", "", "")).await;
    let mut context = context(Vec::new());
    context.names = dns(&[("nas.lan", [127, 0, 0, 1])]).await;
    let report = report(context, &to("nas.lan", backend.port())).await;
    says(&of(&report, StepKind::Dns), Status::Pass, "nas.lan is at 127.0.0.1.", "");
    says(&of(&report, StepKind::Http), Status::Pass, "200 OK", "");
}

#[tokio::test]
async fn a_name_that_leads_to_a_link_local_address_is_refused() {
    let mut context = context(Vec::new());
    context.names = dns(&[("metadata.evil.org", [169, 254, 169, 254])]).await;
    let report = report(context, &to("metadata.evil.org", 80)).await;
    says(&of(&report, StepKind::Dns), Status::Fail, "169.254.169.254 is a link-local address", "");
    says(&of(&report, StepKind::Tcp), Status::Skip, "Not tried", "");
}

#[tokio::test]
async fn a_name_that_leads_to_ourselves_is_a_circle() {
    let backend = answering("").await;
    let mut context = context(Vec::new());
    context.names = dns(&[("me.lan", [127, 0, 0, 1])]).await;
    context.own_addresses = Arc::new([format!("0.0.0.0:{}", backend.port()).parse().unwrap()]);
    let report = report(context, &to("me.lan", backend.port())).await;
    says(&of(&report, StepKind::Dns), Status::Fail, "go in a circle", "");
}

#[tokio::test]
async fn a_name_that_nobody_knows_fails() {
    let mut context = context(Vec::new());
    context.names = dns(&[]).await;
    let report = report(context, &to("nowhere.example.org", 80)).await;
    says(&of(&report, StepKind::Dns), Status::Fail, "There is no nowhere.example.org", "spelled rightly");
}

#[tokio::test]
async fn a_dns_server_that_fails_is_told_from_an_unknown_name() {
    let mut context = context(Vec::new());
    context.names = dns(&[]).await;
    let report = report(context, &to("nas.broken", 80)).await;
    says(&of(&report, StepKind::Dns), Status::Fail, "could not be looked up: the DNS server answered", "");
}

#[tokio::test]
async fn a_dns_server_that_says_nothing_is_told_from_an_unknown_name() {
    let deaf = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut context = context(Vec::new());
    context.names = Names::Servers(vec![deaf.local_addr().unwrap()]);
    let report = report(context, &to("nas.example.org", 80)).await;
    says(&of(&report, StepKind::Dns), Status::Fail, "Nobody could say within", "/etc/resolv.conf");
}

#[tokio::test]
async fn the_hosts_file_of_this_host_counts() {
    let file = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = file.lines().map(|line| line.split('#').next().unwrap_or_default());
    let named = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let ip = words.next()?.parse::<std::net::IpAddr>().ok()?;
        Some((words.find(|name| !name.starts_with("localhost"))?.to_owned(), ip))
    });
    // Not every machine has a name of its own there.
    for (name, ip) in named.take(1) {
        let found = within(Names::System.lookup(&name, false, Duration::from_secs(5))).await;
        assert!(found.as_ref().is_ok_and(|found| found.contains(&ip)), "{name} {ip}: {found:?}");
    }
}
