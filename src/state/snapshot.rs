//! A snapshot of the state: who it belongs to, which one it is, and what is recorded.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::event::{Event, Intents};
use super::journal::{IllegalEvent, fold};
use super::recorded::Recorded;
use super::runs::Runs;
use crate::model::{AccountId, CloudPlace, Provider};

/// The version of the file format that this program writes. It reads every version up to this one.
pub const FORMAT: u32 = 2;

/// Which state this is: a name that never changes, made when the state was first written. It is also the value of the
/// ownership tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(pub CompactString);

impl std::fmt::Display for Lineage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// When, by whom and for what a snapshot was written. Its store fills it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// When.
    pub at: Timestamp,
    /// By whom: user and host.
    pub by: CompactString,
    /// By which command.
    pub command: CompactString,
}

/// Head of a snapshot, for lists: the rest is not read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Which state it is of.
    pub lineage: Lineage,
    /// Its number.
    pub serial: u64,
    /// When, by whom and for what it was written.
    pub written: Option<Written>,
}

impl Head {
    /// Reads the head of a file's text. Returns `None` if it is not a state.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The state at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// The place that the images are in. `None` for the sandbox, and in a state of an older goldform until its images
    /// are observed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<CloudPlace>,
    /// When, by whom and for what it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
    /// What is recorded.
    pub recorded: Recorded,
    /// Steps that were started and have no outcome yet.
    #[serde(default, skip_serializing_if = "Intents::is_empty")]
    pub intents: Intents,
    /// What was applied, oldest first.
    #[serde(default, skip_serializing_if = "Runs::is_empty")]
    pub runs: Runs,
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
            place: None,
            written: None,
            recorded: Recorded::default(),
            intents: Intents::new(),
            runs: Runs::default(),
        }
    }

    /// Takes an event in.
    ///
    /// # Errors
    /// When it cannot follow what is recorded.
    pub fn take(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        fold(&mut self.recorded, &mut self.intents, event)
    }

    /// The head of this snapshot.
    pub fn head(&self) -> Head {
        Head { lineage: self.lineage.clone(), serial: self.serial, written: self.written.clone() }
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
    /// It was changed by something else than goldform.
    #[error("the state was changed since goldform wrote it: {why}")]
    Changed {
        /// What shows it.
        why: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::applied;

    fn refusal(text: &str) -> String {
        Snapshot::from_text(text).unwrap_err().to_string()
    }

    #[test]
    fn the_text_of_a_state_reads_well_in_a_pull_request() {
        let text = applied(&[EXAMPLE]).to_text().unwrap();
        assert!(text.ends_with("}\n"));
        assert!(text.lines().all(|line| line.len() < 200), "one fact a line");
        assert_eq!(applied(&[EXAMPLE]).to_text().unwrap(), text, "the same record is the same text");
    }

    #[test]
    fn a_state_of_a_newer_goldform_is_not_touched() {
        let text = applied(&[EXAMPLE]).to_text().unwrap().replacen("\"format\": 2", "\"format\": 3", 1);
        let expected = StateError::Newer { format: 3, by: env!("CARGO_PKG_VERSION").to_owned() };
        assert_eq!(Snapshot::from_text(&text).unwrap_err(), expected);
        let unknown = text.replacen("\"lineage\"", "\"lineage_of_the_future\"", 1);
        assert_eq!(Snapshot::from_text(&unknown).unwrap_err(), expected, "whatever else it says");
    }

    #[test]
    fn what_is_wrong_is_reported_with_its_place() {
        let text = applied(&[EXAMPLE]).to_text().unwrap();
        let wrong = text.replacen("\"state\": \"NORMAL\"", "\"state\": 7", 1);
        let message = refusal(&wrong);
        assert!(
            message.contains("at `recorded.images.db.generations.1.placements.ap-jakarta.state`"),
            "{message}"
        );
        let unknown = refusal(&text.replacen("\"serial\"", "\"sreial\"", 1));
        assert!(unknown.contains("at `sreial`: unknown field, expected one of"), "{unknown}");
    }

    #[test]
    fn any_cut_of_a_state_is_a_refusal_and_never_a_state() {
        let text = applied(&[EXAMPLE]).to_text().unwrap();
        for end in (0..text.len() - 2).step_by(7).filter(|end| text.is_char_boundary(*end)) {
            assert!(Snapshot::from_text(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_state_is_reported_as_such() {
        for text in ["", "[]", "{}", "null", "state", "{\"format\": 1}", "{\"format\": 2}"] {
            assert!(refusal(text).starts_with("the state cannot be read:"), "{text}");
        }
    }
}
