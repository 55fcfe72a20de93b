//! The manifest as it is written: plain serde structs, from which the JSON Schema is generated too.
//!
//! The comments on fields are what editors show; they are written for people who write manifests.
//!
//! Every key may be left out here; what a manifest must have is judged when it is resolved, so that one
//! missing key does not hide the other problems. Enumerations are text here, since a variable may stand in any
//! text. No enum that holds data, no `flatten`, no `untagged`: each loses positions.

mod field;
mod patterns;
mod scalar;
mod source;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use patterns::{
    ACCOUNT, ACCOUNT_NAME, ACCOUNT_OR_NAME, KEY, REGION, VARIABLE, account, account_or_name, address,
    architectures, bits, endpoint, key, kinds, levels, providers, region, replace_orders, shared_image_edits,
    sites, state, version,
};

pub(super) use field::Field;
pub(super) use patterns::REFERENCES;
pub(super) use scalar::{Keep, Number, Switch, TagKey, Text};
pub(super) use source::{Encrypted, Import, Instance, Shared, Source};

/// A list. An item that cannot be read keeps its place.
pub(super) type List<T> = Vec<Field<T>>;
/// A mapping of names that the user chooses.
pub(super) type Names<T> = BTreeMap<Text, Field<T>>;

/// Golden images, the regions they must exist in, and the accounts they are shared with.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "goldform manifest")]
pub(super) struct Manifest {
    /// The version of this format: 1. Required in the first file.
    #[schemars(schema_with = "version", example = &1)]
    pub(super) version: Field<Number>,
    /// The account that owns the images: its main account id (UIN), in quotes.
    #[schemars(schema_with = "account", example = &"100000000001")]
    pub(super) account: Field<Text>,
    /// Which service, and how to reach it. Default: the sandbox, which needs no account and no network.
    #[schemars(extend("examples" = [{ "provider": "sandbox" }]))]
    pub(super) cloud: Option<Cloud>,
    /// Where the recorded state is kept: a file, relative to the manifest, or `s3://bucket/key` for one that a
    /// team shares.
    #[schemars(schema_with = "state", extend("default" = "goldform.state.json"))]
    pub(super) state: Field<Text>,
    /// Values from outside of the manifest: `${name}` in any text is replaced by one.
    #[schemars(extend("propertyNames" = VARIABLE.key(), "examples" = [{ "build": { "default": "ins-8f3a1c2d", "description": "the instance that was prepared" } }]))]
    pub(super) variables: Option<Names<Option<Variable>>>,
    /// Names for accounts, to be used under `shares`. A name holds at least one letter; ids are quoted.
    #[schemars(extend(
        "propertyNames" = ACCOUNT_NAME.key(), "additionalProperties" = ACCOUNT.text(),
        "examples" = [{ "partner": "200000000001" }]
    ))]
    pub(super) accounts: Option<Names<Text>>,
    /// Limits of your account, where they differ from those that the service reported or documents.
    #[schemars(extend("examples" = [{ "images_per_region": 10, "accounts_per_image": 50 }]))]
    pub(super) limits: Option<Limits>,
    /// Regions that goldform does not know yet, by their code.
    #[schemars(extend("propertyNames" = REGION.key(), "examples" = [{ "ap-osaka": { "mainland": false } }]))]
    pub(super) regions: Option<Names<RegionEntry>>,
    /// What is done when a rule is broken, by the rule's name; `goldform explain` lists the rules.
    #[schemars(extend("examples" = [{ "share_gap": "deny" }]))]
    pub(super) rules: Option<Names<LevelText>>,
    /// The images, by a key of your choice (letters, digits, `-`, `_`, `.`).
    #[schemars(extend("propertyNames" = KEY.key(), "examples" = [{
        "web-base": { "region": "ap-jakarta", "source": { "instance": { "id": "ins-8f3a1c2d" } } }
    }]))]
    pub(super) images: Option<Names<Image>>,
    /// Which images are shared with which accounts, in which regions.
    #[schemars(extend("examples" = [[{ "image": "web-base", "with": ["200000000001"] }]]))]
    pub(super) shares: Option<List<Share>>,
    /// Images that are used but not managed, by a name of your choice: `${lookup.NAME}` is the id that
    /// was found.
    #[schemars(extend("propertyNames" = KEY.key(), "examples" = [{
        "ubuntu": { "region": "ap-jakarta", "type": "public", "os": "Ubuntu", "newest": true }
    }]))]
    pub(super) lookups: Option<Names<Lookup>>,
    /// Entries that were renamed. Nothing is rebuilt.
    #[schemars(extend("examples" = [[{ "from": "image.web", "to": "image.web-base" }]]))]
    pub(super) renames: Option<List<Rename>>,
}

impl Manifest {
    /// The bytes of the longest key that the user chose.
    pub(super) fn longest_key(&self) -> usize {
        fn longest<T>(names: Option<&Names<T>>) -> usize {
            names.into_iter().flatten().map(|(name, _)| name.0.len()).max().unwrap_or_default()
        }
        let regions = self.limits.as_ref().and_then(|limits| limits.regions.as_ref());
        let images = || self.images.iter().flatten().filter_map(|(_, image)| image.value());
        [
            longest(self.variables.as_ref()),
            longest(self.accounts.as_ref()),
            longest(self.regions.as_ref()),
            longest(self.rules.as_ref()),
            longest(self.images.as_ref()),
            longest(self.lookups.as_ref()),
            longest(regions),
            images().map(|image| longest(image.tags.as_ref())).max().unwrap_or_default(),
        ]
        .into_iter()
        .max()
        .unwrap_or_default()
    }
}

/// Which service, and how to reach it.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Cloud {
    /// `sandbox`: a local simulator. `tencent`: Tencent Cloud.
    #[schemars(schema_with = "providers", extend("default" = "sandbox"))]
    pub(super) provider: Field<Text>,
    /// The sandbox's world.
    #[schemars(extend("examples" = [{ "world": "goldform.world.db" }]))]
    pub(super) sandbox: Option<Sandbox>,
    /// Tencent Cloud: `international` or `mainland`.
    #[schemars(schema_with = "sites", extend("default" = "international"))]
    pub(super) site: Field<Text>,
    /// One address for every service, instead of the provider's own.
    #[schemars(schema_with = "endpoint", example = &"http://127.0.0.1:8787")]
    pub(super) endpoint: Field<Text>,
    /// The profile of the official command line (`~/.tccli`) whose credentials are used.
    #[schemars(example = &"default")]
    pub(super) profile: Field<Text>,
    /// The key of the tag that is put on what goldform makes; `false`: no tag.
    #[schemars(extend("default" = "goldform"))]
    pub(super) ownership_tag: Field<TagKey>,
    /// Whether you can change an image while it is shared. The service's documents disagree; set `refused` if
    /// the service refused such a change, and images are unshared for the time of the change.
    #[schemars(schema_with = "shared_image_edits", extend("default" = "allowed"))]
    pub(super) shared_image_edits: Field<Text>,
}

/// The sandbox's world.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sandbox {
    /// The file of its world, relative to the state. Default: `goldform.world.db`.
    #[schemars(example = &"goldform.world.db")]
    pub(super) world: Field<Text>,
    /// The limits of its world.
    #[schemars(extend("examples" = [{ "images_per_region": 10, "accounts_per_image": 50 }]))]
    pub(super) quotas: Option<Quotas>,
}

/// The limits of the sandbox's world.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Quotas {
    /// Custom images per region.
    #[schemars(example = 10)]
    pub(super) images_per_region: Field<Number>,
    /// Accounts that one image may be shared with.
    #[schemars(example = 50)]
    pub(super) accounts_per_image: Field<Number>,
}

/// A variable. It is given by `--var NAME=VALUE`, `--var-file`, or `GOLDFORM_VAR_NAME` in the environment.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("if" = { "required": ["sensitive"], "properties": { "sensitive": { "const": true } } },
    "then" = { "properties": { "default": { "maxLength": 0 } } }))]
pub(super) struct Variable {
    /// The value where none is given.
    #[schemars(example = &"ins-8f3a1c2d")]
    pub(super) default: Field<Text>,
    /// What it is for.
    #[schemars(example = &"the instance that was prepared")]
    pub(super) description: Field<Text>,
    /// A secret: allowed in `import.query` only, and is never stored, shown or planned with its text.
    #[schemars(extend("default" = false))]
    pub(super) sensitive: Field<Switch>,
}

/// Limits of your account.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Custom images per region. The documents say 10.
    #[schemars(example = 10)]
    pub(super) images_per_region: Field<Number>,
    /// Accounts that one image may be shared with. The documents say 50.
    #[schemars(example = 50)]
    pub(super) accounts_per_image: Field<Number>,
    /// Limits of single regions, by region.
    #[schemars(extend("propertyNames" = REGION.key(), "examples" = [{ "ap-jakarta": { "images": 8 } }]))]
    pub(super) regions: Option<Names<RegionLimits>>,
}

/// Limits of one region.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RegionLimits {
    /// Custom images in this region.
    #[schemars(example = 8)]
    pub(super) images: Field<Number>,
}

/// What is known about a region.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["mainland"]))]
pub(super) struct RegionEntry {
    /// Whether it belongs to the Chinese mainland: images cannot be copied across that border.
    #[schemars(example = &false)]
    pub(super) mainland: Field<Switch>,
    /// Its name, for people. Default: its code.
    #[schemars(example = &"Northeast Asia (Osaka)")]
    pub(super) title: Field<Text>,
    /// Whether images can be copied to it.
    #[schemars(extend("default" = true))]
    pub(super) copy_target: Field<Switch>,
}

/// What is done when a rule is broken.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(schema_with = "levels", inline)]
pub(super) struct LevelText(pub(super) Text);

/// A golden image.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["region", "source"]))]
pub(super) struct Image {
    /// The region where it is made.
    #[schemars(schema_with = "region", example = &"ap-jakarta")]
    pub(super) region: Field<Text>,
    /// Its name in the service, unique in a region. Default: the key. `{generation}` is the number of
    /// the build and makes replacement safe: the new image exists beside the old one under a name of its own.
    #[schemars(example = &"web-base-{generation}")]
    pub(super) name: Field<Text>,
    /// Its description. Left out: not managed; `""` empties it.
    #[schemars(example = &"Hardened Ubuntu 22.04 with nginx")]
    pub(super) description: Field<Text>,
    /// Its family. Left out: not managed; `""` empties it.
    #[schemars(example = &"web")]
    pub(super) family: Field<Text>,
    /// Its tags. Only the keys that are named here, or were before, are managed.
    #[schemars(extend("examples" = [{ "team": "platform" }]))]
    pub(super) tags: Option<Names<Text>>,
    /// What it is made from: exactly one of the kinds.
    #[schemars(extend("examples" = [{ "instance": { "id": "ins-8f3a1c2d" } }]))]
    pub(super) source: Field<Source>,
    /// The other regions it must exist in.
    #[schemars(extend("items" = REGION.text()), example = ["ap-singapore", "ap-tokyo"])]
    pub(super) copies: Option<List<Text>>,
    /// How a new generation takes the place of the old one. `auto`: created first, deleted first only where
    /// there is no room for both.
    #[schemars(schema_with = "replace_orders", extend("default" = "auto"))]
    pub(super) replace: Field<Text>,
    /// Earlier generations to keep: a number, or a mapping. `generations`: how many are always kept. `days`: others are
    /// kept for so many days after a newer one took their place.
    #[schemars(extend("default" = 0, "examples" = [2, { "generations": 2, "days": 30 }]))]
    pub(super) keep: Field<Keep>,
    /// Mark earlier generations as deprecated once a newer one is ready, and clear the mark of the current one.
    /// `false`: the mark is never touched.
    #[schemars(extend("default" = true))]
    pub(super) deprecate: Field<Switch>,
    /// Delete its snapshots with it. Default: true where the service made them for the image, copies included; false for
    /// images made from named `snapshots` and for the `adopted` image itself.
    #[schemars(example = &true)]
    pub(super) delete_snapshots: Field<Switch>,
    /// Never delete it without a successor in place, even when this entry is removed.
    #[schemars(extend("default" = false))]
    pub(super) protect: Field<Switch>,
}

/// An image that is shared with accounts.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["image", "with"]))]
pub(super) struct Share {
    /// The key of an entry under `images`.
    #[schemars(schema_with = "key", example = &"web-base")]
    pub(super) image: Field<Text>,
    /// The accounts: names from `accounts`, or quoted main account ids.
    #[schemars(extend("items" = ACCOUNT_OR_NAME.text()), example = ["partner", "200000000002"])]
    pub(super) with: Field<List<Text>>,
    /// The regions. Default: every region the image is in.
    #[schemars(extend("items" = REGION.text()), example = ["ap-jakarta"])]
    pub(super) regions: Option<List<Text>>,
    /// Also revoke shares that goldform did not make.
    #[schemars(extend("default" = false))]
    pub(super) exclusive: Field<Switch>,
}

/// Selects an image that is used but not managed.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["region"], "if" = { "required": ["from"] }, "then" = {
    "required": ["type"],
    "properties": { "type": { "anyOf": [{ "const": "shared" }, { "pattern": r"\$\{" }] } }
}))]
pub(super) struct Lookup {
    /// The region to look in.
    #[schemars(schema_with = "region", example = &"ap-jakarta")]
    pub(super) region: Field<Text>,
    /// `public`, `shared` or `custom`.
    #[serde(rename = "type")]
    #[schemars(schema_with = "kinds", example = &"public")]
    pub(super) kind: Field<Text>,
    /// The operating system, or text of it.
    #[schemars(example = &"Ubuntu")]
    pub(super) os: Field<Text>,
    /// 32 or 64.
    #[schemars(schema_with = "bits", example = &64)]
    pub(super) bits: Field<Number>,
    /// `x86_64`, `i386` or `arm`.
    #[schemars(schema_with = "architectures", example = &"x86_64")]
    pub(super) architecture: Field<Text>,
    /// Text that the name must hold.
    #[schemars(example = &"22.04")]
    pub(super) name: Field<Text>,
    /// Take the newest of several. Without it, several are an error that lists them.
    #[schemars(extend("default" = false))]
    pub(super) newest: Field<Switch>,
    /// `type: shared` only: the account it must come from, a name or a quoted id.
    #[schemars(schema_with = "account_or_name", example = &"partner")]
    pub(super) from: Field<Text>,
}

/// An entry that was renamed.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["from", "to"]))]
pub(super) struct Rename {
    /// Its old address.
    #[schemars(schema_with = "address", example = &"image.web")]
    pub(super) from: Field<Text>,
    /// Its new address.
    #[schemars(schema_with = "address", example = &"image.web-base")]
    pub(super) to: Field<Text>,
}
