//! GF801: shared image comes from an unknown account.

use std::collections::BTreeSet;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::model::{AccountId, Address, ImageId, ImageKind, Level, Region, SourceKind};

/// GF801.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF801",
    name: "shared_image_untrusted",
    title: "Shared image comes from an unknown account",
    level: Level::Warn,
    docs: "\
### What it checks
An image that another account shares comes from an account under `accounts:`. The manifest names the account (`from:`),
and the service reports the same one if the image was read.

### Why
The provider does not review shared images, so their content is only as trustworthy as the account that created them.
The service itself would accept it.

### Example
    source: { shared: { id: img-3c1f0a9b } }   # from an unknown account

### What to do
Declare the account, and require that the image comes from it:

    accounts: { partner: \"200000000001\" }
    source: { shared: { id: img-3c1f0a9b, from: partner } }
",
    },
    sources: &[
        RuleSource::Document("213/4941", "shared images are not reviewed"),
        RuleSource::Promise("the account behind every image is known"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let known: BTreeSet<AccountId> = case.desired.named_accounts().collect();
    for (name, lookup) in &case.desired.lookups {
        let path = ManifestPath::root().field("lookups").field(name.as_str());
        let answer = case.prior.lookups.get(name).and_then(|recorded| recorded.answer(lookup));
        let is_shared = match answer {
            Some(image) => image.kind == ImageKind::Shared,
            None => lookup.kind == Some(ImageKind::Shared),
        };
        if is_shared {
            let seen = answer.map(|image| image.creator.as_str());
            let what = Address::Lookup(name.clone());
            judge(&known, &what, &what.to_string(), lookup.from, seen, &path, findings);
        }
    }
    for (key, image) in &case.desired.images {
        let path = ManifestPath::root().field("images").field(key.as_str()).field("source");
        let address = Address::Image(key.clone());
        let seen = |region: &Region, id: &ImageId| case.prior.lent(region, id).map(|lent| lent.creator);
        match image.source.as_ref().map(|source| &source.kind) {
            // An image of a lookup is checked with the lookup, unless the entry requires an account.
            Some(SourceKind::Shared { id, from }) if image.lookup.is_none() || from.is_some() => {
                let creator = seen(&image.region, id);
                let what = id.to_string();
                judge(&known, &address, &what, *from, creator.as_deref(), &path.field("shared"), findings);
            }
            Some(SourceKind::Adopted(_)) => {
                for (creator, id) in image.adopted().filter_map(|(region, id)| Some((seen(region, id)?, id)))
                {
                    let what = id.to_string();
                    judge(&known, &address, &what, None, Some(&creator), &path.field("adopted"), findings);
                }
            }
            _ => {}
        }
    }
}

/// Checks the account that an image must come from (`from`) and the one that the service reported (`seen`).
fn judge(
    known: &BTreeSet<AccountId>,
    address: &Address,
    what: &str,
    from: Option<AccountId>,
    seen: Option<&str>,
    path: &ManifestPath,
    findings: &mut Findings,
) {
    let knows = |account: &str| account.parse().is_ok_and(|account: AccountId| known.contains(&account));
    let from = from.map(|account| account.to_string());
    let (detail, label) = match (from.as_deref(), seen) {
        (Some(from), Some(seen)) if from != seen => (
            format!("{what} must come from {from}, but comes from {}.", escape_truncated(seen)),
            "comes from another account".to_owned(),
        ),
        (Some(account), _) | (None, Some(account)) if knows(account) => return,
        (Some(account), _) | (None, Some(account)) => (
            format!(
                "{what} comes from {}, which is not declared under `accounts`. The provider does not review shared \
                 images.",
                escape_truncated(account)
            ),
            "from an undeclared account".to_owned(),
        ),
        (None, None) => (
            format!(
                "The account that {what} comes from is not known. The provider does not review shared images."
            ),
            "from an unknown account".to_owned(),
        ),
    };
    findings.push(
        Finding::about(address, detail)
            .at(path.clone().key(), label)
            .help("Declare the account, and require that the image comes from it:\n\n    from: partner"),
    );
}
