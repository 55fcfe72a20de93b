//! The observer: sees every image of the cloud after every call and holds it against what the manifests ask for. It
//! reads no plan but the gaps that one names, and no record but the ids that `output` prints from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, OnceLock};

use goldform::cloud::sim::{ImageStatus, ImageView, LogEntry as Call, RequestOutcome, WorldView};
use goldform::constraints::Judgement;
use goldform::plan::Plan;
use goldform::state::Snapshot;
use goldform::testing::Stored;

use super::fleet::{ENCRYPTED, EntryKey, Fleet, OWNER, Wants, entry_of_instance, key, number_of};
use super::holds::Holds;
use super::output::output;
use super::script::Note;

/// An entry in a region.
pub type Place = (EntryKey, String);

/// A breach of what the lives promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accusation {
    pub check: &'static str,
    pub at: i64,
    pub what: String,
}

/// What is known of a team's present or last run.
#[derive(Default)]
struct Team {
    wants: Wants,
    /// The revisions that the manifest pins, by entry.
    pins: BTreeMap<u8, String>,
    /// Places that the plan of the run says are without an image for a while.
    gaps: BTreeSet<(u8, String)>,
    /// What the team's store holds.
    state: Option<Snapshot>,
    /// Shares, as image and account, that were there when the run had observed the cloud.
    shares: BTreeSet<(String, String)>,
    /// Images that serve since before the run had observed the cloud, by place: those that `output` may be asked for.
    known: BTreeMap<Place, BTreeSet<String>>,
    /// Images that consumers could use as an earlier manifest wanted it: one of them serves on while it gets what the new
    /// manifest wants beside that, though an earlier generation may have it already.
    served_before: BTreeMap<Place, BTreeSet<String>>,
    /// Those that did so when the run began.
    began: BTreeMap<Place, BTreeSet<String>>,
    /// Shares that were there when the run began.
    began_shares: BTreeSet<(String, String)>,
    began_at: i64,
    /// Places where others deleted an image that the team has not observed since, and when.
    unseen: BTreeMap<Place, i64>,
    /// What was recorded when the run began.
    began_recorded: BTreeSet<String>,
    /// What listings had shown by then.
    began_seen: BTreeSet<String>,
    /// Whether listings leave images out during the run.
    is_lied_to: bool,
    has_observed: bool,
    /// Whether the run has changed something: from then on its record has what it observed.
    has_acted: bool,
}

impl Team {
    /// The ids of the images that are recorded.
    fn recorded(&self) -> BTreeSet<String> {
        let placements = self.state.iter().flat_map(|state| state.recorded.placements());
        placements.map(|(_, placement)| placement.id.to_string()).collect()
    }

    /// The ids of the images that are recorded and that a listing has shown.
    fn seen(&self) -> BTreeSet<String> {
        let placements = self.state.iter().flat_map(|state| state.recorded.placements());
        let seen = placements.filter(|(_, placement)| placement.seen);
        seen.map(|(_, placement)| placement.id.to_string()).collect()
    }
}

#[derive(Default)]
pub struct Judge {
    /// The team whose call the cloud executes now.
    pub calling: Option<usize>,
    teams: BTreeMap<usize, Team>,
    world: Vec<ImageView>,
    /// The entry of every image that was ever there.
    entries: BTreeMap<String, EntryKey>,
    /// The team that made each image; others made the rest.
    makers: BTreeMap<String, usize>,
    /// The images of others that a team's manifest took over.
    claims: BTreeMap<String, usize>,
    /// The entries that are held in a state.
    pub holds: Holds,
    pub accusation: Option<Accusation>,
    pub notes: Vec<Note>,
    /// The last call that was seen.
    last_call: i64,
    pub counts: BTreeMap<String, usize>,
}

fn place_of(place: &Place) -> String {
    format!("image.{}@{} of team {}", key(place.0.1), place.1, place.0.0)
}

impl Judge {
    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub fn note(&mut self, at: i64, what: String) {
        self.notes.push((at, self.last_call, what));
    }

    pub fn accuse(&mut self, check: &'static str, at: i64, what: String) {
        if skipped(check) {
            return;
        }
        self.note(at, format!("BREACH of \"{check}\": {what}"));
        if self.accusation.is_none() {
            self.accusation = Some(Accusation { check, at, what });
        }
    }

    /// A manifest takes images of others over.
    pub fn claimed(&mut self, fleet: &Fleet) {
        for (number, id) in fleet.adopted() {
            self.claims.insert(id.to_owned(), fleet.team);
            self.entries.insert(id.to_owned(), (fleet.team, number));
        }
    }

    /// A run of a team begins, of this manifest.
    pub fn begins(&mut self, fleet: &Fleet, now: i64) {
        self.claimed(fleet);
        if fleet.adopts_in_several_regions() {
            self.count("runs with an image adopted in several regions");
        }
        let before = self.usable(fleet.team, now);
        let team = self.teams.entry(fleet.team).or_default();
        for (place, ids) in before {
            team.served_before.entry(place).or_default().extend(ids);
        }
        team.wants = fleet.wants();
        team.pins = fleet.pins();
        team.gaps.clear();
        (team.has_observed, team.has_acted) = (false, false);
        (team.began_recorded, team.began_seen) = (team.recorded(), team.seen());
        team.is_lied_to = false;
        let (began, shares) = (self.serving(fleet.team, now), self.shares());
        let team = self.teams.entry(fleet.team).or_default();
        (team.began, team.began_shares, team.began_at) = (began, shares, now);
    }

    /// Listings leave images out during the run of a team that has just begun.
    pub fn is_lied_to(&mut self, team: usize) {
        self.teams.entry(team).or_default().is_lied_to = true;
    }

    /// A plan that is applied from now, and what the rules say of it.
    pub fn planned(&mut self, team: usize, plan: &Plan, judgement: &Judgement) {
        let wants: Vec<(u8, String)> = self.teams.entry(team).or_default().wants.keys().cloned().collect();
        let mut gaps = BTreeSet::new();
        for found in judgement.diagnostics.iter().filter(|found| found.code.id == "GF703") {
            let labels: String = found.labels.iter().map(|label| label.text.as_str()).collect();
            let text = format!("{} {} {labels}", found.subject, found.detail);
            let of_entry = wants.iter().filter(|(number, _)| {
                let name = format!("image.{}", key(*number));
                text.match_indices(&name).any(|(at, _)| {
                    !text[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '-')
                })
            });
            gaps.extend(of_entry.filter(|(_, region)| text.contains(region.as_str())).cloned());
        }
        for change in &plan.changes {
            let Some(number) = number_of(change.image.as_str()) else { continue };
            for placement in &change.placements {
                if change.delete_first || placement.is_deleted_first() {
                    gaps.insert((number, placement.at.region.to_string()));
                }
            }
        }
        for _ in &gaps {
            self.count("gaps named");
        }
        self.plan_honours_holds(team, plan);
        self.plan_matches_its_schema(team, plan);
        self.teams.entry(team).or_default().gaps = gaps;
    }

    /// A run of a team begins with what its store holds.
    pub fn loaded(&mut self, team: usize, snapshot: &Snapshot) {
        self.teams.entry(team).or_default().state = Some(snapshot.clone());
    }

    /// The store of a team has stored something.
    pub fn stored(&mut self, team: usize, stored: &Stored<'_>, now: i64) {
        let of = self.teams.entry(team).or_default();
        match stored {
            Stored::Saved(snapshot) => {
                of.state = Some(Snapshot::clone(snapshot));
                if !of.has_observed {
                    of.has_observed = true;
                    of.unseen.retain(|_, at| *at >= of.began_at);
                    self.observed(team, now);
                }
            }
            Stored::Appended(events) => {
                if let Some(state) = &mut of.state {
                    for event in *events {
                        state.take(event).unwrap();
                    }
                }
            }
        }
        self.holds_last(team, now);
        self.output_is_good(team, now, "after something was stored");
    }

    /// The run has observed the cloud: what serves since it began is known to it.
    fn observed(&mut self, team: usize, now: i64) {
        let (serving, shares) = (self.serving(team, now), self.shares());
        let of = self.teams.entry(team).or_default();
        of.known.clear();
        // What was accepted and is left out of every listing is only late to the run: it cannot know that it serves.
        let recorded: BTreeSet<String> = match of.is_lied_to {
            true => of.seen().union(&of.began_seen).cloned().collect(),
            false => of.recorded().union(&of.began_recorded).cloned().collect(),
        };
        for (place, ids) in serving {
            let before = of.began.get(&place);
            let known = ids
                .into_iter()
                .filter(|id| recorded.contains(id) && before.is_some_and(|before| before.contains(id)));
            of.known.insert(place, known.collect());
        }
        of.shares = shares.intersection(&of.began_shares).cloned().collect();
    }

    /// Every share, as image and account.
    fn shares(&self) -> BTreeSet<(String, String)> {
        let of = |seen: &ImageView| {
            let id = seen.image.id.clone();
            seen.shares.iter().map(|account| (id.clone(), account.clone())).collect::<Vec<_>>()
        };
        self.world.iter().flat_map(of).collect()
    }

    /// The images that consumers of a team's places can use: NORMAL, not deprecated, visible and shared as wanted.
    fn usable(&self, team: usize, now: i64) -> BTreeMap<Place, BTreeSet<String>> {
        self.serving_as(team, now, true)
    }

    /// Those of them that have their final names: a copy is made under `<name>~<10 characters>`, and where its name is
    /// fixed it keeps that until its predecessor is gone.
    fn serving(&self, team: usize, now: i64) -> BTreeMap<Place, BTreeSet<String>> {
        self.serving_as(team, now, false)
    }

    fn serving_as(&self, team: usize, now: i64, interim_too: bool) -> BTreeMap<Place, BTreeSet<String>> {
        let mut serving: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
        let Some(of) = self.teams.get(&team) else { return serving };
        for (entry, seen) in self.normal_images(now).filter(|(entry, _)| entry.0 == team) {
            let image = &seen.image;
            let Some(want) = of.wants.get(&(entry.1, image.region.clone())) else { continue };
            let is_interim = image.name.rsplit_once('~').is_some_and(|(_, suffix)| suffix.len() == 10);
            if !image.deprecated
                && (interim_too || !is_interim)
                && image.visible_at <= now
                && want.accounts.is_subset(&seen.shares)
            {
                serving.entry((entry, image.region.clone())).or_default().insert(image.id.clone());
            }
        }
        serving
    }

    /// Every NORMAL image of an entry.
    pub fn normal_images(&self, now: i64) -> impl Iterator<Item = (EntryKey, &ImageView)> {
        self.world
            .iter()
            .filter(move |seen| seen.image.state_at(now) == ImageStatus::Normal)
            .filter_map(|seen| Some((*self.entries.get(&seen.image.id)?, seen)))
    }

    /// The number that the newest image of an entry is named by.
    pub fn last_generation(&self, entry: EntryKey, template: &str) -> usize {
        let start = template.split("{generation}").next().unwrap_or_default();
        let named = self.world.iter().filter(|seen| self.entries.get(&seen.image.id) == Some(&entry));
        let numbers = named.filter_map(|seen| seen.image.name.strip_prefix(start)?.parse::<usize>().ok());
        numbers.max().unwrap_or(0)
    }

    /// The world after others did something.
    pub fn others_acted(&mut self, world: Vec<ImageView>, now: i64) {
        // A team may have made an image since the world was last seen. Nobody else makes one of what its entries are
        // made from.
        for seen in &world {
            let made_from = &seen.image.made_from;
            let entry = entry_of_instance(made_from).or_else(|| self.entries.get(made_from).copied());
            if let Some((team, _)) = entry {
                self.get_to_know(seen, team);
            }
        }
        self.world = world;
        self.forget_what_serves_no_more(now);
    }

    /// Others delete an image of this place.
    pub fn others_delete(&mut self, place: Place, now: i64) {
        self.teams.entry(place.0.0).or_default().unseen.insert(place, now);
    }

    fn forget_what_serves_no_more(&mut self, now: i64) {
        let teams: Vec<usize> = self.teams.keys().copied().collect();
        for team in teams {
            let serving = self.serving(team, now);
            let of = self.teams.entry(team).or_default();
            for (place, ids) in &mut of.known {
                ids.retain(|id| serving.get(place).is_some_and(|serving| serving.contains(id)));
            }
        }
    }

    /// The world after a call of a team.
    pub fn called(&mut self, moment: &WorldView) {
        let WorldView { call, images } = moment;
        let team = self.calling.unwrap_or_default();
        let now = call.at;
        self.last_call = call.seq;
        let was_executed = call.code.is_none()
            && !matches!(call.outcome, RequestOutcome::NotSent | RequestOutcome::LostBefore);
        for seen in images {
            self.get_to_know(seen, team);
        }
        if was_executed {
            self.others_are_left_alone(team, call, images);
            self.nobody_is_left_without(team, call, images);
            self.something_is_not_deprecated(call, images);
            self.holds_are_honoured(team, call, images);
        }
        self.world.clone_from(images);
        self.forget_what_serves_no_more(now);
        self.teams.entry(team).or_default().has_acted = true;
        self.output_is_good(team, now, &format!("after {}", call.action));
    }

    /// A new image is of the team that called, and of the entry that what it was made from is of.
    fn get_to_know(&mut self, seen: &ImageView, team: usize) {
        let image = &seen.image;
        if self.makers.contains_key(&image.id) || self.world.iter().any(|known| known.image.id == image.id) {
            return;
        }
        self.makers.insert(image.id.clone(), team);
        // An encrypted copy is of another entry.
        if !image.encrypted {
            self.holds.made(&image.id, &image.made_from);
        }
        self.count("images made");
        self.note(
            image.created_at,
            format!("team {team} made {} ({}, {})", image.id, image.name, image.region),
        );
        let entry =
            entry_of_instance(&image.made_from).or_else(|| self.entries.get(&image.made_from).copied());
        if let Some((team, number)) = entry {
            let number = number % ENCRYPTED + if image.encrypted { ENCRYPTED } else { 0 };
            self.entries.insert(image.id.clone(), (team, number));
        }
    }

    /// No image of others, and none of another team, is changed, tagged, shared or deleted.
    fn others_are_left_alone(&mut self, team: usize, call: &Call, images: &[ImageView]) {
        let mut breaches = Vec::new();
        for before in &self.world {
            let id = &before.image.id;
            if self.makers.get(id) == Some(&team) || self.claims.get(id) == Some(&team) {
                continue;
            }
            let after = images.iter().find(|after| after.image.id == *id);
            let what = match after {
                None => "deleted",
                Some(after) if after.shares != before.shares => "shared or unshared",
                Some(after) if after.tags != before.tags => "tagged",
                Some(after) if !is_same(after, before) => "changed",
                Some(_) => continue,
            };
            let whose = match self.makers.get(id).or(self.claims.get(id)) {
                Some(other) => format!("team {other}'s"),
                None => "others'".to_owned(),
            };
            breaches.push(format!(
                "team {team} {what} {id} ({}, {}), which is {whose}, by {}",
                before.image.name, before.image.region, call.action
            ));
        }
        for breach in breaches {
            self.accuse("no image of others is touched", call.at, breach);
        }
    }

    /// Nobody who has a NORMAL image of an entry in a region, and is to have one, is without.
    fn nobody_is_left_without(&mut self, team: usize, call: &Call, images: &[ImageView]) {
        let before = self.holders(&self.world, call.at);
        let after = self.holders(images, call.at);
        let mut breaches = Vec::new();
        for ((place, holder), held) in before {
            if after.contains_key(&(place.clone(), holder.clone())) {
                continue;
            }
            let (entry, region) = &place;
            let Some(of) = self.teams.get(&entry.0) else { continue };
            let Some(want) = of.wants.get(&(entry.1, region.clone())) else { continue };
            let is_known = || held.iter().any(|id| of.shares.contains(&(id.clone(), holder.clone())));
            let is_stranger = super::fleet::STRANGERS.contains(&holder.as_str());
            let is_wanted = holder == OWNER
                || want.accounts.contains(&holder)
                || (is_stranger && !want.exclusive && is_known());
            let is_named = of.gaps.contains(&(entry.1, region.clone()));
            let is_excused = entry.0 == team && (is_named || of.unseen.contains_key(&place));
            if is_wanted && !is_excused {
                let others: Vec<String> = images
                    .iter()
                    .map(|seen| &seen.image)
                    .filter(|image| self.entries.get(&image.id) == Some(entry) && image.region == *region)
                    .map(|image| format!("{} {}", image.id, image.state_at(call.at).as_str()))
                    .collect();
                breaches.push(format!(
                    "{holder} has no image of {} any more, by {} of team {team}; it had {held:?}, and there is {others:?}",
                    place_of(&place),
                    call.action
                ));
            }
        }
        for breach in breaches {
            self.accuse("nobody is left without an image", call.at, breach);
        }
    }

    /// Who holds which NORMAL images of which place.
    fn holders(&self, world: &[ImageView], now: i64) -> BTreeMap<(Place, String), BTreeSet<String>> {
        let mut holders: BTreeMap<(Place, String), BTreeSet<String>> = BTreeMap::new();
        for seen in world.iter().filter(|seen| seen.image.state_at(now) == ImageStatus::Normal) {
            let Some(entry) = self.entries.get(&seen.image.id) else { continue };
            let place = (*entry, seen.image.region.clone());
            for holder in seen.shares.iter().map(String::as_str).chain([seen.image.owner.as_str()]) {
                let held = holders.entry((place.clone(), holder.to_owned())).or_default();
                held.insert(seen.image.id.clone());
            }
        }
        holders
    }

    /// The last NORMAL image of a place without a deprecation mark gets none.
    fn something_is_not_deprecated(&mut self, call: &Call, images: &[ImageView]) {
        let is_good =
            |seen: &ImageView| seen.image.state_at(call.at) == ImageStatus::Normal && !seen.image.deprecated;
        let mut breaches = Vec::new();
        for before in self.world.iter().filter(|before| is_good(before)) {
            let id = &before.image.id;
            let (Some(entry), Some(after)) =
                (self.entries.get(id), images.iter().find(|after| after.image.id == *id))
            else {
                continue;
            };
            let region = &before.image.region;
            // What others deleted during the run, the run cannot know of.
            let is_wanted = self.teams.get(&entry.0).is_some_and(|of| {
                of.wants.contains_key(&(entry.1, region.clone()))
                    && !of.unseen.contains_key(&(*entry, region.clone()))
            });
            let is_last = !images.iter().any(|other| {
                is_good(other)
                    && other.image.region == *region
                    && self.entries.get(&other.image.id) == Some(entry)
            });
            if after.image.deprecated && is_last && is_wanted {
                let place = place_of(&(*entry, region.clone()));
                breaches.push(format!("{id}, the last of {place} that was not, is deprecated"));
            }
        }
        for breach in breaches {
            self.accuse("the last image is not deprecated", call.at, breach);
        }
    }

    /// What `output` prints serves, where something does that the run could know of.
    fn output_is_good(&mut self, team: usize, now: i64, when: &str) {
        let Some(of) = self.teams.get(&team) else { return };
        let Some(state) = of.state.as_ref().filter(|_| of.has_observed && of.has_acted) else { return };
        let printed = output(&state.recorded);
        let serving = self.usable(team, now);
        let mut breaches = Vec::new();
        for (place, known) in of.known.iter().filter(|(_, known)| !known.is_empty()) {
            if of.unseen.contains_key(place) {
                continue;
            }
            let id = printed.get(&(key(place.0.1), place.1.clone()));
            let is_in = |images: &BTreeMap<Place, BTreeSet<String>>| {
                id.is_some_and(|id| images.get(place).is_some_and(|ids| ids.contains(id)))
            };
            let is_there = id.is_some_and(|id| {
                self.world.iter().any(|seen| {
                    seen.image.id == *id
                        && seen.image.state_at(now) == ImageStatus::Normal
                        && !seen.image.deprecated
                })
            });
            let is_good = is_in(&serving) || is_there && is_in(&of.served_before);
            if !is_good {
                let is = id.map_or("nothing".to_owned(), |id| format!("{id} ({})", self.describe(id, now)));
                breaches.push(format!("{}: {is} {when}, while {known:?} serves", place_of(place)));
            }
        }
        for breach in breaches {
            self.accuse("output serves", now, breach);
        }
    }

    fn describe(&self, id: &str, now: i64) -> String {
        match self.world.iter().find(|seen| seen.image.id == id) {
            None => "not there".to_owned(),
            Some(seen) => format!(
                "{}{}, shared with {:?}",
                seen.image.state_at(now).as_str(),
                if seen.image.deprecated { ", deprecated" } else { "" },
                seen.shares
            ),
        }
    }

    /// A run has ended and every step of it is done: what `output` prints serves wherever something does; `all`: and
    /// something does at every place.
    pub fn is_done(&mut self, team: usize, now: i64, all: bool) {
        let Some(of) = self.teams.get(&team) else { return };
        let Some(state) = &of.state else { return };
        let printed = output(&state.recorded);
        let serving = self.serving(team, now);
        let (mut breaches, mut unheld) = (Vec::new(), Vec::new());
        for (number, region) in of.wants.keys() {
            let place = ((team, *number), region.clone());
            let ids = serving.get(&place);
            if of.unseen.contains_key(&place) || (ids.is_none() && !all) {
                continue;
            }
            let id = printed.get(&(key(*number), region.clone()));
            if !id.is_some_and(|id| ids.is_some_and(|ids| ids.contains(id))) {
                let is = id.map_or("nothing".to_owned(), |id| format!("{id} ({})", self.describe(id, now)));
                breaches.push(format!("{}: {is} when all was done, while {ids:?} serves", place_of(&place)));
            }
            if self.can_honour(place.0, now) && !id.is_some_and(|id| self.holds.has(place.0, id)) {
                unheld.push(format!("{}: {id:?} serves when all was done", place_of(&place)));
            }
        }
        for number in of.pins.keys() {
            let entry = (team, *number);
            let says_same = self.holds.of(entry).is_some_and(|held| of.pins[number] == held.revision);
            let key = key(*number).parse().unwrap();
            if says_same && state.recorded.holds.contains_key(&key) {
                unheld.push(format!(
                    "image.{key} is still held when all was done, and the manifest pins it there"
                ));
            }
        }
        let check = if all { "something serves in the end" } else { "output serves" };
        for breach in breaches {
            self.accuse(check, now, breach);
        }
        for breach in unheld {
            self.accuse("a hold is honoured", now, breach);
        }
    }

    /// A team held an entry at a generation with these images, whatever its manifest says.
    pub fn held(&mut self, entry: EntryKey, revision: String, images: BTreeSet<String>) {
        self.count("holds placed");
        self.holds.placed(entry, revision, images);
    }

    /// A team released an entry.
    pub fn released(&mut self, entry: EntryKey) {
        self.count("holds released");
        self.holds.released(entry);
    }

    /// Whether the generation at which an entry is held has a NORMAL image that its team knows.
    fn can_honour(&self, entry: EntryKey, now: i64) -> bool {
        let Some(of) = self.teams.get(&entry.0) else { return false };
        let recorded = of.recorded();
        !of.unseen.keys().any(|place| place.0 == entry)
            && self.normal_images(now).any(|(of_entry, seen)| {
                of_entry == entry
                    && self.holds.has(entry, &seen.image.id)
                    && recorded.contains(&seen.image.id)
            })
    }

    /// A plan as JSON is as the published schema says.
    fn plan_matches_its_schema(&mut self, team: usize, plan: &Plan) {
        static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
            let text = include_str!("../../schemas/plan.schema.json");
            jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
        });
        let of = self.teams.entry(team).or_default();
        let prior = of.state.as_ref().map(|state| state.recorded.clone()).unwrap_or_default();
        let document = goldform::report::json::plan(plan, &prior, Vec::new()).unwrap();
        let now = of.began_at;
        if let Some(error) = SCHEMA.iter_errors(&document).next() {
            self.accuse("plans match their schema", now, format!("{}: {error}", error.instance_path()));
        }
    }

    /// A plan keeps or makes current the generation at which an entry is held.
    fn plan_honours_holds(&mut self, team: usize, plan: &Plan) {
        let now = self.teams.get(&team).map_or(0, |of| of.began_at);
        for entry in self.holds.of_team(team) {
            let key = key(entry.1).parse().unwrap();
            let Some(change) = plan.changes.iter().find(|change| change.image == key) else { continue };
            let Some(generation) = change.generation.filter(|_| self.can_honour(entry, now)) else {
                continue;
            };
            let Some(state) = self.teams.get(&team).and_then(|of| of.state.as_ref()) else { continue };
            let build = state.recorded.images.get(&key).and_then(|image| image.generations.get(&generation));
            let is_held = build.is_some_and(|build| {
                build.placements.values().any(|placement| self.holds.has(entry, placement.id.as_str()))
            });
            self.count("plans of held entries");
            if !is_held {
                let held = self.holds.of(entry).map(|held| held.revision.clone()).unwrap_or_default();
                let what = format!(
                    "image.{key} is held at {held}, and a plan makes generation {generation} current"
                );
                self.accuse("a hold is honoured", now, what);
            }
        }
    }

    /// While an entry is held, nothing is built for it, and what it is held at is neither deleted nor deprecated.
    fn holds_are_honoured(&mut self, team: usize, call: &Call, images: &[ImageView]) {
        let mut breaches = Vec::new();
        for entry in self.holds.of_team(team) {
            if !self.can_honour(entry, call.at) {
                continue;
            }
            for seen in images {
                let id = &seen.image.id;
                let is_new = !self.world.iter().any(|before| before.image.id == *id);
                if is_new && self.entries.get(id) == Some(&entry) && !self.holds.has(entry, id) {
                    breaches.push(format!("{id} is made from {}", seen.image.made_from));
                }
            }
            for before in self.world.iter().filter(|before| self.holds.has(entry, &before.image.id)) {
                let image = &before.image;
                let place = (entry.1, image.region.clone());
                if image.state_at(call.at) != ImageStatus::Normal
                    || !self.teams.get(&team).is_some_and(|of| of.wants.contains_key(&place))
                {
                    continue;
                }
                match images.iter().find(|after| after.image.id == image.id) {
                    None => breaches.push(format!("{} is deleted", image.id)),
                    Some(after) if after.image.deprecated && !image.deprecated => {
                        breaches.push(format!("{} is deprecated", image.id));
                    }
                    Some(_) => {}
                }
            }
            for breach in std::mem::take(&mut breaches) {
                let held = self.holds.of(entry).map(|held| held.revision.clone()).unwrap_or_default();
                let what = format!("{breach}, while image.{} is held at {held}", key(entry.1));
                self.accuse("a hold is honoured", call.at, what);
            }
        }
    }

    /// A hold is in the state until it is released, or until the manifest pins its entry there.
    fn holds_last(&mut self, team: usize, now: i64) {
        let Some((of, state)) = self.teams.get(&team).and_then(|of| Some((of, of.state.as_ref()?))) else {
            return;
        };
        let mut ended = Vec::new();
        for entry in self.holds.of_team(team) {
            let key = key(entry.1).parse().unwrap();
            let held = self.holds.of(entry).map(|held| held.revision.clone()).unwrap_or_default();
            let recorded = state.recorded.holds.get(&key).map(|hold| hold.revision.to_string());
            if recorded.as_ref() != Some(&held) {
                ended.push((entry, of.pins.get(&entry.1) == Some(&held), held));
            }
        }
        for (entry, says_same, held) in ended {
            self.holds.released(entry);
            if says_same {
                self.count("holds ended by the manifest");
            } else {
                let what = format!("image.{} was held at {held}, and nobody released it", key(entry.1));
                self.accuse("a hold is honoured", now, what);
            }
        }
    }

    /// Every image that a team made and that exists is recorded by it; `open`: names that its open steps may have made
    /// count as recorded.
    pub fn nothing_is_forgotten(&mut self, team: usize, now: i64, open: bool) {
        let Some(state) = self.teams.get(&team).and_then(|of| of.state.as_ref()) else { return };
        let recorded: BTreeSet<String> =
            state.recorded.placements().map(|(_, placement)| placement.id.to_string()).collect();
        let names: BTreeSet<String> = state
            .intents
            .values()
            .filter_map(|intent| intent.operation.made_name().map(ToString::to_string))
            .collect();
        let forgotten: Vec<String> = self
            .world
            .iter()
            .map(|seen| &seen.image)
            .filter(|image| self.makers.get(&image.id) == Some(&team) && !recorded.contains(&image.id))
            .filter(|image| !(open && names.contains(&image.name)))
            .map(|image| {
                format!("{} ({}, {}, {})", image.id, image.name, image.region, image.state_at(now).as_str())
            })
            .collect();
        if !forgotten.is_empty() {
            let what = format!("team {team} made {} and does not record it", forgotten.join(", "));
            self.accuse("nothing made is forgotten", now, what);
        }
    }

    /// Whether a text names an image that is not this team's.
    pub fn names_others(&self, team: usize, text: &str) -> bool {
        self.world.iter().map(|seen| seen.image.id.as_str()).any(|id| {
            text.contains(id) && self.makers.get(id) != Some(&team) && self.claims.get(id) != Some(&team)
        })
    }

    /// The images of others that nobody took over.
    pub fn images_of_others(&self) -> Vec<String> {
        let ids = self.world.iter().map(|seen| seen.image.id.clone());
        ids.filter(|id| !self.makers.contains_key(id) && !self.claims.contains_key(id)).collect()
    }

    /// The images whose task does not end by itself.
    pub fn hanging(&self) -> Vec<String> {
        let hangs = |seen: &&ImageView| seen.image.ready_at.is_none() && seen.image.state.is_busy();
        self.world.iter().filter(hangs).map(|seen| seen.image.id.clone()).collect()
    }

    pub fn has_image(&self, id: &str) -> bool {
        self.world.iter().any(|seen| seen.image.id == id)
    }
}

fn is_same(one: &ImageView, other: &ImageView) -> bool {
    let facts = |seen: &ImageView| {
        let image = &seen.image;
        (image.name.clone(), image.description.clone(), image.family.clone(), image.deprecated)
    };
    facts(one) == facts(other)
}

/// Whether a check is left out: `GOLDFORM_WITHOUT="output serves"` searches breaches of the others.
fn skipped(check: &str) -> bool {
    static SKIPPED: OnceLock<String> = OnceLock::new();
    let skipped = SKIPPED.get_or_init(|| std::env::var("GOLDFORM_WITHOUT").unwrap_or_default());
    skipped.split(',').any(|name| name.trim() == check)
}
