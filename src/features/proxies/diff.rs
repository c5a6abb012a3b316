//! What has changed between two versions of a proxy, for people. No secret is ever shown.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::model::ProxySpec;
use crate::platform::text;

/// One thing that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ProxyChange)]
pub struct Change {
    /// Which: `options.body_limit`, say.
    pub field: String,
    /// What it was; empty when it was not set.
    pub from: String,
    /// What it is; empty when it is no longer set.
    pub to: String,
}

/// How much of a value is shown.
const SHOWN: usize = 200;

/// What is different in `to`, in the order of fields.
pub fn diff(from: &ProxySpec, to: &ProxySpec) -> Vec<Change> {
    let (before, after) = (flat(from), flat(to));
    let mut fields: Vec<&String> = before.keys().chain(after.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    let changed = fields.into_iter().filter(|field| before.get(*field) != after.get(*field));
    changed
        .map(|field| {
            let shown = |values: &BTreeMap<String, String>| match values.get(field) {
                None => String::new(),
                Some(_) if is_secret(field) => "(a secret)".to_owned(),
                Some(value) => text::cut(value, SHOWN).into_owned(),
            };
            Change { field: named(field), from: shown(&before), to: shown(&after) }
        })
        .collect()
}

/// What is different, in a sentence.
pub fn sentence(changes: &[Change]) -> String {
    let one = |change: &Change| match (change.from.as_str(), change.to.as_str()) {
        ("", to) => format!("{} is {to}", change.field),
        (_, "") => format!("{} is no longer set", change.field),
        (from, to) if from == to => format!("{} is another", change.field),
        (from, to) => format!("{} is {to} instead of {from}", change.field),
    };
    let mut shown: Vec<String> = changes.iter().take(4).map(one).collect();
    if changes.len() > shown.len() {
        shown.push(format!("and {} more", changes.len() - shown.len()));
    }
    shown.join("; ")
}

/// Whether nobody is to see the value of a header.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "token", "secret", "pass", "key", "cred", "jwt", "session", "sign"]
        .iter()
        .any(|word| name.contains(word))
}

fn is_secret(field: &str) -> bool {
    field.ends_with(".password_hash")
        // What a destination is sent may be a secret under any name, and events are kept for long.
        || field.contains("request_headers.set.")
        || field.rsplit_once("_headers.set.").is_some_and(|(_, header)| is_secret_header(header))
}

fn named(field: &str) -> String {
    field.replace(".password_hash", ".password")
}

fn flat(spec: &ProxySpec) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    walk(&serde_json::to_value(spec).unwrap_or_default(), "", &mut found);
    found
}

fn walk(value: &Value, at: &str, found: &mut BTreeMap<String, String>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Object(all) => all.iter().for_each(|(name, value)| walk(value, &below(name), found)),
        // Users are told by their names.
        Value::Array(all) if all.iter().any(Value::is_object) => {
            for value in all {
                let name = value.get("name").and_then(Value::as_str).unwrap_or("?");
                walk(value, &below(name), found);
            }
        }
        Value::Array(all) if all.is_empty() => {}
        Value::Array(all) => {
            let words: Vec<String> = all.iter().map(plain).collect();
            found.insert(at.to_owned(), words.join(", "));
        }
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        other => drop(found.insert(at.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::proxies::model::BasicUser;

    #[test]
    fn what_changed_is_named_and_no_secret_is_shown() {
        let before = ProxySpec { domains: vec!["a.test".into()], ..ProxySpec::default() };
        let mut after = before.clone();
        after.domains.push("b.test".into());
        after.options.body_limit = Some(10);
        after.options.basic_auth =
            vec![BasicUser { name: "ada".into(), password_hash: "$argon2id$x".into() }];
        after.options.request_headers.set.insert("X-Api-Key".into(), "hush".into());
        let changes = diff(&before, &after);
        let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "domains",
                "options.basic_auth.ada.name",
                "options.basic_auth.ada.password",
                "options.body_limit",
                "options.request_headers.set.X-Api-Key"
            ]
        );
        let text = format!("{}{}", serde_json::to_string(&changes).unwrap(), sentence(&changes));
        assert!(!text.contains("hush") && !text.contains("argon2"), "{text}");
        assert!(sentence(&changes).starts_with("domains is a.test, b.test instead of a.test"));
        assert!(diff(&after, &after).is_empty());
    }
}
