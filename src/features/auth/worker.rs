//! Keeps the caches true when the command line changes users, and removes what has ended.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::model::AuthError;
use super::service::Auth;

const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Runs until the product shuts down.
pub async fn keep_fresh(auth: Arc<Auth>, stopping: CancellationToken) -> Result<(), AuthError> {
    let mut foreign = auth.db.foreign_writes();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = foreign.changed() => match changed {
                Ok(()) => auth.refresh().await?,
                // The database is closed: the product is shutting down.
                Err(_) => return Ok(()),
            },
            _ = sweep.tick() => {
                auth.remove_ended_sessions().await?;
                auth.refresh().await?;
            }
        }
    }
}
