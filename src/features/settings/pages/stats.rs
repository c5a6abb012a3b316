//! `/settings/stats`: how often containers are measured, how long the history is kept, and from where on a
//! value is a warning.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::super::StatsCards;
use super::super::service::SettingsService;
use super::field::FieldView;
use super::form::{SettingsForm, saved};
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, Role, WebError};

pub(in super::super) const PATH: &str = "/settings/stats";

const INTERVAL: &str = "stats_interval";
const DAYS: &str = "stats_retention_days";
const SIZE: &str = "stats_retention_bytes";

/// A threshold in words: what is watched, the setting of its number and what that counts, and the setting
/// of how long it must last.
const THRESHOLDS: [(&str, &str, &str, Option<&str>); 5] = [
    ("Memory", "alert_memory_percent", "% of its limit", Some("alert_memory_for")),
    ("CPU", "alert_cpu_percent", "% of one core", Some("alert_cpu_for")),
    ("Disk, warning", "alert_disk_warning_percent", "% full", None),
    ("Disk, error", "alert_disk_error_percent", "% full", None),
    ("Disk full soon", "alert_disk_full_days", "days left", None),
];

#[derive(Template)]
#[template(path = "settings/stats.html")]
struct StatsPage {
    shell: Shell,
    tab: &'static str,
    form: SettingsForm,
    may_edit: bool,
    interval: FieldView,
    days: FieldView,
    size: FieldView,
    thresholds: Vec<ThresholdView>,
    method: String,
}

/// One line of the thresholds: a box, a number, and how long.
struct ThresholdView {
    title: &'static str,
    number: FieldView,
    unit: &'static str,
    lasting: Option<FieldView>,
}

pub(in super::super) async fn get(
    State((service, cards)): State<(Arc<SettingsService>, StatsCards)>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    page(&service, &cards, &context, SettingsForm::fresh(&query)).await
}

pub(in super::super) async fn post(
    State((service, cards)): State<(Arc<SettingsService>, StatsCards)>,
    context: PageContext,
    identity: Identity,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    let form = SettingsForm::sent(typed);
    match form.save(&service, &identity, &names()).await {
        Ok(()) => Ok(saved(PATH)),
        Err(error) => {
            let (form, status) = form.refused(error)?;
            Ok(page(&service, &cards, &context, form).await?.status(status).into_response())
        }
    }
}

/// The settings of this page.
fn names() -> Vec<&'static str> {
    let thresholds = THRESHOLDS.iter().flat_map(|(_, number, _, lasting)| [Some(*number), *lasting]);
    [INTERVAL, DAYS, SIZE].into_iter().chain(thresholds.flatten()).collect()
}

async fn page(
    service: &SettingsService,
    cards: &StatsCards,
    context: &PageContext,
    form: SettingsForm,
) -> Result<Page, WebError> {
    let may_edit = context.may(Role::Admin);
    let field = |name| form.field(name, service, may_edit);
    let thresholds = THRESHOLDS.map(|(title, number, unit, lasting)| ThresholdView {
        title,
        number: field(number),
        unit,
        lasting: lasting.map(field),
    });
    let page = StatsPage {
        tab: "stats",
        may_edit,
        interval: field(INTERVAL),
        days: field(DAYS),
        size: field(SIZE),
        thresholds: thresholds.into(),
        method: (cards.method)().await?,
        form,
        shell: context.shell("Statistics settings", "settings"),
    };
    Page::render(&page)
}

#[cfg(test)]
mod tests {
    use super::super::super::model::ALL;
    use super::*;

    #[test]
    fn every_setting_of_statistics_and_thresholds_stands_on_the_page() {
        let wanted = ALL.iter().map(|setting| setting.name);
        let mut wanted: Vec<_> =
            wanted.filter(|name| name.starts_with("stats_") || name.starts_with("alert_")).collect();
        let mut names = names();
        wanted.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, wanted);
    }
}
