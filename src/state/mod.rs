//! What we believe ([`Snapshot`], [`Recorded`]), what was seen ([`Observed`]), and what a run did ([`Event`]).
//!
//! ```text
//!  snapshot (serial n) ──fold events of the journal──▶ present record ──verify, write──▶ snapshot (serial n+1)
//! ```
//!
//! A snapshot is verified when it is read and before it is written, so a state that contradicts itself is
//! neither used nor stored. The file is JSON, sorted, one fact a line: it is made to be read in a pull request.
//! It holds a digest of itself (`seal`), so one that was damaged or edited is never taken for a record.
//! To add a field: give it a serde default, so that older files read; raise [`snapshot::FORMAT`] only when an
//! older goldform would do harm by not knowing it.

pub mod edit;
pub mod event;
pub mod evidence;
pub mod format;
pub mod hold;
pub mod image;
pub mod integrity;
pub mod journal;
pub mod lookup;
pub mod observed;
pub mod placement;
pub mod recorded;
pub mod runs;
mod seal;
pub mod select;
pub mod snapshot;
pub mod state_edit;
pub mod systems;
pub mod terraform;

pub use event::{Edit, Event, Intent, Intents, NotFound, SettledImage, StepId};
pub use hold::Hold;
pub use image::{RecordedGeneration, RecordedImage};
pub use journal::IllegalEvent;
pub use lookup::{Found, FoundImage, Near, RecordedLookup, SharedInImage};
pub use observed::{Observed, ObservedImage, ObservedRegion};
pub use placement::{Making, Placement};
pub use recorded::{Recorded, RecordedRegion, Usage};
pub use runs::{Run, RunEnd, RunResult, Runs};
pub use snapshot::{Head, Lineage, Snapshot, StateError, Written};
pub use state_edit::StateEditError;
pub use systems::ImportSystems;
