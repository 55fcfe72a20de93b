//! `output`: the ids that consumers should use, for other tools.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use compact_str::CompactString;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::table::{Align, table};
use crate::manifest::Desired;
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
    pub fn json(&self) -> Map<String, Value> {
        let mut images = Vec::new();
        for (key, regions) in &self.images {
            for (region, serving) in regions {
                let Serving { generation, id, name, revision, created, is_current } = serving;
                images.push(json!({
                    "image": key,
                    "region": region,
                    "id": id,
                    "name": name,
                    "generation": generation,
                    "revision": revision,
                    "created": created,
                    "current": is_current,
                }));
            }
        }
        let lookups = self.lookups.iter();
        let lookups: Vec<Value> = lookups
            .map(|(name, (region, id))| json!({ "lookup": name, "region": region, "id": id }))
            .collect();
        let missing = self.missing.iter().map(|missing| {
            let Missing { image, region, account, reason } = missing;
            let mut entry = json!({ "image": image, "region": region, "reason": reason.to_string() });
            if let (Some(account), Some(entry)) = (account, entry.as_object_mut()) {
                entry.insert("account".to_owned(), json!(account));
            }
            entry
        });
        let missing: Vec<Value> = missing.collect();
        Map::from_iter([
            ("format_version".to_owned(), json!(1)),
            ("images".to_owned(), Value::Array(images)),
            ("lookups".to_owned(), Value::Array(lookups)),
            ("missing".to_owned(), Value::Array(missing)),
        ])
    }

    /// As [`Outputs::json`], in YAML.
    pub fn yaml(&self) -> String {
        document(&self.json())
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

/// A name that every shell accepts: capital letters, digits and underscores.
fn variable(kind: &str, parts: &[&str]) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    };
    let parts: Vec<String> = parts.iter().map(|part| word(part)).collect();
    format!("goldform_{kind}_{}", parts.join("_")).to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::worlds::{applied, generation, key, placement, region};
    use crate::testing::{EXAMPLE, desired};

    fn some() -> Outputs {
        let id = |text: &str| text.parse::<ImageId>().unwrap();
        let serving = |number, text| Serving {
            generation: generation(number),
            id: id(text),
            name: format!("web-base-{number}").into(),
            revision: Some("2026-W48".into()),
            created: crate::testing::worlds::noon(),
            is_current: true,
        };
        let regions = [
            (region("ap-jakarta"), serving(3, "img-00000001")),
            (region("ap-tokyo"), serving(3, "img-00000002")),
        ];
        Outputs {
            images: [(key("web-base"), regions.into())].into(),
            lookups: [(key("ubuntu-22.04"), (region("ap-jakarta"), id("img-00000003")))].into(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn shells_read_the_variables_as_they_are() {
        let text = some().env().unwrap();
        assert_eq!(
            text,
            "GOLDFORM_IMAGE_WEB_BASE_AP_JAKARTA=img-00000001\nGOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-00000002\n\
             GOLDFORM_LOOKUP_UBUNTU_22_04=img-00000003\n"
        );
        for line in text.lines() {
            let (name, value) = line.split_once('=').unwrap();
            assert!(name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'), "{name}");
            assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{value}");
        }
    }

    #[test]
    fn two_ids_of_one_variable_are_an_error() {
        let mut ids = some();
        let twin = ids.images[&key("web-base")].clone();
        ids.images.insert(key("web_base"), twin);
        assert_eq!(
            ids.env().unwrap_err().to_string(),
            "image.web-base@ap-jakarta and image.web_base@ap-jakarta would both be `GOLDFORM_IMAGE_WEB_BASE_AP_JAKARTA`"
        );
        assert!(ids.tfvars().contains("web_base"), "quoted keys differ");
    }

    #[test]
    fn terraform_reads_maps() {
        insta::assert_snapshot!(some().tfvars());
    }

    /// The example after a second build of `web`, of which every image still has this state.
    fn rebuilt(state: ImageState) -> crate::state::Snapshot {
        let again = EXAMPLE.replace("ins-8f3a1c2d", "ins-8f3a1c2e");
        let kept = |text: &str| text.replace("keep: 0", "keep: 1");
        let mut snapshot = applied(&[&kept(EXAMPLE), &kept(&again)]);
        let image = snapshot.recorded.images.get_mut(&key("web")).unwrap();
        image.serving.clear();
        for placement in image.generations.get_mut(&generation(1)).unwrap().placements.values_mut() {
            placement.deprecated = false;
        }
        for placement in image.generations.get_mut(&generation(2)).unwrap().placements.values_mut() {
            placement.state = state;
        }
        snapshot
    }

    #[test]
    fn an_image_that_is_not_ready_is_never_printed() {
        for state in [ImageState::Creating, ImageState::Syncing, ImageState::CreateFailed] {
            let outputs = Outputs::of(&desired(EXAMPLE), &rebuilt(state).recorded, None);
            let web = &outputs.images[&key("web")];
            assert!(web.values().all(|serving| serving.generation == generation(1)), "{state:?}: {web:?}");
            assert_eq!(outputs.missing, Vec::new());
        }
    }

    #[test]
    fn regions_that_serve_different_generations_are_listed_with_them() {
        let mut snapshot = rebuilt(ImageState::Normal);
        placement(&mut snapshot, "image.web@ap-tokyo#2").state = ImageState::Syncing;
        let json = Value::Object(Outputs::of(&desired(EXAMPLE), &snapshot.recorded, None).json());
        let listed: Vec<(&str, &str, u64, bool)> = json["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| {
                let text = |key: &str| image[key].as_str().unwrap();
                let generation = image["generation"].as_u64().unwrap();
                (text("image"), text("region"), generation, image["current"].as_bool().unwrap())
            })
            .collect();
        assert_eq!(
            listed,
            [
                ("db", "ap-jakarta", 1, true),
                ("web", "ap-jakarta", 2, true),
                ("web", "ap-singapore", 2, true),
                ("web", "ap-tokyo", 1, false),
            ]
        );
    }

    #[test]
    fn programs_read_everything_about_an_image() {
        let missing = Missing {
            image: key("db"),
            region: region("ap-tokyo"),
            account: Some("200000000001".parse().unwrap()),
            reason: MissingReason::NotMade,
        };
        insta::assert_snapshot!(Outputs { missing: vec![missing], ..some() }.yaml());
    }

    #[test]
    fn an_account_gets_the_image_that_it_sees() {
        let mut snapshot = rebuilt(ImageState::Normal);
        let wanted = desired(EXAMPLE);
        let partner = wanted.accounts["partner"];
        let ids = |snapshot: &crate::state::Snapshot, account| {
            let outputs = Outputs::of(&wanted, &snapshot.recorded, Some(account));
            let web = outputs.images.get(&key("web")).and_then(|web| web.get(&region("ap-tokyo")));
            let missing: Vec<String> = outputs.missing.iter().map(Missing::to_string).collect();
            (web.map(|serving| serving.generation.0), missing)
        };
        assert_eq!(ids(&snapshot, partner), (Some(2), Vec::new()));
        let newest = placement(&mut snapshot, "image.web@ap-tokyo#2");
        newest.shares = newest.shares.without(&[partner].into_iter().collect());
        let id = newest.id.clone();
        assert_eq!(ids(&snapshot, partner), (Some(1), Vec::new()), "the earlier one is shared with it still");
        let earlier = placement(&mut snapshot, "image.web@ap-tokyo#1");
        earlier.shares = crate::model::Accounts::EMPTY;
        let lacks =
            format!("{partner} has no image of image.web@ap-tokyo to use: {id} is not shared with it yet");
        assert_eq!(ids(&snapshot, partner), (None, vec![lacks]));
        assert_eq!(
            ids(&snapshot, "200000000099".parse().unwrap()),
            (None, Vec::new()),
            "a stranger lacks nothing"
        );
        assert_eq!(ids(&snapshot, wanted.account).0, Some(2), "the owner sees all");
    }

    #[test]
    fn a_region_in_which_nothing_serves_is_missing_with_the_reason() {
        let wanted = desired(EXAMPLE);
        let mut snapshot = applied(&[EXAMPLE]);
        let mut reason = |change: fn(&mut crate::state::Placement)| {
            let mut changed = snapshot.clone();
            change(placement(&mut changed, "image.web@ap-tokyo#1"));
            let outputs = Outputs::of(&wanted, &changed.recorded, None);
            assert!(!outputs.images[&key("web")].contains_key(&region("ap-tokyo")));
            let missing: Vec<String> = outputs.missing.iter().map(Missing::to_string).collect();
            let id = placement(&mut snapshot, "image.web@ap-tokyo#1").id.to_string();
            missing.join("\n").replace(&id, "ID")
        };
        let prefix = "image.web@ap-tokyo has no image to use";
        assert_eq!(
            reason(|is| is.state = ImageState::Syncing),
            format!("{prefix}: ID is not ready yet: SYNCING")
        );
        assert_eq!(
            reason(|is| is.state = ImageState::CreateFailed),
            format!("{prefix}: ID failed: CREATEFAILED")
        );
        let mut gone = applied(&[EXAMPLE]);
        gone.recorded.remove(&crate::testing::worlds::at("image.web@ap-tokyo#1"));
        let outputs = Outputs::of(&wanted, &gone.recorded, None);
        assert_eq!(outputs.missing[0].to_string(), format!("{prefix}: its image is not made yet"));
        let none = Outputs::of(&wanted, &Recorded::default(), None);
        let regions: usize = wanted.images.values().map(|image| image.placements().len()).sum();
        assert_eq!((none.images.len(), none.missing.len()), (0, regions));
    }
}
