//! The order in which places are asked for a key.

use std::sync::Arc;

use async_trait::async_trait;

use super::file::{self, Profile};
use super::sts::{self, Role};
use super::{CredentialSource, Credentials, CredentialsError, Keyring, Surroundings, environment, metadata};
use crate::cloud::client::http::Hosts;
use crate::diagnostics::sanitize;
use crate::model::Clock;

/// A ring whose keys come from the first place that has one, in the order that this module's guide shows.
///
/// `profile` is the one that was asked for (`cloud.profile` of the manifest); `hosts` is where the token service is.
pub fn keyring(
    around: Surroundings,
    profile: Option<String>,
    hosts: Hosts,
    clock: Arc<dyn Clock>,
) -> Keyring {
    let chain =
        Chain { around, profile, hosts, clock: Arc::clone(&clock), metadata: metadata::ADDRESS.to_owned() };
    Keyring::new(Box::new(chain), clock)
}

pub(super) struct Chain {
    pub(super) around: Surroundings,
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
                (key, environment::role(&self.around)?.or(role))
            }
        };
        match role {
            Some(role) => sts::role_key(&self.hosts, &self.clock, key, &role).await,
            None => Ok(key),
        }
    }
}

impl Chain {
    /// The key of the profile that was asked for: the environment has no say then, as with the command line tool.
    async fn of_profile(&self, profile: &str) -> Result<(Credentials, Option<Role>), CredentialsError> {
        let missing = |reason: &str| CredentialsError::Broken {
            place: format!("the profile {profile}"),
            reason: reason.to_owned(),
        };
        if profile.contains(['/', '\\']) {
            return Err(missing("a profile is a name, not a path"));
        }
        let path = file::profile_path(&self.around, profile)
            .ok_or_else(|| missing("the home folder is not known (HOME is not set)"))?;
        match file::profile(&self.around, &path, self.clock.now())? {
            Some(found) => self.of_found(found).await,
            None => Err(missing(&format!("there is no file {}", sanitize::path(path)))),
        }
    }

    async fn of_found(&self, found: Profile) -> Result<(Credentials, Option<Role>), CredentialsError> {
        match found {
            Profile::Key(key, role) => Ok((key, role)),
            Profile::MachineRole => Ok((self.of_machine(None).await?, None)),
        }
    }

    /// The key of the machine's role, where somebody said that it has one.
    async fn of_machine(&self, role: Option<&str>) -> Result<Credentials, CredentialsError> {
        metadata::role_key(&self.metadata, role).await?.ok_or_else(|| CredentialsError::Refused {
            place: "the metadata service of this machine".to_owned(),
            reason: "it does not answer, or the machine has no such role".to_owned(),
        })
    }

    async fn of_anywhere(&self) -> Result<(Credentials, Option<Role>), CredentialsError> {
        let around = &self.around;
        if let Some(key) = environment::key(around)? {
            return Ok((key, None));
        }
        let mut looked = Vec::new();
        if let Some(path) = file::profile_path(around, &file::profile_name(around)) {
            if let Some(found) = file::profile(around, &path, self.clock.now())? {
                return self.of_found(found).await;
            }
            looked.push(sanitize::path(path));
        }
        for path in file::ini_paths(around) {
            if let Some(key) = file::ini(around, &path)? {
                return Ok((key, None));
            }
            looked.push(sanitize::path(path));
        }
        if let Some(identity) = environment::web_identity(around)? {
            let key = sts::web_identity_key(&self.hosts, &self.clock, around, &identity).await?;
            return Ok((key, None));
        }
        if let Some(role) = environment::machine_role(around) {
            return Ok((self.of_machine(Some(&role)).await?, None));
        }
        match metadata::role_key(&self.metadata, None).await? {
            Some(key) => Ok((key, None)),
            None => Err(CredentialsError::Missing { looked }),
        }
    }
}
