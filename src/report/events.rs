//! Events of a run as JSON lines, for programs that follow it: one line for each event, as it happens.
//!
//! The schema is generated from these types. Keys may be added within a version: a reader ignores those that it does not
//! know.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Summary;
use super::envelope::{FORMAT_VERSION, escaped};
use crate::diagnostics::{Diagnostic, Severity};
use crate::manifest::schema::printed;
use crate::model::{ImageId, Provider, Site, Verb};
use crate::plan::{Failure, Outcome, Plan, Step, StepOutcome};

/// One line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "An event of a run, as `--format events` prints it, one a line")]
pub struct EventLine {
    /// Version of this format. It is raised when a reader of an older one would be misled; keys may be added at any time.
    #[schemars(extend("const" = FORMAT_VERSION))]
    pub format_version: &'static str,
    /// Number of the line in its run, from 1, without gaps.
    #[schemars(extend("minimum" = 1))]
    pub seq: u64,
    /// Time of the event, in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// Id of the run, the same in all its lines.
    pub run: String,
    /// Event.
    #[serde(flatten)]
    pub event: RunEvent,
}

/// Event of a run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum RunEvent {
    /// A plan was made. If it is not refused and not empty, an apply asks for confirmation and continues with its steps.
    Plan(PlanEvent),
    /// The call of a step is about to be sent, or its wait begins.
    Started(StepName),
    /// The service accepted the call. The image is not NORMAL yet.
    Accepted {
        /// Step.
        #[serde(flatten)]
        step: StepName,
        /// Id of the image.
        id: String,
    },
    /// The step continues later: its call is sent again, or the image that it may have made is searched for.
    Waiting {
        /// Step.
        #[serde(flatten)]
        step: StepName,
        /// Reason.
        why: String,
    },
    /// The step has settled: it is done, and what waits for it may start.
    Settled {
        /// Step.
        #[serde(flatten)]
        step: StepName,
        /// Id of the image that it made.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// The step has no good end in this run.
    Failed(FailedEvent),
    /// The step is not started, because a step that it waits for failed.
    Skipped {
        /// Step.
        #[serde(flatten)]
        step: StepName,
        /// Id of the step that failed.
        because: String,
    },
    /// What became of a step that an earlier run left without an outcome.
    Recovered {
        /// Id of the step.
        step: String,
        /// Outcome.
        outcome: RecoveredOutcome,
        /// Ids of the images that it made, or may have made.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ids: Vec<String>,
    },
    /// The last line of every run, however it ends.
    Summary(SummaryEvent),
}

/// Step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepName {
    /// Id, as in plans: verb and address.
    pub step: String,
    /// Verb.
    pub verb: Verb,
    /// Address of the placement.
    pub address: String,
}

/// Numbers of a plan, and what the rules find in it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanEvent {
    /// Digest of its effect, which `--expect` accepts.
    pub digest: String,
    /// Main account id of the owner.
    pub account: String,
    /// Service that the steps are sent to.
    pub provider: Provider,
    /// Site of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// Address of every service, if the manifest names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Numbers.
    pub summary: Summary,
    /// Whether a rule refuses it: nothing of it is done then.
    pub refused: bool,
    /// What the rules find in it.
    pub findings: Vec<Finding>,
}

/// Finding of a rule.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Finding {
    /// Id of the rule.
    pub rule: &'static str,
    /// Name of the rule.
    pub name: &'static str,
    /// Level: `error` refuses.
    pub level: FindingLevel,
    /// Address or region that it is about.
    pub subject: String,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Level of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// The plan is refused.
    Error,
    /// The plan may be applied.
    Warning,
    /// Information.
    Advice,
}

/// A step without a good end.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FailedEvent {
    /// Step.
    #[serde(flatten)]
    pub step: StepName,
    /// Outcome.
    pub outcome: FailedOutcome,
    /// Reason, for people.
    pub why: String,
    /// Error code of the service, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Kind of the error, such as `permission`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Request id, for the service's support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How a step without a good end is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailedOutcome {
    /// It was refused, or the image that it made failed.
    Failed,
    /// It was accepted and has not settled. The next apply waits again.
    Pending,
    /// It was sent, and its outcome is unknown. The next apply searches for what it made.
    Unknown,
    /// It was not sent: the run ended before.
    NotSent,
}

/// What became of a step that an earlier run left without an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveredOutcome {
    /// It had made the image, which is recorded now.
    Made,
    /// It had been accepted: the image is recorded, and may not be NORMAL yet.
    Accepted,
    /// It had deleted its image.
    Deleted,
    /// No image of it is found. It is planned again.
    NotExecuted,
    /// The listing shows what it did.
    Listed,
    /// It cannot be decided yet.
    Unresolved,
}

/// End of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SummaryEvent {
    /// Command: `apply`.
    pub command: String,
    /// Exit status of the program, as its help lists them.
    pub exit_status: u8,
    /// How many steps ended in which way. Missing if no step was to be executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<StepCounts>,
    /// What did not make a step fail and is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why what was done could not be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsaved: Option<String>,
    /// Error that ended the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Numbers of steps by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepCounts {
    /// Settled.
    pub done: usize,
    /// Failed.
    pub failed: usize,
    /// Accepted, and not settled.
    pub pending: usize,
    /// Sent, with an unknown outcome.
    pub unknown: usize,
    /// Not started, because a step that they wait for failed.
    pub skipped: usize,
    /// Not started, because the run was stopped.
    pub not_started: usize,
}

impl StepCounts {
    /// Counts the steps of an outcome.
    pub fn of(outcome: &Outcome) -> Self {
        let count = |which: fn(&StepOutcome) -> bool| outcome.count(which);
        Self {
            done: count(|step| *step == StepOutcome::Done),
            failed: count(StepOutcome::is_failed),
            pending: count(|step| matches!(step, StepOutcome::Pending { .. })),
            unknown: count(|step| matches!(step, StepOutcome::Unknown(_))),
            skipped: count(|step| matches!(step, StepOutcome::Skipped { .. })),
            not_started: count(|step| *step == StepOutcome::NotStarted),
        }
    }
}

impl StepName {
    /// Returns the names of a step.
    pub fn of(step: &Step) -> Self {
        Self { step: step.id.to_string(), verb: step.verb(), address: step.at().to_string() }
    }
}

impl RunEvent {
    /// Returns the event of a plan with these findings.
    pub fn plan(plan: &Plan, refused: bool, diagnostics: &[Diagnostic]) -> Self {
        let finding = |found: &Diagnostic| Finding {
            rule: found.code.id,
            name: found.code.name,
            level: match found.severity {
                Severity::Error => FindingLevel::Error,
                Severity::Warning => FindingLevel::Warning,
                Severity::Advice => FindingLevel::Advice,
            },
            subject: found.subject.to_string(),
            detail: found.detail.clone(),
            help: found.help.clone(),
        };
        Self::Plan(PlanEvent {
            digest: plan.digest.to_string(),
            account: plan.account.to_string(),
            provider: plan.place.provider,
            site: plan.place.site,
            endpoint: plan.place.endpoint.clone(),
            summary: Summary::of(plan),
            refused,
            findings: diagnostics.iter().map(finding).collect(),
        })
    }

    /// Returns the event of an accepted call.
    pub fn accepted(step: &Step, id: &ImageId) -> Self {
        Self::Accepted { step: StepName::of(step), id: id.to_string() }
    }

    /// Returns the event of a step without a good end. `None` for other outcomes.
    pub fn failed(step: StepName, outcome: &StepOutcome) -> Option<Self> {
        let left = match outcome {
            StepOutcome::Failed(_) => FailedOutcome::Failed,
            StepOutcome::Pending { .. } => FailedOutcome::Pending,
            StepOutcome::Unknown(_) => FailedOutcome::Unknown,
            StepOutcome::NotStarted => FailedOutcome::NotSent,
            StepOutcome::Done | StepOutcome::Skipped { .. } => return None,
        };
        let Failure { why, code, kind, request_id, action: _, region: _, message: _ } =
            match outcome.failure() {
                Some(failure) => failure.clone(),
                None if left == FailedOutcome::NotSent => "the run ended before it was sent".into(),
                None => "accepted, and not ready when the run ended".into(),
            };
        Some(Self::Failed(FailedEvent {
            step,
            outcome: left,
            why,
            code: code.map(Into::into),
            kind,
            request_id: request_id.map(Into::into),
        }))
    }
}

impl EventLine {
    /// Returns the line as JSON, with its line break.
    ///
    /// # Errors
    /// None that is known: all keys are text.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(escaped(&serde_json::to_string(self)?) + "\n")
    }
}

/// Returns the schema of a line.
pub fn schema() -> Value {
    printed::<EventLine>("events", 1)
}
