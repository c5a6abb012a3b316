//! The check of a proxy, step by step as it goes.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::features::proxies::model::ProxySpec;
use crate::features::proxies::service::Proxies;
use crate::features::proxies::validate::{Report, Status, Step, StepKind};

/// The steps, those that are yet to come as well.
#[derive(Template)]
#[template(path = "proxies/_check.html")]
pub(super) struct StepsView {
    pub(super) steps: Vec<StepView>,
    /// In a sentence; empty while it runs.
    pub(super) verdict: &'static str,
    tone: &'static str,
    icon: &'static str,
}

/// One step.
pub(super) struct StepView {
    title: &'static str,
    icon: &'static str,
    tone: &'static str,
    word: &'static str,
    took: String,
    detail: String,
    hint: String,
}

fn title(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Syntax => "What was typed",
        StepKind::Conflict => "Other claims",
        StepKind::Dns => "DNS",
        StepKind::Tcp => "Connection",
        StepKind::Tls => "TLS",
        StepKind::Http => "Answer",
    }
}

impl StepsView {
    /// What is known so far.
    fn so_far(steps: &[Step]) -> Self {
        let mut views: Vec<StepView> = steps.iter().map(StepView::of).collect();
        let running = StepKind::ALL.into_iter().skip(views.len()).take(1);
        views.extend(running.map(|kind| StepView::waiting(kind, "s-start", "info", "Checking")));
        let later = StepKind::ALL.into_iter().skip(views.len());
        views.extend(later.map(|kind| StepView::waiting(kind, "circle-dashed", "idle", "Waiting")));
        Self { steps: views, verdict: "", tone: "info", icon: "s-start" }
    }

    /// All that was found.
    pub(super) fn whole(report: &Report) -> Self {
        let (tone, icon, verdict) = match report.worst() {
            Status::Fail => ("bad", "circle-x", "It would not work like this."),
            Status::Warn => ("warn", "triangle-alert", "It works, with something to look at."),
            _ => ("ok", "circle-check", "It works."),
        };
        Self { steps: report.steps.iter().map(StepView::of).collect(), verdict, tone, icon }
    }
}

impl StepView {
    fn of(step: &Step) -> Self {
        let (icon, tone, word) = match step.status {
            Status::Pass => ("s-run", "ok", "Fine"),
            Status::Warn => ("s-warn", "warn", "Look"),
            Status::Fail => ("s-bad", "bad", "Failed"),
            Status::Skip => ("s-off", "idle", "Skipped"),
        };
        let took = if step.status == Status::Skip || step.ms == 0 {
            String::new()
        } else {
            format!("{}\u{a0}ms", step.ms)
        };
        let (detail, hint) = (step.detail.clone(), step.hint.clone());
        Self { title: title(step.step), icon, tone, word, took, detail, hint }
    }

    fn waiting(kind: StepKind, icon: &'static str, tone: &'static str, word: &'static str) -> Self {
        let (took, detail, hint) = (String::new(), String::new(), String::new());
        Self { title: title(kind), icon, tone, word, took, detail, hint }
    }
}

/// Checks a proxy, and sends what is known whenever a step has finished: messages that htmx swaps in. Whoever goes away
/// ends it.
pub(super) fn stream(proxies: Arc<Proxies>, spec: ProxySpec, not: Option<i64>, is_kept: bool) -> Response {
    let (tell, told) = mpsc::channel::<String>(16);
    let work = async move {
        let mut steps: Vec<Step> = Vec::new();
        // A page that cannot be rendered is one message less.
        let send = |view: StepsView| drop(view.render().map(|html| tell.try_send(html)));
        send(StepsView::so_far(&steps));
        let report = proxies
            .validate(&spec, not, |step| {
                steps.push(step.clone());
                send(StepsView::so_far(&steps));
            })
            .await;
        send(StepsView::whole(&report));
        // What is only typed is nobody else's business.
        if let Some(id) = not.filter(|_| is_kept) {
            proxies.note_report(id, report);
        }
    };
    let messages =
        futures_util::stream::unfold(told, |mut told| async move { Some((told.recv().await?, told)) });
    // It is the stream itself that makes the work go on.
    let work = futures_util::stream::once(work).filter_map(|()| std::future::ready(None::<String>));
    let frames = futures_util::stream::select(messages, work).map(|html| Ok::<_, Infallible>(frame(&html)));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}

fn frame(html: &str) -> Bytes {
    let mut text = String::with_capacity(html.len() + 64);
    for line in html.lines() {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    Bytes::from(text)
}
