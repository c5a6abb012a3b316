//! Child processes: signals, log tails, and a shell script that cleans up after an engine even when the tests were killed.

use std::path::Path;
use std::process::{Command, Stdio};

/// A command that runs as root: itself when we are root, through `sudo -n` otherwise.
pub fn as_root(program: &str) -> Command {
    if is_root() {
        Command::new(program)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("-n").arg(program);
        sudo
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A command whose process is killed when the thread that started it ends, however the tests end.
pub fn mortal(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Sends a signal (`TERM`, `KILL`, `STOP`, `CONT`) to one process.
pub fn signal(name: &str, pid: u32) {
    let done = as_root("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().expect("sh runs");
    assert!(done.success(), "kill -{name} {pid} failed: {done}");
}

pub fn is_alive(pid: u32) -> bool {
    // A zombie still has a directory under /proc, but does nothing any more.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

/// Resident memory of a process in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS is known");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("VmRSS in kB") * 1024
}

/// The last lines of a log, for a failure message.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read(log).map(|raw| String::from_utf8_lossy(&raw).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Runs a command to its end and returns its standard output; panics with its standard error when it fails.
pub fn output_of(command: &mut Command) -> String {
    let out = command.stdin(Stdio::null()).output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    assert!(out.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Ends one private engine and all it left: waits for the end of standard input first, so that the test process only has
/// to be gone. `$1` is the engine's folder, which appears in the command line of each process that belongs to it.
pub const SWEEP: &str = r#"
root=$1
cat >/dev/null
case $root in */docker-watcher-it/*-*) ;; *) exit 1 ;; esac
for round in 1 2 3; do
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    line=$(tr '\0' ' ' <"$dir/cmdline" 2>/dev/null) || continue
    case $line in
      *containerd-shim*"$root/"*)
        for child in $(cat "$dir"/task/*/children 2>/dev/null); do kill -KILL "$child" 2>/dev/null; done
        kill -KILL "$pid" 2>/dev/null ;;
      dockerd*"$root/"* | containerd*"$root/"* | */dockerd*"$root/"* | */containerd*"$root/"*)
        kill -KILL "$pid" 2>/dev/null ;;
    esac
  done
done
sed 's/^[^ ]* \([^ ]*\) .*/\1/' /proc/mounts | grep "^$root/" | sort -r | while read -r point; do umount -l "$point" 2>/dev/null; done
ip netns del "$(cat "$root/namespace")" 2>/dev/null
rm -rf "$root" 2>/dev/null || { sleep 1; rm -rf "$root"; }
"#;
