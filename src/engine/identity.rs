//! Whose state it is, and whose keys: a plan against another account or place would make everything twice.

use super::{Connected, Engine, EngineError};
use crate::cloud::CloudRead as _;
use crate::diagnostics::sanitize;
use crate::model::Provider;
use crate::state::Snapshot;

impl Engine {
    /// Checks that a state belongs to the account, the service and the place that the manifest names.
    ///
    /// # Errors
    /// [`EngineError::OtherState`] if the manifest names another.
    pub fn check_state(&self, snapshot: &Snapshot) -> Result<(), EngineError> {
        self.check_account(snapshot)?;
        // Without images, nothing would seem to be gone: a wrong address is corrected like any other mistake.
        let is_unused = snapshot.recorded.images.is_empty() && snapshot.intents.is_empty();
        match (&snapshot.place, self.desired.cloud.place()) {
            (Some(recorded), Some(named)) if *recorded != named && !is_unused => {
                Err(EngineError::OtherState {
                    what: format!(
                        "the state describes the images at {}, and the manifest names {}. There, all of them would \
                         seem to be gone and would be built again",
                        sanitize::escape_truncated(&recorded.to_string()),
                        sanitize::escape_truncated(&named.to_string()),
                    ),
                    help: "Correct `cloud` in the manifest, or give each place its own state:\n\n    state: <file>\n\n\
                           If the same images have a new address now, take `place` out of the state:\n\n    \
                           goldform state pull > <file>\n    goldform state push --edited <file>"
                        .to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Checks that a state belongs to the account and the service that the manifest names, wherever its images are.
    ///
    /// # Errors
    /// [`EngineError::OtherState`] if the manifest names another.
    pub fn check_account(&self, snapshot: &Snapshot) -> Result<(), EngineError> {
        let (account, provider) = (self.desired.account, self.desired.cloud.provider);
        if snapshot.account != account {
            return Err(EngineError::OtherState {
                what: format!("the state belongs to account {}, the manifest to {account}", snapshot.account),
                help: "Correct the manifest, or name the account's own state:\n\n    state: <file>"
                    .to_owned(),
            });
        }
        if snapshot.provider != provider {
            return Err(EngineError::OtherState {
                what: format!(
                    "the state is of {}, the manifest of {}",
                    name(snapshot.provider),
                    name(provider)
                ),
                help: "Give each its own state:\n\n    state: <file>".to_owned(),
            });
        }
        Ok(())
    }
}

impl Connected<'_> {
    /// Checks that the keys belong to the account that the manifest names: with another's, nothing that is recorded
    /// would be there, and everything would be made again. The sandbox takes the manifest's word. Asked once per engine.
    ///
    /// # Errors
    /// If they belong to another account, or the service refuses them.
    pub async fn check_caller(&self) -> Result<(), EngineError> {
        let Engine { desired, is_caller_checked, .. } = self.engine;
        if desired.cloud.provider == Provider::Sandbox {
            return Ok(());
        }
        is_caller_checked
            .get_or_try_init(async || {
                let (caller, account) = (self.cloud.caller().await?, desired.account);
                match caller == account {
                    true => Ok(()),
                    false => Err(EngineError::OtherCaller { caller, account }),
                }
            })
            .await
            .copied()
    }
}

fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Sandbox => "the sandbox",
        Provider::Tencent => "Tencent Cloud",
    }
}
