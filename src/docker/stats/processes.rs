//! What watching costs: CPU time and memory of Docker Watcher, and CPU time of the engine's processes.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::time::{ClockId, clock_gettime};

use super::file;

const NANOS: u64 = 1_000_000_000;
/// Looking through all processes takes milliseconds, so it is done once in this time at most.
const LOOK_EVERY_NS: u64 = 60 * NANOS;

/// What Docker Watcher itself has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnUse {
    /// CPU time of all threads since the start, nanoseconds.
    pub cpu_ns: u64,
    /// Memory it holds now, shared pages included, bytes.
    pub resident_bytes: Option<u64>,
    /// Bytes it caused to be written to disks since the start; `None` when the kernel does not tell.
    pub written_bytes: Option<u64>,
}

/// What this process has used until now.
pub fn own() -> OwnUse {
    let mut buffer = Vec::new();
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let pages = file::read(Path::new("/proc/self/statm"), &mut buffer)
        .ok()
        .and_then(|text| file::number(file::words(text).nth(1)?));
    let page_bytes = u64::try_from(page_size()).unwrap_or(4096);
    OwnUse {
        cpu_ns: seconds.saturating_mul(NANOS).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default()),
        resident_bytes: pages.map(|pages| pages.saturating_mul(page_bytes)),
        written_bytes: file::read(Path::new("/proc/self/io"), &mut buffer)
            .ok()
            .and_then(|text| file::field(text, b"write_bytes:")),
    }
}

/// CPU time that the engine's processes have used, nanoseconds, in steps of a clock tick (10 ms).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EngineUse {
    /// Another number when it is about other processes than the reading before: those two make no rate.
    pub generation: u32,
    /// `dockerd`, since it started.
    pub dockerd_ns: u64,
    /// `containerd`, since it started (its shims, which belong to the containers, are not counted); `None` when
    /// there is none.
    pub containerd_ns: Option<u64>,
}

/// The processes of the engine, found by their names and remembered.
#[derive(Debug)]
pub struct EngineProcesses {
    proc: PathBuf,
    hint: Option<u32>,
    dockerd: Vec<Process>,
    containerd: Vec<Process>,
    looked_ns: Option<u64>,
    generation: u32,
}

/// A process, by what tells it from another one that got its number later.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Process {
    pid: u32,
    parent: u32,
    started_ticks: u64,
}

impl EngineProcesses {
    /// Processes below this `/proc`. Nothing is read yet.
    pub fn new(proc: PathBuf) -> Self {
        Self { proc, hint: None, dockerd: Vec::new(), containerd: Vec::new(), looked_ns: None, generation: 0 }
    }

    /// What they have used until now; `None` when no `dockerd` is visible here. `now_ns` is any clock that only
    /// goes forward. `hint` is the process at the other end of the engine's socket, where it is known: of several
    /// `dockerd` that one is meant. It is no `dockerd` where systemd listens for it, and then it is no hint. Another
    /// hint than before makes us look at once.
    pub fn cpu_ns(&mut self, hint: Option<u32>, now_ns: u64, buffer: &mut Vec<u8>) -> Option<EngineUse> {
        let known = self.read(buffer);
        let another = hint.is_some() && hint != self.hint;
        let complete = known.is_some_and(|known| known.containerd_ns.is_some());
        let rested = self.looked_ns.is_none_or(|then| now_ns.saturating_sub(then) >= LOOK_EVERY_NS);
        if !another && (complete || !rested) {
            return known;
        }
        self.hint = hint.or(self.hint);
        self.looked_ns = Some(now_ns);
        self.look(buffer);
        self.read(buffer)
    }

    fn look(&mut self, buffer: &mut Vec<u8>) {
        let (mut dockerd, mut containerd) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.proc).into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let found = match file::read(&entry.path().join("comm"), buffer).map(<[u8]>::trim_ascii) {
                Ok(b"dockerd") => &mut dockerd,
                Ok(b"containerd") => &mut containerd,
                _ => continue,
            };
            found.extend(stat(&self.proc, pid, buffer).map(|(process, _)| process));
        }
        if let Some(meant) = dockerd.iter().copied().find(|process| Some(process.pid) == self.hint) {
            dockerd = vec![meant];
            // A dockerd starts a containerd of its own unless the host runs one for all.
            if containerd.iter().any(|process| process.parent == meant.pid) {
                containerd.retain(|process| process.parent == meant.pid);
            }
        }
        // In the order of numbers, so that the same processes are seen to be the same.
        dockerd.sort_unstable_by_key(|process| process.pid);
        containerd.sort_unstable_by_key(|process| process.pid);
        if (&dockerd, &containerd) != (&self.dockerd, &self.containerd) {
            self.generation = self.generation.wrapping_add(1);
            (self.dockerd, self.containerd) = (dockerd, containerd);
        }
    }

    /// `None` when one of them is gone, or none is known.
    fn read(&self, buffer: &mut Vec<u8>) -> Option<EngineUse> {
        let mut sum = |processes: &[Process]| {
            let mut total = 0_u64;
            for process in processes {
                let (now, used_ticks) = stat(&self.proc, process.pid, buffer)?;
                if now.started_ticks != process.started_ticks {
                    return None;
                }
                total = total.saturating_add(used_ticks);
            }
            Some(ticks_to_ns(total))
        };
        if self.dockerd.is_empty() {
            return None;
        }
        let (dockerd_ns, containerd_ns) = (sum(&self.dockerd)?, sum(&self.containerd)?);
        let containerd_ns = (!self.containerd.is_empty()).then_some(containerd_ns);
        Some(EngineUse { generation: self.generation, dockerd_ns, containerd_ns })
    }
}

/// A process that is one of the engine's, and the ticks it has used (proc_pid_stat(5)).
fn stat(proc: &Path, pid: u32, buffer: &mut Vec<u8>) -> Option<(Process, u64)> {
    let text = file::read(&proc.join(pid.to_string()).join("stat"), buffer).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    if !matches!(text.get(open + 1..close)?, b"dockerd" | b"containerd") {
        return None;
    }
    // Field 3 is the first one behind the name: 4 is the parent, 14 and 15 user and system time, 22 the start.
    let mut fields = file::words(text.get(close + 1..)?).map(file::number);
    let parent = fields.nth(1)??;
    let (user, system) = (fields.nth(9)??, fields.next()??);
    let started_ticks = fields.nth(6)??;
    let process = Process { pid, parent: u32::try_from(parent).ok()?, started_ticks };
    Some((process, user.saturating_add(system)))
}

fn ticks_to_ns(ticks: u64) -> u64 {
    ticks.saturating_mul(NANOS / clock_ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/proc` with these processes: number, parent, name, ticks in user and system mode, start.
    struct Proc(tempfile::TempDir);

    impl Proc {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn run(&self, pid: u32, parent: u32, name: &str, ticks: (u64, u64), start: u64) -> &Self {
            let dir = self.0.path().join(pid.to_string());
            let (user, system) = ticks;
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("comm"), format!("{name}\n")).unwrap();
            let stat = format!(
                "{pid} ({name}) S {parent} 13540 1090 0 -1 4194560 8792 52480 19 21 {user} {system} 33 23 20 0 10 0 \
                 {start} 1494380544 20425 18446744073709551615 1 1 0 0 0\n"
            );
            fs::write(dir.join("stat"), stat).unwrap();
            self
        }

        fn end(&self, pid: u32) {
            fs::remove_dir_all(self.0.path().join(pid.to_string())).unwrap();
        }

        fn engine(&self) -> EngineProcesses {
            EngineProcesses::new(self.0.path().to_owned())
        }
    }

    fn ms(ticks: u64) -> u64 {
        ticks * 1_000_000 * (1000 / clock_ticks_per_second())
    }

    fn used(engine: &mut EngineProcesses, hint: Option<u32>, second: u64) -> Option<(u64, Option<u64>)> {
        let found = engine.cpu_ns(hint, second * NANOS, &mut Vec::new())?;
        Some((found.dockerd_ns, found.containerd_ns))
    }

    #[test]
    fn the_engine_is_dockerd_and_containerd_without_the_shims() {
        let proc = Proc::new();
        proc.run(1, 0, "systemd", (9, 9), 0)
            .run(50, 1, "containerd", (40, 2), 10)
            .run(60, 1, "dockerd", (27, 32), 20)
            .run(70, 1, "containerd-shim", (500, 500), 30)
            .run(80, 1, "a) (dockerd", (500, 500), 30);
        assert_eq!(used(&mut proc.engine(), None, 0), Some((ms(59), Some(ms(42)))));
    }

    #[test]
    fn of_several_engines_the_one_at_the_socket_is_meant_with_the_containerd_it_started() {
        let proc = Proc::new();
        proc.run(50, 1, "containerd", (1, 0), 10)
            .run(60, 1, "dockerd", (2, 0), 20)
            .run(61, 1, "dockerd", (4, 0), 20)
            .run(62, 61, "containerd", (8, 0), 21);
        let mut engine = proc.engine();
        assert_eq!(used(&mut engine, Some(61), 0), Some((ms(4), Some(ms(8)))));
        assert_eq!(used(&mut engine, Some(60), 1), Some((ms(2), Some(ms(9)))), "it has none of its own");
        assert_eq!(used(&mut proc.engine(), None, 0), Some((ms(6), Some(ms(9)))));
        assert_eq!(
            used(&mut proc.engine(), Some(1), 0),
            Some((ms(6), Some(ms(9)))),
            "systemd listens for it"
        );
    }

    #[test]
    fn a_hint_that_is_missing_for_a_while_is_remembered() {
        let proc = Proc::new();
        proc.run(60, 1, "dockerd", (2, 0), 20).run(61, 1, "dockerd", (4, 0), 20);
        let mut engine = proc.engine();
        assert_eq!(used(&mut engine, Some(61), 0), Some((ms(4), None)));
        proc.run(62, 61, "containerd", (8, 0), 21);
        assert_eq!(used(&mut engine, None, 1), Some((ms(4), None)), "and is no reason to look again");
        assert_eq!(used(&mut engine, None, 60), Some((ms(4), Some(ms(8)))));
    }

    #[test]
    fn an_engine_that_starts_anew_is_found_within_a_minute_and_makes_no_rate_with_the_old_one() {
        let proc = Proc::new();
        proc.run(50, 1, "containerd", (1, 0), 10).run(60, 1, "dockerd", (700, 0), 20);
        let mut engine = proc.engine();
        let before = engine.cpu_ns(None, 0, &mut Vec::new()).unwrap();
        proc.end(60);
        proc.run(90, 1, "dockerd", (1, 0), 5000);
        assert_eq!(used(&mut engine, None, 59), None);
        let after = engine.cpu_ns(None, 60 * NANOS, &mut Vec::new()).unwrap();
        assert_eq!(after.dockerd_ns, ms(1));
        assert_ne!(before.generation, after.generation);
    }

    #[test]
    fn a_number_that_went_to_another_process_is_not_counted() {
        let proc = Proc::new();
        let mut engine = proc.engine();
        proc.run(50, 1, "containerd", (1, 0), 10).run(60, 1, "dockerd", (7, 0), 20);
        assert!(used(&mut engine, None, 0).is_some());
        proc.run(60, 1, "bash", (9, 0), 20);
        assert_eq!(used(&mut engine, None, 1), None, "another name");
        proc.run(60, 1, "dockerd", (9, 0), 21);
        assert_eq!(used(&mut engine, None, 2), None, "another start");
        assert_eq!(used(&mut engine, None, 60), Some((ms(9), Some(ms(1)))));
    }

    #[test]
    fn a_containerd_that_comes_later_is_found_and_none_is_not_0() {
        let proc = Proc::new();
        let mut engine = proc.engine();
        assert_eq!(used(&mut engine, None, 0), None);
        proc.run(60, 1, "dockerd", (7, 0), 20);
        let alone = engine.cpu_ns(None, 60 * NANOS, &mut Vec::new()).unwrap();
        assert_eq!((alone.dockerd_ns, alone.containerd_ns), (ms(7), None));
        assert_eq!(engine.cpu_ns(None, 120 * NANOS, &mut Vec::new()), Some(alone), "looked for in vain");
        proc.run(50, 1, "containerd", (1, 0), 10);
        assert_eq!(used(&mut engine, None, 179), Some((ms(7), None)));
        assert_eq!(used(&mut engine, None, 180), Some((ms(7), Some(ms(1)))));
    }

    #[test]
    fn own_use_grows_with_work() {
        let before = own();
        let mut sum = 0_u64;
        while own().cpu_ns < before.cpu_ns + 5_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        let resident = before.resident_bytes.unwrap();
        assert!(resident > 1 << 20 && resident < 1 << 40, "{resident}");
    }
}
