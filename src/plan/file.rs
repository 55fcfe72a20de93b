//! A saved plan: what the plan was made from, and no secret.
//!
//! The file holds no changes and no steps. The planner is pure, so reading the file makes the plan again from its
//! inputs: what the manifest meant, what was recorded, what the user asked for and when. So a plan that does something
//! else than it shows cannot be written down: both come from one value. What an editor can write is another plan, which
//! is shown as it is, is judged by every rule, and has another effect digest.
//!
//! Two digests hold the file together. `checksum` covers everything in it, so that an accident is noticed whatever it
//! hits. `digest` is that of the effect: a goldform whose planner decides otherwise refuses the file.
//!
//! [`stale`](super::stale) decides whether what the plan relies on is still so.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::build::propose::{PlanOptions, PlanResult, propose};
use super::contents::{Base, Plan, PlanError};
use crate::diagnostics::json_error_message;
use crate::manifest::Desired;
use crate::model::{Digest, Level};
use crate::state::{Lineage, Recorded, Snapshot};

/// The version of the file format. Saved plans are short-lived: no other version is read.
pub const FORMAT: u32 = 2;

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanInputs {
    /// The absolute place of the state: a file, or an object's URL.
    pub state: String,
    /// The state that was planned from. `None` before its first write.
    pub base: Option<Base>,
    /// What the user asked for, and when.
    #[serde(rename = "wish")]
    pub options: PlanOptions,
    /// The levels of rules that the command line set, by rule name.
    pub rules: BTreeMap<CompactString, Level>,
    /// What the manifest meant.
    pub desired: Desired,
    /// What was recorded, or observed with `--refresh`.
    pub recorded: Recorded,
}

/// A saved plan that was read.
#[derive(Debug, Clone)]
pub struct PlanFile {
    /// The version of goldform that wrote it.
    pub goldform: CompactString,
    /// What the plan was made from.
    pub inputs: PlanInputs,
    /// The plan.
    pub plan: Plan,
    /// The record that it starts from, with the manifest's renames.
    pub prior: Recorded,
}

/// The file as it is written. `checksum` covers all other fields.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    goldform_plan: u32,
    goldform: CompactString,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<Digest>,
    inputs: PlanInputs,
}

/// A file that cannot be used as a plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanFileError {
    /// Another version of goldform wrote it.
    #[error(
        "the plan has format {format}, written by goldform {by}; this goldform reads format {FORMAT} only"
    )]
    OtherFormat {
        /// Its format.
        format: u32,
        /// Who wrote it.
        by: String,
    },
    /// Its content has another checksum.
    #[error("its checksum is not that of its content: it was edited or damaged")]
    Damaged,
    /// The planner makes another plan from its inputs.
    #[error(
        "its inputs yield another plan than the one it contains: it was edited, or goldform {by}, which wrote \
         it, plans otherwise than this one"
    )]
    Underived {
        /// Who wrote it.
        by: String,
    },
    /// A printed plan has another digest than it names.
    #[error("its digest is not that of what it would do: it was edited, or written by another goldform")]
    Edited,
    /// It is no plan.
    #[error("it is not a saved plan: {0}")]
    Broken(String),
}

impl PlanInputs {
    /// Makes the plan of these inputs.
    ///
    /// # Errors
    /// If the steps cannot be ordered.
    pub fn plan(&self) -> Result<PlanResult, PlanError> {
        let mut proposal = propose(&self.desired, &self.recorded, None, &self.options)?;
        proposal.plan.base.clone_from(&self.base);
        Ok(proposal)
    }

    /// The text of a file that saves the plan of these inputs.
    ///
    /// # Errors
    /// If the plan cannot be made, or the file not be written as JSON.
    pub fn to_text(&self) -> Result<String, PlanError> {
        self.to_text_of(self.plan()?.plan.digest)
    }

    /// As [`PlanInputs::to_text`], where the digest of the plan is known.
    ///
    /// # Errors
    /// If the file cannot be written as JSON.
    pub fn to_text_of(&self, digest: Digest) -> Result<String, PlanError> {
        let mut written = Written {
            goldform_plan: FORMAT,
            goldform: CompactString::const_new(env!("CARGO_PKG_VERSION")),
            digest,
            checksum: None,
            inputs: self.clone(),
        };
        written.checksum = Some(Digest::of(&serde_json::to_value(&written)?)?);
        let mut text = serde_json::to_string_pretty(&written)?;
        text.push('\n');
        Ok(text)
    }
}

impl PlanFile {
    /// Returns whether a text is a saved plan, usable or not.
    pub fn is_plan_file(text: &str) -> bool {
        serde_json::from_str(text).is_ok_and(|value: Value| value.get("goldform_plan").is_some())
    }

    /// Reads a file's text and makes its plan again.
    ///
    /// # Errors
    /// If it is no plan of this version, was changed, or its inputs give another plan than the one it names.
    pub fn from_text(text: &str) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Version {
            goldform_plan: u32,
            goldform: Option<String>,
        }
        let broken = |why: String| PlanFileError::Broken(why);
        let version: Version =
            serde_json::from_str(text).map_err(|error| broken(json_error_message(&error)))?;
        if version.goldform_plan != FORMAT {
            let by = version.goldform.unwrap_or_else(|| "of an unknown version".to_owned());
            return Err(PlanFileError::OtherFormat { format: version.goldform_plan, by });
        }
        let mut value: Value =
            serde_json::from_str(text).map_err(|error| broken(json_error_message(&error)))?;
        let named = value.as_object_mut().and_then(|fields| fields.shift_remove("checksum"));
        let checksum = Digest::of(&value).map_err(|error| broken(error.to_string()))?;
        if named.as_ref().and_then(Value::as_str) != Some(checksum.as_str()) {
            return Err(PlanFileError::Damaged);
        }
        // What is read is the value that the checksum is of, not the text.
        let Written { goldform_plan: _, goldform, digest, checksum: _, inputs } =
            serde_path_to_error::deserialize(value).map_err(|error| {
                broken(format!("at `{}`: {}", error.path(), json_error_message(error.inner())))
            })?;
        verify(&inputs).map_err(broken)?;
        let underived = || PlanFileError::Underived { by: goldform.to_string() };
        let PlanResult { plan, prior, unmatched: _ } = inputs.plan().map_err(|_| underived())?;
        if plan.digest != digest {
            return Err(underived());
        }
        Ok(Self { goldform, inputs, plan, prior })
    }
}

/// Checks that the record in a file keeps the rules of every state: the planner relies on them.
fn verify(inputs: &PlanInputs) -> Result<(), String> {
    let lineage = inputs.base.as_ref().map_or_else(|| Lineage("".into()), |base| base.lineage.clone());
    let first = Snapshot::first(lineage, inputs.desired.account, inputs.desired.cloud.provider);
    let snapshot = Snapshot { recorded: inputs.recorded.clone(), ..first };
    snapshot.verify().map_err(|error| error.to_string())
}

#[cfg(test)]
pub(super) mod tests;
