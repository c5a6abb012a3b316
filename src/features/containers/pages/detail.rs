//! One container.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use bollard::models::{ContainerInspectResponse, RestartPolicyNameEnum};

use crate::docker::types::Container;
use crate::features::containers::service::Containers;
use crate::features::containers::view::{self, PortView, Since, StateView};
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// What a label's value may be long before it is folded.
const LONG_LABEL: usize = 160;

#[derive(Template)]
#[template(path = "containers/detail.html", blocks = ["content_detail"])]
struct DetailPage {
    shell: Shell,
    name: String,
    state: StateView,
    state_word: &'static str,
    since: Option<Since>,
    facts: Vec<Fact>,
    image: Vec<Fact>,
    ports: Vec<PortRow>,
    networks: Vec<(String, String)>,
    mounts: Vec<MountRow>,
    labels: Vec<Label>,
    siblings: Vec<Sibling>,
    project: String,
    /// Why what only inspect knows is missing.
    missing: String,
}

/// A name and a value; a time has its machine-readable form too.
struct Fact {
    name: &'static str,
    value: String,
    mono: bool,
    time: Option<Since>,
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
) -> Result<Page, WebError> {
    let container = containers.find(&id, query.get("engine"))?;
    let (inspected, missing) = match containers.inspect(&container).await {
        Some(Ok(answer)) => (Some(answer), String::new()),
        Some(Err(error)) => (None, error.to_string()),
        // The banner on top of the page says why.
        None => (None, "they are shown again once Docker answers".to_owned()),
    };
    let now = containers.clock.now();
    // The live topic is named by the full id, whatever the page was asked for by.
    let mut shell = context.shell(container.name.clone(), "containers");
    shell.target = format!("/containers/{}", container.id);
    let page = DetailPage {
        shell,
        name: container.name.clone(),
        state: view::state(&container),
        state_word: container.state.as_str(),
        since: view::since(&container, now),
        facts: facts(&container, inspected.as_ref(), now),
        image: image(&container, inspected.as_ref()),
        ports: ports(&container),
        networks: container.networks.iter().map(|n| (n.name.clone(), n.ip_address.clone())).collect(),
        mounts: mounts(&container),
        labels: labels(&container),
        siblings: siblings(&containers, &container),
        project: container.project.as_deref().unwrap_or_default().to_owned(),
        missing,
    };
    if context.wants_fragment() { Page::render(&page.as_content_detail()) } else { Page::render(&page) }
}

fn fact(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { name, value: value.into(), mono: false, time: None }
}

fn mono(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { mono: true, ..fact(name, value) }
}

fn facts(
    container: &Container,
    inspected: Option<&ContainerInspectResponse>,
    now: jiff::Timestamp,
) -> Vec<Fact> {
    let known = &container.facts;
    let time = |name, at| Fact { time: Some(Since::new(at, now, " ago")), ..fact(name, "") };
    let mut facts = vec![mono("Id", container.short_id()), time("Created", container.created_at)];
    facts.extend(known.started_at.map(|at| time("Started", at)));
    facts.extend(known.finished_at.filter(|_| !container.is_up()).map(|at| time("Ended", at)));
    facts.extend(known.exit_code.map(|code| fact("Exit code", exit_code(code, known.oom_killed))));
    facts.extend(known.error.as_ref().map(|error| fact("Docker's error", error)));
    facts.extend(view::health(container.health).map(|health| {
        let streak = known.failing_streak.unwrap_or(0);
        let more = if streak > 0 { format!(", {streak} checks failed in a row") } else { String::new() };
        fact("Health", format!("{}{more}", health.word))
    }));
    facts.extend(known.restart_count.map(|count| fact("Restarts by Docker", count.to_string())));
    let Some(inspected) = inspected else { return facts };
    let host = inspected.host_config.as_ref();
    facts.extend(host.and_then(|host| host.restart_policy.as_ref()).map(|policy| {
        let word = match policy.name {
            Some(RestartPolicyNameEnum::ALWAYS) => "Always",
            Some(RestartPolicyNameEnum::UNLESS_STOPPED) => "Unless stopped",
            Some(RestartPolicyNameEnum::ON_FAILURE) => "On failure",
            _ => "Never",
        };
        fact("Restart policy", word)
    }));
    facts.extend(command(inspected).map(|command| mono("Command", command)));
    let bytes = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    facts.extend(
        host.and_then(|host| bytes(host.memory)).map(|limit| fact("Memory limit", text::bytes(limit))),
    );
    facts.extend(host.and_then(|host| bytes(host.nano_cpus)).map(|nano| {
        fact("CPU limit", format!("{}.{:02} cores", nano / 1_000_000_000, nano % 1_000_000_000 / 10_000_000))
    }));
    facts
}

fn exit_code(code: i64, oom_killed: bool) -> String {
    let words = match code {
        _ if oom_killed => "the kernel killed it: out of memory",
        0 => "ended by itself",
        125 => "Docker could not start it",
        126 => "its command is not executable",
        127 => "its command was not found",
        130 => "interrupted",
        137 => "killed (SIGKILL)",
        139 => "crashed (SIGSEGV)",
        143 => "stopped (SIGTERM)",
        _ => return code.to_string(),
    };
    format!("{code}, {words}")
}

fn command(inspected: &ContainerInspectResponse) -> Option<String> {
    let path = inspected.path.clone().filter(|path| !path.is_empty())?;
    let arguments = inspected.args.clone().unwrap_or_default();
    let whole = std::iter::once(path).chain(arguments).collect::<Vec<_>>().join(" ");
    Some(text::cut(&whole, 2_000).into_owned())
}

fn image(container: &Container, inspected: Option<&ContainerInspectResponse>) -> Vec<Fact> {
    let id = container.image_id.strip_prefix("sha256:").unwrap_or(&container.image_id);
    let mut image =
        vec![mono("Image", container.image.as_ref()), mono("Image id", id.get(..12).unwrap_or(id))];
    image.extend(inspected.and_then(|i| i.platform.clone()).map(|platform| fact("Platform", platform)));
    if let Some(service) = &container.service {
        image.push(fact("Service", service.as_ref()));
    }
    image
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

fn labels(container: &Container) -> Vec<Label> {
    let labels = container.labels.iter().map(|(key, value)| Label {
        key: text::cut(key, 200).into_owned(),
        value: value.to_string(),
        long: value.len() > LONG_LABEL,
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
