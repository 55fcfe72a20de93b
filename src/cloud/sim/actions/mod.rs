//! The actions, one file per group, and the table of them.
//!
//! An action is a value: its service and name, its documented parameters, rate and error codes, and a function
//! that judges first and writes after. To add one: write its function in the file of its group, add its
//! [`Action`] to that file's list, and provoke each of its error codes in a test. A refusal whose code neither
//! the action nor the table of common codes documents fails the tests of this module.

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

/// What runs when an action is called and its parameters have the documented types.
pub(super) type Run = fn(&RequestContext<'_>, Args<'_>) -> Result<Reply, ActionError>;

/// An action of a service.
pub(super) struct Action {
    /// The service.
    pub(super) service: Service,
    /// Its name.
    pub(super) name: &'static str,
    /// Whether a region must be named.
    pub(super) regional: bool,
    /// Calls per second that one caller may make in one region.
    pub(super) rate: u32,
    /// Its documented parameters.
    pub(super) fields: &'static [Field],
    /// The error codes that its documents list, as far as this module answers with them.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the tests hold the answers against"))]
    pub(super) codes: &'static [&'static str],
    /// What it does.
    pub(super) run: Run,
}

impl Action {
    /// Whether it changes the world: the services name all that does not Describe… or Get….
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

/// Codes that the documents list for every action (table of common error codes).
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

/// The action of a service with a name.
pub(super) fn find(service: Service, name: &str) -> Option<&'static Action> {
    all().find(|action| action.service == service && action.name == name)
}

/// Every action.
pub(super) fn all() -> impl Iterator<Item = &'static Action> {
    GROUPS.iter().copied().flatten()
}
