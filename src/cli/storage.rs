//! The object storage that a shared state is on, with the keys that its users have already: the variables, profiles and
//! roles of the AWS command line, which S3-compatible services share. They are other keys than those of the cloud, but for
//! the cloud's own storage ([`cos`]).

mod cos;
mod profile;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use uuid::Uuid;

use super::{CommandError, env, files};
use crate::backend::ObjectStateStore;
use crate::cloud::Lease;
use crate::diagnostics::sanitize;
use crate::manifest::StateLocation;
use crate::model::Clock;
pub(super) use cos::open as open_cos;
use profile::Profile;

/// Longest time of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Time in which a request that fails is sent again. A lock is renewed several times within its lease. With the time of
/// one request, it is less than half of the lease: without conditional writes, one must end within that.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the store of a state in a bucket. Nothing is read yet.
///
/// # Errors
/// If the environment or a profile cannot be used, or no object can have this key.
pub(super) fn open(
    bucket: &str,
    key: &str,
    clock: &Arc<dyn Clock>,
    lease: &Lease,
) -> Result<ObjectStateStore, CommandError> {
    let storage = Settings::read(bucket)?.connect(bucket)?;
    let shown = StateLocation::Object { bucket: bucket.to_owned(), key: key.to_owned() }.to_string();
    store(storage, key, &shown, clock, lease)
}

#[expect(clippy::disallowed_methods, reason = "the random texts of locks are made here")]
fn store(
    storage: Arc<dyn ObjectStore>,
    key: &str,
    shown: &str,
    clock: &Arc<dyn Clock>,
    lease: &Lease,
) -> Result<ObjectStateStore, CommandError> {
    let tokens = Arc::new(|| Uuid::new_v4().simple().to_string());
    let store = ObjectStateStore::new(storage, key, sanitize::escape_inline(shown), tokens)?;
    Ok(store.with_clock(Arc::clone(clock)).with_lease(lease.clone()))
}

/// Returns a builder with the times that requests may take.
fn builder() -> AmazonS3Builder {
    let options =
        ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_connect_timeout(Duration::from_secs(5));
    let retry = RetryConfig { max_retries: 5, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
    AmazonS3Builder::new().with_client_options(options).with_retry(retry)
}

/// Settings of the storage: by name of a variable, in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads the environment, and the profile where the environment has no keys.
    fn read(bucket: &str) -> Result<Self, CommandError> {
        env::check_proxies()?;
        let variables = env::object_storage()?;
        let profile = Profile::read(&variables, env::home().as_deref(), files::read_keys)?;
        Self::of(bucket, variables, profile)
    }

    fn of(
        bucket: &str,
        variables: BTreeMap<String, String>,
        profile: Option<Profile>,
    ) -> Result<Self, CommandError> {
        let mut settings = BTreeMap::new();
        if let Some(profile) = profile {
            settings.extend(profile.settings(&variables));
        }
        settings.extend(variables.into_iter().map(|(name, value)| (name.to_lowercase(), value)));
        if settings
            .remove("aws_ec2_metadata_disabled")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
            && !has_keys(&settings)
        {
            return Err(no_keys());
        }
        // All are taken out, and the first one counts.
        let named = ["aws_endpoint_url_s3", "aws_endpoint_url", "aws_endpoint"];
        let endpoints: Vec<String> = named.into_iter().filter_map(|name| settings.remove(name)).collect();
        if let Some(endpoint) = endpoints.first() {
            let style = "aws_virtual_hosted_style_request";
            let is_virtual = settings.get(style).is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let allows_http =
                settings.get("aws_allow_http").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let endpoint = address(endpoint, bucket, is_virtual, allows_http)?;
            if endpoint.starts_with("http://") {
                settings.insert("aws_allow_http".to_owned(), "true".to_owned());
            }
            settings.insert("aws_endpoint".to_owned(), endpoint);
        }
        Ok(Self(settings))
    }

    fn connect(self, bucket: &str) -> Result<Arc<dyn ObjectStore>, CommandError> {
        let mut builder = builder();
        for (name, value) in self.0 {
            // Other programs have variables of their own that start so.
            if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let store = builder.with_bucket_name(bucket).build().map_err(|error| {
            CommandError::input(
                format!(
                    "the object storage cannot be used: {}",
                    sanitize::escape_truncated(&error.to_string())
                ),
                "Correct the variables that start with AWS_, or the profile:\n\n    AWS_ACCESS_KEY_ID=… \
                 AWS_SECRET_ACCESS_KEY=… AWS_ENDPOINT_URL_S3=https://…",
            )
        })?;
        Ok(Arc::new(store))
    }
}

fn has_keys(settings: &BTreeMap<String, String>) -> bool {
    const SOURCES: [&str; 4] = [
        "aws_access_key_id",
        "aws_web_identity_token_file",
        "aws_container_credentials_relative_uri",
        "aws_container_credentials_full_uri",
    ];
    SOURCES.iter().any(|name| settings.contains_key(*name))
}

fn no_keys() -> CommandError {
    CommandError::input(
        "there are no keys for the object storage that the state is on",
        "Set them, or name a profile:\n\n    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…\n    AWS_PROFILE=…",
    )
}

/// Checks an endpoint, and adds the bucket to its host where requests name it there.
fn address(
    endpoint: &str,
    bucket: &str,
    is_virtual: bool,
    allows_http: bool,
) -> Result<String, CommandError> {
    let shown = sanitize::escape_truncated(endpoint);
    let refused = |why: &str| {
        CommandError::input(
            format!("the endpoint of the object storage is `{shown}`, {why}"),
            "Name an address with https, or one of this machine:\n\n    \
             AWS_ENDPOINT_URL_S3=https://cos.ap-jakarta.myqcloud.com",
        )
    };
    let Ok(url) = reqwest::Url::parse(endpoint) else { return Err(refused("which is not an address")) };
    let Some(host) = url.host_str() else { return Err(refused("which names no host")) };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(refused("which must not hold a user, a password or a query"));
    }
    let is_local = matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
    match url.scheme() {
        "https" => {}
        "http" if is_local || allows_http => {}
        "http" => return Err(refused("over which the state would be sent without encryption")),
        _ => return Err(refused("which is neither https nor http")),
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    let label = format!("{bucket}.");
    let host =
        if is_virtual && !host.starts_with(&label) { format!("{label}{host}") } else { host.to_owned() };
    Ok(format!("{}://{host}{port}{path}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<BTreeMap<String, String>, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::of("team", variables.collect(), None)
            .map(|settings| settings.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_endpoint_of_s3_comes_before_the_general_one() {
        let both = [
            ("AWS_ENDPOINT_URL", "https://a.example.com"),
            ("AWS_ENDPOINT_URL_S3", "https://b.example.com/"),
        ];
        assert_eq!(settings(&both).unwrap()["aws_endpoint"], "https://b.example.com");
        assert_eq!(settings(&both[..1]).unwrap()["aws_endpoint"], "https://a.example.com");
    }

    #[test]
    fn a_bucket_is_named_in_the_host_where_requests_want_it_there() {
        let style = ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true");
        let cos = ("AWS_ENDPOINT_URL_S3", "https://cos.ap-jakarta.myqcloud.com");
        assert_eq!(
            settings(&[style, cos]).unwrap()["aws_endpoint"],
            "https://team.cos.ap-jakarta.myqcloud.com"
        );
        let named = ("AWS_ENDPOINT_URL_S3", "https://team.cos.ap-jakarta.myqcloud.com");
        assert_eq!(
            settings(&[style, named]).unwrap()["aws_endpoint"],
            "https://team.cos.ap-jakarta.myqcloud.com"
        );
    }

    #[test]
    fn a_state_is_sent_without_encryption_on_this_machine_only() {
        assert_eq!(
            settings(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")]).unwrap()["aws_allow_http"],
            "true"
        );
        let http = ("AWS_ENDPOINT_URL", "http://minio.internal:9000");
        assert!(settings(&[http]).unwrap_err().contains("without encryption"));
        assert!(settings(&[http, ("AWS_ALLOW_HTTP", "true")]).is_ok());
        for wrong in ["ftp://a", "minio", "https://key:secret@host", "https://host?x=1"] {
            assert!(settings(&[("AWS_ENDPOINT_URL", wrong)]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_that_are_not_there_are_not_asked_for_where_that_is_forbidden() {
        let off = ("AWS_EC2_METADATA_DISABLED", "true");
        assert!(settings(&[off]).unwrap_err().contains("no keys"));
        assert!(settings(&[off, ("AWS_ACCESS_KEY_ID", "AKIA1"), ("AWS_SECRET_ACCESS_KEY", "x")]).is_ok());
    }
}
