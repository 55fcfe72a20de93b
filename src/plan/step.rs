//! Steps: one mutation of the service each, and the condition under which it has settled.

use serde::{Deserialize, Serialize};

use crate::diff::Reason;
use crate::model::{Operation, PlacementKey, Verb};
use crate::state::StepId;

/// One mutation of the image service. It has settled when the service has accepted it and, where it makes an
/// image, the image is NORMAL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its id: verb and address, unique in the plan.
    pub id: StepId,
    /// What it does.
    pub operation: Operation,
    /// Why.
    pub reason: Reason,
}

impl Step {
    /// A step, with the id that its operation gives it.
    pub fn new(operation: Operation, reason: Reason) -> Self {
        let id = StepId(compact_str::format_compact!("{} {}", operation.verb().as_str(), operation.at()));
        Self { id, operation, reason }
    }

    /// A second step with the same verb at the same address: `aside` tells it apart.
    pub fn aside(operation: Operation, reason: Reason, aside: &str) -> Self {
        let step = Self::new(operation, reason);
        let id = StepId(compact_str::format_compact!("{} ({aside})", step.id));
        Self { id, ..step }
    }

    /// The placement that it is about.
    pub fn at(&self) -> &PlacementKey {
        self.operation.at()
    }

    /// Its verb.
    pub fn verb(&self) -> Verb {
        self.operation.verb()
    }
}
