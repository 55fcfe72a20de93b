//! GF703: accounts would be without the image for a while.

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
    title: "Accounts would be without the image for a while",
    level: Level::Deny,
    docs: "\
### What it checks
An account that sees a NORMAL image of an entry in a region when the plan starts, and is to see one when it is done,
sees one at every moment in between, in every order of the steps. All generations count together.

### Why
In between, the account can create no machine from the image. The service itself would let it pass.

### Example
    rules: { share_gap: warn }
    images: { web: { replace: auto, … } }     # the region has no slot for both generations

### What to do
Free a slot in the region, so that both generations fit. Where the gap is acceptable, say so for the entry, which makes
this a warning:

    replace: delete-first
",
    },
    sources: &[
        RuleSource::Promise("a share gap is named before it happens"),
        RuleSource::Document("213/7148", "recipients stop seeing the image at once"),
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
                "The service refuses changes of shared images: make the change with the next build, \
                               under a new `revision`."
                    .to_owned()
            }
            true => "Let the new generation come first:\n\n    replace: auto".to_owned(),
            false => format!(
                "Free a slot in {region}, or accept the gap for this entry:\n\n    replace: delete-first"
            ),
        };
        findings.push(
            Finding::about(
                Address::InRegion(image.clone(), region.clone()),
                format!(
                    "{} {} of image.{image} in {region} would see no generation of it for a while.",
                    gap.len(),
                    if gap.len() == 1 { "account" } else { "accounts" },
                ),
            )
            .at(
                case.desired.path_of(&Address::InRegion(image.clone(), region.clone())),
                "for a while there is none",
            )
            .help(help)
            .consented(consents),
        );
    }
}

/// Whether an image is unshared, changed and shared again: the service refuses changes of shared images, so that the
/// change itself asks for the gap.
fn is_edited_unshared(view: &PlanView<'_>, touched: &[&PlacementKey]) -> bool {
    touched.iter().any(|at| {
        let sight = Sight::of(view, at);
        let is_edit = |step: &Operation| matches!(step, Operation::Update { .. });
        let is_lost_and_regained = |account: AccountId| {
            sight.losses_of(account).next().is_some()
                && sight.lasting_gains_of(view, account).next().is_some()
        };
        view.steps_at(at).any(|(_, step)| is_edit(&step.operation))
            && sight.before.iter().any(is_lost_and_regained)
    })
}

/// What happens to who sees one placement.
struct Sight<'p> {
    /// Who sees it when the plan starts.
    before: Accounts,
    gains: Vec<(StepIndex, &'p Accounts)>,
    losses: Vec<(StepIndex, &'p Accounts)>,
    deletes: Vec<StepIndex>,
}

impl<'p> Sight<'p> {
    fn of(view: &PlanView<'p>, at: &PlacementKey) -> Self {
        let recorded = view.prior.placement(at).filter(|placement| placement.is_normal());
        let before = recorded.map(|placement| placement.everyone()).unwrap_or_default();
        let mut sight = Self { before, gains: Vec::new(), losses: Vec::new(), deletes: Vec::new() };
        for (index, step) in view.steps_at(at) {
            match &step.operation {
                Operation::Share { accounts, .. } => sight.gains.push((index, accounts)),
                Operation::Unshare { accounts, .. } => sight.losses.push((index, accounts)),
                Operation::Delete { .. } => sight.deletes.push(index),
                _ => {}
            }
        }
        sight
    }

    /// The steps that take it from an account.
    fn losses_of(&self, account: AccountId) -> impl Iterator<Item = StepIndex> + '_ {
        let unshares = self.losses.iter().filter(move |(_, accounts)| accounts.contains(account));
        unshares.map(|(step, _)| *step).chain(self.deletes.iter().copied())
    }

    /// The steps after which an account sees it for good.
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

/// The accounts that see the image in a region before and after the plan, and at some moment do not.
fn gap(view: &PlanView<'_>, image: &ImageKey, region: &Region, touched: &[&PlacementKey]) -> Accounts {
    let mut placements: BTreeSet<PlacementKey> = touched.iter().copied().cloned().collect();
    for (generation, build) in view.prior.images.get(image).into_iter().flat_map(|image| &image.generations) {
        if build.placements.contains_key(region) {
            let (image, generation, region) = (image.clone(), *generation, region.clone());
            placements.insert(PlacementKey { image, generation, region });
        }
    }
    let sights: Vec<Sight<'_>> = placements.iter().map(|at| Sight::of(view, at)).collect();
    let seeing = sights.iter().fold(Accounts::EMPTY, |all, sight| all.joined(&sight.before));
    seeing
        .iter()
        .filter(|account| {
            let account = *account;
            let sees = |sight: &&Sight<'_>| sight.before.contains(account);
            let keeps_one = sights.iter().filter(sees).any(|sight| sight.losses_of(account).next().is_none());
            let mut gains = sights.iter().flat_map(|sight| sight.lasting_gains_of(view, account)).peekable();
            if keeps_one || gains.peek().is_none() {
                return false;
            }
            // Until the gain the one is seen, from then on the other.
            let is_covered = |gain: StepIndex| {
                sights
                    .iter()
                    .filter(sees)
                    .any(|sight| sight.losses_of(account).all(|loss| view.must_precede(gain, loss)))
            };
            !gains.any(is_covered)
        })
        .collect()
}
