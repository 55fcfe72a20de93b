//! The service and the promises, as far as orders of steps matter: a state is which steps have started and which
//! have settled. What is taken is taken at the start, what is given is given when it has settled.

use std::collections::{BTreeMap, BTreeSet};

use goldform::model::{AccountId, Accounts, ImageKey, ImageState, Operation, PlacementKey, Region};
use goldform::plan::{EdgeReason, Plan, StepGraph};
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
    /// A placement is made that holds an image already: its call is refused under the interim name of the first, or makes
    /// an image that nobody records.
    Twice,
    /// OverQuota.
    Places,
    /// InvalidImageId.InShared.
    DeleteShared,
    /// SharedImageModifyUnsupported.
    EditShared,
    /// The image is not NORMAL, or not there.
    NotThere,
    /// What is copied from is not NORMAL, or is deleted before the copy has ended.
    CopySource,
    /// The last NORMAL image of the generation that stays is deleted: nothing is left to copy from.
    LastSource,
    /// Promised: attributes and tags come before the first share.
    AttributesLate,
    /// Promised: nothing is taken from the consumers of an earlier generation until its successor is ready: NORMAL,
    /// with its attributes and its name, and shared with those who see the earlier one and get it.
    SuccessorLate,
    /// Promised: an adopted image has our tag before anything else of it is changed.
    Unclaimed,
    /// Promised: who keeps access never loses it.
    AccessLost,
    /// Promised: the old one is deleted first if the entry says so.
    DeleteFirst,
}

/// Those that the service or a rule about limits and names refuses: GF202, GF503, GF601, GF702.
pub const RULED: [Wrong; 5] = [Wrong::Quota, Wrong::Name, Wrong::Twice, Wrong::Places, Wrong::DeleteShared];

/// One placement, and the steps at it.
#[derive(Debug, Default)]
struct Place {
    region: usize,
    /// Entry and region: the place where an account uses a generation.
    spot: usize,
    exists: bool,
    /// An earlier run copied it, and nobody sees it before it has its final name.
    is_unfinished: bool,
    name: String,
    everyone: Accounts,
    /// As recorded: NORMAL, failed, or neither.
    normal: bool,
    failed: bool,
    /// Entry and generation, where that is the one that the plan is for.
    current: Option<usize>,
    /// The place that a pending copy is made from.
    copied_from: Option<usize>,
    makes: Vec<usize>,
    /// Waits for what an earlier run began.
    waits: Vec<usize>,
    deletes: Vec<usize>,
    shares: Vec<(usize, Accounts)>,
    unshares: Vec<(usize, Accounts)>,
    /// Updates, renames and tags.
    edits: Vec<usize>,
    renames: Vec<(usize, String)>,
    /// Steps that take nothing but a name, which another image has until something was taken from an earlier
    /// generation here: they come last.
    last_renames: Vec<usize>,
    /// Steps that claim an adopted image.
    claims: Vec<usize>,
    /// The placement that takes its place; it is deleted first if the entry says so or if it is early.
    successor: Option<usize>,
    goes_first: bool,
    asked_to_go_first: bool,
}

pub struct Model {
    pub steps: usize,
    /// What each step waits for, directly.
    pub before: Vec<Set>,
    /// Those of them that only have to end, well or badly.
    only_ended: Vec<Set>,
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
    /// `None` if there are too many steps.
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
            only_ended: vec![0; steps],
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
        for (earlier, later, reason) in graph.edges() {
            model.before[later.index()] |= bit(earlier.index());
            if *reason == EdgeReason::ImageEnded {
                model.only_ended[later.index()] |= bit(earlier.index());
            }
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
        model.find_last_renames();
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
                is_unfinished: recorded.is_some_and(|placement| placement.interim),
                name: recorded.map(|placement| placement.name.to_string()).unwrap_or_default(),
                everyone: recorded.map(|placement| placement.everyone()).unwrap_or_default(),
                normal: recorded
                    .is_some_and(|placement| placement.seen && placement.state == ImageState::Normal),
                failed: recorded.is_some_and(|placement| placement.state == ImageState::CreateFailed),
                ..Place::default()
            });
            self.keys.push(key);
        }
        self.copies_of = vec![0; self.places.len()];
        for (place, key) in self.places.iter_mut().zip(&self.keys) {
            let source = prior.placement(key).and_then(|placement| placement.copied_from.clone());
            let source = source.map(|region| PlacementKey { region, ..key.clone() });
            place.copied_from = source.and_then(|source| at.get(&source).copied());
        }
        for (index, step) in graph.steps() {
            let step_number = index.index();
            let here = at[step.at()];
            self.place_of[step_number] = here;
            let place = &mut self.places[here];
            match &step.operation {
                Operation::Create { .. } | Operation::Copy { .. } => {
                    place.makes.push(step_number);
                    // A make under an interim name takes a name that nobody else uses.
                    let name = match step.operation.taken_name() {
                        Some(name) => name.to_string(),
                        None => format!("interim name of {}", step.at()),
                    };
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
                Operation::Tag { ownership, .. } => {
                    place.edits.push(step_number);
                    if ownership.is_some() && prior.is_taken_over(step.at()) {
                        place.claims.push(step_number);
                    }
                }
                Operation::Share { accounts, .. } => place.shares.push((step_number, accounts.clone())),
                Operation::Unshare { accounts, .. } => place.unshares.push((step_number, accounts.clone())),
                Operation::Wait { .. } => place.waits.push(step_number),
                Operation::Delete { .. } => {
                    place.deletes.push(step_number);
                    self.deletes_in[place.region] |= bit(step_number);
                }
            }
        }
        for (number, image) in plan.changes.iter().enumerate() {
            let Some(generation) = image.generation else { continue };
            for (key, place) in self.keys.iter().zip(&mut self.places) {
                if key.image == image.image && key.generation == generation {
                    place.current = Some(number);
                }
            }
            for change in image.placements.iter().filter(|change| change.at.generation != generation) {
                let successor = PlacementKey { generation, ..change.at.clone() };
                let (Some(&old), Some(&new)) = (at.get(&change.at), at.get(&successor)) else { continue };
                // One that is not wanted there any more takes no place.
                if self.places[new].makes.is_empty() && !self.places[new].deletes.is_empty() {
                    continue;
                }
                let retires = change.deletes_image();
                let is_made = retires && !self.places[new].makes.is_empty();
                self.places[old].successor = Some(new);
                self.places[old].goes_first = is_made && (change.is_deleted_first() || image.delete_first);
                self.places[old].asked_to_go_first = is_made && image.delete_first;
            }
        }
        for place in &self.places {
            self.accounts.extend(place.everyone.iter());
            self.accounts.extend(place.shares.iter().flat_map(|(_, accounts)| accounts.iter()));
        }
    }

    fn find_last_renames(&mut self) {
        for here in 0..self.places.len() {
            let place = &self.places[here];
            let is_last = |(step, name): &&(usize, String)| {
                let is_held = self.places.iter().enumerate().any(|(other, holder)| {
                    other != here && holder.region == place.region && holder.exists && holder.name == *name
                });
                let takes_from = |old: &Place| {
                    let unshares = old.unshares.iter().map(|(unshare, _)| unshare);
                    let mut taking = unshares.chain(&old.deletes).chain(&old.edits);
                    old.successor == Some(here)
                        && !old.goes_first
                        && taking.any(|taking| self.comes_after(*step, *taking))
                };
                is_only_named(&self.operations[*step]) && is_held && self.places.iter().any(takes_from)
            };
            let last = place.renames.iter().filter(is_last).map(|(step, _)| *step).collect();
            self.places[here].last_renames = last;
        }
    }

    /// Accounts with promised access: none if an image is deleted first or unshared for a change.
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

    /// Whether a placement is there and NORMAL: made, or waited for and well ended.
    fn is_normal(&self, place: &Place, settled: Set, failing: Set) -> bool {
        match (&place.makes[..], &place.waits[..]) {
            ([], []) => place.exists && place.normal,
            ([], waits) => place.exists && waits.iter().any(|wait| has(settled & !failing, *wait)),
            (makes, _) => makes.iter().any(|make| has(settled, *make)),
        }
    }

    /// Whether the service still works on a placement's image.
    fn is_busy(&self, place: &Place, settled: Set) -> bool {
        place.exists
            && !place.normal
            && !place.failed
            && place.makes.is_empty()
            && !place.waits.iter().any(|wait| has(settled, *wait))
    }

    /// What is wrong with starting a step now. `started` holds it already; `failing` are the waits that end badly.
    pub fn wrongs(&self, step: usize, started: Set, settled: Set, failing: Set, found: &mut BTreeSet<Wrong>) {
        let here = self.place_of[step];
        let place = &self.places[here];
        let running = started & !settled & !bit(step);
        let is_deleted = |place: &Place| {
            place.makes.is_empty()
                && place.deletes.iter().any(|delete| has(started, *delete) && *delete != step)
        };
        let is_there = |place: &Place| self.is_normal(place, settled, failing) && !is_deleted(place);
        if self.takes_taken_name(step, started, settled) {
            found.insert(Wrong::Name);
        }
        let operation = &self.operations[step];
        if operation.makes_image() {
            let is_gone =
                !place.deletes.is_empty() && place.deletes.iter().all(|delete| has(settled, *delete));
            let is_made_twice = place.makes.iter().any(|make| *make != step && has(started, *make));
            if is_made_twice || place.exists && !is_gone {
                found.insert(Wrong::Twice);
            }
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
        // What failed can be tagged and deleted, and what is being made cannot.
        let is_tag = matches!(operation, Operation::Tag { .. });
        let can_go = (is_delete || is_tag && place.failed && place.makes.is_empty())
            && place.exists
            && !self.is_busy(place, settled)
            && !is_deleted(place);
        let is_wait = matches!(operation, Operation::Wait { .. });
        if !is_there(place) && !is_old_one && !can_go && !is_wait {
            found.insert(Wrong::NotThere);
        }
        if !is_wait && place.claims.iter().any(|claim| *claim != step && !has(settled, *claim)) {
            found.insert(Wrong::Unclaimed);
        }
        match operation {
            Operation::Delete { .. } => {
                let shared =
                    self.accounts.iter().any(|account| self.is_on(place, *account, started, settled));
                if shared {
                    found.insert(Wrong::DeleteShared);
                }
                // A copy that runs, or is still to come, needs its source.
                let is_copied = |copy: &Place| copy.copied_from == Some(here) && self.is_busy(copy, settled);
                if (self.copies_of[here] & !settled != 0 || self.places.iter().any(is_copied)) && !is_remade {
                    found.insert(Wrong::CopySource);
                }
                self.wants_successor(place, settled, failing, found);
                if !is_remade && self.is_last(here, started, settled, failing) {
                    found.insert(Wrong::LastSource);
                }
            }
            Operation::Wait { .. } => {}
            Operation::Update { .. } | Operation::Tag { .. } => {
                let is_update = matches!(operation, Operation::Update { .. });
                let shared =
                    self.accounts.iter().any(|account| self.is_on(place, *account, started, settled));
                if is_update && self.edits_refused && shared {
                    found.insert(Wrong::EditShared);
                }
                if is_update {
                    self.wants_successor(place, settled, failing, found);
                }
            }
            Operation::Share { .. } => {
                if self.everyone(place, started, settled) > self.share_limit {
                    found.insert(Wrong::Places);
                }
                let late =
                    place.edits.iter().any(|edit| !has(settled, *edit) && !place.last_renames.contains(edit));
                let is_first_seen = !place.makes.is_empty() || !place.waits.is_empty() || place.is_unfinished;
                if is_first_seen && late {
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
                self.wants_successor(place, settled, failing, found);
                for (spot, account) in &self.keeps {
                    if *spot == place.spot && !self.sees(*spot, *account, started, settled) {
                        found.insert(Wrong::AccessLost);
                    }
                }
            }
            Operation::Create { .. } | Operation::Copy { .. } => {}
        }
    }

    /// Whether no other image of the generation is NORMAL, although some of them are to stay.
    fn is_last(&self, here: usize, started: Set, settled: Set, failing: Set) -> bool {
        let place = &self.places[here];
        let Some(generation) = place.current.filter(|_| place.normal) else { return false };
        let others = || {
            let others = self.places.iter().enumerate().filter(move |(other, _)| *other != here);
            others.map(|(_, other)| other).filter(move |other| other.current == Some(generation))
        };
        let stays = |other: &Place| !other.makes.is_empty() || other.exists && other.deletes.is_empty();
        let is_left = |other: &Place| {
            self.is_normal(other, settled, failing)
                && (!other.makes.is_empty() || !other.deletes.iter().any(|delete| has(started, *delete)))
        };
        others().any(stays) && !others().any(is_left)
    }

    fn wants_successor(&self, old: &Place, settled: Set, failing: Set, found: &mut BTreeSet<Wrong>) {
        let Some(successor) = old.successor.filter(|_| !old.goes_first && !old.failed) else { return };
        let new = &self.places[successor];
        let is_update = |edit: &usize| matches!(self.operations[*edit], Operation::Update { .. });
        let named_last = |edit: &usize| new.last_renames.contains(edit);
        let mut edits = new.edits.iter().filter(|edit| is_update(edit) && !named_last(edit));
        // Where a shared image cannot be renamed, the one that takes the name last is shared after that.
        let shared_last = self.edits_refused && !new.last_renames.is_empty();
        let mut shares = new
            .shares
            .iter()
            .filter(|(_, to)| !shared_last && !to.shared_with(&old.everyone).is_empty())
            .map(|(share, _)| share);
        let is_ready = self.is_normal(new, settled, failing)
            && edits.all(|edit| has(settled, *edit))
            && shares.all(|share| has(settled, *share));
        if !is_ready {
            found.insert(Wrong::SuccessorLate);
        }
    }

    /// Everything that may go wrong in some order, however the waits end. `None` if there are too many states.
    pub fn explore(&self, stop: impl Fn(&BTreeSet<Wrong>) -> bool) -> Option<BTreeSet<Wrong>> {
        let mut found = BTreeSet::new();
        for failing in self.ways_to_end() {
            let done = self.walk_failing(failing, |step, started, settled| {
                self.wrongs(step, started, settled, failing, &mut found);
                !stop(&found)
            });
            if !done {
                return None;
            }
            if stop(&found) {
                break;
            }
        }
        Some(found)
    }

    /// The sets of waits that may end badly.
    fn ways_to_end(&self) -> impl Iterator<Item = Set> {
        let waits: Vec<usize> = self.places.iter().flat_map(|place| place.waits.iter().copied()).collect();
        (0..1u32 << waits.len()).map(move |way| {
            let failing = waits.iter().enumerate().filter(|(number, _)| has(way, *number));
            failing.fold(0, |set, (_, wait)| set | bit(*wait))
        })
    }

    /// Entries and regions in which an account that sees a generation, and is to see one when all is done, sees none in
    /// some state. `None` if there are too many states.
    pub fn gaps(&self) -> Option<BTreeSet<(ImageKey, Region)>> {
        let all: Set = ((1u64 << self.steps) - 1) as Set;
        let mut found = BTreeSet::new();
        for failing in self.ways_to_end() {
            let done = self.walk_failing(failing, |step, started, settled| {
                let here = self.place_of[step];
                let spot = self.places[here].spot;
                let takes =
                    matches!(self.operations[step], Operation::Unshare { .. } | Operation::Delete { .. });
                let lost = takes
                    && self.accounts.iter().any(|account| {
                        self.sees(spot, *account, 0, 0)
                            && self.sees(spot, *account, all, all)
                            && !self.sees(spot, *account, started, settled)
                    });
                if lost {
                    found.insert((self.keys[here].image.clone(), self.keys[here].region.clone()));
                }
                true
            });
            if !done {
                return None;
            }
        }
        Some(found)
    }

    /// Visits every start of a step in every reachable state, until it is stopped. Returns `false` if there are too many states.
    pub fn walk(&self, visit: impl FnMut(usize, Set, Set) -> bool) -> bool {
        self.walk_failing(0, visit)
    }

    /// The same, where these waits end badly: only what needs no more than their end starts after them.
    fn walk_failing(&self, failing: Set, mut visit: impl FnMut(usize, Set, Set) -> bool) -> bool {
        const MOST_STATES: usize = 6_000;
        let threes: Vec<usize> = (0..self.steps).map(|step| 3usize.pow(step as u32)).collect();
        let never = |step: usize| self.before[step] & !self.only_ended[step] & failing != 0;
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
                    if self.before[step] & !settled == 0 && !never(step) {
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

/// Whether an operation changes the name of an image, and nothing else.
fn is_only_named(operation: &Operation) -> bool {
    match operation {
        Operation::Update { set, .. } => {
            set.name.is_some()
                && set.description.is_none()
                && set.family.is_none()
                && set.deprecated.is_none()
        }
        _ => false,
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
