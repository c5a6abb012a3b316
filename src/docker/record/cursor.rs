//! How far the engine's stream was followed.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::docker::wire::EngineEvent;

/// The replay begins a little earlier than the last event: two may be sent out of order.
const OVERLAP_NS: i64 = 100_000_000;
/// Docker's buffer holds 256 events of all kinds, so a replay never brings back more of those seen.
const REMEMBERED: usize = 1024;

/// An event as the cursor remembers it: when (ns), and a short mark of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::docker) struct Mark(i64, u64);

impl Mark {
    /// The same in every version of the binary.
    pub(in crate::docker) fn of(event: &EngineEvent) -> Self {
        let attribute = |name| event.actor.attributes.get(name).map_or("", String::as_str);
        // A network's events differ by their container only.
        let text = format!(
            "{}\n{}\n{}\n{}\n{}",
            event.time_nano,
            event.kind,
            event.action,
            event.actor.id,
            attribute("container")
        );
        let hash = Sha256::digest(text.as_bytes());
        Self(event.time_nano, hash.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte)))
    }
}

/// How far the engine's stream was followed: kept in the database, committed with the events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct Cursor {
    /// When the last event happened, ns by the engine's clock.
    pub last_ns: i64,
    /// Every event inside the overlap, in the order they came.
    #[serde(default)]
    seen: VecDeque<Mark>,
}

impl Cursor {
    /// From where to replay, ns.
    pub(in crate::docker) fn replay_from(&self) -> i64 {
        self.last_ns.saturating_sub(OVERLAP_NS)
    }

    /// Whether an event was seen before.
    pub(in crate::docker) fn has_seen(&self, mark: Mark) -> bool {
        self.seen.iter().rev().any(|seen| *seen == mark)
    }

    /// Notes an event as seen.
    pub(in crate::docker) fn note(&mut self, mark: Mark) {
        self.last_ns = self.last_ns.max(mark.0);
        self.seen.push_back(mark);
        // What is older than the overlap is not replayed. The very last stays: it tells a gap.
        let from = self.replay_from();
        while self.seen.len() > 1
            && (self.seen.len() > REMEMBERED || self.seen.front().is_some_and(|oldest| oldest.0 < from))
        {
            self.seen.pop_front();
        }
    }

    /// Begins anew at a time (ns): nothing was seen.
    pub(in crate::docker) fn restart(&mut self, at_ns: i64) {
        self.last_ns = at_ns;
        self.seen.clear();
    }

    /// Whether the replay still holds the last event seen: if not, events between may be lost.
    pub(in crate::docker) fn is_covered_by(&self, replay: &[EngineEvent]) -> bool {
        let held: HashSet<Mark> = replay.iter().map(Mark::of).collect();
        self.seen.back().is_none_or(|last| held.contains(last))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn event(action: &str, at_ms: i64) -> EngineEvent {
        testing::event("container", action, at_ms, &[])
    }

    fn note(cursor: &mut Cursor, event: &EngineEvent) {
        cursor.note(Mark::of(event));
    }

    #[test]
    fn a_replay_without_the_last_event_is_a_gap() {
        let mut cursor = Cursor::default();
        assert!(cursor.is_covered_by(&[]), "nothing was ever seen");
        note(&mut cursor, &event("start", 10));
        note(&mut cursor, &event("die", 20));
        assert!(cursor.is_covered_by(&[event("die", 20), event("start", 30)]));
        assert!(!cursor.is_covered_by(&[event("start", 30)]));
        assert!(!cursor.is_covered_by(&[]));
    }

    #[test]
    fn a_replayed_event_is_known_after_the_cursor_came_back_from_disk() {
        let mut cursor = Cursor::default();
        for at in 0..1000 {
            note(&mut cursor, &event("start", at));
        }
        let back: Cursor = serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap();
        assert!(back.has_seen(Mark::of(&event("start", 999))));
        assert!(back.has_seen(Mark::of(&event("start", 900))), "inside the overlap");
        assert!(!back.has_seen(Mark::of(&event("start", 1000))));
        assert!(back.seen.len() < 110, "what is older is forgotten: {}", back.seen.len());
    }

    #[test]
    fn a_cursor_of_an_older_format_still_says_how_far_it_was() {
        let old: Cursor = serde_json::from_str(r#"{"last_ns":5,"marks":[1,2]}"#).unwrap();
        assert_eq!(old.last_ns, 5);
    }

    /// A small generator of numbers, so that a failure can be repeated.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % below
        }
    }

    #[test]
    fn whatever_the_burst_and_wherever_the_connection_is_cut_each_event_is_taken_once() {
        for seed in 1..200 {
            let mut dice = Dice(seed);
            let mut now = 1_000_000;
            // Bursts (many events in one moment) and pauses; two neighbours may be sent out of order.
            let mut sent: Vec<EngineEvent> = (0..600)
                .map(|number| {
                    now += if dice.roll(20) == 0 { 500 } else { i64::from(dice.roll(4) == 0) };
                    event(&format!("act{number}"), now)
                })
                .collect();
            for at in 1..sent.len() {
                let near = sent[at].time_nano - sent[at - 1].time_nano < OVERLAP_NS / 2;
                if near && dice.roll(10) == 0 {
                    sent.swap(at - 1, at);
                }
            }
            let mut cursor = Cursor::default();
            let (mut taken, mut reached) = (Vec::new(), 0);
            let mut take = |cursor: &mut Cursor, event: &EngineEvent| {
                let mark = Mark::of(event);
                if !cursor.has_seen(mark) {
                    cursor.note(mark);
                    taken.push(event.action.clone());
                }
            };
            while reached < sent.len() {
                // Live until the cut; then up to 200 events pass unseen and are replayed from the buffer.
                let live = (reached + dice.roll(150) as usize).min(sent.len());
                sent[reached..live].iter().for_each(|event| take(&mut cursor, event));
                let until = (live + dice.roll(200) as usize).min(sent.len());
                let since = cursor.replay_from();
                let buffer = &sent[until.saturating_sub(256)..until];
                let replay: Vec<_> =
                    buffer.iter().filter(|event| event.time_nano >= since).cloned().collect();
                assert!(live == 0 || cursor.is_covered_by(&replay), "seed {seed}: a gap where there is none");
                replay.iter().for_each(|event| take(&mut cursor, event));
                // The cursor may come back from disk at any time.
                cursor = serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap();
                reached = until;
            }
            let once: HashSet<_> = taken.iter().collect();
            assert_eq!((taken.len(), once.len()), (sent.len(), sent.len()), "seed {seed}");
        }
    }
}
