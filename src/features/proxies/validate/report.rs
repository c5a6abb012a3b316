//! What a validation says.

use serde::Serialize;

/// One thing that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Whether the parts of the proxy fit together.
    Syntax,
    /// Whether somebody else claims one of its domains.
    Conflict,
    /// Where the destination's name and the domains lead.
    Dns,
    /// Whether the destination takes connections.
    Tcp,
    /// Whether its certificate is good.
    Tls,
    /// Whether it answers.
    Http,
}

impl StepKind {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 6] = [Self::Syntax, Self::Conflict, Self::Dns, Self::Tcp, Self::Tls, Self::Http];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Conflict => "conflict",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was not taken, or there is nothing to look at.
    Skip,
    /// All is well.
    Pass,
    /// It may work; somebody should look.
    Warn,
    /// It will not work.
    Fail,
}

impl Status {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Step {
    /// Which one.
    pub step: StepKind,
    /// How it ended.
    pub status: Status,
    /// How long it took, ms.
    pub ms: u64,
    /// What was found, in a sentence.
    pub detail: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// All steps of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Report {
    /// Whether no step failed.
    pub ok: bool,
    /// One of each kind, in order.
    pub steps: Vec<Step>,
}

impl Report {
    pub(super) fn of(steps: Vec<Step>) -> Self {
        Self { ok: steps.iter().all(|step| step.status != Status::Fail), steps }
    }

    /// What cannot even be read: why, in sentences. Nothing else is tried.
    pub fn unreadable(why: impl Iterator<Item = String>) -> Self {
        let steps = StepKind::ALL.into_iter().map(|step| Step {
            step,
            status: Status::Skip,
            ms: 0,
            detail: "Not tried: the step syntax failed.".to_owned(),
            hint: String::new(),
        });
        let mut steps: Vec<Step> = steps.collect();
        if let Some(first) = steps.first_mut() {
            first.status = Status::Fail;
            first.detail = why.collect::<Vec<_>>().join(" ");
        }
        Self::of(steps)
    }

    /// The worst that a step says.
    pub fn worst(&self) -> Status {
        self.steps.iter().map(|step| step.status).max().unwrap_or(Status::Skip)
    }
}

/// What a step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: Status,
    pub(super) detail: String,
    pub(super) hint: String,
}

impl Outcome {
    fn of(status: Status, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), hint: String::new() }
    }

    pub(super) fn pass(detail: impl Into<String>) -> Self {
        Self::of(Status::Pass, detail)
    }

    pub(super) fn warn(detail: impl Into<String>) -> Self {
        Self::of(Status::Warn, detail)
    }

    pub(super) fn fail(detail: impl Into<String>) -> Self {
        Self::of(Status::Fail, detail)
    }

    pub(super) fn skip(detail: impl Into<String>) -> Self {
        Self::of(Status::Skip, detail)
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// Both: the worse status, and what either says.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.status = self.status.max(other.status);
        join(&mut self.detail, &other.detail);
        join(&mut self.hint, &other.hint);
        self
    }

    pub(super) fn step(self, step: StepKind, ms: u64) -> Step {
        Step { step, status: self.status, ms, detail: self.detail, hint: self.hint }
    }
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_outcomes_together_are_as_bad_as_the_worse() {
        let both = Outcome::skip("An address.").and(Outcome::warn("Elsewhere.").hint("Change it."));
        assert_eq!(both, Outcome::warn("An address. Elsewhere.").hint("Change it."));
        assert_eq!(Outcome::skip("A.").and(Outcome::pass("B.")).status, Status::Pass);
    }

    #[test]
    fn a_report_is_good_while_nothing_fails() {
        let step = |outcome: Outcome| outcome.step(StepKind::Tcp, 1);
        assert!(Report::of(vec![step(Outcome::warn("a")), step(Outcome::skip("b"))]).ok);
        let bad = Report::of(vec![step(Outcome::fail("a")), step(Outcome::skip("b"))]);
        assert!(!bad.ok);
        assert_eq!(bad.worst(), Status::Fail);
        let json = serde_json::to_value(bad).unwrap();
        assert_eq!(json["steps"][0]["step"], "tcp");
        assert_eq!(json["steps"][0]["status"], "fail");
    }
}
