//! The vocabulary: ids, addresses, regions, images, shares, operations, levels, limits, digests, the clock.
//!
//! Everything here parses, displays and compares. Ids are checked by *shape*, because the service may add a region or
//! lengthen an id at any time. Whether a thing exists is the cloud's business.
//!
//! Add a word here when two phases need it. A word that one phase needs belongs to that phase.

pub mod accounts;
pub mod address;
pub mod clock;
pub mod digest;
pub mod ids;
pub mod image;
pub mod interim;
pub mod level;
pub mod limits;
pub mod lookup;
pub mod name_template;
pub mod operation;
pub mod policy;
pub mod provider;
pub mod region;
pub mod revision;
pub mod source;

pub use accounts::Accounts;
pub use address::{Address, GenerationNumber, ImageKey, PlacementKey};
pub use clock::{Clock, ManualClock};
pub use digest::Digest;
pub use ids::{AccountId, ImageId, InstanceId, MalformedId, SnapshotId};
pub use image::{Architecture, Attributes, ImageKind, ImageState, Tags};
pub use level::Level;
pub use limits::{ImageLimit, Limit, LimitSource};
pub use lookup::{Criteria, Lookup};
pub use name_template::NameTemplate;
pub use operation::{Operation, Verb};
pub use policy::{Keep, ReplaceOrder, SharedImageEdits};
pub use provider::{CloudPlace, Provider, Site, is_domain, is_provider_domain};
pub use region::{Region, RegionFacts, RegionTable};
pub use revision::{MalformedRevision, RevisionName};
pub use source::{Source, SourceKind};
