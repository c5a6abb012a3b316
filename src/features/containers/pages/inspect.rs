//! Everything Docker says of a container, as JSON that can be read and searched.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use serde_json::Value;

use super::gone::gone;
use super::head::Head;
use crate::docker::types::Container;
use crate::features::containers::logs::ansi::push_text;
use crate::features::containers::secrets;
use crate::features::containers::service::Containers;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, Role, WebError};

#[derive(Template)]
#[template(path = "containers/inspect.html", blocks = ["content_inspect"])]
struct InspectPage {
    shell: Shell,
    head: Head,
    q: String,
    json: String,
    found: usize,
    values: bool,
    operator: bool,
    missing: String,
}

pub(in crate::features::containers) async fn inspect(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Page, WebError> {
    let container = match containers.find(&id, query.get("engine")) {
        Err(error @ WebError::NotFound(_)) => return gone(&containers, &context, &id, error).await,
        other => other?,
    };
    page(&containers, &context, &container, false, query.get("q").unwrap_or_default()).await
}

pub(super) async fn page(
    containers: &Arc<Containers>,
    context: &PageContext,
    container: &Arc<Container>,
    values: bool,
    q: &str,
) -> Result<Page, WebError> {
    let operator = context.may(Role::Operator);
    let (answer, missing) = match containers.inspect_json(container).await {
        Some(Ok(mut answer)) => {
            secrets::mask_inspect(&mut answer, !values, !operator);
            (Some(answer), String::new())
        }
        Some(Err(error)) => (None, format!("Docker did not say: {error}.")),
        None => (None, "Docker cannot be reached now. This is shown again once it answers.".to_owned()),
    };
    let needle: String = q.chars().take(200).collect::<String>().to_lowercase();
    let (json, found) = answer.map(|answer| html(&answer, &needle)).unwrap_or_default();
    let mut shell = context.shell(container.name.clone(), "containers");
    shell.target = format!("/containers/{}/inspect", container.id);
    let page = InspectPage {
        shell,
        head: Head::new(containers, container, "inspect"),
        q: q.to_owned(),
        json,
        found,
        values,
        operator,
        missing,
    };
    if context.wants_fragment() { Page::render(&page.as_content_inspect()) } else { Page::render(&page) }
}

/// Pretty JSON with its keys and values told apart, and how many lines hold what is searched.
fn html(value: &Value, needle: &str) -> (String, usize) {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut html = String::with_capacity(pretty.len() * 2);
    let mut found = 0;
    for line in pretty.lines() {
        let hit = !needle.is_empty() && line.to_lowercase().contains(needle);
        found += usize::from(hit);
        let indent = line.len() - line.trim_start().len();
        html.push_str(if hit { "<span class=\"jl hit\">" } else { "<span class=\"jl\">" });
        html.push_str(line.get(..indent).unwrap_or_default());
        push_line(line.trim_start(), &mut html);
        html.push_str("</span>\n");
    }
    (html, found)
}

fn push_line(line: &str, html: &mut String) {
    // A key ends at the first `": `: quotes inside of it are escaped.
    let rest = match line.split_once("\": ") {
        Some((key, rest)) if line.starts_with('"') => {
            html.push_str("<span class=\"jk\">");
            push_text(key, html);
            html.push_str("&quot;</span>: ");
            rest
        }
        _ => line,
    };
    let (value, comma) = rest.strip_suffix(',').map_or((rest, ""), |value| (value, ","));
    let class = match value.as_bytes().first() {
        Some(b'"') => "<span class=\"js\">",
        Some(b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => "<span class=\"jn\">",
        _ => "",
    };
    html.push_str(class);
    push_text(value, html);
    html.push_str(if class.is_empty() { "" } else { "</span>" });
    html.push_str(comma);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_coloured_searched_and_escaped() {
        let (text, found) = html(&serde_json::json!({"Na\"me": "<b>web", "N": [1, true]}), "web");
        assert_eq!(found, 1);
        assert!(text.contains("<span class=\"jl hit\">  <span class=\"jk\">&quot;Na\\&quot;me&quot;</span>: <span class=\"js\">&quot;&lt;b&gt;web&quot;</span>,</span>"), "{text}");
        assert!(text.contains("<span class=\"jn\">true</span>"), "{text}");
    }
}
