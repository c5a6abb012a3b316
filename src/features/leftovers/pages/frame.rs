//! What stands around a list of leftovers: title, search, chips, columns, and what is said of a list that is
//! empty, old, or not allowed.

use jiff::Timestamp;

use super::list::ROWS;
use crate::features::containers::view::Since;
use crate::features::leftovers::model::{Freed, Kind, Leftover, Sort};
use crate::features::leftovers::query::{ListQuery, Order, SortBy, sorts};
use crate::features::leftovers::service::{Leftovers, Listing};
use crate::features::leftovers::usage::Standing as Measuring;
use crate::features::resources::service::Standing;
use crate::platform::text;
use crate::web::api::QueryMap;

/// Everything but the rows.
pub(in crate::features::leftovers) struct Frame {
    pub path: &'static str,
    pub nouns: String,
    pub subtitle: String,
    pub notes: Vec<Note>,
    pub q: String,
    pub kept: Vec<(&'static str, String)>,
    pub chips: Vec<Chip>,
    /// What the sorts mean, and how much care they take.
    pub hint: &'static str,
    pub columns: Vec<Column>,
    pub shown: usize,
    pub matching: usize,
    pub more_url: String,
    /// Where everything that is listed is previewed; empty when nothing of it can be removed.
    pub all_url: String,
    pub all_label: String,
    pub empty: Option<Empty>,
    /// Whether sizes are being measured.
    pub measuring: bool,
}

pub(in crate::features::leftovers) struct Chip {
    pub label: &'static str,
    pub count: usize,
    pub url: String,
    pub current: bool,
}

pub(in crate::features::leftovers) struct Column {
    pub label: &'static str,
    pub class: &'static str,
    pub url: String,
    /// `ascending`, `descending` or nothing.
    pub sorted: &'static str,
}

/// Something to know of the list.
pub(in crate::features::leftovers) struct Note {
    pub icon: &'static str,
    pub text: String,
    /// When the list is from, where it is old.
    pub as_of: Option<Since>,
}

pub(in crate::features::leftovers) struct Empty {
    pub icon: &'static str,
    pub title: String,
    pub text: String,
    pub link: Option<(&'static str, &'static str)>,
}

/// Addresses of the same list with other parameters.
struct Links<'a> {
    path: &'static str,
    query: &'a QueryMap,
}

impl Links<'_> {
    fn with(&self, changed: &[(&str, &str)]) -> String {
        let mut url = url::form_urlencoded::Serializer::new(String::new());
        for name in ["q", "only", "sort", "rows"] {
            let value = match changed.iter().find(|(key, _)| *key == name) {
                Some((_, value)) => Some(*value).filter(|value| !value.is_empty()),
                // Another view begins with its first rows.
                None if name == "rows" => None,
                None => self.query.get(name),
            };
            if let Some(value) = value {
                url.append_pair(name, value);
            }
        }
        let query = url.finish();
        if query.is_empty() { self.path.to_owned() } else { format!("{}?{query}", self.path) }
    }
}

impl Frame {
    /// The frame of a list; `wanted` are the rows that match, of which `shown` are shown.
    pub(super) fn new(
        leftovers: &Leftovers,
        kind: Kind,
        query: &QueryMap,
        read: &ListQuery,
        (listing, wanted, shown): (&Listing, &[Leftover], usize),
    ) -> Self {
        let links = Links { path: kind.path(), query };
        let rows: usize = query.get("rows").and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
        let measuring = leftovers.measuring();
        let removable = wanted.iter().filter(|leftover| leftover.refusal.is_none()).count();
        let kept = ["only", "sort"].into_iter();
        Self {
            path: kind.path(),
            nouns: format!("{}s", kind.noun()),
            subtitle: subtitle(kind, listing),
            notes: notes(kind, listing, &measuring, leftovers.clock.now()),
            q: read.q.clone(),
            kept: kept.filter_map(|name| Some((name, query.get(name)?.to_owned()))).collect(),
            chips: chips(kind, &links, read, listing),
            hint: hint(kind),
            columns: columns(kind, &links, read.order),
            shown,
            matching: wanted.len(),
            more_url: links.with(&[("rows", &rows.max(ROWS).saturating_add(ROWS).to_string())]),
            all_url: if removable == 0 { String::new() } else { all_url(kind, read) },
            all_label: if removable == 1 {
                "Remove it…".to_owned()
            } else {
                format!("Remove all {removable}…")
            },
            empty: wanted.is_empty().then(|| empty(kind, read, listing)),
            measuring: measuring.running && measuring.measured.is_none(),
        }
    }
}

/// The preview of everything that the list shows.
fn all_url(kind: Kind, read: &ListQuery) -> String {
    let mut url = url::form_urlencoded::Serializer::new(String::new());
    url.append_pair("all", "1");
    if !read.q.is_empty() {
        url.append_pair("q", &read.q);
    }
    if let Some(only) = read.only {
        url.append_pair("only", only.as_str());
    }
    format!("{}/cleanup?{}", kind.path(), url.finish())
}

fn subtitle(kind: Kind, listing: &Listing) -> String {
    if listing.as_of.is_none() {
        return "Not known yet".to_owned();
    }
    let on = if listing.host.is_empty() { String::new() } else { format!(" on {}", listing.host) };
    let freed: Freed = listing
        .leftovers
        .iter()
        .filter(|leftover| leftover.refusal.is_none())
        .map(|leftover| leftover.size.freed())
        .sum();
    let freed = match freed.words() {
        words if words.is_empty() || freed.at_most == 0 => String::new(),
        words => format!(", {words} can be freed"),
    };
    match (kind, listing.leftovers.len()) {
        (_, 0) => format!("No unused {}s{on}", kind.noun()),
        (kind, n) => format!("{n} unused {}{}{on}{freed}", kind.noun(), if n == 1 { "" } else { "s" }),
    }
}

fn notes(kind: Kind, listing: &Listing, measuring: &Measuring, now: Timestamp) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(as_of) = listing.as_of {
        let (icon, text) = match &listing.standing {
            // The banner on top of the page says why.
            Standing::Down(_) => {
                ("unplug", "Docker is not reachable. Nothing can be removed now.".to_owned())
            }
            Standing::Refused => {
                ("lock", format!("Docker does not allow listing {}s here any more.", kind.noun()))
            }
            Standing::Failed(why) => (
                "triangle-alert",
                format!("Docker did not list the {}s, and is asked again: {why}.", kind.noun()),
            ),
            _ => ("", String::new()),
        };
        if !text.is_empty() {
            notes.push(Note { icon, text, as_of: Some(Since::new(as_of, now, " ago")) });
        }
    }
    if listing.blind {
        let text = "The Docker socket proxy hides which containers there are, so nothing can be called unused. Allow GET /containers there, often by CONTAINERS=1.";
        notes.push(Note { icon: "lock", text: text.to_owned(), as_of: None });
    }
    if kind != Kind::Network {
        notes.extend(unmeasured(measuring, now));
    }
    notes
}

/// What is said where sizes are missing or old.
pub(super) fn unmeasured(measuring: &Measuring, now: Timestamp) -> Option<Note> {
    let error = measuring.failed.as_ref()?;
    let why = if error.is_forbidden() {
        "The Docker socket proxy does not allow measuring sizes here (403). Allow GET /system/df there, often by SYSTEM=1.".to_owned()
    } else {
        format!("Sizes could not be measured: {error}.")
    };
    let old = measuring.measured.as_ref().map(|measured| text::between(measured.at, now));
    let old = old.map(|age| format!(" They are from {age} ago.")).unwrap_or_default();
    Some(Note { icon: "triangle-alert", text: format!("{why}{old}"), as_of: None })
}

fn hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Image => {
            "Dangling: a newer build or pull took their tag, so nothing can find them by name. Unused: they have a tag, and no container was made from them."
        }
        Kind::Volume => {
            "Anonymous: Docker made them for a container that is gone. Named: somebody meant to keep what is in them, so look twice. Neither can be brought back."
        }
        _ => {
            "No container is attached to them, running or not. Compose makes its networks again when it needs them."
        }
    }
}

fn chips(kind: Kind, links: &Links<'_>, read: &ListQuery, listing: &Listing) -> Vec<Chip> {
    // What was never read has no numbers.
    if sorts(kind).is_empty() || listing.as_of.is_none() {
        return Vec::new();
    }
    let chip = |label, only: Option<Sort>, count| Chip {
        label,
        count,
        url: links.with(&[("only", only.map_or("", Sort::as_str))]),
        current: read.only == only,
    };
    let mut chips = vec![chip("All", None, listing.leftovers.len())];
    for sort in sorts(kind) {
        let label = match sort {
            Sort::Dangling => "Dangling",
            Sort::Unused => "Unused",
            Sort::Anonymous => "Anonymous",
            _ => "Named",
        };
        chips.push(chip(
            label,
            Some(*sort),
            listing.leftovers.iter().filter(|one| one.sort == *sort).count(),
        ));
    }
    chips
}

fn columns(kind: Kind, links: &Links<'_>, order: Order) -> Vec<Column> {
    let name = match kind {
        Kind::Image => "Image",
        Kind::Volume => "Volume",
        _ => "Network",
    };
    let mut kinds = vec![(name, "", SortBy::Name)];
    if kind != Kind::Network {
        kinds.push(("Frees", "r-size", SortBy::Size));
    }
    kinds.extend([("Created", "r-age", SortBy::Created), ("Last used", "l-used", SortBy::Used)]);
    let columns = kinds.into_iter().map(|(label, class, by)| {
        let current = (order.by == by).then_some(order);
        let next = current.map_or(Order::first(by), Order::reversed);
        let sorted = match current {
            Some(Order { descending: true, .. }) => "descending",
            Some(_) => "ascending",
            None => "",
        };
        Column { label, class, url: links.with(&[("sort", &next.param())]), sorted }
    });
    columns.collect()
}

fn empty(kind: Kind, read: &ListQuery, listing: &Listing) -> Empty {
    let nouns = format!("{}s", kind.noun());
    if !listing.leftovers.is_empty() && read.filters() {
        let title = if read.q.is_empty() {
            format!("No unused {nouns} of this sort")
        } else {
            format!("No unused {nouns} match “{}”", text::cut(&read.q, 60))
        };
        let text = if read.q.is_empty() {
            "All of them are of another sort."
        } else {
            "The search looks at names, ids, projects and who used them last."
        };
        let text = text.to_owned();
        return Empty { icon: "search", title, text, link: Some(("Clear filters", kind.path())) };
    }
    let say = |icon, title: String, text: String| Empty { icon, title, text, link: None };
    match &listing.standing {
        Standing::Current if listing.blind => say(
            "lock",
            "Nothing can be called unused".to_owned(),
            "Which containers there are is not known here.".to_owned(),
        ),
        Standing::Current => say(
            "circle-check",
            format!("No unused {nouns}"),
            match kind {
                Kind::Image => "A container was made from every image there is.".to_owned(),
                Kind::Volume => "A container has every volume there is.".to_owned(),
                _ => "A container is attached to every network but Docker's own.".to_owned(),
            },
        ),
        Standing::Connecting => say(
            "unplug",
            "Connecting to Docker".to_owned(),
            format!("Unused {nouns} appear here by themselves."),
        ),
        // The banner on top of the page says why.
        Standing::Down(_) => say(
            "unplug",
            "Docker is not reachable".to_owned(),
            format!("Unused {nouns} appear here by themselves once it answers."),
        ),
        Standing::NotYet => say(
            "brush-cleaning",
            format!("The {nouns} are not read yet"),
            "Docker is being asked. They appear here by themselves.".to_owned(),
        ),
        Standing::Refused => say(
            "lock",
            format!("Docker does not allow listing {nouns} here"),
            format!(
                "The socket proxy in between refuses it (403). Allow GET /{nouns} there, often by {}=1.",
                nouns.to_uppercase()
            ),
        ),
        Standing::Failed(why) => say(
            "triangle-alert",
            format!("Docker did not list the {nouns}"),
            format!("It is asked again by itself: {why}."),
        ),
    }
}
