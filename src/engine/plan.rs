//! Planning: a plan that was made, and what the rules say of it.

use std::borrow::Cow;

use super::{Engine, EngineError};
use crate::constraints::{Judgement, ValidPlan, judge, validate};
use crate::diff::{PlanMode, diff};
use crate::model::Address;
use crate::plan::PlanError;
use crate::plan::{Plan, PlanOptions, PlanResult, plan, propose};
use crate::state::{Recorded, Snapshot};

/// A plan that was judged.
pub struct CheckedPlan {
    /// The plan, where no rule refuses it.
    pub valid: Result<ValidPlan, Box<Plan>>,
    /// What the rules say.
    pub judgement: Judgement,
    /// The recorded state that it starts from, with the manifest's renames.
    pub prior: Recorded,
}

impl CheckedPlan {
    /// Returns the plan, whether it is valid or not.
    pub fn plan(&self) -> &Plan {
        match &self.valid {
            Ok(valid) => valid.plan(),
            Err(plan) => plan,
        }
    }
}

/// A plan that was made from a manifest, and judged.
pub struct Planned {
    /// The plan.
    pub checked: CheckedPlan,
    /// Targets and exclusions that nothing changes at.
    pub unmatched: Vec<Address>,
}

impl Engine {
    /// Makes a plan against a recorded state, and judges it. `None` is a state that does not exist yet. `base` is the stored
    /// state that the plan names as the one that it was made from; `None` before the first write.
    ///
    /// # Errors
    /// If the steps cannot be ordered.
    pub fn plan(
        &mut self,
        snapshot: Option<&Snapshot>,
        base: Option<&Snapshot>,
        options: &PlanOptions,
    ) -> Result<Planned, EngineError> {
        let PlanResult { plan, prior, unmatched } = self.propose(snapshot, base, options)?;
        Ok(Planned { checked: self.check(plan, prior), unmatched })
    }

    /// As [`Engine::plan`], without judging it. What lookups found is put into the sources first.
    ///
    /// # Errors
    /// If the steps cannot be ordered.
    pub fn propose(
        &mut self,
        snapshot: Option<&Snapshot>,
        base: Option<&Snapshot>,
        options: &PlanOptions,
    ) -> Result<PlanResult, PlanError> {
        self.use_lookups(snapshot, options.mode);
        let nothing = Recorded::default();
        let recorded = snapshot.map_or(&nothing, |snapshot| &snapshot.recorded);
        propose(&self.desired, recorded, base, options)
    }

    /// Judges a plan that was made, such as a saved one.
    pub fn check(&self, plan: Plan, prior: Recorded) -> CheckedPlan {
        let now = self.clock.now();
        let (judgement, valid) = validate(plan, &self.desired, &prior, &self.levels, now);
        CheckedPlan { valid, judgement, prior }
    }

    /// Judges the manifest by itself: as if nothing were there yet, under the limits that are recorded. Every finding
    /// also holds for the part of a manifest that could be read; `is_complete` says whether that is all of it.
    ///
    /// # Errors
    /// If the steps of a complete manifest cannot be ordered.
    pub fn check_manifest(
        &self,
        snapshot: Option<&Snapshot>,
        is_complete: bool,
    ) -> Result<Judgement, PlanError> {
        let mut bare = Recorded::default();
        if let Some(snapshot) = snapshot {
            bare.regions.clone_from(&snapshot.recorded.regions);
            bare.share_limit.clone_from(&snapshot.recorded.share_limit);
            bare.lookups.clone_from(&snapshot.recorded.lookups);
            bare.lent.clone_from(&snapshot.recorded.lent);
        }
        // Nothing is recorded in it that a pin could name.
        let mut unpinned = Cow::Borrowed(&self.desired);
        if self.desired.images.values().any(|image| image.pin.is_some()) {
            unpinned.to_mut().images.values_mut().for_each(|image| image.pin = None);
        }
        let mut changes = diff(&unpinned, &bare, PlanMode::Normal);
        // An entry that is recorded keeps the image that its lookup found.
        if let Some(snapshot) = snapshot {
            changes.waiting = diff(&self.desired, &snapshot.recorded, PlanMode::Normal).waiting;
        }
        let made = match plan(&unpinned, &bare, None, changes) {
            Ok(made) => Some(made),
            // Entries that are made from each other have no order; the manifest's own errors say so.
            Err(_) if !is_complete => None,
            Err(error) => return Err(error),
        };
        Ok(judge(&unpinned, &bare, made.as_ref(), &self.levels, self.clock.now()))
    }
}
