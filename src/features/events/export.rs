//! `GET /api/events/export`: the filtered log as NDJSON or CSV, read in pieces.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::api::filters;
use super::model::EventView;
use super::query::EventQuery;
use super::service::{Events, audience};
use crate::platform::journal::Event;
use crate::web::api::{Endpoint, QueryMap};
use crate::web::{Identity, Role, WebError};

/// How many events are read at once.
const CHUNK: usize = 1_000;

pub(super) fn endpoint() -> Endpoint {
    filters(Endpoint::get("/api/events/export", Role::Viewer, "The events as a file, newest first."))
        .query("format", "ndjson (default) or csv.")
        .returns_text()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Ndjson,
    Csv,
}

pub(super) async fn export(
    State(events): State<Arc<Events>>,
    identity: Identity,
    query: QueryMap,
) -> Result<Response, WebError> {
    let format = match query.get("format") {
        None | Some("ndjson") => Format::Ndjson,
        Some("csv") => Format::Csv,
        Some(_) => return Err(WebError::field("format", "takes ndjson or csv.")),
    };
    let now = events.clock.now();
    let wanted = EventQuery::read(&query, now)?;
    let (kind, end) = match format {
        Format::Ndjson => ("application/x-ndjson", "ndjson"),
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    let file = format!("attachment; filename=\"events-{}.{end}\"", now.strftime("%Y%m%d-%H%M%S"));
    let (audience, ended) = (audience(&identity), identity.ended);
    let head = if format == Format::Csv { csv_row(&HEAD) } else { Vec::new() };
    // Between two pieces no connection is held: a slow reader blocks nobody.
    let state = Some((None, head));
    let body = futures_util::stream::unfold(state, move |state| {
        let (events, wanted, ended) = (events.clone(), wanted.clone(), ended.clone());
        async move {
            let (before, mut bytes) = state?;
            if ended.is_cancelled() {
                return None;
            }
            let found = match events.list(&wanted, audience, before, CHUNK).await {
                Ok(found) => found,
                Err(error) => return Some((Err(std::io::Error::other(error)), None)),
            };
            let next = found.last().filter(|_| found.len() == CHUNK).map(|last| (Some(last.id), Vec::new()));
            for event in found {
                write(event, format, &mut bytes);
            }
            Some((Ok(Bytes::from(bytes)), next))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, file),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

const HEAD: [&str; 12] = [
    "id",
    "at",
    "severity",
    "source",
    "kind",
    "subject_type",
    "subject_name",
    "subject_id",
    "engine",
    "actor",
    "message",
    "data",
];

fn write(event: Event, format: Format, bytes: &mut Vec<u8>) {
    let view = EventView::from(event);
    match format {
        Format::Ndjson => {
            bytes.extend(serde_json::to_vec(&view).unwrap_or_default());
            bytes.push(b'\n');
        }
        Format::Csv => {
            let data = view.data.to_string();
            bytes.extend(csv_row(&[
                &view.id,
                &view.at,
                view.severity,
                &view.source,
                &view.kind,
                &view.subject.kind,
                &view.subject.name,
                &view.subject.id,
                &view.engine,
                &view.actor,
                &view.message,
                &data,
            ]));
        }
    }
}

/// A row. A cell that a spreadsheet would take for a formula is made text.
fn csv_row(cells: &[&str]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let safe = cells.iter().map(|cell| {
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            format!("'{cell}")
        } else {
            (*cell).to_owned()
        }
    });
    // Writing to memory cannot fail.
    let _written = writer.write_record(safe);
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_runs_nothing_that_a_container_wrote() {
        let row = String::from_utf8(csv_row(&["1", "=cmd|' /C calc'!A0", "a \"b\", c"])).unwrap();
        assert_eq!(row, "1,'=cmd|' /C calc'!A0,\"a \"\"b\"\", c\"\n");
    }
}
