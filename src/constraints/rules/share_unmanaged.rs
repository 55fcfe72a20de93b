//! GF804: an account that the manifest does not name sees managed images.

use std::collections::{BTreeMap, BTreeSet};

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{AccountId, Address, Level, Region};

/// GF804.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF804",
    name: "share_unmanaged",
    title: "Account that the manifest does not name sees images",
    level: Level::Warn,
    docs: "\
### What it checks
After the plan, every account that sees a managed image is named in the manifest: under `accounts`, or in an entry of
`shares`.

### Why
Somebody shared the image by hand. goldform leaves such a share alone and carries it to later generations, so the account
keeps access that nobody reviewed. The service itself would accept it.

### Example
    # image.web was shared with 299999999999 in the console

### What to do
If the account should have access, name it:

    accounts: { auditor: \"299999999999\" }

Otherwise revoke the share, by hand or with `exclusive: true` in the entry of `shares`.
",
    },
    sources: &[RuleSource::Promise("a share that goldform did not make stays in sight until it is gone or named")],
    check,
};

/// Most regions that the message names.
const MOST_NAMED: usize = 5;

fn check(case: &Case<'_>, findings: &mut Findings) {
    let desired = case.desired;
    let shared =
        desired.images.values().flat_map(|image| image.shares.values()).flat_map(|accounts| accounts.iter());
    let known: BTreeSet<AccountId> = desired.named_accounts().chain(shared).collect();
    let mut seen: BTreeMap<AccountId, (Vec<Address>, BTreeSet<Region>)> = BTreeMap::new();
    for (at, placement) in case.prior.placements() {
        if placement.unmanaged.is_empty() || case.plan.is_some_and(|view| view.is_deleted(&at)) {
            continue;
        }
        let stays = case.plan.map_or_else(|| placement.everyone(), |view| view.accounts_after(&at));
        for account in placement.unmanaged.iter().filter(|is| stays.contains(*is) && !known.contains(is)) {
            let (images, regions) = seen.entry(account).or_default();
            images.push(Address::Placement(at.clone()));
            regions.insert(at.region.clone());
        }
    }
    for (account, (images, regions)) in seen {
        let named: Vec<&str> = regions.iter().take(MOST_NAMED).map(Region::as_str).collect();
        let more = match regions.len().saturating_sub(named.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = match images.as_slice() {
            [one] => one.to_string(),
            several => format!("{} images in {}{more}", several.len(), named.join(", ")),
        };
        findings.push(
            Finding::about(account, format!("{account} sees {what}, and the manifest does not name it."))
                .at(ManifestPath::root().field("shares").key(), "does not name this account")
                .help(format!(
                "If the account should have access, name it. Otherwise revoke the share.\n\n    accounts: {{ NAME: \
                 \"{account}\" }}"
            )),
        );
    }
}
