//! What images are made from, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::patterns::{
    DISK, SNAPSHOT, account_or_name, architectures, boots, image, instance, key, licenses, object,
};
use super::{Field, List, Switch, Text};

/// What an image is made from: exactly one of the kinds, and a revision.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = one_kind()))]
pub(in crate::manifest) struct Source {
    /// Any text. A new text asks for a new build.
    #[schemars(example = &"2026-11-24")]
    pub(in crate::manifest) revision: Field<Text>,
    /// From a cloud server's disks.
    #[schemars(extend("examples" = [{ "id": "ins-8f3a1c2d", "power_off": true }]))]
    pub(in crate::manifest) instance: Field<Instance>,
    /// From disk snapshots; exactly one of them is of a system disk.
    #[schemars(extend("items" = SNAPSHOT.text(), "minItems" = 1), example = ["snap-2f3a1c2d"])]
    pub(in crate::manifest) snapshots: Field<List<Text>>,
    /// From a disk image in object storage.
    #[schemars(extend("examples" = [{
        "url": "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2",
        "query": "${signature}", "os": "Ubuntu", "version": "22", "architecture": "x86_64"
    }]))]
    pub(in crate::manifest) import: Field<Import>,
    /// A copy, in the same region, of an image that another account shares with you.
    #[schemars(extend("examples" = [{ "id": "img-3c1f0a9b", "from": "partner" }]))]
    pub(in crate::manifest) shared: Field<Shared>,
    /// An encrypted copy, in the same region, of another entry.
    #[schemars(extend("examples" = [{ "image": "web-base", "kms_key": "key-id" }]))]
    pub(in crate::manifest) encrypted: Field<Encrypted>,
    /// An existing image, taken over as it is.
    #[schemars(schema_with = "image", example = &"img-0a1b2c3d")]
    pub(in crate::manifest) adopted: Field<Text>,
}

/// A cloud server that was prepared.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["id"]))]
pub(in crate::manifest) struct Instance {
    /// The server's id: `ins-` and letters or digits. It is in the region of the image.
    #[schemars(schema_with = "instance", example = &"ins-8f3a1c2d")]
    pub(in crate::manifest) id: Field<Text>,
    /// Shut it down first, by force.
    #[schemars(extend("default" = false))]
    pub(in crate::manifest) power_off: Field<Switch>,
    /// Windows only: generalise it first.
    #[schemars(extend("default" = false))]
    pub(in crate::manifest) sysprep: Field<Switch>,
    /// Data disks that belong to the image. Such an image can neither be copied nor shared.
    #[schemars(extend("items" = DISK.text()), example = ["disk-1a2b3c4d"])]
    pub(in crate::manifest) data_disks: Option<List<Text>>,
}

/// A disk image in object storage.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["url", "os", "version", "architecture"]))]
pub(in crate::manifest) struct Import {
    /// The object's URL without its query; it identifies the build.
    #[schemars(schema_with = "object", example = &"https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2")]
    pub(in crate::manifest) url: Field<Text>,
    /// The query of the URL: a signature, from a sensitive variable. It is never stored.
    #[schemars(example = &"${signature}")]
    pub(in crate::manifest) query: Field<Text>,
    /// The operating system, as the service spells it.
    #[schemars(example = &"Ubuntu")]
    pub(in crate::manifest) os: Field<Text>,
    /// The operating system's version, as the service spells it, in quotes.
    #[schemars(example = &"22")]
    pub(in crate::manifest) version: Field<Text>,
    /// `x86_64`, `i386` or `arm`.
    #[schemars(schema_with = "architectures", example = &"x86_64")]
    pub(in crate::manifest) architecture: Field<Text>,
    /// Who licences the operating system: `TencentCloud` or `BYOL`. A `BYOL` image cannot be shared.
    #[schemars(schema_with = "licenses", example = &"TencentCloud")]
    pub(in crate::manifest) license: Field<Text>,
    /// How it boots: `Legacy BIOS` or `UEFI`.
    #[schemars(schema_with = "boots", example = &"UEFI")]
    pub(in crate::manifest) boot: Field<Text>,
    /// Import it although it has no cloud-init.
    #[schemars(extend("default" = false))]
    pub(in crate::manifest) force: Field<Switch>,
}

/// An image that another account shares with you.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["id"]))]
pub(in crate::manifest) struct Shared {
    /// The id of the image that is shared with you, or `${lookup.NAME}` for the one that a lookup finds.
    #[schemars(schema_with = "image", example = &"img-3c1f0a9b")]
    pub(in crate::manifest) id: Field<Text>,
    /// The account that it must come from: a name or a quoted id.
    #[schemars(schema_with = "account_or_name", example = &"partner")]
    pub(in crate::manifest) from: Field<Text>,
}

/// An encrypted copy of another entry.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["image"]))]
pub(in crate::manifest) struct Encrypted {
    /// The key of the other entry.
    #[schemars(schema_with = "key", example = &"web-base")]
    pub(in crate::manifest) image: Field<Text>,
    /// The key that it is encrypted with. Default: the disk service's own.
    #[schemars(example = &"key-id")]
    pub(in crate::manifest) kms_key: Field<Text>,
}

/// Exactly one of the kinds of source is required.
fn one_kind() -> serde_json::Value {
    let kinds = ["instance", "snapshots", "import", "shared", "encrypted", "adopted"];
    kinds.iter().map(|kind| serde_json::json!({ "required": [kind] })).collect()
}
