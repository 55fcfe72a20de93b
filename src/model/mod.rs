//! The vocabulary: ids, addresses, regions, images, shares, operations, limits, digests.
//!
//! Nothing here does anything beyond parse, display and compare. Ids are judged by *shape* (a service may
//! add a region or lengthen an id at any time); whether a thing exists is the cloud's business.
//!
//! Add a word here only when two phases need it; a word that one phase needs lives with that phase.

pub mod accounts;
pub mod address;
pub mod digest;
pub mod ids;
pub mod image;
pub mod interim;
pub mod limits;
pub mod operation;
pub mod region;
pub mod source;

pub use accounts::Accounts;
pub use address::{Address, GenerationNumber, ImageKey, PlacementKey};
pub use digest::Digest;
pub use ids::{AccountId, ImageId, InstanceId, MalformedId, SnapshotId};
pub use image::{Architecture, Attributes, ImageKind, ImageState, Tags};
pub use limits::{ImageLimit, Limit, LimitSource};
pub use operation::{Operation, Verb};
pub use region::{Region, RegionFacts, RegionTable};
pub use source::{Source, SourceKind};
