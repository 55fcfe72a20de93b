//! Properties of whole stories: random manifests and edits, applied to the sandbox in paused time.
//!
//! ```text
//!  manifests   random manifests, edits        ideal   what the cloud should hold, read the simple way
//!  stage       one story on one bench         tally   how many cases each property saw
//! ```

mod adopt;
mod converge;
mod crash;
mod every_call;
mod fault;
mod heal;
pub mod ideal;
mod manifests;
mod order;
mod pace;
mod returns;
mod round_trip;
mod schema;
pub mod stage;
mod switches;
