//! The service and the promises, as far as orders of steps matter: a state is which steps have started and which
//! have settled. What is taken is taken at the start, what is given is given when it has settled.

use std::collections::{BTreeMap, BTreeSet};

use goldform::model::{AccountId, Accounts, Operation, PlacementKey, Region};
use goldform::plan::{Plan, StepGraph};
use goldform::state::Recorded;

/// A set of steps.
pub type Set = u32;
/// The most steps that are explored one by one.
pub const MOST: usize = 14;

pub fn has(set: Set, step: usize) -> bool {
    set >> step & 1 == 1
}

pub fn bit(step: usize) -> Set {
    1 << step
}

/// What goes wrong in some order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// ImageQuotaLimitExceeded.
    Quota,
    /// InvalidImageName.Duplicate.
    Name,
    /// OverQuota.
    Places,
    /// InvalidImageId.InShared.
    DeleteShared,
    /// SharedImageModifyUnsupported.
    EditShared,
    /// The image is not NORMAL, or not there.
    NotThere,
    /// What is copied from is not NORMAL, or goes before the copy is.
    CopySource,
    /// Promised: attributes and tags come before the first share.
    AttributesLate,
    /// Promised: the successor is NORMAL before the old generation is unshared or goes.
    SuccessorLate,
    /// Promised: who keeps access never loses it.
    AccessLost,
    /// Promised: the old one goes first where the entry asks for it.
    DeleteFirst,
}

/// Those that the service or a rule about limits and names refuses: GF202, GF503, GF601, GF702.
pub const RULED: [Wrong; 4] = [Wrong::Quota, Wrong::Name, Wrong::Places, Wrong::DeleteShared];

/// One placement, and the steps at it.
#[derive(Debug, Default)]
struct Place {
    region: usize,
    /// Entry and region: where an account looks for a generation of it.
    spot: usize,
    exists: bool,
    name: String,
    everyone: Accounts,
    makes: Vec<usize>,
    deletes: Vec<usize>,
    shares: Vec<(usize, Accounts)>,
    unshares: Vec<(usize, Accounts)>,
    /// Updates, renames and tags.
    edits: Vec<usize>,
    renames: Vec<(usize, String)>,
    /// The placement that is made to take its place; it goes first where the entry asks for it or where it is early.
    successor: Option<usize>,
    goes_first: bool,
    asked_to_go_first: bool,
}

pub struct Model {
    pub steps: usize,
    /// What each step waits for, directly.
    pub before: Vec<Set>,
    /// And through others.
    above: Vec<Set>,
    operations: Vec<Operation>,
    place_of: Vec<usize>,
    places: Vec<Place>,
    keys: Vec<PlacementKey>,
    pub regions: Vec<Region>,
    used: Vec<usize>,
    limits: Vec<usize>,
    makes_in: Vec<Set>,
    deletes_in: Vec<Set>,
    copied_from: Vec<Option<usize>>,
    /// Steps that copy from a placement.
    copies_of: Vec<Set>,
    unmanaged: BTreeSet<(usize, String)>,
    share_limit: usize,
    edits_refused: bool,
    accounts: BTreeSet<AccountId>,
    /// Who sees a generation at a spot now and is to see one at the end; those are promised that they always do.
    keeps: BTreeSet<(usize, AccountId)>,
}

impl Model {
    /// Nothing where there are too many steps.
    pub fn new(plan: &Plan, prior: &Recorded, edits_refused: bool) -> Option<Self> {
        Self::with_graph(plan, &plan.graph, prior, edits_refused)
    }

    pub fn with_graph(plan: &Plan, graph: &StepGraph, prior: &Recorded, edits_refused: bool) -> Option<Self> {
        let steps = graph.len();
        if steps > MOST {
            return None;
        }
        let mut model = Self {
            steps,
            before: vec![0; steps],
            above: Vec::new(),
            operations: graph.steps().map(|(_, step)| step.operation.clone()).collect(),
            place_of: vec![0; steps],
            places: Vec::new(),
            keys: Vec::new(),
            regions: Vec::new(),
            used: Vec::new(),
            limits: Vec::new(),
            makes_in: Vec::new(),
            deletes_in: Vec::new(),
            copied_from: vec![None; steps],
            copies_of: Vec::new(),
            unmanaged: BTreeSet::new(),
            share_limit: plan.share_limit.value as usize,
            edits_refused,
            accounts: BTreeSet::new(),
            keeps: BTreeSet::new(),
        };
        for (earlier, later, _) in graph.edges() {
            model.before[later.index()] |= bit(earlier.index());
        }
        model.above = closure(&model.before);
        for (region, room) in &plan.regions {
            model.regions.push(region.clone());
            model.used.push(room.managed + room.unmanaged);
            model.limits.push(room.limit.value as usize);
        }
        model.makes_in = vec![0; model.regions.len()];
        model.deletes_in = vec![0; model.regions.len()];
        for (region, known) in &prior.regions {
            if let Some(at) = model.regions.iter().position(|other| other == region) {
                model.unmanaged.extend(known.unmanaged.values().map(|name| (at, name.to_string())));
            }
        }
        model.put_places(plan, graph, prior);
        model.promise_access();
        Some(model)
    }

    fn put_places(&mut self, plan: &Plan, graph: &StepGraph, prior: &Recorded) {
        let mut spots: BTreeMap<(String, Region), usize> = BTreeMap::new();
        let mut at: BTreeMap<PlacementKey, usize> = BTreeMap::new();
        let mut keys: Vec<PlacementKey> = prior.placements().map(|(key, _)| key).collect();
        keys.extend(graph.steps().map(|(_, step)| step.at().clone()));
        for key in keys {
            if at.contains_key(&key) {
                continue;
            }
            at.insert(key.clone(), self.places.len());
            let spots_so_far = spots.len();
            let spot = *spots.entry((key.image.to_string(), key.region.clone())).or_insert(spots_so_far);
            let recorded = prior.placement(&key);
            self.places.push(Place {
                region: self.regions.iter().position(|region| *region == key.region).unwrap(),
                spot,
                exists: recorded.is_some(),
                name: recorded.map(|placement| placement.name.to_string()).unwrap_or_default(),
                everyone: recorded.map(|placement| placement.everyone()).unwrap_or_default(),
                ..Place::default()
            });
            self.keys.push(key);
        }
        self.copies_of = vec![0; self.places.len()];
        for (index, step) in graph.steps() {
            let step_number = index.index();
            let here = at[step.at()];
            self.place_of[step_number] = here;
            let place = &mut self.places[here];
            match &step.operation {
                Operation::Create { .. } | Operation::Copy { .. } => {
                    place.makes.push(step_number);
                    let name = step.operation.made_name().unwrap().to_string();
                    place.renames.push((step_number, name));
                    self.makes_in[place.region] |= bit(step_number);
                    if let Operation::Copy { from, at: to, .. } = &step.operation {
                        let source = PlacementKey { region: from.clone(), ..to.clone() };
                        self.copied_from[step_number] = at.get(&source).copied();
                        if let Some(source) = at.get(&source) {
                            self.copies_of[*source] |= bit(step_number);
                        }
                    }
                }
                Operation::Update { set, .. } => {
                    place.edits.push(step_number);
                    if let Some(name) = &set.name {
                        place.renames.push((step_number, name.to_string()));
                    }
                }
                Operation::Tag { .. } => place.edits.push(step_number),
                Operation::Share { accounts, .. } => place.shares.push((step_number, accounts.clone())),
                Operation::Unshare { accounts, .. } => place.unshares.push((step_number, accounts.clone())),
                Operation::Delete { .. } => {
                    place.deletes.push(step_number);
                    self.deletes_in[place.region] |= bit(step_number);
                }
            }
        }
        for image in &plan.changes {
            let Some(generation) = image.generation else { continue };
            for change in &image.placements {
                let retires = change.action == goldform::diff::Action::Delete;
                if !retires || change.at.generation == generation {
                    continue;
                }
                let successor = PlacementKey { generation, ..change.at.clone() };
                if let (Some(&old), Some(&new)) = (at.get(&change.at), at.get(&successor)) {
                    self.places[old].successor = Some(new);
                    self.places[old].goes_first = change.early || image.delete_first;
                    self.places[old].asked_to_go_first = image.delete_first;
                }
            }
        }
        for place in &self.places {
            self.accounts.extend(place.everyone.iter());
            self.accounts.extend(place.shares.iter().flat_map(|(_, accounts)| accounts.iter()));
        }
    }

    /// Whom access is promised to: not where something goes first, nor where an image is unshared to be changed.
    fn promise_access(&mut self) {
        let all: Set = ((1u64 << self.steps) - 1) as Set;
        for spot in 0..=self.places.iter().map(|place| place.spot).max().unwrap_or(0) {
            let here = || self.places.iter().filter(move |place| place.spot == spot);
            if here().any(|place| place.goes_first) {
                continue;
            }
            let unshared_to_change = here().any(|place| {
                self.edits_refused
                    && place
                        .shares
                        .iter()
                        .any(|(_, to)| place.makes.is_empty() && !to.shared_with(&place.everyone).is_empty())
            });
            let renamed_unshared =
                here().any(|place| self.edits_refused && !place.makes.is_empty() && place.renames.len() > 1);
            if unshared_to_change || renamed_unshared {
                continue;
            }
            let keeps: Vec<AccountId> = self
                .accounts
                .iter()
                .copied()
                .filter(|account| self.sees(spot, *account, 0, 0) && self.sees(spot, *account, all, all))
                .collect();
            self.keeps.extend(keeps.into_iter().map(|account| (spot, account)));
        }
    }

    fn comes_after(&self, later: usize, earlier: usize) -> bool {
        has(self.above[later], earlier)
    }

    /// Whether an account may still be on a placement's list: what is unordered is taken at its worst.
    fn is_on(&self, place: &Place, account: AccountId, started: Set, settled: Set) -> bool {
        let gone = |since: Option<usize>| {
            place.unshares.iter().any(|(unshare, from)| {
                has(settled, *unshare)
                    && from.contains(account)
                    && since.is_none_or(|share| self.comes_after(*unshare, share))
            })
        };
        let is_deleted = place.makes.is_empty() && place.deletes.iter().any(|delete| has(settled, *delete));
        !is_deleted
            && (place.everyone.contains(account) && !gone(None)
                || place
                    .shares
                    .iter()
                    .any(|(share, to)| has(started, *share) && to.contains(account) && !gone(Some(*share))))
    }

    fn everyone(&self, place: &Place, started: Set, settled: Set) -> usize {
        self.accounts.iter().filter(|account| self.is_on(place, **account, started, settled)).count()
    }

    /// Whether an account certainly sees a generation at a spot.
    fn sees(&self, spot: usize, account: AccountId, started: Set, settled: Set) -> bool {
        self.places.iter().filter(|place| place.spot == spot).any(|place| {
            let lost = |since: Option<usize>| {
                place.unshares.iter().any(|(unshare, from)| {
                    has(started, *unshare)
                        && from.contains(account)
                        && since.is_none_or(|share| !self.comes_after(share, *unshare))
                })
            };
            let is_gone = |since: Option<usize>| {
                place.deletes.iter().any(|delete| {
                    has(started, *delete) && since.is_none_or(|share| !self.comes_after(share, *delete))
                })
            };
            place.everyone.contains(account) && !lost(None) && !is_gone(None)
                || place.shares.iter().any(|(share, to)| {
                    has(settled, *share)
                        && to.contains(account)
                        && !lost(Some(*share))
                        && !is_gone(Some(*share))
                })
        })
    }

    pub fn usage(&self, region: usize, started: Set, settled: Set) -> usize {
        let taken = (self.makes_in[region] & started).count_ones() as usize;
        // An image that is deleted twice gives its slot back once.
        let mut given = 0;
        for place in self.places.iter().filter(|place| place.region == region) {
            given += usize::from(place.deletes.iter().any(|delete| has(settled, *delete)));
        }
        (self.used[region] + taken).saturating_sub(given)
    }

    pub fn places_used(&self, at: &PlacementKey, started: Set, settled: Set) -> usize {
        let place = self.keys.iter().position(|key| key == at).map(|index| &self.places[index]);
        place.map_or(0, |place| self.everyone(place, started, settled))
    }

    /// Whether a placement may hold a name.
    fn holds(&self, place: &Place, name: &str, started: Set, settled: Set, taker: usize) -> bool {
        let deleted = |since: Option<usize>| {
            place.deletes.iter().any(|delete| {
                has(settled, *delete) && since.is_none_or(|step| self.comes_after(*delete, step))
            })
        };
        let renamed = |since: Option<usize>| {
            place.renames.iter().any(|(step, other)| {
                has(settled, *step)
                    && other != name
                    && !place.makes.contains(step)
                    && since.is_none_or(|since| self.comes_after(*step, since))
            })
        };
        let own = |step: usize| step == taker;
        let initially = place.exists && place.name == name && !deleted(None) && !renamed(None);
        initially
            || place.renames.iter().any(|(step, taken)| {
                has(started, *step)
                    && !own(*step)
                    && taken == name
                    && !deleted(Some(*step))
                    && !renamed(Some(*step))
            })
    }

    fn takes_taken_name(&self, step: usize, started: Set, settled: Set) -> bool {
        let here = self.place_of[step];
        let Some((_, name)) = self.places[here].renames.iter().find(|(other, _)| *other == step) else {
            return false;
        };
        let region = self.places[here].region;
        let is_make = self.places[here].makes.contains(&step);
        self.unmanaged.contains(&(region, name.clone()))
            || self.places.iter().enumerate().any(|(index, place)| {
                place.region == region
                    && (index != here || is_make)
                    && self.holds(place, name, started, settled, step)
            })
    }

    /// What is wrong with starting a step now. `started` holds it already.
    pub fn wrongs(&self, step: usize, started: Set, settled: Set, found: &mut BTreeSet<Wrong>) {
        let here = self.place_of[step];
        let place = &self.places[here];
        let running = started & !settled & !bit(step);
        let is_there = |place: &Place| {
            let made = place.makes.iter().any(|make| has(settled, *make));
            if place.makes.is_empty() {
                place.exists && !place.deletes.iter().any(|delete| has(started, *delete) && *delete != step)
            } else {
                made
            }
        };
        if self.takes_taken_name(step, started, settled) {
            found.insert(Wrong::Name);
        }
        let operation = &self.operations[step];
        if operation.makes_image() {
            if self.usage(place.region, started, settled) > self.limits[place.region] {
                found.insert(Wrong::Quota);
            }
            if let Operation::Copy { .. } = operation {
                match self.copied_from[step] {
                    Some(source) if is_there(&self.places[source]) => {}
                    _ => {
                        found.insert(Wrong::CopySource);
                    }
                }
            }
            for old in self.places.iter().filter(|old| old.successor == Some(here) && old.asked_to_go_first) {
                if !old.deletes.iter().all(|delete| has(settled, *delete)) {
                    found.insert(Wrong::DeleteFirst);
                }
            }
            return;
        }
        let is_remade = !place.makes.is_empty() && place.exists;
        let is_delete = matches!(operation, Operation::Delete { .. });
        let is_old_one = is_delete && is_remade;
        if !is_there(place) && !is_old_one {
            found.insert(Wrong::NotThere);
        }
        match operation {
            Operation::Delete { .. } => {
                let shared =
                    self.accounts.iter().any(|account| self.is_on(place, *account, started, settled));
                if shared {
                    found.insert(Wrong::DeleteShared);
                }
                // A copy that runs, or is still to come, needs its source.
                if self.copies_of[here] & !settled != 0 && !is_remade {
                    found.insert(Wrong::CopySource);
                }
                self.wants_successor(place, settled, found);
            }
            Operation::Update { .. } | Operation::Tag { .. } => {
                let is_update = matches!(operation, Operation::Update { .. });
                let shared =
                    self.accounts.iter().any(|account| self.is_on(place, *account, started, settled));
                if is_update && self.edits_refused && shared {
                    found.insert(Wrong::EditShared);
                }
            }
            Operation::Share { .. } => {
                if self.everyone(place, started, settled) > self.share_limit {
                    found.insert(Wrong::Places);
                }
                let is_rename = |edit: &usize| place.renames.iter().any(|(step, _)| step == edit);
                let late = place.edits.iter().any(|edit| !has(settled, *edit) && !is_rename(edit));
                if !place.makes.is_empty() && late {
                    found.insert(Wrong::AttributesLate);
                }
                let is_update = |edit: usize| matches!(self.operations[edit], Operation::Update { .. });
                if self.edits_refused
                    && place.edits.iter().any(|edit| is_update(*edit) && has(running, *edit))
                {
                    found.insert(Wrong::EditShared);
                }
            }
            Operation::Unshare { .. } => {
                self.wants_successor(place, settled, found);
                for (spot, account) in &self.keeps {
                    if *spot == place.spot && !self.sees(*spot, *account, started, settled) {
                        found.insert(Wrong::AccessLost);
                    }
                }
            }
            Operation::Create { .. } | Operation::Copy { .. } => {}
        }
    }

    fn wants_successor(&self, place: &Place, settled: Set, found: &mut BTreeSet<Wrong>) {
        let Some(successor) = place.successor.filter(|_| !place.goes_first) else { return };
        if !self.places[successor].makes.iter().all(|make| has(settled, *make)) {
            found.insert(Wrong::SuccessorLate);
        }
    }

    /// Everything that may go wrong in some order, and how many states there are. Nothing: too many.
    pub fn explore(&self, stop: impl Fn(&BTreeSet<Wrong>) -> bool) -> Option<BTreeSet<Wrong>> {
        let mut found = BTreeSet::new();
        let done = self.walk(|step, started, settled| {
            self.wrongs(step, started, settled, &mut found);
            !stop(&found)
        });
        done.then_some(found)
    }

    /// Visits every start of a step in every reachable state, until told to stop. False: too many states.
    pub fn walk(&self, mut visit: impl FnMut(usize, Set, Set) -> bool) -> bool {
        const MOST_STATES: usize = 6_000;
        let threes: Vec<usize> = (0..self.steps).map(|step| 3usize.pow(step as u32)).collect();
        let mut seen = vec![0u64; 3usize.pow(self.steps as u32) / 64 + 1];
        let mut stack: Vec<(usize, Set, Set)> = vec![(0, 0, 0)];
        let mut states = 0;
        while let Some((code, started, settled)) = stack.pop() {
            if seen[code / 64] >> (code % 64) & 1 == 1 {
                continue;
            }
            seen[code / 64] |= 1 << (code % 64);
            states += 1;
            if states > MOST_STATES {
                return false;
            }
            for (step, three) in threes.iter().enumerate() {
                if !has(started, step) {
                    if self.before[step] & !settled == 0 {
                        let now = started | bit(step);
                        if !visit(step, now, settled) {
                            return true;
                        }
                        stack.push((code + three, now, settled));
                    }
                } else if !has(settled, step) {
                    stack.push((code + three, started, settled | bit(step)));
                }
            }
        }
        true
    }

    pub fn placements_with_shares(&self) -> impl Iterator<Item = &PlacementKey> {
        self.places.iter().zip(&self.keys).filter(|(place, _)| !place.shares.is_empty()).map(|(_, key)| key)
    }

    pub fn makes_in(&self, region: usize, step: usize) -> bool {
        has(self.makes_in[region], step)
    }

    pub fn shares_at(&self, at: &PlacementKey, step: usize) -> bool {
        self.keys[self.place_of[step]] == *at && matches!(self.operations[step], Operation::Share { .. })
    }
}

fn closure(before: &[Set]) -> Vec<Set> {
    let mut above = before.to_vec();
    loop {
        let mut grew = false;
        for step in 0..above.len() {
            let more = (0..above.len())
                .filter(|other| has(above[step], *other))
                .fold(0, |all, other| all | above[other]);
            if above[step] | more != above[step] {
                above[step] |= more;
                grew = true;
            }
        }
        if !grew {
            return above;
        }
    }
}
