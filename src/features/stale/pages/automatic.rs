//! The automatic cleanup: its rules, what it does next, and what it would have done.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Pages;
use crate::features::containers::view::Since;
use crate::features::leftovers::{Tab, Tabs};
use crate::features::settings::{FieldView, SettingsForm};
use crate::features::stale::policy::lookback::{DAYS, LookBack, Then, WouldHave};
use crate::features::stale::policy::{Policy, State as PolicyState};
use crate::features::stale::preview::Plan;
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, Role, WebError};

pub(in crate::features::stale) const PATH: &str = "/stale/automatic";
const ON: &str = "auto_cleanup";
const AFTER: &str = "auto_cleanup_days";
const AT: &str = "auto_cleanup_at";
const ONLY: &str = "auto_cleanup_match";
const EXCEPT: &str = "auto_cleanup_except";
const NAMES: [&str; 5] = [ON, AFTER, AT, ONLY, EXCEPT];
/// How many are listed.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "stale/automatic.html", blocks = ["content_automatic"])]
struct AutomaticPage {
    shell: Shell,
    tabs: Tabs,
    form: SettingsForm,
    may_edit: bool,
    on: FieldView,
    after: FieldView,
    at: FieldView,
    only: FieldView,
    except: FieldView,
    zone: String,
    effect: Effect,
}

/// What the rules that are typed would do, or those that hold.
struct Effect {
    /// Whether it is about rules that are not saved.
    typed: bool,
    trial: bool,
    next: Option<Since>,
    last: Option<(Since, String)>,
    now: Vec<String>,
    now_more: usize,
    now_refused: usize,
    /// What it would have done, in a sentence.
    summary: String,
    used: usize,
    rows: Vec<Row>,
    more: usize,
}

struct Row {
    name: String,
    image: String,
    at: Since,
    since: Since,
    icon: &'static str,
    tone: &'static str,
    then: String,
    id: String,
}

pub(in crate::features::stale) async fn get(
    State(pages): State<Pages>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let typed: BTreeMap<String, String> =
        NAMES.into_iter().filter_map(|name| Some((name.to_owned(), query.raw(name)?.to_owned()))).collect();
    let form = if typed.is_empty() { SettingsForm::fresh(&query) } else { SettingsForm::sent(typed) };
    page(&pages, &context, form).await
}

pub(in crate::features::stale) async fn post(
    State(pages): State<Pages>,
    context: PageContext,
    identity: Identity,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    let form = SettingsForm::sent(typed);
    match form.save(&pages.stale.settings, &identity, &NAMES).await {
        Ok(()) => Ok(Redirect::to(&format!("{PATH}?done=saved")).into_response()),
        Err(error) => {
            let (form, status) = form.refused(error)?;
            Ok(page(&pages, &context, form).await?.status(status).into_response())
        }
    }
}

async fn page(pages: &Pages, context: &PageContext, mut form: SettingsForm) -> Result<Page, WebError> {
    let stale = &pages.stale;
    let holds = stale.settings.current();
    let shown = match form.applied(&holds, &NAMES) {
        Ok(settings) => settings,
        Err(errors) => {
            form.errors = errors;
            (*holds).clone()
        }
    };
    let (policy, zone, now) = (Policy::of(&shown), TimeZone::system(), stale.clock.now());
    let back = stale.look_back(&policy, &zone).await?;
    let state = stale.policy_state().await?;
    let effect = Effect {
        typed: shown != *holds,
        trial: !policy.was_tried(&state),
        next: policy.is_on.then(|| {
            let at = policy.next_run(&state, now, &zone);
            Since { words: text::between(now, at), ..Since::new(at, now, "") }
        }),
        last: last(&state, now),
        ..effect(&stale.policy_plan(&policy), &back, &policy, now)
    };
    let may_edit = context.may(Role::Admin);
    let field = |name| form.field(name, &stale.settings, may_edit);
    let page = AutomaticPage {
        tabs: Tabs::new(&pages.leftovers, Tab::Automatic),
        may_edit,
        on: field(ON),
        after: field(AFTER),
        at: field(AT),
        only: field(ONLY),
        except: field(EXCEPT),
        zone: zone.iana_name().unwrap_or("the host's zone").to_owned(),
        effect,
        form,
        shell: context.shell("Automatic cleanup", "cleanup"),
    };
    if context.wants_fragment() { Page::render(&page.as_content_automatic()) } else { Page::render(&page) }
}

fn last(state: &PolicyState, now: Timestamp) -> Option<(Since, String)> {
    let (at, run) = (state.last_at?, state.last_run.as_ref()?);
    let left = match run.refused {
        0 => String::new(),
        n => format!(", {} left alone", text::count(n, "container")),
    };
    let words = match (run.skipped.as_str(), run.trial, run.removed) {
        ("", true, 0) => format!("As a trial: there was nothing to remove{left}."),
        ("", true, n) => format!("As a trial: it would have removed {}{left}.", text::count(n, "container")),
        ("", false, 0) => format!("There was nothing to remove{left}."),
        ("", false, n) => format!("It removed {}{left}.", text::count(n, "container")),
        (why, ..) => format!("It did not run: {why}."),
    };
    Some((Since::new(from_ms(at), now, " ago"), words))
}

fn effect(plan: &Plan, back: &LookBack, policy: &Policy, now: Timestamp) -> Effect {
    let removed: Vec<String> = plan.removed().map(|item| item.name().to_owned()).collect();
    let count = back.items.len();
    let left = match back.left_alone {
        0 => String::new(),
        n => format!(
            " {} that fit would have been left alone: they are protected, or others need them.",
            text::count(n, "container")
        ),
    };
    let summary = match count {
        0 => format!("In the last {DAYS} days it would have removed nothing.{left}"),
        _ => format!(
            "In the last {DAYS} days it would have removed {} that had been stale for {}.{left}",
            text::count(count, "container"),
            text::count(usize::try_from(policy.days).unwrap_or_default(), "day"),
        ),
    };
    Effect {
        typed: false,
        trial: false,
        next: None,
        last: None,
        now_more: removed.len().saturating_sub(ROWS),
        now: removed.into_iter().take(ROWS).collect(),
        now_refused: plan.refused().count(),
        summary,
        used: back.used(),
        // What was of use later is what matters most.
        rows: ordered(back).into_iter().take(ROWS).map(|item| row(item, now)).collect(),
        more: count.saturating_sub(ROWS),
    }
}

fn ordered(back: &LookBack) -> Vec<&WouldHave> {
    let mut items: Vec<&WouldHave> = back.items.iter().collect();
    items.sort_by_key(|item| !matches!(item.then, Then::Used(_)));
    items
}

fn row(item: &WouldHave, now: Timestamp) -> Row {
    let ago = |at| text::between(from_ms(at), now);
    let (icon, tone, then) = match item.then {
        Then::There => ("s-off", "idle", "It is stale still".to_owned()),
        Then::Removed(at) => ("s-off", "idle", format!("It was removed {} ago", ago(at))),
        Then::Used(at) => ("s-warn", "warn", format!("It was of use again {} ago", ago(at))),
    };
    Row {
        name: item.name.clone(),
        image: item.image.clone(),
        at: Since::new(from_ms(item.at), now, " ago"),
        since: Since::new(from_ms(item.since), now, ""),
        icon,
        tone,
        then,
        id: if matches!(item.then, Then::Removed(_)) { String::new() } else { item.id.clone() },
    }
}
