//! What of a list is wanted: read from the URL, so that every view can be bookmarked.

use std::cmp::Ordering;

use super::model::{Kind, Leftover, Sort};
use crate::platform::text::contains_word;
use crate::web::WebError;
use crate::web::api::QueryMap;

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SortBy {
    /// Name.
    Name,
    /// What its removal frees.
    Size,
    /// Age.
    Created,
    /// When it was used last; what was never seen in use comes first.
    Used,
}

impl SortBy {
    const ALL: [Self; 4] = [Self::Name, Self::Size, Self::Created, Self::Used];

    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Created => "created",
            Self::Used => "used",
        }
    }
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// By what.
    pub by: SortBy,
    /// Backwards.
    pub descending: bool,
}

impl Order {
    fn parse(text: &str) -> Option<Self> {
        let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        let by = SortBy::ALL.into_iter().find(|by| by.as_str() == word)?;
        Some(Self { by, descending })
    }

    /// The order that a first click on a column asks for: the largest, the oldest.
    pub(super) fn first(by: SortBy) -> Self {
        Self { by, descending: by == SortBy::Size }
    }

    /// The other way round.
    pub(super) fn reversed(self) -> Self {
        Self { descending: !self.descending, ..self }
    }

    /// The word of the URL.
    pub(super) fn param(self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.by.as_str())
    }
}

/// Filters and order of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListQuery {
    /// Words that must all occur.
    pub q: String,
    /// Only this sort.
    pub only: Option<Sort>,
    /// The order.
    pub order: Order,
}

/// The sorts that a kind is told apart by.
pub(super) fn sorts(kind: Kind) -> &'static [Sort] {
    match kind {
        Kind::Image => &[Sort::Dangling, Sort::Unused],
        Kind::Volume => &[Sort::Anonymous, Sort::Named],
        Kind::Network | Kind::BuildCache => &[],
    }
}

impl ListQuery {
    /// Reads the URL. A word it does not know is an error that names the parameter and what it takes.
    pub(super) fn read(kind: Kind, query: &QueryMap) -> Result<Self, WebError> {
        let only = match query.get("only") {
            None => None,
            Some(word) => {
                let found = sorts(kind).iter().copied().find(|sort| sort.as_str() == word);
                let words: Vec<&str> = sorts(kind).iter().map(|sort| sort.as_str()).collect();
                let why = format!(
                    "takes {}.",
                    if words.is_empty() { "nothing here".to_owned() } else { words.join(" or ") }
                );
                Some(found.ok_or_else(|| WebError::field("only", why))?)
            }
        };
        // The largest first: that is what people come for. A network takes nothing.
        let default = if kind == Kind::Network { SortBy::Name } else { SortBy::Size };
        let order = match query.get("sort") {
            None => Order::first(default),
            Some(text) => Order::parse(text).ok_or_else(|| {
                WebError::field("sort", "takes name, size, created or used, with - in front to reverse.")
            })?,
        };
        Ok(Self { q: query.get("q").unwrap_or_default().chars().take(200).collect(), only, order })
    }

    /// Whether anything is left out.
    pub(super) fn filters(&self) -> bool {
        !self.q.is_empty() || self.only.is_some()
    }

    /// What is wanted, in its order.
    pub(super) fn apply(&self, mut leftovers: Vec<Leftover>) -> Vec<Leftover> {
        let words: Vec<String> = self.q.split_whitespace().map(str::to_lowercase).collect();
        leftovers.retain(|leftover| {
            let sort = self.only.is_none_or(|only| leftover.sort == only);
            sort && words.iter().all(|word| mentions(leftover, word))
        });
        leftovers.sort_by(|a, b| {
            let ordering = compare(a, b, self.order.by);
            let ordering = if self.order.descending { ordering.reverse() } else { ordering };
            ordering.then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id))
        });
        leftovers
    }
}

fn mentions(leftover: &Leftover, word: &str) -> bool {
    let names = leftover.tags.iter().map(String::as_str).chain([leftover.name.as_str(), &leftover.driver]);
    names.chain(leftover.project.as_deref()).any(|text| contains_word(text, word))
        || leftover.id.starts_with(word)
        || leftover.id.strip_prefix("sha256:").is_some_and(|digits| digits.starts_with(word))
        || leftover.last_use.as_ref().is_some_and(|last| contains_word(&last.by, word))
}

fn compare(a: &Leftover, b: &Leftover, by: SortBy) -> Ordering {
    let freed = |leftover: &Leftover| leftover.size.freed().short();
    match by {
        SortBy::Name => a.name.cmp(&b.name),
        SortBy::Size => freed(a).cmp(&freed(b)),
        SortBy::Created => a.created_at.cmp(&b.created_at),
        SortBy::Used => {
            let used = |leftover: &Leftover| leftover.last_use.as_ref().map(|last| last.at);
            used(a).cmp(&used(b))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::leftovers::model::Size;
    use crate::features::leftovers::tests::leftover;

    fn sized(id: &str, whole: Option<u64>, sort: Sort) -> Leftover {
        Leftover { size: Size { whole, shared: Some(0) }, sort, ..leftover(Kind::Volume, id) }
    }

    fn ids(query: &str) -> String {
        let all = vec![
            sized("a", Some(1), Sort::Named),
            sized("b", None, Sort::Anonymous),
            sized("c", Some(9), Sort::Named),
        ];
        let query = ListQuery::read(Kind::Volume, &QueryMap::parse(query)).unwrap();
        query.apply(all).iter().map(|leftover| leftover.id.to_string()).collect()
    }

    #[test]
    fn the_largest_comes_first_and_an_unknown_size_last() {
        assert_eq!(ids(""), "cab");
        assert_eq!(ids("sort=size"), "bac");
        assert_eq!(ids("sort=-name"), "cba");
        assert_eq!(ids("only=anonymous"), "b");
        assert_eq!(ids("q=A+local"), "", "every word must occur");
    }

    #[test]
    fn a_word_nobody_knows_is_named() {
        for bad in ["only=dangling", "sort=age", "sort=--size"] {
            let read = ListQuery::read(Kind::Volume, &QueryMap::parse(bad));
            assert!(matches!(read, Err(WebError::Invalid(_))), "{bad}");
        }
    }
}
