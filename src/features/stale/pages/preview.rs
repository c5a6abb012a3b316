//! What a cleanup would do, to be confirmed.

use askama::Template;
use axum::extract::{RawForm, State};
use axum::response::Response;

use super::Pages;
use crate::features::stale::cleanup::Options;
use crate::features::stale::preview::{Plan, Wanted};
use crate::platform::text;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

/// How many may be asked for at once by name.
pub(in crate::features::stale) const MOST: usize = 1_000;
/// How many are named in the dialog: what is to go is spelled out, unless nobody would read it.
const SHOWN: usize = 1_000;

#[derive(Template)]
#[template(path = "stale/cleanup.html", blocks = ["content_cleanup"])]
struct PreviewPage {
    shell: Shell,
    title: String,
    ids: Vec<String>,
    all: bool,
    as_of: i64,
    items: Vec<ItemView>,
    more: usize,
    removed: usize,
    refused: usize,
    freed: String,
    anonymous: usize,
    named: Vec<String>,
    more_named: usize,
    layer: bool,
    layer_days: u32,
    undo_days: u32,
    running: usize,
    grace: String,
}

struct ItemView {
    name: String,
    why: String,
    size: String,
    refusal: String,
}

struct Asked {
    wanted: Wanted,
    /// What turned stale later, ms, was not shown, and is not meant by "all".
    as_of: Option<i64>,
    options: Options,
}

impl Asked {
    fn read(form: &[u8]) -> Result<Self, WebError> {
        let (mut ids, mut all, mut options) = (Vec::new(), false, Options::default());
        let mut as_of = None;
        for (name, value) in url::form_urlencoded::parse(form) {
            match name.as_ref() {
                "c" => ids.push(value.into_owned()),
                "all" => all = value == "1",
                "as_of" => as_of = value.parse().ok(),
                "volumes" => options.volumes = true,
                "layer" => options.layer = true,
                _ => {}
            }
            if ids.len() > MOST {
                return Err(WebError::field("c", format!("takes {MOST} containers at most at once.")));
            }
        }
        if ids.is_empty() && !all {
            return Err(WebError::field("c", "takes at least one container: select some first."));
        }
        let wanted = if all { Wanted::All } else { Wanted::These(ids) };
        Ok(Self { wanted, as_of, options })
    }
}

pub(in crate::features::stale) async fn ask(
    State(pages): State<Pages>,
    context: PageContext,
    RawForm(query): RawForm,
) -> Result<Page, WebError> {
    let asked = Asked::read(&query)?;
    let plan = pages.stale.plan(&asked.wanted);
    // A few are measured at once; a longer list has a button for it.
    let few: Vec<_> = plan.removed().filter_map(|item| item.entry.clone()).take(20).collect();
    let plan = if few.iter().any(|entry| pages.stale.size_of(&entry.container.id).is_none()) {
        let measuring = pages.stale.measure(&few);
        // The page does not wait for long: what is not known by then is said to be unknown.
        let _in_time = tokio::time::timeout(std::time::Duration::from_secs(2), measuring).await;
        pages.stale.plan(&asked.wanted)
    } else {
        plan
    };
    let page = view(&pages, &context, &asked, &plan);
    if context.wants_fragment() { Page::render(&page.as_content_cleanup()) } else { Page::render(&page) }
}

pub(in crate::features::stale) async fn act(
    State(pages): State<Pages>,
    context: PageContext,
    identity: Identity,
    RawForm(form): RawForm,
) -> Result<Response, WebError> {
    let asked = Asked::read(&form)?;
    let mut plan = pages.stale.plan(&asked.wanted);
    if let (Wanted::All, Some(as_of)) = (&asked.wanted, asked.as_of) {
        plan.items.retain(|item| item.entry.as_ref().is_some_and(|entry| entry.verdict.since <= as_of));
    }
    if plan.items.is_empty() {
        return Err(WebError::Conflict(
            "Nothing is stale any more: there is nothing to clean up.".to_owned(),
        ));
    }
    let job = pages.stale.begin(&identity, plan, asked.options);
    Ok(pages.stale.jobs.started(&context, identity.user_id, job))
}

fn view(pages: &Pages, context: &PageContext, asked: &Asked, plan: &Plan) -> PreviewPage {
    let now = pages.stale.clock.now_ms();
    let settings = pages.stale.settings.current();
    let (bytes, unknown) = plan.bytes();
    let removed = plan.removed().count();
    let mut named: Vec<String> = plan.removed().flat_map(|item| item.named.iter().cloned()).collect();
    named.sort_unstable();
    named.dedup();
    let more_named = named.len().saturating_sub(8);
    named.truncate(8);
    let items = plan.items.iter().take(SHOWN).map(|item| ItemView {
        name: item.name().to_owned(),
        why: item
            .entry
            .as_ref()
            .and_then(|entry| entry.verdict.reasons.first())
            .map(|reason| reason.sentence(now))
            .unwrap_or_default(),
        size: item.bytes.map(text::bytes).unwrap_or_default(),
        refusal: item.refused.clone().unwrap_or_default(),
    });
    PreviewPage {
        title: match plan.items.as_slice() {
            [one] => format!("Clean up {}", one.name()),
            _ => format!("Clean up {}", text::count(removed, "container")),
        },
        ids: match &asked.wanted {
            Wanted::These(ids) => ids.clone(),
            Wanted::All => Vec::new(),
        },
        all: matches!(asked.wanted, Wanted::All),
        as_of: pages.stale.found().at.map_or(now, jiff::Timestamp::as_millisecond),
        items: items.collect(),
        more: plan.items.len().saturating_sub(SHOWN),
        removed,
        refused: plan.refused().count(),
        freed: match (removed, bytes, unknown) {
            (0, ..) => "nothing".to_owned(),
            (_, bytes, 0) => text::bytes(bytes),
            (_, 0, _) => "not measured".to_owned(),
            (_, bytes, unknown) => {
                format!(
                    "{}, and what {} wrote, which is not measured",
                    text::bytes(bytes),
                    text::count(unknown, "container")
                )
            }
        },
        anonymous: plan.removed().map(|item| item.anonymous.len()).sum(),
        named,
        more_named,
        layer: settings.cleanup_keep_layer,
        layer_days: settings.cleanup_layer_days,
        undo_days: settings.undo_retention_days,
        running: plan
            .removed()
            .filter(|item| item.entry.as_ref().is_some_and(|e| e.container.is_up()))
            .count(),
        grace: crate::platform::units::write_duration(settings.cleanup_grace),
        shell: context.shell("Clean up", "cleanup"),
    }
}
