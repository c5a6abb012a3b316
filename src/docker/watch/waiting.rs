//! Events that wait for the database: bounded, the newest kept, the rest counted.

use std::collections::VecDeque;

use crate::docker::record::{Dropped, Mark};
use crate::platform::journal::NewEvent;

/// An event that waits, and the mark of the engine's event it came from.
pub(super) type Item = (NewEvent, Option<Mark>);

/// Events that wait, oldest first.
pub(super) struct Waiting {
    items: VecDeque<Item>,
    most: usize,
    /// What was lost and not told yet.
    pub dropped: Dropped,
}

impl Waiting {
    /// A queue of at most `most` events.
    pub(super) fn new(most: usize) -> Self {
        Self { items: VecDeque::new(), most, dropped: Dropped::default() }
    }

    /// Puts a new one at the end.
    pub(super) fn push(&mut self, item: Item) {
        self.items.push_back(item);
        self.trim();
    }

    /// At most `count` of the oldest.
    pub(super) fn take(&mut self, count: usize) -> Vec<Item> {
        let count = self.items.len().min(count);
        self.items.drain(..count).collect()
    }

    /// Gives back what could not be written.
    pub(super) fn put_back(&mut self, items: &[Item]) {
        for item in items.iter().rev() {
            self.items.push_front(item.clone());
        }
        self.trim();
    }

    /// Notes that a loss was told.
    pub(super) fn told(&mut self, lost: Dropped) {
        self.dropped.count -= lost.count.min(self.dropped.count);
        if self.dropped.count == 0 {
            self.dropped = Dropped::default();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether every event was taken.
    pub(super) fn is_drained(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.dropped.count == 0
    }

    fn trim(&mut self) {
        while self.items.len() > self.most {
            if let Some((event, _)) = self.items.pop_front() {
                self.dropped.add(event.at.unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::journal::Source;

    fn item(at: i64) -> Item {
        let mut event = NewEvent::new(Source::Docker, "container.start", "started");
        event.at = Some(at);
        (event, None)
    }

    #[test]
    fn the_newest_are_kept_and_what_is_lost_is_counted() {
        let mut waiting = Waiting::new(10);
        (0..25).for_each(|at| waiting.push(item(at)));
        assert_eq!(waiting.dropped, Dropped { count: 15, from: 0, until: 14 });
        let batch = waiting.take(4);
        (25..30).for_each(|at| waiting.push(item(at)));
        waiting.put_back(&batch);
        assert_eq!(waiting.len(), 10);
        assert_eq!(waiting.dropped, Dropped { count: 20, from: 0, until: 19 });
        assert_eq!(waiting.take(1)[0].0.at, Some(20), "in their order");
    }

    #[test]
    fn a_loss_is_told_once() {
        let mut waiting = Waiting::new(1);
        (0..3).for_each(|at| waiting.push(item(at)));
        let lost = waiting.dropped;
        waiting.push(item(3));
        waiting.told(lost);
        assert_eq!(waiting.dropped.count, 1, "what was lost meanwhile is told later");
        waiting.told(waiting.dropped);
        waiting.take(1);
        assert!(waiting.is_empty());
    }
}
