//! Actions, one file per group, and their table.
//!
//! An action is a value: its service and name, its documented parameters, rate and error codes, and a function that
//! validates before it writes. To add an action, write its function in the file of its group, add its [`Action`] to the
//! list of that file, and provoke each of its error codes in a test. The tests fail for a refusal whose code is neither
//! documented for the action nor a common code.

mod account_tags;
mod attach;
mod copy;
mod create;
mod delete;
mod describe;
mod export;
mod family;
mod identity;
mod import;
mod listing;
mod machines;
mod modify;
mod regions;
mod share;
mod systems;
mod tag_reads;
mod tags;

use super::context::RequestContext;
use super::protocol::Reply;
use super::refusal::ActionError;
use super::schema::{Args, Field};
use crate::cloud::Service;

/// Function that executes an action whose parameters have the documented types.
pub(super) type Run = fn(&RequestContext<'_>, Args<'_>) -> Result<Reply, ActionError>;

/// An action of a service.
pub(super) struct Action {
    /// Service of the action.
    pub(super) service: Service,
    /// Name of the action.
    pub(super) name: &'static str,
    /// Whether a call must name a region.
    pub(super) regional: bool,
    /// Maximum calls per second of one caller in one region.
    pub(super) rate: u32,
    /// Documented parameters.
    pub(super) fields: &'static [Field],
    /// Documented error codes that the sandbox returns.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the tests hold the answers against"))]
    pub(super) codes: &'static [&'static str],
    /// Function that executes the action.
    pub(super) run: Run,
}

impl Action {
    /// Returns whether the action changes the world. The names of all other actions start with Describe or Get.
    pub(super) fn writes(&self) -> bool {
        !self.name.starts_with("Describe") && !self.name.starts_with("Get")
    }
}

const GROUPS: &[&[Action]] = &[
    create::ACTIONS,
    import::ACTIONS,
    export::ACTIONS,
    family::ACTIONS,
    machines::ACTIONS,
    systems::ACTIONS,
    describe::ACTIONS,
    copy::ACTIONS,
    modify::ACTIONS,
    share::ACTIONS,
    delete::ACTIONS,
    regions::ACTIONS,
    tags::ACTIONS,
    account_tags::ACTIONS,
    attach::ACTIONS,
    tag_reads::ACTIONS,
    identity::ACTIONS,
];

/// Error codes that every action may return (table of common error codes).
#[cfg(test)]
pub(super) const COMMON: &[&str] = &[
    "AuthFailure.UnauthorizedOperation",
    "DryRunOperation",
    "InternalError",
    "InvalidAction",
    "InvalidParameter",
    "InvalidParameterValue",
    "MissingParameter",
    "NoSuchVersion",
    "RequestLimitExceeded",
    "RequestSizeLimitExceeded",
    "UnknownParameter",
    "UnsupportedRegion",
];

/// Returns the action of a service with a name.
pub(super) fn find(service: Service, name: &str) -> Option<&'static Action> {
    all().find(|action| action.service == service && action.name == name)
}

/// Returns every action.
pub(super) fn all() -> impl Iterator<Item = &'static Action> {
    GROUPS.iter().copied().flatten()
}
