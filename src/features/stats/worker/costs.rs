//! Measures this process and the engine's.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use crate::docker::stats::processes::{self, EngineProcesses, EngineUse, OwnUse};
use crate::docker::stats::sample::to_f64;
use crate::features::stats::cost::Cost;
use crate::features::stats::service::Stats;

/// What the next minute needs from the one before.
pub(super) struct CostMeter {
    began: Instant,
    /// Where the processes are looked for.
    proc: Option<PathBuf>,
    processes: Option<EngineProcesses>,
    buffer: Vec<u8>,
    before: Option<Before>,
}

struct Before {
    at: Instant,
    own: OwnUse,
    engine: Option<EngineUse>,
    commits: u64,
}

impl CostMeter {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), proc: None, processes: None, buffer: Vec::new(), before: None }
    }

    /// Looks for the engine's processes where those of containers were seen, or here when its socket is. Of an engine on
    /// another machine there are none.
    fn look_where_they_are(&mut self, stats: &Stats) {
        let seen = stats.engines().iter().find_map(|engine| engine.stats.state().proc.clone());
        let here = || stats.engines().iter().any(|engine| engine.client.endpoint().is_unix());
        let proc = seen.map(|proc| proc.to_path_buf()).or_else(|| here().then(|| PathBuf::from("/proc")));
        if proc != self.proc {
            self.processes = proc.clone().map(EngineProcesses::new);
            self.proc = proc;
        }
    }

    /// What the time since the last call has cost, as a minute; `None` at the first one.
    pub(super) async fn minute(&mut self, stats: &Arc<Stats>) -> Option<Cost> {
        self.look_where_they_are(stats);
        let hint = peer(stats).await;
        let (mut found, mut buffer) = (self.processes.take(), std::mem::take(&mut self.buffer));
        let now_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let measuring = tokio::task::spawn_blocking(move || {
            let engine = found.as_mut().and_then(|found| found.cpu_ns(hint, now_ns, &mut buffer));
            (found, buffer, engine, processes::own())
        });
        let (found, buffer, engine, own) = measuring.await.ok()?;
        (self.processes, self.buffer) = (found, buffer);
        let now = Before { at: Instant::now(), own, engine, commits: stats.db.commits() };
        let before = self.before.replace(Before { ..now })?;
        let after = self.before.as_ref()?;
        let elapsed = after.at.duration_since(before.at);
        let ns = to_f64(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)).max(1.0);
        let percent = |new: u64, old: u64| Some(to_f64(new.checked_sub(old)?) / ns * 100.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive rate")]
        let a_minute = |new: u64, old: u64| Some((to_f64(new.checked_sub(old)?) / ns * 60e9).round() as u64);
        let engines = after.engine.zip(before.engine).filter(|(new, old)| new.generation == old.generation);
        Some(Cost {
            at: stats.clock.now_ms(),
            cpu_percent: percent(after.own.cpu_ns, before.own.cpu_ns),
            resident_bytes: after.own.resident_bytes,
            commits: a_minute(after.commits, before.commits),
            written_bytes: after
                .own
                .written_bytes
                .zip(before.own.written_bytes)
                .and_then(|(new, old)| a_minute(new, old)),
            dockerd_percent: engines.and_then(|(new, old)| percent(new.dockerd_ns, old.dockerd_ns)),
            containerd_percent: engines
                .and_then(|(new, old)| percent(new.containerd_ns?, old.containerd_ns?)),
        })
    }
}

/// The process behind the engine's socket.
async fn peer(stats: &Stats) -> Option<u32> {
    let engine = stats.engines().iter().next()?;
    let stream = tokio::net::UnixStream::connect(engine.client.endpoint().socket()?).await.ok()?;
    u32::try_from(stream.peer_cred().ok()?.pid()?).ok()
}
