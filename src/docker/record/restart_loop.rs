//! When restarts by Docker have become a loop: that is told once, and again only after it was calm.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// So many restarts …
pub(super) const RESTARTS: usize = 5;
/// … within so long are a loop, ms; and after so long without any it is calm again.
pub(super) const WINDOW: i64 = 10 * 60_000;
/// Docker waits at most a minute before it restarts: a start later than this was somebody's.
const LONGEST_WAIT: i64 = 2 * 60_000;

/// The restarts of one container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Restarts {
    /// When it ended without anybody asking, ms.
    died_at: Option<i64>,
    /// The last restarts, oldest first, ms.
    at: VecDeque<i64>,
    /// Whether this loop was told.
    told: bool,
}

impl Restarts {
    /// Notes an end.
    pub(super) fn ended(&mut self, at: i64, requested: bool) {
        self.died_at = (!requested).then_some(at);
    }

    /// Notes a start; says how many restarts there were when this one makes it a loop.
    pub(super) fn started(&mut self, at: i64) -> Option<usize> {
        let died = self.died_at.take()?;
        if at - died > LONGEST_WAIT {
            return None;
        }
        if self.at.back().is_some_and(|last| at - last >= WINDOW) {
            self.told = false;
        }
        self.at.push_back(at);
        while self.at.len() > RESTARTS || self.at.front().is_some_and(|first| at - first >= WINDOW) {
            self.at.pop_front();
        }
        if self.told || self.at.len() < RESTARTS {
            return None;
        }
        self.told = true;
        Some(self.at.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a loop is told when a container dies and starts at these seconds.
    fn told(restarts: &mut Restarts, seconds: impl IntoIterator<Item = i64>) -> usize {
        let mut told = 0;
        for at in seconds {
            restarts.ended(at * 1000 - 100, false);
            told += usize::from(restarts.started(at * 1000).is_some());
        }
        told
    }

    #[test]
    fn five_restarts_in_ten_minutes_are_one_loop_however_long_it_goes_on() {
        assert_eq!(told(&mut Restarts::default(), 1..=4), 0);
        assert_eq!(told(&mut Restarts::default(), 1..=5), 1);
        // An hour of it, at Docker's slowest pace.
        assert_eq!(told(&mut Restarts::default(), (0..60).map(|minute| minute * 60)), 1);
    }

    #[test]
    fn a_loop_is_told_again_only_after_it_was_calm_for_ten_minutes() {
        let mut restarts = Restarts::default();
        assert_eq!(told(&mut restarts, 1..=10), 1);
        assert_eq!(told(&mut restarts, 500..=510), 0);
        assert_eq!(told(&mut restarts, 1200..=1204), 1);
    }

    #[test]
    fn slow_restarts_are_no_loop() {
        assert_eq!(told(&mut Restarts::default(), (0..20).map(|number| number * 200)), 0);
    }

    #[test]
    fn what_somebody_stopped_or_started_is_no_restart_by_docker() {
        let mut restarts = Restarts::default();
        for at in (0..10).map(|number| number * 1000) {
            restarts.ended(at, true);
            assert_eq!(restarts.started(at + 500), None);
        }
        restarts.ended(0, false);
        assert_eq!(restarts.started(LONGEST_WAIT + 1), None);
        assert_eq!(restarts.at.len(), 0);
    }
}
