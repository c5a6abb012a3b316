//! The tasks of the gateway: connections, tunnels and what HTTP/2 needs. They are counted, so that stopping can wait
//! for them, and they end when they are cut off.

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[derive(Debug, Clone)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    /// Everything ends at once.
    cut: CancellationToken,
    /// What never ends by itself ends now: the product stops.
    pub(super) closing: CancellationToken,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self { tracker: TaskTracker::new(), cut: CancellationToken::new(), closing: CancellationToken::new() }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Waits until all have ended.
    pub(super) async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    pub(super) fn count(&self) -> usize {
        self.tracker.len()
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}
