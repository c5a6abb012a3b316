//! Exit codes and signals in words.

/// What an exit code means, where it has a meaning that everybody agrees on.
pub(super) fn exit_code(code: i64) -> Option<&'static str> {
    match code {
        0 => Some("success"),
        1 => Some("error"),
        126 => Some("command cannot be run"),
        127 => Some("command not found"),
        _ => code.checked_sub(128).and_then(signal),
    }
}

/// The name of a signal's number.
pub(super) fn signal(number: i64) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    NAMES.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_told_in_words() {
        for (code, words) in [
            (0, Some("success")),
            (126, Some("command cannot be run")),
            (127, Some("command not found")),
            (130, Some("SIGINT")),
            (137, Some("SIGKILL")),
            (139, Some("SIGSEGV")),
            (143, Some("SIGTERM")),
            (3, None),
            (128, None),
            (255, None),
            (-1, None),
            (i64::MIN, None),
        ] {
            assert_eq!(exit_code(code), words, "{code}");
        }
    }
}
