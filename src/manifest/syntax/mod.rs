//! Syntax of the manifest: plain serde structs, from which the JSON Schema is generated too.
//!
//! Editors show the comments on fields, so they are written for people who write manifests.
//!
//! All keys are optional here. Required keys are checked when the manifest is resolved, so that a missing key does not hide
//! other problems. Enumerations are text, since any text may have a variable. There are no enums with data, no `flatten`
//! and no `untagged`, since each of them loses positions.

mod defaults;
mod either;
mod extensions;
mod field;
mod patterns;
mod scalar;
mod source;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use patterns::{
    ACCOUNT_NAME, ACCOUNT_OR_NAME, KEY, REGION, REGION_OR_SET, VARIABLE, account, account_or_name, address,
    architectures, bits, domain, endpoint, key, kinds, levels, providers, region, replace_orders,
    shared_image_edits, sites, state, version,
};

pub(super) use defaults::Defaults;
pub(super) use either::{AccountEntry, Adopted, ImageSelector, RegionOrSet};
pub(super) use extensions::PREFIX as EXTENSION_PREFIX;
pub(super) use field::Field;
pub(super) use patterns::REFERENCES;
pub(super) use scalar::{Keep, Number, Switch, TagKey, Text};
pub(super) use source::{Encrypted, Import, Instance, Shared, Source};

/// List. An invalid item keeps its position.
pub(super) type List<T> = Vec<Field<T>>;
/// Mapping from names that the user chooses.
pub(super) type Names<T> = BTreeMap<Text, Field<T>>;

/// Golden images, the regions they must exist in, and the accounts they are shared with.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields, default)]
#[schemars(title = "goldform manifest", extend("patternProperties" = { "^x-": true }))]
pub(super) struct Manifest {
    /// The version of this format: 1. Required in one file, the root: other files are parts of it.
    #[schemars(schema_with = "version", example = &1)]
    pub(super) version: Field<Number>,
    /// Further files and directories of the manifest, relative to this file and inside the work tree. A file may be YAML or
    /// JSON; it includes no others. A directory means all YAML files below it.
    #[schemars(example = ["../images", "customers.json"])]
    pub(super) include: Option<List<Text>>,
    /// The account that owns the images: its main account id (UIN), in quotes.
    #[schemars(schema_with = "account", example = &"100000000001")]
    pub(super) account: Field<Text>,
    /// The image service, and how to reach it. Default: the sandbox, which needs no account and no network.
    #[schemars(extend("examples" = [{ "provider": "sandbox" }]))]
    pub(super) cloud: Option<Cloud>,
    /// Location of the state: a file, relative to the manifest, or `s3://bucket/key` or `cos://bucket/key` for a state
    /// that a team shares.
    #[schemars(schema_with = "state", extend("default" = "goldform.state.json"))]
    pub(super) state: Field<Text>,
    /// Values from outside of the manifest, by name. They replace `${name}` in any text.
    #[schemars(extend("propertyNames" = VARIABLE.key(), "examples" = [{ "build": { "default": "ins-8f3a1c2d", "description": "the instance that was prepared" } }]))]
    pub(super) variables: Option<Names<Option<Variable>>>,
    /// Names for accounts and for groups of them, for use under `shares`. A name has at least one letter. Ids are in quotes.
    /// The members of a group are names, other groups and ids.
    #[schemars(extend(
        "propertyNames" = ACCOUNT_NAME.key(),
        "examples" = [{ "partner": "200000000001", "customers": ["partner", "200000000003"] }]
    ))]
    pub(super) accounts: Option<Names<AccountEntry>>,
    /// Limits of your account, if they differ from those that the service reports or documents.
    #[schemars(extend("examples" = [{ "images_per_region": 10, "accounts_per_image": 50 }]))]
    pub(super) limits: Option<Limits>,
    /// Sets of regions, by a name of your choice, and regions that goldform does not know yet, by code. A set is a list; it can
    /// be used wherever a list of regions is. A region is a mapping.
    #[schemars(extend(
        "propertyNames" = KEY.key(),
        "examples" = [{ "asia": ["ap-jakarta", "ap-tokyo"], "ap-osaka": { "mainland": false } }]
    ))]
    pub(super) regions: Option<Names<RegionOrSet>>,
    /// Levels of rules, by name. `goldform explain` lists the rules.
    #[schemars(extend("examples" = [{ "share_gap": "deny" }]))]
    pub(super) rules: Option<Names<LevelText>>,
    /// Values of all images that do not have their own: every key of an image except `source` and `pin`. An image's own value
    /// counts; mappings are merged and lists are replaced. A `name` contains `{key}`, and is not used for adopted images.
    #[schemars(extend("examples" = [{ "region": "ap-jakarta", "keep": 2 }]))]
    pub(super) defaults: Option<Defaults>,
    /// The images, by a key of your choice (letters, digits, `-`, `_`, `.`).
    #[schemars(extend("propertyNames" = KEY.key(), "examples" = [{
        "web-base": { "region": "ap-jakarta", "source": { "instance": { "id": "ins-8f3a1c2d" } } }
    }]))]
    pub(super) images: Option<Names<Image>>,
    /// Shares: an image, the accounts it is shared with, and the regions.
    #[schemars(extend("examples" = [[{ "image": "web-base", "with": ["200000000001"] }]]))]
    pub(super) shares: Option<List<Share>>,
    /// Images that are used but not managed, by a name of your choice. `${lookup.NAME}` is the id of the image that is
    /// found.
    #[schemars(extend("propertyNames" = KEY.key(), "examples" = [{
        "ubuntu": { "region": "ap-jakarta", "type": "public", "os": "Ubuntu", "newest": true }
    }]))]
    pub(super) lookups: Option<Names<Lookup>>,
    /// Renamed entries, which are not rebuilt.
    #[schemars(extend("examples" = [[{ "from": "image.web", "to": "image.web-base" }]]))]
    pub(super) renames: Option<List<Rename>>,
}

impl Manifest {
    /// Returns the length of the longest key that the user chose, in bytes.
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

/// Image service, and how to reach it.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Cloud {
    /// `sandbox`: a local simulator. `tencent`: Tencent Cloud.
    #[schemars(schema_with = "providers", extend("default" = "sandbox"))]
    pub(super) provider: Field<Text>,
    /// World of the sandbox.
    #[schemars(extend("examples" = [{ "world": "goldform.world.db" }]))]
    pub(super) sandbox: Option<Sandbox>,
    /// Tencent Cloud: `international` or `mainland`.
    #[schemars(schema_with = "sites", extend("default" = "international"))]
    pub(super) site: Field<Text>,
    /// Address of all services, instead of the provider's own.
    #[schemars(schema_with = "endpoint", example = &"http://127.0.0.1:8787")]
    pub(super) endpoint: Field<Text>,
    /// Root domain of the services' hosts (`cvm.DOMAIN`, `tag.DOMAIN`, …), for a network that reaches them by other names.
    /// Excludes `endpoint`.
    #[schemars(schema_with = "domain", example = &"internal.tencentcloudapi.com")]
    pub(super) domain: Field<Text>,
    /// The profile of the official command line (`~/.tccli`) whose credentials are used.
    #[schemars(example = &"default")]
    pub(super) profile: Field<Text>,
    /// The key of the tag that marks what goldform creates, or `false` for no tag.
    #[schemars(extend("default" = "goldform"))]
    pub(super) ownership_tag: Field<TagKey>,
    /// Whether an image can be changed while it is shared. The service's documents disagree. With `refused`, images are
    /// unshared during a change.
    #[schemars(schema_with = "shared_image_edits", extend("default" = "allowed"))]
    pub(super) shared_image_edits: Field<Text>,
}

/// World of the sandbox.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sandbox {
    /// The file of the world, relative to the state. Default: `goldform.world.db`.
    #[schemars(example = &"goldform.world.db")]
    pub(super) world: Field<Text>,
    /// Limits of the world, which plans keep as well.
    #[schemars(extend("examples" = [{ "images_per_region": 10, "accounts_per_image": 50 }]))]
    pub(super) quotas: Option<Quotas>,
}

/// Limits of the world of the sandbox.
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
    /// The value if no other is given.
    #[schemars(example = &"ins-8f3a1c2d")]
    pub(super) default: Field<Text>,
    /// Purpose of the variable.
    #[schemars(example = &"the instance that was prepared")]
    pub(super) description: Field<Text>,
    /// Whether it is a secret, which is allowed only in `import.query` and never stored or printed.
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
    /// Limits of particular regions.
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

/// Facts about a region.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["mainland"]))]
pub(super) struct RegionEntry {
    /// Whether it is in the Chinese mainland. Images cannot be copied across that border.
    #[schemars(example = &false)]
    pub(super) mainland: Field<Switch>,
    /// Name for people. Default: its code.
    #[schemars(example = &"Northeast Asia (Osaka)")]
    pub(super) title: Field<Text>,
    /// Whether images can be copied to it.
    #[schemars(extend("default" = true))]
    pub(super) copy_target: Field<Switch>,
}

/// Level of a rule.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(schema_with = "levels", inline)]
pub(super) struct LevelText(pub(super) Text);

/// A golden image.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["source"]))]
pub(super) struct Image {
    /// The region where it is built. Required, here or under `defaults`.
    #[schemars(schema_with = "region", example = &"ap-jakarta")]
    pub(super) region: Field<Text>,
    /// Name in the service, unique in a region. Default: `{key}-{generation}`; an adopted image keeps the name that it has, and
    /// its copies get it too. `{generation}` is the number of the build, `{revision}` its revision, `{key}` the entry's key. With
    /// one of the first two, replacement is safe: the new image exists beside the old one under another name.
    #[schemars(extend("default" = "{key}-{generation}"), example = &"web-{revision}")]
    pub(super) name: Field<Text>,
    /// Description, with the placeholders of `name`. It is not managed if left out, and removed with `""`.
    #[schemars(example = &"Hardened Ubuntu 22.04 with nginx")]
    pub(super) description: Field<Text>,
    /// Family. It is not managed if left out, and removed with `""`.
    #[schemars(example = &"web")]
    pub(super) family: Field<Text>,
    /// Tags. Only keys that are named here, or were named before, are managed.
    #[schemars(extend("examples" = [{ "team": "platform" }]))]
    pub(super) tags: Option<Names<Text>>,
    /// The source: exactly one of the kinds.
    #[schemars(extend("examples" = [{ "instance": { "id": "ins-8f3a1c2d" } }]))]
    pub(super) source: Field<Source>,
    /// Other regions that it is copied to: codes, and sets from `regions`. Its own region in a set is left out.
    #[schemars(extend("items" = REGION_OR_SET.text()), example = ["ap-singapore", "ap-tokyo"])]
    pub(super) copies: Option<List<Text>>,
    /// How a new generation replaces the old one. `auto`: the new one is created first, unless the region has no room for
    /// both.
    #[schemars(schema_with = "replace_orders", extend("default" = "auto"))]
    pub(super) replace: Field<Text>,
    /// Earlier generations to keep: a number, or a mapping. A number is both `at_least` and `at_most`. By default the
    /// generation that was replaced last is kept while its region has a slot for it; with `replace: delete-first`, none is.
    #[schemars(extend("default" = { "at_least": 0, "at_most": 1 }, "examples" = [2, { "at_most": 4, "days": 30 }]))]
    pub(super) keep: Field<Keep>,
    /// Revision of the generation that is current, whatever the source says: `REVISION`, or `REVISION#N` if several
    /// generations have it. A build without a revision has the id of its source. The generation must exist, unless the
    /// source asks for it.
    #[schemars(example = &"2026-W47")]
    pub(super) pin: Field<Text>,
    /// Whether earlier generations are marked as deprecated once a newer one is ready, and the mark of the current one is
    /// cleared. `false`: marks are never changed.
    #[schemars(extend("default" = true))]
    pub(super) deprecate: Field<Switch>,
    /// Whether snapshots are deleted with the image. Default: true if the service made them for the image, copies included,
    /// and false for images made from named `snapshots` and for an `adopted` image.
    #[schemars(example = &true)]
    pub(super) delete_snapshots: Field<Switch>,
    /// Whether it is never deleted without a successor, even if this entry is removed.
    #[schemars(extend("default" = false))]
    pub(super) protect: Field<Switch>,
}

/// An image that is shared with accounts.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["with"]))]
pub(super) struct Share {
    /// The key of an entry under `images`. One of `image`, `images` and `tags` is required.
    #[schemars(schema_with = "key", example = &"web-base")]
    pub(super) image: Field<Text>,
    /// Several entries: a list of keys, or `all`.
    #[schemars(extend("examples" = ["all", ["web-base", "db-base"]]))]
    pub(super) images: Field<ImageSelector>,
    /// The entries that have all of these tags.
    #[schemars(extend("examples" = [{ "audience": "customers" }]))]
    pub(super) tags: Option<Names<Text>>,
    /// Accounts: names and groups from `accounts`, or main account ids in quotes.
    #[schemars(extend("items" = ACCOUNT_OR_NAME.text()), example = ["partner", "200000000002"])]
    pub(super) with: Field<List<Text>>,
    /// Regions: codes, and sets from `regions`. Default: all regions of the image.
    #[schemars(extend("items" = REGION_OR_SET.text()), example = ["ap-jakarta"])]
    pub(super) regions: Option<List<Text>>,
    /// Whether unmanaged shares are revoked too.
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
    /// The region to search.
    #[schemars(schema_with = "region", example = &"ap-jakarta")]
    pub(super) region: Field<Text>,
    /// `public`, `shared` or `custom`.
    #[serde(rename = "type")]
    #[schemars(schema_with = "kinds", example = &"public")]
    pub(super) kind: Field<Text>,
    /// The operating system, or a part of its name.
    #[schemars(example = &"Ubuntu")]
    pub(super) os: Field<Text>,
    /// 32 or 64.
    #[schemars(schema_with = "bits", example = &64)]
    pub(super) bits: Field<Number>,
    /// `x86_64`, `i386` or `arm`.
    #[schemars(schema_with = "architectures", example = &"x86_64")]
    pub(super) architecture: Field<Text>,
    /// Text that the name must contain.
    #[schemars(example = &"22.04")]
    pub(super) name: Field<Text>,
    /// Whether to use the newest if several images match. Otherwise several images are an error that lists them.
    #[schemars(extend("default" = false))]
    pub(super) newest: Field<Switch>,
    /// The account that it must come from: a name, or an id in quotes. Only with `type: shared`.
    #[schemars(schema_with = "account_or_name", example = &"partner")]
    pub(super) from: Field<Text>,
}

/// A renamed entry.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["from", "to"]))]
pub(super) struct Rename {
    /// Old address.
    #[schemars(schema_with = "address", example = &"image.web")]
    pub(super) from: Field<Text>,
    /// New address.
    #[schemars(schema_with = "address", example = &"image.web-base")]
    pub(super) to: Field<Text>,
}
