//! The bar of tabs of Cleanup, with what each holds.

use askama::Template;

use crate::features::leftovers::model::{Freed, Kind};
use crate::features::leftovers::service::Leftovers;
use crate::platform::text;

/// A tab of Cleanup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Stale containers.
    Containers,
    /// Leftovers of a kind.
    Of(Kind),
    /// What was removed and can come back.
    Removed,
    /// What is cleaned up without anybody clicking.
    Automatic,
}

/// How many things a tab holds, and what removing them frees; `None` = not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TabCount {
    /// How many.
    pub count: Option<usize>,
    /// Bytes.
    pub freed: Option<Freed>,
}

/// The bar, ready to be rendered.
#[derive(Template)]
#[template(path = "leftovers/_tabs.html")]
pub struct Tabs {
    tabs: Vec<TabView>,
}

struct TabView {
    label: &'static str,
    href: &'static str,
    current: bool,
    /// Empty when it is not known.
    count: String,
    /// Empty when nothing is known, or when it is nothing.
    size: String,
    title: String,
}

impl Tabs {
    /// The bar as it is now. Never waits.
    pub fn new(leftovers: &Leftovers, current: Tab) -> Self {
        let (containers, removed) = leftovers.others();
        let of = |kind| {
            let total = leftovers.total(kind);
            TabCount { count: total.map(|total| total.count), freed: total.map(|total| total.freed) }
        };
        let tab = |label, href, tab: Tab, held: TabCount| TabView {
            label,
            href,
            current: tab == current,
            count: held.count.map(|count| count.to_string()).unwrap_or_default(),
            size: held
                .freed
                .and_then(Freed::short)
                .filter(|bytes| *bytes > 0)
                .map(text::bytes)
                .unwrap_or_default(),
            title: held
                .freed
                .map(Freed::words)
                .filter(|words| !words.is_empty())
                .map(|words| format!("{words} can be freed"))
                .unwrap_or_default(),
        };
        let kind = |label, kind: Kind| tab(label, kind.path(), Tab::Of(kind), of(kind));
        let mut networks = kind("Networks", Kind::Network);
        networks.size.clear();
        networks.title.clear();
        Self {
            tabs: vec![
                tab("Containers", "/stale", Tab::Containers, containers),
                kind("Images", Kind::Image),
                kind("Volumes", Kind::Volume),
                networks,
                kind("Build cache", Kind::BuildCache),
                tab("Removed", "/stale/removed", Tab::Removed, removed),
                tab("Automatic", "/stale/automatic", Tab::Automatic, TabCount::default()),
            ],
        }
    }
}

impl Leftovers {
    /// The bar of tabs, rendered, for any page of Cleanup. Never waits.
    pub fn tabs_html(&self, current: Tab) -> String {
        Tabs::new(self, current).render().unwrap_or_else(|error| {
            tracing::error!(%error, "the tabs of Cleanup cannot be shown");
            String::new()
        })
    }
}
