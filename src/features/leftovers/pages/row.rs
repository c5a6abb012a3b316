//! A row of a list of leftovers.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use crate::docker::types::short_id;
use crate::features::containers::view::{Since, TwoEnds};
use crate::features::leftovers::model::{Freed, Kind, Leftover, Sort};
use crate::features::leftovers::plan::shown;
use crate::platform::text;

/// How many tags a row shows.
const SHOWN: usize = 3;
/// How many of the others it names when it is pointed at.
const NAMED: usize = 20;

pub(in crate::features::leftovers) struct Row {
    pub dom_id: String,
    /// What a form names it by.
    pub key: String,
    pub names: Vec<(TwoEnds, String)>,
    pub more: String,
    pub more_title: String,
    pub mono: bool,
    pub tag: &'static str,
    pub tag_title: &'static str,
    pub off: bool,
    /// The id, short and whole; empty for a volume.
    pub short_id: String,
    pub id: String,
    pub project: String,
    pub driver: String,
    /// What its removal frees.
    pub size: String,
    /// What of it others need as well.
    pub size_note: String,
    pub created: Option<Since>,
    pub used: Option<(Since, String)>,
    /// Why it cannot be selected; empty when it can.
    pub refusal: String,
    pub name: String,
}

impl Row {
    pub(super) fn new(leftover: &Leftover, now: Timestamp, measuring: bool) -> Self {
        let digits = leftover.id.strip_prefix("sha256:").unwrap_or(&leftover.id);
        let name = shown(leftover);
        let of_image = leftover.kind == Kind::Image;
        let mut names: Vec<(TwoEnds, String)> =
            leftover.tags.iter().take(SHOWN).map(|tag| (TwoEnds::of_image(tag), tag.clone())).collect();
        if names.is_empty() {
            let name = if of_image && name == short_id(digits) { "Untagged image" } else { name };
            names.push((TwoEnds::of(name), leftover.name.clone()));
        }
        let rest = leftover.tags.get(SHOWN..).unwrap_or_default();
        let named: Vec<&str> = rest.iter().take(NAMED).map(String::as_str).collect();
        let (tag, tag_title) = tag(leftover.sort);
        let freed = leftover.size.freed();
        Self {
            dom_id: dom_id(leftover),
            key: key(leftover),
            names,
            more: if rest.is_empty() { String::new() } else { format!("+{}", rest.len()) },
            more_title: named.join(", "),
            mono: leftover.sort == Sort::Anonymous,
            tag,
            tag_title,
            off: leftover.sort == Sort::Dangling,
            short_id: if leftover.kind == Kind::Volume { String::new() } else { short_id(digits).to_owned() },
            id: leftover.id.to_string(),
            project: leftover.project.as_deref().unwrap_or_default().to_owned(),
            // Nearly everything is local: what is not is worth knowing.
            driver: Some(&leftover.driver).filter(|driver| *driver != "local").cloned().unwrap_or_default(),
            size: size(freed, measuring),
            size_note: note(leftover),
            created: leftover.created_at.map(|at| Since::new(at, now, " ago")),
            used: leftover.last_use.as_ref().map(|last| (Since::new(last.at, now, " ago"), last.by.clone())),
            refusal: leftover.refusal.clone().unwrap_or_default(),
            name: name.to_owned(),
        }
    }
}

/// What a selection names a leftover by: short, because an address has no room for a thousand digests. The
/// preview shows what that means, and its form carries whole ids.
fn key(leftover: &Leftover) -> String {
    let digits = leftover.id.strip_prefix("sha256:").unwrap_or(&leftover.id);
    match (leftover.kind, leftover.sort) {
        (Kind::Volume, _) => shown(leftover).to_owned(),
        _ => short_id(digits).to_owned(),
    }
}

fn dom_id(leftover: &Leftover) -> String {
    let mut hasher = DefaultHasher::new();
    (leftover.engine.as_str(), &leftover.id).hash(&mut hasher);
    format!("l-{:016x}", hasher.finish())
}

fn tag(sort: Sort) -> (&'static str, &'static str) {
    match sort {
        Sort::Dangling => ("dangling", "No tag leads to it"),
        Sort::Anonymous => ("anonymous", "Nobody named it"),
        Sort::Unused => ("unused", "Tagged, and no container uses it"),
        Sort::Named => ("named", "Somebody named it to keep it"),
        Sort::Unattached => ("", ""),
    }
}

fn size(freed: Freed, measuring: bool) -> String {
    match freed.short() {
        Some(bytes) => text::bytes(bytes),
        None if measuring => "measuring…".to_owned(),
        None => String::new(),
    }
}

/// What stands under the size where removing does not free all of it.
fn note(leftover: &Leftover) -> String {
    match (leftover.size.whole, leftover.size.shared) {
        (Some(whole), Some(shared)) if shared == whole && shared > 0 => {
            format!("all {} shared", text::bytes(whole))
        }
        (Some(whole), Some(shared)) if text::bytes(whole) != text::bytes(whole.saturating_sub(shared)) => {
            format!("of {}, rest shared", text::bytes(whole))
        }
        (Some(_), None) if leftover.kind == Kind::Image => "with shared layers".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::leftovers::model::Size;
    use crate::features::leftovers::tests::leftover;
    use crate::platform::clock::from_ms;

    #[test]
    fn a_row_is_named_by_what_fits_into_an_address() {
        let image = leftover(Kind::Image, &format!("sha256:{}", "ab".repeat(32)));
        assert_eq!(key(&image), "abababababab");
        let mut volume = leftover(Kind::Volume, &"0f".repeat(32));
        volume.sort = Sort::Anonymous;
        assert_eq!(key(&volume), "0f0f0f0f0f0f");
        assert_eq!(key(&leftover(Kind::Volume, "data")), "data");
    }

    #[test]
    fn a_size_that_is_not_known_is_never_zero() {
        let mut volume = leftover(Kind::Volume, "data");
        volume.size = Size { whole: None, shared: Some(0) };
        assert_eq!(Row::new(&volume, from_ms(0), true).size, "measuring…");
        assert_eq!(Row::new(&volume, from_ms(0), false).size, "");
        volume.size.whole = Some(0);
        assert_eq!(Row::new(&volume, from_ms(0), true).size, "0\u{a0}B", "a measured zero is one");
    }
}
