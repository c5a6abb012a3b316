//! The route table: which route a host and a path belong to, by hash look-ups alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::host::host_of;
use super::path::borders;
use super::route::Route;

/// All routes at one moment. Never changed: a new one takes its place.
///
/// An exact host beats a wildcard, and of wildcards the longest suffix wins; `*.example.org` stands for every name
/// below `example.org`, at any depth, but not for `example.org` itself. Within a host the longest path wins, on
/// borders of segments: `/app` holds `/app` and `/app/x`, not `/apple`. A path that no route of an exact host
/// claims is left to the wildcards.
#[derive(Debug, Default)]
pub struct Table {
    routes: Vec<Arc<Route>>,
    exact: HashMap<Box<str>, Site>,
    /// By what follows the `*.`.
    wild: HashMap<Box<str>, Site>,
    refused: Vec<Refused>,
}

/// A claim of a route that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Whose it was.
    pub route: Arc<str>,
    /// Why, in a sentence.
    pub why: String,
}

/// The routes of one host.
#[derive(Debug, Default)]
struct Site {
    whole: Option<usize>,
    prefixes: HashMap<Box<str>, usize>,
    /// How many segments the longest prefix has: no more need be looked up.
    deepest: usize,
}

impl Table {
    /// Builds a table. When two routes claim the same host and path, the first has it; see [`Table::refused`].
    pub fn new(routes: Vec<Route>) -> Self {
        let mut table = Self::default();
        for route in routes {
            let index = table.routes.len();
            for host in &route.hosts {
                if let Err(why) = table.claim(host, &route, index) {
                    table.refused.push(Refused { route: route.id.clone(), why });
                }
            }
            table.routes.push(Arc::new(route));
        }
        table
    }

    /// The claims that are not served: hosts that are none, and those another route has.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The routes, in the order they were given.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Whether there is nothing to serve.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The route of a host, with or without a port, in any case, and a path.
    pub fn lookup(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        self.routes.get(self.find(&host_of(host)?, path)?)
    }

    /// The same for a host in its one form.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<usize> {
        if let Some(found) = self.exact.get(host).and_then(|site| site.find(path)) {
            return Some(found);
        }
        if self.wild.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, suffix)) = rest.split_once('.') {
            if let Some(found) = self.wild.get(suffix).and_then(|site| site.find(path)) {
                return Some(found);
            }
            rest = suffix;
        }
        None
    }

    fn claim(&mut self, host: &str, route: &Route, index: usize) -> Result<(), String> {
        let (sites, name) = match host.strip_prefix("*.") {
            Some(suffix) => (&mut self.wild, suffix),
            None => (&mut self.exact, host),
        };
        let key = host_of(name).ok_or_else(|| format!("\"{host}\" is no host name"))?;
        let site = sites.entry(key.into()).or_default();
        let prefix = route.path.as_deref().unwrap_or_default().trim_end_matches('/');
        let holder = if prefix.is_empty() {
            *site.whole.get_or_insert(index)
        } else if !prefix.starts_with('/') {
            return Err(format!("\"{prefix}\" is no path: it must begin with /"));
        } else {
            site.deepest = site.deepest.max(borders(prefix).count());
            match site.prefixes.entry(prefix.into()) {
                Entry::Occupied(held) => *held.get(),
                Entry::Vacant(free) => *free.insert(index),
            }
        };
        match self.routes.get(holder) {
            Some(holder) if holder.id != route.id => {
                Err(format!("{host}{prefix} already belongs to {}", holder.id))
            }
            _ => Ok(()),
        }
    }
}

impl Site {
    fn find(&self, path: &str) -> Option<usize> {
        let mut best = self.whole;
        if self.deepest > 0 {
            for end in borders(path).take(self.deepest) {
                if let Some(found) = path.get(..end).and_then(|prefix| self.prefixes.get(prefix)) {
                    best = Some(*found);
                }
            }
        }
        best
    }
}
