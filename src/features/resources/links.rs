//! Addresses of the same list with other parameters.

use crate::web::api::QueryMap;

const KEPT: [&str; 6] = ["q", "used", "dangling", "anonymous", "engine", "sort"];

/// The addresses around one view of a list.
pub(super) struct Links<'a> {
    /// The list's path.
    pub path: &'static str,
    /// The view's parameters.
    pub query: &'a QueryMap,
}

impl Links<'_> {
    /// This view with some parameters changed; an empty value takes one out.
    pub(super) fn with(&self, changed: &[(&str, &str)]) -> String {
        let mut url = url::form_urlencoded::Serializer::new(String::new());
        for name in KEPT.into_iter().chain(["rows"]) {
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

    /// What the search form must not lose.
    pub(super) fn kept(&self) -> Vec<(&'static str, String)> {
        let kept = KEPT.into_iter().filter(|name| *name != "q");
        kept.filter_map(|name| Some((name, self.query.get(name)?.to_owned()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_keeps_what_is_not_changed() {
        let query = QueryMap::parse("q=web+1&used=false&sort=-size&rows=1000&nonsense=1");
        let links = Links { path: "/images", query: &query };
        assert_eq!(links.with(&[]), "/images?q=web+1&used=false&sort=-size");
        assert_eq!(
            links.with(&[("used", ""), ("dangling", "true")]),
            "/images?q=web+1&dangling=true&sort=-size"
        );
        assert_eq!(links.with(&[("q", ""), ("used", ""), ("sort", "")]), "/images");
        assert_eq!(links.kept().len(), 2);
    }
}
