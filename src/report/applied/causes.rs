//! Why entries are incomplete: steps that failed or are open, those with the same cause together.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{serving, used_by};
use super::{Generation, Run, regions};
use crate::model::{Accounts, ImageId, ImageKey, Operation, PlacementKey, Region, Verb};
use crate::plan::{Failure, Step, StepOutcome};
use crate::report::{AccountNames, count};
use crate::state::StepId;

/// How grave a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum CauseKind {
    /// A step failed.
    Failed,
    /// A step was accepted and has not settled.
    Pending,
    /// A call was sent, and its outcome is unknown.
    Unknown,
}

impl CauseKind {
    /// The kind in a word.
    pub(in crate::report) fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }
}

/// Why steps failed or are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct Cause {
    pub(in crate::report) kind: CauseKind,
    pub(in crate::report) verb: Verb,
    /// That of the first step.
    pub(in crate::report) failure: Failure,
    /// Where it happened. The images have the same regions.
    pub(in crate::report) places: Vec<CausePlace>,
    /// What removes it. `None` if its error code does not say.
    pub(in crate::report) fix: Option<String>,
}

/// Where a step failed or is open, and what is the case there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct CausePlace {
    pub(in crate::report) step: StepId,
    pub(in crate::report) at: PlacementKey,
    /// The generation of the step.
    generation: Generation,
    /// The image of the step, if it exists, and with how many accounts it is shared.
    image: Option<(ImageId, usize)>,
    /// What consumers use there, and how many accounts see it.
    serving: Option<(Generation, ImageId, usize)>,
    /// Accounts that a share call did not reach, with what they use.
    pub(in crate::report) accounts: Vec<(Accounts, Option<(Generation, ImageId)>)>,
    /// Images that are not deleted because of it.
    kept: BTreeSet<ImageId>,
}

/// Returns the steps that failed or are open, those with the same cause together, failures first.
pub(super) fn causes(run: &Run<'_>, outcomes: &BTreeMap<&StepId, &StepOutcome>) -> Vec<Cause> {
    /// What causes of several steps have in common.
    type Key = (CauseKind, Verb, String);
    let mut by_image: Vec<(Key, ImageKey, Vec<CausePlace>, Failure)> = Vec::new();
    for (_, step) in run.plan.graph.steps() {
        let (kind, failure) = match outcomes.get(&step.id) {
            Some(StepOutcome::Failed(failure)) => (CauseKind::Failed, failure.clone()),
            Some(StepOutcome::Unknown(failure)) => (CauseKind::Unknown, failure.clone()),
            Some(StepOutcome::Pending { failure }) => {
                (CauseKind::Pending, failure.clone().unwrap_or_default())
            }
            _ => continue,
        };
        let place = place(run, outcomes, step);
        // Texts without a code name the image, which differs.
        let text = match &failure.code {
            Some(code) => code.to_string(),
            None => without_id(&failure.why, place.image.as_ref().map(|(id, _)| id)),
        };
        let unreached: Vec<&Accounts> = place.accounts.iter().map(|(accounts, _)| accounts).collect();
        let key = (kind, step.verb(), format!("{text} {unreached:?}"));
        let image = &step.at().image;
        match by_image.iter_mut().find(|(known, of, ..)| *known == key && of == image) {
            Some((.., places, _)) => places.push(place),
            None => by_image.push((key, image.clone(), vec![place], failure)),
        }
    }
    let mut groups: Vec<(Key, BTreeSet<Region>, Cause)> = Vec::new();
    for (key, _, places, failure) in by_image {
        let at: BTreeSet<Region> = places.iter().map(|place| place.at.region.clone()).collect();
        match groups.iter_mut().find(|(known, regions, _)| *known == key && *regions == at) {
            Some((.., cause)) => cause.places.extend(places),
            None => {
                let cause = Cause { kind: key.0, verb: key.1, failure, places, fix: None };
                groups.push((key, at, cause));
            }
        }
    }
    let mut causes: Vec<Cause> = groups.into_iter().map(|(.., cause)| cause).collect();
    causes.sort_by_key(|cause| cause.kind);
    causes
}

fn place(run: &Run<'_>, outcomes: &BTreeMap<&StepId, &StepOutcome>, step: &Step) -> CausePlace {
    let at = step.at();
    let there = run.after.placement(at);
    let everyone = there.map(|there| there.everyone()).unwrap_or_default();
    let unreached = match &step.operation {
        Operation::Share { accounts, .. } => accounts.without(&everyone),
        Operation::Unshare { accounts, .. } => accounts.shared_with(&everyone),
        _ => Accounts::EMPTY,
    };
    let is_left = |step: &Step| {
        matches!(step.operation, Operation::Delete { .. })
            && (&step.at().image, &step.at().region) == (&at.image, &at.region)
            && matches!(outcomes.get(&step.id), Some(StepOutcome::Skipped { .. } | StepOutcome::NotStarted))
    };
    let left = run.plan.graph.steps().filter(|(_, step)| is_left(step));
    let kept = left.filter_map(|(_, step)| Some(run.after.placement(step.at())?.id.clone()));
    CausePlace {
        step: step.id.clone(),
        at: at.clone(),
        generation: Generation::of(run, &at.image, at.generation),
        image: there.map(|there| (there.id.clone(), everyone.len())),
        serving: serving(run, &at.image, &at.region).map(|(generation, id)| {
            let sees =
                run.after.serving(&at.image, &at.region).map_or(0, |(_, there)| there.everyone().len());
            (generation, id, sees)
        }),
        accounts: used_by(run, at, &unreached),
        kept: kept.collect(),
    }
}

/// Returns a text without the id that it starts with.
fn without_id(why: &str, id: Option<&ImageId>) -> String {
    let rest = id.and_then(|id| why.strip_prefix(id.as_str())?.strip_prefix(" is "));
    rest.unwrap_or(why).to_owned()
}

impl Cause {
    /// The images that it concerns.
    pub(in crate::report) fn images(&self) -> BTreeSet<&ImageKey> {
        self.places.iter().map(|place| &place.at.image).collect()
    }

    /// The regions that it concerns.
    pub(in crate::report) fn regions(&self) -> Vec<&Region> {
        self.places.iter().map(|place| &place.at.region).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Accounts that a share call did not reach.
    pub(in crate::report) fn accounts(&self) -> Accounts {
        let lists = self.places.iter().flat_map(|place| &place.accounts);
        lists.fold(Accounts::EMPTY, |all, (accounts, _)| all.joined(accounts))
    }

    /// Returns where it happened: `image.cache@eu-frankfurt`, `28 images in eu-frankfurt`.
    pub(in crate::report) fn subject(&self) -> String {
        let (images, at) = (self.images(), self.regions());
        match (images.iter().next(), images.len(), at.as_slice()) {
            (Some(image), 1, [region]) => format!("image.{image}@{region}"),
            (Some(image), 1, several) => format!("image.{image} in {}", regions(several)),
            (_, number, several) => format!("{number} images in {}", regions(several)),
        }
    }

    /// Returns what happened: `copy refused, ImageQuotaLimitExceeded`. `code` marks text of others.
    pub(in crate::report) fn what(&self, names: &AccountNames, code: &dyn Fn(&str) -> String) -> String {
        let Failure { why, code: error, kind, .. } = &self.failure;
        let whom = || accounts(&self.accounts(), names);
        let id = self.places.first().and_then(|place| place.image.as_ref()).map(|(id, _)| id);
        let what = match (self.kind, self.verb) {
            (CauseKind::Pending, _) if why.is_empty() => return "accepted, not ready yet".to_owned(),
            (CauseKind::Pending, _) if kind.is_none() => {
                let rest = without_id(why, id);
                return match (self.places.len(), id) {
                    (1, Some(id)) if rest.len() < why.len() => format!("{id} {rest}"),
                    _ => rest,
                };
            }
            (CauseKind::Pending, _) => "its state cannot be read".to_owned(),
            (CauseKind::Unknown, verb) => format!("outcome of the {} unknown", verb.as_str()),
            (CauseKind::Failed, Verb::Create) => "build failed".to_owned(),
            (CauseKind::Failed, Verb::Copy) if error.is_some() => "copy refused".to_owned(),
            (CauseKind::Failed, Verb::Copy) => "copy failed".to_owned(),
            (CauseKind::Failed, Verb::Wait) => "failed after an earlier run began it".to_owned(),
            (CauseKind::Failed, Verb::Update) => "attributes not set".to_owned(),
            (CauseKind::Failed, Verb::Tag) => "tags not set".to_owned(),
            (CauseKind::Failed, Verb::Share) => format!("not shared with {}", whom()),
            (CauseKind::Failed, Verb::Unshare) => format!("still shared with {}", whom()),
            (CauseKind::Failed, Verb::Delete) => "not deleted".to_owned(),
        };
        match error {
            Some(error) => format!("{what}, {}", code(error)),
            None => what,
        }
    }

    /// Returns what the service said of it, and which call failed.
    pub(in crate::report) fn call(&self, code: &dyn Fn(&str) -> String) -> Vec<String> {
        let Failure { why, kind, request_id, action, region, message, .. } = &self.failure;
        let mut lines = Vec::new();
        match message {
            Some(message) if !message.is_empty() => lines.push(code(message)),
            Some(_) => {}
            // The title has what a wait is about.
            None if self.kind == CauseKind::Pending && kind.is_none() => {}
            None => lines.push(code(why)),
        }
        if let Some(action) = action {
            let place = region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
            let request = match request_id {
                Some(id) => format!(", request {}", code(id)),
                None => ", no answer".to_owned(),
            };
            let first = match self.places.len() {
                1 => String::new(),
                several => format!(" (the first of {several})"),
            };
            lines.push(format!("{}{place}{request}{first}", code(action)));
        }
        lines
    }

    /// Returns what consumers use now where it happened.
    pub(in crate::report) fn now(&self, names: &AccountNames, code: &dyn Fn(&str) -> String) -> String {
        let places = match self.places.as_slice() {
            [place] => return place.now(names, code),
            places => places,
        };
        let serving = places.first().and_then(|place| place.serving.as_ref());
        let alike = |place: &CausePlace| {
            let of = |serving: &(Generation, ImageId, usize)| (serving.0.revision.clone(), serving.2);
            place.serving.as_ref().map(of) == serving.map(of)
        };
        match serving {
            None if places.iter().all(|place| place.serving.is_none()) => "serving: nothing.".to_owned(),
            Some((generation, _, sees)) if places.iter().all(alike) => {
                format!("serving: {}{}.", generation.name(code), seen_by(*sees))
            }
            _ => format!("serving: see {}.", code("goldform output")),
        }
    }
}

fn seen_by(accounts: usize) -> String {
    match accounts {
        0 => String::new(),
        accounts => format!(", {}", count(accounts, "account", "accounts")),
    }
}

/// Returns the names of up to three accounts, or the number of more.
pub(in crate::report) fn accounts(all: &Accounts, names: &AccountNames) -> String {
    match all.len() {
        1..=3 => all.iter().map(|account| names.name(account)).collect::<Vec<_>>().join(", "),
        many => count(many, "account", "accounts"),
    }
}

impl CausePlace {
    /// Returns what consumers use now at this place.
    pub(in crate::report) fn now(&self, names: &AccountNames, code: &dyn Fn(&str) -> String) -> String {
        let text = match &self.serving {
            _ if !self.accounts.is_empty() => self.shared(names, code),
            None => "serving: nothing".to_owned(),
            Some((generation, id, sees)) => {
                format!("serving: {} ({id}){}", generation.name(code), seen_by(*sees))
            }
        };
        format!("{text}.")
    }

    /// Returns who has the image of a share call that did not reach everyone, and what the others use.
    fn shared(&self, names: &AccountNames, code: &dyn Fn(&str) -> String) -> String {
        let mut clauses = Vec::new();
        if let Some((id, number)) = &self.image {
            let generation = self.generation.name(code);
            clauses.push(format!(
                "{generation} ({id}) is shared with {}",
                count(*number, "account", "accounts")
            ));
        }
        for (list, used) in &self.accounts {
            let (who, is_one) = (accounts(list, names), list.len() == 1);
            clauses.push(match used {
                Some((generation, id)) => {
                    let keep = if is_one { "keeps" } else { "keep" };
                    let is_kept = if self.kept.contains(id) { ", which is not deleted" } else { "" };
                    format!("{who} {keep} {} ({id}){is_kept}", generation.name(code))
                }
                None => format!("{who} {} no image there", if is_one { "has" } else { "have" }),
            });
        }
        clauses.join("; ")
    }
}
