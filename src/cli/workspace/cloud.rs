//! The cloud that a manifest names, reached once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Workspace;
use crate::cli::{CommandError, service};
use crate::cloud::CloudWrite;
use crate::cloud::client::Client;
use crate::engine::Connected;
use crate::model::Provider;

impl Workspace {
    /// The cloud that the manifest names: one client for the whole command, so that its calls are paced together and
    /// its keys fetched once.
    ///
    /// # Errors
    /// When it cannot be reached, or the sandbox's world cannot be opened.
    pub fn cloud(&self) -> Result<Arc<dyn CloudWrite>, CommandError> {
        Ok(self.client()?.clone())
    }

    /// The engine with the cloud that the manifest names.
    ///
    /// # Errors
    /// As [`Workspace::cloud`].
    pub fn connect(&self) -> Result<Connected<'_>, CommandError> {
        Ok(self.engine.connect(Arc::clone(self.client()?)))
    }

    fn client(&self) -> Result<&Arc<Client>, CommandError> {
        if let Some(client) = self.cloud.get() {
            return Ok(client);
        }
        let transport = match self.engine.desired.cloud.provider {
            Provider::Sandbox => {
                let (settings, account) = (&self.engine.desired.cloud.sandbox, self.engine.desired.account);
                service::sandbox(&self.world(), settings, account, &self.engine.clock, &self.lease)?
            }
            Provider::Tencent => {
                let clock = &self.engine.clock;
                service::access(&self.engine.desired.cloud, clock)?.transport(clock, &self.lease)?
            }
        };
        Ok(self.cloud.get_or_init(|| Arc::new(Client::new(transport))))
    }

    /// The file of the sandbox's world: beside the state.
    pub(super) fn world(&self) -> PathBuf {
        let state = self.state_path().unwrap_or_else(|| self.base.join("goldform.state.json"));
        let folder = state.parent().map(Path::to_path_buf).unwrap_or_default();
        folder.join(self.engine.desired.cloud.sandbox.world.as_deref().unwrap_or("goldform.world.db"))
    }
}
