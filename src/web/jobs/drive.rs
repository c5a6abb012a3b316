//! Sees a job through: while its work goes on, the open pages of its owner are told how far it is.

use std::time::Duration;

use super::Jobs;

/// How often a job tells how far it is.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// After its end a job is told again: soon, and for slow lines.
const TELL_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

impl Jobs {
    /// Does the work of a job, which notes its progress by [`Jobs::note`]. However the work ends, the job does:
    /// what is not over by then failed, because it `broke_off`.
    pub async fn drive(&self, job: u64, broke_off: &'static str, work: impl Future<Output = ()>) {
        let ending = Ending { jobs: self, job, broke_off };
        let mut work = std::pin::pin!(work);
        let mut tick = tokio::time::interval(TELL_EVERY);
        let mut told = 0;
        loop {
            tokio::select! {
                () = &mut work => break,
                _ = tick.tick() => {
                    let changes = self.changes(job);
                    if std::mem::replace(&mut told, changes) != changes {
                        self.publish(job);
                    }
                }
            }
        }
        drop(ending);
        // The answer to the form shows the job as it began, and may reach the page after that.
        for pause in TELL_AGAIN {
            tokio::time::sleep(pause).await;
            self.publish(job);
        }
    }
}

/// Ends a job whose work has ended, or broken off.
struct Ending<'a> {
    jobs: &'a Jobs,
    job: u64,
    broke_off: &'static str,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.jobs.end(self.job, self.broke_off);
        self.jobs.publish(self.job);
    }
}
