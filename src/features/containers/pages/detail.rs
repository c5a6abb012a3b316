//! One container.

mod facts;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use self::facts::{Check, Fact};
use super::environment::Environment;
use super::gone::gone;
use super::head::Head;
use crate::docker::types::Container;
use crate::features::containers::now::NowView;
use crate::features::containers::secrets;
use crate::features::containers::service::Containers;
use crate::features::containers::view::{self, PortView, StateView};
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, Role, WebError};

/// What a label's value may be long before it is folded.
const LONG_LABEL: usize = 160;

#[derive(Template)]
#[template(path = "containers/detail.html", blocks = ["content_detail"])]
struct DetailPage {
    shell: Shell,
    head: Head,
    state_word: &'static str,
    now: NowView,
    facts: Vec<Fact>,
    process: Vec<Fact>,
    image: Vec<Fact>,
    health_command: String,
    checks: Vec<Check>,
    environment: Environment,
    ports: Vec<PortRow>,
    networks: Vec<(String, String)>,
    mounts: Vec<MountRow>,
    labels: Vec<Label>,
    siblings: Vec<Sibling>,
    project: String,
    project_logs: String,
    /// Why what only inspect knows is missing.
    missing: String,
}

struct PortRow {
    inside: String,
    published: Option<PortView>,
}

struct MountRow {
    kind: String,
    source: String,
    destination: String,
    read_only: bool,
}

struct Label {
    key: String,
    value: String,
    long: bool,
}

struct Sibling {
    id: String,
    name: String,
    service: String,
    state: StateView,
}

pub(in crate::features::containers) async fn detail(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Response, WebError> {
    // The tabs have addresses of their own.
    if let Some(tab @ ("stats" | "logs" | "events" | "inspect")) = query.get("tab") {
        return Ok(Redirect::to(&format!("/containers/{id}/{tab}")).into_response());
    }
    let container = match containers.find(&id, query.get("engine")) {
        Err(error @ WebError::NotFound(_)) => {
            return Ok(gone(&containers, &context, &id, error).await?.into_response());
        }
        other => other?,
    };
    Ok(page(&containers, &context, &container, false).await?.into_response())
}

/// The overview; with the values of its environment when an operator asked for them.
pub(super) async fn page(
    containers: &Arc<Containers>,
    context: &PageContext,
    container: &Arc<Container>,
    values: bool,
) -> Result<Page, WebError> {
    let (inspected, missing) = match containers.inspect(container).await {
        Some(Ok(answer)) => (Some(answer), String::new()),
        Some(Err(error)) => (None, error.to_string()),
        // The banner on top of the page says why.
        None => (None, "they are shown again once Docker answers".to_owned()),
    };
    let now = containers.clock.now();
    let inspected = inspected.as_ref();
    // Who may only look does not see what looks like a secret.
    let masked = !context.may(Role::Operator);
    let (health_command, checks) = facts::checks(inspected, masked, now);
    // The live topic is named by the full id, whatever the page was asked for by.
    let mut shell = context.shell(container.name.clone(), "containers");
    shell.target = format!("/containers/{}", container.id);
    let page = DetailPage {
        shell,
        head: Head::new(containers, container, "overview"),
        state_word: container.state.as_str(),
        now: now_view(containers, container),
        facts: facts::state(container, inspected, now),
        process: facts::process(inspected, masked),
        image: facts::image(container, inspected, containers.engine_of(container).map(AsRef::as_ref), now),
        health_command,
        checks,
        environment: Environment::of(container, inspected, values),
        ports: ports(container),
        networks: container.networks.iter().map(|n| (n.name.clone(), n.ip_address.clone())).collect(),
        mounts: mounts(container),
        labels: labels(container, masked),
        siblings: siblings(containers, container),
        project: container.project.as_deref().unwrap_or_default().to_owned(),
        project_logs: container.project.as_deref().map(super::list::logs_of_project).unwrap_or_default(),
        missing,
    };
    if context.wants_fragment() { Page::render(&page.as_content_detail()) } else { Page::render(&page) }
}

fn now_view(containers: &Containers, container: &Container) -> NowView {
    match containers.engine_of(container) {
        Some(engine) => NowView::new(container, engine.stats.of(&container.id).as_deref(), engine),
        None => NowView::default(),
    }
}

fn ports(container: &Container) -> Vec<PortRow> {
    let mut rows: Vec<PortRow> = Vec::new();
    for port in &container.ports {
        let inside = format!("{}/{}", port.container_port, port.protocol);
        let published = view::ports(std::slice::from_ref(port)).0.into_iter().next();
        if !rows.iter().any(|row| row.inside == inside && row.published == published) {
            rows.push(PortRow { inside, published });
        }
    }
    rows
}

fn mounts(container: &Container) -> Vec<MountRow> {
    let rows = container.mounts.iter().map(|mount| MountRow {
        kind: mount.kind.clone(),
        source: mount.source.clone(),
        destination: mount.destination.clone(),
        read_only: mount.read_only,
    });
    rows.collect()
}

fn labels(container: &Container, masked: bool) -> Vec<Label> {
    let labels = container.labels.iter().map(|(key, value)| {
        let value = if masked { secrets::masked_value(key, value) } else { value.to_string() };
        Label { key: text::cut(key, 200).into_owned(), long: value.len() > LONG_LABEL, value }
    });
    labels.collect()
}

fn siblings(containers: &Containers, container: &Container) -> Vec<Sibling> {
    let Some(project) = &container.project else { return Vec::new() };
    containers
        .of_project(project, container)
        .into_iter()
        .map(|sibling| Sibling {
            id: sibling.id.to_string(),
            name: sibling.name.clone(),
            service: sibling.service.as_deref().unwrap_or_default().to_owned(),
            state: view::state(&sibling),
        })
        .collect()
}
