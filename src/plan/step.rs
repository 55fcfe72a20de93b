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
    /// Returns a step. Its id follows from its operation.
    pub fn new(operation: Operation, reason: Reason) -> Self {
        let id = StepId(compact_str::format_compact!("{} {}", operation.verb().as_str(), operation.at()));
        Self { id, operation, reason }
    }

    /// Returns whether its id is the one that its operation derives: a step is shown by its id.
    pub fn has_its_own_id(&self) -> bool {
        let own = Self::new(self.operation.clone(), self.reason.clone()).id;
        let rest = self.id.0.strip_prefix(own.0.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" (") && rest.ends_with(')'))
    }

    /// Returns a second step with the same verb at the same address. The qualifier makes its id unique.
    pub fn with_qualifier(operation: Operation, reason: Reason, qualifier: &str) -> Self {
        let step = Self::new(operation, reason);
        let id = StepId(compact_str::format_compact!("{} ({qualifier})", step.id));
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
