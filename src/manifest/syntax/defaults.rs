//! `defaults`: values of all images that do not have their own.

use schemars::JsonSchema;
use serde::Deserialize;

use super::patterns::{REGION_OR_SET, region, replace_orders};
use super::{Adopted, Field, Image, Keep, List, Names, Switch, Text};

/// Values of all images that do not have their own. The keys are those of an image.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::manifest) struct Defaults {
    /// The region where images are built.
    #[schemars(schema_with = "region", example = &"ap-jakarta")]
    pub(in crate::manifest) region: Field<Text>,
    /// Name in the service. It contains `{key}`.
    #[schemars(example = &"{key}-{revision}")]
    pub(in crate::manifest) name: Field<Text>,
    /// Description.
    #[schemars(example = &"{key}, {revision}")]
    pub(in crate::manifest) description: Field<Text>,
    /// Family.
    #[schemars(example = &"golden")]
    pub(in crate::manifest) family: Field<Text>,
    /// Tags. Those of an image are added, and count where both have one.
    #[schemars(extend("examples" = [{ "team": "platform" }]))]
    pub(in crate::manifest) tags: Option<Names<Text>>,
    /// Other regions that images are copied to.
    #[schemars(extend("items" = REGION_OR_SET.text()), example = ["asia"])]
    pub(in crate::manifest) copies: Option<List<Text>>,
    /// How a new generation replaces the old one.
    #[schemars(schema_with = "replace_orders", example = &"create-first")]
    pub(in crate::manifest) replace: Field<Text>,
    /// Earlier generations to keep.
    #[schemars(extend("examples" = [2, { "at_most": 4, "days": 30 }]))]
    pub(in crate::manifest) keep: Field<Keep>,
    /// Whether deprecation marks are set and cleared.
    #[schemars(example = &true)]
    pub(in crate::manifest) deprecate: Field<Switch>,
    /// Whether snapshots are deleted with the image.
    #[schemars(example = &true)]
    pub(in crate::manifest) delete_snapshots: Field<Switch>,
    /// Whether images are never deleted without a successor.
    #[schemars(example = &true)]
    pub(in crate::manifest) protect: Field<Switch>,
}

impl Defaults {
    /// Returns the number of bytes that it adds to an image at most.
    pub(in crate::manifest) fn size(&self) -> usize {
        let text = |field: &Field<Text>| field.value().map_or(0, |text| text.0.len());
        let tags = self.tags.iter().flatten().map(|(key, value)| key.0.len() + text(value));
        let copies = self.copies.iter().flatten().map(|copy| text(copy) + size_of::<Field<Text>>());
        text(&self.name)
            + text(&self.description)
            + text(&self.family)
            + tags.sum::<usize>()
            + copies.sum::<usize>()
    }

    /// Adds the values to an image that does not have its own.
    pub(in crate::manifest) fn apply(&self, image: &mut Image) {
        let Self {
            region,
            name,
            description,
            family,
            tags,
            copies,
            replace,
            keep,
            deprecate,
            delete_snapshots,
            protect,
        } = self;
        let is_adopted = image.source.value().is_some_and(|source| source.adopted.is_present());
        if !is_adopted {
            fill(&mut image.name, name);
        }
        let adopted = image.source.value().and_then(|source| source.adopted.value());
        if adopted.and_then(Adopted::only_region).is_none() {
            fill(&mut image.region, region);
        }
        fill(&mut image.description, description);
        fill(&mut image.family, family);
        fill(&mut image.replace, replace);
        fill(&mut image.deprecate, deprecate);
        fill(&mut image.delete_snapshots, delete_snapshots);
        fill(&mut image.protect, protect);
        match (&mut image.keep, keep) {
            (Field::Value(own), Field::Value(keep)) if own.is_mapping() && keep.is_mapping() => {
                fill(&mut own.at_least, &keep.at_least);
                fill(&mut own.at_most, &keep.at_most);
                fill(&mut own.days, &keep.days);
                fill(&mut own.generations, &keep.generations);
            }
            (own, keep) => fill(own, keep),
        }
        if image.copies.is_none() {
            image.copies.clone_from(copies);
        }
        match (&mut image.tags, tags) {
            (Some(own), Some(tags)) => {
                for (key, value) in tags {
                    own.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            (own @ None, tags) => own.clone_from(tags),
            (Some(_), None) => {}
        }
    }
}

fn fill<T: Clone>(own: &mut Field<T>, default: &Field<T>) {
    if own.is_missing() {
        own.clone_from(default);
    }
}
