//! `/healthz` (the process lives) and `/readyz` (database and workers are up).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::routes::Routes;
use crate::platform::db::Db;
use crate::platform::lifecycle::Lifecycle;

#[derive(Clone)]
struct Health {
    db: Db,
    lifecycle: Lifecycle,
}

/// The routes that tell how the process is.
pub fn routes(db: Db, lifecycle: Lifecycle) -> Routes {
    Routes::of(Health { db, lifecycle })
        .get("/healthz", Access::Public, || async { "ok\n" })
        .get("/readyz", Access::Public, ready)
        .done()
}

async fn ready(State(health): State<Health>) -> Response {
    let database = health.db.ping().await;
    let not_ready = |what: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")).into_response();
    if database.is_err() {
        return not_ready("the database does not answer");
    }
    if !health.lifecycle.all_running() {
        return not_ready("a worker is being restarted");
    }
    "ready\n".into_response()
}
