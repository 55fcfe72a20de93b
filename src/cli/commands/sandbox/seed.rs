//! `sandbox seed`: adds resources to the world from a file or from flags, without the service's checks.
//!
//! Seeding twice is seeding once: an image whose name is taken in its region and account is left as it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::args::SeedArgs;
use super::switches;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::SystemClock;
use crate::cloud::sim::{Image, ImageStatus, Instance, Share, Sim, SimError, Snapshot};
use crate::model::{AccountId, Clock as _, ImageId, Region};
use crate::report::count;

const HELP: &str = "A seed is a YAML or JSON file:\n\n    images:\n      - { owner: \"100000000001\", region: \
                    ap-jakarta, name: base, shares: [\"200000000001\"] }\n    instances:\n      - { owner: \
                    \"100000000001\", region: ap-jakarta, id: ins-8f3a1c2d, state: STOPPED }";

/// Resources to add to the world.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Seed {
    settings: Map<String, Value>,
    images: Vec<SeedImage>,
    instances: Vec<Instance>,
    snapshots: Vec<Snapshot>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedImage {
    owner: AccountId,
    region: Region,
    name: String,
    #[serde(default)]
    id: Option<ImageId>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    family: String,
    #[serde(default = "ubuntu_title")]
    os: String,
    #[serde(default = "ubuntu")]
    platform: String,
    #[serde(default = "x86_64")]
    architecture: String,
    #[serde(default = "fifty")]
    size_gib: u32,
    #[serde(default)]
    encrypted: bool,
    #[serde(default)]
    shares: Vec<AccountId>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn ubuntu_title() -> String {
    "Ubuntu Server 22.04 LTS 64bit".to_owned()
}

fn ubuntu() -> String {
    "Ubuntu".to_owned()
}

fn x86_64() -> String {
    "x86_64".to_owned()
}

fn fifty() -> u32 {
    50
}

/// Puts things into the world.
pub(super) fn run(args: &SeedArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let mut seed = Seed::default();
    if let Some(path) = &args.file {
        seed = super::read_yaml(path, HELP)?;
    }
    if let (Some(name), Some(region), Some(owner)) = (&args.image, &args.region, args.owner) {
        seed.images.push(SeedImage {
            owner,
            region: region.clone(),
            name: name.clone(),
            id: None,
            description: String::new(),
            family: String::new(),
            os: ubuntu_title(),
            platform: ubuntu(),
            architecture: x86_64(),
            size_gib: fifty(),
            encrypted: false,
            shares: args.shares.clone(),
            tags: BTreeMap::new(),
        });
    }
    let sim = super::attach(&args.world)?;
    let broken = |error| super::broken(&args.world.world, &error);
    if !seed.settings.is_empty() {
        let settings = sim.settings().map_err(broken)?;
        sim.set_settings(switches::merged(&settings, seed.settings, switches::Origin::File)?)
            .map_err(broken)?;
    }
    for instance in &seed.instances {
        sim.put_instance(instance).map_err(broken)?;
    }
    for snapshot in &seed.snapshots {
        sim.put_snapshot(snapshot).map_err(broken)?;
    }
    let known: Vec<Image> = sim.images().map_err(broken)?;
    let mut made = 0;
    for image in &seed.images {
        let owner = image.owner.to_string();
        let is_there = known.iter().any(|known| {
            known.owner == owner && known.region == image.region.as_str() && known.name == image.name
        });
        if is_there {
            printer.say(&format!("{} is in {} already; it is left as it is.", image.name, image.region));
            continue;
        }
        put(&sim, image).map_err(|error| {
            CommandError::input(format!("{} in {}: {error}", image.name, image.region), HELP)
        })?;
        made += 1;
    }
    printer.say(&format!(
        "Put into the world: {}, {}, {}.",
        count(made, "image", "images"),
        count(seed.instances.len(), "instance", "instances"),
        count(seed.snapshots.len(), "snapshot", "snapshots"),
    ));
    Ok(ExitStatus::Done)
}

/// Puts a ready image into the world, with the snapshot of its system disk.
fn put(sim: &Sim, seed: &SeedImage) -> Result<(), SimError> {
    let now = SystemClock.now();
    let at = now.as_microsecond();
    let owner = seed.owner.to_string();
    let id = match &seed.id {
        Some(id) => id.as_str().to_owned(),
        None => sim.new_id("img-")?,
    };
    let image = Image {
        id: id.clone(),
        region: seed.region.as_str().to_owned(),
        owner: owner.clone(),
        name: seed.name.clone(),
        description: seed.description.clone(),
        family: seed.family.clone(),
        deprecated: false,
        size_gib: seed.size_gib,
        os: seed.os.clone(),
        platform: seed.platform.clone(),
        architecture: seed.architecture.clone(),
        license: "TencentCloud".to_owned(),
        source: "CREATE_IMAGE".to_owned(),
        cloudinit: true,
        encrypted: seed.encrypted,
        created_at: at,
        visible_at: at,
        state: ImageStatus::Normal,
        ready_at: None,
        becomes: ImageStatus::Normal,
        made_from: String::new(),
    };
    let snapshot = Snapshot {
        id: sim.new_id("snap-")?,
        region: image.region.clone(),
        owner,
        system: true,
        size_gib: seed.size_gib,
        disk: String::new(),
        encrypted: seed.encrypted,
        state: "NORMAL".to_owned(),
        ready_at: None,
        created_at: at,
    };
    sim.put_image(&image, &[snapshot])?;
    for (key, value) in &seed.tags {
        sim.put_tag(seed.owner, &id, key, value)?;
    }
    for account in &seed.shares {
        sim.put_share(&id, &Share { account: account.to_string(), created_at: at })?;
    }
    Ok(())
}
