//! GF703: accounts would be without the image for a while.

use std::collections::BTreeSet;

use crate::constraints::rule::{Case, Finding, Findings, Rule, RuleSource};
use crate::diff::ImageChange;
use crate::manifest::Level;
use crate::model::{Accounts, Address, Operation, Region};
use crate::plan::{PlanView, StepIndex};

/// GF703.
pub(super) static RULE: Rule = Rule {
    id: "GF703",
    name: "share_gap",
    title: "Accounts would be without the image for a while",
    level: Level::Warn,
    docs: "\
### What it checks
An account that sees a generation of an image in a region when the plan starts, and is to see one when it is done,
sees one at every moment in between.

### Why
In between, the account can create no machine from the image. The service itself would let it pass.

### Example
    replace: delete-first              # for a while there is none

### What to do
Use `replace: auto` and `{generation}` in the name, or make room for both generations.
",
    sources: &[
        RuleSource::Promise("a share gap is told before it happens"),
        RuleSource::Document("213/7148", "recipients stop seeing the image at once"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for change in &view.plan.changes {
        let regions: BTreeSet<&Region> =
            change.placements.iter().map(|placement| &placement.at.region).collect();
        for region in regions {
            let gap = gap(view, change, region);
            if gap.is_empty() {
                continue;
            }
            findings.push(
                Finding::about(
                    Address::InRegion(change.image.clone(), region.clone()),
                    format!(
                        "{} {} of image.{} in {region} would see no generation of it for a while.",
                        gap.len(),
                        if gap.len() == 1 { "account" } else { "accounts" },
                        change.image,
                    ),
                )
                .at(
                    case.desired.path_of(&Address::InRegion(change.image.clone(), region.clone())),
                    "for a while there is none",
                )
                .help("Let the new generation come first:\n\n    replace: auto"),
            );
        }
    }
}

/// The accounts that see the image in a region before and after the plan, and at some moment do not.
fn gap(view: &PlanView<'_>, change: &ImageChange, region: &Region) -> Accounts {
    let mut losses: Vec<(StepIndex, &Accounts)> = Vec::new();
    let mut gains: Vec<(StepIndex, &Accounts)> = Vec::new();
    let mut lost = Accounts::EMPTY;
    let mut gained = Accounts::EMPTY;
    let mut kept = Accounts::EMPTY;
    let here = view.prior.images.get(&change.image).into_iter().flat_map(|image| &image.generations);
    for (_, build) in here {
        if let Some(placement) = build.placements.get(region) {
            kept = kept.joined(&placement.everyone());
        }
    }
    for placement in change.placements.iter().filter(|placement| placement.at.region == *region) {
        for (index, step) in view.steps_at(&placement.at) {
            match &step.operation {
                Operation::Unshare { accounts, .. } => {
                    losses.push((index, accounts));
                    lost = lost.joined(accounts);
                }
                Operation::Share { accounts, .. } => {
                    gains.push((index, accounts));
                    gained = gained.joined(accounts);
                }
                _ => {}
            }
        }
    }
    // Who loses a generation, gets another, and keeps none all along.
    let stays = kept.without(&lost);
    let concerned = lost.shared_with(&gained).without(&stays);
    concerned
        .iter()
        .filter(|account| {
            // One loss that waits for one gain is enough: until then the old one is seen, from then the new.
            !losses.iter().any(|(loss, from)| {
                from.contains(*account)
                    && gains.iter().any(|(gain, to)| to.contains(*account) && view.must_precede(*gain, *loss))
            })
        })
        .collect()
}
