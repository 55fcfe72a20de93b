//! GF504: this kind of image cannot be shared.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Accounts, Address, Level, SourceKind};

/// GF504.
pub(super) static RULE: Rule = Rule {
    code: Code {
        id: "GF504",
        name: "share_kind_refused",
        title: "This kind of image cannot be shared",
        level: Level::Deny,
        docs: "\
### What it checks
No encrypted image, whole-machine image (with data disks) or image with your own licence (BYOL) is shared.

### Why
The service does not share them.

### Example
    source: { encrypted: { image: web } }
    …
    shares: [ { image: web-encrypted, with: [partner] } ]

### What to do
Remove the share, or share an image of another kind.
",
    },
    sources: &[
        RuleSource::Document("213/15710 ModifyImageSharePermission", "error codes"),
        RuleSource::ErrorCode("UnsupportedOperation.EncryptedImagesNotSupported"),
        RuleSource::ErrorCode("InvalidParameter.InstanceImageNotSupport"),
        RuleSource::ErrorCode("FailedOperation.BYOLImageShareFailed"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        if image.shares.values().all(Accounts::is_empty) {
            continue;
        }
        let Some(source) = &image.source else { continue };
        let licence = match &source.kind {
            SourceKind::Import { license: Some(license), .. } => license.as_str(),
            _ => "",
        };
        let kind = if source.is_encrypted() {
            "an encrypted image"
        } else if source.is_whole_machine() {
            "a whole-machine image (one with data disks)"
        } else if licence.eq_ignore_ascii_case("BYOL") {
            "an image with your own licence (BYOL)"
        } else {
            continue;
        };
        let path = image.share_entries.first().map_or_else(
            || ManifestPath::image(key),
            |entry| ManifestPath::root().field("shares").index(*entry).field("image"),
        );
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!("image.{key} is {kind}, which the service does not share."),
            )
            .at(path, "shared here")
            .at(
                ManifestPath::root().field("images").field(key.as_str()).field("source").key(),
                "built from this",
            ),
        );
    }
}
