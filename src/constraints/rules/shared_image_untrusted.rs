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
An image that another account shares and that the manifest uses comes from an account that stands under `accounts:`; it
says so (`from:`), and the service agrees where it was asked.

### Why
The provider does not review shared images: what is in them is a matter of trust in who made them. The service itself would let it pass.

### Example
    source: { shared: { id: img-3c1f0a9b } }   # from whom?

### What to do
Name the account, and say that the image must come from it:

    accounts: { partner: \"200000000001\" }
    source: { shared: { id: img-3c1f0a9b, from: partner } }
",
    },
    sources: &[
        RuleSource::Document("213/4941", "shared images are not reviewed"),
        RuleSource::Promise("who made an image that is used is known"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let known: BTreeSet<AccountId> = case.desired.accounts.values().copied().collect();
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
            // What a lookup found was judged with the lookup, but for an account that is named here.
            Some(SourceKind::Shared { id, from }) if image.lookup.is_none() || from.is_some() => {
                let creator = seen(&image.region, id);
                let what = id.to_string();
                judge(&known, &address, &what, *from, creator.as_deref(), &path.field("shared"), findings);
            }
            Some(SourceKind::Adopted(id)) => {
                if let Some(creator) = seen(&image.region, id) {
                    let what = id.to_string();
                    judge(&known, &address, &what, None, Some(&creator), &path.field("adopted"), findings);
                }
            }
            _ => {}
        }
    }
}

/// Judges one image by the account it must come from, and by the one it was seen to come from.
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
            format!("{what} is to come from {from}, and comes from {}.", escape_truncated(seen)),
            "comes from another account".to_owned(),
        ),
        (Some(account), _) | (None, Some(account)) if knows(account) => return,
        (Some(account), _) | (None, Some(account)) => (
            format!(
                "{what} comes from {}, which does not stand under `accounts`. Shared images are not reviewed by the \
                 provider.",
                escape_truncated(account)
            ),
            "from an account without a name".to_owned(),
        ),
        (None, None) => (
            format!(
                "Nothing says which account {what} comes from. Shared images are not reviewed by the provider."
            ),
            "from whom?".to_owned(),
        ),
    };
    findings.push(
        Finding::about(address, detail)
            .at(path.clone().key(), label)
            .help("Name the account, and say that the image must come from it:\n\n    from: partner"),
    );
}
