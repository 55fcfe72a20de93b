//! A snapshot of the state: who it belongs to, which one it is, and what is recorded.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::journal::{Event, IllegalEvent, Intents, fold};
use super::recorded::Recorded;
use crate::manifest::Provider;
use crate::model::AccountId;

/// The version of the file format that this program writes.
pub const FORMAT: u32 = 1;

/// Which state this is: a name that never changes, made when the state was first written. It is also the value
/// of the ownership tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(pub CompactString);

impl std::fmt::Display for Lineage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The state at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The version of the file format.
    pub format: u32,
    /// The version of goldform that wrote it.
    pub goldform: CompactString,
    /// Which state this is.
    pub lineage: Lineage,
    /// Counts up with every change of a fact.
    pub serial: u64,
    /// The owner of the images.
    pub account: AccountId,
    /// The service they are on.
    pub provider: Provider,
    /// What is recorded.
    pub recorded: Recorded,
    /// Steps that were started and have no outcome yet.
    #[serde(default, skip_serializing_if = "Intents::is_empty")]
    pub intents: Intents,
}

impl Snapshot {
    /// The first snapshot of a state: nothing is recorded.
    pub fn first(lineage: Lineage, account: AccountId, provider: Provider) -> Self {
        Self {
            format: FORMAT,
            goldform: CompactString::const_new(env!("CARGO_PKG_VERSION")),
            lineage,
            serial: 0,
            account,
            provider,
            recorded: Recorded::default(),
            intents: Intents::new(),
        }
    }

    /// Takes an event in.
    ///
    /// # Errors
    /// When it cannot follow what is recorded.
    pub fn take(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        fold(&mut self.recorded, &mut self.intents, event)
    }

    /// The file's text: sorted, indented, with a newline at its end, so that it reads well in a pull request.
    ///
    /// # Errors
    /// When the snapshot breaks a rule of its own ([`Snapshot::verify`]): such a state is never written.
    pub fn to_text(&self) -> Result<String, StateError> {
        self.verify()?;
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| StateError::Broken { why: error.to_string() })?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// When it is no state, was written by a newer goldform, or breaks a rule of its own.
    pub fn from_text(text: &str) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
            goldform: Option<String>,
        }
        let broken = |why: String| StateError::Broken { why };
        // The happy path reads once; only what fails is read again, to say where and why.
        let snapshot: Self = match serde_json::from_str(text) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                if let Ok(Version { format, goldform }) = serde_json::from_str(text)
                    && format > FORMAT
                {
                    return Err(StateError::Newer { format, by: goldform.unwrap_or_default() });
                }
                let mut reader = serde_json::Deserializer::from_str(text);
                return Err(broken(match serde_path_to_error::deserialize::<_, Self>(&mut reader) {
                    Err(error) if error.path().iter().next().is_some() => {
                        format!("at `{}`: {}", error.path(), error.inner())
                    }
                    _ => error.to_string(),
                }));
            }
        };
        if snapshot.format > FORMAT {
            return Err(StateError::Newer { format: snapshot.format, by: snapshot.goldform.to_string() });
        }
        snapshot.verify()?;
        Ok(snapshot)
    }
}

/// A state that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StateError {
    /// It was written by a newer goldform.
    #[error(
        "the state has format {format}, written by goldform {by}; this goldform reads formats up to {FORMAT}"
    )]
    Newer {
        /// Its format.
        format: u32,
        /// Who wrote it.
        by: String,
    },
    /// It is no state, or contradicts itself.
    #[error("the state cannot be read: {why}")]
    Broken {
        /// What is wrong, and where.
        why: String,
    },
}
