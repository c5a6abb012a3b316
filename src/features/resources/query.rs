//! What of a list is wanted: read from the URL, so that every view can be bookmarked.

use super::service::Resource;
use crate::web::WebError;
use crate::web::api::QueryMap;

/// Filters and order of a list. What a kind does not have (dangling volumes) is not read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListQuery {
    /// Words that must all occur in names, ids and the names of the containers that use it.
    pub q: String,
    /// Only what containers use, or only what none uses.
    pub used: Option<bool>,
    /// Only images without a tag, or only those with one; only anonymous volumes, or only named ones.
    pub special: Option<bool>,
    /// This engine.
    pub engine: Option<String>,
    /// The order asked for.
    pub sort: Option<Sort>,
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Backwards.
    pub descending: bool,
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// Name; images without one come last.
    Name,
    /// Size, then name.
    Size,
    /// Time of creation, then name.
    Created,
    /// Driver, then name.
    Driver,
}

impl SortBy {
    /// The word of the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Created => "created",
            Self::Driver => "driver",
        }
    }

    /// The order that a first click on the column asks for: the largest and the newest first.
    pub fn first(self) -> Sort {
        Sort { by: self, descending: matches!(self, Self::Size | Self::Created) }
    }
}

impl Sort {
    /// By name.
    pub const DEFAULT: Self = Self { by: SortBy::Name, descending: false };

    fn parse(text: &str, sorts: &[SortBy]) -> Option<Self> {
        let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        let by = sorts.iter().copied().find(|by| by.as_str() == word)?;
        Some(Self { by, descending })
    }

    /// The word of the URL.
    pub fn param(self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.by.as_str())
    }
}

impl ListQuery {
    /// Reads the URL. A word it does not know is an error that names the parameter and what it takes.
    pub fn read<T: Resource>(query: &QueryMap) -> Result<Self, WebError> {
        let sort = match query.get("sort") {
            None => None,
            Some(text) => Some(Sort::parse(text, T::SORTS).ok_or_else(|| {
                let words: Vec<&str> = T::SORTS.iter().map(|by| by.as_str()).collect();
                WebError::field("sort", format!("takes {}, with - in front to reverse.", words.join(" or ")))
            })?),
        };
        Ok(Self {
            q: query.get("q").unwrap_or_default().chars().take(200).collect(),
            used: yes_or_no(query, "used")?,
            special: T::SPECIAL.map_or(Ok(None), |name| yes_or_no(query, name))?,
            engine: query.get("engine").map(str::to_owned),
            sort,
        })
    }

    /// Whether anything is left out.
    pub fn filters(&self) -> bool {
        !self.q.is_empty() || self.used.is_some() || self.special.is_some() || self.engine.is_some()
    }
}

fn yes_or_no(query: &QueryMap, name: &'static str) -> Result<Option<bool>, WebError> {
    match query.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(WebError::field(name, "takes true or false.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::objects::{Image, Network, Volume};

    #[test]
    fn a_word_nobody_knows_is_named() {
        for bad in ["used=yes", "dangling=maybe", "sort=driver", "sort=--name"] {
            assert!(
                matches!(ListQuery::read::<Image>(&QueryMap::parse(bad)), Err(WebError::Invalid(_))),
                "{bad}"
            );
        }
        assert!(ListQuery::read::<Network>(&QueryMap::parse("sort=-driver&dangling=maybe")).is_ok());
    }

    #[test]
    fn each_kind_has_its_own_filter() {
        let read = ListQuery::read::<Volume>(&QueryMap::parse("anonymous=true&used=false")).unwrap();
        assert_eq!((read.special, read.used, read.filters()), (Some(true), Some(false), true));
        let read = ListQuery::read::<Image>(&QueryMap::parse("dangling=true&anonymous=true")).unwrap();
        assert_eq!(read.special, Some(true));
    }
}
