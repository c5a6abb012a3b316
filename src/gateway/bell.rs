//! Keeps a connection from waking the very task that is moving it.
//!
//! The parts of a hyper connection talk to each other by channels, and each word wakes whoever polled last. That is the
//! visitor's task, which at that moment is busy with them: it would be started again for nothing, several times for each
//! request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How often it looks again by itself before the task lets others go first.
const TURNS: usize = 4;

/// What the parts of one connection wake.
pub(super) struct Bell {
    state: Arc<State>,
    waker: Waker,
}

#[derive(Default)]
struct State {
    task: AtomicWaker,
    moving: AtomicBool,
    rang: AtomicBool,
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    // First the ring, then the question; who moves asks in the other order. So one of both sees the other.
    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        if !self.moving.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Bell {
    pub(super) fn new() -> Self {
        let state = Arc::new(State::default());
        Self { waker: Waker::from(state.clone()), state }
    }

    /// Polls until nothing moves any more without the outside.
    pub(super) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.state.task.register(cx.waker());
        let mut inner = Context::from_waker(&self.waker);
        for _ in 0..TURNS {
            self.state.rang.store(false, Ordering::SeqCst);
            self.state.moving.store(true, Ordering::SeqCst);
            let polled = poll(&mut inner);
            self.state.moving.store(false, Ordering::SeqCst);
            if polled.is_ready() || !self.state.rang.load(Ordering::SeqCst) {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_ring_from_within_is_followed_without_waking_the_task() {
        let (bell, task) = (Bell::new(), Arc::new(Counted::default()));
        let waker = Waker::from(task.clone());
        let mut cx = Context::from_waker(&waker);
        let mut turns = 0;
        let polled = bell.poll(&mut cx, |inner| {
            turns += 1;
            if turns < 3 {
                inner.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!((turns, task.0.load(Ordering::SeqCst)), (3, 0));
    }

    #[test]
    fn a_ring_from_outside_wakes_the_task_and_endless_rings_let_others_go_first() {
        let (bell, task) = (Bell::new(), Arc::new(Counted::default()));
        let waker = Waker::from(task.clone());
        let mut cx = Context::from_waker(&waker);
        let mut kept = None;
        let _pending = bell.poll(&mut cx, |inner| {
            kept = Some(inner.waker().clone());
            Poll::<()>::Pending
        });
        kept.unwrap().wake();
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        let mut turns = 0;
        let _pending = bell.poll(&mut cx, |inner| {
            turns += 1;
            inner.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!((turns, task.0.load(Ordering::SeqCst)), (TURNS, 2));
    }
}
