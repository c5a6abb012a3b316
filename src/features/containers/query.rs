//! What of the list is wanted: read from the URL, so that every view can be bookmarked.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::secrets;
use crate::docker::types::{Container, Health, State};
use crate::platform::text::contains_word;
use crate::web::WebError;
use crate::web::api::QueryMap;

/// Filters, order and grouping of the list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListQuery {
    /// Words that must all occur in name, image, id, project or a label.
    pub q: String,
    /// Any of these states; empty = all.
    pub states: BTreeSet<State>,
    /// Any of these verdicts; empty = all.
    pub healths: BTreeSet<Health>,
    /// This project; `-` = none.
    pub project: Option<String>,
    /// This engine.
    pub engine: Option<String>,
    /// Only what is stale, or only what is not.
    pub stale: Option<bool>,
    /// The order asked for.
    pub sort: Option<Sort>,
    /// Whether values of labels that look like secrets are not searched: who may not see them must not guess them.
    pub masked: bool,
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Backwards.
    pub descending: bool,
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// Name.
    Name,
    /// State, then name.
    State,
    /// Image, then name.
    Image,
    /// Time of creation.
    Created,
    /// Project, then name.
    Project,
    /// CPU in use, which only the service knows.
    Cpu,
    /// Memory in use, which only the service knows.
    Memory,
}

impl SortBy {
    const ALL: [Self; 7] =
        [Self::Name, Self::State, Self::Image, Self::Created, Self::Project, Self::Cpu, Self::Memory];

    /// The word of the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Image => "image",
            Self::Created => "created",
            Self::Project => "project",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

impl Sort {
    fn parse(text: &str) -> Option<Self> {
        let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        let by = SortBy::ALL.into_iter().find(|by| by.as_str() == word)?;
        Some(Self { by, descending })
    }

    /// The word of the URL.
    pub fn param(self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.by.as_str())
    }

    /// The order of two containers; the id settles what is equal, so that pages do not overlap.
    pub fn compare(self, a: &Container, b: &Container) -> Ordering {
        let by_name =
            || a.name.cmp(&b.name).then_with(|| a.engine.cmp(&b.engine)).then_with(|| a.id.cmp(&b.id));
        let ordering = match self.by {
            SortBy::Name | SortBy::Cpu | SortBy::Memory => Ordering::Equal,
            SortBy::State => rank(a).cmp(&rank(b)),
            SortBy::Image => a.image.cmp(&b.image),
            SortBy::Created => a.created_at.cmp(&b.created_at),
            // Those without a project come last.
            SortBy::Project => (a.project.is_none(), &a.project).cmp(&(b.project.is_none(), &b.project)),
        };
        let ordering = ordering.then_with(by_name);
        if self.descending { ordering.reverse() } else { ordering }
    }
}

/// Trouble first, then what runs, then what does not.
pub(super) fn rank(container: &Container) -> (bool, State, Health) {
    (container.health != Health::Unhealthy, container.state, container.health)
}

impl ListQuery {
    /// Reads the URL. A word it does not know is an error that names the parameter and what it takes.
    pub fn read(query: &QueryMap) -> Result<Self, WebError> {
        let sort = match query.get("sort") {
            None => None,
            Some(text) => Some(Sort::parse(text).ok_or_else(|| {
                WebError::field(
                    "sort",
                    "takes name, state, image, created, project, cpu or memory, with - in front to reverse.",
                )
            })?),
        };
        Ok(Self {
            q: query.get("q").unwrap_or_default().chars().take(200).collect(),
            states: words(
                query,
                "state",
                State::parse,
                "running, restarting, paused, exited, created or dead",
            )?,
            healths: words(query, "health", Health::parse, "healthy, unhealthy, starting or none")?,
            project: query.get("project").map(str::to_owned),
            engine: query.get("engine").map(str::to_owned),
            stale: query.get("stale").map(|_| query.flag("stale")).transpose()?,
            sort,
            masked: false,
        })
    }

    /// Whether anything is left out.
    pub fn filters(&self) -> bool {
        !self.q.is_empty()
            || !self.states.is_empty()
            || !self.healths.is_empty()
            || self.project.is_some()
            || self.engine.is_some()
            || self.stale.is_some()
    }

    /// What tells whether a container is wanted.
    pub fn matcher(&self) -> Matcher<'_> {
        Matcher { query: self, words: self.q.split_whitespace().map(str::to_lowercase).collect() }
    }
}

/// Tells whether containers are wanted.
pub struct Matcher<'a> {
    query: &'a ListQuery,
    /// In small letters.
    words: Vec<String>,
}

impl Matcher<'_> {
    /// Whether a container is wanted.
    pub fn takes(&self, container: &Container) -> bool {
        let query = self.query;
        (query.states.is_empty() || query.states.contains(&container.state))
            && (query.healths.is_empty() || query.healths.contains(&container.health))
            && query
                .project
                .as_deref()
                .is_none_or(|wanted| container.project.as_deref().unwrap_or("-") == wanted)
            && query.engine.as_deref().is_none_or(|wanted| container.engine.as_str() == wanted)
            && self.words.iter().all(|word| contains(container, word, query.masked))
    }
}

fn contains(container: &Container, word: &str, masked: bool) -> bool {
    let has = |text: &str| contains_word(text, word);
    has(&container.name)
        || has(&container.image)
        || container.id.starts_with(word)
        || container.project.as_deref().is_some_and(has)
        || container.service.as_deref().is_some_and(has)
        || match word.split_once('=') {
            Some((key, value)) => container.labels.iter().any(|(k, v)| {
                k.eq_ignore_ascii_case(key) && contains_word(v, value) && !(masked && secrets::hides(k, v))
            }),
            None => container
                .labels
                .iter()
                .any(|(key, value)| has(key) || has(value) && !(masked && secrets::hides(key, value))),
        }
}

fn words<T: Ord>(
    query: &QueryMap,
    name: &'static str,
    parse: fn(&str) -> Option<T>,
    takes: &str,
) -> Result<BTreeSet<T>, WebError> {
    let text = query.get(name).unwrap_or_default();
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| {
            parse(word).ok_or_else(|| WebError::field(name, format!("takes {takes}, separated by commas.")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::containers::model::tests::container;

    fn read(query: &str) -> Result<ListQuery, WebError> {
        ListQuery::read(&QueryMap::parse(query))
    }

    #[test]
    fn every_word_must_occur_somewhere() {
        let web = container("shop-web-1", "ghcr.io/shop/web:2", State::Running);
        assert!(read("q=web").unwrap().matcher().takes(&web));
        assert!(read("q=SHOP+:2").unwrap().matcher().takes(&web));
        assert!(!read("q=web+postgres").unwrap().matcher().takes(&web));
        assert!(read("q=tier%3Dfront").unwrap().matcher().takes(&web), "by label");
        assert!(!read("q=tier%3Dback").unwrap().matcher().takes(&web));
    }

    #[test]
    fn states_and_projects_filter() {
        let web = container("web", "nginx", State::Exited);
        assert!(read("state=exited,running").unwrap().matcher().takes(&web));
        assert!(!read("state=running").unwrap().matcher().takes(&web));
        assert!(read("project=-").unwrap().matcher().takes(&web), "without a project");
        assert!(!read("project=shop").unwrap().matcher().takes(&web));
    }

    #[test]
    fn a_word_nobody_knows_is_named() {
        for bad in ["state=walking", "health=fine", "sort=colour"] {
            assert!(matches!(read(bad), Err(WebError::Invalid(_))), "{bad}");
        }
    }
}
