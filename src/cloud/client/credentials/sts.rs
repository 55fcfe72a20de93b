//! Temporary keys from the token service: for a role, or for a web identity.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Credentials, CredentialsError, Keyring, Secret, Surroundings};
use crate::cloud::CloudError;
use crate::cloud::client::Client;
use crate::cloud::client::http::{Hosts, Https, HttpsError};
use crate::cloud::client::wire::{AssumeRole, AssumeRoleWithWebIdentity, AssumedRole};
use crate::diagnostics::sanitize;
use crate::model::{Clock, Region};

const PLACE: &str = "the token service";

/// A role to be assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    /// `qcs::cam::uin/<uin>:roleName/<name>`.
    pub(super) arn: String,
    /// The name of the session.
    pub(super) session: String,
    /// How long the key is to be good, in seconds; nothing: the service's default of two hours.
    pub(super) seconds: Option<u32>,
    /// What the owner of the role wants to hear.
    pub(super) external_id: Option<String>,
}

/// The identity that a cluster gives to a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebIdentity {
    /// The name of the identity provider.
    pub(super) provider: String,
    /// The file with the token, which the cluster renews.
    pub(super) token_file: PathBuf,
    /// The role.
    pub(super) arn: String,
    /// The name of the session.
    pub(super) session: String,
    /// The region that is asked.
    pub(super) region: Region,
}

/// The key of a role (1150/49456 AssumeRole), asked for with another key.
///
/// # Errors
/// When the service refuses.
pub(super) async fn role_key(
    hosts: &Hosts,
    clock: &Arc<dyn Clock>,
    with: Credentials,
    role: &Role,
) -> Result<Credentials, CredentialsError> {
    let keys = Arc::new(Keyring::holding(with, Arc::clone(clock)));
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

/// The key of a web identity (1312/73070 AssumeRoleWithWebIdentity): the request is not signed, the token in it
/// proves who asks.
///
/// # Errors
/// When the token cannot be read, or the service refuses.
pub(super) async fn web_identity_key(
    hosts: &Hosts,
    clock: &Arc<dyn Clock>,
    around: &Surroundings,
    identity: &WebIdentity,
) -> Result<Credentials, CredentialsError> {
    let WebIdentity { provider, token_file, arn, session, region } = identity;
    let broken = |reason: String| CredentialsError::Broken { place: sanitize::path(token_file), reason };
    if hosts.is_elsewhere() {
        // A signature is good for the host that it names. The token is the identity itself: whoever reads it can take
        // the role, and a manifest in a pull request can name any host.
        return Err(broken(
            "the identity of a workload is not sent to an endpoint that the manifest names; leave `cloud.endpoint` out, \
             or give the keys in the environment"
                .to_owned(),
        ));
    }
    let token = around
        .file(token_file)
        .map_err(|error| broken(error.to_string()))?
        .map(|token| token.trim().to_owned())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| broken("there is no token".to_owned()))?;
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
    let credentials = credentials.ok_or_else(|| refused("its answer holds no key".to_owned()))?;
    let (Some(id), Some(key)) = (credentials.tmp_secret_id, credentials.tmp_secret_key) else {
        return Err(refused("its answer holds half a key".to_owned()));
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
