//! `GET /api/images`, `GET /api/networks` and `GET /api/volumes`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;

use super::model::{ImageView, NetworkView, VolumeView};
use super::query::ListQuery;
use super::service::{Listed, Resource, Resources, Standing, Used};
use crate::docker::objects::{Image, Network, Volume};
use crate::web::api::{Answer, Endpoint, QueryMap};
use crate::web::{Role, WebError};

/// A kind as the API tells it.
pub(super) trait Told: Resource {
    /// Its shape.
    type View: Serialize + for<'a> From<&'a Used<Self>>;
}

impl Told for Image {
    type View = ImageView;
}

impl Told for Network {
    type View = NetworkView;
}

impl Told for Volume {
    type View = VolumeView;
}

const USED: &str = "`true`: only what containers use, running or not; `false`: only what none uses.";

pub(super) fn images() -> Endpoint {
    Endpoint::get("/api/images", Role::Viewer, "List images, and the containers that use them.")
        .query("q", "Words that must all occur in tags, digests, id or the names of its containers.")
        .query("used", USED)
        .query("dangling", "`true`: only images without a tag; `false`: only those with one.")
        .query("engine", "An engine's id.")
        .query("sort", "name, size or created; `-` in front reverses.")
        .returns_page_of::<ImageView>()
}

pub(super) fn networks() -> Endpoint {
    Endpoint::get("/api/networks", Role::Viewer, "List networks, and the containers attached to them.")
        .query(
            "q",
            "Words that must all occur in name, id, driver, subnet, project or the names of its containers.",
        )
        .query("used", USED)
        .query("engine", "An engine's id.")
        .query("sort", "name or driver; `-` in front reverses.")
        .returns_page_of::<NetworkView>()
}

pub(super) fn volumes() -> Endpoint {
    Endpoint::get("/api/volumes", Role::Viewer, "List volumes, and the containers that mount them.")
        .query(
            "q",
            "Words that must all occur in name, driver, mountpoint, project or the names of its containers.",
        )
        .query("used", USED)
        .query("anonymous", "`true`: only volumes that nobody named; `false`: only named ones.")
        .query("engine", "An engine's id.")
        .query("sort", "name or created; `-` in front reverses.")
        .returns_page_of::<VolumeView>()
}

pub(super) async fn list<T: Told>(
    State(resources): State<Arc<Resources>>,
    query: QueryMap,
) -> Result<Answer<Vec<T::View>>, WebError> {
    let paging = query.paging()?;
    let wanted = ListQuery::read::<T>(&query)?;
    resources.first_reading::<T>().await;
    let listed = resources.list::<T>(&wanted);
    known(&listed)?;
    let total = listed.rows.len();
    let start = match &paging.cursor {
        None => 0,
        Some(cursor) => {
            after(&listed.rows, cursor).ok_or_else(|| WebError::field("cursor", "is not one of ours."))?
        }
    };
    let page: Vec<&Used<T>> = listed.rows.iter().skip(start).take(paging.limit).collect();
    let end = start + page.len();
    let next = page.last().filter(|_| end < total).map(|last| format!("{end}-{}", last.item.key()));
    Ok(Answer::page(page.into_iter().map(T::View::from).collect(), next, total))
}

/// Where the page after a cursor starts. A cursor is the last one of the page before, and its place should
/// it have gone meanwhile.
fn after<T: Resource>(rows: &[Used<T>], cursor: &str) -> Option<usize> {
    let (place, key) = cursor.split_once('-')?;
    let place: usize = place.parse().ok()?;
    let found = rows.iter().position(|row| row.item.key() == key);
    Some(found.map_or(place.saturating_sub(1), |at| at + 1))
}

/// A script would take an empty list at its word, so what was never read is an error.
fn known<T: Resource>(listed: &Listed<T>) -> Result<(), WebError> {
    if listed.as_of.is_some() {
        return Ok(());
    }
    match &listed.standing {
        Standing::Current => Ok(()),
        Standing::NotYet | Standing::Connecting => {
            Err(WebError::Unavailable(format!("The {} are not read yet. Try again soon.", T::NOUNS)))
        }
        Standing::Down(why) => Err(WebError::Unavailable(format!("Docker is not reachable: {why}."))),
        Standing::Refused => {
            Err(WebError::BadGateway(format!("Docker does not allow listing {} here.", T::NOUNS)))
        }
        Standing::Failed(why) => {
            Err(WebError::BadGateway(format!("Docker did not list the {}: {why}.", T::NOUNS)))
        }
    }
}
