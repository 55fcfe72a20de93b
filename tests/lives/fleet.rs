//! A fleet: the entries of one manifest, edits of them, and what the manifest asks for in the observer's words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use goldform::constraints;
use goldform::state::Recorded;

use super::adopted::{self, Adopted};
use super::chance::Chance;

pub const OWNER: &str = "100000000001";
pub const REGIONS: [&str; 4] = ["ap-jakarta", "ap-singapore", "ap-tokyo", "na-ashburn"];
/// The accounts that manifests share with.
const PARTNERS: [&str; 3] = ["200000000001", "200000000002", "200000000003"];
/// The accounts that others share with; no manifest names them.
pub const STRANGERS: [&str; 2] = ["300000000001", "300000000002"];
/// The number of the entry that is the encrypted copy of another one, above that one's.
pub const ENCRYPTED: u8 = 10;
/// What an entry keeps of earlier generations.
const KEEPS: [Option<&str>; 7] = [
    None,
    Some("0"),
    Some("1"),
    Some("2"),
    Some("{ at_most: 3 }"),
    Some("{ at_least: 1, at_most: 3, days: 1 }"),
    Some("{ days: 1 }"),
];

/// An entry of a team: images are the same entry's as long as this is the same.
pub type EntryKey = (usize, u8);

/// All entries of a team's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    pub team: usize,
    /// What the names of its images begin with.
    pub prefix: &'static str,
    pub entries: BTreeMap<u8, Entry>,
    /// Whether the manifest consents to what a rule would refuse.
    pub consents: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub home: usize,
    pub copies: BTreeSet<usize>,
    pub source: Source,
    pub revision: u8,
    /// Whether each generation has a name of its own.
    pub by_generation: bool,
    /// Left out of the manifest where it is `None`.
    pub description: Option<u8>,
    pub family: Option<u8>,
    pub tag: Option<u8>,
    pub partners: BTreeSet<usize>,
    pub exclusive: bool,
    /// One of [`KEEPS`].
    pub keep: usize,
    /// The revision that is pinned.
    pub pin: Option<u8>,
    pub delete_first: bool,
    pub protect: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Instance(u8),
    /// The images with these ids, which somebody else made.
    Adopted(Adopted),
    /// An encrypted copy of the entry with this number.
    Encrypted(u8),
}

/// What a manifest asks for in one region of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Want {
    pub accounts: BTreeSet<String>,
    /// Whether shares of others are revoked.
    pub exclusive: bool,
}

/// What a manifest asks for, by entry and region.
pub type Wants = BTreeMap<(u8, String), Want>;

/// The key of an entry in the manifest.
pub fn key(number: u8) -> String {
    let base = ["web", "db", "app", "bus", "log"][usize::from(number % ENCRYPTED) % 5];
    if number >= ENCRYPTED { format!("{base}-sealed") } else { base.to_owned() }
}

/// The number of the entry that has this key.
pub fn number_of(text: &str) -> Option<u8> {
    (0..2 * ENCRYPTED).find(|number| key(*number) == text)
}

/// An instance that only this entry is made from.
fn instance(team: usize, entry: u8, variant: u8) -> String {
    format!("ins-{team:01}{entry:02}{variant:05}")
}

/// The entry that an instance is of.
pub fn entry_of_instance(id: &str) -> Option<EntryKey> {
    let digits = id.strip_prefix("ins-")?;
    Some((digits.get(..1)?.parse().ok()?, digits.get(1..3)?.parse().ok()?))
}

impl Entry {
    fn random(chance: &mut Chance) -> Self {
        let some = |chance: &mut Chance| chance.percent(60).then(|| u8::try_from(chance.below(3)).unwrap());
        Self {
            home: chance.below(REGIONS.len()),
            copies: (0..REGIONS.len()).filter(|_| chance.percent(40)).collect(),
            source: Source::Instance(0),
            revision: 1,
            by_generation: chance.percent(70),
            description: some(chance),
            family: some(chance),
            tag: some(chance),
            partners: (0..PARTNERS.len()).filter(|_| chance.percent(50)).collect(),
            exclusive: chance.percent(10),
            keep: chance.below(KEEPS.len()),
            pin: None,
            delete_first: chance.percent(10),
            protect: chance.percent(12),
        }
    }

    /// The regions where it is wanted.
    pub fn regions(&self) -> BTreeSet<usize> {
        let is_sealed = matches!(self.source, Source::Encrypted(_));
        let copies = self.copies.iter().copied().filter(|_| !is_sealed);
        copies.chain(self.adopted_in()).chain([self.home]).collect()
    }

    /// The regions where its image is adopted.
    pub fn adopted_in(&self) -> impl Iterator<Item = usize> {
        let ids = if let Source::Adopted(ids) = &self.source { Some(ids) } else { None };
        ids.into_iter().flat_map(|ids| ids.keys().copied())
    }
}

impl Fleet {
    pub fn random(team: usize, prefix: &'static str, chance: &mut Chance) -> Self {
        let entries = (0..1 + u8::try_from(chance.below(3)).unwrap())
            .map(|number| (number, Entry::random(chance)))
            .collect();
        Self { team, prefix, entries, consents: false }
    }

    pub fn wants(&self) -> Wants {
        let mut wants = Wants::new();
        for (number, entry) in &self.entries {
            let is_shared = !matches!(entry.source, Source::Encrypted(_));
            let accounts: BTreeSet<String> =
                entry.partners.iter().filter(|_| is_shared).map(|n| PARTNERS[*n].to_owned()).collect();
            for region in entry.regions() {
                // Without accounts there is no entry under `shares`, which would say that they are revoked.
                let want =
                    Want { exclusive: entry.exclusive && !accounts.is_empty(), accounts: accounts.clone() };
                wants.insert((*number, REGIONS[region].to_owned()), want);
            }
        }
        wants
    }

    /// The revisions that the manifest pins, by entry.
    pub fn pins(&self) -> BTreeMap<u8, String> {
        let pin = |entry: &Entry| entry.pin.filter(|_| !matches!(entry.source, Source::Adopted(_)));
        self.entries.iter().filter_map(|(number, entry)| Some((*number, pin(entry)?.to_string()))).collect()
    }

    /// Removes pins to revisions of which nothing is left, or that were never built.
    pub fn unpin_what_is_gone(&mut self, recorded: &Recorded) {
        for (number, entry) in &mut self.entries {
            let Some(pin) = entry.pin.filter(|pin| *pin != entry.revision) else { continue };
            let key = key(*number).parse().unwrap();
            let mut usable = recorded.usable_generations(&key);
            if !usable.any(|(_, revision)| revision.as_deref() == Some(&pin.to_string())) {
                entry.pin = None;
            }
        }
    }

    /// The images of others that the manifest takes over, by entry.
    pub fn adopted(&self) -> impl Iterator<Item = (u8, &str)> {
        self.entries.iter().flat_map(|(number, entry)| {
            let ids = if let Source::Adopted(ids) = &entry.source { Some(ids) } else { None };
            ids.into_iter().flat_map(|ids| ids.values().map(|id| (*number, id.as_str())))
        })
    }

    /// The name of an entry's images, with `{generation}` where each has its own.
    pub fn name(&self, number: u8) -> String {
        let by_generation = self.entries.get(&number).is_some_and(|entry| entry.by_generation);
        format!("{}{}{}", self.prefix, key(number), if by_generation { "-{generation}" } else { "" })
    }

    pub fn yaml(&self) -> String {
        let mut text = format!("version: 1\naccount: \"{OWNER}\"\n");
        let consents: &[&str] = &[
            "mass_deletion",
            "share_gap",
            "mass_unshare",
            "protected_image_deleted",
            "entry_renamed",
            "mass_disappearance",
        ];
        let consents = if self.consents { consents } else { &consents[..1] };
        let known = consents.iter().filter(|name| constraints::find(name).is_some());
        let known: Vec<String> = known.map(|name| format!("{name}: warn")).collect();
        writeln!(text, "rules: {{ {} }}\nimages:{}", known.join(", "), self.none()).unwrap();
        for (number, entry) in &self.entries {
            self.write_entry(&mut text, *number, entry);
        }
        let shares: String = self.entries.iter().filter_map(|(n, entry)| self.share(*n, entry)).collect();
        writeln!(text, "shares:{}", if shares.is_empty() { " []" } else { "" }).unwrap();
        text + &shares
    }

    fn none(&self) -> &'static str {
        if self.entries.is_empty() { " {}" } else { "" }
    }

    fn share(&self, number: u8, entry: &Entry) -> Option<String> {
        if entry.partners.is_empty() || matches!(entry.source, Source::Encrypted(_)) {
            return None;
        }
        let with: Vec<String> = entry.partners.iter().map(|n| format!("{:?}", PARTNERS[*n])).collect();
        let exclusive = if entry.exclusive { ", exclusive: true" } else { "" };
        Some(format!("  - {{ image: {}, with: [{}]{exclusive} }}\n", key(number), with.join(", ")))
    }

    fn write_entry(&self, text: &mut String, number: u8, entry: &Entry) {
        writeln!(text, "  {}:\n    region: {}", key(number), REGIONS[entry.home]).unwrap();
        writeln!(text, "    name: \"{}\"", self.name(number)).unwrap();
        if let Some(description) = entry.description {
            writeln!(text, "    description: description {description}").unwrap();
        }
        if let Some(family) = entry.family {
            writeln!(text, "    family: family-{family}").unwrap();
        }
        if let Some(tag) = entry.tag {
            writeln!(text, "    tags: {{ team: team-{tag} }}").unwrap();
        }
        let revision = entry.revision;
        let source = match &entry.source {
            Source::Instance(variant) => {
                let id = instance(self.team, number, *variant);
                format!("revision: \"{revision}\", instance: {{ id: {id} }}")
            }
            Source::Adopted(ids) => format!("adopted: {}", adopted::yaml(ids)),
            Source::Encrypted(base) => {
                format!("revision: \"{revision}\", encrypted: {{ image: {}, kms_key: key-1 }}", key(*base))
            }
        };
        writeln!(text, "    source: {{ {source} }}").unwrap();
        let adopted: BTreeSet<usize> = entry.adopted_in().collect();
        let copies = entry.regions().into_iter();
        let copies = copies.filter(|region| *region != entry.home && !adopted.contains(region));
        let copies: Vec<&str> = copies.map(|region| REGIONS[region]).collect();
        if !copies.is_empty() {
            writeln!(text, "    copies: [{}]", copies.join(", ")).unwrap();
        }
        if let Some(keep) = KEEPS[entry.keep] {
            writeln!(text, "    keep: {keep}").unwrap();
        }
        if let Some(pin) = self.pins().get(&number) {
            writeln!(text, "    pin: \"{pin}\"").unwrap();
        }
        if entry.delete_first && !entry.protect {
            writeln!(text, "    replace: delete-first").unwrap();
        }
        if entry.protect {
            writeln!(text, "    protect: true").unwrap();
        }
    }

    /// Edits the fleet once. Returns what was edited, for people; `make_image` has somebody else make an image in a
    /// region, and returns its id.
    pub fn edit(&mut self, chance: &mut Chance, mut make_image: impl FnMut(&str) -> String) -> String {
        let numbers: Vec<u8> = self.entries.keys().copied().collect();
        let which = *chance.weighted(&[
            (30, "revise"),
            (5, "instance"),
            (4, "describe"),
            (4, "family"),
            (4, "tag"),
            (16, "copy"),
            (16, "share"),
            (6, "protect"),
            (6, "keep"),
            (8, "pin"),
            (6, "name"),
            (5, "order"),
            (3, "exclusive"),
            (5, "remove"),
            (8, "add"),
            (5, "encrypt"),
            (8, "adopt"),
        ]);
        if numbers.is_empty() || (which == "add" && numbers.len() < 4) {
            let free = (0..5u8).find(|number| !self.entries.contains_key(number)).unwrap_or(0);
            self.entries.insert(free, Entry::random(chance));
            return format!("added {}", key(free));
        }
        let number = *chance.pick(&numbers);
        let region = chance.below(REGIONS.len());
        let partner = chance.below(PARTNERS.len());
        let value = u8::try_from(chance.below(3)).unwrap();
        let base = number % ENCRYPTED;
        let name = key(number);
        if which == "remove" {
            self.entries.remove(&number);
            // What is made from it cannot be without it.
            self.entries.retain(|_, entry| entry.source != Source::Encrypted(number));
            return format!("removed {name}");
        }
        if which == "encrypt" {
            let sealed = base + ENCRYPTED;
            if self.entries.remove(&sealed).is_some() {
                return format!("removed {}", key(sealed));
            }
            let Some(home) = self.entries.get(&base).map(|entry| entry.home) else { return String::new() };
            let entry = Entry { home, source: Source::Encrypted(base), ..Entry::random(chance) };
            self.entries.insert(sealed, entry);
            return format!("added {}", key(sealed));
        }
        let Some(entry) = self.entries.get_mut(&number) else { return String::new() };
        match which {
            "instance" => match &mut entry.source {
                Source::Instance(variant) => *variant = (*variant + 1) % 4,
                _ => entry.revision += 1,
            },
            "describe" => entry.description = Some(value),
            "family" => entry.family = Some(value),
            "tag" => entry.tag = Some(value),
            "copy" => {
                let home = entry.home;
                if let Source::Adopted(ids) = &mut entry.source
                    && region != home
                    && ids.remove(&region).is_some()
                {
                    return format!("{name}: not adopted in {}", REGIONS[region]);
                }
                if !entry.copies.remove(&region) {
                    entry.copies.insert(region);
                }
                return format!("{name}: copies to {:?}", entry.regions());
            }
            "share" => {
                if !entry.partners.remove(&partner) {
                    entry.partners.insert(partner);
                }
                return format!("{name}: shared with {:?}", entry.partners);
            }
            "protect" => entry.protect = !entry.protect,
            "keep" => {
                entry.keep = chance.below(KEEPS.len());
                return format!("{name}: keep {}", KEEPS[entry.keep].unwrap_or("by default"));
            }
            "pin" => {
                // Mostly one that may exist.
                entry.pin = match entry.pin {
                    Some(_) => None,
                    None => Some(entry.revision.saturating_sub(value).max(1)),
                };
                return format!("{name}: pin {:?}", entry.pin);
            }
            "name" => entry.by_generation = !entry.by_generation,
            "order" => entry.delete_first = !entry.delete_first,
            "exclusive" => entry.exclusive = !entry.exclusive,
            "adopt" if !matches!(entry.source, Source::Encrypted(_)) => {
                if let Source::Adopted(ids) = &mut entry.source
                    && chance.percent(50)
                    && let Some(region) = adopted::replace_one(chance, entry.home, ids, &mut make_image)
                {
                    return format!("{name}: takes {} over in {}", ids[&region], REGIONS[region]);
                }
                let ids = adopted::make(chance, entry, make_image);
                let said = format!("{name}: takes {} over", adopted::yaml(&ids));
                entry.source = Source::Adopted(ids);
                return said;
            }
            _ => {
                // A new build, of whatever kind.
                entry.revision += 1;
                if matches!(entry.source, Source::Adopted(_)) {
                    entry.source = Source::Adopted(adopted::make(chance, entry, make_image));
                }
                return format!("{name}: a new build, revision {}", entry.revision);
            }
        }
        format!("{name}: {which}")
    }
}
