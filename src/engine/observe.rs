//! Recovery and observation: what earlier runs left, and what the cloud says.

use std::sync::Arc;

use super::{Connected, EngineError};
use crate::apply::{Recovered, look_up, look_up_systems, observe, recover};
use crate::cloud::CloudRead;
use crate::constraints::Judgement;
use crate::diff::{self, Drift};
use crate::model::ImageId;
use crate::state::{Event, Observed, Snapshot, StepId};

/// What became of a step that an earlier run left open.
#[derive(Debug, Clone)]
pub struct RecoveredStep {
    /// The step.
    pub step: StepId,
    /// The id that the earlier run got for it.
    pub accepted: Option<ImageId>,
    /// What became of it.
    pub became: Recovered,
}

/// What recovery found out.
#[derive(Debug, Default)]
pub struct Recovery {
    /// The steps that were open.
    pub steps: Vec<RecoveredStep>,
    /// The events that close them. The snapshot holds them already; a command that holds the lock stores them.
    pub events: Vec<Event>,
}

/// What is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Managed images, and what lookups and imports ask for.
    All,
    /// Managed images only: what is deleted needs nothing else.
    Managed,
}

/// What an observation found.
#[derive(Debug)]
pub struct Observation {
    /// How the cloud differs from what was recorded.
    pub drift: Drift,
    /// What the rules say of it.
    pub judgement: Judgement,
}

impl Connected<'_> {
    fn reads(&self) -> Arc<dyn CloudRead> {
        self.cloud.clone()
    }

    /// Looks up what became of the steps that an earlier run left open, and folds that into a snapshot.
    ///
    /// # Errors
    /// If the cloud cannot be read.
    pub async fn recover(&self, snapshot: &mut Snapshot) -> Result<Recovery, EngineError> {
        let mut recovery = Recovery::default();
        if snapshot.intents.is_empty() {
            return Ok(recovery);
        }
        self.check_caller().await?;
        for (step, became, events) in recover(self.cloud.as_ref(), snapshot, self.engine.clock.now()).await? {
            let accepted = snapshot.intents.get(&step).and_then(|intent| intent.accepted.clone());
            for event in &events {
                snapshot.take(event)?;
            }
            recovery.events.extend(events);
            recovery.steps.push(RecoveredStep { step, accepted, became });
        }
        Ok(recovery)
    }

    /// Observes every region that the manifest names or that is recorded, and in [`Scope::All`] what lookups and
    /// imports ask for, and folds that into a snapshot.
    ///
    /// # Errors
    /// If the cloud cannot be read, or a rule refuses to record what was observed: the snapshot is as before then.
    pub async fn observe(&self, snapshot: &mut Snapshot, scope: Scope) -> Result<Observation, EngineError> {
        let (observed, judgement) = self.observe_managed(snapshot).await?;
        if judgement.refuses() {
            return Err(EngineError::ObservationRefused(Box::new(judgement)));
        }
        snapshot.place = self.engine.desired.cloud.place();
        let drift = self.fold(snapshot, &observed, scope).await?;
        Ok(Observation { drift, judgement })
    }

    /// As [`Connected::observe`] in [`Scope::All`], for a snapshot that is not saved: what rules refuse to record is
    /// folded in nonetheless.
    ///
    /// # Errors
    /// If the cloud cannot be read.
    pub async fn drift(&self, snapshot: &mut Snapshot) -> Result<Observation, EngineError> {
        let (observed, judgement) = self.observe_managed(snapshot).await?;
        let drift = self.fold(snapshot, &observed, Scope::All).await?;
        Ok(Observation { drift, judgement })
    }

    /// Judges what an observation misses, after it was requested once more by id.
    ///
    /// # Errors
    /// If the cloud cannot be read, or a rule refuses to record what was observed.
    pub async fn check_observed(
        &self,
        snapshot: &Snapshot,
        observed: &mut Observed,
    ) -> Result<Judgement, EngineError> {
        let judgement = self.judge_missing(snapshot, observed).await?;
        match judgement.refuses() {
            true => Err(EngineError::ObservationRefused(Box::new(judgement))),
            false => Ok(judgement),
        }
    }

    async fn observe_managed(&self, snapshot: &Snapshot) -> Result<(Observed, Judgement), EngineError> {
        self.check_caller().await?;
        let (engine, cloud) = (self.engine, self.reads());
        let (regions, named) = (engine.regions(snapshot), engine.desired.named());
        let (clock, recorded) = (engine.clock.as_ref(), &snapshot.recorded);
        let mut observed = observe(&cloud, clock, recorded, &named, regions, self.parallelism).await?;
        let judgement = self.judge_missing(snapshot, &mut observed).await?;
        Ok((observed, judgement))
    }

    async fn judge_missing(
        &self,
        snapshot: &Snapshot,
        observed: &mut Observed,
    ) -> Result<Judgement, EngineError> {
        let (engine, cloud) = (self.engine, self.reads());
        let (desired, levels, now) = (&engine.desired, &engine.levels, engine.clock.now());
        Ok(crate::apply::judge_missing(&cloud, snapshot, desired, levels, now, observed).await?)
    }

    async fn fold(
        &self,
        snapshot: &mut Snapshot,
        observed: &Observed,
        scope: Scope,
    ) -> Result<Drift, EngineError> {
        let (desired, clock) = (&self.engine.desired, self.engine.clock.as_ref());
        let mut drift = diff::observe(snapshot, observed, desired);
        let (cloud, recorded) = (self.reads(), &mut snapshot.recorded);
        if scope == Scope::Managed {
            return Ok(drift);
        }
        let (changed, facts) = look_up(&cloud, clock, &desired.lookups, recorded, self.parallelism).await?;
        drift.lookups = changed;
        drift.facts_changed |= facts;
        let imports = desired.import_regions();
        drift.facts_changed |= look_up_systems(&cloud, imports, recorded, self.parallelism).await?;
        Ok(drift)
    }
}
