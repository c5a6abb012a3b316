//! The preview before a removal: the exact list, what it frees, what is left alone and why; and the removal
//! itself. A dialog with JavaScript, a page without.

use std::sync::Arc;

use askama::Template;
use axum::extract::{OriginalUri, RawForm, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::SECTION;
use crate::features::containers::view::TwoEnds;
use crate::features::leftovers::model::{Kind, Sort};
use crate::features::leftovers::plan::{Plan, Planned, Target, seen};
use crate::features::leftovers::query::ListQuery;
use crate::features::leftovers::service::Leftovers;
use crate::features::leftovers::wanted::{FormFields, MOST, Wanted};
use crate::platform::text::capital;
use crate::web::api::QueryMap;
use crate::web::forms::{FormErrors, back_of, own_address};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

#[derive(Template)]
#[template(path = "leftovers/preview.html", blocks = ["content_preview"])]
struct PreviewPage {
    shell: Shell,
    title: String,
    button: String,
    url: &'static str,
    back: String,
    keys: Vec<String>,
    /// The part of the build cache; empty for everything else.
    age: &'static str,
    goes: Vec<PreviewItem>,
    stays: Vec<PreviewItem>,
    freed: String,
    /// What else there is to know, in sentences.
    facts: Vec<&'static str>,
    /// Whether what is removed cannot come back.
    lost: String,
    phrase: String,
    /// How many were left out because there are too many.
    beyond: usize,
    errors: FormErrors,
    typed: String,
}

struct PreviewItem {
    name: TwoEnds,
    title: String,
    tag: &'static str,
    size: String,
    /// Its other tags, or why it is left alone.
    note: String,
}

/// The kind whose page an address belongs to.
fn kind_of(path: &str) -> Kind {
    let kinds = [Kind::Image, Kind::Volume, Kind::Network];
    kinds.into_iter().find(|kind| path.starts_with(kind.path())).unwrap_or(Kind::BuildCache)
}

/// Shows what a removal would do.
pub(in crate::features::leftovers) async fn ask(
    State(leftovers): State<Arc<Leftovers>>,
    context: PageContext,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Page, WebError> {
    let kind = kind_of(uri.path());
    let (mut wanted, mut fields) = Wanted::of_form(kind, &form)?;
    fields.back = back_of(&headers);
    let mut beyond = 0;
    if fields.all && kind != Kind::BuildCache {
        let read = ListQuery::read(kind, &QueryMap::parse(uri.query().unwrap_or_default()))?;
        let mut all = read.apply(leftovers.list(kind).leftovers);
        beyond = all.len().saturating_sub(MOST);
        all.truncate(MOST);
        wanted.ids = all.iter().map(|leftover| (kind, leftover.id.to_string())).collect();
    }
    leftovers.measure();
    let plan = leftovers.plan(&wanted);
    let preview = Preview { kind, plan, fields, beyond, errors: FormErrors::default() };
    preview.render(&context)
}

/// Does it.
pub(in crate::features::leftovers) async fn clean(
    State(leftovers): State<Arc<Leftovers>>,
    context: PageContext,
    identity: Identity,
    OriginalUri(uri): OriginalUri,
    RawForm(form): RawForm,
) -> Result<Response, WebError> {
    let kind = kind_of(uri.path());
    let (wanted, mut fields) = Wanted::of_form(kind, &form)?;
    fields.all = false;
    if wanted.ids.is_empty() && wanted.cache.is_none() {
        return Err(WebError::field("c", "takes at least one thing to remove: select some first."));
    }
    let plan = leftovers.plan(&wanted);
    if !plan.is_confirmed_by(&fields.typed) {
        let mut errors = FormErrors::default();
        let why = match plan.phrase() {
            Some(phrase) => format!("Type {phrase} to confirm."),
            None => "Nothing of this can be removed any more.".to_owned(),
        };
        errors.add("typed", why);
        let preview = Preview { kind, plan, fields, beyond: 0, errors };
        return Ok(preview.render(&context)?.status(StatusCode::UNPROCESSABLE_ENTITY).into_response());
    }
    let back = own_address(&fields.back).unwrap_or(kind.path()).to_owned();
    let job = leftovers.start(&identity, plan, back);
    Ok(leftovers.jobs.started(&context, identity.user_id, job))
}

struct Preview {
    kind: Kind,
    plan: Plan,
    fields: FormFields,
    beyond: usize,
    errors: FormErrors,
}

impl Preview {
    fn render(self, context: &PageContext) -> Result<Page, WebError> {
        let Self { kind, plan, fields, beyond, errors } = self;
        let goes: Vec<&Planned> = plan.removable().collect();
        let what = match goes.as_slice() {
            [] => format!("{}s", kind.noun()),
            [one] if kind != Kind::BuildCache => format!("the {} {}", kind.noun(), one.name()),
            many => kind.count(many.len()),
        };
        let title = match (goes.is_empty(), kind) {
            (true, Kind::BuildCache) => "Nothing to remove".to_owned(),
            (true, _) => format!("None of these {what} can be removed"),
            (false, Kind::BuildCache) => "Remove unused build cache".to_owned(),
            (false, _) => format!("Remove {what}"),
        };
        let freed = plan.freed();
        let cache = goes.iter().any(|planned| planned.kind == Kind::BuildCache);
        let page = PreviewPage {
            shell: context.shell(title.clone(), SECTION),
            button: match kind {
                Kind::BuildCache => "Remove".to_owned(),
                kind if goes.len() == 1 => format!("Remove {}", kind.noun()),
                kind => format!("Remove {}", kind.count(goes.len())),
            },
            url: match kind {
                Kind::Image => "/stale/images/cleanup",
                Kind::Volume => "/stale/volumes/cleanup",
                Kind::Network => "/stale/networks/cleanup",
                Kind::BuildCache => "/stale/build-cache/cleanup",
            },
            back: own_address(&fields.back).unwrap_or(kind.path()).to_owned(),
            keys: goes.iter().filter_map(|planned| planned.found.as_deref()).map(seen).collect(),
            age: goes.iter().find_map(|planned| age(planned)).unwrap_or_default(),
            freed: match (kind, freed.words()) {
                (Kind::Network, _) => String::new(),
                (_, words) if words.is_empty() && (goes.is_empty() || !cache && kind != Kind::Volume) => {
                    String::new()
                }
                (_, words) if words.is_empty() => "How much that frees is not measured yet.".to_owned(),
                (_, words) => format!("Frees {words}."),
            },
            facts: facts(kind, &goes, freed.at_least < freed.at_most),
            lost: lost(kind, &goes),
            phrase: plan.phrase().unwrap_or_default(),
            goes: goes.iter().map(|planned| item(planned)).collect(),
            stays: plan.items.iter().filter(|planned| planned.verdict.is_err()).map(item).collect(),
            title,
            beyond,
            errors,
            typed: fields.typed,
        };
        if context.wants_fragment() { Page::render(&page.as_content_preview()) } else { Page::render(&page) }
    }
}

fn age(planned: &Planned) -> Option<&'static str> {
    match &planned.verdict {
        Ok(Target::Cache { age, .. }) => Some(age.as_str()),
        _ => None,
    }
}

fn item(planned: &Planned) -> PreviewItem {
    let name = match &planned.verdict {
        Ok(Target::Cache { age, .. }) => age.words().to_owned(),
        _ => planned.name(),
    };
    let found = planned.found.as_deref();
    let tags = found.map(|found| found.tags.as_slice()).unwrap_or_default();
    let note = match &planned.verdict {
        Err(why) => capital(why),
        Ok(_) if tags.len() > 1 => {
            let others: Vec<&str> = tags.iter().skip(1).take(20).map(String::as_str).collect();
            let more = if tags.len() > 21 { " and more" } else { "" };
            format!("Also called {}{more}", others.join(", "))
        }
        Ok(_) => String::new(),
    };
    let words = planned.freed().words();
    PreviewItem {
        name: if planned.kind == Kind::Image { TwoEnds::of_image(&name) } else { TwoEnds::of(&name) },
        title: found.map_or_else(|| name.clone(), |found| format!("{} {}", found.name, found.id)),
        tag: match found.map(|found| found.sort) {
            Some(sort @ (Sort::Dangling | Sort::Anonymous)) => sort.as_str(),
            _ => "",
        },
        size: if planned.verdict.is_err() || planned.kind == Kind::Network { String::new() } else { words },
        note,
    }
}

/// What else there is to know before a removal.
fn facts(kind: Kind, goes: &[&Planned], shares: bool) -> Vec<&'static str> {
    if goes.is_empty() {
        return Vec::new();
    }
    let mut facts = Vec::new();
    match kind {
        Kind::Image => {
            if shares {
                facts.push("Layers that other images have as well stay until the last of them goes.");
            }
            if goes.iter().any(|planned| planned.found.as_ref().is_some_and(|found| found.tags.len() > 1)) {
                facts.push(
                    "An image goes with all of its tags: it would stay, and free nothing, if one was left.",
                );
            }
            facts
                .push("An image can be pulled or built again, if its registry or its sources still have it.");
        }
        Kind::Network => {
            facts.push("Compose makes its networks again when it needs them; addresses may differ.")
        }
        Kind::BuildCache => {
            facts.push("Images stay. The next builds take longer, because they start from nothing.")
        }
        Kind::Volume => {}
    }
    if kind != Kind::BuildCache {
        facts.push(match goes.len() {
            1 => "It is looked at again before it goes: if it is in use by then, it is left alone.",
            _ => "Each is looked at again before it goes: what is in use by then is left alone.",
        });
    }
    facts
}

/// What cannot come back.
fn lost(kind: Kind, goes: &[&Planned]) -> String {
    if kind != Kind::Volume || goes.is_empty() {
        return String::new();
    }
    let named =
        goes.iter().filter(|planned| planned.found.as_ref().is_some_and(|found| found.sort == Sort::Named));
    let named = match (named.count(), goes.len()) {
        (0, _) | (1, 1) => String::new(),
        (1, _) => " One of them has a name: somebody meant to keep it.".to_owned(),
        (n, all) if n == all => String::new(),
        (n, _) => format!(" {n} of them have a name: somebody meant to keep them."),
    };
    let which = if goes.len() == 1 { "this volume" } else { "these volumes" };
    format!(
        "Everything in {which} is deleted for good. There is no undo, and Docker Watcher keeps no copy.{named}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_its_kind() {
        assert_eq!(kind_of("/stale/volumes/cleanup"), Kind::Volume);
        assert_eq!(kind_of("/stale/build-cache/cleanup"), Kind::BuildCache);
    }
}
