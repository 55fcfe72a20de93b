//! `--expect`: the plan that was reviewed, by its digest or in a file, and what is said where it is another one.

use std::borrow::Cow;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::cli::CommandError;
use crate::cli::args::{ExpectArgs, RuleArgs};
use crate::cli::files::{Kind, read_named_text};
use crate::cli::workspace::rule_args;
use crate::diagnostics::sanitize;
use crate::model::Digest;
use crate::model::digest::NAME_DIGITS;
use crate::plan::compare::{Reviewed, reviewed};
use crate::plan::{Comparison, Plan, PlanInputs, Unexpected};
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
        /// What it holds.
        reviewed: Box<Reviewed>,
    },
}

impl Expected {
    /// What the arguments name: a digest, where it can be one, or else a file.
    ///
    /// # Errors
    /// When it is neither, or the file holds no plan that can be used.
    pub fn read(args: &ExpectArgs) -> Result<Self, CommandError> {
        let Some(given) = &args.expect else { return Ok(Self::Any) };
        if let Some(digest) = given.to_str().filter(|text| Digest::is_name(text)) {
            return Ok(Self::Digest(digest.to_owned()));
        }
        let path = PathBuf::from(given);
        let help = "Expect a digest as plans show it, or a file:\n\n    goldform plan --out plan.json\n    \
                    goldform apply --expect plan.json";
        let cut_short = given.to_str().filter(|_| !path.exists()).and_then(Digest::cut_short);
        if let Some(length) = cut_short {
            let digits = count(length, "digit", "digits");
            return Err(CommandError::input(
                format!(
                    "{} has {digits} of a digest, and {NAME_DIGITS} are needed: another plan with the same beginning \
                     can be made on purpose",
                    sanitize::path(&path)
                ),
                "Give the digest as plans show it.",
            ));
        }
        let text = read_named_text(&path, Kind::Plan, help)?;
        let reviewed = reviewed(&text)
            .map_err(|error| CommandError::input(format!("{}: {error}", sanitize::path(&path)), help))?;
        Ok(Self::Reviewed { path, reviewed: Box::new(reviewed) })
    }

    /// What a saved plan that is expected was made from.
    fn inputs(&self) -> Option<&PlanInputs> {
        match self {
            Self::Reviewed { reviewed, .. } => reviewed.inputs.as_ref(),
            _ => None,
        }
    }

    /// The levels of rules that count: those that a saved plan was made with, or else those of the arguments.
    ///
    /// # Errors
    /// If a saved plan is expected and the arguments name levels too.
    pub fn rules<'a>(&self, given: &'a RuleArgs) -> Result<Cow<'a, RuleArgs>, CommandError> {
        let Some(inputs) = self.inputs() else { return Ok(Cow::Borrowed(given)) };
        let RuleArgs { allow, warn, deny } = given;
        if [allow, warn, deny].iter().any(|names| !names.is_empty()) {
            return Err(CommandError::input(
                "the plan that is expected keeps the rule levels it was made with",
                "Leave out --allow, --warn and --deny, or make the plan again with them.",
            ));
        }
        Ok(Cow::Owned(rule_args(&inputs.rules)))
    }

    /// The moment that a saved plan was made at. `None` if none is expected.
    pub fn time(&self) -> Option<Timestamp> {
        self.inputs().map(|inputs| inputs.options.now)
    }

    /// Returns how this plan differs from the expected one. `None` if it does not.
    ///
    /// # Errors
    /// When the plans cannot be compared: a defect of goldform.
    pub fn unmet<'a>(&'a self, planned: &'a Plan) -> Result<Option<Unexpected<'a>>, CommandError> {
        Ok(match self {
            Self::Digest(digest) if !planned.digest.is_named_by(digest) => {
                Some(Unexpected { digest, comparison: None })
            }
            Self::Reviewed { reviewed, .. } if reviewed.plan.digest != planned.digest => {
                let comparison = Some(Comparison::of(&reviewed.plan, planned)?);
                Some(Unexpected { digest: reviewed.plan.digest.as_str(), comparison })
            }
            _ => None,
        })
    }

    /// Returns the error and its help. A digest has no contents to compare; the state may show that its
    /// plan was applied.
    pub fn stale(
        &self,
        unexpected: &Unexpected<'_>,
        planned: &Plan,
        snapshot: Option<&Snapshot>,
    ) -> CommandError {
        if let (Self::Reviewed { path, .. }, Some(comparison)) = (self, &unexpected.comparison) {
            let path = sanitize::path(path);
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
            help:
                "Review the plan above, and expect its digest. Only a saved plan shows what differs:\n\n    \
                   goldform plan --out plan.json\n    goldform apply --expect plan.json"
                    .to_owned(),
        }
    }
}
