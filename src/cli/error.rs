//! Why a command failed, and the exit status of each.

use thiserror::Error;

use super::exit::ExitStatus;
use crate::backend::{Relation, StorageFailure, StoreError};
use crate::cloud::{CloudError, ErrorKind};
use crate::constraints::Judgement;
use crate::diagnostics::Diagnostic;
use crate::engine::EngineError;
use crate::manifest::Locator;
use crate::plan::PlanError;
use crate::state::{StateEditError, StateError};

/// Why a command failed. Violations and drift are results, not errors.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The diagnostics were printed already.
    #[error("the manifest cannot be used")]
    AlreadyReported(ExitStatus),
    /// The manifest's text has no meaning at all. Its diagnostics are still to be printed.
    #[error("the manifest cannot be used")]
    ManifestUnusable {
        /// What is wrong with it.
        diagnostics: Vec<Diagnostic>,
        /// Places in its text.
        locator: Box<Locator>,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file, as the user named it.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
        /// What to do.
        help: String,
    },
    /// The input cannot be used, or the environment lacks something.
    #[error("{what}")]
    Input {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// The state store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cloud.
    #[error(transparent)]
    Cloud(Box<CloudError>),
    /// The plan is not the one that was expected.
    #[error("{what}")]
    Stale {
        /// What differs.
        what: String,
        /// What to do.
        help: String,
    },
    /// The plan cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A rule refuses to record what was observed.
    #[error("a rule refuses to record what was observed")]
    ObservationRefused(Box<Judgement>),
    /// A defect of goldform.
    #[error("{0}; this is a defect of goldform")]
    Internal(String),
}

impl CommandError {
    /// An input error.
    pub fn input(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Input { what: what.into(), help: help.into() }
    }

    /// Returns the exit status of the error.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::AlreadyReported(status) => *status,
            Self::Store(StoreError::Locked { .. } | StoreError::LockLost { .. }) => ExitStatus::Locked,
            Self::Store(StoreError::OutOfOrder(_)) | Self::Plan(_) | Self::Internal(_) => {
                ExitStatus::Internal
            }
            Self::Cloud(error) if error.kind == ErrorKind::Defect => ExitStatus::Internal,
            Self::Stale { .. } => ExitStatus::Stale,
            Self::ObservationRefused(_) => ExitStatus::Violated,
            Self::ManifestUnusable { .. }
            | Self::File { .. }
            | Self::Input { .. }
            | Self::Store(_)
            | Self::Cloud(_) => ExitStatus::Error,
        }
    }

    /// Returns the help text. `None` if the message contains it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::File { help, .. } | Self::Input { help, .. } | Self::Stale { help, .. } => {
                Some(help.clone()).filter(|help| !help.is_empty())
            }
            Self::Store(StoreError::Locked { is_shared: false, .. }) => {
                Some("Wait for it to end, or give it time:\n\n    --lock-timeout 5m".to_owned())
            }
            Self::Store(StoreError::Locked { is_shared: true, .. }) => Some(
                "Wait for it to end, or give it time:\n\n    --lock-timeout 5m\n\nIf its process has died, the lock ends within \
                 three minutes. To end it now:\n\n    goldform state unlock"
                    .to_owned(),
            ),
            Self::Store(StoreError::State { source: StateError::Newer { .. }, .. }) => {
                Some("It was left as it is. Use that goldform, or a newer one.".to_owned())
            }
            Self::Store(StoreError::State { place, source, kept }) => Some(unusable_state(place, source, kept)),
            Self::Store(StoreError::JournalApart { place, relation, follows, kept, .. }) => {
                Some(journal_apart(place, *relation, *follows, kept))
            }
            Self::Store(StoreError::Journal { serial, .. } | StoreError::JournalLine { serial, .. }) => {
                let serial = serial.map_or_else(|| "<serial>".to_owned(), |serial| serial.to_string());
                Some(format!(
                    "It was left as it is. Restore it from version control or a backup. If that is not possible, go on \
                     without it: the events before that line are taken in, and the journal is kept in the folder of kept \
                     snapshots:\n\n    goldform state restore {serial}"
                ))
            }
            Self::Store(StoreError::OtherSerial { .. }) => {
                Some("Choose another:\n\n    goldform state history".to_owned())
            }
            Self::Store(StoreError::NotAFile { .. }) => {
                Some("Move it away: goldform makes its own, beside the file that the state really is.".to_owned())
            }
            Self::Store(StoreError::LockLost { .. }) => Some(
                "Nothing more was written. When no other command is running, see what was done, and go on:\n\n    \
                 goldform apply"
                    .to_owned(),
            ),
            Self::Store(StoreError::LockUnreadable { .. }) => Some(
                "It was left as it is. If no command is running on this state, remove that object; its epoch is found in the \
                 journal."
                    .to_owned(),
            ),
            Self::Store(StoreError::Older { kept, written, .. }) => Some(older_state(*written, kept)),
            Self::Store(StoreError::ChangedMeanwhile { .. }) => Some(
                "It was left as it is, and the journal holds what was done. Apply again, which takes it in:\n\n    \
                 goldform apply"
                    .to_owned(),
            ),
            Self::Store(StoreError::Storage { place, failure, .. }) if place.starts_with("cos://") => {
                cos_advice(*failure)
            }
            Self::Store(StoreError::Storage { failure, .. }) => storage_advice(*failure),
            Self::Store(StoreError::NoLocks { .. }) => Some(
                "Nothing was done. Keep the state on another file system:\n\n    state: <file>".to_owned(),
            ),
            Self::Cloud(error) => advice(error),
            _ => None,
        }
    }
}

/// What to do about a state file that cannot be used.
fn unusable_state(place: &str, source: &StateError, kept: &[u64]) -> String {
    let mut help = "It was left as it is. Restore it from version control or a backup".to_owned();
    match kept {
        [] => help.push_str(": no snapshot of it is kept."),
        [.., newest] => {
            let serials: Vec<String> = kept.iter().map(u64::to_string).collect();
            help.push_str(&format!(
                ", or make a kept snapshot the state again ({} {}):\n\n    goldform state restore {newest}",
                if kept.len() == 1 { "serial" } else { "serials" },
                serials.join(", "),
            ));
        }
    }
    if let StateError::Changed { .. } = source {
        help.push_str(&format!(
            "\n\nIf it was edited by hand and is right, check it in as such:\n\n    goldform state push --edited {place}"
        ));
    }
    help
}

/// What to do about a state that is older than the one that was written.
fn older_state(written: u64, kept: &[u64]) -> String {
    let newest = kept.iter().rev().find(|serial| **serial <= written);
    match newest {
        Some(newest) => format!(
            "It was left as it is. Make the one that was written the state again, or another that is kept:\n\n    \
             goldform state restore {newest}"
        ),
        None => "It was left as it is. If it is the right one, make it the state:\n\n    goldform state pull --state \
                 <file>\n    goldform state push --force <file>"
            .to_owned(),
    }
}

/// What to do about a failure of the object storage.
fn storage_advice(failure: StorageFailure) -> Option<String> {
    let text = match failure {
        StorageFailure::Credentials => {
            "Set the keys of the storage, which are not those of the cloud, or name a profile:\n\n    \
             AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…\n    AWS_PROFILE=…"
        }
        StorageFailure::Permission => {
            "Allow these keys to list the bucket, and to read, write and delete the objects that begin with the key of the \
             state."
        }
        StorageFailure::Bucket => {
            "Make the bucket, or correct its name, the region and the endpoint:\n\n    state: s3://bucket/key\n    \
             AWS_REGION=… AWS_ENDPOINT_URL_S3=https://…"
        }
        StorageFailure::Key => "Name an object:\n\n    state: s3://bucket/goldform.state.json",
        StorageFailure::Unreachable => {
            "Check the network, the proxy, and the endpoint:\n\n    AWS_ENDPOINT_URL_S3=https://…"
        }
        StorageFailure::Conditions => {
            "Nothing was written. Keep the state on a storage with conditional writes, or in a file:\n\n    \
             state: goldform.state.json"
        }
        StorageFailure::Other => return None,
    };
    Some(text.to_owned())
}

/// What to do about a failure of the cloud's own object storage, or of the tags that lock a state on it.
fn cos_advice(failure: StorageFailure) -> Option<String> {
    let text = match failure {
        StorageFailure::Credentials => {
            "The keys of the storage are those of the cloud. Set or correct them:\n\n    \
             TENCENTCLOUD_SECRET_ID=… TENCENTCLOUD_SECRET_KEY=…"
        }
        StorageFailure::Permission => {
            "Allow these keys tag:CreateTag and tag:DeleteTag, to list the bucket, and to read, write and delete the objects \
             that begin with the key of the state."
        }
        StorageFailure::Bucket => {
            "Make the bucket, or correct its name, which ends in the account's APPID, and its region:\n\n    \
             state: cos://bucket-1250000001/key\n    TENCENTCLOUD_REGION=…"
        }
        StorageFailure::Unreachable => {
            "Check the network, the proxy, and the region of the bucket:\n\n    TENCENTCLOUD_REGION=…"
        }
        other => return storage_advice(other),
    };
    Some(text.to_owned())
}

/// What to do about a journal that does not belong to the state beside it.
fn journal_apart(place: &str, relation: Relation, follows: u64, kept: &[u64]) -> String {
    if relation == Relation::OfAnother {
        return format!(
            "Both were left as they are. Put the state back that the journal belongs to. If that state is kept elsewhere, \
             move the journal to it:\n\n    mv {place} <its folder>"
        );
    }
    let mut help = match relation {
        Relation::Alone => "It was left as it is. ",
        _ => "Both were left as they are. ",
    }
    .to_owned();
    match kept {
        kept if kept.contains(&follows) => help.push_str(&format!(
            "Make serial {follows} the state again; the journal is then taken in:\n\n    goldform state restore {follows}"
        )),
        [.., newest] => help.push_str(&format!(
            "Put serial {follows} back from version control or a backup. If it is lost, go on from a kept snapshot; the \
             journal is kept in the folder of kept snapshots:\n\n    goldform state restore {newest}"
        )),
        [] => help.push_str(&format!("Put serial {follows} back from version control or a backup.")),
    }
    help
}

/// What to do about a failure of the service, where its message does not say it.
fn advice(error: &CloudError) -> Option<String> {
    let text = match error.kind {
        // Without an error code, the message lists where keys were searched.
        ErrorKind::Credentials if error.code.is_some() => "The key is wrong, or the request was changed on its way. \
             Keys are taken from the environment first:\n\n    TENCENTCLOUD_SECRET_ID=… TENCENTCLOUD_SECRET_KEY=…"
            .to_owned(),
        ErrorKind::Clock => "Set this machine's clock: a signature is good for five minutes.".to_owned(),
        ErrorKind::Permission => format!("Allow the key's user to call {}, or use another key.", error.action),
        ErrorKind::Unreachable => {
            "Check the network, the proxy, and the endpoint that the manifest names. Nothing was sent."
                .to_owned()
        }
        _ => return None,
    };
    Some(text)
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("a value cannot be written as JSON: {error}"))
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let what = error.to_string();
        match error {
            EngineError::Store(error) => Self::Store(error),
            EngineError::Cloud(error) => Self::Cloud(error),
            EngineError::Plan(error) => Self::Plan(error),
            EngineError::ObservationRefused(judgement) => Self::ObservationRefused(judgement),
            EngineError::OtherState { what, help } => Self::Input { what, help },
            EngineError::OtherCaller { .. } => Self::input(
                what,
                "Use the account's own keys, or correct the manifest:\n\n    account: \"<main account id>\"",
            ),
            EngineError::IllegalEvent(_) => Self::Internal(what),
        }
    }
}

impl From<CloudError> for CommandError {
    fn from(error: CloudError) -> Self {
        Self::Cloud(Box::new(error))
    }
}

impl From<StateEditError> for CommandError {
    fn from(error: StateEditError) -> Self {
        Self::input(error.to_string(), error.help())
    }
}
