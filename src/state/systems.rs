//! Systems that a region imports, as DescribeImportImageOs lists them (213/15718).

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The operating systems that a region imports, and the versions of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImportSystems(pub BTreeMap<CompactString, BTreeSet<CompactString>>);

impl ImportSystems {
    /// The names of the systems.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(CompactString::as_str)
    }

    /// Returns the versions of a system. `None` if the service lists none, so that any version is accepted.
    pub fn versions(&self, system: &str) -> Option<&BTreeSet<CompactString>> {
        self.0.get(system).filter(|versions| !versions.is_empty())
    }
}
