//! GF702: shared image would be deleted.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::model::{Address, Level, Operation};
use crate::plan::StepIndex;

/// GF702.
pub(super) static RULE: Rule = Rule {
    code: Code {
        id: "GF702",
        name: "shared_image_deleted",
        title: "Shared image would be deleted",
        level: Level::Deny,
        docs: "\
### What it checks
In the plan, every delete depends on the steps that cancel all shares of the image.

### Why
The service refuses to delete a shared image, and steps without a dependency may run in any order.

### Example
    # a saved plan in which `delete image.web@ap-jakarta#1` does not wait for `unshare image.web@ap-jakarta#1`

### What to do
Make a new plan. Plans from goldform have these dependencies unless they were edited.
",
    },
    sources: &[
        RuleSource::Document("213/15716 DeleteImages", "a shared image must be unshared first"),
        RuleSource::ErrorCode("InvalidImageId.InShared"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for (delete, step) in view.deletes() {
        let at = step.at();
        let recorded = view.prior.placement(at);
        let is_before_delete = |step: StepIndex| view.must_precede(step, delete);
        let mut shared = recorded.map(|placement| placement.everyone()).unwrap_or_default();
        for (unshare, other) in view.steps_at(at) {
            if let Operation::Unshare { accounts, .. } = &other.operation
                && is_before_delete(unshare)
            {
                shared = shared.without(accounts);
            }
        }
        // Shares of the plan itself, unless they always come later or are always cancelled in between.
        for (share, other) in view.steps_at(at) {
            let Operation::Share { accounts, .. } = &other.operation else { continue };
            if view.must_precede(delete, share) {
                continue;
            }
            let mut granted = accounts.clone();
            for (unshare, other) in view.steps_at(at) {
                if let Operation::Unshare { accounts, .. } = &other.operation
                    && view.must_precede(share, unshare)
                    && is_before_delete(unshare)
                {
                    granted = granted.without(accounts);
                }
            }
            shared = shared.joined(&granted);
        }
        if !shared.is_empty() {
            findings.push(
                Finding::about(
                    at,
                    format!(
                        "{at}{} would be deleted while it is shared with {} {}.",
                        recorded.map(|placement| format!(" ({})", placement.id)).unwrap_or_default(),
                        shared.len(),
                        if shared.len() == 1 { "account" } else { "accounts" },
                    ),
                )
                .at(case.desired.path_of(&Address::Placement(at.clone())), "still shared when it is deleted")
                .help("Make a new plan:\n\n    goldform plan"),
            );
        }
    }
}
