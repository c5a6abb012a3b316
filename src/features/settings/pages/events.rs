//! `/settings/events`: which events are kept and for how long, and what the log takes now.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::model::{Kind, Patch, Setting, Settings, named};
use super::super::service::SettingsService;
use super::super::store;
use crate::features::containers::view::Since;
use crate::platform::clock::from_ms;
use crate::platform::journal::Actor;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
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
    notice: &'static str,
    may_edit: bool,
    days: FieldView,
    size: FieldView,
    exec: FieldView,
    errors: FormErrors,
    log: LogView,
}

/// One field of the form.
#[derive(Debug, PartialEq, Eq)]
struct FieldView {
    name: &'static str,
    value: String,
    /// What it is for, and what it takes.
    help: String,
    error: String,
    /// The flag that fixes it; empty when none does.
    locked_by: &'static str,
    /// Whether this user may type into it.
    open: bool,
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
    let notice =
        if query.get("done") == Some("saved") { "The settings are saved and hold from now on." } else { "" };
    page(&service, &context, notice, &BTreeMap::new(), FormErrors::default()).await
}

pub(in super::super) async fn post(
    State(service): State<Arc<SettingsService>>,
    context: PageContext,
    identity: Identity,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    match save(&service, &identity, &typed).await {
        Ok(()) => Ok(Redirect::to(&format!("{PATH}?done=saved")).into_response()),
        Err(error) => {
            let (errors, status) = forms::refused(error)?;
            Ok(page(&service, &context, "", &typed, errors).await?.status(status).into_response())
        }
    }
}

async fn save(
    service: &Arc<SettingsService>,
    identity: &Identity,
    typed: &BTreeMap<String, String>,
) -> Result<(), WebError> {
    let fields = [DAYS, SIZE, EXEC].into_iter().filter_map(|name| Some((name, typed.get(name)?.as_str())));
    let patch = Patch::from_texts(fields).map_err(WebError::Invalid)?;
    service.apply(patch, Actor::user(&identity.name)).await?;
    Ok(())
}

async fn page(
    service: &SettingsService,
    context: &PageContext,
    notice: &'static str,
    typed: &BTreeMap<String, String>,
    errors: FormErrors,
) -> Result<Page, WebError> {
    let settings = service.current();
    let may_edit = context.may(Role::Admin);
    let field = |name| FieldView::new(name, &settings, typed, &errors, service.locked_by(name), may_edit);
    let page = EventsPage {
        tab: "events",
        notice,
        may_edit,
        days: field(DAYS),
        size: field(SIZE),
        exec: field(EXEC),
        log: LogView::read(service).await?,
        errors,
        shell: context.shell("Event settings", "settings"),
    };
    Page::render(&page)
}

impl FieldView {
    fn new(
        name: &'static str,
        settings: &Settings,
        typed: &BTreeMap<String, String>,
        errors: &FormErrors,
        locked_by: Option<&'static str>,
        may_edit: bool,
    ) -> Self {
        let setting = named(name);
        let kept = setting.map(|setting| setting.words(settings)).unwrap_or_default();
        Self {
            name,
            value: typed.get(name).filter(|_| locked_by.is_none()).cloned().unwrap_or(kept),
            help: setting.map(help).unwrap_or_default(),
            error: errors.of(name).to_owned(),
            locked_by: locked_by.unwrap_or_default(),
            open: may_edit && locked_by.is_none(),
        }
    }

    /// Whether a switch is on: as it is kept, or as it was sent.
    fn is_on(&self) -> bool {
        matches!(self.value.as_str(), "on" | "true")
    }
}

fn help(setting: &Setting) -> String {
    match setting.kind {
        Kind::Switch(_) => setting.help.to_owned(),
        _ => format!("{} {}", setting.help, setting.takes()),
    }
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

    fn field(typed: &[(&str, &str)], locked_by: Option<&'static str>, may_edit: bool) -> FieldView {
        let typed = typed.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        FieldView::new(SIZE, &Settings::default(), &typed, &FormErrors::default(), locked_by, may_edit)
    }

    #[test]
    fn a_field_shows_what_holds_or_what_was_typed() {
        assert_eq!(field(&[], None, true).value, "512 MB");
        assert_eq!(field(&[(SIZE, "a lot")], None, true).value, "a lot");
    }

    #[test]
    fn a_field_is_closed_to_those_who_may_not_and_when_a_flag_fixes_it() {
        assert!(field(&[], None, true).open && !field(&[], None, false).open);
        let locked = field(&[(SIZE, "1 GB")], Some("--some-flag"), true);
        assert!(!locked.open && locked.value == "512 MB" && locked.locked_by == "--some-flag");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (n, wanted) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), wanted);
        }
    }
}
