//! A container's environment: names at once, values when an operator asks, which is recorded.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use bollard::models::ContainerInspectResponse;
use serde::Deserialize;

use super::{detail, inspect};
use crate::docker::types::Container;
use crate::features::containers::actions::event_of;
use crate::features::containers::service::Containers;
use crate::platform::text;
use crate::web::page::Page;
use crate::web::{Identity, PageContext, WebError};

/// What a value may be long.
const LONGEST: usize = 4_000;

/// The variables of a container.
pub(super) struct Environment {
    pub id: String,
    /// Names, and values when they are shown.
    pub variables: Vec<(String, String)>,
    pub shown: bool,
}

impl Environment {
    pub(super) fn of(
        container: &Container,
        inspected: Option<&ContainerInspectResponse>,
        shown: bool,
    ) -> Self {
        let env =
            inspected.and_then(|inspected| inspected.config.as_ref()?.env.as_deref()).unwrap_or_default();
        let variables = env.iter().map(|variable| {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            let value = if shown { text::cut(value, LONGEST).into_owned() } else { String::new() };
            (name.to_owned(), value)
        });
        Self { id: container.id.to_string(), variables: variables.collect(), shown }
    }
}

#[derive(Deserialize)]
pub(in crate::features::containers) struct Shown {
    #[serde(default)]
    tab: String,
}

/// Shows the values, once that is recorded.
pub(in crate::features::containers) async fn show(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<String>,
    Form(shown): Form<Shown>,
) -> Result<Page, WebError> {
    let container = containers.find(&id, None)?;
    let message = format!("{} looked at the environment of {}", identity.name, container.name);
    let event = event_of(&container, &identity, "container.environment_shown".to_owned(), message);
    containers.journal.record(event).await?;
    match shown.tab.as_str() {
        "inspect" => inspect::page(&containers, &context, &container, true, "").await,
        _ => detail::page(&containers, &context, &container, true).await,
    }
}
