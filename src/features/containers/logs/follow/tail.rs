//! Follows the log of one container for as long as it is asked to, through its ends and the engine's.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::super::{line, read};
use crate::docker::logs::{LogLine, LogRequest};
use crate::docker::types::{Container, State as ContainerState};
use crate::docker::{Engine, EngineError};

/// So many lines are sent again when a log begins to be followed: a page drops those that it has, and misses none.
const BEGIN_WITH: usize = 500;
/// Two lines may be written in another order than their times.
const OVERLAP_NS: i64 = 50_000_000;
/// How many lines are remembered, to tell repeated ones.
const REMEMBERED: usize = 4_096;
/// How many lines are asked for when a stream is taken up again: to find where to begin, Docker would read the
/// whole file otherwise.
const RESUME_WITH: usize = 50_000;
/// Before a stream that ended is taken up again; longer each time, as long as it brings nothing.
const PAUSE: Duration = Duration::from_millis(250);
/// The same, when Docker refuses.
const LONG_PAUSE: Duration = Duration::from_secs(10);

/// Within this time of a log's end the mirror knows that its container was restarted.
const RESTART_KNOWN: Duration = Duration::from_secs(2);

/// What a log has to say.
pub(super) enum Said {
    Lines(Vec<LogLine>),
    /// Something happened between the lines.
    Note(String),
    State(State),
}

/// How the log goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum State {
    /// Lines come as they are written.
    Following,
    /// The container does not run.
    Ended,
    /// The engine does not answer.
    Waiting,
    /// There is nothing to follow any more.
    Gone,
    /// Too many other logs are followed.
    Full,
}

impl State {
    /// How the log of a container goes on, as the mirror knows it.
    pub(in super::super) fn of(engine_up: bool, container: Option<&Container>) -> Self {
        match container {
            _ if !engine_up => Self::Waiting,
            None => Self::Gone,
            // Docker does not follow what waits for its restart.
            Some(container)
                if matches!(container.state, ContainerState::Running | ContainerState::Paused) =>
            {
                Self::Following
            }
            Some(_) => Self::Ended,
        }
    }

    pub(in super::super) fn html(self) -> String {
        let (icon, tone, words) = match self {
            Self::Following => ("s-run", "ok", "Following"),
            Self::Ended => ("s-off", "idle", "Not running: goes on when it starts"),
            Self::Waiting => ("s-warn", "warn", "Docker does not answer: goes on by itself"),
            Self::Gone => ("s-off", "idle", "The container is gone"),
            Self::Full => ("s-warn", "warn", "Too many logs are followed now: this one waits for its turn"),
        };
        format!(
            "<span class=\"state state-{tone}\" id=\"log-state\" role=\"status\" data-log=\"{self:?}\"><svg class=\"i-12\" aria-hidden=\"true\">\
             <use href=\"/static/icons.svg#{icon}\"/></svg>{words}</span>"
        )
    }
}

type Sender = mpsc::Sender<(Arc<str>, Said)>;

/// Follows until the container is gone or nobody wants to know.
pub(super) async fn tail(engine: Arc<Engine>, id: Arc<str>, sender: Sender) {
    let mut resume = Resume::default();
    let mut told = {
        let snapshot = engine.mirror.snapshot();
        State::of(snapshot.is_up(), snapshot.by_id(&id).map(AsRef::as_ref))
    };
    let say = |said| sender.send((id.clone(), said));
    // Docker's last refusal: it is told once.
    let mut refused = None;
    let mut pause = PAUSE;
    loop {
        let ran_since = started(&engine, &id);
        let ended = follow(&engine, &id, &mut resume, &sender).await;
        let error = match ended {
            Ok(brought) => {
                pause = if brought { PAUSE } else { (pause * 2).min(LONG_PAUSE) };
                None
            }
            Err(error) => Some(error),
        };
        let Some(error) = error else {
            // The container ended, or the connection did: the mirror knows in a moment.
            tokio::time::sleep(pause).await;
            if restarted(&engine, &id, ran_since).await
                && say(Said::Note("The container was restarted.".to_owned())).await.is_err()
            {
                return;
            }
            if wait(&engine, &id, &mut told, &sender).await.is_none() {
                return;
            }
            continue;
        };
        match error {
            Stopped::NobodyListens => return,
            Stopped::Engine(EngineError::NotFound) => {
                let _nobody = say(Said::Note("The container is gone.".to_owned())).await;
                let _nobody = say(Said::State(State::Gone)).await;
                return;
            }
            Stopped::Engine(error @ (EngineError::Refused { .. } | EngineError::Forbidden { .. })) => {
                let why = read::why_not("this container", &error);
                if refused.as_ref() != Some(&why) {
                    if say(Said::Note(why.clone())).await.is_err() {
                        return;
                    }
                    refused = Some(why);
                }
                tokio::time::sleep(LONG_PAUSE).await;
            }
            Stopped::Engine(error) => {
                tracing::debug!(container = %id, %error, "a log broke off");
                tokio::time::sleep(PAUSE).await;
            }
        }
        if wait(&engine, &id, &mut told, &sender).await.is_none() {
            return;
        }
    }
}

/// When a container was started last, as the mirror knows it.
fn started(engine: &Engine, id: &str) -> Option<Timestamp> {
    engine.mirror.snapshot().by_id(id).and_then(|container| container.facts.started_at)
}

/// Whether a container whose log ended runs again already: the mirror never saw it stand still then.
async fn restarted(engine: &Engine, id: &str, before: Option<Timestamp>) -> bool {
    let mut changes = engine.mirror.changes();
    let known = async {
        loop {
            let snapshot = engine.mirror.snapshot();
            let up = snapshot.is_up() && snapshot.by_id(id).is_some_and(|container| container.is_up());
            let again = started(engine, id) != before;
            if !up || again || changes.changed().await.is_err() {
                return up && again;
            }
        }
    };
    tokio::time::timeout(RESTART_KNOWN, known).await.unwrap_or(false)
}

enum Stopped {
    NobodyListens,
    Engine(EngineError),
}

/// One stream from Docker, to its end. Says whether it brought anything new.
async fn follow(
    engine: &Engine,
    id: &Arc<str>,
    resume: &mut Resume,
    sender: &Sender,
) -> Result<bool, Stopped> {
    let request = LogRequest {
        tail: Some(if resume.last.is_some() { RESUME_WITH } else { BEGIN_WITH }),
        since: resume.last.map(|last| last.saturating_sub(OVERLAP_NS)),
        follow: true,
        ..LogRequest::default()
    };
    let mut batches = engine.client.logs(id, &request, line::KEEP).await.map_err(Stopped::Engine)?;
    resume.begin();
    let mut brought = false;
    let mut changes = engine.mirror.changes();
    loop {
        let batch = tokio::select! {
            batch = batches.next() => batch,
            // A hung engine, or a connection that nobody has ended, would be waited for without end.
            _ = changes.changed() => {
                if engine.mirror.snapshot().is_up() {
                    continue;
                }
                return Ok(brought);
            }
        };
        let Some(batch) = batch else { return Ok(brought) };
        let lines = resume.new_ones(batch.map_err(Stopped::Engine)?);
        brought |= !lines.is_empty();
        if !lines.is_empty() && sender.send((id.clone(), Said::Lines(lines))).await.is_err() {
            return Err(Stopped::NobodyListens);
        }
    }
}

/// Waits until the engine answers and the container runs, and tells what it waits for. `None` when there is
/// nothing to wait for.
async fn wait(engine: &Engine, id: &Arc<str>, told: &mut State, sender: &Sender) -> Option<()> {
    let mut changes = engine.mirror.changes();
    loop {
        let snapshot = engine.mirror.snapshot();
        let container = snapshot.by_id(id);
        let state = State::of(snapshot.is_up(), container.map(AsRef::as_ref));
        if state != *told {
            let note = match (state, *told) {
                (State::Following, State::Ended) => "The container was started.".to_owned(),
                (State::Following, _) => "Docker answers again.".to_owned(),
                (State::Ended, _) => container.map_or_else(String::new, |container| ended(container)),
                (State::Waiting, _) => "Docker does not answer. The log goes on when it does.".to_owned(),
                (State::Gone | State::Full, _) => "The container is gone.".to_owned(),
            };
            *told = state;
            sender.send((id.clone(), Said::Note(note))).await.ok()?;
            sender.send((id.clone(), Said::State(state))).await.ok()?;
        }
        match state {
            State::Following => return Some(()),
            State::Gone | State::Full => return None,
            State::Ended | State::Waiting => changes.changed().await.ok()?,
        }
    }
}

fn ended(container: &Container) -> String {
    match container.facts.exit_code {
        Some(code) => format!("The container ended with exit code {code}."),
        None => "The container ended.".to_owned(),
    }
}

/// How far a log was read, so that a new stream begins where the old one stopped.
#[derive(Default)]
struct Resume {
    /// The latest time of a line, ns by the engine's clock.
    last: Option<i64>,
    /// Marks of the last lines, oldest first.
    order: VecDeque<u64>,
    marks: HashSet<u64>,
    /// Lines up to this time may have been read before.
    overlap: i64,
    /// Whether this is not the first stream.
    resumed: bool,
}

impl Resume {
    fn begin(&mut self) {
        self.resumed = !self.order.is_empty();
        self.overlap = self.last.unwrap_or(i64::MIN);
    }

    fn new_ones(&mut self, mut lines: Vec<LogLine>) -> Vec<LogLine> {
        lines.retain(|line| {
            let mark = mark(line);
            // What has no time is Docker's own word, which each new stream repeats.
            let again = line.at.is_none_or(|at| at <= self.overlap);
            if self.resumed && again && self.marks.contains(&mark) {
                return false;
            }
            self.last = line.at.max(self.last);
            if self.marks.insert(mark) {
                self.order.push_back(mark);
            }
            if self.order.len() > REMEMBERED
                && let Some(old) = self.order.pop_front()
            {
                self.marks.remove(&old);
            }
            true
        });
        lines
    }
}

fn mark(line: &LogLine) -> u64 {
    let mut hasher = DefaultHasher::new();
    (line.at, line.stream, &line.bytes, line.left_out).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::logs::LogStream;

    fn line(at: i64, text: &str) -> LogLine {
        LogLine { at: Some(at), stream: LogStream::Stdout, bytes: text.into(), left_out: 0 }
    }

    #[test]
    fn a_stream_that_is_taken_up_again_repeats_nothing_and_loses_nothing() {
        let mut resume = Resume::default();
        resume.begin();
        assert_eq!(resume.new_ones(vec![line(10, "a"), line(30, "c"), line(30, "d")]).len(), 3);
        resume.begin();
        // Docker gives the overlap again, and in it a line that was written late.
        let again =
            vec![line(10, "a"), line(20, "b"), line(30, "c"), line(30, "d"), line(30, "e"), line(40, "f")];
        let new: Vec<_> =
            resume.new_ones(again).into_iter().map(|line| String::from_utf8(line.bytes).unwrap()).collect();
        assert_eq!(new, ["b", "e", "f"]);
        assert_eq!(resume.last, Some(40));
    }

    #[test]
    fn a_program_that_repeats_itself_is_not_cut_short() {
        let mut resume = Resume::default();
        resume.begin();
        assert_eq!(
            resume.new_ones(vec![line(10, "x"), line(10, "x")]).len(),
            2,
            "in one stream all lines are new"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut resume = Resume::default();
        resume.begin();
        for at in 0..20_000 {
            resume.new_ones(vec![line(at, "x")]);
        }
        assert!(resume.marks.len() <= REMEMBERED && resume.order.len() <= REMEMBERED);
    }
}
