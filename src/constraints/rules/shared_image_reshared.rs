//! GF402: image of another account is shared.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::manifest::FaultKind;
use crate::model::{Accounts, Address, Level};

/// GF402.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF402",
    name: "shared_image_reshared",
    title: "Image of another account is shared",
    level: Level::Deny,
    docs: "\
### What it checks
Shares name images of this account only. An image of a lookup, or one that another account shares with this one, is not
shared.

### Why
Only the owner can share an image. A copy of it (`source.shared`) is an image of this account and can be shared.

### Example
    shares: [ { image: \"${lookup.ubuntu}\", with: [partner] } ]

### What to do
Ask the owner to share it with those accounts.
",
    },
    sources: &[
        RuleSource::Document("213/4941", "shared images cannot be shared again"),
        RuleSource::Document("213/15710 ModifyImageSharePermission", "only custom images of the account"),
        RuleSource::ErrorCode("UnauthorizedOperation.ImageNotBelongToAccount"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for fault in &case.desired.faults {
        let FaultKind::LookupShared { lookup } = &fault.kind else { continue };
        let lookup = escape_truncated(lookup);
        findings.push(
            Finding::about(
                format!("lookup.{lookup}"),
                format!("lookup.{lookup} is used but not managed. Only the owner of its image can share it."),
            )
            .at(fault.path.clone(), "not an image of this account")
            .help("Ask its owner to share it with those accounts, or share an entry.")
            .hard(fault.is_hard())
            .folded(fault, "not an image of this account"),
        );
    }
    for (key, image) in &case.desired.images {
        if image.shares.values().all(Accounts::is_empty) {
            continue;
        }
        let lent = |(region, id)| Some((case.prior.lent(region, id)?, id));
        let Some((lent, id)) = image.adopted().find_map(lent) else { continue };
        let path = image.share_entries.first().map_or_else(
            || ManifestPath::image(key),
            |entry| ManifestPath::root().field("shares").index(*entry).field("image"),
        );
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} is {id}, which {} shares with this account. Only its owner can share it.",
                    escape_truncated(&lent.creator)
                ),
            )
            .at(path, "shared here")
            .at(
                ManifestPath::root().field("images").field(key.as_str()).field("source").field("adopted"),
                "an image of another account",
            )
            .help("Ask its owner to share it with those accounts."),
        );
    }
}
