//! What each route carried since the start: a few atomics that statistics read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use jiff::Timestamp;

/// What an error's text may weigh, in bytes.
const LONGEST_ERROR: usize = 500;

/// The counters of one route. They outlive changes of the route as long as its id stays.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    /// 1xx (tunnels) to 5xx.
    classes: [AtomicU64; 5],
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    in_flight: AtomicU64,
    last_error: Mutex<Option<LastError>>,
}

/// What went wrong last on a route, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What, with addresses.
    pub text: String,
    /// What the visitor saw and may quote.
    pub request_id: String,
}

/// All counters of a route at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests that reached the route.
    pub requests: u64,
    /// Responses by class: 1xx (tunnels), 2xx, 3xx, 4xx, 5xx; our own error pages are among them.
    pub classes: [u64; 5],
    /// Bytes of bodies and tunnels from visitors.
    pub bytes_in: u64,
    /// Bytes of bodies and tunnels to visitors.
    pub bytes_out: u64,
    /// Requests and tunnels that are open.
    pub in_flight: u64,
    /// What went wrong last.
    pub last_error: Option<LastError>,
}

impl Counters {
    /// What was counted.
    pub fn read(&self) -> Counted {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            requests: load(&self.requests),
            classes: self.classes.each_ref().map(load),
            bytes_in: load(&self.bytes_in),
            bytes_out: load(&self.bytes_out),
            in_flight: load(&self.in_flight),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(super) fn responded(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.classes.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn took(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn gave(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, at: Timestamp, mut text: String, request_id: &str) {
        if text.len() > LONGEST_ERROR {
            text.truncate(text.floor_char_boundary(LONGEST_ERROR));
            text.push('…');
        }
        let error = LastError { at, text, request_id: request_id.to_owned() };
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// One open request or tunnel; counted until it is dropped.
#[derive(Debug)]
pub(super) struct Open(pub(super) Arc<Counters>);

impl Open {
    /// Counts one more, unless there are `most` already.
    pub(super) fn one_more(counters: &Arc<Counters>, most: Option<u64>) -> Option<Self> {
        counters.requests.fetch_add(1, Ordering::Relaxed);
        let before = counters.in_flight.fetch_add(1, Ordering::Relaxed);
        let open = Self(counters.clone());
        most.is_none_or(|most| before < most).then_some(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
