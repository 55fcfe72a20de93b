//! Chain of the sources of a key.

use std::sync::Arc;

use async_trait::async_trait;

use super::file::{self, Profile};
use super::sts::{self, Role};
use super::{CredentialSource, Credentials, CredentialsError, Env, Keyring, environment, metadata};
use crate::cloud::client::http::Hosts;
use crate::diagnostics::sanitize;
use crate::model::Clock;

/// Returns a ring with keys from the first source that has one, in the order of the module's documentation.
///
/// `profile` is `cloud.profile` of the manifest. `hosts` are the hosts of the token service.
pub fn keyring(env: Env, profile: Option<String>, hosts: Hosts, clock: Arc<dyn Clock>) -> Keyring {
    let chain =
        Chain { env, profile, hosts, clock: Arc::clone(&clock), metadata: metadata::ADDRESS.to_owned() };
    Keyring::new(Box::new(chain), clock)
}

pub(super) struct Chain {
    pub(super) env: Env,
    pub(super) profile: Option<String>,
    pub(super) hosts: Hosts,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metadata: String,
}

#[async_trait]
impl CredentialSource for Chain {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let (key, role) = match &self.profile {
            Some(profile) => self.of_profile(profile).await?,
            None => {
                let (key, role) = self.of_anywhere().await?;
                (key, environment::role(&self.env)?.or(role))
            }
        };
        match role {
            Some(role) => sts::role_key(&self.hosts, &self.clock, key, &role).await,
            None => Ok(key),
        }
    }
}

impl Chain {
    /// Returns the key of the configured profile. The environment is ignored, as by the command line tool.
    async fn of_profile(&self, profile: &str) -> Result<(Credentials, Option<Role>), CredentialsError> {
        let missing = |reason: &str| CredentialsError::Broken {
            place: format!("the profile {profile}"),
            reason: reason.to_owned(),
        };
        if profile.contains(['/', '\\']) {
            return Err(missing("a profile is a name, not a path"));
        }
        let path = file::profile_path(&self.env, profile)
            .ok_or_else(|| missing("the home directory is unknown (HOME is not set)"))?;
        match file::profile(&self.env, &path, self.clock.now())? {
            Some(found) => self.of_found(found).await,
            None => Err(missing(&format!("the file {} does not exist", sanitize::path(path)))),
        }
    }

    async fn of_found(&self, found: Profile) -> Result<(Credentials, Option<Role>), CredentialsError> {
        match found {
            Profile::Key(key, role) => Ok((key, role)),
            Profile::MachineRole => Ok((self.of_machine(None).await?, None)),
        }
    }

    /// Returns the key of the configured role of the machine.
    async fn of_machine(&self, role: Option<&str>) -> Result<Credentials, CredentialsError> {
        metadata::role_key(&self.metadata, role).await?.ok_or_else(|| CredentialsError::Refused {
            place: "the metadata service of this machine".to_owned(),
            reason: "it does not respond, or the machine has no such role".to_owned(),
        })
    }

    async fn of_anywhere(&self) -> Result<(Credentials, Option<Role>), CredentialsError> {
        let env = &self.env;
        if let Some(key) = environment::key(env)? {
            return Ok((key, None));
        }
        let mut files = Vec::new();
        if let Some(path) = file::profile_path(env, &file::profile_name(env)) {
            if let Some(found) = file::profile(env, &path, self.clock.now())? {
                return self.of_found(found).await;
            }
            files.push(sanitize::path(path));
        }
        for path in file::ini_paths(env) {
            if let Some(key) = file::ini(env, &path)? {
                return Ok((key, None));
            }
            files.push(sanitize::path(path));
        }
        if let Some(identity) = environment::web_identity(env)? {
            let key = sts::web_identity_key(&self.hosts, &self.clock, env, &identity).await?;
            return Ok((key, None));
        }
        if let Some(role) = environment::machine_role(env) {
            return Ok((self.of_machine(Some(&role)).await?, None));
        }
        match metadata::role_key(&self.metadata, None).await? {
            Some(key) => Ok((key, None)),
            None => Err(CredentialsError::Missing { files }),
        }
    }
}
