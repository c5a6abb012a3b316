//! Takes a bounded part of a log from Docker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::line;
use super::query::LogQuery;
use crate::docker::EngineError;
use crate::docker::logs::{LogLine, LogRequest};
use crate::docker::types::Container;
use crate::features::containers::service::Containers;
use crate::platform::text;

/// How long a page waits for lines; what came until then is shown.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many of the newest lines are searched.
const SEARCHED: usize = 200_000;
/// How many are searched first: most often what is looked for is new, and the newest are never left out.
const SEARCHED_FIRST: [usize; 2] = [4_000, 40_000];
/// How many containers are read at once.
const AT_ONCE: usize = 4;
/// What the lines of one answer weigh at most, bytes.
const MOST_BYTES: usize = 6 * 1024 * 1024;
/// How many answers are read at once, of all users.
static SEATS: Semaphore = Semaphore::const_new(4);

/// A line and whose it is.
pub(super) struct Read {
    /// The place of its container among those that were asked for.
    pub of: usize,
    pub line: LogLine,
}

/// Part of one or several logs, in the order of time.
#[derive(Default)]
pub(super) struct Part {
    pub lines: Vec<Read>,
    /// What is missing and why, in sentences.
    pub notes: Vec<String>,
    /// Whether there are earlier lines.
    pub earlier: bool,
    /// Whether something could not be read now, and may be later.
    pub failed: bool,
}

/// Reads what a page wants of some containers.
pub(super) async fn part(all: &Containers, of: &[Arc<Container>], query: &LogQuery) -> Part {
    let request = LogRequest {
        tail: match (query.only || query.stream.is_some(), query.until) {
            // Docker takes the last lines of both outputs, and only then those of one.
            (true, _) => Some(SEARCHED),
            // Docker takes the last lines first, and only then those before a time: with a number there may be none left.
            (false, Some(_)) => None,
            (false, None) if query.since.is_some() => Some(super::query::MOST),
            (false, None) => Some(query.tail),
        },
        since: query.since,
        until: query.until,
        follow: false,
        only: query.stream,
    };
    let end = Instant::now() + PATIENCE;
    if request.tail != Some(SEARCHED) {
        return read(all, of, &request, query.tail, None, end).await;
    }
    let needle = query.only.then(|| query.q.to_lowercase());
    let mut newest: Option<(usize, Part)> = None;
    let mut tails = SEARCHED_FIRST.into_iter();
    loop {
        let tail = tails.next().unwrap_or(SEARCHED);
        let some = LogRequest { tail: Some(tail), ..request };
        let mut part = read(all, of, &some, query.tail, needle.as_deref(), end).await;
        if part.failed
            && let Some((searched, mut newest)) = newest.take()
        {
            newest.notes = vec![format!(
                "The log is long: within {} s the newest {searched} lines of each container were searched, and not those before.",
                PATIENCE.as_secs()
            )];
            newest.earlier = true;
            newest.failed = true;
            return newest;
        }
        // Docker counts the lines of both outputs and of all times: fewer than asked for says nothing then.
        let told = query.stream.is_none() && query.until.is_none();
        let whole = told && !part.earlier;
        if tail == SEARCHED || whole || part.failed || part.lines.len() >= query.tail {
            part.earlier = !whole;
            return part;
        }
        newest = Some((tail, part));
    }
}

/// The lines before a time; so many lines are known to come after it.
pub(super) async fn before(
    all: &Containers,
    of: &[Arc<Container>],
    query: &LogQuery,
    at: i64,
    known: usize,
) -> Part {
    let mut tail = known.saturating_add(query.tail);
    loop {
        let request = LogRequest {
            // Of one output, it is not known how many lines of both those are.
            tail: query.stream.is_none().then_some(tail),
            until: Some(at),
            only: query.stream,
            ..LogRequest::default()
        };
        let mut part = read(all, of, &request, query.tail, None, Instant::now() + PATIENCE).await;
        let full = part.lines.len() >= query.tail;
        // More may have been written meanwhile than the page knows of.
        if full || request.tail.is_none() || tail > SEARCHED || !part.notes.is_empty() {
            part.earlier = full;
            return part;
        }
        tail *= 8;
    }
}

/// The lines from a time on.
pub(super) async fn after(all: &Containers, of: &[Arc<Container>], query: &LogQuery, at: i64) -> Part {
    let request = LogRequest {
        tail: Some(super::query::MOST),
        since: Some(at),
        only: query.stream,
        ..LogRequest::default()
    };
    read(all, of, &request, super::query::MOST, None, Instant::now() + PATIENCE).await
}

async fn read(
    all: &Containers,
    of: &[Arc<Container>],
    request: &LogRequest,
    most: usize,
    needle: Option<&str>,
    end: Instant,
) -> Part {
    let Ok(Ok(_seat)) = tokio::time::timeout_at(end, SEATS.acquire()).await else {
        let note = "Too many logs are being read now. Load the page again in a moment.".to_owned();
        return Part { notes: vec![note], earlier: true, failed: true, ..Part::default() };
    };
    let budget = MOST_BYTES / of.len().max(1);
    let owned = of.to_vec();
    let parts: Vec<(usize, One)> = futures_util::stream::iter(owned.into_iter().enumerate())
        .map(|(place, container)| async move {
            (place, one(all, &container, request, Bounds { lines: most, bytes: budget, end }, needle).await)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut part = Part::default();
    for (place, one) in parts {
        part.earlier |= one.earlier;
        part.failed |= one.failed;
        part.notes.extend(one.note);
        part.lines.extend(one.lines.into_iter().map(|line| Read { of: place, line }));
    }
    if of.len() > 1 {
        // Lines without a time stay where they were.
        part.lines.sort_by_key(|read| read.line.at.unwrap_or(i64::MIN));
    }
    if part.lines.len() > most {
        part.earlier = true;
        part.lines.drain(..part.lines.len() - most);
    }
    part
}

/// What is taken of one log.
#[derive(Clone, Copy)]
struct Bounds {
    lines: usize,
    bytes: usize,
    end: Instant,
}

#[derive(Default)]
struct One {
    lines: VecDeque<LogLine>,
    earlier: bool,
    failed: bool,
    note: Option<String>,
    read: usize,
}

async fn one(
    all: &Containers,
    container: &Container,
    request: &LogRequest,
    bounds: Bounds,
    needle: Option<&str>,
) -> One {
    let mut one = One::default();
    let Some(engine) = all.engine_of(container) else { return one };
    if !engine.mirror.snapshot().is_up() {
        one.failed = true;
        one.note = Some("Docker cannot be reached now: the log is shown once it answers.".to_owned());
        return one;
    }
    let mut bytes = 0_usize;
    let mut heavy = false;
    let work = async {
        let mut batches = engine.client.logs(&container.id, request, line::KEEP).await?;
        while let Some(batch) = batches.next().await {
            for line in batch? {
                one.read += 1;
                if needle.is_some_and(|needle| !line::searched(&line.bytes).contains(needle)) {
                    continue;
                }
                bytes += line.bytes.len();
                one.lines.push_back(line);
                while one.lines.len() > bounds.lines || bytes > bounds.bytes {
                    let Some(dropped) = one.lines.pop_front() else { break };
                    heavy |= one.lines.len() < bounds.lines;
                    bytes -= dropped.bytes.len();
                    one.earlier = true;
                }
            }
        }
        Ok::<_, EngineError>(())
    };
    match tokio::time::timeout_at(bounds.end, work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            one.failed = !matches!(error, EngineError::NotFound | EngineError::Refused { .. });
            one.note = Some(why_not(&container.name, &error));
        }
        Err(_) => {
            one.failed = true;
            one.note = Some(format!(
                "The log of {} is long: after {} s only a part of it was read, and what is newest may be missing.",
                container.name,
                PATIENCE.as_secs()
            ));
        }
    }
    if heavy {
        let shown = one.lines.len();
        one.note.get_or_insert_with(|| {
            format!("The lines of {} are long: the newest {shown} are shown.", container.name)
        });
    }
    one.earlier |= request.tail.is_some_and(|tail| one.read >= tail);
    if needle.is_some() && one.read >= SEARCHED {
        one.note = Some(format!("Of {}, the newest {SEARCHED} lines were searched.", container.name));
    }
    one
}

/// Why a log cannot be shown.
pub(super) fn why_not(name: &str, error: &EngineError) -> String {
    match error {
        EngineError::NotFound => format!("{name} is gone, and its log with it."),
        EngineError::Refused { message, .. } if message.contains("does not support reading") => format!(
            "The log driver of {name} does not let Docker read the log back. The drivers json-file, local and journald do."
        ),
        error => format!("The log of {name} cannot be read: {}.", text::cut(&error.to_string(), 400)),
    }
}
