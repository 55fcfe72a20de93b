//! GF703: accounts would have no image for a while.

use std::collections::{BTreeMap, BTreeSet};

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::model::{
    AccountId, Accounts, Address, ImageKey, Level, Operation, PlacementKey, Region, ReplaceOrder,
};
use crate::plan::{PlanView, StepIndex};

/// GF703.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF703",
    name: "share_gap",
    title: "Accounts would have no image for a while",
    level: Level::Deny,
    docs: "\
### What it checks
If an account has access to a NORMAL image of an entry in a region before and after the plan, it has access to one at
every moment in between, in every order of the steps. All generations of the entry count together.

### Why
During a gap, the account cannot create machines from the image. The service itself would accept it.

### Example
    rules: { share_gap: warn }
    images: { web: { replace: auto, … } }     # the region has no slot for both generations

### What to do
Free a slot in the region, so that both generations fit. If the gap is acceptable, accept it for the entry, which makes
this a warning:

    replace: delete-first
",
    },
    sources: &[
        RuleSource::Promise("a share gap is reported before it happens"),
        RuleSource::Document("213/7148", "recipients lose access to the image at once"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    let mut touched: BTreeMap<(&ImageKey, &Region), Vec<&PlacementKey>> = BTreeMap::new();
    for at in view.touched() {
        touched.entry((&at.image, &at.region)).or_default().push(at);
    }
    for ((image, region), touched) in touched {
        let gap = gap(view, image, region, &touched);
        if gap.is_empty() {
            continue;
        }
        let replace = case.desired.images.get(image).map(|image| image.replace);
        let is_edited = is_edited_unshared(view, &touched);
        let consents = replace == Some(ReplaceOrder::DeleteFirst) || is_edited;
        let help = match consents {
            _ if is_edited => {
                "The service refuses changes of shared images. Make the change with the next build, \
                               under a new `revision`."
                    .to_owned()
            }
            true => "Create the new generation first:\n\n    replace: auto".to_owned(),
            false => format!(
                "Free a slot in {region}, or accept the gap for this entry:\n\n    replace: delete-first"
            ),
        };
        findings.push(
            Finding::about(
                Address::InRegion(image.clone(), region.clone()),
                format!(
                    "{} {} of image.{image} in {region} would have no generation of it for a while.",
                    gap.len(),
                    if gap.len() == 1 { "account" } else { "accounts" },
                ),
            )
            .at(
                case.desired.path_of(&Address::InRegion(image.clone(), region.clone())),
                "not available for a while",
            )
            .help(help)
            .consented(consents),
        );
    }
}

/// Returns whether an image is unshared, changed and shared again. The service refuses changes of shared images, so the
/// change itself causes the gap.
fn is_edited_unshared(view: &PlanView<'_>, touched: &[&PlacementKey]) -> bool {
    touched.iter().any(|at| {
        let access = Access::of(view, at);
        let is_edit = |step: &Operation| matches!(step, Operation::Update { .. });
        let is_lost_and_regained = |account: AccountId| {
            access.losses_of(account).next().is_some()
                && access.lasting_gains_of(view, account).next().is_some()
        };
        view.steps_at(at).any(|(_, step)| is_edit(&step.operation))
            && access.before.iter().any(is_lost_and_regained)
    })
}

/// Access of accounts to one placement, and the steps that change it.
struct Access<'p> {
    /// Accounts with access before the plan.
    before: Accounts,
    gains: Vec<(StepIndex, &'p Accounts)>,
    losses: Vec<(StepIndex, &'p Accounts)>,
    deletes: Vec<StepIndex>,
}

impl<'p> Access<'p> {
    fn of(view: &PlanView<'p>, at: &PlacementKey) -> Self {
        let recorded = view.prior.placement(at).filter(|placement| placement.is_normal());
        let before = recorded.map(|placement| placement.everyone()).unwrap_or_default();
        let mut access = Self { before, gains: Vec::new(), losses: Vec::new(), deletes: Vec::new() };
        for (index, step) in view.steps_at(at) {
            match &step.operation {
                Operation::Share { accounts, .. } => access.gains.push((index, accounts)),
                Operation::Unshare { accounts, .. } => access.losses.push((index, accounts)),
                Operation::Delete { .. } => access.deletes.push(index),
                _ => {}
            }
        }
        access
    }

    /// Returns the steps after which an account has no access.
    fn losses_of(&self, account: AccountId) -> impl Iterator<Item = StepIndex> + '_ {
        let unshares = self.losses.iter().filter(move |(_, accounts)| accounts.contains(account));
        unshares.map(|(step, _)| *step).chain(self.deletes.iter().copied())
    }

    /// Returns the steps after which an account keeps access until the end of the plan.
    fn lasting_gains_of<'s>(
        &'s self,
        view: &'s PlanView<'p>,
        account: AccountId,
    ) -> impl Iterator<Item = StepIndex> + 's {
        let gains = self.gains.iter().filter(move |(_, accounts)| accounts.contains(account));
        gains
            .map(|(step, _)| *step)
            .filter(move |gain| self.losses_of(account).all(|loss| view.must_precede(loss, *gain)))
    }
}

/// Returns the accounts that have access to the image in a region before and after the plan, but not at every moment in
/// between.
fn gap(view: &PlanView<'_>, image: &ImageKey, region: &Region, touched: &[&PlacementKey]) -> Accounts {
    let mut placements: BTreeSet<PlacementKey> = touched.iter().copied().cloned().collect();
    for (generation, build) in view.prior.images.get(image).into_iter().flat_map(|image| &image.generations) {
        if build.placements.contains_key(region) {
            let (image, generation, region) = (image.clone(), *generation, region.clone());
            placements.insert(PlacementKey { image, generation, region });
        }
    }
    let accesses: Vec<Access<'_>> = placements.iter().map(|at| Access::of(view, at)).collect();
    let before = accesses.iter().fold(Accounts::EMPTY, |all, access| all.joined(&access.before));
    before
        .iter()
        .filter(|account| {
            let account = *account;
            let has_it = |access: &&Access<'_>| access.before.contains(account);
            let keeps_one =
                accesses.iter().filter(has_it).any(|access| access.losses_of(account).next().is_none());
            let mut gains =
                accesses.iter().flat_map(|access| access.lasting_gains_of(view, account)).peekable();
            if keeps_one || gains.peek().is_none() {
                return false;
            }
            // The old placement is accessible until the gain, and the new one from then on.
            let is_covered = |gain: StepIndex| {
                accesses
                    .iter()
                    .filter(has_it)
                    .any(|access| access.losses_of(account).all(|loss| view.must_precede(gain, loss)))
            };
            !gains.any(is_covered)
        })
        .collect()
}
