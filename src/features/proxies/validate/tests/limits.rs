//! Bounds of time and number.

use std::sync::Arc;
use std::time::Duration;

use super::support::{answering, at, backend, context, of, says, short, whole, within};
use crate::features::proxies::validate::validator::Limits;
use crate::features::proxies::validate::{Status, StepKind, Validator};

async fn mute() -> std::net::SocketAddr {
    backend(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await
}

#[tokio::test]
async fn a_run_as_a_whole_ends_in_time() {
    let limits = Limits { http: Duration::from_secs(60), total: Duration::from_millis(300), ..short() };
    let validator = Validator::with_limits(context(Vec::new()), limits);
    let report = within(validator.run(&at(mute().await), |_| {})).await;
    says(&of(&report, StepKind::Tcp), Status::Pass, "", "");
    says(&of(&report, StepKind::Http), Status::Fail, "The check as a whole took more than", "overloaded");
    assert_eq!(report.steps.len(), 6);
}

#[tokio::test]
async fn only_a_few_run_at_once_and_the_line_is_bounded() {
    let limits = Limits {
        at_once: 1,
        waiting: 1,
        http: Duration::from_secs(60),
        total: Duration::from_secs(60),
        ..short()
    };
    let validator = Arc::new(Validator::with_limits(context(Vec::new()), limits));
    let (hanging, good) = (at(mute().await), at(answering(whole("200 OK", "", "")).await));
    let (told, mut steps) = tokio::sync::mpsc::unbounded_channel();
    let runs = validator.clone();
    let first = tokio::task::spawn(async move {
        runs.run(&hanging, |step| told.send(step.step).unwrap()).await;
    });
    // It is at work.
    while within(steps.recv()).await != Some(StepKind::Tcp) {}
    let (told, mut steps) = tokio::sync::mpsc::unbounded_channel();
    let (runs, spec) = (validator.clone(), good.clone());
    let second =
        tokio::task::spawn(async move { runs.run(&spec, |step| told.send(step.step).unwrap()).await });
    // What needs no network is told while it waits.
    while within(steps.recv()).await != Some(StepKind::Conflict) {}
    tokio::task::yield_now().await;
    let third = within(validator.run(&good, |_| {})).await;
    says(&of(&third, StepKind::Dns), Status::Fail, "Many proxies are being checked", "again in a moment");
    // Who leaves makes room.
    first.abort();
    let second = within(second).await.unwrap();
    assert!(second.ok, "{second:?}");
    assert!(within(validator.run(&good, |_| {})).await.ok);
}
