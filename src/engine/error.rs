//! Why a part of the pipeline ended without its result.

use thiserror::Error;

use crate::backend::StoreError;
use crate::cloud::CloudError;
use crate::constraints::Judgement;
use crate::model::AccountId;
use crate::plan::PlanError;
use crate::state::IllegalEvent;

/// Why a part of the pipeline ended without its result.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The state store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cloud.
    #[error(transparent)]
    Cloud(Box<CloudError>),
    /// The plan cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A rule refuses to record what was observed. Nothing is recorded then.
    #[error("a rule refuses to record what was observed")]
    ObservationRefused(Box<Judgement>),
    /// The state belongs to another account, service or place.
    #[error("{what}")]
    OtherState {
        /// What differs.
        what: String,
        /// What to do.
        help: String,
    },
    /// The keys belong to another account than the manifest.
    #[error("the keys belong to account {caller}, the manifest to {account}")]
    OtherCaller {
        /// The account of the keys.
        caller: AccountId,
        /// The account of the manifest.
        account: AccountId,
    },
    /// Recovery produced an event that cannot follow the state: a defect of goldform.
    #[error(transparent)]
    IllegalEvent(#[from] IllegalEvent),
}

impl From<CloudError> for EngineError {
    fn from(error: CloudError) -> Self {
        Self::Cloud(Box::new(error))
    }
}
