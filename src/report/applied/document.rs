//! The result of an apply as JSON. The schema is generated from these types.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{ApplyResult, Generation, Missing, Next, PlacedImage};
use crate::manifest::schema::printed;
use crate::plan::{Outcome, StepResult, rounded};
use crate::report::envelope::FORMAT_VERSION;

/// What became of a plan, and what exists now.
///
/// If nothing is applied, because a rule refuses the plan or it is empty, the plan is printed instead: see the schema of
/// plans.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "The result of an apply, as `goldform apply --format json` prints it")]
struct OutcomeDocument<'a> {
    /// Version of this format. It is raised when a reader of an older one would be misled; keys may be added at any time.
    #[schemars(extend("const" = FORMAT_VERSION))]
    format_version: &'static str,
    /// Whether every step is done and recorded.
    complete: bool,
    /// Whether a signal stopped the run.
    interrupted: bool,
    /// How long the run took, in seconds.
    #[schemars(range(min = 0))]
    duration_s: f64,
    /// Every step of the plan, in planned order.
    steps: &'a [StepResult],
    /// What did not make a step fail and is worth knowing.
    warnings: &'a [String],
    #[serde(flatten)]
    result: ResultDocument<'a>,
    /// Why what was done could not be recorded. Missing if the state is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsaved: Option<&'a str>,
    /// Defect of goldform that ended the run early.
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_error: Option<&'a str>,
}

/// What exists after an apply.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::report) struct ResultDocument<'a> {
    /// Images of the entries that the plan changes, by entry and region.
    images: Vec<ImageDocument<'a>>,
    /// What the plan asks for and does not exist.
    missing: Vec<MissingDocument<'a>>,
    /// What accounts had, the plan does not take from them, and they do not have any more.
    lost: Vec<MissingDocument<'a>>,
    /// What to do next: corrections first, then commands.
    next: Vec<NextDocument<'a>>,
}

/// Image in a region.
#[derive(Debug, Serialize, JsonSchema)]
struct ImageDocument<'a> {
    /// Key of the entry.
    image: &'a str,
    /// Region.
    region: &'a str,
    /// Id.
    #[schemars(regex(pattern = "^img-[0-9a-z]+$"))]
    id: &'a str,
    /// Name in the service.
    name: &'a str,
    /// Number of its generation.
    generation: u32,
    /// Revision of its generation.
    revision: Option<&'a str>,
    /// State in the service, such as `NORMAL`.
    state: &'static str,
    /// Whether its generation is the one that the plan asks for.
    wanted: bool,
    /// Whether consumers in the region should use it.
    serving: bool,
    /// Main account ids that it is shared with.
    accounts: Vec<String>,
}

/// Image that accounts lack in a region.
#[derive(Debug, Serialize, JsonSchema)]
struct MissingDocument<'a> {
    /// Key of the entry.
    image: &'a str,
    /// Region.
    region: &'a str,
    /// Number of the generation.
    generation: u32,
    /// Revision of the generation.
    revision: Option<&'a str>,
    /// Id. `null` if the image does not exist.
    #[schemars(regex(pattern = "^img-[0-9a-z]+$"))]
    id: Option<&'a str>,
    /// Main account ids that lack it.
    accounts: Vec<String>,
    /// Image that serves there instead. `null` if there is none.
    serving: Option<ServingDocument<'a>>,
    /// Reason, for people.
    reason: &'a str,
}

/// Image that serves in the place of a missing one.
#[derive(Debug, Serialize, JsonSchema)]
struct ServingDocument<'a> {
    /// Id.
    #[schemars(regex(pattern = "^img-[0-9a-z]+$"))]
    id: &'a str,
    /// Number of its generation.
    generation: u32,
    /// Revision of its generation.
    revision: Option<&'a str>,
}

/// What to do next.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum NextDocument<'a> {
    /// Something that only a person can correct.
    Correction {
        /// What to correct.
        #[serde(rename = "do")]
        what: &'a str,
    },
    /// Command to run.
    Command {
        /// Command line.
        command: &'a str,
        /// What it does.
        what: &'a str,
    },
}

impl<'a> ResultDocument<'a> {
    pub(in crate::report) fn of(result: &'a ApplyResult) -> Self {
        let missing = |all: &'a [Missing]| all.iter().map(MissingDocument::of).collect();
        Self {
            images: images(result),
            missing: missing(&result.missing),
            lost: missing(&result.lost),
            next: next(&result.next),
        }
    }
}

fn images(result: &ApplyResult) -> Vec<ImageDocument<'_>> {
    let mut images = Vec::new();
    for entry in &result.entries {
        for (region, there) in &entry.regions {
            for PlacedImage { generation, id, name, state, serves, accounts } in &there.images {
                images.push(ImageDocument {
                    image: entry.image.as_str(),
                    region: region.as_str(),
                    id: id.as_str(),
                    name,
                    generation: generation.number.0,
                    revision: generation.revision.as_deref(),
                    state: state.as_str(),
                    wanted: entry.wanted.as_ref() == Some(generation),
                    serving: *serves,
                    accounts: accounts.iter().map(|account| account.to_string()).collect(),
                });
            }
        }
    }
    images
}

impl<'a> MissingDocument<'a> {
    fn of(missing: &'a Missing) -> Self {
        let Missing { image, region, generation, id, accounts, serving, reason } = missing;
        let Generation { number, revision } = generation;
        Self {
            image: image.as_str(),
            region: region.as_str(),
            generation: number.0,
            revision: revision.as_deref(),
            id: id.as_ref().map(|id| id.as_str()),
            accounts: accounts.iter().map(|account| account.to_string()).collect(),
            serving: serving.as_ref().map(|(generation, id)| ServingDocument {
                id: id.as_str(),
                generation: generation.number.0,
                revision: generation.revision.as_deref(),
            }),
            reason,
        }
    }
}

fn next(next: &Next) -> Vec<NextDocument<'_>> {
    let fixes = next.fixes.iter().map(|what| NextDocument::Correction { what });
    let commands = next.commands.iter().map(|(command, what)| NextDocument::Command { command, what });
    fixes.chain(commands).collect()
}

/// Returns what became of a plan, and what exists now.
///
/// # Errors
/// If a value cannot be written as JSON: a defect of goldform.
pub fn outcome_json(outcome: &Outcome, result: &ApplyResult) -> Result<Value, serde_json::Error> {
    let Outcome { steps, warnings, interrupted, internal_error, unsaved, took } = outcome;
    serde_json::to_value(OutcomeDocument {
        format_version: FORMAT_VERSION,
        complete: outcome.is_complete(),
        interrupted: *interrupted,
        duration_s: rounded(*took),
        steps,
        warnings,
        result: ResultDocument::of(result),
        unsaved: unsaved.as_deref(),
        internal_error: internal_error.as_deref(),
    })
}

/// Returns the schema of [`outcome_json`].
pub fn outcome_schema() -> Value {
    printed::<OutcomeDocument<'_>>("outcome", 1)
}
