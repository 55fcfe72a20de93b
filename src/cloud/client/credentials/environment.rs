//! Keys and roles from the environment, with the variables of the command line tool and the Terraform provider.

use super::sts::{Role, WebIdentity};
use super::{Credentials, CredentialsError, Env, Secret};

const ENVIRONMENT: &str = "the environment";
/// Default name of a session.
const SESSION: &str = "goldform";

/// Returns the key in the environment. `None` if it is not set.
///
/// # Errors
/// If only the id or only the key is set.
pub(super) fn key(env: &Env) -> Result<Option<Credentials>, CredentialsError> {
    let id = env.variable("TENCENTCLOUD_SECRET_ID");
    let key = env.variable("TENCENTCLOUD_SECRET_KEY");
    let missing = |name: &str| CredentialsError::Broken {
        place: ENVIRONMENT.to_owned(),
        reason: format!("{name} is not set, but the other half of the key is"),
    };
    match (id, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing("TENCENTCLOUD_SECRET_KEY")),
        (None, Some(_)) => Err(missing("TENCENTCLOUD_SECRET_ID")),
        (Some(id), Some(key)) => Ok(Some(Credentials {
            // The first name is that of the command line tool, the second that of the Terraform provider.
            token: env.first(&["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"]).map(Secret::new),
            ..Credentials::permanent(id, key)
        })),
    }
}

/// Returns the role to assume. `None` if it is not set.
///
/// # Errors
/// If its duration is invalid.
pub(super) fn role(env: &Env) -> Result<Option<Role>, CredentialsError> {
    let Some(arn) = env.first(&["TENCENTCLOUD_ROLE_ARN", "TENCENTCLOUD_ASSUME_ROLE_ARN"]) else {
        return Ok(None);
    };
    const DURATION: &str = "TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION";
    let seconds = env.variable(DURATION).map(|text| {
        text.parse().ok().filter(|seconds| (1..=43_200).contains(seconds)).ok_or_else(|| {
            CredentialsError::Broken {
                place: ENVIRONMENT.to_owned(),
                reason: format!("{DURATION} is not a number of seconds between 1 and 43200"),
            }
        })
    });
    Ok(Some(Role {
        arn,
        session: env
            .first(&["TENCENTCLOUD_ROLE_SESSION_NAME", "TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME"])
            .unwrap_or_else(|| SESSION.to_owned()),
        seconds: seconds.transpose()?,
        external_id: env.variable("TENCENTCLOUD_ASSUME_ROLE_EXTERNAL_ID"),
    }))
}

/// Returns the web identity of a workload in a cluster (the `TKE_…` variables). `None` if it is not set.
///
/// # Errors
/// If it is incomplete. The region does not count, because clusters set it for every workload.
pub(super) fn web_identity(env: &Env) -> Result<Option<WebIdentity>, CredentialsError> {
    let [provider, token_file, arn] =
        ["TKE_PROVIDER_ID", "TKE_WEB_IDENTITY_TOKEN_FILE", "TKE_ROLE_ARN"].map(|name| env.variable(name));
    match (provider, token_file, arn, env.variable("TKE_REGION")) {
        (None, None, None, _) => Ok(None),
        (Some(provider), Some(token_file), Some(arn), Some(region)) => Ok(Some(WebIdentity {
            provider,
            token_file: token_file.into(),
            arn,
            session: SESSION.to_owned(),
            region: region.parse().map_err(|malformed| CredentialsError::Broken {
                place: ENVIRONMENT.to_owned(),
                reason: format!("TKE_REGION: {malformed}"),
            })?,
        })),
        _ => Err(CredentialsError::Broken {
            place: ENVIRONMENT.to_owned(),
            reason: "of TKE_PROVIDER_ID, TKE_WEB_IDENTITY_TOKEN_FILE, TKE_ROLE_ARN and TKE_REGION only some are set"
                .to_owned(),
        }),
    }
}

/// Returns the name of the machine's role, where it is given (Terraform provider).
pub(super) fn machine_role(env: &Env) -> Option<String> {
    env.variable("TENCENTCLOUD_CAM_ROLE_NAME")
}
