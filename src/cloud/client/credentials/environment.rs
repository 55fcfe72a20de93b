//! Keys and roles from the environment: the names of the command line tool and of the Terraform provider.

use super::sts::{Role, WebIdentity};
use super::{Credentials, CredentialsError, Secret, Surroundings};

const ENVIRONMENT: &str = "the environment";
/// The name of a session where none is given.
const SESSION: &str = "goldform";

/// The key in the environment.
///
/// # Errors
/// When there is one half of it only.
pub(super) fn key(around: &Surroundings) -> Result<Option<Credentials>, CredentialsError> {
    let id = around.variable("TENCENTCLOUD_SECRET_ID");
    let key = around.variable("TENCENTCLOUD_SECRET_KEY");
    let missing = |name: &str| CredentialsError::Broken {
        place: ENVIRONMENT.to_owned(),
        reason: format!("{name} is not set, but the other half of the key is"),
    };
    match (id, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing("TENCENTCLOUD_SECRET_KEY")),
        (None, Some(_)) => Err(missing("TENCENTCLOUD_SECRET_ID")),
        (Some(id), Some(key)) => Ok(Some(Credentials {
            // The first name is the command line tool's, the second the Terraform provider's.
            token: around.first(&["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"]).map(Secret::new),
            ..Credentials::permanent(id, key)
        })),
    }
}

/// The role that is to be assumed.
///
/// # Errors
/// When its duration is none.
pub(super) fn role(around: &Surroundings) -> Result<Option<Role>, CredentialsError> {
    let Some(arn) = around.first(&["TENCENTCLOUD_ROLE_ARN", "TENCENTCLOUD_ASSUME_ROLE_ARN"]) else {
        return Ok(None);
    };
    const DURATION: &str = "TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION";
    let seconds = around.variable(DURATION).map(|text| {
        text.parse().ok().filter(|seconds| (1..=43_200).contains(seconds)).ok_or_else(|| {
            CredentialsError::Broken {
                place: ENVIRONMENT.to_owned(),
                reason: format!("{DURATION} is not a number of seconds between 1 and 43200"),
            }
        })
    });
    Ok(Some(Role {
        arn,
        session: around
            .first(&["TENCENTCLOUD_ROLE_SESSION_NAME", "TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME"])
            .unwrap_or_else(|| SESSION.to_owned()),
        seconds: seconds.transpose()?,
        external_id: around.variable("TENCENTCLOUD_ASSUME_ROLE_EXTERNAL_ID"),
    }))
}

/// The web identity that a cluster gives to a workload (the `TKE_…` variables).
///
/// # Errors
/// When there is a part of it only. The region alone is no part: clusters set it for everybody.
pub(super) fn web_identity(around: &Surroundings) -> Result<Option<WebIdentity>, CredentialsError> {
    let [provider, token_file, arn] =
        ["TKE_PROVIDER_ID", "TKE_WEB_IDENTITY_TOKEN_FILE", "TKE_ROLE_ARN"].map(|name| around.variable(name));
    match (provider, token_file, arn, around.variable("TKE_REGION")) {
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

/// The name of the machine's role, where it is given (Terraform provider).
pub(super) fn machine_role(around: &Surroundings) -> Option<String> {
    around.variable("TENCENTCLOUD_CAM_ROLE_NAME")
}
