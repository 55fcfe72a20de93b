//! Temporary keys for the role of this machine, from the metadata service of the provider.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Credentials, CredentialsError, Secret};

/// Address of the metadata service. It has no HTTPS, and requests do not leave the physical host.
pub(super) const ADDRESS: &str = "http://metadata.tencentyun.com";
const PATH: &str = "latest/meta-data/cam/security-credentials/";
/// Short, because the service responds immediately, and on other machines its name does not exist.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_MAX_BYTES: usize = 64 << 10;

/// Answer of the metadata service about a role. Without `Debug`, because it contains secrets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleKey {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    tmp_secret_id: Option<String>,
    #[serde(default)]
    tmp_secret_key: Option<String>,
    #[serde(default)]
    token: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    expired_time: Option<i64>,
}

/// Returns the key of the role of this machine. `None` if there is no metadata service or no role.
///
/// # Errors
/// If the service responds with something other than a key.
pub(super) async fn role_key(
    address: &str,
    role: Option<&str>,
) -> Result<Option<Credentials>, CredentialsError> {
    let refused = |reason: &str| CredentialsError::Refused {
        place: "the metadata service of this machine".to_owned(),
        reason: reason.to_owned(),
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| refused("no HTTP client can be created for it"))?;
    let role = match role {
        Some(role) => role.to_owned(),
        None => match get(&client, &format!("{address}/{PATH}")).await.map(|role| role.trim().to_owned()) {
            // Some networks answer every request with their login page.
            Some(role) if !role.is_empty() && role.len() <= 128 && role.bytes().all(is_name) => role,
            _ => return Ok(None),
        },
    };
    let Some(text) = get(&client, &format!("{address}/{PATH}{role}")).await else { return Ok(None) };
    let RoleKey { code, tmp_secret_id, tmp_secret_key, token, expired_time } =
        serde_json::from_str(&text).map_err(|_| refused("its answer is not the JSON of a key"))?;
    match (code.as_deref(), tmp_secret_id, tmp_secret_key) {
        (Some("Success") | None, Some(id), Some(key)) => Ok(Some(Credentials {
            token: token.map(Secret::new),
            expires: expired_time.and_then(|second| Timestamp::from_second(second).ok()),
            ..Credentials::permanent(id, key)
        })),
        _ => Err(refused(&format!("it has no key for the role {role}"))),
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'=' | b',' | b'.' | b'@')
}

/// Returns the text of a successful response. `None` otherwise.
async fn get(client: &reqwest::Client, url: &str) -> Option<String> {
    let mut response = client.get(url).send().await.ok().filter(|response| response.status().is_success())?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len().saturating_add(chunk.len()) > ANSWER_MAX_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).ok()
}
