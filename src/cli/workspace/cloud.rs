//! The cloud that a manifest names, reached once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Workspace;
use crate::cli::{CommandError, service};
use crate::cloud::CloudWrite;
use crate::cloud::client::Client;
use crate::manifest::Provider;
use crate::model::Region;
use crate::state::Snapshot;

impl Workspace {
    /// The cloud that the manifest names: one client for the whole command, so that its calls are paced together and
    /// its keys fetched once.
    ///
    /// # Errors
    /// When it cannot be reached, or the embedded one's world cannot be opened.
    pub fn cloud(&self) -> Result<Arc<dyn CloudWrite>, CommandError> {
        Ok(self.client()?.clone())
    }

    /// The same cloud, where every change is only tried.
    ///
    /// # Errors
    /// As [`Workspace::cloud`].
    pub fn trying(&self) -> Result<Arc<dyn CloudWrite>, CommandError> {
        Ok(Arc::new(self.client()?.trying()))
    }

    fn client(&self) -> Result<&Arc<Client>, CommandError> {
        if let Some(client) = self.cloud.get() {
            return Ok(client);
        }
        let transport = match self.desired.cloud.provider {
            Provider::Sandbox => {
                let (settings, account) = (&self.desired.cloud.sandbox, self.desired.account);
                service::sandbox(&self.world(), settings, account, &self.clock)?
            }
            Provider::Tencent => service::tencent(&self.desired.cloud, &self.clock)?,
        };
        Ok(self.cloud.get_or_init(|| Arc::new(Client::new(transport))))
    }

    /// The file of the embedded cloud's world: beside the state.
    pub(super) fn world(&self) -> PathBuf {
        let state = self.state_path().unwrap_or_else(|_| self.base.join("goldform.state.json"));
        let folder = state.parent().map(Path::to_path_buf).unwrap_or_default();
        folder.join(self.desired.cloud.sandbox.world.as_deref().unwrap_or("goldform.world.db"))
    }

    /// Whether the keys belong to the account that the manifest names: with another's, nothing that is recorded would
    /// be there, and everything would be made again. The embedded cloud takes the manifest's word. Asked once.
    ///
    /// # Errors
    /// When they belong to another account, or the service does not take them.
    pub async fn check_caller(&self) -> Result<(), CommandError> {
        if self.desired.cloud.provider == Provider::Sandbox {
            return Ok(());
        }
        self.is_caller_known
            .get_or_try_init(async || {
                let (caller, account) = (self.cloud()?.caller().await?, self.desired.account);
                if caller == account {
                    return Ok(());
                }
                Err(CommandError::input(
                    format!("the keys belong to account {caller}, the manifest to {account}"),
                    "Use the account's own keys, or correct the manifest:\n\n    account: \"<main account id>\"",
                ))
            })
            .await
            .copied()
    }

    /// The regions to look at: those that the manifest names, and those that are recorded.
    pub fn regions(&self, snapshot: &Snapshot) -> BTreeSet<Region> {
        let mut regions: BTreeSet<Region> = snapshot.recorded.regions.keys().cloned().collect();
        regions.extend(snapshot.recorded.placements().map(|(at, _)| at.region));
        for image in self.desired.images.values() {
            regions.extend(image.placements().into_iter().cloned());
        }
        regions
    }
}
