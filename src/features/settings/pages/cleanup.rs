//! `/settings/cleanup`: what counts as stale, and what is kept of what was cleaned up.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::super::service::SettingsService;
use super::field::FieldView;
use super::form::{SettingsForm, saved};
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, Role, WebError};

pub(in super::super) const PATH: &str = "/settings/cleanup";

const DAYS: &str = "stale_threshold_days";
const SCAN: &str = "stale_scan_interval";
const UNDO: &str = "undo_retention_days";
const LAYER: &str = "cleanup_keep_layer";
const LAYER_DAYS: &str = "cleanup_layer_days";
const GRACE: &str = "cleanup_grace";

/// Further reasons in words: what they are, their setting, and what its number counts.
const REASONS: [(&str, &str, &str); 6] = [
    ("Never started", "stale_never_started_days", "days"),
    ("Failed to start", "stale_failed_start_days", "days"),
    ("Restarts again and again", "stale_restarting_hours", "hours"),
    ("Docker failed to remove it", "stale_dead_hours", "hours"),
    ("Runs, but unhealthy", "stale_unhealthy_days", "days"),
    ("Ended with an error, and was replaced", "stale_superseded_days", "days"),
];

#[derive(Template)]
#[template(path = "settings/cleanup.html")]
struct CleanupPage {
    shell: Shell,
    tab: &'static str,
    form: SettingsForm,
    may_edit: bool,
    days: FieldView,
    scan: FieldView,
    reasons: Vec<ReasonView>,
    undo: FieldView,
    layer: FieldView,
    layer_days: FieldView,
    grace: FieldView,
}

/// A reason that can be off: a box, and a number.
struct ReasonView {
    title: &'static str,
    number: FieldView,
    unit: &'static str,
}

pub(in super::super) async fn get(
    State(service): State<Arc<SettingsService>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    page(&service, &context, SettingsForm::fresh(&query))
}

pub(in super::super) async fn post(
    State(service): State<Arc<SettingsService>>,
    context: PageContext,
    identity: Identity,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    let form = SettingsForm::sent(typed);
    match form.save(&service, &identity, &names()).await {
        Ok(()) => Ok(saved(PATH)),
        Err(error) => {
            let (form, status) = form.refused(error)?;
            Ok(page(&service, &context, form)?.status(status).into_response())
        }
    }
}

/// The settings of this page.
fn names() -> Vec<&'static str> {
    let reasons = REASONS.iter().map(|(_, name, _)| *name);
    [DAYS, SCAN, UNDO, LAYER, LAYER_DAYS, GRACE].into_iter().chain(reasons).collect()
}

fn page(service: &SettingsService, context: &PageContext, form: SettingsForm) -> Result<Page, WebError> {
    let may_edit = context.may(Role::Admin);
    let field = |name| form.field(name, service, may_edit);
    let reasons = REASONS.map(|(title, name, unit)| ReasonView { title, number: field(name), unit });
    let page = CleanupPage {
        tab: "cleanup",
        may_edit,
        days: field(DAYS),
        scan: field(SCAN),
        reasons: reasons.into(),
        undo: field(UNDO),
        layer: field(LAYER),
        layer_days: field(LAYER_DAYS),
        grace: field(GRACE),
        form,
        shell: context.shell("Cleanup settings", "settings"),
    };
    Page::render(&page)
}

#[cfg(test)]
mod tests {
    use super::super::super::model::ALL;
    use super::*;

    #[test]
    fn every_setting_of_stale_containers_stands_on_the_page() {
        let is_ours = |name: &&str| ["stale_", "undo_", "cleanup_"].iter().any(|own| name.starts_with(own));
        let mut wanted: Vec<_> = ALL.iter().map(|setting| setting.name).filter(is_ours).collect();
        let mut names = names();
        wanted.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, wanted);
    }
}
