//! The ids as JSON and YAML. The schema is generated from these types.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Missing, Outputs, Serving};
use crate::manifest::schema::printed;
use crate::manifest::writer::document;
use crate::model::{ImageKey, Region};
use crate::report::envelope::FORMAT_VERSION;

/// What serves, for programs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "The ids that consumers should use, as `goldform output --format json` prints them")]
struct OutputDocument {
    /// Version of this format. It is raised when a reader of an older one would be misled; keys may be added at any time.
    #[schemars(extend("const" = FORMAT_VERSION))]
    format_version: &'static str,
    /// Images that serve, by entry and region.
    images: Vec<OutputImage>,
    /// Images that lookups found.
    lookups: Vec<OutputLookup>,
    /// Regions in which nothing serves that consumers should use. The exit status is 1 if there is one.
    missing: Vec<OutputMissing>,
}

/// Image that serves in a region.
#[derive(Debug, Serialize, JsonSchema)]
struct OutputImage {
    /// Key of the entry.
    image: String,
    /// Region.
    region: String,
    /// Id.
    #[schemars(regex(pattern = "^img-[0-9a-z]+$"))]
    id: String,
    /// Name in the service.
    name: String,
    /// Number of its generation.
    generation: u32,
    /// Revision of its generation.
    revision: Option<String>,
    /// Time at which the service accepted the call that made it, or at which it was adopted.
    #[schemars(extend("format" = "date-time"))]
    created: String,
    /// Whether its generation is the one that the manifest asked for last.
    current: bool,
}

/// Image that a lookup found.
#[derive(Debug, Serialize, JsonSchema)]
struct OutputLookup {
    /// Name of the lookup.
    lookup: String,
    /// Region.
    region: String,
    /// Id.
    #[schemars(regex(pattern = "^img-[0-9a-z]+$"))]
    id: String,
}

/// Region in which nothing serves.
#[derive(Debug, Serialize, JsonSchema)]
struct OutputMissing {
    /// Key of the entry.
    image: String,
    /// Region.
    region: String,
    /// Reason, for people.
    reason: String,
    /// Main account id that has no image there, if `--for` names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

impl Outputs {
    /// Lists of what serves, of what lookups found, and of what is missing.
    ///
    /// # Errors
    /// None that is known: all keys are text.
    pub fn json(&self) -> Result<Map<String, Value>, serde_json::Error> {
        let image = |key: &ImageKey, region: &Region, serving: &Serving| {
            let Serving { generation, id, name, revision, created, is_current } = serving;
            OutputImage {
                image: key.to_string(),
                region: region.to_string(),
                id: id.to_string(),
                name: name.to_string(),
                generation: generation.0,
                revision: revision.as_ref().map(ToString::to_string),
                created: created.to_string(),
                current: *is_current,
            }
        };
        let images = self.images.iter();
        let images = images.flat_map(|(key, regions)| {
            regions.iter().map(move |(region, serving)| image(key, region, serving))
        });
        let lookups = self.lookups.iter().map(|(name, (region, id))| OutputLookup {
            lookup: name.to_string(),
            region: region.to_string(),
            id: id.to_string(),
        });
        let missing = self.missing.iter().map(|missing| {
            let Missing { image, region, account, reason } = missing;
            OutputMissing {
                image: image.to_string(),
                region: region.to_string(),
                reason: reason.to_string(),
                account: account.as_ref().map(ToString::to_string),
            }
        });
        let document = OutputDocument {
            format_version: FORMAT_VERSION,
            images: images.collect(),
            lookups: lookups.collect(),
            missing: missing.collect(),
        };
        match serde_json::to_value(document)? {
            Value::Object(keys) => Ok(keys),
            _ => Ok(Map::new()),
        }
    }

    /// As [`Outputs::json`], in YAML.
    ///
    /// # Errors
    /// As [`Outputs::json`].
    pub fn yaml(&self) -> Result<String, serde_json::Error> {
        Ok(document(&self.json()?))
    }
}

/// Returns the schema of [`Outputs::json`].
pub fn schema() -> Value {
    printed::<OutputDocument>("output", 1)
}
