//! `--expect`: the plan that was reviewed, by its digest or in a file, and what is said where it is another one.

use std::path::PathBuf;

use crate::cli::CommandError;
use crate::cli::args::ExpectArgs;
use crate::cli::inputs::read_text;
use crate::diagnostics::harmless;
use crate::model::Digest;
use crate::plan::compare::reviewed;
use crate::plan::{Comparison, Plan, Unexpected};
use crate::report::{Summary, count};
use crate::state::Snapshot;

/// Which plan is expected.
pub enum Expected {
    /// Any.
    Any,
    /// The one with this digest.
    Digest(String),
    /// The one in this file.
    Reviewed {
        /// The file.
        path: PathBuf,
        /// Its plan.
        plan: Box<Plan>,
    },
}

impl Expected {
    /// What the arguments name: a digest, where it can be one, or else a file.
    ///
    /// # Errors
    /// When it is neither, or the file holds no plan that can be used.
    pub fn read(args: &ExpectArgs) -> Result<Self, CommandError> {
        let Some(given) = &args.expect else { return Ok(Self::Any) };
        if Digest::is_name(given) {
            return Ok(Self::Digest(given.clone()));
        }
        let path = PathBuf::from(given);
        let help = "Expect a digest as plans show it, twelve digits at least, or a file:\n\n    goldform plan --out \
                    plan.json\n    goldform apply --expect plan.json";
        let text = read_text(&path, help)?;
        let plan = reviewed(&text)
            .map_err(|error| CommandError::input(format!("{}: {error}", harmless::path(&path)), help))?;
        Ok(Self::Reviewed { path, plan: Box::new(plan) })
    }

    /// How this plan is not the expected one; nothing where it is.
    ///
    /// # Errors
    /// When the plans cannot be compared: a defect of goldform.
    pub fn unmet<'a>(&'a self, planned: &'a Plan) -> Result<Option<Unexpected<'a>>, CommandError> {
        Ok(match self {
            Self::Digest(digest) if !planned.digest.is_named_by(digest) => {
                Some(Unexpected { digest, comparison: None })
            }
            Self::Reviewed { plan, .. } if plan.digest != planned.digest => {
                let comparison = Some(Comparison::of(plan, planned)?);
                Some(Unexpected { digest: plan.digest.as_str(), comparison })
            }
            _ => None,
        })
    }

    /// The failure, and what to do about it. A digest does not tell what it was made of; the record may tell that its
    /// plan was applied.
    pub fn stale(
        &self,
        unexpected: &Unexpected<'_>,
        planned: &Plan,
        snapshot: Option<&Snapshot>,
    ) -> CommandError {
        if let (Self::Reviewed { path, .. }, Some(comparison)) = (self, &unexpected.comparison) {
            let path = harmless::path(path);
            return CommandError::Stale {
                what: format!(
                    "the plan is not the one in {path}: {}; its digest is {}",
                    count(comparison.differences.len(), "difference", "differences"),
                    planned.digest
                ),
                help: "Review what differs, and expect the new plan:\n\n    goldform plan --out <file>"
                    .to_owned(),
            };
        }
        let given = unexpected.digest;
        let mut runs = snapshot.iter().flat_map(|snapshot| snapshot.runs.iter().rev());
        let applied = runs.find(|run| run.digest.is_named_by(given)).map(|run| {
            let at = run.at.strftime("%Y-%m-%d %H:%M UTC");
            format!("; {given} was applied on {at}, from serial {} of the state", run.serial)
        });
        CommandError::Stale {
            what: format!(
                "the plan is not the expected one: its digest is {}, not {given}; it comes to {}{}",
                planned.digest,
                Summary::of(planned).line(),
                applied.unwrap_or_default()
            ),
            help: "Review the plan above, and expect its digest. Only a plan that was kept tells what differs:\n\n    \
                   goldform plan --out plan.json\n    goldform apply --expect plan.json"
                .to_owned(),
        }
    }
}
