//! Temporary keys from the token service: for a role, or for a web identity.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Credentials, CredentialsError, Env, Keyring, Secret};
use crate::cloud::CloudError;
use crate::cloud::client::Client;
use crate::cloud::client::http::{Hosts, Https, HttpsError};
use crate::cloud::client::wire::{AssumeRole, AssumeRoleWithWebIdentity, AssumedRole};
use crate::diagnostics::sanitize;
use crate::model::{Clock, Region};

const PLACE: &str = "the token service";

/// Role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    /// `qcs::cam::uin/<uin>:roleName/<name>`.
    pub(super) arn: String,
    /// Name of the session.
    pub(super) session: String,
    /// Lifetime of the key in seconds. `None`: the default of the service, two hours.
    pub(super) seconds: Option<u32>,
    /// External id that the owner of the role requires.
    pub(super) external_id: Option<String>,
}

/// Identity of a workload in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebIdentity {
    /// Name of the identity provider.
    pub(super) provider: String,
    /// File with the token. The cluster renews it.
    pub(super) token_file: PathBuf,
    /// Role to assume.
    pub(super) arn: String,
    /// Name of the session.
    pub(super) session: String,
    /// Region of the call.
    pub(super) region: Region,
}

/// Returns the key of a role (1150/49456 AssumeRole), requested with another key.
///
/// # Errors
/// If the service refuses.
pub(super) async fn role_key(
    hosts: &Hosts,
    clock: &Arc<dyn Clock>,
    with: Credentials,
    role: &Role,
) -> Result<Credentials, CredentialsError> {
    let keys = Arc::new(Keyring::fixed(with, Arc::clone(clock)));
    let https = Https::new(hosts.clone(), keys, Arc::clone(clock)).map_err(|error| no_https(&error))?;
    let call = AssumeRole {
        role_arn: role.arn.clone(),
        role_session_name: role.session.clone(),
        duration_seconds: role.seconds,
        external_id: role.external_id.clone(),
    };
    let client = Client::new(Arc::new(https));
    key(client.call(client.home.as_ref(), &call).await)
}

/// Returns the key of a web identity (1312/73070 AssumeRoleWithWebIdentity). The request contains a token and is not
/// signed.
///
/// # Errors
/// If the token cannot be read, or the service refuses.
pub(super) async fn web_identity_key(
    hosts: &Hosts,
    clock: &Arc<dyn Clock>,
    env: &Env,
    identity: &WebIdentity,
) -> Result<Credentials, CredentialsError> {
    let WebIdentity { provider, token_file, arn, session, region } = identity;
    let broken = |reason: String| CredentialsError::Broken { place: sanitize::path(token_file), reason };
    if hosts.is_custom_host() {
        // A signature is valid only for the host that it names, but anyone who reads the token can assume the role. A
        // manifest in a pull request can name any host.
        return Err(broken(
            "the token of a web identity is not sent to the endpoint or domain of the manifest; remove `cloud.endpoint` or \
             `cloud.domain`, or set the keys in the environment"
                .to_owned(),
        ));
    }
    let token = env
        .file(token_file)
        .map_err(|error| broken(error.to_string()))?
        .map(|token| token.trim().to_owned())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| broken("the file does not exist or is empty".to_owned()))?;
    let https = Https::unsigned(hosts.clone(), Arc::clone(clock)).map_err(|error| no_https(&error))?;
    let call = AssumeRoleWithWebIdentity {
        provider_id: provider.clone(),
        web_identity_token: token,
        role_arn: arn.clone(),
        role_session_name: session.clone(),
    };
    key(Client::new(Arc::new(https)).call(Some(region), &call).await)
}

fn key(answer: Result<AssumedRole, CloudError>) -> Result<Credentials, CredentialsError> {
    let refused = |reason: String| CredentialsError::Refused { place: PLACE.to_owned(), reason };
    let AssumedRole { credentials, expired_time } = answer.map_err(|error| refused(error.to_string()))?;
    let credentials = credentials.ok_or_else(|| refused("its answer contains no key".to_owned()))?;
    let (Some(id), Some(key)) = (credentials.tmp_secret_id, credentials.tmp_secret_key) else {
        return Err(refused("its answer contains an incomplete key".to_owned()));
    };
    Ok(Credentials {
        token: credentials.token.map(Secret::new),
        expires: expired_time.and_then(|second| Timestamp::from_second(second).ok()),
        ..Credentials::permanent(id, key)
    })
}

fn no_https(error: &HttpsError) -> CredentialsError {
    CredentialsError::Refused { place: PLACE.to_owned(), reason: error.to_string() }
}
