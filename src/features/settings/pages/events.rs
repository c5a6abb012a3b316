//! `/settings/events`: which events are kept and for how long, and what the log takes now.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::super::service::SettingsService;
use super::super::store;
use super::field::FieldView;
use super::form::{SettingsForm, saved};
use crate::features::containers::view::Since;
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, Role, WebError};

pub(in super::super) const PATH: &str = "/settings/events";

const DAYS: &str = "event_retention_days";
const SIZE: &str = "event_retention_bytes";
const EXEC: &str = "record_exec_events";

#[derive(Template)]
#[template(path = "settings/events.html")]
struct EventsPage {
    shell: Shell,
    tab: &'static str,
    form: SettingsForm,
    may_edit: bool,
    days: FieldView,
    size: FieldView,
    exec: FieldView,
    log: LogView,
}

struct LogView {
    events: String,
    oldest: Option<Since>,
    size: String,
    free: String,
    next_prune: Option<Since>,
}

pub(in super::super) async fn get(
    State(service): State<Arc<SettingsService>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    page(&service, &context, SettingsForm::fresh(&query)).await
}

pub(in super::super) async fn post(
    State(service): State<Arc<SettingsService>>,
    context: PageContext,
    identity: Identity,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    let form = SettingsForm::sent(typed);
    match form.save(&service, &identity, &[DAYS, SIZE, EXEC]).await {
        Ok(()) => Ok(saved(PATH)),
        Err(error) => {
            let (form, status) = form.refused(error)?;
            Ok(page(&service, &context, form).await?.status(status).into_response())
        }
    }
}

async fn page(
    service: &SettingsService,
    context: &PageContext,
    form: SettingsForm,
) -> Result<Page, WebError> {
    let may_edit = context.may(Role::Admin);
    let field = |name| form.field(name, service, may_edit);
    let page = EventsPage {
        tab: "events",
        may_edit,
        days: field(DAYS),
        size: field(SIZE),
        exec: field(EXEC),
        log: LogView::read(service).await?,
        form,
        shell: context.shell("Event settings", "settings"),
    };
    Page::render(&page)
}

impl LogView {
    async fn read(service: &SettingsService) -> Result<Self, WebError> {
        let facts = service.db.read(store::log_facts).await?;
        let now = service.clock.now();
        let next = service.next_prune.get().filter(|at| *at > now);
        Ok(Self {
            events: grouped(facts.events),
            oldest: facts.oldest.map(|at| Since::new(from_ms(at), now, " ago")),
            size: text::bytes(facts.file_bytes),
            free: text::bytes(facts.free_bytes),
            next_prune: next.map(|at| Since { words: text::between(now, at), ..Since::new(at, now, "") }),
        })
    }
}

/// A count that is read digit by digit: `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (n, wanted) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), wanted);
        }
    }
}
