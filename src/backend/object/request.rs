//! A request for the lock, and what was there before.

use std::sync::Arc;

use jiff::SignedDuration;

use super::bucket::Bucket;
use super::claims::Claims;
use super::lock::LeaseTerms;
use crate::cloud::Lease;
use crate::model::Clock;

/// Added to a lease before it counts as over: times of objects are whole seconds.
pub(super) const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// What the lock's object said before it was taken.
#[derive(Debug, Clone)]
pub(super) struct Previous {
    pub(super) epoch: u64,
    /// Epoch whose claim is of no use any more.
    pub(super) claimed: u64,
    pub(super) serial: u64,
    /// Epochs of which something may be under way.
    pub(super) open: Vec<u64>,
}

/// What is needed to take a lock.
pub(super) struct Request<'r> {
    pub(super) bucket: &'r Bucket,
    pub(super) clock: &'r Arc<dyn Clock>,
    pub(super) lease: &'r Lease,
    pub(super) terms: LeaseTerms,
    /// Claims of epochs. `None` if the storage honours conditional writes.
    pub(super) claims: Option<&'r Arc<dyn Claims>>,
    /// Random text that no other holder has.
    pub(super) token: &'r str,
}
