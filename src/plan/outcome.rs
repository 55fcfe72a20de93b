//! What became of each step.

use std::time::Duration;

use compact_str::CompactString;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::model::{Region, Verb};
use crate::state::StepId;

/// Why a step failed or is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// Text for people. It includes the service's error code, message and request id.
    pub why: String,
    /// Error code of the service, verbatim. Missing if the service did not answer with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub code: Option<CompactString>,
    /// Kind of the error in snake case, such as `permission`. Missing if no call failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Request id, for the service's support.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub request_id: Option<CompactString>,
    /// Action of the call that failed. Missing if no call failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub action: Option<CompactString>,
    /// Region of the call that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub region: Option<Region>,
    /// Message of the service, if `why` says nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Failure {
    /// The same error with another text, which says more than the message of the service.
    #[must_use]
    pub fn with_why(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), message: None, ..self }
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self { why: why.to_owned(), ..Self::default() }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, ..Self::default() }
    }
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum StepOutcome {
    /// It is done.
    Done,
    /// It was refused, or what it made failed.
    Failed(Failure),
    /// Accepted, but not settled before its timeout or the end of the run. The next run continues.
    Pending {
        /// The error that ended the wait. Missing if only time ran out.
        #[serde(flatten)]
        failure: Option<Failure>,
    },
    /// Sent, with an unknown outcome. The next run searches again.
    Unknown(Failure),
    /// A step that it waits for failed.
    Skipped {
        /// The step that failed.
        #[schemars(with = "String")]
        because: StepId,
    },
    /// The run was stopped before it started.
    NotStarted,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepResult {
    /// The step: verb and address.
    #[schemars(
        with = "String",
        regex(pattern = "^(create|copy|wait|update|tag|share|unshare|delete) image\\.")
    )]
    pub step: StepId,
    /// What it does.
    pub verb: Verb,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: StepOutcome,
    /// Seconds from its start to its end, or to the end of the run. Missing if it was not started.
    #[schemars(with = "Option<f64>")]
    #[serde(rename = "duration_s", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub took: Option<Duration>,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn seconds<S: Serializer>(took: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(took.unwrap_or_default()))
}

/// Returns seconds with milliseconds: more digits would be noise.
pub fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every step, in planned order.
    pub steps: Vec<StepResult>,
    /// What did not make a step fail and is worth knowing.
    pub warnings: Vec<String>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Defect of goldform that ended the run early. The state is saved nonetheless.
    pub internal_error: Option<String>,
    /// Why what was done could not be recorded. `None` if the state is saved.
    pub unsaved: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl StepOutcome {
    /// The outcome in a word, as in JSON with blanks.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Pending { .. } => "pending",
            Self::Unknown(_) => "unknown",
            Self::Skipped { .. } => "skipped",
            Self::NotStarted => "not started",
        }
    }

    /// Returns whether the step failed.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// Returns whether the step is pending or its outcome unknown.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::Unknown(_))
    }

    /// Returns why the step failed or is open.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) | Self::Unknown(failure) => Some(failure),
            Self::Pending { failure } => failure.as_ref(),
            Self::Done | Self::Skipped { .. } | Self::NotStarted => None,
        }
    }
}

impl Outcome {
    /// How many steps ended so.
    pub fn count(&self, which: impl Fn(&StepOutcome) -> bool) -> usize {
        self.steps.iter().filter(|step| which(&step.outcome)).count()
    }

    /// Returns whether every step is done and recorded.
    pub fn is_complete(&self) -> bool {
        self.internal_error.is_none() && self.unsaved.is_none() && self.are_all_done()
    }

    fn are_all_done(&self) -> bool {
        self.steps.iter().all(|step| step.outcome == StepOutcome::Done)
    }

    /// Returns whether every step is done and the state could not be saved.
    pub fn is_unrecorded(&self) -> bool {
        self.unsaved.is_some() && self.internal_error.is_none() && self.are_all_done()
    }

    /// Whether at least one step is done.
    pub fn did_anything(&self) -> bool {
        self.steps.iter().any(|step| step.outcome == StepOutcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(steps: &[StepOutcome]) -> Outcome {
        let steps = steps.iter().map(|outcome| StepResult {
            step: StepId("a step".into()),
            verb: Verb::Create,
            outcome: outcome.clone(),
            took: None,
        });
        Outcome { steps: steps.collect(), ..Outcome::default() }
    }

    #[test]
    fn a_plan_is_complete_when_every_step_is_done() {
        assert!(outcome(&[]).is_complete() && !outcome(&[]).did_anything());
        assert!(outcome(&[StepOutcome::Done, StepOutcome::Done]).is_complete());
        for other in [
            StepOutcome::Pending { failure: None },
            StepOutcome::NotStarted,
            StepOutcome::Failed(Failure::default()),
            StepOutcome::Unknown(Failure::default()),
            StepOutcome::Skipped { because: StepId("another".into()) },
        ] {
            let mixed = outcome(&[StepOutcome::Done, other]);
            assert!(!mixed.is_complete() && mixed.did_anything(), "{mixed:?}");
        }
    }

    #[test]
    fn a_failure_has_what_is_known_of_it_and_no_empty_field() {
        let failure = Failure {
            why: "CreateImage was refused".into(),
            code: Some("UnauthorizedOperation".into()),
            kind: Some("permission"),
            request_id: Some("1-2".into()),
            ..Failure::default()
        };
        let json = |outcome: StepOutcome| serde_json::to_value(outcome).unwrap();
        assert_eq!(
            json(StepOutcome::Failed(failure.clone())),
            serde_json::json!({
                "outcome": "failed",
                "why": "CreateImage was refused",
                "code": "UnauthorizedOperation",
                "kind": "permission",
                "request_id": "1-2",
            })
        );
        assert_eq!(
            json(StepOutcome::Pending { failure: Some(failure) })["code"],
            serde_json::json!("UnauthorizedOperation")
        );
        assert_eq!(json(StepOutcome::Pending { failure: None }), serde_json::json!({"outcome": "pending"}));
        assert_eq!(
            json(StepOutcome::Unknown("no answer".into())),
            serde_json::json!({"outcome": "unknown", "why": "no answer"})
        );
    }
}
