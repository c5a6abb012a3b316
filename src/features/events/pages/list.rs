//! `/events`.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use super::view::{Entry, Rows, entries};
use crate::features::events::query::EventQuery;
use crate::features::events::service::{Events, audience};
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::journal::search::Bucket;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

/// How many events a page shows before "Load more".
const ROWS: usize = 100;
/// How many new events are put on top at once.
const NEW: usize = 200;
/// How many bars the histogram has.
const BARS: i64 = 60;
/// The shortest time the histogram shows when none is asked for, ms.
const HOUR_MS: i64 = 3_600_000;
/// How high the bars are.
const HEIGHT: u64 = 48;

#[derive(Template)]
#[template(path = "events/list.html", blocks = ["content_events"])]
struct ListPage {
    shell: Shell,
    query: EventQuery,
    severities: Vec<Chip>,
    sources: Vec<Chip>,
    ranges: Vec<Chip>,
    custom: bool,
    since: String,
    until: String,
    kept: Vec<(&'static str, String)>,
    subject: String,
    clear: String,
    bars: Vec<Bar>,
    bars_of: String,
    entries: Vec<Entry>,
    more_url: String,
    export_ndjson: String,
    export_csv: String,
    newest: i64,
    empty: (&'static str, String),
    live: bool,
}

struct Chip {
    label: &'static str,
    tone: &'static str,
    icon: &'static str,
    url: String,
    current: bool,
}

struct Bar {
    x: u64,
    title: String,
    url: String,
    /// Info, warning, error from below: `y` and height.
    parts: [(u64, u64); 3],
    any: bool,
}

pub(in crate::features::events) async fn list(
    State(events): State<Arc<Events>>,
    context: PageContext,
    identity: Identity,
    query: QueryMap,
) -> Result<Response, WebError> {
    let now = events.clock.now();
    let wanted = EventQuery::read(&query, now)?;
    let audience = audience(&identity);
    let number = |name: &'static str| {
        let text = query.get(name);
        text.map(|text| {
            text.parse::<i64>().map_err(|_| WebError::Malformed(format!("{name}: is not one of ours.")))
        })
        .transpose()
    };
    if let (Some(after), true) = (number("after")?, context.wants_fragment()) {
        // What is newer than this was not looked at.
        let newest = *events.newest().borrow();
        let mut found = events.after(&wanted, audience, after, NEW).await?;
        found.reverse();
        return rows(&events, found, newest, now).await;
    }
    let newest = *events.newest().borrow();
    let mut found = events.list(&wanted, audience, number("before")?, ROWS + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let last = found.last().map_or(0, |event| event.id);
    let links = Links { query: &query };
    let lines = events.lines_of(&found).await?;
    let until = wanted.until.unwrap_or(now.as_millisecond());
    // "Load more" takes the rows alone.
    let only_rows = context.wants_fragment() && query.get("before").is_some();
    let oldest = events.oldest().await?.unwrap_or(until - HOUR_MS);
    let since = wanted.since.unwrap_or(oldest.min(until - HOUR_MS));
    let (width, buckets) =
        if only_rows { Default::default() } else { events.histogram(audience, since, until, BARS).await? };
    let page = ListPage {
        severities: chips(&links, "severity", &SEVERITIES),
        sources: chips(&links, "source", &SOURCES),
        ranges: ranges(&links),
        custom: query.get("until").is_some()
            || query.get("since").is_some_and(|since| RANGES.iter().all(|range| range.1 != since)),
        since: query.get("since").unwrap_or_default().to_owned(),
        until: query.get("until").unwrap_or_default().to_owned(),
        kept: links.kept(),
        subject: query.get("subject").unwrap_or_default().to_owned(),
        clear: links.with(&[
            ("q", ""),
            ("severity", ""),
            ("source", ""),
            ("kind", ""),
            ("subject", ""),
            ("engine", ""),
        ]),
        bars: bars(&links, width, &buckets),
        bars_of: match (wanted.since, wanted.until) {
            (None, None) => format!("Everything since {}", text::exact(from_ms(oldest))),
            _ => format!("{} to {}", text::exact(from_ms(since)), text::exact(from_ms(until))),
        },
        entries: entries(found, lines, now),
        more_url: if more { links.with(&[("before", &last.to_string())]) } else { String::new() },
        export_ndjson: links.export("ndjson"),
        export_csv: links.export("csv"),
        newest,
        empty: empty(&wanted),
        live: wanted.until.is_none() && query.get("before").is_none(),
        query: wanted,
        shell: context.shell("Events", "events"),
    };
    let page =
        if context.wants_fragment() { Page::render(&page.as_content_events()) } else { Page::render(&page) };
    Ok(page?.into_response())
}

async fn rows(
    events: &Events,
    found: Vec<crate::platform::journal::Event>,
    newest: i64,
    now: Timestamp,
) -> Result<Response, WebError> {
    let lines = events.lines_of(&found).await?;
    let more = found.len() == NEW;
    // With more to come, the next fetch begins where this one ended.
    let newest = if more { found.first().map_or(newest, |event| event.id) } else { newest };
    let html = Rows { entries: &entries(found, lines, now) }.render()?;
    let headers = [("x-newest", newest.to_string()), ("x-more", u8::from(more).to_string())];
    Ok((headers, Html(html)).into_response())
}

const SEVERITIES: [(&str, &str, &str, &str); 4] = [
    ("Errors", "error", "bad", "s-bad"),
    ("Warnings", "warning", "warn", "s-warn"),
    ("Info", "info", "idle", "s-off"),
    ("Debug", "debug", "idle", "s-off"),
];
const SOURCES: [(&str, &str, &str, &str); 6] = [
    ("Docker", "docker", "", ""),
    ("Users", "user", "", ""),
    ("Sign-in", "auth", "", ""),
    ("System", "system", "", ""),
    ("Thresholds", "stats", "", ""),
    ("Cleanup", "stale", "", ""),
];
const RANGES: [(&str, &str); 5] =
    [("All time", ""), ("Hour", "1h"), ("Day", "24h"), ("Week", "7d"), ("30 days", "30d")];

/// Chips of which several may be on: each link turns its own on or off.
fn chips(
    links: &Links<'_>,
    name: &'static str,
    all: &[(&'static str, &'static str, &'static str, &'static str)],
) -> Vec<Chip> {
    let on: Vec<&str> =
        links.query.get(name).unwrap_or_default().split(',').filter(|word| !word.is_empty()).collect();
    all.iter()
        .map(|(label, value, tone, icon)| {
            let current = on.contains(value);
            let next: Vec<&str> = if current {
                on.iter().copied().filter(|word| word != value).collect()
            } else {
                on.iter().copied().chain([*value]).collect()
            };
            Chip { label, tone, icon, url: links.with(&[(name, &next.join(","))]), current }
        })
        .collect()
}

fn ranges(links: &Links<'_>) -> Vec<Chip> {
    let now = links.query.get("since").unwrap_or_default();
    let whole = links.query.get("until").is_none();
    RANGES
        .iter()
        .map(|(label, value)| Chip {
            label,
            tone: "",
            icon: "",
            url: links.with(&[("since", value), ("until", "")]),
            current: whole && now == *value,
        })
        .collect()
}

fn bars(links: &Links<'_>, width: i64, buckets: &[Bucket]) -> Vec<Bar> {
    let all = |bucket: &Bucket| bucket.counts.iter().sum::<u64>();
    let most = buckets.iter().map(all).max().unwrap_or(0).max(1);
    (0..)
        .zip(buckets)
        .map(|(n, bucket)| {
            let [debug, info, warnings, errors] = bucket.counts;
            let mut y = HEIGHT;
            // What happened is seen, however much happened elsewhere.
            let parts = [debug + info, warnings, errors].map(|count| {
                let height = if count == 0 { 0 } else { (count * HEIGHT / most).clamp(2, HEIGHT) };
                y = y.saturating_sub(height);
                (y, height)
            });
            let end = from_ms(bucket.at + width - 1);
            let (since, until) = (rfc3339(from_ms(bucket.at)), rfc3339(end));
            let n_events = usize::try_from(all(bucket)).unwrap_or(usize::MAX);
            Bar {
                x: n * 10,
                title: format!(
                    "{}: {}, {}, {}",
                    text::exact(from_ms(bucket.at)),
                    text::count(n_events, "event"),
                    text::count(usize::try_from(warnings).unwrap_or(usize::MAX), "warning"),
                    text::count(usize::try_from(errors).unwrap_or(usize::MAX), "error"),
                ),
                url: links.with(&[("since", &since), ("until", &until)]),
                parts,
                any: n_events > 0,
            }
        })
        .collect()
}

fn empty(wanted: &EventQuery) -> (&'static str, String) {
    if wanted.filters() {
        let q = wanted.q.trim();
        let title = if q.is_empty() {
            "No events match these filters".to_owned()
        } else {
            format!("No events match “{}”", text::cut(q, 60))
        };
        return ("search", title);
    }
    if wanted.since.is_some() || wanted.until.is_some() {
        return ("history", "Nothing happened in this time".to_owned());
    }
    ("history", "Nothing has happened yet".to_owned())
}

/// Addresses of the same list with other parameters.
struct Links<'a> {
    query: &'a QueryMap,
}

impl Links<'_> {
    const KEPT: [&'static str; 8] =
        ["q", "severity", "source", "kind", "subject", "engine", "since", "until"];

    fn parameters(&self, changed: &[(&str, &str)]) -> String {
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
        for (name, value) in changed.iter().filter(|(name, _)| !Self::KEPT.contains(name)) {
            url.append_pair(name, value);
        }
        url.finish()
    }

    /// This view with some parameters changed; an empty value takes one out.
    fn with(&self, changed: &[(&str, &str)]) -> String {
        let query = self.parameters(changed);
        if query.is_empty() { "/events".to_owned() } else { format!("/events?{query}") }
    }

    fn export(&self, format: &str) -> String {
        format!("/api/events/export?{}", self.parameters(&[("format", format)]))
    }

    /// What the search form must not lose.
    fn kept(&self) -> Vec<(&'static str, String)> {
        let kept = Self::KEPT.into_iter().filter(|name| !matches!(*name, "q" | "since" | "until"));
        kept.filter_map(|name| Some((name, self.query.get(name)?.to_owned()))).collect()
    }
}
