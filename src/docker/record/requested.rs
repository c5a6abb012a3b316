//! Whether somebody asked for a container's end: Docker tells each signal it sends before the end.

use serde::{Deserialize, Serialize};

use super::words;

/// The longest grace that is waited for, ms: a stop sends its signal and then lets the container end.
const LONGEST_GRACE: i64 = 5 * 60_000;
/// How long a signal counts that many programs take as "reload" or "reopen your files", ms.
const PERHAPS_NO_END: i64 = 15_000;

/// The signals that somebody had Docker send, as far as the end of a container concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Requested {
    /// The first signal.
    signal: i64,
    /// When, ms.
    at: i64,
}

impl Requested {
    /// Notes a signal. The first of a stop says how it was meant: what comes after the grace is SIGKILL.
    pub(super) fn note(before: Option<Self>, signal: i64, at: i64) -> Self {
        match before {
            Some(before) if before.explains(at) && before.patience() == LONGEST_GRACE => before,
            _ => Self { signal, at },
        }
    }

    /// Whether an end at this time (ms) was asked for.
    pub(super) fn explains(&self, at: i64) -> bool {
        // The engine's clock may have been set: an end a little before its signal is still its end.
        (-1_000..=self.patience()).contains(&(at - self.at))
    }

    /// How long it counts, ms.
    fn patience(&self) -> i64 {
        match words::signal(self.signal) {
            Some("SIGHUP" | "SIGUSR1" | "SIGUSR2" | "SIGWINCH" | "SIGCONT" | "SIGCHLD" | "SIGURG") => {
                PERHAPS_NO_END
            }
            _ => LONGEST_GRACE,
        }
    }

    /// Whether it was killed outright, and not asked to end.
    pub(super) fn is_kill(&self) -> bool {
        words::signal(self.signal) == Some("SIGKILL")
    }

    /// The first signal's name.
    pub(super) fn signal(&self) -> String {
        signal_name(&self.signal.to_string())
    }
}

/// The name of a signal as Docker's events write it: a number, or a name already.
pub(super) fn signal_name(written: &str) -> String {
    let number = written.parse::<i64>();
    match number.map(words::signal) {
        Ok(Some(name)) => name.to_owned(),
        Ok(None) => format!("signal {written}"),
        Err(_) => written.chars().take(20).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_within_the_longest_grace_was_asked_for() {
        let term = Requested::note(None, 15, 1_000);
        assert!(term.explains(1_000) && term.explains(300_999));
        assert!(!term.explains(302_000));
    }

    #[test]
    fn a_reload_does_not_explain_a_crash_minutes_later() {
        let reload = Requested::note(None, 1, 0);
        assert!(reload.explains(10_000));
        assert!(!reload.explains(60_000));
    }

    #[test]
    fn a_stop_that_had_to_kill_is_still_a_stop() {
        let stop = Requested::note(Some(Requested::note(None, 15, 0)), 9, 10_000);
        assert!(!stop.is_kill());
        assert_eq!(stop.signal(), "SIGTERM");
        assert!(
            Requested::note(Some(Requested::note(None, 1, 0)), 9, 10_000).is_kill(),
            "a reload was no stop"
        );
    }

    #[test]
    fn signals_have_names() {
        for (written, name) in [("9", "SIGKILL"), ("SIGHUP", "SIGHUP"), ("37", "signal 37"), ("?", "?")] {
            assert_eq!(signal_name(written), name);
        }
    }
}
