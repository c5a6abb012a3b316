//! Asks the engine what became of containers: a few at a time, what changed first, each at most once
//! at a time.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::docker::client::Client;
use crate::docker::error::EngineError;

const AT_ONCE: usize = 4;
const DEADLINE: Duration = Duration::from_secs(10);

type Answer = (String, Result<ContainerInspectResponse, EngineError>);

pub(super) struct Inspector {
    client: Client,
    /// Changed just now, in the order they changed.
    urgent: VecDeque<String>,
    /// Known from the list only.
    someday: BTreeSet<String>,
    asked: HashSet<String>,
    /// Changed again while they were being asked about.
    again: HashSet<String>,
    /// Removed while they were being asked about: the answer is from before.
    gone: HashSet<String>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
}

impl Inspector {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            urgent: VecDeque::new(),
            someday: BTreeSet::new(),
            asked: HashSet::new(),
            again: HashSet::new(),
            gone: HashSet::new(),
            answers: FuturesUnordered::new(),
        }
    }

    /// Asks as soon as possible.
    pub(super) fn ask(&mut self, id: &str) {
        if self.asked.contains(id) {
            self.again.insert(id.to_owned());
        } else if !self.urgent.iter().any(|waiting| waiting == id) {
            self.someday.remove(id);
            self.urgent.push_back(id.to_owned());
        }
        self.fill();
    }

    /// Asks when there is nothing more urgent.
    pub(super) fn ask_someday(&mut self, ids: impl IntoIterator<Item = String>) {
        self.someday.extend(ids);
        self.fill();
    }

    /// Forgets a container that was removed.
    pub(super) fn forget(&mut self, id: &str) {
        self.urgent.retain(|waiting| waiting != id);
        self.someday.remove(id);
        self.again.remove(id);
        if self.asked.contains(id) {
            self.gone.insert(id.to_owned());
        }
    }

    /// Asks no more about what only the list knows.
    pub(super) fn give_up_on_someday(&mut self) {
        self.someday.clear();
    }

    /// The next answer; waits for ever when nothing is asked.
    pub(super) async fn next(&mut self) -> Answer {
        loop {
            if let Some((id, answer)) = self.answers.next().await {
                self.asked.remove(&id);
                if self.again.remove(&id) {
                    self.urgent.push_back(id.clone());
                }
                self.fill();
                if self.gone.remove(&id) {
                    continue;
                }
                return (id, answer);
            }
            std::future::pending::<()>().await;
        }
    }

    fn fill(&mut self) {
        while self.answers.len() < AT_ONCE {
            let Some(id) = self.urgent.pop_front().or_else(|| self.someday.pop_first()) else { return };
            self.asked.insert(id.clone());
            let client = self.client.clone();
            self.answers.push(Box::pin(async move {
                let answer = client.inspect(&id, DEADLINE).await;
                (id, answer)
            }));
        }
    }
}
