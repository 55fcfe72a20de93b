//! What a plan comes to, in numbers and in one line.

use schemars::JsonSchema;
use serde::Serialize;

use super::count;
use crate::diff::{Action, Reason};
use crate::model::Operation;
use crate::plan::Plan;

/// The numbers of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Images built.
    pub create: usize,
    /// Copies made.
    pub copy: usize,
    /// Images whose attributes or tags change; new ones not counted.
    pub update: usize,
    /// Images that are replaced and kept as earlier generations.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep: usize,
    /// Images deleted.
    pub delete: usize,
    /// Accounts given a share, each image counted.
    pub share: usize,
    /// Shares revoked.
    pub unshare: usize,
    /// Entries that get a new generation.
    pub replace: usize,
    /// Placements left as they are.
    pub unchanged: usize,
    /// Changes of the record alone.
    pub record: usize,
    /// Images that an earlier run began and that are not NORMAL yet.
    #[serde(skip_serializing_if = "is_zero")]
    pub wait: usize,
    /// Steps in all.
    pub steps: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Summary {
    /// The numbers of this plan.
    pub fn of(plan: &Plan) -> Self {
        let mut summary =
            Self { record: plan.edits_of_the_record().count(), steps: plan.graph.len(), ..Self::default() };
        for change in &plan.changes {
            summary.unchanged = summary.unchanged.saturating_add(change.unchanged);
            if change.action == Action::Replace {
                summary.replace = summary.replace.saturating_add(1);
            }
            for placement in &change.placements {
                if placement.action() == Action::Update && !placement.fields().is_empty() {
                    summary.update = summary.update.saturating_add(1);
                }
                if placement.reason == Reason::Kept && change.supersedes == Some(placement.at.generation) {
                    summary.keep = summary.keep.saturating_add(1);
                }
            }
        }
        for (_, step) in plan.graph.steps() {
            let (counter, by) = match &step.operation {
                Operation::Create { .. } => (&mut summary.create, 1),
                Operation::Copy { .. } => (&mut summary.copy, 1),
                Operation::Delete { .. } => (&mut summary.delete, 1),
                Operation::Share { accounts, .. } => (&mut summary.share, accounts.len()),
                Operation::Unshare { accounts, .. } => (&mut summary.unshare, accounts.len()),
                Operation::Wait { .. } => (&mut summary.wait, 1),
                Operation::Update { .. } | Operation::Tag { .. } => continue,
            };
            *counter = counter.saturating_add(by);
        }
        summary
    }

    /// `29 to create, 203 to copy, 232 to delete, 8 unchanged`: images that are made, deleted and left alone.
    pub fn made(&self) -> String {
        let Self { create, copy, delete, unchanged, wait, record, .. } = *self;
        let made = Self { create, copy, delete, unchanged, wait, record, ..Self::default() };
        made.line()
    }

    /// `1 to create, 2 to copy, 4 shares to grant`: what is not nothing.
    pub fn line(&self) -> String {
        let Self {
            create,
            copy,
            update,
            keep,
            delete,
            share,
            unshare,
            replace: _,
            unchanged,
            record,
            wait,
            steps: _,
        } = *self;
        let mut parts = Vec::new();
        let mut push = |number: usize, text: String| {
            if number > 0 {
                parts.push(text);
            }
        };
        push(create, format!("{create} to create"));
        push(copy, format!("{copy} to copy"));
        push(update, format!("{update} to update"));
        push(keep, format!("{} kept", count(keep, "earlier image", "earlier images")));
        push(share, format!("{} to grant", count(share, "share", "shares")));
        push(unshare, format!("{} to revoke", count(unshare, "share", "shares")));
        push(delete, format!("{delete} to delete"));
        push(wait, format!("{} not ready yet", count(wait, "image", "images")));
        push(record, format!("{} of the record", count(record, "change", "changes")));
        push(unchanged, format!("{unchanged} unchanged"));
        if parts.is_empty() { "nothing is managed".to_owned() } else { parts.join(", ") }
    }
}
