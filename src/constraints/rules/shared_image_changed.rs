//! GF403: shared image is changed.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::manifest::DesiredImage;
use crate::model::{Address, GenerationNumber, Level};
use crate::state::SharedInImage;

/// GF403.
pub(super) static RULE: Rule = Rule {
    code: Code {
        id: "GF403",
        name: "shared_image_changed",
        title: "Shared image is changed",
        level: Level::Deny,
        docs: "\
### What it checks
The manifest changes no name, description, family or tag of an image that another account shares with this one.

### Why
Only the owner can change an image.

### Example
    web: { region: ap-jakarta, description: ours, source: { adopted: img-3c1f0a9b } }   # which partner shares

### What to do
Remove the attributes, or copy the image and set them on the copy.
",
    },
    sources: &[
        RuleSource::Document("213/15713 ModifyImageAttribute", "shared images cannot be changed"),
        RuleSource::ErrorCode("UnsupportedOperation.SharedImageModifyUnsupported"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let lent = |(region, id)| Some((case.prior.lent(region, id)?, id));
        let Some((lent, id)) = image.adopted().find_map(lent) else { continue };
        let entry = ManifestPath::root().field("images").field(key.as_str());
        for (field, text) in changes(image, &lent) {
            let path = entry.field(field);
            findings.push(
                Finding::about(
                    Address::Image(key.clone()),
                    format!(
                        "image.{key} is {id}, which {} shares with this account: its {field} cannot be changed{text}.",
                        escape_truncated(&lent.creator)
                    ),
                )
                .at(path, "would be changed")
                .at(entry.field("source").field("adopted"), "an image of another account")
                .help("Remove it, or ask the owner to change the image."),
            );
        }
    }
}

/// Returns the attributes that the manifest would change, with a description of the change.
fn changes(image: &DesiredImage, lent: &SharedInImage) -> Vec<(&'static str, String)> {
    let mut changes = Vec::new();
    let name = image.name.of(GenerationNumber(1), &image.revision().unwrap_or_default());
    if !image.keeps_name && name != lent.name {
        changes.push((
            "name",
            format!(" from `{}` to `{}`", escape_truncated(&lent.name), escape_truncated(&name)),
        ));
    }
    for (field, is_set) in [
        ("description", image.description.is_some()),
        ("family", image.family.is_some()),
        ("tags", !image.tags.is_empty()),
    ] {
        if is_set {
            changes.push((field, String::new()));
        }
    }
    changes
}
