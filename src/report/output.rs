//! `output`: the ids that consumers should use, for other tools.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use compact_str::CompactString;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::envelope::FORMAT_VERSION;
use super::table::{Align, table};
use crate::manifest::Desired;
use crate::manifest::schema::printed;
use crate::manifest::writer::document;
use crate::model::{
    AccountId, Address, GenerationNumber, ImageId, ImageKey, ImageState, PlacementKey, Region,
};
use crate::state::Recorded;

/// The images that serve, the images that lookups found, and the regions in which nothing serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// What serves, by entry and region. An entry that serves in no region is left out.
    pub images: BTreeMap<ImageKey, BTreeMap<Region, Serving>>,
    /// The region and the image of each lookup that found one.
    pub lookups: BTreeMap<ImageKey, (Region, ImageId)>,
    /// The regions that the manifest wants an entry in and where none of its images can be used.
    pub missing: Vec<Missing>,
}

/// An image that serves in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Its generation.
    pub generation: GenerationNumber,
    /// Its id.
    pub id: ImageId,
    /// Its name in the service.
    pub name: CompactString,
    /// Revision of its generation.
    pub revision: Option<CompactString>,
    /// When the service accepted the call that makes it, or when it was adopted.
    pub created: Timestamp,
    /// Whether its generation is the one that the manifest asked for last.
    pub is_current: bool,
}

/// A region in which nothing of a wanted entry serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The entry.
    pub image: ImageKey,
    /// The region.
    pub region: Region,
    /// Account that has no image there, if the ids are for one account.
    pub account: Option<AccountId>,
    /// Why nothing serves there.
    pub reason: MissingReason,
}

/// Why nothing serves in a region.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MissingReason {
    /// The service still makes the image.
    #[error("{id} is not ready yet: {}", state.as_str())]
    Pending {
        /// The image.
        id: ImageId,
        /// Its state.
        state: ImageState,
    },
    /// The service could not make the image.
    #[error("{id} failed: {}", state.as_str())]
    Failed {
        /// The image.
        id: ImageId,
        /// Its state.
        state: ImageState,
    },
    /// The image is NORMAL and its attributes are not those of a finished one.
    #[error("{id} is not finished: it {what}")]
    Unfinished {
        /// The image.
        id: ImageId,
        /// What it is still lacking.
        what: &'static str,
    },
    /// The call that makes the image was sent, and its outcome is unknown.
    #[error("its image may have been made: the call was not answered")]
    InDoubt,
    /// There is no image.
    #[error("its image is not made yet")]
    NotMade,
    /// An image serves, and the account does not see it yet.
    #[error("{id} is not shared with it yet")]
    NotShared {
        /// The image.
        id: ImageId,
    },
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = Address::InRegion(self.image.clone(), self.region.clone());
        match self.account {
            None => write!(f, "{at} has no image to use: {}", self.reason),
            Some(account) => write!(f, "{account} has no image of {at} to use: {}", self.reason),
        }
    }
}

/// Two ids whose variables would have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{first} and {second} would both be `{variable}`")]
pub struct SameVariable {
    variable: String,
    first: String,
    second: String,
}

impl Outputs {
    /// Returns whether an address covers an image, a lookup or a missing region.
    pub fn covers(&self, address: &Address) -> bool {
        let mut covered = self.clone();
        covered.keep_only(address);
        !covered.is_empty()
    }

    /// Keeps the images, lookups and missing regions that an address covers.
    pub fn keep_only(&mut self, address: &Address) {
        let covers = |image: &ImageKey, region: &Region| match address {
            Address::Image(key) => image == key,
            Address::InRegion(key, wanted) => image == key && region == wanted,
            _ => false,
        };
        for (key, regions) in &mut self.images {
            regions.retain(|region, _| covers(key, region));
        }
        self.images.retain(|_, regions| !regions.is_empty());
        self.missing.retain(|missing| covers(&missing.image, &missing.region));
        self.lookups.retain(|name, _| matches!(address, Address::Lookup(wanted) if wanted == name));
    }

    /// Returns whether there is nothing to print and nothing missing.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.missing.is_empty() && self.lookups.is_empty()
    }

    /// Collects what serves in each region that is recorded or desired for an entry: for everyone, or for one account, which
    /// may still have an earlier image.
    pub fn of(desired: &Desired, recorded: &Recorded, account: Option<AccountId>) -> Self {
        let mut outputs = Self::default();
        // The owner sees every image.
        let account = account.filter(|account| *account != desired.account);
        for key in recorded.images.keys().chain(desired.images.keys()).collect::<BTreeSet<_>>() {
            let wanted = desired.images.get(key).map(|image| image.placements()).unwrap_or_default();
            let is_wanted = |region: &Region| match account {
                None => wanted.contains(region),
                Some(account) => desired
                    .images
                    .get(key)
                    .and_then(|image| image.shares.get(region))
                    .is_some_and(|accounts| accounts.contains(account)),
            };
            let image = recorded.images.get(key);
            let there = image.into_iter().flat_map(|image| image.generations.values());
            let there = there.flat_map(|build| build.placements.keys());
            for region in there.chain(wanted.iter().copied()).collect::<BTreeSet<_>>() {
                let found = match account {
                    None => recorded.serving(key, region),
                    Some(account) => recorded.serving_for(key, region, account),
                };
                match found {
                    Some((generation, placement)) => {
                        let serving = Serving {
                            generation,
                            id: placement.id.clone(),
                            name: placement.name.clone(),
                            revision: recorded.revision(key, generation),
                            created: placement.accepted_at,
                            is_current: image.is_some_and(|image| image.current == generation),
                        };
                        outputs.images.entry(key.clone()).or_default().insert(region.clone(), serving);
                    }
                    None if is_wanted(region) => outputs.missing.push(Missing {
                        image: key.clone(),
                        region: region.clone(),
                        account,
                        reason: match recorded.serving(key, region) {
                            Some((_, placement)) => MissingReason::NotShared { id: placement.id.clone() },
                            None => reason(recorded, key, region),
                        },
                    }),
                    None => {}
                }
            }
        }
        for (name, lookup) in desired.lookups.iter().filter(|_| account.is_none()) {
            if let Some(image) = recorded.lookups.get(name).and_then(|found| found.answer(lookup)) {
                outputs.lookups.insert(name.clone(), (lookup.region.clone(), image.id.clone()));
            }
        }
        outputs
    }

    /// Returns the id if there is exactly one and nothing is missing.
    pub fn only_id(&self) -> Option<&ImageId> {
        let images = self.images.values().flat_map(|regions| regions.values().map(|serving| &serving.id));
        let mut ids = images.chain(self.lookups.values().map(|(_, id)| id));
        let first = ids.next().filter(|_| self.missing.is_empty());
        first.filter(|_| ids.next().is_none())
    }

    /// One image and region a line.
    pub fn text(&self) -> String {
        let mut rows = Vec::new();
        for (key, regions) in &self.images {
            for (region, serving) in regions {
                rows.push(vec![key.to_string(), region.to_string(), serving.id.to_string()]);
            }
        }
        for (name, (region, id)) in &self.lookups {
            rows.push(vec![format!("lookup.{name}"), region.to_string(), id.to_string()]);
        }
        table("", &[Align::Left; 3], &rows)
    }

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

    /// `GOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-…`, one a line. Names and ids consist of letters, digits, underscores and
    /// hyphens, so no value needs quotes.
    ///
    /// # Errors
    /// If two variables would have the same name.
    pub fn env(&self) -> Result<String, SameVariable> {
        let mut addresses: BTreeMap<String, String> = BTreeMap::new();
        let mut text = String::new();
        let images = self.images.iter().flat_map(|(key, regions)| {
            regions.iter().map(move |(region, serving)| {
                let address = Address::InRegion(key.clone(), region.clone()).to_string();
                (variable("image", &[key.as_str(), region.as_str()]), address, &serving.id)
            })
        });
        let lookups = self
            .lookups
            .iter()
            .map(|(name, (_, id))| (variable("lookup", &[name.as_str()]), format!("lookup.{name}"), id));
        for (variable, second, id) in images.chain(lookups) {
            let _ = writeln!(text, "{variable}={id}");
            if let Some(first) = addresses.insert(variable.clone(), second.clone()) {
                return Err(SameVariable { variable, first, second });
            }
        }
        Ok(text)
    }

    /// A variable file for Terraform: `image_ids` by key and region, and `lookup_ids` by name if there are lookups. Keys
    /// are quoted, so none is changed.
    pub fn tfvars(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut text = String::from("image_ids = {\n");
        for (key, regions) in &self.images {
            let _ = writeln!(text, "  {} = {{", quoted(key.as_str()));
            for (region, serving) in regions {
                let _ = writeln!(text, "    {} = {}", quoted(region.as_str()), quoted(serving.id.as_str()));
            }
            text.push_str("  }\n");
        }
        text.push_str("}\n");
        if !self.lookups.is_empty() {
            text.push_str("lookup_ids = {\n");
            for (name, (_, id)) in &self.lookups {
                let _ = writeln!(text, "  {} = {}", quoted(name.as_str()), quoted(id.as_str()));
            }
            text.push_str("}\n");
        }
        text
    }
}

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

/// Returns the schema of [`Outputs::json`].
pub fn schema() -> Value {
    printed::<OutputDocument>("output", 1)
}

/// Returns why nothing of an entry serves in a region, judged by its newest image there.
fn reason(recorded: &Recorded, key: &ImageKey, region: &Region) -> MissingReason {
    let in_doubt =
        recorded.making_of(key).filter(|(at, _)| at.region == *region).map(|(at, _)| at.generation);
    let at = |generation: &GenerationNumber| PlacementKey {
        image: key.clone(),
        generation: *generation,
        region: region.clone(),
    };
    let generations = recorded.images.get(key).into_iter().flat_map(|image| image.generations.keys().rev());
    let newest =
        generations.filter_map(|generation| Some((*generation, recorded.placement(&at(generation))?))).next();
    let Some((generation, placement)) = newest else {
        return if in_doubt.max().is_some() { MissingReason::InDoubt } else { MissingReason::NotMade };
    };
    let (id, state) = (placement.id.clone(), placement.state);
    if in_doubt.max().is_some_and(|newer| newer > generation) {
        MissingReason::InDoubt
    } else if state.is_failed() {
        MissingReason::Failed { id, state }
    } else if placement.is_pending() {
        MissingReason::Pending { id, state }
    } else if placement.interim {
        MissingReason::Unfinished { id, what: "does not have its final name" }
    } else {
        MissingReason::Unfinished { id, what: "is marked as deprecated" }
    }
}

/// How the names of the variables start that [`Outputs::env`] prints.
pub const PRINTED_VARIABLES: &[&str] = &["GOLDFORM_IMAGE_", "GOLDFORM_LOOKUP_"];

/// A name that every shell accepts: capital letters, digits and underscores.
fn variable(kind: &str, parts: &[&str]) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    };
    let parts: Vec<String> = parts.iter().map(|part| word(part)).collect();
    format!("goldform_{kind}_{}", parts.join("_")).to_uppercase()
}

#[cfg(test)]
mod tests;
