//! Syntax of sources.

use schemars::JsonSchema;
use serde::Deserialize;

use super::patterns::{
    DISK, SNAPSHOT, account_or_name, architectures, boots, image, instance, key, licenses, object,
};
use super::{Adopted, Field, List, Switch, Text};

/// Source of an image: exactly one of the kinds, and a revision.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = one_kind()))]
pub(in crate::manifest) struct Source {
    /// Any text. A new text causes a new build.
    #[schemars(example = &"2026-11-24")]
    pub(in crate::manifest) revision: Field<Text>,
    /// From a cloud server's disks.
    #[schemars(extend("examples" = [{ "id": "ins-8f3a1c2d", "power_off": true }]))]
    pub(in crate::manifest) instance: Field<Instance>,
    /// From disk snapshots, exactly one of which is of a system disk.
    #[schemars(extend("items" = SNAPSHOT.text(), "minItems" = 1), example = ["snap-2f3a1c2d"])]
    pub(in crate::manifest) snapshots: Field<List<Text>>,
    /// From a disk image in object storage.
    #[schemars(extend("examples" = [{
        "url": "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2",
        "query": "${signature}", "os": "Ubuntu", "version": "22", "architecture": "x86_64"
    }]))]
    pub(in crate::manifest) import: Field<Import>,
    /// From an image that another account shares with you: a copy in the same region.
    #[schemars(extend("examples" = [{ "id": "img-3c1f0a9b", "from": "partner" }]))]
    pub(in crate::manifest) shared: Field<Shared>,
    /// From another entry: an encrypted copy in the same region.
    #[schemars(extend("examples" = [{ "image": "web-base", "kms_key": "key-id" }]))]
    pub(in crate::manifest) encrypted: Field<Encrypted>,
    /// An existing image, which is managed from now on: its id, or the ids of one image that is in several regions already, by
    /// region. The entry's `region` is then one of them (with one region it may be left out), and its id identifies the
    /// generation. None of them may be in `copies` too.
    #[schemars(extend("examples" = ["img-0a1b2c3d", { "ap-jakarta": "img-0a1b2c3d", "ap-tokyo": "img-4e5f6a7b" }]))]
    pub(in crate::manifest) adopted: Field<Adopted>,
}

/// A prepared cloud server.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["id"]))]
pub(in crate::manifest) struct Instance {
    /// Id of the server: `ins-`, then letters or digits. The server is in the region of the image.
    #[schemars(schema_with = "instance", example = &"ins-8f3a1c2d")]
    pub(in crate::manifest) id: Field<Text>,
    /// Whether it is shut down first, by force.
    #[schemars(extend("default" = false))]
    pub(in crate::manifest) power_off: Field<Switch>,
    /// Whether it is generalised first. Only for Windows.
    #[schemars(extend("default" = false))]
    pub(in crate::manifest) sysprep: Field<Switch>,
    /// Data disks to include. Such an image cannot be copied or shared.
    #[schemars(extend("items" = DISK.text()), example = ["disk-1a2b3c4d"])]
    pub(in crate::manifest) data_disks: Option<List<Text>>,
}

/// A disk image in object storage.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["url", "os", "version", "architecture"]))]
pub(in crate::manifest) struct Import {
    /// URL of the object without its query. It identifies the build.
    #[schemars(schema_with = "object", example = &"https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2")]
    pub(in crate::manifest) url: Field<Text>,
    /// Query of the URL: a signature, from a sensitive variable. It is never stored.
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
    /// Licence of the operating system: `TencentCloud` or `BYOL`. A `BYOL` image cannot be shared.
    #[schemars(schema_with = "licenses", example = &"TencentCloud")]
    pub(in crate::manifest) license: Field<Text>,
    /// Boot mode: `Legacy BIOS` or `UEFI`.
    #[schemars(schema_with = "boots", example = &"UEFI")]
    pub(in crate::manifest) boot: Field<Text>,
    /// Whether it is imported even without cloud-init.
    #[schemars(extend("default" = false))]
    pub(in crate::manifest) force: Field<Switch>,
}

/// An image that another account shares with you.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["id"]))]
pub(in crate::manifest) struct Shared {
    /// Id of the shared image, or `${lookup.NAME}` for the image that a lookup finds.
    #[schemars(schema_with = "image", example = &"img-3c1f0a9b")]
    pub(in crate::manifest) id: Field<Text>,
    /// Account that it must come from: a name, or an id in quotes.
    #[schemars(schema_with = "account_or_name", example = &"partner")]
    pub(in crate::manifest) from: Field<Text>,
}

/// An encrypted copy of another entry.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["image"]))]
pub(in crate::manifest) struct Encrypted {
    /// Key of the other entry.
    #[schemars(schema_with = "key", example = &"web-base")]
    pub(in crate::manifest) image: Field<Text>,
    /// Encryption key. Default: the disk service's own.
    #[schemars(example = &"key-id")]
    pub(in crate::manifest) kms_key: Field<Text>,
}

/// Returns the schema's condition that exactly one kind of source is present.
fn one_kind() -> serde_json::Value {
    let kinds = ["instance", "snapshots", "import", "shared", "encrypted", "adopted"];
    kinds.iter().map(|kind| serde_json::json!({ "required": [kind] })).collect()
}
