//! Lines that are JSON objects, made readable: level, message, then the rest as `key=value`.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::ansi::push_text;
use super::line::Level;

/// A JSON object in the order of its keys.
struct Fields(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

const LEVELS: [&str; 6] = ["level", "lvl", "severity", "log.level", "levelname", "@l"];
const MESSAGES: [&str; 6] = ["msg", "message", "event", "@m", "@mt", "text"];
/// Docker's time stands in front of the line already.
const TIMES: [&str; 8] = ["time", "ts", "timestamp", "@timestamp", "@t", "date", "datetime", "t"];

/// Adds a line that is a JSON object, for HTML; `false` when it is none.
pub(super) fn push(line: &str, out: &mut String) -> bool {
    let line = line.trim();
    if !line.starts_with('{') || !line.ends_with('}') {
        return false;
    }
    let Ok(Fields(mut fields)) = serde_json::from_str(line) else { return false };
    let mut take = |names: &[&str]| {
        let at = names
            .iter()
            .find_map(|name| fields.iter().position(|(key, _)| key.eq_ignore_ascii_case(name)))?;
        Some(fields.remove(at).1)
    };
    let (level, message) = (take(&LEVELS), take(&MESSAGES));
    // Without either it is data, not a log line.
    if level.is_none() && message.is_none() {
        return false;
    }
    take(&TIMES);
    if let Some(level) = level {
        let word = level_word(&level);
        Level::of(&word).push(&word, out);
        out.push(' ');
    }
    if let Some(message) = message {
        push_text(&text(&message), out);
    }
    for (key, value) in &fields {
        out.push_str(" <i class=\"k\">");
        push_text(key, out);
        out.push_str("=</i>");
        push_text(&text(value), out);
    }
    true
}

/// A level by its word; pino and bunyan count.
fn level_word(level: &Value) -> String {
    match level.as_i64() {
        Some(10) => "trace".to_owned(),
        Some(20) => "debug".to_owned(),
        Some(30) => "info".to_owned(),
        Some(40) => "warn".to_owned(),
        Some(50) => "error".to_owned(),
        Some(60) => "fatal".to_owned(),
        _ => text(level),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(line: &str) -> Option<String> {
        let mut out = String::new();
        push(line, &mut out).then_some(out)
    }

    #[test]
    fn level_and_message_come_first_and_the_rest_keeps_its_order() {
        assert_eq!(
            html(r#"{"ts":1.5,"status":200,"level":"warn","msg":"slow <b>","path":"/a","more":{"x":[1]}}"#)
                .unwrap(),
            "<b class=\"lw\">warn</b> slow &lt;b&gt; <i class=\"k\">status=</i>200 <i class=\"k\">path=</i>/a \
             <i class=\"k\">more=</i>{&quot;x&quot;:[1]}"
        );
        assert_eq!(html(r#"{"level":50,"msg":"boom"}"#).unwrap(), "<b class=\"le\">error</b> boom");
    }

    #[test]
    fn what_is_no_log_line_stays_as_it_is() {
        for line in ["plain", "{broken", "[1,2]", r#"{"just":"data"}"#, "{}"] {
            assert_eq!(html(line), None, "{line}");
        }
    }
}
