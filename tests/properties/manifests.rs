//! Random manifests and edits of them, as values that print as what they are and render to YAML.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

/// Four regions on each side of the mainland's border.
const ABROAD: [&str; 4] = ["ap-jakarta", "ap-singapore", "ap-tokyo", "na-ashburn"];
const MAINLAND: [&str; 4] = ["ap-guangzhou", "ap-shanghai", "ap-beijing", "ap-nanjing"];

/// The accounts that images are shared with.
pub const ACCOUNTS: [&str; 4] = ["200000000001", "200000000002", "200000000003", "200000000004"];

/// A whole manifest. Entries are numbered, and keyed `image-<number>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub mainland: bool,
    pub entries: BTreeMap<u8, Entry>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Of the four regions, the one it is built in.
    pub home: u8,
    /// The ones it is copied to; `home` among them does not count.
    pub copies: BTreeSet<u8>,
    pub name: Name,
    pub source: Source,
    pub revision: Option<u8>,
    /// Nothing: not managed; 0: none.
    pub description: Option<u8>,
    pub family: Option<u8>,
    pub tags: BTreeMap<u8, u8>,
    pub shares: BTreeSet<u8>,
    /// The regions of the share, as far as the image is there; none of them: all.
    pub shared_in: BTreeSet<u8>,
    pub exclusive: bool,
    pub keep: u8,
    pub delete_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    ByGeneration,
    /// Another one of few, so that entries get in each other's way.
    Fixed(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Instance(u8),
    Snapshot(u8),
}

impl Manifest {
    pub fn region(&self, number: u8) -> &'static str {
        let side = if self.mainland { &MAINLAND } else { &ABROAD };
        side[usize::from(number) % side.len()]
    }

    /// The fixed names of entries are each its own: of two with one name, the second gets another.
    pub fn with_unique_names(mut self) -> Self {
        let mut taken = BTreeSet::new();
        for entry in self.entries.values_mut() {
            if let Name::Fixed(name) = &mut entry.name {
                while !taken.insert(*name) {
                    *name = name.wrapping_add(1);
                }
            }
        }
        self
    }

    pub fn yaml(&self) -> String {
        self.write(self.entries.iter())
    }

    /// The same manifest with its entries and shares the other way round.
    pub fn yaml_backwards(&self) -> String {
        self.write(self.entries.iter().rev())
    }

    fn write<'a>(&'a self, entries: impl Iterator<Item = (&'a u8, &'a Entry)> + Clone) -> String {
        let mut text = String::from(
            "version: 1\naccount: \"100000000001\"\nrules: { mass_deletion: allow, mass_unshare: allow, entry_renamed: allow, share_unmanaged: allow }\nimages:",
        );
        text.push_str(if self.entries.is_empty() { " {}\n" } else { "\n" });
        for (number, entry) in entries.clone() {
            self.write_entry(&mut text, *number, entry);
        }
        let shares: String = entries.filter_map(|(number, entry)| self.share(*number, entry)).collect();
        text.push_str("shares:");
        text.push_str(if shares.is_empty() { " []\n" } else { "\n" });
        text + &shares
    }

    fn share(&self, number: u8, entry: &Entry) -> Option<String> {
        let regions = self.shared_regions(entry);
        if entry.shares.is_empty() || regions.is_empty() {
            return None;
        }
        let key = key(number);
        let with: Vec<_> = entry.shares.iter().map(|n| format!("{:?}", account(*n))).collect();
        let regions: Vec<_> = regions.into_iter().map(|n| self.region(n)).collect();
        let (with, regions) = (with.join(", "), regions.join(", "));
        let exclusive = if entry.exclusive { ", exclusive: true" } else { "" };
        Some(format!("  - {{ image: {key}, with: [{with}], regions: [{regions}]{exclusive} }}\n"))
    }

    fn write_entry(&self, text: &mut String, number: u8, entry: &Entry) {
        writeln!(text, "  {}:", key(number)).unwrap();
        writeln!(text, "    region: {}", self.region(entry.home)).unwrap();
        writeln!(text, "    name: {}", entry.name_template(number)).unwrap();
        if let Some(description) = entry.description {
            writeln!(text, "    description: {:?}", words("description", description)).unwrap();
        }
        if let Some(family) = entry.family {
            writeln!(text, "    family: {:?}", words("family", family)).unwrap();
        }
        if !entry.tags.is_empty() {
            let tags: Vec<_> =
                entry.tags.iter().map(|(key, value)| format!("tag-{key}: \"value-{value}\"")).collect();
            writeln!(text, "    tags: {{ {} }}", tags.join(", ")).unwrap();
        }
        let revision = entry.revision.map(|text| format!("revision: \"{text}\", ")).unwrap_or_default();
        let source = match entry.source {
            Source::Instance(number) => format!("instance: {{ id: ins-0000000{number} }}"),
            Source::Snapshot(number) => format!("snapshots: [snap-0000000{number}]"),
        };
        writeln!(text, "    source: {{ {revision}{source} }}").unwrap();
        let copies: Vec<_> = entry.copies().map(|copy| self.region(copy)).collect();
        writeln!(text, "    copies: [{}]", copies.join(", ")).unwrap();
        writeln!(text, "    keep: {}", entry.keep).unwrap();
        if entry.delete_first {
            writeln!(text, "    replace: delete-first").unwrap();
        }
    }

    /// The numbers of the regions that an entry is shared in.
    pub fn shared_regions(&self, entry: &Entry) -> BTreeSet<u8> {
        let placements = entry.placements();
        let chosen: BTreeSet<u8> = entry.shared_in.intersection(&placements).copied().collect();
        if chosen.is_empty() { placements } else { chosen }
    }
}

impl Entry {
    /// The regions it is copied to.
    pub fn copies(&self) -> impl Iterator<Item = u8> + '_ {
        self.copies.iter().copied().filter(|copy| *copy != self.home)
    }

    /// All regions of its placements.
    pub fn placements(&self) -> BTreeSet<u8> {
        self.copies().chain([self.home]).collect()
    }

    pub fn name_template(&self, number: u8) -> String {
        match self.name {
            Name::ByGeneration => format!("{}-{{generation}}", key(number)),
            Name::Fixed(name) => format!("name-{name}"),
        }
    }
}

pub fn key(number: u8) -> String {
    format!("image-{number}")
}

pub fn account(number: u8) -> &'static str {
    ACCOUNTS[usize::from(number) % ACCOUNTS.len()]
}

/// 0 is the empty text.
pub fn words(kind: &str, number: u8) -> String {
    if number == 0 { String::new() } else { format!("{kind}-{number}") }
}

/// One change of a manifest. Entries are picked by position, so that every edit fits every manifest.
#[derive(Debug, Clone)]
pub enum Edit {
    Add(u8, Entry),
    Remove(u8),
    Revise(u8, Option<u8>),
    Rebuild(u8, Source),
    Copy(u8, u8),
    Move(u8, u8),
    Name(u8, Name),
    SwapNames(u8, u8),
    Describe(u8, Option<u8>),
    Family(u8, Option<u8>),
    Tag(u8, u8, u8),
    Untag(u8),
    Share(u8, u8),
    Unshare(u8, u8),
    ShareIn(u8, BTreeSet<u8>),
    Exclusive(u8),
    Keep(u8, u8),
    DeleteFirst(u8),
}

impl Edit {
    pub fn of(&self, manifest: &Manifest) -> Manifest {
        let mut edited = manifest.clone();
        let numbers: Vec<u8> = edited.entries.keys().copied().collect();
        let pick = |position: u8| numbers[usize::from(position) % numbers.len()];
        if let Self::Add(number, entry) = self {
            edited.entries.insert(*number, entry.clone());
            return edited.with_unique_names();
        }
        if numbers.is_empty() {
            return edited;
        }
        if let Self::SwapNames(one, other) = self {
            let (one, other) = (pick(*one), pick(*other));
            let (first, second) = (edited.entries[&one].name, edited.entries[&other].name);
            if let (Name::Fixed(_), Name::Fixed(_)) = (first, second) {
                edited.entries.get_mut(&one).unwrap().name = second;
                edited.entries.get_mut(&other).unwrap().name = first;
            }
            return edited;
        }
        let position = match self {
            Self::Add(..) | Self::SwapNames(..) => unreachable!("done above"),
            Self::Remove(at) | Self::Untag(at) | Self::Exclusive(at) | Self::DeleteFirst(at) => *at,
            Self::Revise(at, _) | Self::Describe(at, _) | Self::Family(at, _) => *at,
            Self::Copy(at, _) | Self::Move(at, _) | Self::Keep(at, _) => *at,
            Self::Share(at, _) | Self::Unshare(at, _) | Self::Tag(at, ..) => *at,
            Self::Rebuild(at, _) => *at,
            Self::Name(at, _) => *at,
            Self::ShareIn(at, _) => *at,
        };
        let number = pick(position);
        if let Self::Remove(_) = self {
            edited.entries.remove(&number);
            return edited;
        }
        let entry = edited.entries.get_mut(&number).unwrap();
        match self {
            Self::Revise(_, revision) => entry.revision = *revision,
            Self::Rebuild(_, source) => entry.source = *source,
            Self::Copy(_, region) => {
                if !entry.copies.remove(region) {
                    entry.copies.insert(*region);
                }
            }
            Self::Move(_, region) => {
                entry.copies.insert(entry.home);
                entry.home = *region;
            }
            Self::Name(_, name) => entry.name = *name,
            Self::Describe(_, description) => entry.description = *description,
            Self::Family(_, family) => entry.family = *family,
            Self::Tag(_, key, value) => {
                entry.tags.insert(*key, *value);
            }
            Self::Untag(_) => {
                entry.tags.pop_first();
            }
            Self::Share(_, account) => {
                entry.shares.insert(*account);
            }
            Self::Unshare(_, account) => {
                entry.shares.remove(account);
            }
            Self::ShareIn(_, regions) => entry.shared_in.clone_from(regions),
            Self::Exclusive(_) => entry.exclusive = !entry.exclusive,
            Self::Keep(_, keep) => entry.keep = *keep,
            Self::DeleteFirst(_) => entry.delete_first = !entry.delete_first,
            Self::Add(..) | Self::Remove(_) | Self::SwapNames(..) => unreachable!("done above"),
        }
        edited.with_unique_names()
    }
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![2 => Just(Name::ByGeneration), 1 => (0u8..4).prop_map(Name::Fixed)]
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![(1u8..4).prop_map(Source::Instance), (1u8..3).prop_map(Source::Snapshot)]
}

pub fn entry() -> impl Strategy<Value = Entry> {
    let place = (0u8..4, btree_set(0u8..4, 0..4), name(), source(), option::of(0u8..3));
    let texts = (option::of(0u8..3), option::of(0u8..3), btree_map(0u8..3, 0u8..3, 0..3));
    let shares = (btree_set(0u8..4, 0..4), btree_set(0u8..4, 0..3), prop::bool::weighted(0.2));
    let replace = (prop_oneof![3 => Just(0u8), 1 => 1u8..3], prop::bool::weighted(0.2));
    (place, texts, shares, replace).prop_map(|(place, texts, shares, replace)| {
        let (home, copies, name, source, revision) = place;
        let (description, family, tags) = texts;
        let (shares, shared_in, exclusive) = shares;
        let (keep, delete_first) = replace;
        Entry {
            home,
            copies,
            name,
            source,
            revision,
            description,
            family,
            tags,
            shares,
            shared_in,
            exclusive,
            keep,
            delete_first,
        }
    })
}

pub fn manifest() -> impl Strategy<Value = Manifest> {
    (any::<bool>(), btree_map(0u8..8, entry(), 1..=5))
        .prop_map(|(mainland, entries)| Manifest { mainland, entries }.with_unique_names())
}

pub fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0u8..8;
    prop_oneof![
        2 => (0u8..8, entry()).prop_map(|(number, entry)| Edit::Add(number, entry)),
        1 => at().prop_map(Edit::Remove),
        4 => (at(), option::of(0u8..6)).prop_map(|(at, revision)| Edit::Revise(at, revision)),
        2 => (at(), source()).prop_map(|(at, source)| Edit::Rebuild(at, source)),
        3 => (at(), 0u8..4).prop_map(|(at, region)| Edit::Copy(at, region)),
        2 => (at(), 0u8..4).prop_map(|(at, region)| Edit::Move(at, region)),
        2 => (at(), name()).prop_map(|(at, name)| Edit::Name(at, name)),
        2 => (at(), at()).prop_map(|(one, other)| Edit::SwapNames(one, other)),
        1 => (at(), option::of(0u8..3)).prop_map(|(at, text)| Edit::Describe(at, text)),
        1 => (at(), option::of(0u8..3)).prop_map(|(at, text)| Edit::Family(at, text)),
        1 => (at(), 0u8..3, 0u8..3).prop_map(|(at, key, value)| Edit::Tag(at, key, value)),
        1 => at().prop_map(Edit::Untag),
        2 => (at(), 0u8..4).prop_map(|(at, account)| Edit::Share(at, account)),
        2 => (at(), 0u8..4).prop_map(|(at, account)| Edit::Unshare(at, account)),
        1 => (at(), btree_set(0u8..4, 0..3)).prop_map(|(at, regions)| Edit::ShareIn(at, regions)),
        1 => at().prop_map(Edit::Exclusive),
        1 => (at(), 0u8..3).prop_map(|(at, keep)| Edit::Keep(at, keep)),
        1 => at().prop_map(Edit::DeleteFirst),
    ]
}

/// A manifest and one to three edits that are made at once.
pub fn story() -> impl Strategy<Value = (Manifest, Vec<Edit>)> {
    (manifest(), vec(edit(), 1..=3))
}

/// The manifest after its edits.
pub fn edited(manifest: &Manifest, edits: &[Edit]) -> Manifest {
    edits.iter().fold(manifest.clone(), |manifest, edit| edit.of(&manifest))
}
