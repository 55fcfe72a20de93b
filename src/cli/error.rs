//! Why a command failed, and the exit status of each.

use thiserror::Error;

use super::exit::ExitStatus;
use crate::backend::StoreError;
use crate::cloud::{CloudError, Meaning};
use crate::constraints::Judgement;
use crate::engine::EngineError;
use crate::plan::planner::PlanError;
use crate::state::{StateError, SurgeryError};

/// Why a command failed. Violations and drift are results, not errors.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The diagnostics were printed already.
    #[error("the manifest cannot be used")]
    Told(ExitStatus),
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

    /// The exit status that it gives.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Told(status) => *status,
            Self::Store(StoreError::Locked(_)) => ExitStatus::Locked,
            Self::Store(StoreError::OutOfOrder(_)) | Self::Plan(_) | Self::Internal(_) => {
                ExitStatus::Internal
            }
            Self::Cloud(error) if error.meaning == Meaning::Defect => ExitStatus::Internal,
            Self::Stale { .. } => ExitStatus::Stale,
            Self::ObservationRefused(_) => ExitStatus::Violated,
            Self::File { .. } | Self::Input { .. } | Self::Store(_) | Self::Cloud(_) => ExitStatus::Error,
        }
    }

    /// What to do about it; nothing where the message says it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::File { help, .. } | Self::Input { help, .. } | Self::Stale { help, .. } => {
                Some(help.clone()).filter(|help| !help.is_empty())
            }
            Self::Store(StoreError::Locked(_)) => {
                Some("Wait for it to end, or give it time:\n\n    --lock-timeout 5m".to_owned())
            }
            Self::Store(StoreError::State { source: StateError::Newer { .. }, .. }) => {
                Some("It was left as it is. Use that goldform, or a newer one.".to_owned())
            }
            Self::Store(
                StoreError::State { .. } | StoreError::Journal { .. } | StoreError::JournalLine { .. },
            ) => Some(
                "It was left as it is. Restore it from version control or a backup; or move it away and take a \
                 snapshot that was kept:\n\n    goldform state history\n    goldform state restore <serial>"
                    .to_owned(),
            ),
            Self::Cloud(error) => advice(error),
            _ => None,
        }
    }
}

/// What to do about a failure of the service, where its message does not say it.
fn advice(error: &CloudError) -> Option<String> {
    let text = match error.meaning {
        // Without a code, it was said where keys were looked for.
        Meaning::Credentials if error.code.is_some() => "The key is wrong, or the request was changed on its way. \
             Keys are taken from the environment first:\n\n    TENCENTCLOUD_SECRET_ID=… TENCENTCLOUD_SECRET_KEY=…"
            .to_owned(),
        Meaning::Clock => "Set this machine's clock: a signature is good for five minutes.".to_owned(),
        Meaning::Permission => format!("Allow the key's user to call {}, or use another key.", error.action),
        Meaning::Unreachable => {
            "Look at the network, at the proxy, and at the endpoint that the manifest names. Nothing was sent."
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

impl From<SurgeryError> for CommandError {
    fn from(error: SurgeryError) -> Self {
        Self::input(error.to_string(), error.help())
    }
}
