//! What the search index holds of an event, and the expression that finds it.
//!
//! Everything that is filtered by is one token beside the words (`zs3` = severity error), so that a filter over
//! a million events costs what a word costs. The migration writes the same tokens.

use std::fmt::Write;

use super::model::NewEvent;

/// How much of an event's facts is searched.
const MAX_FACTS: usize = 400;
/// How many words of a search count.
const MAX_WORDS: usize = 20;

/// A condition on events: any of some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facet<'a> {
    /// A severity's code.
    Severity(i64),
    /// A source.
    Source(&'a str),
    /// A kind, `container.die`.
    Kind(&'a str),
    /// An engine's id.
    Engine(&'a str),
    /// The type of what it is about: `container`, `image` …
    SubjectType(&'a str),
    /// The name of what it is about, at the time.
    SubjectName(&'a str),
    /// The id of what it is about, or its first twelve characters.
    SubjectId(&'a str),
    /// What its history hangs on.
    Subject(i64),
}

impl Facet<'_> {
    fn push(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _written = match self {
            Self::Severity(code) => write!(out, "zs{code}"),
            Self::Source(source) => write!(out, "zo{source}"),
            Self::Kind(kind) => {
                out.push_str("zk");
                out.extend(
                    kind.chars()
                        .map(|c| if c == '.' || c == '_' { 'z' } else { c })
                        .filter(char::is_ascii_alphanumeric),
                );
                Ok(())
            }
            Self::Engine(engine) => hex("ze", engine.as_bytes(), out),
            Self::SubjectType(kind) => write!(out, "zt{kind}"),
            // SQLite's lower() knows ASCII only, and the migration uses it.
            Self::SubjectName(name) => hex("zn", name.to_ascii_lowercase().as_bytes(), out),
            Self::SubjectId(id) => hex("zi", id.chars().take(12).collect::<String>().as_bytes(), out),
            Self::Subject(subject) => write!(out, "zu{subject}"),
        };
    }
}

fn hex(prefix: &str, bytes: &[u8], out: &mut String) -> std::fmt::Result {
    out.push_str(prefix);
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// The tokens of an event.
pub(super) fn facets_of(event: &NewEvent, subject: Option<i64>) -> String {
    let mut facets = vec![
        Facet::Severity(event.severity.code()),
        Facet::Source(event.source.as_str()),
        Facet::Kind(&event.kind),
        Facet::Engine(event.engine.as_str()),
        Facet::SubjectType(&event.subject.kind),
        Facet::SubjectName(&event.subject.name),
        Facet::SubjectId(&event.subject.id),
    ];
    facets.extend(subject.map(Facet::Subject));
    let mut text = String::with_capacity(120);
    for facet in facets {
        facet.push(&mut text);
        text.push(' ');
    }
    text
}

/// The words an event is found by: its sentence, names, kind, and the short facts that Docker told.
pub(super) fn words_of(event: &NewEvent) -> String {
    let mut words = format!("{} {} {} ", event.message, event.subject.name, event.actor);
    words.extend(event.kind.chars().map(|c| if c == '.' || c == '_' { ' ' } else { c }));
    let facts = event.data.as_object().into_iter().flat_map(serde_json::Map::values);
    for fact in facts.filter_map(serde_json::Value::as_str).filter(|fact| fact.len() <= MAX_FACTS) {
        words.push(' ');
        words.push_str(fact);
    }
    words
}

/// The expression that finds text and facets; `None` when everything is wanted. The text is taken as text: no
/// character of it means anything to the index. Its last word may be the beginning of one.
pub fn expression(text: &str, any_of: &[Vec<Facet<'_>>]) -> Option<String> {
    let words: Vec<&str> = words_in(text).collect();
    let mut parts = Vec::new();
    if let Some((last, whole)) = words.split_last() {
        let mut phrases: Vec<String> = whole.iter().map(|word| format!("\"{word}\"")).collect();
        // After a blank, the last word is whole.
        let begins = !text.ends_with(char::is_whitespace) && last.chars().count() > 1;
        phrases.push(format!("\"{last}\"{}", if begins { " *" } else { "" }));
        parts.push(format!("words : ({})", phrases.join(" AND ")));
    }
    for facets in any_of.iter().filter(|facets| !facets.is_empty()) {
        let mut tokens = String::new();
        for (n, facet) in facets.iter().enumerate() {
            if n > 0 {
                tokens.push_str(" OR ");
            }
            tokens.push('"');
            facet.push(&mut tokens);
            tokens.push('"');
        }
        parts.push(format!("facets : ({tokens})"));
    }
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// The words of a search, as the index cuts them: letters and digits.
fn words_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(MAX_WORDS)
}

/// What of a search the index has no words for: signs and pictures alone. It is looked for in the sentence.
pub fn signs_in(text: &str) -> Vec<&str> {
    text.split_whitespace().filter(|word| !word.chars().any(char::is_alphanumeric)).take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_text_whatever_it_holds() {
        assert_eq!(expression("web-1 die", &[]).unwrap(), "words : (\"web\" AND \"1\" AND \"die\" *)");
        assert_eq!(
            expression("NEAR(\"a\" OR b*) ", &[]).unwrap(),
            "words : (\"NEAR\" AND \"a\" AND \"OR\" AND \"b\")"
        );
        assert_eq!(expression("\"'*:^-", &[]), None);
        assert_eq!(signs_in("💥 web ***"), ["💥", "***"]);
    }

    #[test]
    fn filters_of_one_kind_are_alternatives_and_kinds_are_joined() {
        let severities = vec![Facet::Severity(2), Facet::Severity(3)];
        let found = expression("", &[severities, Vec::new(), vec![Facet::Kind("container.health_status")]]);
        assert_eq!(
            found.unwrap(),
            "facets : (\"zs2\" OR \"zs3\") AND facets : (\"zkcontainerzhealthzstatus\")"
        );
    }
}
