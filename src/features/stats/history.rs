//! The history of one subject: from memory what is new, from the database what is older.

use std::time::Duration;

use super::rollup::{Rollup, by_step};
use super::service::{Series, Stats, in_ms};
use super::store::{MINUTE, QUARTER, Resolution, SubjectKey};
use super::window::{MOST_POINTS, Window};
use crate::platform::db::DbError;

/// How long single measurements are in memory, ms.
const IN_MEMORY: i64 = 60 * MINUTE;

impl Stats {
    /// The history of a subject; `points` gives the single measurements since a time, `slowest` is the longest time
    /// between two of them that is no hole.
    pub(super) async fn series(
        &self,
        subject: SubjectKey,
        window: &Window,
        slowest: Duration,
        points: impl Fn(i64) -> Vec<Rollup>,
    ) -> Result<Series, DbError> {
        let now = self.clock.now_ms();
        let slowest = in_ms(slowest);
        let Some(resolution) = window.resolution(now) else {
            return self.last_hour(subject, window, slowest, points).await;
        };
        let step = window.step(resolution.step()).max(whole_steps(slowest, resolution.step()));
        // What began before the window is not part of it.
        let since = (window.since + step - 1).div_euclid(step) * step;
        let mut all = self.stored(subject.clone(), resolution, since, window.until).await?;
        // What is not reckoned into steps yet comes from what is finer.
        let mut known_until = all.last().map_or(since, |last| last.at + resolution.step());
        if resolution == Resolution::Quarter {
            let from = known_until.max(now - 2 * QUARTER);
            if window.until > from {
                let minutes = self.stored(subject, Resolution::Minute, from, window.until).await?;
                known_until = minutes.last().map_or(known_until, |last| last.at + MINUTE);
                all.extend(minutes);
            }
        }
        let from = known_until.max(now - IN_MEMORY);
        if window.until > from {
            all.extend(points(from).into_iter().filter(|point| point.at <= window.until));
        }
        Ok(Series { step, points: by_step(all, step) })
    }

    /// Single measurements, as long as they are few enough.
    async fn last_hour(
        &self,
        subject: SubjectKey,
        window: &Window,
        slowest: i64,
        points: impl Fn(i64) -> Vec<Rollup>,
    ) -> Result<Series, DbError> {
        let recent = points(window.since);
        // After a restart the hour is not all in memory.
        let begin = recent.first().map_or(window.until, |first| first.at);
        let mut finest = slowest;
        let mut all = Vec::new();
        if begin - window.since > MINUTE {
            all = self.stored(subject, Resolution::Minute, window.since, begin).await?;
            finest = if all.is_empty() { finest } else { finest.max(MINUTE) };
        }
        all.extend(recent);
        all.retain(|point| (window.since..=window.until).contains(&point.at));
        let too_many = i64::try_from(all.len()).unwrap_or(i64::MAX) > MOST_POINTS;
        let step = window.step(1_000);
        let points = if too_many { by_step(all, step) } else { all };
        let merged = if too_many { step } else { 0 };
        Ok(Series { step: finest.max(merged).max(1_000), points })
    }
}

/// The least multiple of `step` that is no shorter than `time`.
fn whole_steps(time: i64, step: i64) -> i64 {
    (time + step - 1).div_euclid(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_never_shorter_than_the_time_between_measurements() {
        assert_eq!(whole_steps(10_000, MINUTE), MINUTE);
        assert_eq!(whole_steps(5 * MINUTE, MINUTE), 5 * MINUTE);
        assert_eq!(whole_steps(5 * MINUTE + 1, MINUTE), 6 * MINUTE);
    }
}
