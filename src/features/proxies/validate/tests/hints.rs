//! What Docker knows, as advice.

use jiff::Timestamp;

use super::support::{answering, at, dns};
use super::support::{
    backend, closed_port, context, exposed, inside, of, report, running, says, to, to_container, whole,
};
use crate::docker::types::{Container, Health, Network, State};
use crate::features::proxies::model::ProxySpec;
use crate::features::proxies::validate::{Status, Step, StepKind};

async fn found(containers: Vec<Container>, spec: &ProxySpec, kind: StepKind) -> Step {
    of(&report(context(containers), spec).await, kind)
}

fn at_moment(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[tokio::test]
async fn a_wrong_port_of_a_container_names_the_right_one() {
    let wrong = closed_port().await.port();
    let blog = running("blog", "127.0.0.1", &[3000]);
    let step = found(vec![blog.clone()], &to_container("blog", wrong), StepKind::Tcp).await;
    says(&step, Status::Fail, "refused", "The container blog listens on 3000: take that port.");
    // The same by its address.
    let step = found(vec![blog], &to("127.0.0.1", wrong), StepKind::Tcp).await;
    says(&step, Status::Fail, "refused", "The container blog listens on 3000");
}

#[tokio::test]
async fn a_container_that_does_not_listen_where_it_says() {
    let port = closed_port().await.port();
    let mut blog = running("blog", "127.0.0.1", &[port]);
    let step = found(vec![blog.clone()], &to_container("blog", port), StepKind::Tcp).await;
    says(&step, Status::Fail, "refused", "must listen on 0.0.0.0");
    blog.facts.started_at = at_moment("2026-06-01T11:59:55Z");
    let step = found(vec![blog.clone()], &to_container("blog", port), StepKind::Tcp).await;
    says(&step, Status::Fail, "refused", "was started 5\u{a0}s ago: it may need a moment");
    blog.health = Health::Starting;
    let step = found(vec![blog.clone()], &to_container("blog", port), StepKind::Tcp).await;
    says(&step, Status::Fail, "refused", "still starting");
    blog.health = Health::Unhealthy;
    let step = found(vec![blog], &to_container("blog", port), StepKind::Tcp).await;
    says(&step, Status::Fail, "refused", "its health check fails");
}

#[tokio::test]
async fn a_container_that_does_not_run_says_since_when() {
    let mut blog = running("blog", "", &[80]);
    blog.state = State::Exited;
    blog.facts.exit_code = Some(137);
    blog.facts.finished_at = at_moment("2026-06-01T11:57:00Z");
    let step = found(vec![blog.clone()], &to_container("blog", 80), StepKind::Dns).await;
    says(&step, Status::Fail, "does not run", "blog ended with code 137 3\u{a0}min ago: start it.");
    blog.state = State::Paused;
    let step = found(vec![blog.clone()], &to_container("blog", 80), StepKind::Dns).await;
    says(&step, Status::Fail, "is paused", "resume it");
    blog.state = State::Created;
    let step = found(vec![blog], &to_container("blog", 80), StepKind::Dns).await;
    says(&step, Status::Fail, "never started", "start it");
}

#[tokio::test]
async fn a_container_that_does_not_exist_may_have_one_like_it() {
    let blog = running("blog", "", &[]);
    let step = found(vec![blog.clone()], &to_container("blogg", 80), StepKind::Dns).await;
    says(&step, Status::Fail, "There is no container blogg.", "There is a container blog: is it meant?");
    let step = found(vec![blog], &to_container("postgres", 80), StepKind::Dns).await;
    assert_eq!(step.hint, "");
}

#[tokio::test]
async fn a_network_that_we_are_not_in_is_named() {
    let own = running("dw", "172.17.0.9", &[]);
    let mut blog = running("blog", "", &[80]);
    blog.networks = vec![Network { name: "backend".into(), ip_address: "172.20.0.2".into() }];
    let id = own.id.to_string();
    let step =
        of(&report(inside(vec![own, blog], Some(&id)), &to_container("blog", 80)).await, StepKind::Dns);
    says(
        &step,
        Status::Fail,
        "network backend",
        "The container is on the network backend, which the gateway cannot reach: connect it with docker network \
         connect backend dw",
    );
}

#[tokio::test]
async fn localhost_is_seldom_what_is_meant() {
    let port = closed_port().await.port();
    let blog = running("blog", "172.17.0.2", &[port]);
    let step = found(vec![blog.clone()], &to("localhost", port), StepKind::Tcp).await;
    let hint = format!("localhost here means this host: use the container blog, which listens on {port}");
    says(&step, Status::Fail, "refused", &hint);
    let own = running("dw", "172.17.0.9", &[]);
    let id = own.id.to_string();
    let inner = |containers| inside(containers, Some(&id));
    let step = of(&report(inner(vec![own.clone(), blog]), &to("127.0.0.1", port)).await, StepKind::Tcp);
    says(
        &step,
        Status::Fail,
        "refused",
        "127.0.0.1 here means Docker Watcher's own container: use the container blog",
    );
    let step = of(&report(inner(vec![own]), &to("localhost", port)).await, StepKind::Tcp);
    says(&step, Status::Fail, "refused", "own container: choose a container as the destination");
}

#[tokio::test]
async fn a_published_port_without_a_listener_behind_it_is_explained() {
    let address = backend(|stream| async move { drop(stream) }).await;
    let mut blog = running("blog", "172.17.0.2", &[3000]);
    blog.ports.push(exposed(80, Some(address.port())));
    let step = found(vec![blog], &at(address), StepKind::Http).await;
    says(
        &step,
        Status::Fail,
        "closed the connection",
        "Docker takes connections to a published port even if nothing",
    );
    says(&step, Status::Fail, "", "nothing in it takes connections at its port 80");
}

#[tokio::test]
async fn a_paused_container_behind_a_silent_port_is_named() {
    let address = backend(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let mut blog = running("blog", "172.17.0.2", &[]);
    blog.state = State::Paused;
    blog.ports = vec![exposed(80, Some(address.port()))];
    let step = found(vec![blog], &at(address), StepKind::Http).await;
    says(&step, Status::Fail, "did not answer", "The container blog is paused: resume it.");
}

#[tokio::test]
async fn an_error_of_an_unhealthy_container_says_so() {
    let address = answering(whole("502 Bad Gateway", "", "")).await;
    let mut blog = running("blog", "127.0.0.1", &[address.port()]);
    blog.health = Health::Unhealthy;
    let step = found(vec![blog], &to_container("blog", address.port()), StepKind::Http).await;
    says(&step, Status::Fail, "502", "its health check fails");
}

#[tokio::test]
async fn the_name_of_a_container_is_no_name_of_the_host() {
    let mut web = running("shop-web-1", "172.17.0.2", &[]);
    web.project = Some("shop".into());
    web.service = Some("frontend".into());
    let unresolved = async |name: &str| {
        let mut context = context(vec![running("blog", "172.17.0.3", &[]), web.clone()]);
        context.names = dns(&[]).await;
        of(&report(context, &to(name, 80)).await, StepKind::Dns)
    };
    let step = unresolved("blog").await;
    says(&step, Status::Fail, "There is no blog", "blog is a container: choose it as the destination");
    says(&unresolved("blgo").await, Status::Fail, "", "There is a container blog");
    says(&unresolved("frontend").await, Status::Fail, "", "choose shop/frontend");
    says(&unresolved("printer").await, Status::Fail, "", "without a dot");
}

#[tokio::test]
async fn labels_that_claim_a_domain_are_named() {
    let address = answering(whole("200 OK", "", "")).await;
    let mut old = running("old-blog", "172.17.0.2", &[]);
    old.labels.insert("traefik.http.routers.blog.rule".into(), "Host(`blog.localhost`)".into());
    let step = found(vec![old.clone()], &at(address), StepKind::Conflict).await;
    says(
        &step,
        Status::Warn,
        "The container old-blog claims blog.localhost by its label traefik.http.routers.blog.rule.",
        "take the label away",
    );
    old.labels.insert("traefik.enable".into(), "false".into());
    says(&found(vec![old.clone()], &at(address), StepKind::Conflict).await, Status::Pass, "Nobody else", "");
    old.labels.insert("caddy_1".into(), "https://blog.localhost".into());
    says(
        &found(vec![old.clone()], &at(address), StepKind::Conflict).await,
        Status::Warn,
        "label caddy_1",
        "",
    );
    old.state = State::Exited;
    says(&found(vec![old], &at(address), StepKind::Conflict).await, Status::Pass, "Nobody else", "");
}
