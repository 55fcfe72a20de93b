//! What a reader does after an apply: the fix of each cause, then the commands.

use std::collections::BTreeSet;

use super::causes::Cause;
use super::{EntryResult, Run, regions};
use crate::diagnostics::{ManifestPath, Place, sanitize};
use crate::model::{AccountId, Address, ImageKey, Verb};
use crate::plan::{Failure, StepOutcome};
use crate::state::StepId;

/// What a reader does next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::report) struct Next {
    /// What removes the causes.
    pub(in crate::report) fixes: Vec<String>,
    /// Commands, each with what it does.
    pub(in crate::report) commands: Vec<(String, &'static str)>,
}

impl Next {
    /// Returns how to remove one cause, as the help of a finding.
    pub(in crate::report) fn help(&self, cause: &Cause) -> Option<String> {
        let fix = cause.fix.as_ref()?;
        let mut letters = fix.chars();
        let first = letters.next()?.to_uppercase();
        let (command, _) = self.commands.first()?;
        Some(format!("{first}{}, then:\n\n    {command}", letters.as_str()))
    }

    /// Returns the fixes in one clause, which the commands follow.
    pub(in crate::report) fn clause(&self) -> Option<String> {
        (!self.fixes.is_empty()).then(|| format!("{}, then", self.fixes.join(", ")))
    }
}

pub(super) fn next(run: &Run<'_>, entries: &[EntryResult], causes: &[Cause]) -> Next {
    let mut fixes: Vec<String> = Vec::new();
    for fix in causes.iter().filter_map(|cause| cause.fix.as_ref()) {
        if !fixes.contains(fix) {
            fixes.push(fix.clone());
        }
    }
    let mut commands = Vec::new();
    if !run.outcome.is_complete() {
        // An image that an earlier run began and that failed is built again too.
        let is_made = |verb: Verb, outcome: &StepOutcome| match verb {
            Verb::Create => *outcome == StepOutcome::Done || matches!(outcome, StepOutcome::Pending { .. }),
            Verb::Wait => !outcome.is_failed(),
            _ => true,
        };
        let builds_nothing = run.outcome.steps.iter().all(|step| is_made(step.verb, &step.outcome));
        let what = match (run.command, builds_nothing) {
            ("destroy", _) => "continues",
            (_, true) => "continues; builds nothing again",
            (_, false) => "continues; builds only what is missing",
        };
        commands.push((format!("goldform {}", run.command), what));
    }
    for step in &run.outcome.steps {
        let StepOutcome::Pending { failure: Some(failure) } = &step.outcome else { continue };
        if let Some(at) = waited_in_vain(&step.step, step.verb, failure) {
            commands.push((format!("goldform forget {at}"), "gives the image up"));
        }
    }
    if entries.iter().any(|entry| entry.wanted.is_some()) {
        commands.push(("goldform output".to_owned(), "the ids that serve now"));
    }
    Next { fixes, commands }
}

/// Returns the placement that an earlier run began and that this run has waited for in vain. `None` for other steps, and
/// if an error ended the wait.
fn waited_in_vain<'s>(step: &'s StepId, verb: Verb, failure: &Failure) -> Option<&'s str> {
    step.0.strip_prefix("wait ").filter(|_| verb == Verb::Wait && failure.kind.is_none())
}

/// Returns how to give up an image that was waited for in vain.
pub(in crate::report) fn give_up(step: &StepId, verb: Verb, failure: &Failure) -> Option<String> {
    let at = waited_in_vain(step, verb, failure)?;
    Some(format!("To give the image up:\n\n    goldform forget {at}"))
}

/// Returns what removes a cause. `None` if its error code does not say.
pub(super) fn fix(run: &Run<'_>, cause: &Cause) -> Option<String> {
    let Failure { kind, action, .. } = &cause.failure;
    let at = cause.places.first()?;
    let images: BTreeSet<&ImageKey> = cause.images();
    let image = match (images.iter().next(), images.len()) {
        (Some(image), 1) => format!("image.{image}"),
        (_, number) => format!("{number} images"),
    };
    let written = |address: &Address| place(run, &run.desired.path_of(address));
    Some(match kind.as_deref()? {
        "image_quota" => format!("free a slot in {}", regions(&cause.regions())),
        "bad_account" => {
            let accounts = cause.accounts();
            let list: Vec<String> = accounts.iter().map(|account| correction(run, cause, account)).collect();
            format!("correct {}", list.join(" and "))
        }
        "share_quota" => format!("share {image} with fewer accounts"),
        "permission" => {
            let action = action.as_ref().map(|action| sanitize::escape_truncated(action));
            format!("allow cvm:{} for this key", action.unwrap_or_default())
        }
        "credentials" => "renew the credentials".to_owned(),
        "clock" => "correct the clock of this machine".to_owned(),
        "balance" => "top up the balance of the account".to_owned(),
        "duplicate_name" => {
            format!("change the name of {image}{}", written(&Address::Image(at.at.image.clone())))
        }
        "not_found" | "invalid" | "unsupported" if cause.verb == Verb::Create => {
            format!("correct the source of {image}{}", source_place(run, &at.at.image))
        }
        _ => return None,
    })
}

/// Returns ` in images.yaml:14`. Empty if the path is not written in a file.
fn place(run: &Run<'_>, path: &ManifestPath) -> String {
    (run.locate)(&Place::Path(path.clone())).map(|place| format!(" in {place}")).unwrap_or_default()
}

fn source_place(run: &Run<'_>, image: &ImageKey) -> String {
    place(run, &ManifestPath::root().field("images").field(image.as_str()).field("source"))
}

/// Returns an account that the service refuses, and where it is written.
fn correction(run: &Run<'_>, cause: &Cause, account: AccountId) -> String {
    let name = run.desired.accounts.iter().find(|(_, id)| **id == account).map(|(name, _)| name);
    let path = match (name, cause.places.first()) {
        (Some(name), _) => ManifestPath::root().field("accounts").field(name),
        (None, Some(at)) => run.desired.path_of(&Address::Share(at.at.clone(), account)),
        (None, None) => ManifestPath::root(),
    };
    let name = name.map(|name| format!("{name} ")).unwrap_or_default();
    let id = if name.is_empty() { account.to_string() } else { format!("({account})") };
    format!("{name}{id}{}", place(run, &path))
}
