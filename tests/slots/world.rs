//! A record and a manifest that differ, from a number: the same number gives the same case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::OnceLock;

use compact_str::{CompactString, format_compact};
use goldform::diff::{Diff, PlanMode, diff};
use goldform::manifest::{Desired, DesiredImage};
use goldform::model::{
    AccountId, Accounts, GenerationNumber, ImageId, ImageKey, ImageLimit, ImageState, Keep, Level,
    NameTemplate, PlacementKey, Region, ReplaceOrder, SharedImageEdits, Source, SourceKind,
};
use goldform::state::{Placement, Recorded, RecordedGeneration, RecordedImage, RecordedRegion};
use goldform::testing;
use jiff::Timestamp;

/// A stream of numbers (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn some<T: Copy>(&mut self, from: &[T], percent: usize) -> Vec<T> {
        from.iter().copied().filter(|_| self.percent(percent)).collect()
    }
}

pub const REGIONS: [&str; 3] = ["ap-jakarta", "ap-singapore", "ap-tokyo"];

pub fn region(name: &str) -> Region {
    name.parse().unwrap()
}

pub fn account(number: usize) -> AccountId {
    format!("{}", 200_000_000_001 + number).parse().unwrap()
}

pub fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// How a case may look.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub images: usize,
    pub regions: usize,
    /// Nothing but images, regions and limits.
    pub plain: bool,
}

/// What is recorded, and what is wanted.
pub struct Case {
    pub seed: u64,
    pub desired: Desired,
    pub prior: Recorded,
}

fn nothing() -> Desired {
    static EMPTY: OnceLock<Desired> = OnceLock::new();
    EMPTY
        .get_or_init(|| {
            let mut desired = testing::desired(testing::EXAMPLE);
            desired.images.clear();
            desired.accounts.clear();
            desired.cloud.ownership_tag = None;
            desired
        })
        .clone()
}

/// Mostly nothing is kept, so that slots come from deletions.
fn random_keep(dice: &mut Dice) -> Keep {
    match dice.percent(18) {
        true => Keep { at_least: 1, at_most: Some(1), days: None },
        false => Keep::NOTHING,
    }
}

fn source(revision: u32) -> Source {
    let id = "ins-8f3a1c2d".parse().unwrap();
    let kind = SourceKind::Instance { id, power_off: false, sysprep: false, data_disks: Vec::new() };
    Source { kind, revision: Some(format_compact!("{revision}")) }
}

/// The source of a recorded generation, or of a new one.
fn wanted_source(prior: &Recorded, key: &ImageKey, revision: u32) -> Source {
    let recorded = prior.images.get(key).and_then(|image| image.generations.get(&GenerationNumber(revision)));
    recorded.map_or_else(|| source(revision), |build| build.source.clone())
}

/// A region's limit that makes it tight, sometimes lower than what it holds.
fn limit_for(dice: &mut Dice, used: usize) -> u32 {
    let limit = match dice.below(20) {
        0 => used.saturating_sub(1),
        1..=10 => used,
        11..=15 => used + 1,
        16..=18 => used + 2,
        _ => used + 4,
    };
    limit.max(1) as u32
}

pub fn case(seed: u64, shape: Shape) -> Case {
    let mut dice = Dice::new(seed);
    let mut desired = nothing();
    let mut prior = Recorded::default();
    let regions: Vec<Region> =
        REGIONS.iter().take(1 + dice.below(shape.regions)).map(|name| region(name)).collect();
    let accounts: Vec<AccountId> = (0..3).map(account).collect();
    let keys: Vec<ImageKey> = (0..1 + dice.below(shape.images))
        .map(|number| ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][number].parse().unwrap())
        .collect();
    let mut serial = 0;
    for key in &keys {
        let by_generation = shape.plain || dice.percent(65);
        let name = NameTemplate(if by_generation {
            format_compact!("{key}-{{generation}}")
        } else {
            format_compact!("{key}-fixed")
        });
        let is_recorded = dice.percent(78);
        let mut origin = regions[dice.below(regions.len())].clone();
        let mut current = 0;
        let protect = !shape.plain && dice.percent(7);
        if is_recorded {
            current = if dice.percent(20) { 2 } else { 1 };
            let adopted = !shape.plain && dice.percent(9);
            record(
                &mut dice,
                &mut prior,
                key,
                &name,
                current,
                &regions,
                &mut origin,
                &accounts,
                shape,
                adopted,
                &mut serial,
            );
            if let Some(image) = prior.images.get_mut(key) {
                image.protect = protect && dice.percent(70);
            }
        }
        if is_recorded && dice.percent(22) {
            continue; // the entry is removed
        }
        let region = if dice.percent(65) { origin } else { regions[dice.below(regions.len())].clone() };
        let copies: Vec<Region> =
            regions.iter().filter(|other| **other != region && dice.percent(55)).cloned().collect();
        let places: BTreeSet<&Region> = std::iter::once(&region).chain(&copies).collect();
        let mut shares = BTreeMap::new();
        let mut exclusive = BTreeSet::new();
        for place in places {
            if !shape.plain && dice.percent(45) {
                let with: Accounts = dice.some(&accounts, 60).into();
                if !with.is_empty() {
                    shares.insert(place.clone(), with);
                    if dice.percent(15) {
                        exclusive.insert(place.clone());
                    }
                }
            }
        }
        let replace = match dice.below(if shape.plain { 12 } else { 10 }) {
            0 => ReplaceOrder::CreateFirst,
            1 if !shape.plain => ReplaceOrder::DeleteFirst,
            _ => ReplaceOrder::Auto,
        };
        let revision = if is_recorded && dice.percent(40) { current } else { current + 1 };
        let image = DesiredImage {
            copy_entries: (0..copies.len()).collect(),
            region,
            name,
            description: (!shape.plain && dice.percent(12)).then(|| "golden".to_owned()),
            family: None,
            tags: BTreeMap::new(),
            source: Some(wanted_source(&prior, key, revision)),
            adopted_elsewhere: BTreeMap::new(),
            lookup: None,
            import_query: None,
            copies,
            replace,
            // Delete-first is a consent to lose what is kept, which the searches of these tests do not know.
            keep: if replace == ReplaceOrder::DeleteFirst { Keep::NOTHING } else { random_keep(&mut dice) },
            keeps_name: false,
            pin: None,
            delete_snapshots: None,
            protect,
            deprecate: true,
            shares,
            exclusive,
            share_entries: Vec::new(),
        };
        desired.images.insert(key.clone(), image);
    }
    if !shape.plain && dice.percent(12) {
        swap_names(&mut desired);
    }
    if !shape.plain && dice.percent(20) {
        desired.cloud.shared_image_edits = SharedImageEdits::Refused;
    }
    // What falls back to delete-first is what this is about, so that mostly nothing forbids it.
    let gaps = if !shape.plain && dice.percent(10) { Level::Deny } else { Level::Warn };
    desired.levels.insert(CompactString::const_new("share_gap"), gaps);
    if dice.percent(15) {
        desired.cloud.ownership_tag = Some(CompactString::const_new("goldform"));
    }
    for region in &regions {
        let mut unmanaged = BTreeMap::new();
        if dice.percent(15) {
            serial += 1;
            let name = format_compact!("foreign-{serial}");
            unmanaged.insert(image_id(serial), name);
        }
        let managed = prior.placements().filter(|(at, _)| at.region == *region).count();
        let limit = limit_for(&mut dice, managed + unmanaged.len());
        let image_limit = dice.percent(30).then(|| ImageLimit { value: limit, read_at: now() });
        prior.regions.insert(
            region.clone(),
            RecordedRegion { read_at: now(), image_limit, unmanaged, owners: BTreeMap::new() },
        );
        desired.limits.regions.insert(region.clone(), limit);
    }
    let most = prior.placements().map(|(_, placement)| placement.everyone().len()).max().unwrap_or(0);
    desired.limits.accounts_per_image = Some(match dice.below(10) {
        0 => 1,
        1..=3 => most.max(1) as u32,
        4..=5 => most as u32 + 1,
        _ => 10,
    });
    Case { seed, desired, prior }
}

fn image_id(serial: u32) -> ImageId {
    format!("img-{serial:08}").parse().unwrap()
}

#[expect(clippy::too_many_arguments, reason = "one call, one place")]
fn record(
    dice: &mut Dice,
    prior: &mut Recorded,
    key: &ImageKey,
    name: &NameTemplate,
    current: u32,
    regions: &[Region],
    origin: &mut Region,
    accounts: &[AccountId],
    shape: Shape,
    adopted: bool,
    serial: &mut u32,
) {
    let mut generations = BTreeMap::new();
    for generation in 1..=current {
        let is_current = generation == current;
        // Two generations under one fixed name cannot exist at once.
        let number = GenerationNumber(generation);
        let name = if !name.is_fixed() || is_current {
            name.of(number, "")
        } else {
            format_compact!("{key}-was-{generation}")
        };
        let mut placements = BTreeMap::new();
        for place in regions {
            if !(*place == *origin || dice.percent(if is_current { 55 } else { 40 })) {
                continue;
            }
            *serial += 1;
            let id = image_id(*serial);
            let mut placement = Placement::accepted(id, name.clone(), ImageState::Normal, now());
            placement.copied_from = (*place != *origin).then(|| copied_from(dice, origin, &placements));
            put_state(dice, &mut placement);
            if adopted && *place == *origin {
                (placement.name, placement.interim) = (name.clone(), false);
            }
            if placement.is_in_place() && !is_current && !shape.plain {
                placement.deprecated = dice.percent(40);
            }
            if !shape.plain && placement.is_normal() && !placement.interim && dice.percent(45) {
                placement.shares = dice.some(accounts, 50).into();
                let unmanaged: Accounts = dice.some(accounts, 12).into();
                placement.unmanaged = unmanaged.without(&placement.shares);
            }
            placements.insert(place.clone(), placement);
        }
        let mut source = source(generation);
        if let Some(origin) = placements.get(origin).filter(|_| adopted) {
            source.kind = SourceKind::Adopted(origin.id.clone());
        }
        generations.insert(number, RecordedGeneration { source, of: None, replaced_in: None, placements });
    }
    generations.retain(|_, build| !build.placements.is_empty());
    prior.generations_used.insert(key.clone(), GenerationNumber(current));
    let image = RecordedImage {
        origin: origin.clone(),
        current: GenerationNumber(current),
        protect: false,
        delete_snapshots: true,
        serving: BTreeMap::new(),
        generations,
    };
    prior.images.insert(key.clone(), image);
}

/// The region that a recorded copy was made from: mostly the origin's.
fn copied_from(dice: &mut Dice, origin: &Region, others: &BTreeMap<Region, Placement>) -> Region {
    match others.keys().next() {
        Some(other) if dice.percent(20) => other.clone(),
        _ => origin.clone(),
    }
}

/// Most images are NORMAL; others failed, are being made by a run that ended before them, or were made and have not
/// taken their final name.
fn put_state(dice: &mut Dice, placement: &mut Placement) {
    let is_copy = placement.copied_from.is_some();
    let making = match is_copy {
        true => ImageState::Syncing,
        false if dice.percent(70) => ImageState::Creating,
        false => ImageState::Importing,
    };
    placement.seen = true;
    match dice.below(100) {
        0..=3 => placement.state = ImageState::CreateFailed,
        4..=10 => {
            placement.state = making;
            placement.seen = dice.percent(60);
        }
        // Answered as NORMAL, and never seen.
        11 => placement.seen = false,
        12..=13 => {}
        _ => return,
    }
    if is_copy || dice.percent(30) {
        placement.interim = true;
        placement.name = format_compact!("{}~{:010}", placement.name, dice.below(1_000_000));
    }
}

fn swap_names(desired: &mut Desired) {
    let fixed: Vec<ImageKey> = desired
        .images
        .iter()
        .filter(|(_, image)| image.name.is_fixed())
        .map(|(key, _)| key.clone())
        .collect();
    if let [first, second, ..] = &fixed[..] {
        let one = desired.images[first].name.clone();
        let other = std::mem::replace(&mut desired.images.get_mut(second).unwrap().name, one);
        desired.images.get_mut(first).unwrap().name = other;
    }
}

impl Case {
    pub fn diff(&self) -> Diff {
        diff(&self.desired, &self.prior, PlanMode::Normal)
    }

    pub fn plan(&self) -> Result<goldform::plan::Plan, goldform::plan::PlanError> {
        goldform::plan::plan(&self.desired, &self.prior, None, self.diff())
    }

    /// In words, for a test that failed.
    pub fn describe(&self) -> String {
        let mut text = format!("seed {}\n", self.seed);
        for (region, limit) in &self.desired.limits.regions {
            let unmanaged = self.prior.regions.get(region).map_or(0, |known| known.unmanaged.len());
            let held: Vec<String> = self
                .prior
                .placements()
                .filter(|(at, _)| at.region == *region)
                .map(|(at, placement)| {
                    format!(
                        "{at} `{}` {:?}{}{}{} {:?}",
                        placement.name,
                        placement.state,
                        if placement.seen { "" } else { " unseen" },
                        if placement.deprecated { " deprecated" } else { "" },
                        match &placement.copied_from {
                            Some(source) => format!(" from {source}"),
                            None => String::new(),
                        },
                        short(&placement.everyone())
                    )
                })
                .collect();
            let _ = writeln!(text, "{region}: limit {limit}, unmanaged {unmanaged}, {held:#?}");
        }
        for (key, image) in &self.desired.images {
            let shares: Vec<String> =
                image.shares.iter().map(|(region, with)| format!("{region} {:?}", short(with))).collect();
            let _ = writeln!(
                text,
                "{key}: `{}` in {} copies {:?} revision {:?} {:?} protect {} {:?} shares {shares:?} exclusive {:?}",
                image.name.0,
                image.region,
                image.copies.iter().map(Region::as_str).collect::<Vec<_>>(),
                image.source.as_ref().and_then(|source| source.revision.clone()),
                image.replace,
                image.protect,
                image.keep,
                image.exclusive,
            );
        }
        let _ = writeln!(
            text,
            "edits {:?}, share limit {:?}, levels {:?}, tag {:?}",
            self.desired.cloud.shared_image_edits,
            self.desired.limits.accounts_per_image,
            self.desired.levels,
            self.desired.cloud.ownership_tag,
        );
        text
    }
}

fn short(accounts: &Accounts) -> Vec<String> {
    accounts.iter().map(|account| account.to_string().trim_start_matches("20000000").to_owned()).collect()
}

pub fn graph_in_words(graph: &goldform::plan::StepGraph) -> String {
    let mut text = String::new();
    for (index, step) in graph.steps() {
        let _ = writeln!(text, "  {}: {}", index.index(), step.id);
        for (earlier, reason) in graph.waits_for(index) {
            let _ = writeln!(text, "      after {}: {reason:?}", earlier.index());
        }
    }
    text
}

pub fn placement_of(image: &str, generation: u32, place: &str) -> PlacementKey {
    PlacementKey {
        image: image.parse().unwrap(),
        generation: GenerationNumber(generation),
        region: region(place),
    }
}
