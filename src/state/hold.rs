//! Holds: an emergency's answer that the manifest does not have yet.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::RevisionName;

/// An entry that is held at a generation, in an emergency, until the manifest pins it there or the hold is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The generation.
    pub revision: RevisionName,
    /// When it was held.
    pub since: Timestamp,
    /// Who held it: user and host.
    pub by: CompactString,
}
