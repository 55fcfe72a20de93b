//! GF201: name, description or tag is not allowed.

use std::collections::BTreeSet;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::manifest::DesiredImage;
use crate::model::image::{
    DESCRIPTION_MAX_CHARS, NAME_MAX_CHARS, TAG_KEY_MAX_CHARS, TAG_VALUE_MAX_CHARS, TAGS_MAX,
};
use crate::model::{Address, GenerationNumber, ImageKey, Level, Operation, PlacementKey};

/// GF201.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF201",
    name: "image_name_invalid",
    title: "Name, description or tag is not allowed",
    level: Level::Deny,
    docs: "\
### What it checks
The name of an image has 1 to 60 characters, its description at most 256. An image has at most 50 tags. The key of a tag
has 1 to 127 characters, its value 1 to 255. Keys that begin with `qcs:` or `project:`, and the keys `qcloud`, `tencent`
and `project`, are reserved. Interim names are checked too.

### Why
The service refuses a create, a copy or a change with such a text in the middle of an apply.

### Example
    images:
      web:
        name: \"\"          # empty

### What to do
Shorten the text, or choose another key.
",
    },
    sources: &[
        RuleSource::Document("213/16726 CreateImage", "ImageName: at most 60 characters; ImageDescription: at most 256"),
        RuleSource::Document("651/13334", "limits of tags"),
        RuleSource::ErrorCode("InvalidParameterValue.TooLarge"),
        RuleSource::ErrorCode("InvalidParameter.ValueTooLarge"),
        RuleSource::ErrorCode("InvalidParameterValue.TagKeyNotFound"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    match case.plan {
        Some(view) => {
            // One finding for an entry and a length, in any number of regions.
            let mut judged: BTreeSet<(&ImageKey, usize)> = BTreeSet::new();
            for (_, step) in view.plan.graph.steps() {
                let name = match &step.operation {
                    Operation::Update { set, .. } => set.name.as_ref(),
                    operation => operation.made_name(),
                };
                if let Some(name) = name
                    && judged.insert((&step.at().image, name.chars().count()))
                {
                    judge_name(case, step.at(), name, findings);
                }
            }
        }
        None => {
            for (key, image) in case.desired.images.iter().filter(|(_, image)| !image.keeps_name) {
                let generation = GenerationNumber(1);
                let at = PlacementKey { image: key.clone(), generation, region: image.region.clone() };
                // The revision of an encrypted copy may be another entry's, which is judged there.
                let revision = image.revision().unwrap_or_default();
                judge_name(case, &at, &image.name.of(generation, &revision), findings);
            }
        }
    }
    for (key, image) in &case.desired.images {
        let entry = ManifestPath::root().field("images").field(key.as_str());
        judge_description(key, image, &entry, findings);
        judge_tags(key, image, &entry, findings);
    }
}

fn judge_name(case: &Case<'_>, at: &PlacementKey, name: &str, findings: &mut Findings) {
    let length = name.chars().count();
    if (1..=NAME_MAX_CHARS).contains(&length) {
        return;
    }
    let subject = Address::Image(at.image.clone()).to_string();
    let detail = format!(
        "The name of image.{} has {length} characters. The service accepts 1 to {NAME_MAX_CHARS}.",
        at.image
    );
    let path = ManifestPath::root().field("images").field(at.image.as_str()).field("name");
    let label = if case.desired.images.contains_key(&at.image) { "this name" } else { "" };
    findings.push(Finding::about(subject, detail).at(path, label).help("Choose a shorter name."));
}

fn judge_description(key: &ImageKey, image: &DesiredImage, entry: &ManifestPath, findings: &mut Findings) {
    let length = image.description.as_ref().map_or(0, |text| text.chars().count());
    if length > DESCRIPTION_MAX_CHARS {
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "The description of image.{key} has {length} characters. The service accepts at most \
                     {DESCRIPTION_MAX_CHARS}."
                ),
            )
            .at(entry.field("description"), "this description"),
        );
    }
}

fn judge_tags(key: &ImageKey, image: &DesiredImage, entry: &ManifestPath, findings: &mut Findings) {
    let tags = entry.field("tags");
    let mut found = |place: ManifestPath, label: &str, detail: String| {
        findings.push(Finding::about(Address::Image(key.clone()), detail).at(place, label));
    };
    if image.tags.len() > TAGS_MAX {
        let count = image.tags.len();
        found(
            tags.clone().key(),
            "these tags",
            format!("image.{key} has {count} tags. The service accepts at most {TAGS_MAX}."),
        );
    }
    for (tag, value) in &image.tags {
        let length = tag.chars().count();
        if !(1..=TAG_KEY_MAX_CHARS).contains(&length) {
            found(
                tags.field(tag).key(),
                "this key",
                format!(
                    "A tag key of image.{key} has {length} characters. The tag service accepts 1 to \
                     {TAG_KEY_MAX_CHARS}."
                ),
            );
        }
        if tag.starts_with("qcs:")
            || tag.starts_with("project:")
            || ["qcloud", "tencent", "project"].contains(&tag.as_str())
        {
            found(
                tags.field(tag).key(),
                "a reserved key",
                format!("The tag key `{tag}` of image.{key} is reserved by the tag service."),
            );
        }
        let length = value.chars().count();
        if !(1..=TAG_VALUE_MAX_CHARS).contains(&length) {
            found(
                tags.field(tag),
                "this value",
                format!(
                    "The value of the tag `{tag}` of image.{key} has {length} characters. The tag service accepts \
                     1 to {TAG_VALUE_MAX_CHARS}."
                ),
            );
        }
    }
}
