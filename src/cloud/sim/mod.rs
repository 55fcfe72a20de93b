//! The sandbox: an independent model of the image service and of the other services that images need, kept in a world
//! that survives the process.
//!
//! It is *stricter* than the real service. It validates parameters exactly as documented, returns every documented
//! refusal that a caller can provoke, and has a switch for each undecided behaviour ([`Settings`]). It shares no rules
//! with the rest of goldform, so that each checks the other.
//!
//! ```text
//!   SimTransport, HTTP server ──▶ Sim::exchange ──▶ routing     version, action, region, types of parameters
//!                                      │            actions     one file per group: validate, then write
//!                                      │            context     what an action can access
//!                                      │            validation  checks that several actions share
//!                                      ▼            catalogue, geography   built-in images and regions
//!                                    world          SQLite: one call is one transaction
//! ```
//!
//! Invariants:
//! - Time is a parameter and never decreases: a call has at least the time of the latest log entry. A task stores its
//!   end, and the state of an image is computed from that and the current time.
//! - Ids come from a counter and a seed in the world, so a run can be repeated exactly.
//! - An answered call is durable, with its entry in the log. A refused call changes nothing, unless a switch asks for a
//!   partial effect. Several processes may use one world.
//! - Any bytes get a well-formed envelope.
//!
//! The guide in `actions` explains how to add an action. A [`Fault`] makes calls fail: it matches calls by action (or
//! `*`), region and caller, lets them pass until the `from_call`-th, and then applies its [`FaultEffect`] to `times` of
//! them. The other methods of [`Sim`] inspect or change a world without the protocol.

mod actions;
mod catalogue;
mod checksum;
mod context;
mod geography;
pub mod http;
mod ids;
mod inspect;
mod ownership;
mod protocol;
mod query;
mod rates;
mod refusal;
mod routing;
mod schema;
mod settings;
mod transport;
mod validation;
mod watch;
mod world;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

pub use protocol::{Body, Call};
pub use refusal::Refusal;
pub use settings::{
    Arm, CancelAbsent, DryRun, Existence, ExtraRegion, ImportSystems, Rates, Settings, ShareAgain, Tasks,
    Timestamps,
};
pub use transport::SimTransport;
pub use watch::{ImageView, WorldView};
pub use world::{
    Disk, Fault, FaultEffect, Image, ImageStatus, Instance, LogEntry, Peak, RequestOutcome, Share, SimError,
    Snapshot,
};

use actions::Action;
use context::RequestContext;
use protocol::Reply;
use refusal::ActionError;
use routing::Route;
use schema::Args;
use serde_json::{Map, Value};
use watch::Watcher;
use world::{CallStart, World};

use super::Request;
use crate::model::AccountId;

/// A sandbox. Clones share its world.
#[derive(Clone)]
pub struct Sim {
    world: Arc<Mutex<World>>,
    durable: bool,
    watcher: Arc<OnceLock<Watcher>>,
}

/// Result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Answer, or its absence.
    pub delivery: Delivery,
    /// Delay of the answer that a fault asks for.
    pub delay: Option<Duration>,
}

/// Answer to a request, or its absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An envelope, unless a fault replaced it with garbage.
    Answer(Vec<u8>),
    /// No answer: the request was never sent.
    NotSent,
    /// No answer: the connection broke. The log shows whether the request was executed.
    Lost,
}

impl Sim {
    /// Opens the world in a file, or creates the file. An existing world keeps its settings, except that new regions of
    /// `fresh` are added.
    ///
    /// # Errors
    /// If the file cannot be opened, is not a world, or has a newer format.
    pub fn open(path: &Path, fresh: Settings) -> Result<Self, SimError> {
        World::open(path, fresh).map(Self::of)
    }

    /// Creates a world in memory, for tests and rehearsals.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn in_memory(settings: Settings) -> Result<Self, SimError> {
        World::in_memory(settings).map(Self::of)
    }

    /// Copies this world to memory, for rehearsals.
    ///
    /// # Errors
    /// If this world cannot be read.
    pub fn fork(&self) -> Result<Self, SimError> {
        let mut world = self.lock();
        world.refresh_settings()?;
        world.fork().map(Self::of)
    }

    fn of(world: World) -> Self {
        let durable = world.is_durable();
        Self { world: Arc::new(Mutex::new(world)), durable, watcher: Arc::default() }
    }

    /// Returns whether the world is on disk. Calls block on the disk then.
    pub fn is_durable(&self) -> bool {
        self.durable
    }

    /// Executes a request of this process and returns the envelope of its answer.
    ///
    /// Returns the envelope of an InternalError if a fault loses the request or its answer. [`Sim::exchange`] returns
    /// the difference.
    pub fn answer(&self, caller: AccountId, request: &Request, now: Timestamp) -> Vec<u8> {
        match self.exchange(caller, request, now).delivery {
            Delivery::Answer(bytes) => bytes,
            Delivery::NotSent | Delivery::Lost => {
                protocol::envelope(Err(protocol::internal_error()), &ids::request_id(0, 0))
            }
        }
    }

    /// Executes a request of this process.
    pub fn exchange(&self, caller: AccountId, request: &Request, now: Timestamp) -> Exchange {
        let call = Call {
            service: request.service,
            action: &request.action,
            version: request.service.version(),
            region: request.region.as_ref().map_or("", |region| region.as_str()),
            body: Body::Json(&request.body),
            english: true,
        };
        self.call(caller, &call, now)
    }

    /// Executes a call from any transport.
    pub fn call(&self, caller: AccountId, call: &Call<'_>, now: Timestamp) -> Exchange {
        let mut world = self.lock();
        let exchange = execute(&mut world, caller, call, now).unwrap_or_else(|_| {
            world.roll_back();
            // The store failed and cannot provide the number of the call, so the time replaces it.
            let number = u64::try_from(now.as_microsecond()).unwrap_or(0);
            let request_id = ids::request_id(u64::MAX, number);
            let bytes = protocol::envelope(Err(protocol::internal_error()), &request_id);
            Exchange { delivery: Delivery::Answer(bytes), delay: None }
        });
        if let Some(watcher) = self.watcher.get()
            && actions::find(call.service, call.action).is_some_and(Action::writes)
        {
            watch::show(&world, watcher);
        }
        exchange
    }

    /// Returns the current time of the world. It is later than `now` if the clock was set back since the last call.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn present(&self, now: Timestamp) -> Result<Timestamp, SimError> {
        let at = self.lock().present(now.as_microsecond())?;
        Ok(Timestamp::from_microsecond(at).unwrap_or(now))
    }

    /// Locks the world. If a thread panicked while it held the lock, the next call rolls back its transaction.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Executes one call, from the start of its transaction to its commit.
///
/// # Errors
/// If the store fails. Nothing is committed then.
fn execute(
    world: &mut World,
    caller: AccountId,
    call: &Call<'_>,
    now: Timestamp,
) -> Result<Exchange, rusqlite::Error> {
    let writes = actions::find(call.service, call.action).is_some_and(Action::writes);
    let CallStart { number, at } = world.begin(writes, now.as_microsecond())?;
    let world = &*world;
    let settings = world.settings();
    let caller = caller.to_string();
    let region = (!call.region.is_empty()).then_some(call.region);
    let request_id = ids::request_id(settings.seed, u64::try_from(number).unwrap_or(0));
    let effects = world.count_faults(call.action, region, &caller)?;

    let mut outcome = RequestOutcome::Answered;
    let mut params = Map::new();
    let result = match unexecuted(&effects) {
        Some((refusal, unexecuted)) => {
            outcome = unexecuted;
            if let Ok(parsed) = protocol::read_body(call.body) {
                params = parsed;
            }
            Err(ActionError::Refused(refusal))
        }
        None => run(world, settings, &caller, call, at, &effects, &mut params),
    };
    let result = match result {
        Ok(reply) => Ok(reply),
        Err(ActionError::Refused(refusal)) => Err(refusal),
        Err(ActionError::Store(error)) => return Err(error),
    };

    let mut delay = None;
    let mut garbage = None;
    for effect in &effects {
        match effect {
            FaultEffect::Slow { by } => delay = by.unsigned_abs().into(),
            FaultEffect::Garbage { text } if outcome == RequestOutcome::Answered => {
                outcome = RequestOutcome::MalformedResponse;
                garbage = Some(text);
            }
            FaultEffect::LostAfter if outcome == RequestOutcome::Answered => {
                outcome = RequestOutcome::LostAfter;
            }
            _ => {}
        }
    }
    world.write_log(&LogEntry {
        seq: number,
        at,
        caller,
        service: call.service.host_label().to_owned(),
        action: call.action.to_owned(),
        region: region.map(str::to_owned),
        params: protocol::loggable(&params),
        code: result.as_ref().err().map(|refusal| refusal.code.clone().into_owned()),
        outcome,
        request_id: request_id.clone(),
    })?;
    let unknown_fields = settings.unknown_fields;
    world.commit()?;

    let delivery = match (outcome, garbage) {
        (RequestOutcome::NotSent, _) => Delivery::NotSent,
        (RequestOutcome::LostBefore | RequestOutcome::LostAfter, _) => Delivery::Lost,
        (RequestOutcome::MalformedResponse, Some(text)) => Delivery::Answer(text.clone().into_bytes()),
        _ => {
            let answer = result.map(|mut reply: Reply| {
                if unknown_fields {
                    reply
                        .insert("DeprecatedWarning".to_owned(), Value::from("This field is not documented."));
                }
                reply
            });
            Delivery::Answer(protocol::envelope(answer, &request_id))
        }
    };
    Ok(Exchange { delivery, delay })
}

/// Returns the answer to a call that a fault prevents from being executed, and its outcome for the log. `None` if no
/// fault does.
fn unexecuted(effects: &[FaultEffect]) -> Option<(Refusal, RequestOutcome)> {
    effects.iter().find_map(|effect| match effect {
        FaultEffect::Error { code, message } => {
            let message = if message.is_empty() { "A fault refuses the call." } else { message };
            let refusal = Refusal { code: code.clone().into(), message: message.to_owned() };
            Some((refusal, RequestOutcome::Refused))
        }
        FaultEffect::Throttle => Some((rates::exceeded(), RequestOutcome::Refused)),
        FaultEffect::NotSent => Some((protocol::internal_error(), RequestOutcome::NotSent)),
        FaultEffect::LostBefore => Some((protocol::internal_error(), RequestOutcome::LostBefore)),
        _ => None,
    })
}

/// Validates a call and executes its action.
fn run(
    world: &World,
    settings: &Settings,
    caller: &str,
    call: &Call<'_>,
    now: i64,
    effects: &[FaultEffect],
    params: &mut Map<String, Value>,
) -> Result<Reply, ActionError> {
    let Route { action, region_info } = routing::route(call, settings)?;
    if settings.rates == Rates::Documented {
        rates::charge(world, action, call.region, caller, now)?;
    }
    *params = protocol::read_body(call.body)?;
    routing::validate_params(action, params, call.body)?;
    let context =
        RequestContext { world, settings, caller, region_info, now, effects, english: call.english };
    (action.run)(&context, Args(params))
}
