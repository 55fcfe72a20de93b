//! A bucket of Tencent Cloud's own object storage (COS), reached by its S3-compatible interface with the keys of the cloud.
//! It has no conditional writes to rely on, so the lock rests on tags of the account.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::aws::AwsCredential;
use object_store::{CredentialProvider, Error};

use super::{address, builder, store};
use crate::backend::ObjectStateStore;
use crate::backend::object::TagClaims;
use crate::cli::{CommandError, env, service};
use crate::cloud::Lease;
use crate::cloud::client::Client;
use crate::cloud::client::credentials::Keyring;
use crate::diagnostics::sanitize;
use crate::manifest::{CloudSettings, StateLocation};
use crate::model::{Clock, Region};

/// Returns the store of a state in a bucket. Nothing is read yet.
///
/// # Errors
/// If the region is unknown, the environment cannot be used, or no object can have this key.
pub(in crate::cli) fn open(
    settings: &CloudSettings,
    bucket: &str,
    key: &str,
    clock: &Arc<dyn Clock>,
    lease: &Lease,
) -> Result<ObjectStateStore, CommandError> {
    let region = region(env::get(env::REGION)?.as_deref())?;
    let access = service::access(settings, clock)?;
    let allowed = env::get(env::ENDPOINT)?;
    let Endpoint { address, is_virtual } =
        Endpoint::of(bucket, &region, &env::object_storage()?, allowed.as_deref())?;
    let storage = builder()
        .with_allow_http(address.starts_with("http://"))
        .with_endpoint(address)
        .with_virtual_hosted_style_request(is_virtual)
        .with_region(region.as_str())
        .with_bucket_name(bucket)
        .with_credentials(Arc::new(CloudKeys(access.keys())))
        .build()
        .map_err(|error| {
            CommandError::input(
                format!("the bucket cannot be used: {}", sanitize::escape_truncated(&error.to_string())),
                "Correct its name:\n\n    state: cos://bucket-1250000001/goldform.state.json",
            )
        })?;
    let shown = StateLocation::Cos { bucket: bucket.to_owned(), key: key.to_owned() }.to_string();
    // The lease is that of the lock which the tags are made for, so it cannot limit them.
    let client = Client::new(access.transport(clock, &Lease::default())?).with_home(region);
    let claims = TagClaims::new(Arc::new(client), bucket, key, &sanitize::escape_inline(&shown));
    Ok(store(Arc::new(storage), key, &shown, clock, lease)?.with_claims(Arc::new(claims)))
}

/// Keys of the cloud, which are renewed before they expire.
#[derive(Debug)]
struct CloudKeys(Arc<Keyring>);

#[async_trait]
impl CredentialProvider for CloudKeys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let keys = self.0.current().await.map_err(|error| Error::Unauthenticated {
            path: "the bucket".to_owned(),
            source: Box::new(error),
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: keys.secret_id.reveal().to_owned(),
            secret_key: keys.secret_key.reveal().to_owned(),
            token: keys.token.map(|token| token.reveal().to_owned()),
        }))
    }
}

fn region(text: Option<&str>) -> Result<Region, CommandError> {
    let refused = |problem: String| {
        CommandError::input(
            problem,
            format!("Set the region of the bucket:\n\n    {}=ap-jakarta", env::REGION),
        )
    };
    let text = text.ok_or_else(|| {
        refused(format!("the state is in a bucket of Tencent Cloud, and {} is not set", env::REGION))
    })?;
    text.trim().parse().map_err(|_| {
        refused(format!("{} is `{}`, which is not a region", env::REGION, sanitize::escape_truncated(text)))
    })
}

/// Address of a bucket.
#[derive(Debug, PartialEq, Eq)]
struct Endpoint {
    address: String,
    /// Whether the host names the bucket.
    is_virtual: bool,
}

impl Endpoint {
    /// Returns the address that the variables name, or the provider's. `allowed` limits where keys are used.
    fn of(
        bucket: &str,
        region: &Region,
        variables: &BTreeMap<String, String>,
        allowed: Option<&str>,
    ) -> Result<Self, CommandError> {
        let is_true =
            |name: &str| variables.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if let Some(endpoint) = variables.get("AWS_ENDPOINT_URL_S3") {
            let is_virtual = is_true("AWS_VIRTUAL_HOSTED_STYLE_REQUEST");
            let address = address(endpoint, bucket, is_virtual, is_true("AWS_ALLOW_HTTP"))?;
            return Ok(Self { address, is_virtual });
        }
        let address = format!("https://{bucket}.cos.{region}.myqcloud.com");
        match allowed.map(str::trim) {
            Some(allowed) if !allowed.eq_ignore_ascii_case(service::PROVIDER) => Err(CommandError::input(
                format!(
                    "the manifest names a bucket at {address}, and {} allows `{}` only",
                    env::ENDPOINT,
                    sanitize::escape_truncated(allowed)
                ),
                "Nothing was sent. Name the address of the storage on this machine, or another place of the state:\n\n    \
                 AWS_ENDPOINT_URL_S3=https://…",
            )),
            _ => Ok(Self { address, is_virtual: true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(variables: &[(&str, &str)], allowed: Option<&str>) -> Result<Endpoint, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let region = "ap-jakarta".parse().unwrap();
        Endpoint::of("states-1250000001", &region, &variables.collect(), allowed)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_is_a_host_of_its_region_unless_another_endpoint_is_named() {
        let own = endpoint(&[], None).unwrap();
        assert_eq!(own.address, "https://states-1250000001.cos.ap-jakarta.myqcloud.com");
        assert!(own.is_virtual);
        let local = endpoint(&[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:5000")], None).unwrap();
        assert_eq!(local, Endpoint { address: "http://127.0.0.1:5000".to_owned(), is_virtual: false });
        let private = [
            ("AWS_ENDPOINT_URL_S3", "https://cos-internal.ap-jakarta.tencentcos.cn"),
            ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
        ];
        let private = endpoint(&private, None).unwrap();
        assert_eq!(private.address, "https://states-1250000001.cos-internal.ap-jakarta.tencentcos.cn");
        assert!(endpoint(&[("AWS_ENDPOINT_URL_S3", "http://minio:9000")], None).is_err());
    }

    #[test]
    fn keys_that_are_for_another_endpoint_are_not_used_with_a_bucket() {
        assert!(endpoint(&[], Some("provider")).is_ok());
        assert!(endpoint(&[], Some("https://cloud.example.com")).unwrap_err().contains("allows"));
        let named = [("AWS_ENDPOINT_URL_S3", "https://storage.example.com")];
        assert!(endpoint(&named, Some("https://cloud.example.com")).is_ok(), "the machine names both");
    }

    #[test]
    fn a_missing_region_is_named() {
        assert!(region(None).unwrap_err().to_string().contains("TENCENTCLOUD_REGION is not set"));
        assert!(region(Some("Jakarta!")).unwrap_err().to_string().contains("`Jakarta!`"));
        assert_eq!(region(Some("ap-jakarta")).unwrap().as_str(), "ap-jakarta");
    }
}
