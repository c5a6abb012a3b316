//! Topics and their subscribers: what changes on a page is published once, as framed bytes that all
//! streams share.
//!
//! Every publication gets a revision. A page carries the revision it was rendered at; a stream that
//! connects with an older one, or that fell behind, is told to fetch the page's content again instead
//! of being sent a backlog. So no queue grows, however slow a browser is.
//!
//! A *tail* ([`TAIL`]) carries what has no state to fetch again, the lines of a log say: who falls behind
//! misses frames, and the frames themselves tell how much. What feeds it is started when somebody listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

/// The beginning of the names of tails.
pub const TAIL: &str = "tail:";
/// How many frames a slow stream may lag behind before it is sent to fetch anew.
const BACKLOG: usize = 64;
/// The same of a tail, whose frames are larger.
const TAIL_BACKLOG: usize = 16;
/// How many topics without an audience keep their own revision.
const MAX_IDLE_TOPICS: usize = 4096;

/// Publishes frames to topics. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    state: Arc<Mutex<State>>,
    subscribed: Arc<watch::Sender<u64>>,
}

struct State {
    rev: u64,
    /// Topics that are not in the map changed at this revision or before.
    floor: u64,
    topics: HashMap<String, Topic>,
}

struct Topic {
    rev: u64,
    frames: Option<broadcast::Sender<Bytes>>,
}

/// What a stream gets when it subscribes.
pub struct Subscription {
    /// One receiver a topic.
    pub receivers: Vec<broadcast::Receiver<Bytes>>,
    /// Whether a topic has changed since the revision the page was rendered at.
    pub stale: bool,
    /// The revision now.
    pub rev: u64,
}

impl Hub {
    /// A hub whose revisions begin at `start`: with the time in ms, those of a later run of the product are
    /// higher than those of an earlier one, so a page of an earlier run counts as stale.
    pub fn starting_at(start: u64) -> Self {
        let state = State { rev: start, floor: start, topics: HashMap::new() };
        Self { state: Arc::new(Mutex::new(state)), subscribed: Arc::new(watch::channel(0).0) }
    }

    /// The revision now: what a page that is rendered after this call carries.
    pub fn rev(&self) -> u64 {
        self.lock().rev
    }

    /// Whether somebody listens: otherwise a fragment need not be rendered (see [`Hub::touch`]).
    pub fn has_audience(&self, topic: &str) -> bool {
        let state = self.lock();
        state
            .topics
            .get(topic)
            .and_then(|topic| topic.frames.as_ref())
            .is_some_and(|frames| frames.receiver_count() > 0)
    }

    /// Wakes whenever a stream subscribes to something.
    pub fn subscriptions(&self) -> watch::Receiver<u64> {
        self.subscribed.subscribe()
    }

    /// The topics with this beginning that somebody listens to.
    pub fn listened(&self, beginning: &str) -> Vec<String> {
        let state = self.lock();
        let listened = state.topics.iter().filter(|(name, topic)| {
            name.starts_with(beginning)
                && topic.frames.as_ref().is_some_and(|frames| frames.receiver_count() > 0)
        });
        listened.map(|(name, _)| name.clone()).collect()
    }

    /// Notes that a topic changed while nobody listened.
    pub fn touch(&self, topic: &str) {
        self.lock().bump(topic);
    }

    /// Publishes a patch: HTML that htmx swaps in (`<hx-partial …>`).
    pub fn patch(&self, topic: &str, html: &str) {
        self.publish(topic, None, html);
    }

    /// Publishes a named event, which becomes a DOM event on the page.
    pub fn event(&self, topic: &str, name: &str, data: &str) {
        self.publish(topic, Some(name), data);
    }

    /// Subscribes to topics; `rev` is the revision the page was rendered at.
    pub fn subscribe(&self, topics: &[String], rev: u64) -> Subscription {
        let mut state = self.lock();
        state.drop_idle_topics();
        state.drop_idle_tails();
        // A revision from the future: the clock was set back between two runs.
        let mut stale = rev > state.rev;
        let mut receivers = Vec::with_capacity(topics.len());
        let floor = state.floor;
        for name in topics {
            let topic = state.topics.entry(name.clone()).or_insert(Topic { rev: floor, frames: None });
            let is_tail = name.starts_with(TAIL);
            stale |= topic.rev > rev && !is_tail;
            let backlog = if is_tail { TAIL_BACKLOG } else { BACKLOG };
            let frames = topic.frames.get_or_insert_with(|| broadcast::channel(backlog).0);
            receivers.push(frames.subscribe());
        }
        let rev = state.rev;
        drop(state);
        self.subscribed.send_modify(|n| *n += 1);
        Subscription { receivers, stale, rev }
    }

    fn publish(&self, topic: &str, name: Option<&str>, data: &str) {
        let mut state = self.lock();
        let rev = state.bump(topic);
        let Some(frames) = state.topics.get(topic).and_then(|topic| topic.frames.as_ref()) else { return };
        // Without a receiver there is nobody to tell.
        let _nobody = frames.send(frame(Some(rev), name, data));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn bump(&mut self, topic: &str) -> u64 {
        self.rev += 1;
        let rev = self.rev;
        match self.topics.get_mut(topic) {
            Some(topic) => topic.rev = rev,
            None => {
                self.topics.insert(topic.to_owned(), Topic { rev, frames: None });
                if self.topics.len() > 2 * MAX_IDLE_TOPICS {
                    self.drop_idle_topics();
                }
            }
        }
        rev
    }

    /// A tail that nobody listens to holds nothing worth keeping.
    fn drop_idle_tails(&mut self) {
        let listened =
            |topic: &Topic| topic.frames.as_ref().is_some_and(|frames| frames.receiver_count() > 0);
        self.topics.retain(|name, topic| !name.starts_with(TAIL) || listened(topic));
    }

    fn drop_idle_topics(&mut self) {
        if self.topics.len() <= MAX_IDLE_TOPICS {
            return;
        }
        let mut floor = self.floor;
        self.topics.retain(|_, topic| {
            let listened = topic.frames.as_ref().is_some_and(|frames| frames.receiver_count() > 0);
            if !listened {
                floor = floor.max(topic.rev);
            }
            listened
        });
        self.floor = floor;
    }
}

/// One SSE message. A line break inside the data starts a new `data:` line, as the format asks.
pub fn frame(id: Option<u64>, name: Option<&str>, data: &str) -> Bytes {
    let mut text = String::with_capacity(data.len() + 48);
    if let Some(id) = id {
        text.push_str("id: ");
        text.push_str(&id.to_string());
        text.push('\n');
    }
    if let Some(name) = name {
        text.push_str("event: ");
        text.push_str(name);
        text.push('\n');
    }
    for line in data.split(['\n', '\r']).filter(|line| !line.is_empty()) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    // A named event needs data to be dispatched; without both, only the id is told.
    if data.is_empty() && name.is_some() {
        text.push_str("data:\n");
    }
    text.push('\n');
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_page_rendered_before_a_change_is_stale_and_one_after_is_not() {
        let hub = Hub::starting_at(1_000);
        hub.touch("containers");
        let rendered = hub.rev();
        assert!(!hub.subscribe(&topics(&["containers"]), rendered).stale);
        hub.touch("shell");
        assert!(!hub.subscribe(&topics(&["containers"]), rendered).stale);
        hub.touch("containers");
        assert!(hub.subscribe(&topics(&["containers"]), rendered).stale);
    }

    #[test]
    fn a_page_of_an_earlier_run_of_the_server_is_stale() {
        let hub = Hub::starting_at(1_000);
        assert!(hub.subscribe(&topics(&["containers"]), 77).stale);
        assert!(hub.subscribe(&topics(&["containers"]), 5_000).stale);
    }

    #[tokio::test]
    async fn every_stream_gets_the_same_bytes() {
        let hub = Hub::starting_at(1_000);
        assert!(!hub.has_audience("t"));
        let mut a = hub.subscribe(&topics(&["t"]), 0);
        let mut b = hub.subscribe(&topics(&["t"]), 1_000);
        assert!(hub.has_audience("t"));
        hub.patch("t", "<p>one\ntwo</p>");
        let (a, b) = (a.receivers[0].recv().await.unwrap(), b.receivers[0].recv().await.unwrap());
        assert_eq!(a.as_ptr(), b.as_ptr());
        assert_eq!(a, "id: 1001\ndata: <p>one\ndata: two</p>\n\n");
    }

    #[test]
    fn a_tail_is_never_stale_and_tells_who_feeds_it_that_somebody_listens() {
        let hub = Hub::starting_at(1_000);
        let mut woken = hub.subscriptions();
        hub.patch("tail:log", "a line");
        assert!(hub.listened(TAIL).is_empty());
        let subscription = hub.subscribe(&topics(&["tail:log", "containers"]), 1_000);
        assert!(!subscription.stale, "lines are not fetched again");
        assert!(woken.has_changed().unwrap());
        woken.mark_unchanged();
        assert_eq!(hub.listened(TAIL), ["tail:log"]);
        drop(subscription);
        assert!(hub.listened(TAIL).is_empty());
    }

    #[test]
    fn topics_without_an_audience_do_not_pile_up() {
        let hub = Hub::starting_at(1_000);
        let rendered = hub.rev();
        for n in 0..20_000 {
            hub.touch(&format!("container:{n}"));
        }
        assert!(hub.lock().topics.len() <= 2 * MAX_IDLE_TOPICS + 1);
        assert!(
            hub.subscribe(&topics(&["container:3"]), rendered).stale,
            "a forgotten topic counts as changed"
        );
    }
}
