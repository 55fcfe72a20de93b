//! GF706: many accounts would lose their last image of an entry.

use std::collections::{BTreeMap, BTreeSet};

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Reason;
use crate::model::{Accounts, Address, ImageKey, Level, PlacementKey, Region};
use crate::plan::PlanView;

/// GF706.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF706",
    name: "mass_unshare",
    title: "Many accounts would lose their image",
    level: Level::Deny,
    docs: "\
### What it checks
After the plan, at most 30 % of the accesses that exist now are gone, or fewer than five. An access is one account that
sees an image of an entry in a region. An account that sees another generation there keeps its access. `destroy` does
not count.

### Why
One removed line of `shares` can take the images of an entry from every customer in every region.
The service itself would accept it.

### Example
    shares: []                         # two images are shared with three accounts each

### What to do
If the accounts should lose the images, allow it for this run:

    goldform apply --allow mass_unshare
",
    },
    sources: &[
        RuleSource::Promise("more than 30 % and at least 5 accesses are not ended at once by accident"),
        RuleSource::Document("213/7148", "recipients lose access to the image at once"),
    ],
    check,
};

/// Number of lost accesses from which the rule applies.
const LEAST: usize = 5;
/// Percentage of the accesses above which the rule applies.
const PERCENT: usize = 30;
/// Most places that the message names.
const MOST_NAMED: usize = 5;

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    let mut before: BTreeMap<(ImageKey, Region), Accounts> = BTreeMap::new();
    for (at, placement) in case.prior.placements().filter(|(_, placement)| placement.is_normal()) {
        let accounts = before.entry((at.image, at.region)).or_insert(Accounts::EMPTY);
        *accounts = accounts.joined(&placement.everyone());
    }
    let all: usize = before.values().map(Accounts::len).sum();
    let mut touched: BTreeMap<(&ImageKey, &Region), Vec<&PlacementKey>> = BTreeMap::new();
    for at in view.touched() {
        touched.entry((&at.image, &at.region)).or_default().push(at);
    }
    let mut lost: Vec<(Address, usize)> = Vec::new();
    let mut accounts = BTreeSet::new();
    for ((image, region), touched) in touched {
        let Some(before) = before.get(&(image.clone(), region.clone())) else { continue };
        let is_asked = |at: &&PlacementKey| view.steps_at(at).any(|(_, step)| step.reason == Reason::Destroy);
        if touched.iter().any(is_asked) {
            continue;
        }
        let gone = before.without(&accounts_after(view, image, region, &touched));
        if !gone.is_empty() {
            accounts.extend(gone.iter());
            lost.push((Address::InRegion(image.clone(), region.clone()), gone.len()));
        }
    }
    let number: usize = lost.iter().map(|(_, accounts)| accounts).sum();
    if number < LEAST || number.saturating_mul(100) <= all.saturating_mul(PERCENT) {
        return;
    }
    let named: Vec<String> =
        lost.iter().take(MOST_NAMED).map(|(at, number)| format!("{at} ({number})")).collect();
    let more = match lost.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    findings.push(
        Finding::about(
            "shares",
            format!(
                "{number} of {all} accesses would end, of {} {}: {}{more}.",
                accounts.len(),
                if accounts.len() == 1 { "account" } else { "accounts" },
                named.join(", "),
            ),
        )
        .at(ManifestPath::root().field("shares").key(), "the remaining shares")
        .help(
            "If the accounts should lose these images, allow it for this run:\n\n    goldform apply --allow \
             mass_unshare",
        ),
    );
}

/// Returns the accounts that see an image of an entry in a region after the plan.
fn accounts_after(
    view: &PlanView<'_>,
    image: &ImageKey,
    region: &Region,
    touched: &[&PlacementKey],
) -> Accounts {
    let recorded = view.prior.images.get(image).into_iter().flat_map(|recorded| &recorded.generations);
    let recorded =
        recorded.filter(|(_, build)| build.placements.contains_key(region)).map(|(generation, _)| {
            PlacementKey { image: image.clone(), generation: *generation, region: region.clone() }
        });
    let places: BTreeSet<PlacementKey> = recorded.chain(touched.iter().map(|at| (*at).clone())).collect();
    let stays = |at: &&PlacementKey| !view.is_deleted(at);
    places.iter().filter(stays).fold(Accounts::EMPTY, |all, at| all.joined(&view.accounts_after(at)))
}
