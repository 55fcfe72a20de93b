//! GF401: shared image is copied.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::manifest::DesiredImage;
use crate::model::{Address, ImageKind, Level, SourceKind};

/// GF401.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF401",
    name: "shared_image_copied",
    title: "Shared image is copied",
    level: Level::Deny,
    docs: "\
### What it checks
An image that another account shares with this one is not copied to another region. It is copied in its own region
(`source.shared`) only if this rule is allowed.

### Why
The service never copies a shared image to another region. For its own region the documentation disagrees: the user page
says that shared images cannot be copied, and the newer API page says that they can, as a new custom image. Allow the
rule if your account can do it. Copies to another region remain refused.

### Example
    source: { shared: { id: img-3c1f0a9b, from: partner } }

### What to do
Ask the owner to share it in the region where it is needed. To copy it in its own region:

    rules: { shared_image_copied: allow }
",
    },
    sources: &[
        RuleSource::Document("213/4941", "shared images cannot be copied"),
        RuleSource::Document("213/15711 SyncImages", "a shared image is copied in its own region only"),
        RuleSource::ErrorCode("InvalidParameterValue.InvalidImageId"),
    ],
    check,
};

/// Returns the kind of the image that a lookup matched, or the kind that it requires if it has not been read.
fn lookup_kind(case: &Case<'_>, image: &DesiredImage) -> Option<ImageKind> {
    let name = &image.lookup.as_ref()?.name;
    let lookup = case.desired.lookups.get(name)?;
    let answer = case.prior.lookups.get(name).and_then(|recorded| recorded.answer(lookup));
    answer.map(|image| image.kind).or(lookup.kind)
}

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let entry = ManifestPath::root().field("images").field(key.as_str());
        let source = entry.field("source");
        let kind = image.source.as_ref().map(|source| &source.kind);
        let by_lookup = image.lookup.as_ref().map(|lookup| format!("lookup.{}", lookup.name));
        if lookup_kind(case, image).is_some_and(|kind| kind != ImageKind::Shared) {
            continue; // reported by `source_not_shared`
        }
        let shared = match kind {
            Some(SourceKind::Shared { id, .. }) => Some(match by_lookup {
                Some(lookup) => format!("{id} ({lookup})"),
                None => id.to_string(),
            }),
            // The image is not known yet, but it is known to be shared.
            None => by_lookup,
            Some(_) => None,
        };
        if let Some(shared) = shared {
            findings.push(
                Finding::about(
                    Address::Image(key.clone()),
                    format!(
                        "image.{key} is a copy of {shared}, which another account shares. The user documentation of \
                         the service forbids that. Its API documentation permits it in the image's own region."
                    ),
                )
                .at(source.field("shared"), "a copy of a shared image")
                .help("If the service permits it for this account:\n\n    rules: { shared_image_copied: allow }"),
            );
        }
        let Some(SourceKind::Adopted(id)) = kind else { continue };
        // Copies are made from the origin.
        if image.copies.is_empty() || case.prior.lent(&image.region, id).is_none() {
            continue;
        }
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} is {id}, which another account shares. It cannot be copied to other regions."
                ),
            )
            .at(entry.field("copies"), "cannot be copied")
            .at(source.field("adopted"), "shared by another account")
            .help("Ask its owner to share it in those regions.")
            .hard(true),
        );
    }
}
