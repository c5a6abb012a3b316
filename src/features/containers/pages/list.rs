//! The list.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use crate::docker::Snapshot;
use crate::docker::mirror::Counts;
use crate::docker::types::{Container, EngineStatus, Health, State as ContainerState};
use crate::features::containers::query::{ListQuery, Sort, SortBy};
use crate::features::containers::row::RowAt;
use crate::features::containers::service::{Containers, Listed};
use crate::features::containers::usage::{Sum, group_id};
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, Role, WebError};

/// How many rows a page shows before "Show more".
const ROWS: usize = 500;
const MAX_ROWS: usize = 5_000;

#[derive(Template)]
#[template(path = "containers/list.html", blocks = ["content_list"])]
struct ListPage {
    shell: Shell,
    query: ListQuery,
    subtitle: String,
    chips: Vec<Chip>,
    columns: Vec<Column>,
    groups: Vec<Group>,
    grouped: bool,
    group_url: String,
    projects: Vec<ProjectChoice>,
    kept: Vec<(&'static str, String)>,
    shown: usize,
    matching: usize,
    more_url: String,
    empty: Option<Empty>,
    bulk: &'static [(&'static str, &'static str, &'static str)],
}

/// What can be done to a selection: verb, label, icon.
const BULK: [(&str, &str, &str); 6] = [
    ("start", "Start", "play"),
    ("stop", "Stop", "square"),
    ("restart", "Restart", "rotate-cw"),
    ("pause", "Pause", "pause"),
    ("unpause", "Unpause", "play"),
    ("remove", "Remove", "trash-2"),
];

struct Chip {
    label: &'static str,
    icon: &'static str,
    tone: &'static str,
    count: usize,
    url: String,
    current: bool,
}

struct Column {
    label: &'static str,
    class: &'static str,
    url: String,
    /// `ascending`, `descending` or nothing.
    sorted: &'static str,
}

struct Group {
    /// The id of its element: the same for a project whichever other groups there are, or a live update
    /// would turn one group into another.
    id: String,
    /// Empty when the list is not grouped.
    name: String,
    summary: String,
    /// Where the logs of the whole project are; empty for what is no project.
    logs: String,
    trouble: bool,
    /// What all of the project use, filters aside.
    cpu: String,
    memory: String,
    rows: Vec<RowAt>,
}

struct ProjectChoice {
    value: String,
    label: String,
    selected: bool,
}

struct Empty {
    icon: &'static str,
    title: String,
    text: String,
    link: Option<(&'static str, &'static str)>,
}

pub(in crate::features::containers) async fn list(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let wanted = ListQuery { masked: !context.may(Role::Operator), ..ListQuery::read(&query)? };
    let grouped = query.get("group") != Some("none");
    let limit = query.get("rows").and_then(|rows| rows.parse().ok()).unwrap_or(ROWS).clamp(ROWS, MAX_ROWS);
    let listed = containers.list(&wanted, default_sort(&containers));
    let links = Links { query: &query };
    let now = containers.clock.now();
    let matching = listed.len();
    let shown = listed.iter().take(limit);
    let rows = Rows { containers: &containers, now };
    let groups = if grouped { by_project(shown, &rows)? } else { vec![one_group(shown, &rows)?] };
    let page = ListPage {
        subtitle: subtitle(&listed),
        chips: chips(&links, listed.counts, &wanted),
        columns: columns(&links, wanted.sort),
        groups: groups.into_iter().filter(|group| !group.rows.is_empty()).collect(),
        grouped,
        group_url: links.with(&[("group", if grouped { "none" } else { "" })]),
        projects: projects(&listed, &wanted),
        kept: links.kept(),
        shown: matching.min(limit),
        matching,
        more_url: links.with(&[("rows", &(limit + ROWS).to_string())]),
        empty: (matching == 0).then(|| empty(&listed, &wanted)),
        shell: context.shell("Containers", "containers"),
        query: wanted,
        bulk: &BULK,
    };
    if context.wants_fragment() { Page::render(&page.as_content_list()) } else { Page::render(&page) }
}

/// By name; a host with thousands of stopped containers shows first what is up.
fn default_sort(containers: &Containers) -> SortBy {
    if containers.total() > ROWS { SortBy::State } else { SortBy::Name }
}

/// Addresses of the same list with other parameters.
struct Links<'a> {
    query: &'a QueryMap,
}

impl Links<'_> {
    const KEPT: [&'static str; 8] = ["q", "state", "health", "project", "engine", "stale", "sort", "group"];

    /// This view with some parameters changed; an empty value takes one out.
    fn with(&self, changed: &[(&str, &str)]) -> String {
        let mut url = url::form_urlencoded::Serializer::new(String::new());
        for name in Self::KEPT {
            let value = match changed.iter().find(|(key, _)| *key == name) {
                Some((_, value)) => Some(*value).filter(|value| !value.is_empty()),
                None => self.query.get(name),
            };
            if let Some(value) = value {
                url.append_pair(name, value);
            }
        }
        if let Some((_, rows)) = changed.iter().find(|(key, _)| *key == "rows") {
            url.append_pair("rows", rows);
        }
        let query = url.finish();
        if query.is_empty() { "/containers".to_owned() } else { format!("/containers?{query}") }
    }

    /// What the search form must not lose.
    fn kept(&self) -> Vec<(&'static str, String)> {
        let kept = Self::KEPT.into_iter().filter(|name| !matches!(*name, "q" | "project"));
        kept.filter_map(|name| Some((name, self.query.get(name)?.to_owned()))).collect()
    }
}

fn subtitle(listed: &Listed) -> String {
    let counts = listed.counts;
    let host = listed.engines.first().map(|engine| engine.info.name.clone()).filter(|name| !name.is_empty());
    let on = host.map(|host| format!(" on {host}")).unwrap_or_default();
    let up = listed.engines.iter().any(|engine| engine.status == EngineStatus::Up);
    match counts.total {
        0 if !up => "None known yet".to_owned(),
        0 => format!("No containers{on}"),
        total => format!("{} of {total} running{on}", counts.running),
    }
}

fn chips(links: &Links<'_>, counts: Counts, wanted: &ListQuery) -> Vec<Chip> {
    let all = wanted.states.is_empty() && wanted.healths.is_empty();
    let mut chips = vec![Chip {
        label: "All",
        icon: "",
        tone: "",
        count: counts.total,
        url: links.with(&[("state", ""), ("health", "")]),
        current: all,
    }];
    let states = [
        ("Running", "s-run", "ok", "running", counts.running, ContainerState::Running),
        ("Restarting", "s-start", "info", "restarting", counts.restarting, ContainerState::Restarting),
        ("Paused", "s-pause", "idle", "paused", counts.paused, ContainerState::Paused),
        ("Stopped", "s-off", "idle", "exited,created,dead", counts.stopped, ContainerState::Exited),
    ];
    for (label, icon, tone, value, count, state) in states {
        let current = wanted.states.contains(&state) && wanted.healths.is_empty();
        // A chip for nothing is noise, unless it is the one that is on.
        if count > 0 || current || state == ContainerState::Running {
            let url = links.with(&[("state", value), ("health", "")]);
            chips.push(Chip { label, icon, tone, count, url, current });
        }
    }
    let current = wanted.healths.contains(&Health::Unhealthy);
    if counts.unhealthy > 0 || current {
        let url = links.with(&[("state", ""), ("health", "unhealthy")]);
        let chip =
            Chip { label: "Unhealthy", icon: "s-warn", tone: "warn", count: counts.unhealthy, url, current };
        chips.insert(2.min(chips.len()), chip);
    }
    chips
}

fn columns(links: &Links<'_>, sort: Option<Sort>) -> Vec<Column> {
    let mut columns = vec![("Name", "", SortBy::Name), ("State", "k-state", SortBy::State)];
    columns.push(("Project", "k-project", SortBy::Project));
    columns.push(("CPU", "k-cpu", SortBy::Cpu));
    columns.push(("Memory", "k-mem", SortBy::Memory));
    columns
        .into_iter()
        .map(|(label, class, by)| {
            let current = sort.filter(|sort| sort.by == by);
            // Of what is used, the most is asked for first.
            let most_first = matches!(by, SortBy::Cpu | SortBy::Memory);
            let next = Sort { by, descending: current.map_or(most_first, |sort| !sort.descending) };
            Column {
                label,
                class,
                url: links.with(&[("sort", &next.param())]),
                sorted: match current {
                    Some(Sort { descending: true, .. }) => "descending",
                    Some(_) => "ascending",
                    None => "",
                },
            }
        })
        .collect()
}

/// Makes rows.
struct Rows<'a> {
    containers: &'a Containers,
    now: jiff::Timestamp,
}

impl Rows<'_> {
    fn of<'a>(&self, members: impl Iterator<Item = &'a Arc<Container>>) -> Result<Vec<RowAt>, WebError> {
        let members: Vec<&Arc<Container>> = members.collect();
        let cells = self.containers.cells_of(&members);
        let rows = members.into_iter().zip(cells);
        Ok(self.containers.rows.of(rows, &self.containers.pending, &self.containers.stale(), self.now)?)
    }
}

fn one_group<'a>(
    members: impl Iterator<Item = &'a Arc<Container>>,
    rows: &Rows<'_>,
) -> Result<Group, WebError> {
    let rows = rows.of(members)?;
    Ok(Group {
        id: "g-all".to_owned(),
        name: String::new(),
        summary: String::new(),
        logs: String::new(),
        trouble: false,
        cpu: String::new(),
        memory: String::new(),
        rows,
    })
}

/// One group a project, by name; those without a project last. Inside, the list's own order.
fn by_project<'a>(
    containers: impl Iterator<Item = &'a Arc<Container>>,
    rows: &Rows<'_>,
) -> Result<Vec<Group>, WebError> {
    let mut projects: std::collections::BTreeMap<(bool, &str), Vec<&Arc<Container>>> = Default::default();
    for container in containers {
        let project = container.project.as_deref();
        projects.entry((project.is_none(), project.unwrap_or_default())).or_default().push(container);
    }
    let sums = rows.containers.sums();
    let only_loose = projects.len() == 1 && projects.keys().all(|(loose, _)| *loose);
    projects
        .into_iter()
        .map(|((loose, project), members)| {
            let running = members.iter().filter(|c| c.state == ContainerState::Running).count();
            let unhealthy = members.iter().filter(|c| c.health == Health::Unhealthy).count();
            let summary = match (unhealthy, running == members.len()) {
                (0, true) => format!("{running} running"),
                (0, false) => format!("{running} of {} running", members.len()),
                (n, _) => format!("{n} of {} unhealthy", members.len()),
            };
            let name = match (only_loose, loose) {
                (true, _) => String::new(),
                (false, true) => "No project".to_owned(),
                (false, false) => project.to_owned(),
            };
            let rows = rows.of(members.into_iter())?;
            let logs = if loose { String::new() } else { logs_of_project(project) };
            let (cpu, memory) = sums.get(&group_id(loose, project)).map(Sum::words).unwrap_or_default();
            Ok(Group {
                id: group_id(loose, project),
                name,
                summary,
                logs,
                trouble: unhealthy > 0,
                cpu,
                memory,
                rows,
            })
        })
        .collect()
}

pub(super) fn logs_of_project(project: &str) -> String {
    let project: String = url::form_urlencoded::byte_serialize(project.as_bytes()).collect();
    format!("/logs?project={project}")
}

fn projects(listed: &Listed, wanted: &ListQuery) -> Vec<ProjectChoice> {
    let mut choices: Vec<ProjectChoice> = listed
        .projects()
        .iter()
        .map(|project| ProjectChoice {
            value: project.to_string(),
            label: project.to_string(),
            selected: wanted.project.as_deref() == Some(project),
        })
        .collect();
    if !choices.is_empty() {
        let selected = wanted.project.as_deref() == Some("-");
        choices.push(ProjectChoice { value: "-".to_owned(), label: "No project".to_owned(), selected });
    }
    choices
}

fn empty(listed: &Listed, wanted: &ListQuery) -> Empty {
    let unreachable = listed.engines.iter().find_map(|engine: &Arc<Snapshot>| match &engine.status {
        EngineStatus::Up => None,
        EngineStatus::Connecting => Some(("Connecting to Docker", "Containers appear here by themselves.")),
        // The banner on top of the page says why.
        EngineStatus::Down(_) => {
            Some(("Docker is not reachable", "Containers appear here by themselves once it answers."))
        }
    });
    if listed.counts.total > 0 && wanted.filters() {
        let shown = text::cut(&wanted.q, 60);
        let title = if wanted.q.is_empty() {
            "No containers match these filters".to_owned()
        } else {
            format!("No containers match “{shown}”")
        };
        let text = "The search looks at name, image, id, project and labels.".to_owned();
        return Empty { icon: "search", title, text, link: Some(("Clear filters", "/containers")) };
    }
    match unreachable {
        Some((title, text)) => {
            Empty { icon: "unplug", title: title.to_owned(), text: text.to_owned(), link: None }
        }
        None => Empty {
            icon: "box",
            title: "No containers yet".to_owned(),
            text: "Start one, with docker run or docker compose up, and it appears here by itself."
                .to_owned(),
            link: None,
        },
    }
}
