//! The embedded cloud: the image service, and what images need of its neighbours, as an independent model of its
//! documents, kept in a world that survives the process.
//!
//! It is *stricter* than the real service: parameters are judged by the letter of the documents, every documented
//! refusal that can be provoked is given, and what is undecided is a switch ([`Settings`]). It shares no
//! judgement with the rest of goldform, so that each can be held against the other.
//!
//! ```text
//!   SimTransport, HTTP face ──▶ Sim::exchange ──▶ protocol    envelope, version, action, region, types
//!                                    │            actions     one file per group: judge, then write
//!                                    │            scene       what an action sees, judgements that are shared
//!                                    ▼            catalogue, geography   what is there without being made
//!                                  world          SQLite: one call, one transaction
//! ```
//!
//! What holds:
//! - Time is a parameter. A task stores when it is done; a state is computed from that and the present.
//! - Ids come from a counter and a seed in the world, so a run can be repeated exactly.
//! - A call that was answered is durable, with its line in the log; a call that was refused changed nothing
//!   (but where a switch asks for a partial effect). Several processes may use one world.
//! - Any bytes get a well-formed envelope.
//!
//! To add an action, see the guide in `actions`. To let something go wrong, set a [`Fault`]: it waits for an
//! action (or `*`), region and caller, lets calls pass until the `from_call`-th, and then has its [`Effect`] on
//! `times` of them. To look into a world or arrange it past the protocol, see the other methods of [`Sim`].

mod actions;
mod catalogue;
mod checksum;
mod geography;
pub mod http;
mod ids;
mod inspect;
mod protocol;
mod query;
mod rates;
mod refusal;
mod scene;
mod schema;
mod settings;
mod transport;
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
pub use watch::{Moment, Seen};
pub use world::{Disk, Effect, Entry, Fate, Fault, Image, Instance, Peak, Share, SimError, Snapshot, State};

use actions::Action;
use protocol::Reply;
use refusal::Stop;
use scene::RequestContext;
use serde_json::{Map, Value};
use watch::Watcher;
use world::World;

use super::Request;
use crate::model::AccountId;

/// An embedded cloud. Clones are the same cloud.
#[derive(Clone)]
pub struct Sim {
    world: Arc<Mutex<World>>,
    durable: bool,
    watcher: Arc<OnceLock<Watcher>>,
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What comes back.
    pub delivery: Delivery,
    /// How much later than usual it comes back.
    pub delay: Option<Duration>,
}

/// What comes back of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An answer: an envelope, unless a fault script put garbage in its place.
    Answer(Vec<u8>),
    /// Nothing: the request was never sent.
    NotSent,
    /// Nothing: the connection broke. Whether the request was executed stands in the log.
    Lost,
}

impl Sim {
    /// Opens the world in a file, and makes it where there is none. An existing world keeps its settings; regions that
    /// it does not know are added.
    ///
    /// # Errors
    /// When the file cannot be opened, is no world, or is one of a newer version.
    pub fn open(path: &Path, fresh: Settings) -> Result<Self, SimError> {
        World::open(path, fresh).map(Self::of)
    }

    /// A world that lives in memory, for tests and rehearsals.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn in_memory(settings: Settings) -> Result<Self, SimError> {
        World::in_memory(settings).map(Self::of)
    }

    /// A world in memory that starts as this one is now, and goes its own way: for rehearsals.
    ///
    /// # Errors
    /// When this world cannot be read.
    pub fn fork(&self) -> Result<Self, SimError> {
        let mut world = self.lock();
        world.refresh_settings()?;
        world.fork().map(Self::of)
    }

    fn of(world: World) -> Self {
        let durable = world.is_durable();
        Self { world: Arc::new(Mutex::new(world)), durable, watcher: Arc::default() }
    }

    /// Whether the world is on disk, so that a call takes as long as a disk does.
    pub fn is_durable(&self) -> bool {
        self.durable
    }

    /// The envelope that a request is answered with. Where a fault script loses request or answer, it is the
    /// envelope of an InternalError: only [`Sim::exchange`] can tell the difference.
    pub fn answer(&self, caller: AccountId, request: &Request, now: Timestamp) -> Vec<u8> {
        match self.exchange(caller, request, now).delivery {
            Delivery::Answer(bytes) => bytes,
            Delivery::NotSent | Delivery::Lost => {
                protocol::envelope(Err(protocol::internal_error()), &ids::request_id(0, 0))
            }
        }
    }

    /// Executes a request that this process made, and tells what became of it.
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

    /// Executes a call, whoever brought it, and tells what became of it.
    pub fn call(&self, caller: AccountId, call: &Call<'_>, now: Timestamp) -> Exchange {
        let mut world = self.lock();
        let exchange = execute(&mut world, caller, call, now).unwrap_or_else(|_| {
            world.roll_back();
            // The store failed, so no number can be drawn from it; the time is the next best thing.
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

    /// The world, for as long as the guard lives. A thread that died while it held it left a transaction open at
    /// worst, which the next call rolls back.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call, from its beginning to its commit. An error is one of the store, and nothing was committed.
fn execute(
    world: &mut World,
    caller: AccountId,
    call: &Call<'_>,
    now: Timestamp,
) -> Result<Exchange, rusqlite::Error> {
    let writes = actions::find(call.service, call.action).is_some_and(Action::writes);
    let turn = world.begin(writes)?;
    let world = &*world;
    let settings = world.settings();
    let caller = caller.to_string();
    let at = now.as_microsecond();
    let region = (!call.region.is_empty()).then_some(call.region);
    let request_id = ids::request_id(settings.seed, turn.call);
    let effects = world.count_faults(call.action, region, &caller)?;

    let mut fate = Fate::Answered;
    let mut params = Map::new();
    let outcome = match unexecuted(&effects) {
        Some((refusal, stopped)) => {
            fate = stopped;
            if let Ok(read) = protocol::read_body(call.body) {
                params = read;
            }
            Err(Stop::Refused(refusal))
        }
        None => run(world, settings, &caller, call, at, &effects, &mut params),
    };
    let outcome = match outcome {
        Ok(reply) => Ok(reply),
        Err(Stop::Refused(refusal)) => Err(refusal),
        Err(Stop::Broken(error)) => return Err(error),
    };

    let mut delay = None;
    let mut garbage = None;
    for effect in &effects {
        match effect {
            Effect::Slow { by } => delay = by.unsigned_abs().into(),
            Effect::Garbage { text } if fate == Fate::Answered => {
                fate = Fate::Garbled;
                garbage = Some(text);
            }
            Effect::LostAfter if fate == Fate::Answered => fate = Fate::LostAfter,
            _ => {}
        }
    }
    world.write_log(&Entry {
        seq: i64::try_from(turn.call).unwrap_or(i64::MAX),
        at,
        caller,
        service: call.service.host_label().to_owned(),
        action: call.action.to_owned(),
        region: region.map(str::to_owned),
        params: protocol::loggable(&params),
        code: outcome.as_ref().err().map(|refusal| refusal.code.clone().into_owned()),
        fate,
        request_id: request_id.clone(),
    })?;
    let unknown_fields = settings.unknown_fields;
    world.commit()?;

    let delivery = match (fate, garbage) {
        (Fate::NotSent, _) => Delivery::NotSent,
        (Fate::LostBefore | Fate::LostAfter, _) => Delivery::Lost,
        (Fate::Garbled, Some(text)) => Delivery::Answer(text.clone().into_bytes()),
        _ => {
            let answer = outcome.map(|mut reply: Reply| {
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

/// Whether faults keep a call from being executed, what it is answered with then, and what the log says.
fn unexecuted(effects: &[Effect]) -> Option<(Refusal, Fate)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Error { code, message } => {
            let message = if message.is_empty() { "A fault script refuses the call." } else { message };
            Some((Refusal { code: code.clone().into(), message: message.to_owned() }, Fate::Refused))
        }
        Effect::Throttle => Some((rates::exceeded(), Fate::Refused)),
        Effect::NotSent => Some((protocol::internal_error(), Fate::NotSent)),
        Effect::LostBefore => Some((protocol::internal_error(), Fate::LostBefore)),
        _ => None,
    })
}

/// Judges a call and executes it.
fn run(
    world: &World,
    settings: &Settings,
    caller: &str,
    call: &Call<'_>,
    now: i64,
    effects: &[Effect],
    params: &mut Map<String, Value>,
) -> Result<Reply, Stop> {
    let judged = protocol::judge(call, settings)?;
    if settings.rates == Rates::Documented {
        rates::judge(world, judged.action, call.region, caller, now)?;
    }
    *params = protocol::read_body(call.body)?;
    protocol::judge_params(judged.action, params, call.body)?;
    let scene =
        RequestContext { world, settings, caller, place: judged.place, now, effects, english: call.english };
    (judged.action.run)(&scene, protocol::args(params))
}
