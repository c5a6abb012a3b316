//! The log pages, the fragments that their script fetches, and downloads.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse, Response};
use futures_util::StreamExt;

use super::api::{self, Wanted};
use super::follow::state_html;
use super::line;
use super::query::LogQuery;
use super::read::{self, Part};
use super::source::{self, Members, Source};
use crate::docker::logs::LogStream;
use crate::docker::types::Container;
use crate::features::containers::pages::head::Head;
use crate::features::containers::service::Containers;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

#[derive(Template)]
#[template(path = "containers/logs.html", blocks = ["content_logs"])]
struct LogPage {
    shell: Shell,
    /// Of one container.
    head: Option<Head>,
    /// Of several: what they are, and which.
    title: String,
    members: Vec<Member>,
    query: LogQuery,
    /// As the user typed them.
    since: String,
    until: String,
    wrap: bool,
    times: bool,
    /// The address of this page without its query.
    path: String,
    /// What identifies the source in the query.
    kept: Vec<(&'static str, String)>,
    lines_url: String,
    download_url: String,
    follows: bool,
    state: String,
    lines: String,
    notes: Vec<String>,
    earlier: bool,
    empty: &'static str,
}

struct Member {
    name: String,
    href: String,
    place: usize,
}

const TAILS: [usize; 4] = [100, 500, 1_000, 5_000];
const SINCE: [(&str, &str); 6] = [
    ("", "Any time"),
    ("15m", "Last 15 min"),
    ("1h", "Last hour"),
    ("6h", "Last 6 hours"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
];

impl LogPage {
    fn tails(&self) -> [usize; 4] {
        TAILS
    }

    fn ranges(&self) -> [(&'static str, &'static str); 6] {
        SINCE
    }

    /// Whether `since` is none of the offered ones.
    fn own_since(&self) -> bool {
        SINCE.iter().all(|(value, _)| *value != self.since)
    }

    fn is_stream(&self, name: &str) -> bool {
        self.query.stream.is_some_and(|stream| (stream == LogStream::Stderr) == (name == "stderr"))
    }
}

pub(super) async fn of_one(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Page, WebError> {
    let (_, container) = match Source::one(&containers, &id, query.get("engine")) {
        Err(error @ WebError::NotFound(_)) => {
            return super::super::pages::gone(&containers, &context, &id, error).await;
        }
        other => other?,
    };
    let path = format!("/containers/{}/logs", container.id);
    let head = Head::new(&containers, &container, "logs");
    let up = containers.engine_of(&container).is_some_and(|engine| engine.mirror.snapshot().is_up());
    let page = Opening {
        title: format!("Logs of {}", container.name),
        state: state_html(up, Some(&container)),
        head: Some(head),
        of: Members::one(container),
        path,
        kept: Vec::new(),
    };
    page.open(&containers, &context, &query).await
}

pub(super) async fn of_many(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let source = wanted(&query)?;
    let of = source.containers(&containers);
    let (title, kept) = match &source {
        Source::Project(project) => (format!("Logs of {project}"), ("project", project.clone())),
        Source::Containers(ids) => {
            (format!("Logs of {}", text::count(of.found.len(), "container")), ("c", ids.join(",")))
        }
    };
    let up = containers.engines.iter().any(|engine| engine.mirror.snapshot().is_up());
    let running = of.found.iter().find(|container| container.is_up()).or(of.found.first());
    let state = state_html(up, running.map(AsRef::as_ref));
    let page = Opening { title, state, head: None, of, path: "/logs".to_owned(), kept: vec![kept] };
    page.open(&containers, &context, &query).await
}

fn wanted(query: &QueryMap) -> Result<Source, WebError> {
    Source::read(query).ok_or_else(|| {
        WebError::NotFound("This needs ?project= or ?c= with the ids of containers.".to_owned())
    })
}

/// A page that is being made.
struct Opening {
    title: String,
    state: String,
    head: Option<Head>,
    of: Members,
    path: String,
    kept: Vec<(&'static str, String)>,
}

impl Opening {
    async fn open(
        self,
        containers: &Containers,
        context: &PageContext,
        query: &QueryMap,
    ) -> Result<Page, WebError> {
        let Self { title, state, head, of, path, kept } = self;
        let wanted = LogQuery::read(query, containers.clock.now())?;
        // The script keeps its lines when the rest of the page is fetched anew.
        let mut part = if context.wants_fragment() {
            Part::default()
        } else {
            read::part(containers, &of.found, &wanted).await
        };
        if of.left_out > 0 {
            part.notes.push(format!(
                "{} more containers are left out: a page shows {}.",
                of.left_out,
                source::MOST
            ));
        }
        let address = |end: &str, names: &[&str]| {
            let mut query_of = url::form_urlencoded::Serializer::new(String::new());
            query_of.extend_pairs(&kept);
            query_of.extend_pairs(names.iter().filter_map(|name| Some((*name, query.get(name)?))));
            let query_of = query_of.finish();
            let mark = if query_of.is_empty() { "" } else { "?" };
            format!("{path}{end}{mark}{query_of}")
        };
        let mut shell = context.shell(title.clone(), "containers");
        // The live topic is named by the full id, whatever the page was asked for by.
        shell.target = address("", &["raw", "until", "only"]);
        let page = LogPage {
            shell,
            members: members(&of.found, head.is_some()),
            lines_url: address("/lines", &["stream", "raw"]),
            download_url: address("/download", &["stream", "since", "until", "q", "only"]),
            follows: source::follows(query),
            lines: html(&part, &of, wanted.raw),
            notes: part.notes,
            earlier: part.earlier && !wanted.only && wanted.since.is_none(),
            empty: if wanted.only { "No line contains this." } else { "Nothing has been written yet." },
            since: query.get("since").unwrap_or_default().to_owned(),
            until: query.get("until").unwrap_or_default().to_owned(),
            wrap: query.get("nowrap").is_none(),
            times: query.get("notimes").is_none(),
            query: wanted,
            head,
            title,
            path,
            kept,
            state,
        };
        if context.wants_fragment() { Page::render(&page.as_content_logs()) } else { Page::render(&page) }
    }
}

fn members(of: &[Arc<Container>], one: bool) -> Vec<Member> {
    let shown = of.iter().enumerate().filter(|_| !one);
    shown
        .map(|(place, container)| Member {
            name: container.name.clone(),
            href: format!("/containers/{}/logs", container.id),
            place: place % 6,
        })
        .collect()
}

fn html(part: &Part, of: &Members, raw: bool) -> String {
    let mut html = String::with_capacity(part.lines.len() * 160);
    for read in &part.lines {
        let container = of.found.get(read.of).filter(|_| of.many);
        let whose = container.map(|one| line::Of { place: read.of, id: &one.id, name: &one.name });
        line::push(&read.line, whose, raw, &mut html);
    }
    html
}

pub(super) async fn lines_of_one(
    State(containers): State<Arc<Containers>>,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Response, WebError> {
    let (_, container) = Source::one(&containers, &id, query.get("engine"))?;
    lines(&containers, &Members::one(container), &query).await
}

pub(super) async fn lines_of_many(
    State(containers): State<Arc<Containers>>,
    query: QueryMap,
) -> Result<Response, WebError> {
    let of = wanted(&query)?.containers(&containers);
    lines(&containers, &of, &query).await
}

/// `?after=<ns>`: the lines from then on. `?before=<ns>&known=N`: those before, of which N come after it.
async fn lines(containers: &Containers, of: &Members, query: &QueryMap) -> Result<Response, WebError> {
    let wanted = LogQuery::read(query, containers.clock.now())?;
    let number = |name: &'static str| {
        query
            .get(name)
            .map(|text| text.parse::<i64>().map_err(|_| WebError::field(name, "takes a number.")))
            .transpose()
    };
    let part = match (number("after")?, number("before")?) {
        (Some(at), _) => read::after(containers, &of.found, &wanted, at).await,
        (None, Some(at)) => {
            let known = number("known")?.and_then(|known| usize::try_from(known).ok()).unwrap_or(0);
            read::before(containers, &of.found, &wanted, at, known.min(1_000_000)).await
        }
        (None, None) => return Err(WebError::field("after", "takes a time in nanoseconds; or give before.")),
    };
    let mut html = html(&part, of, wanted.raw);
    for note in &part.notes {
        line::push_note(note, &mut html);
    }
    let earlier = if part.earlier { "1" } else { "0" };
    // Whether what was asked for could be read.
    let whole = if part.failed { "0" } else { "1" };
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-log-earlier"), earlier),
        (HeaderName::from_static("x-log-whole"), whole),
    ];
    Ok((headers, Html(html)).into_response())
}

pub(super) async fn download_one(
    State(containers): State<Arc<Containers>>,
    Path(id): Path<String>,
    identity: Identity,
    query: QueryMap,
) -> Result<Response, WebError> {
    let (_, container) = Source::one(&containers, &id, query.get("engine"))?;
    let name = container.name.clone();
    download(&containers, Members::one(container), &name, identity, &query).await
}

pub(super) async fn download_many(
    State(containers): State<Arc<Containers>>,
    identity: Identity,
    query: QueryMap,
) -> Result<Response, WebError> {
    let source = wanted(&query)?;
    let name = match &source {
        Source::Project(project) => project.clone(),
        Source::Containers(_) => "containers".to_owned(),
    };
    download(&containers, source.containers(&containers), &name, identity, &query).await
}

/// The logs as a file, one after the other; a line of several names its container. What cannot be read is told in
/// its place.
async fn download(
    containers: &Arc<Containers>,
    of: Members,
    name: &str,
    identity: Identity,
    query: &QueryMap,
) -> Result<Response, WebError> {
    let now = containers.clock.now();
    let wanted = Wanted::read(query, now)?.whole();
    let many = of.many;
    let all = containers.clone();
    let texts = futures_util::stream::iter(of.found).then(move |container| {
        let (all, wanted) = (all.clone(), wanted.clone());
        let (session, stop) = (identity.ended.clone(), all.lifecycle.stopping());
        async move {
            let (name, shown) = (container.name.clone(), many.then(|| container.name.clone()));
            match api::text_of(&all, container, wanted, shown, session, stop).await {
                Ok(text) => text.boxed(),
                Err(error) => {
                    let line = Bytes::from(format!("# {name}: {error}\n"));
                    futures_util::stream::once(async move { Ok(line) }).boxed()
                }
            }
        }
    });
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let file = format!("attachment; filename=\"{safe}-{}.log\"", now.strftime("%Y%m%d-%H%M%S"));
    let mut response = api::plain(texts.flatten());
    if let Ok(file) = file.parse() {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, file);
    }
    Ok(response)
}
