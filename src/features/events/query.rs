//! Which events are wanted: read from the URL, so that every view can be bookmarked.

use jiff::Timestamp;

use crate::platform::clock;
use crate::platform::journal::facets::Facet;
use crate::platform::journal::search::Find;
use crate::platform::journal::{Audience, Event, Severity};
use crate::web::WebError;
use crate::web::api::QueryMap;

/// What a search may be long.
const MAX_TEXT: usize = 500;
/// How many values of one filter count.
const MAX_VALUES: usize = 50;
const SOURCES: [&str; 8] = ["docker", "user", "auth", "system", "stale", "stats", "proxy", "notify"];

/// Filters of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// What is searched, as text.
    pub q: String,
    /// Any of these; empty = all.
    pub severities: Vec<Severity>,
    /// Any of these; empty = all.
    pub sources: Vec<&'static str>,
    /// Any of these kinds.
    pub kinds: Vec<String>,
    /// The name or id of what they are about.
    pub subject: Option<String>,
    /// This engine.
    pub engine: Option<String>,
    /// From this time on, ms.
    pub since: Option<i64>,
    /// Up to this time, ms.
    pub until: Option<i64>,
    /// What history hangs on (set by pages, not by the URL).
    pub history: Option<i64>,
}

impl EventQuery {
    /// Reads the URL. A value it does not know is an error that names the parameter and what it takes.
    pub fn read(query: &QueryMap, now: Timestamp) -> Result<Self, WebError> {
        // What is longer is cut: the rest of it would find nothing more.
        let q = query.raw("q").unwrap_or_default().trim_start().chars().take(MAX_TEXT).collect();
        Ok(Self {
            q,
            severities: values(query, "severity", "debug, info, warning or error", |word| {
                [Severity::Debug, Severity::Info, Severity::Warning, Severity::Error]
                    .into_iter()
                    .find(|severity| severity.as_str() == word)
            })?,
            sources: values(query, "source", "docker, user, auth, system or stats", |word| {
                SOURCES.into_iter().find(|source| *source == word)
            })?,
            kinds: values(query, "kind", "kinds like container.die", |word| {
                let fits = word.contains('.')
                    && word.len() <= 60
                    && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_');
                fits.then(|| word.to_ascii_lowercase())
            })?,
            subject: query.get("subject").map(|text| text.chars().take(300).collect()),
            engine: query.get("engine").map(|text| text.chars().take(100).collect()),
            since: time(query, "since", now)?,
            until: time(query, "until", now)?,
            history: None,
        })
    }

    /// Whether anything is left out, the time aside.
    pub fn filters(&self) -> bool {
        !self.q.trim().is_empty()
            || !self.severities.is_empty()
            || !self.sources.is_empty()
            || !self.kinds.is_empty()
            || self.subject.is_some()
            || self.engine.is_some()
    }

    /// Whether an event is wanted, the text aside: the same as the search says, without it.
    pub fn takes(&self, event: &Event) -> bool {
        let subject = |wanted: &str| {
            event.subject.name.eq_ignore_ascii_case(wanted)
                || is_id(wanted) && event.subject.id.chars().take(12).eq(wanted.chars().take(12))
        };
        (self.severities.is_empty() || self.severities.contains(&event.severity))
            && (self.sources.is_empty() || self.sources.contains(&event.source.as_str()))
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.engine.as_ref().is_none_or(|engine| *engine == event.engine)
            && self.subject.as_deref().is_none_or(subject)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at <= until)
    }

    /// What to look for.
    pub fn find(&self, audience: Audience, limit: usize) -> Find<'_> {
        let mut facets: Vec<Vec<Facet<'_>>> = vec![
            self.severities.iter().map(|severity| Facet::Severity(severity.code())).collect(),
            self.sources.iter().map(|source| Facet::Source(source)).collect(),
            self.kinds.iter().map(|kind| Facet::Kind(kind)).collect(),
            self.engine.iter().map(|engine| Facet::Engine(engine)).collect(),
            self.history.iter().map(|subject| Facet::Subject(*subject)).collect(),
        ];
        if let Some(subject) = &self.subject {
            let id = is_id(subject).then_some(Facet::SubjectId(subject));
            facets.push([Facet::SubjectName(subject)].into_iter().chain(id).collect());
        }
        Find { text: &self.q, facets, since: self.since, until: self.until, ..Find::all(audience, limit) }
    }
}

/// Whether a text can be a container's id, or the beginning of one: names of images and volumes cannot.
fn is_id(text: &str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn values<T>(
    query: &QueryMap,
    name: &'static str,
    takes: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, WebError> {
    let words = query.get(name).unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .take(MAX_VALUES)
        .map(|word| {
            let shown: String = word.chars().take(60).collect();
            parse(word)
                .ok_or_else(|| WebError::field(name, format!("does not know {shown:?}: it takes {takes}.")))
        })
        .collect()
}

fn time(query: &QueryMap, name: &'static str, now: Timestamp) -> Result<Option<i64>, WebError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let moment = clock::moment(text, now).map(Timestamp::as_millisecond);
    moment.map(Some).ok_or_else(|| {
        WebError::field(
            name,
            "takes a time (2026-11-24T10:00:00Z), seconds since 1970, or how long ago (15m, 2h, 3d).",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<EventQuery, WebError> {
        EventQuery::read(&QueryMap::parse(query), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn several_values_are_separated_by_commas_and_unknown_ones_are_named() {
        let query = read("severity=warning,error&source=docker&kind=container.die,image.pull").unwrap();
        assert_eq!((query.severities.len(), query.sources.len(), query.kinds.len()), (2, 1, 2));
        for bad in ["severity=loud", "source=nobody", "kind=die", "since=soon"] {
            let error = read(bad).unwrap_err();
            assert!(error.to_string().contains(bad.split('=').next().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_huge_search_is_cut() {
        let query = read(&format!("q={}", "x".repeat(10_000))).unwrap();
        assert_eq!(query.q.len(), MAX_TEXT);
    }
}
