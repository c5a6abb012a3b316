//! Whose logs: some containers, or all of a project as it is from moment to moment.

use std::sync::Arc;

use crate::docker::types::Container;
use crate::features::containers::service::Containers;
use crate::platform::live::TAIL;
use crate::web::WebError;
use crate::web::api::QueryMap;

/// How many containers are shown interleaved.
pub(super) const MOST: usize = 40;
/// What an id, a name or a project may be long.
const LONGEST: usize = 255;

/// Whose logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Containers, by full id (or what a user typed).
    Containers(Vec<String>),
    /// All of a project.
    Project(String),
}

impl Source {
    /// Reads `?project=` or `?c=id,id`.
    pub(super) fn read(query: &QueryMap) -> Option<Self> {
        if let Some(project) = query.get("project").filter(|project| project.len() <= LONGEST) {
            return Some(Self::Project(project.to_owned()));
        }
        let ids = query.get("c")?.split(',').map(str::trim);
        let ids = ids.filter(|id| !id.is_empty() && id.len() <= LONGEST);
        let mut ids: Vec<String> = ids.take(MOST).map(str::to_owned).collect();
        // One topic, in whatever order they were asked for.
        ids.sort_unstable();
        ids.dedup();
        (!ids.is_empty()).then_some(Self::Containers(ids))
    }

    /// Whether lines are told apart by their containers.
    pub(super) fn is_many(&self) -> bool {
        match self {
            Self::Containers(ids) => ids.len() > 1,
            Self::Project(_) => true,
        }
    }

    /// The containers there are now, by name; what runs goes first when there are too many.
    pub(super) fn containers(&self, all: &Containers) -> Members {
        let mut found: Vec<Arc<Container>> = match self {
            Self::Containers(ids) => ids.iter().filter_map(|id| all.find(id, None).ok()).collect(),
            Self::Project(project) => all.members(project),
        };
        found.sort_by(|a, b| (!a.is_up(), &a.name, &a.id).cmp(&(!b.is_up(), &b.name, &b.id)));
        found.dedup_by(|a, b| a.id == b.id);
        let left_out = found.len().saturating_sub(MOST);
        found.truncate(MOST);
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Members { found, left_out, many: self.is_many() }
    }

    /// The live topic of it.
    pub(super) fn topic(&self, raw: bool) -> String {
        let form = if raw { "raw" } else { "read" };
        match self {
            Self::Containers(ids) => format!("{TOPICS}{form}:c={}", ids.join(",")),
            Self::Project(project) => format!("{TOPICS}{form}:p={project}"),
        }
    }

    /// What a topic is of, and whether its lines are shown as they are.
    pub(super) fn of_topic(topic: &str) -> Option<(Self, bool)> {
        let (form, rest) = topic.strip_prefix(TOPICS)?.split_once(':')?;
        let source = match rest.split_once('=')? {
            ("c", ids) => Self::Containers(ids.split(',').map(str::to_owned).collect()),
            (_, project) => Self::Project(project.to_owned()),
        };
        Some((source, form == "raw"))
    }

    /// One container, or an error for a page.
    pub(super) fn one(
        all: &Containers,
        id: &str,
        engine: Option<&str>,
    ) -> Result<(Self, Arc<Container>), WebError> {
        let container = all.find(id, engine)?;
        Ok((Self::Containers(vec![container.id.to_string()]), container))
    }
}

/// The containers of a source.
pub(super) struct Members {
    pub found: Vec<Arc<Container>>,
    /// How many more there are.
    pub left_out: usize,
    /// Whether lines are told apart by their containers.
    pub many: bool,
}

impl Members {
    /// A single container.
    pub(super) fn one(container: Arc<Container>) -> Self {
        Self { found: vec![container], left_out: 0, many: false }
    }
}

/// The beginning of the topics of logs.
pub(super) const TOPICS: &str = "tail:log:";
const _: () = assert!(matches!(TAIL.as_bytes(), b"tail:"));

/// The live topics of a container's log page.
pub(super) fn topics_of_one(path: &str, query: &QueryMap) -> Vec<String> {
    let id = path.trim_end_matches("/logs").rsplit('/').next().unwrap_or_default().to_owned();
    let topic = Source::Containers(vec![id.clone()]).topic(query.get("raw").is_some());
    let mut topics = vec![crate::features::containers::topic_of(&id)];
    topics.extend(follows(query).then_some(topic));
    topics
}

/// The live topics of a page with several logs.
pub(super) fn topics_of_many(_path: &str, query: &QueryMap) -> Vec<String> {
    let source = Source::read(query).filter(|_| follows(query));
    source.map(|source| source.topic(query.get("raw").is_some())).into_iter().collect()
}

/// What ends at some time, or shows only some lines, does not go on live.
pub(super) fn follows(query: &QueryMap) -> bool {
    query.get("until").is_none() && (query.get("only").is_none() || query.get("q").is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_its_source() {
        for source in [
            Source::Containers(vec!["abc".to_owned(), "def".to_owned()]),
            Source::Project("my:shop=1".to_owned()),
        ] {
            let topic = source.topic(true);
            assert!(topic.starts_with(TAIL));
            assert_eq!(Source::of_topic(&topic), Some((source, true)));
        }
        assert_eq!(Source::of_topic("containers"), None);
    }

    #[test]
    fn a_page_about_the_past_is_not_live() {
        let topics = |query: &str| topics_of_many("/logs", &QueryMap::parse(query)).len();
        assert_eq!((topics("project=shop"), topics("project=shop&until=2026-11-24"), topics("")), (1, 0, 0));
    }
}
