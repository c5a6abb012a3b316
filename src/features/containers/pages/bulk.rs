//! One action on a selection of containers.

use std::sync::Arc;

use axum::extract::{RawForm, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::acts::known;
use super::confirm::{Confirmation, Options};
use crate::features::containers::actions::Target;
use crate::features::containers::service::Containers;
use crate::web::forms::{FormErrors, back_of, refused};
use crate::web::page::Page;
use crate::web::{Identity, PageContext, WebError};

/// How many containers one action takes.
const MOST: usize = 1_000;

struct Wanted {
    verb: &'static str,
    targets: Vec<Target>,
    options: Options,
}

impl Wanted {
    fn read(containers: &Containers, form: &[u8]) -> Result<Self, WebError> {
        let mut verb = String::new();
        let mut ids: Vec<String> = Vec::new();
        let mut options = Options::default();
        for (name, value) in url::form_urlencoded::parse(form) {
            match name.as_ref() {
                "action" => verb = value.into_owned(),
                "c" if !ids.iter().any(|id| *id == value) => ids.push(value.into_owned()),
                "signal" => options.signal = value.into_owned(),
                "force" => options.force = Some(value.into_owned()),
                "volumes" => options.volumes = Some(value.into_owned()),
                "back" => options.back = value.into_owned(),
                _ => {}
            }
            if ids.len() > MOST {
                return Err(WebError::field("c", format!("takes {MOST} containers at most at once.")));
            }
        }
        if ids.is_empty() {
            return Err(WebError::field("c", "takes at least one container: select some first."));
        }
        let verb = known(&verb)?;
        if verb == "rename" {
            return Err(WebError::field("action", "cannot be rename: one name is for one container."));
        }
        let mut targets = Vec::with_capacity(ids.len());
        for id in ids {
            targets.push(match containers.find_shown(&id) {
                Ok(container) => Target::Found(container),
                Err(_) => Target::Missing(id),
            });
        }
        Ok(Self { verb, targets, options })
    }
}

/// Asks before something is done to a selection.
pub(in crate::features::containers) async fn ask(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    headers: HeaderMap,
    RawForm(query): RawForm,
) -> Result<Page, WebError> {
    let mut wanted = Wanted::read(&containers, &query)?;
    wanted.options.back = back_of(&headers);
    let Wanted { verb, targets, options } = wanted;
    let page = Confirmation { verb, targets, bulk: true, options, errors: FormErrors::default() };
    page.render(&containers, &context)
}

/// Does it.
pub(in crate::features::containers) async fn act(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    identity: Identity,
    RawForm(form): RawForm,
) -> Result<Response, WebError> {
    let Wanted { verb, targets, options } = Wanted::read(&containers, &form)?;
    let action = match options.action(verb) {
        Ok(action) => action,
        Err(error) => {
            let (errors, status) = refused(error)?;
            let page = Confirmation { verb, targets, bulk: true, options, errors };
            return Ok(page.render(&containers, &context)?.status(status).into_response());
        }
    };
    let back = options.back_or("/containers");
    let job = containers.act_on_all(&identity, targets, action, back);
    Ok(containers.jobs.started(&context, identity.user_id, job))
}
