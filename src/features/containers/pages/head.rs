//! What stands on top of every page of a container: where it is, its name and state, what can be done, tabs.

use askama::Template;

use super::acts::{self, Entry};
use crate::docker::types::Container;
use crate::features::containers::service::Containers;
use crate::features::containers::view::{self, Since, StateView};
use crate::web::WebError;

/// The head of a container's pages.
pub(in crate::features::containers) struct Head {
    pub id: String,
    pub name: String,
    pub project: String,
    pub state: StateView,
    pub since: Option<Since>,
    /// The tab that is open: `overview`, `logs`, `inspect`.
    pub tab: &'static str,
    /// What can be done at once.
    pub actions: Vec<Entry>,
    /// Why something cannot be done.
    pub note: String,
}

#[derive(Template)]
#[template(path = "containers/head.html")]
struct HeadPart<'a> {
    head: &'a Head,
}

/// The head of a page of a container that another feature makes, rendered.
pub fn head_html(
    containers: &Containers,
    container: &Container,
    tab: &'static str,
) -> Result<String, WebError> {
    Ok(HeadPart { head: &Head::new(containers, container, tab) }.render()?)
}

impl Head {
    pub(in crate::features::containers) fn new(
        containers: &Containers,
        container: &Container,
        tab: &'static str,
    ) -> Self {
        let now = containers.clock.now();
        let (entries, note) = acts::entries(containers, container);
        let (state, since) = match containers.pending.of(&container.id) {
            Some(pending) => (
                StateView { icon: "s-start", tone: "info", word: pending.word().to_owned() },
                Some(Since::new(pending.since, now, "")),
            ),
            None => (view::state(container), view::since(container, now)),
        };
        let at_once = |entry: &Entry| matches!(entry.label, "Start" | "Stop" | "Restart" | "Unpause");
        Self {
            id: container.id.to_string(),
            name: container.name.clone(),
            project: container.project.as_deref().unwrap_or_default().to_owned(),
            state,
            since,
            tab,
            actions: entries.into_iter().filter(at_once).collect(),
            note,
        }
    }
}
