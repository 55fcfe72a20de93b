//! What was applied: one entry a run, kept in the state, the oldest dropped first.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Verb};

/// How many runs are kept: two years of weekly builds, and some thirty kilobytes.
pub const RUNS_KEPT: usize = 100;

/// A run that changed the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// When it began.
    pub at: Timestamp,
    /// Who ran it: user and host.
    pub by: CompactString,
    /// The command: `apply`, `destroy`.
    pub command: CompactString,
    /// The digest of its plan's effect.
    pub digest: Digest,
    /// The serial of the state that it began with.
    pub serial: u64,
    /// Its steps, by verb.
    pub steps: BTreeMap<Verb, usize>,
    /// How it ended. `None`: it was cut off, and the next run learned from the journal what it had done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// In one word.
    pub result: RunResult,
    /// Steps that are done.
    pub done: usize,
    /// Steps that were refused, or whose image failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: usize,
    /// Steps that were accepted or sent, and whose outcome is open.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub open: usize,
    /// Steps that were not started: one they wait for failed, or the run was stopped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left: usize,
}

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// Every step is done.
    Complete,
    /// Some steps are done.
    Partial,
    /// No step is done.
    Failed,
    /// It was stopped by a person.
    Interrupted,
}

impl RunResult {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The runs of a state, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runs(Vec<Run>);

impl Runs {
    /// A run begins. Of more than [`RUNS_KEPT`] the oldest are dropped.
    pub fn begin(&mut self, run: Run) {
        self.0.push(run);
        let surplus = self.0.len().saturating_sub(RUNS_KEPT);
        self.0.drain(..surplus);
    }

    /// The run that began last ends.
    pub fn end(&mut self, end: RunEnd) {
        if let Some(run) = self.0.last_mut() {
            run.end = Some(end);
        }
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.0.iter()
    }

    /// Returns whether there are no runs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(serial: u64) -> Run {
        Run {
            at: Timestamp::UNIX_EPOCH,
            by: "me".into(),
            command: "apply".into(),
            digest: Digest::of_bytes(b""),
            serial,
            steps: BTreeMap::from([(Verb::Create, 1)]),
            end: None,
        }
    }

    #[test]
    fn the_newest_runs_are_kept_and_the_last_one_ends() {
        let mut runs = Runs::default();
        for serial in 0..105 {
            runs.begin(run(serial));
        }
        runs.end(RunEnd {
            at: Timestamp::UNIX_EPOCH,
            result: RunResult::Complete,
            done: 1,
            failed: 0,
            open: 0,
            left: 0,
        });
        let serials: Vec<u64> = runs.iter().map(|run| run.serial).collect();
        assert_eq!(serials, (5..105).collect::<Vec<_>>());
        assert!(runs.iter().rev().skip(1).all(|run| run.end.is_none()));
        assert_eq!(runs.iter().next_back().unwrap().end.as_ref().unwrap().result.as_str(), "complete");
        let text = serde_json::to_string(&runs).unwrap();
        assert_eq!(serde_json::from_str::<Runs>(&text).unwrap(), runs);
    }
}
