//! What the three pages have in common: title, search, chips, columns, and what is said of a list that is
//! empty, old, or not allowed.

use super::{Listable, ROWS};
use crate::features::containers::view::Since;
use crate::features::resources::links::Links;
use crate::features::resources::query::{ListQuery, Sort, SortBy};
use crate::features::resources::service::{Counts, Listed, Standing};
use crate::platform::text;

/// Everything but the rows.
pub(in crate::features::resources) struct Frame {
    pub title: &'static str,
    pub nouns: &'static str,
    pub path: &'static str,
    pub placeholder: &'static str,
    pub subtitle: String,
    pub note: Option<Note>,
    pub q: String,
    pub kept: Vec<(&'static str, String)>,
    pub chips: Vec<Chip>,
    pub columns: Vec<Column>,
    pub shown: usize,
    pub matching: usize,
    pub more_url: String,
    pub empty: Option<Empty>,
}

pub(in crate::features::resources) struct Chip {
    pub label: &'static str,
    pub count: usize,
    pub url: String,
    pub current: bool,
    /// Begins a group of its own.
    pub apart: bool,
}

/// A column of a table: its label, its class, and the order it stands for.
pub(in crate::features::resources) type ColumnKind = (&'static str, &'static str, Option<SortBy>);

pub(in crate::features::resources) struct Column {
    pub label: &'static str,
    pub class: &'static str,
    /// Empty when it cannot be sorted by.
    pub url: String,
    /// `ascending`, `descending` or nothing.
    pub sorted: &'static str,
}

/// Why the list is not as the engine says now.
pub(in crate::features::resources) struct Note {
    pub icon: &'static str,
    pub text: String,
    pub as_of: Since,
}

pub(in crate::features::resources) struct Empty {
    pub icon: &'static str,
    pub title: String,
    pub text: String,
    pub link: Option<(&'static str, &'static str)>,
}

impl Frame {
    pub(super) fn new<T: Listable>(
        links: &Links<'_>,
        wanted: &ListQuery,
        listed: &Listed<T>,
        shown: usize,
        now: jiff::Timestamp,
    ) -> Self {
        let rows: usize = links.query.get("rows").and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
        Self {
            title: T::TITLE,
            nouns: T::NOUNS,
            path: T::PATH,
            placeholder: T::PLACEHOLDER,
            subtitle: subtitle::<T>(listed),
            note: note::<T>(listed, now),
            q: wanted.q.clone(),
            kept: links.kept(),
            // What was never read has no numbers.
            chips: listed.as_of.map(|_| chips(links, wanted, listed.counts, T::SPECIAL)).unwrap_or_default(),
            columns: columns(links, wanted.sort, T::COLUMNS),
            shown,
            matching: listed.rows.len(),
            more_url: links.with(&[("rows", &rows.max(ROWS).saturating_add(ROWS).to_string())]),
            empty: listed.rows.is_empty().then(|| empty(wanted, listed)),
        }
    }
}

fn subtitle<T: Listable>(listed: &Listed<T>) -> String {
    if listed.as_of.is_none() {
        return "None known yet".to_owned();
    }
    let on = if listed.host.is_empty() { String::new() } else { format!(" on {}", listed.host) };
    let singular = T::NOUNS.trim_end_matches('s');
    match (listed.counts.total, listed.counts.unused) {
        (0, _) => format!("No {}{on}", T::NOUNS),
        (total, 0) => format!("{}{on}", text::count(total, singular)),
        (total, unused) => format!("{}{on}, {unused} unused", text::count(total, singular)),
    }
}

fn note<T: Listable>(listed: &Listed<T>, now: jiff::Timestamp) -> Option<Note> {
    let as_of = Since::new(listed.as_of?, now, " ago");
    let (icon, text) = match &listed.standing {
        Standing::Current | Standing::NotYet | Standing::Connecting => return None,
        // The banner on top of the page says why.
        Standing::Down(_) => ("unplug", "Docker is not reachable.".to_owned()),
        Standing::Refused => ("lock", format!("Docker does not allow listing {} here any more.", T::NOUNS)),
        Standing::Failed(why) => {
            ("triangle-alert", format!("Docker did not list the {}, and is asked again: {why}.", T::NOUNS))
        }
    };
    Some(Note { icon, text, as_of })
}

fn chips(links: &Links<'_>, wanted: &ListQuery, counts: Counts, special: Option<&'static str>) -> Vec<Chip> {
    // Dangling is a sort of unused, so these are one choice; anonymous or named is another.
    let dangling = special.filter(|name| *name == "dangling");
    let usage = |label, count, used: Option<bool>| {
        let value = used.map_or("", |used| if used { "true" } else { "false" });
        let mut changed = vec![("used", value)];
        changed.extend(dangling.map(|name| (name, "")));
        let current = wanted.used == used && (dangling.is_none() || wanted.special.is_none());
        Chip { label, count, url: links.with(&changed), current, apart: false }
    };
    let mut chips = vec![
        usage("All", counts.total, None),
        usage("In use", counts.used, Some(true)),
        usage("Unused", counts.unused, Some(false)),
    ];
    let is = wanted.special;
    match special {
        Some("dangling") => chips.push(Chip {
            label: "Dangling",
            count: counts.special,
            url: links.with(&[("used", ""), ("dangling", "true")]),
            current: is == Some(true) && wanted.used.is_none(),
            apart: false,
        }),
        Some(name) => {
            for (label, count, value, apart) in [
                ("Named", counts.total - counts.special, false, true),
                ("Anonymous", counts.special, true, false),
            ] {
                let current = is == Some(value);
                // The one that is on is taken back by the same chip.
                let next = if current {
                    ""
                } else if value {
                    "true"
                } else {
                    "false"
                };
                chips.push(Chip { label, count, url: links.with(&[(name, next)]), current, apart });
            }
        }
        None => {}
    }
    chips
}

fn columns(links: &Links<'_>, sort: Option<Sort>, kinds: &[ColumnKind]) -> Vec<Column> {
    let columns = kinds.iter().map(|(label, class, by)| {
        let current = by.and_then(|by| sort.filter(|sort| sort.by == by));
        let next = match current {
            Some(sort) => Some(Sort { descending: !sort.descending, ..sort }),
            None => by.map(SortBy::first),
        };
        Column {
            label,
            class,
            url: next.map(|next| links.with(&[("sort", &next.param())])).unwrap_or_default(),
            sorted: match current {
                Some(Sort { descending: true, .. }) => "descending",
                Some(_) => "ascending",
                None => "",
            },
        }
    });
    columns.collect()
}

fn empty<T: Listable>(wanted: &ListQuery, listed: &Listed<T>) -> Empty {
    let nouns = T::NOUNS;
    if listed.counts.total > 0 && wanted.filters() {
        let title = if wanted.q.is_empty() {
            format!("No {nouns} match these filters")
        } else {
            format!("No {nouns} match “{}”", text::cut(&wanted.q, 60))
        };
        let text = "The search looks at names and ids, and at the containers that use them.".to_owned();
        return Empty { icon: "search", title, text, link: Some(("Clear filters", T::PATH)) };
    }
    let say = |icon, title: String, text: String| Empty { icon, title, text, link: None };
    match &listed.standing {
        Standing::Current => say(T::ICON, format!("No {nouns} yet"), T::EMPTY.to_owned()),
        Standing::Connecting => say(
            "unplug",
            "Connecting to Docker".to_owned(),
            format!("{} appear here by themselves.", T::TITLE),
        ),
        // The banner on top of the page says why.
        Standing::Down(_) => say(
            "unplug",
            "Docker is not reachable".to_owned(),
            format!("{} appear here by themselves once it answers.", T::TITLE),
        ),
        Standing::NotYet => say(
            T::ICON,
            format!("{} are not read yet", T::TITLE),
            "Docker is being asked. They appear here by themselves.".to_owned(),
        ),
        Standing::Refused => say(
            "lock",
            format!("Docker does not allow listing {nouns} here"),
            format!(
                "The socket proxy in between refuses it (403). Allow GET {} there, often by {}=1, and they appear here.",
                T::PATH,
                T::TITLE.to_uppercase()
            ),
        ),
        Standing::Failed(why) => say(
            "triangle-alert",
            format!("Docker did not list the {nouns}"),
            format!("It is asked again by itself: {why}."),
        ),
    }
}
