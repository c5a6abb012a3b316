//! What somebody wants removed: read from a form or from the body of the API.

use std::time::Duration;

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::model::Kind;
use crate::web::WebError;

/// How many things one removal takes.
pub(super) const MOST: usize = 1_000;

/// Which part of the unused build cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// All of it.
    Any,
    /// What no build used for a day.
    Day,
    /// What no build used for a week.
    Week,
}

impl Age {
    pub(super) const ALL: [Self; 3] = [Self::Any, Self::Day, Self::Week];

    /// The word of the form and of the API.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Any => "all",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|age| age.as_str() == word)
    }

    /// How long it must have been of no use.
    pub(super) fn unused_for(self) -> Option<Duration> {
        match self {
            Self::Any => None,
            Self::Day => Some(Duration::from_hours(24)),
            Self::Week => Some(Duration::from_hours(7 * 24)),
        }
    }

    /// What it is called.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Any => "Everything that no build needs now",
            Self::Day => "Not used for 24 hours",
            Self::Week => "Not used for 7 days",
        }
    }
}

/// What is to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Ids as they were asked for, in order; the same may be there twice.
    pub ids: Vec<(Kind, String)>,
    /// The build cache, or a part of it.
    pub cache: Option<Age>,
}

/// What a form says beside.
#[derive(Debug, Clone, Default)]
pub(super) struct FormFields {
    /// The typed confirmation.
    pub typed: String,
    /// The page it was started from.
    pub back: String,
    /// Everything of the list is meant, not a selection.
    pub all: bool,
}

impl Wanted {
    /// Reads the form of a kind's page.
    pub(super) fn of_form(kind: Kind, form: &[u8]) -> Result<(Self, FormFields), WebError> {
        let (mut wanted, mut fields) = (Self::default(), FormFields::default());
        for (name, value) in form_urlencoded::parse(form) {
            match name.as_ref() {
                "c" if !wanted.ids.iter().any(|(_, id)| *id == value) => {
                    wanted.ids.push((kind, value.into_owned()));
                }
                "age" => {
                    let age = Age::parse(&value);
                    wanted.cache = Some(age.ok_or_else(|| WebError::field("age", "takes all, 24h or 7d."))?);
                }
                "typed" => fields.typed = value.into_owned(),
                "back" => fields.back = value.into_owned(),
                "all" => fields.all = true,
                _ => {}
            }
        }
        if kind == Kind::BuildCache {
            wanted.ids.clear();
            wanted.cache.get_or_insert(Age::Any);
        } else {
            wanted.cache = None;
        }
        wanted.checked("c", fields.all).map(|wanted| (wanted, fields))
    }

    /// Reads the body of the API, and whether nothing is to be done in earnest.
    pub(super) fn of_json(body: &[u8]) -> Result<(Self, bool), WebError> {
        let read: Value = serde_json::from_slice(body)
            .map_err(|error| WebError::Malformed(format!("The body is not JSON: {error}.")))?;
        let Value::Object(fields) = read else {
            return Err(WebError::Malformed("The body takes a JSON object.".to_owned()));
        };
        let known = ["images", "volumes", "networks", "build_cache", "build_cache_unused_for", "dry_run"];
        if let Some(odd) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            let why = format!("is not known: the body takes {}.", known.join(", "));
            return Err(WebError::field(odd.chars().take(60).collect::<String>(), why));
        }
        let mut wanted = Self::default();
        let kinds = [("images", Kind::Image), ("volumes", Kind::Volume), ("networks", Kind::Network)];
        for (name, kind) in kinds {
            wanted.ids.extend(texts(&fields, name)?.into_iter().map(|id| (kind, id)));
        }
        let age = match fields.get("build_cache_unused_for") {
            None | Some(Value::Null) => Age::Any,
            Some(value) => value.as_str().and_then(Age::parse).ok_or_else(|| {
                WebError::field("build_cache_unused_for", "takes \"all\", \"24h\" or \"7d\".")
            })?,
        };
        wanted.cache = flag(&fields, "build_cache")?.then_some(age);
        let dry_run = flag(&fields, "dry_run")?;
        wanted.checked("images", false).map(|wanted| (wanted, dry_run))
    }

    fn checked(self, field: &'static str, all: bool) -> Result<Self, WebError> {
        if self.ids.len() > MOST {
            return Err(WebError::field(field, format!("takes {MOST} at most at once, of all kinds.")));
        }
        if self.ids.is_empty() && self.cache.is_none() && !all {
            return Err(WebError::field(field, "takes at least one thing to remove: select some first."));
        }
        Ok(self)
    }
}

fn texts(fields: &Map<String, Value>, name: &'static str) -> Result<Vec<String>, WebError> {
    let odd = || WebError::field(name, "takes a list of ids, as texts.");
    match fields.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(odd)).collect()
        }
        Some(_) => Err(odd()),
    }
}

fn flag(fields: &Map<String, Value>, name: &'static str) -> Result<bool, WebError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(WebError::field(name, "takes true or false.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        match Wanted::of_json(body.as_bytes()) {
            Err(WebError::Invalid(fields)) => fields.keys().map(AsRef::as_ref).collect::<Vec<_>>().join(","),
            Err(WebError::Malformed(_)) => "malformed".to_owned(),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_body_that_makes_no_sense_is_refused_by_its_field() {
        for (body, field) in [
            ("{", "malformed"),
            ("[1]", "malformed"),
            ("{}", "images"),
            (r#"{"images":"a"}"#, "images"),
            (r#"{"volumes":[1]}"#, "volumes"),
            (r#"{"networks":{"a":1}}"#, "networks"),
            (r#"{"build_cache":"yes"}"#, "build_cache"),
            (r#"{"build_cache":true,"build_cache_unused_for":"1y"}"#, "build_cache_unused_for"),
            (r#"{"images":["a"],"dry_run":1}"#, "dry_run"),
            (r#"{"images":["a"],"force":true}"#, "force"),
        ] {
            assert_eq!(refused(body), field, "{body}");
        }
        let many = serde_json::json!({ "volumes": vec!["a"; MOST + 1] }).to_string();
        assert_eq!(refused(&many), "images", "the cap counts all kinds");
    }

    #[test]
    fn a_body_is_read_in_order_and_keeps_what_is_there_twice() {
        let body =
            r#"{"networks":["n"],"images":["a","a"],"build_cache":true,"dry_run":true,"volumes":null}"#;
        let (wanted, dry_run) = Wanted::of_json(body.as_bytes()).unwrap();
        let ids: Vec<&str> = wanted.ids.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!((ids, wanted.cache, dry_run), (vec!["a", "a", "n"], Some(Age::Any), true));
    }

    #[test]
    fn a_form_takes_what_was_ticked_once() {
        let (wanted, fields) = Wanted::of_form(Kind::Volume, b"c=a&c=b&c=a&typed=2+volumes&age=7d").unwrap();
        assert_eq!((wanted.ids.len(), wanted.cache, fields.typed.as_str()), (2, None, "2 volumes"));
        assert!(Wanted::of_form(Kind::Volume, b"typed=x").is_err(), "nothing was selected");
        let (wanted, _) = Wanted::of_form(Kind::BuildCache, b"age=24h").unwrap();
        assert_eq!(wanted.cache, Some(Age::Day));
    }
}
