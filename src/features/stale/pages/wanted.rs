//! Which stale containers a page shows: read from the URL, so that every view can be bookmarked.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::features::stale::scan::Entry;
use crate::features::stale::service::{Found, Stale};
use crate::platform::text;
use crate::web::WebError;
use crate::web::api::QueryMap;

/// How many rows a page shows.
pub(super) const ROWS: usize = 100;

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Who is stale longest comes first.
    Since,
    Name,
    /// Who wrote most comes first.
    Size,
}

impl Sort {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Since, Self::Size];

    /// The word of the URL.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Since => "since",
            Self::Name => "name",
            Self::Size => "size",
        }
    }
}

/// What is wanted of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Words that must all occur in name, image, id, project or a reason.
    pub q: String,
    pub sort: Sort,
    pub reverse: bool,
    /// Counted from 1.
    pub page: usize,
}

/// A page of the list.
pub(super) struct Part<'a> {
    pub entries: Vec<&'a Arc<Entry>>,
    /// How many come before it.
    pub before: usize,
    /// How many match on all pages.
    pub matching: usize,
    /// Which page it is: the last one, where there are not so many any more.
    pub page: usize,
}

impl Part<'_> {
    /// The page before this one.
    pub(super) fn previous(&self) -> Option<usize> {
        (self.page > 1).then(|| self.page - 1)
    }

    /// The page after this one.
    pub(super) fn next(&self) -> Option<usize> {
        (self.before + self.entries.len() < self.matching).then_some(self.page + 1)
    }
}

impl Wanted {
    /// Reads the URL. A word it does not know is an error that names the parameter and what it takes.
    pub(super) fn read(query: &QueryMap) -> Result<Self, WebError> {
        let (word, reverse) = match query.get("sort") {
            None => ("since", false),
            Some(text) => text.strip_prefix('-').map_or((text, false), |word| (word, true)),
        };
        let sort = Sort::ALL.into_iter().find(|sort| sort.word() == word).ok_or_else(|| {
            WebError::field("sort", "takes name, since or size, with - in front to reverse.")
        })?;
        let page = match query.get("page") {
            None => 1,
            Some(text) => (text.parse().ok().filter(|page| *page > 0))
                .ok_or_else(|| WebError::field("page", "takes a number from 1 on."))?,
        };
        Ok(Self { q: query.get("q").unwrap_or_default().chars().take(200).collect(), sort, reverse, page })
    }

    /// The word of the order, as the URL has it.
    pub(super) fn sort_word(&self) -> String {
        format!("{}{}", if self.reverse { "-" } else { "" }, self.sort.word())
    }

    /// The address of the same list in another order or on another page.
    pub(super) fn link(&self, sort: &str, page: usize) -> String {
        let mut url = url::form_urlencoded::Serializer::new(String::new());
        if !self.q.is_empty() {
            url.append_pair("q", &self.q);
        }
        if sort != Sort::Since.word() {
            url.append_pair("sort", sort);
        }
        if page > 1 {
            url.append_pair("page", &page.to_string());
        }
        let query = url.finish();
        if query.is_empty() { "/stale".to_owned() } else { format!("/stale?{query}") }
    }

    /// The page of what was found that is wanted, as of `now` (ms).
    pub(super) fn part<'a>(&self, stale: &Stale, found: &'a Found, now: i64) -> Part<'a> {
        let words: Vec<String> = self.q.split_whitespace().map(str::to_lowercase).collect();
        let matches = |entry: &&Arc<Entry>| words.iter().all(|word| is_about(entry, word, now));
        let mut wanted: Vec<&Arc<Entry>> = found.entries.iter().filter(matches).collect();
        // They come in the order of names, which settles what is equal.
        match self.sort {
            Sort::Name => {}
            Sort::Since => wanted.sort_by_key(|entry| entry.verdict.since),
            Sort::Size => {
                wanted.sort_by_cached_key(|entry| Reverse(stale.size_of(&entry.container.id).unwrap_or(0)));
            }
        }
        if self.reverse {
            wanted.reverse();
        }
        let matching = wanted.len();
        let page = self.page.min(matching.div_ceil(ROWS)).max(1);
        let before = (page - 1) * ROWS;
        let entries = wanted.into_iter().skip(before).take(ROWS).collect();
        Part { entries, before, matching, page }
    }
}

fn is_about(entry: &Entry, word: &str, now: i64) -> bool {
    let container = &entry.container;
    let has = |text: &str| text::contains_word(text, word);
    has(&container.name)
        || has(&container.image)
        || container.id.starts_with(word)
        || container.project.as_deref().is_some_and(has)
        || entry.verdict.reasons.iter().any(|reason| has(&reason.sentence(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Wanted, WebError> {
        Wanted::read(&QueryMap::parse(query))
    }

    #[test]
    fn an_address_says_all_that_is_wanted_and_no_more() {
        for address in ["q=web&sort=-size&page=3", "sort=name", "page=2", ""] {
            let wanted = read(address).unwrap();
            let link = wanted.link(&wanted.sort_word(), wanted.page);
            assert_eq!(link.trim_start_matches("/stale").trim_start_matches('?'), address);
        }
    }

    #[test]
    fn a_page_or_an_order_that_there_cannot_be_is_refused() {
        for bad in ["page=0", "page=-1", "page=x", "sort=age", "sort=--name"] {
            assert!(matches!(read(bad), Err(WebError::Invalid(_))), "{bad}");
        }
    }
}
