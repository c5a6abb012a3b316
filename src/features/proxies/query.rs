//! Which proxies are wanted, in which order: read from the URL, so that every view can be bookmarked.

use std::sync::Arc;

use super::domain::in_letters;
use super::model::{AppliedStatus, Proxy};
use super::service::Proxies;
use crate::web::WebError;
use crate::web::api::QueryMap;

/// An order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By the first domain.
    #[default]
    Domain,
    /// By where it leads.
    Destination,
    /// What needs somebody first.
    State,
    /// The latest change first.
    Changed,
}

impl Order {
    const ALL: [Self; 4] = [Self::Domain, Self::Destination, Self::State, Self::Changed];

    /// Its word in the URL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Destination => "destination",
            Self::State => "state",
            Self::Changed => "changed",
        }
    }
}

/// Which proxies are wanted.
#[derive(Debug, Clone, Default)]
pub struct ProxyQuery {
    /// Words that must be there.
    pub q: String,
    /// Any of these; empty = all.
    pub states: Vec<AppliedStatus>,
    /// This tag.
    pub tag: String,
    /// In which order.
    pub order: Order,
    /// The other way round.
    pub reverse: bool,
}

const STATES: [AppliedStatus; 4] =
    [AppliedStatus::Applied, AppliedStatus::Pending, AppliedStatus::Failed, AppliedStatus::Off];

impl ProxyQuery {
    /// Reads the URL. Errors: the parameter, and what it takes.
    pub fn read(query: &QueryMap) -> Result<Self, WebError> {
        let words = query.get("state").unwrap_or_default().split(',').filter(|word| !word.trim().is_empty());
        let state = |word: &str| {
            STATES
                .into_iter()
                .find(|state| state.as_str() == word.trim())
                .ok_or_else(|| WebError::field("state", "takes applied, pending, failed or off."))
        };
        let sort = query.get("sort").unwrap_or_default();
        let (reverse, word) = sort.strip_prefix('-').map_or((false, sort), |word| (true, word));
        let order = match word {
            "" => Order::default(),
            word => Order::ALL.into_iter().find(|order| order.word() == word).ok_or_else(|| {
                WebError::field(
                    "sort",
                    "takes domain, destination, state or changed, with - in front for the other way.",
                )
            })?,
        };
        Ok(Self {
            q: query.raw("q").unwrap_or_default().chars().take(200).collect(),
            states: words.map(state).collect::<Result<_, _>>()?,
            tag: query.get("tag").unwrap_or_default().chars().take(40).collect(),
            order,
            reverse,
        })
    }

    /// Whether anything is left out.
    pub fn filters(&self) -> bool {
        !self.q.trim().is_empty() || !self.states.is_empty() || !self.tag.is_empty()
    }

    /// Those that are wanted.
    pub fn find(&self, proxies: &Proxies) -> Vec<Arc<Proxy>> {
        let words: Vec<String> = self.q.split_whitespace().map(str::to_lowercase).collect();
        let fits = |proxy: &&Arc<Proxy>| {
            (self.tag.is_empty() || proxy.spec.tags.contains(&self.tag))
                && (self.states.is_empty() || self.states.contains(&proxies.applied(proxy).status))
                && words_in(proxy, &words)
        };
        let all = proxies.all();
        let mut found: Vec<Arc<Proxy>> = all.iter().filter(fits).cloned().collect();
        let rank = |proxy: &Proxy| match proxies.applied(proxy).status {
            AppliedStatus::Failed => 0,
            AppliedStatus::Pending => 1,
            AppliedStatus::Applied => 2,
            AppliedStatus::Off => 3,
        };
        match self.order {
            Order::Domain => found.sort_by(|a, b| a.name().cmp(b.name()).then(a.id.cmp(&b.id))),
            Order::Destination => {
                found.sort_by_cached_key(|proxy| (proxy.spec.destination.to_string(), proxy.id));
            }
            Order::State => found.sort_by_cached_key(|proxy| (rank(proxy), proxy.name().to_owned())),
            Order::Changed => found.sort_by_key(|proxy| (std::cmp::Reverse(proxy.updated_at), proxy.id)),
        }
        if self.reverse {
            found.reverse();
        }
        found
    }
}

fn words_in(proxy: &Proxy, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let spec = &proxy.spec;
    let mut text = spec
        .domains
        .iter()
        .fold(String::new(), |text, domain| format!("{text} {domain} {}", in_letters(domain)));
    for part in [&spec.destination.to_string(), &spec.notes, &spec.tags.join(" ")] {
        text.push(' ');
        text.push_str(part);
    }
    if let Some(path) = &spec.path {
        text.push(' ');
        text.push_str(path);
    }
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}
