//! Keys from files: profiles of the command line tool (JSON) and the credentials file of the SDKs (INI).

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use super::sts::Role;
use super::{Credentials, CredentialsError, Env, Secret};
use crate::diagnostics::sanitize;

/// Contents of a profile of the command line tool.
pub(super) enum Profile {
    /// A key, and the role to assume with it.
    Key(Credentials, Option<Role>),
    /// The role of the machine.
    MachineRole,
}

/// File `<profile>.credential`. Without `Debug`, because it contains secrets.
#[derive(Deserialize)]
struct ProfileFile {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(rename = "secretId", default)]
    secret_id: Option<String>,
    #[serde(rename = "secretKey", default)]
    secret_key: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(rename = "role-arn", default)]
    role_arn: Option<String>,
    #[serde(rename = "role-session-name", default)]
    role_session_name: Option<String>,
    /// Seconds since 1970. Present if a login wrote the file.
    #[serde(rename = "expiresAt", default)]
    expires_at: Option<f64>,
}

/// Returns the path of a profile: in `~/.tccli`, or in the directory that is configured for the Terraform provider.
pub(super) fn profile_path(env: &Env, profile: &str) -> Option<PathBuf> {
    let folder = match env.variable("TENCENTCLOUD_SHARED_CREDENTIALS_DIR") {
        Some(folder) => match folder.strip_prefix("~/") {
            Some(below) => env.home()?.join(below),
            None => PathBuf::from(folder),
        },
        None => env.home()?.join(".tccli"),
    };
    Some(folder.join(format!("{profile}.credential")))
}

/// Returns the name of the default profile.
pub(super) fn profile_name(env: &Env) -> String {
    env.first(&["TCCLI_PROFILE", "TENCENTCLOUD_PROFILE"]).unwrap_or_else(|| "default".to_owned())
}

/// Reads a profile. Returns `None` if the file does not exist.
///
/// # Errors
/// If the profile is invalid or has expired.
pub(super) fn profile(env: &Env, path: &Path, now: Timestamp) -> Result<Option<Profile>, CredentialsError> {
    let Some(text) = read(env, path)? else { return Ok(None) };
    let place = sanitize::path(path);
    let broken = |reason: String| CredentialsError::Broken { place: place.clone(), reason };
    let ProfileFile { kind, secret_id, secret_key, token, role_arn, role_session_name, expires_at } =
        serde_json::from_str(&text)
            // The message of the parser may repeat the text, which may be a key.
            .map_err(|error| {
                broken(format!(
                    "line {}, column {}: not valid JSON of a profile",
                    error.line(),
                    error.column()
                ))
            })?;
    let kind = non_empty(kind);
    if kind.as_deref() == Some("cvm-role") {
        return Ok(Some(Profile::MachineRole));
    }
    let (Some(secret_id), Some(secret_key)) = (non_empty(secret_id), non_empty(secret_key)) else {
        return Err(broken("secretId or secretKey is missing".to_owned()));
    };
    let is_login = matches!(kind.as_deref(), Some("oauth" | "sso"));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates, and a wrong time is refused below"
    )]
    let expires = match expires_at.filter(|_| is_login).map(|seconds| Timestamp::from_second(seconds as i64))
    {
        Some(Ok(expires)) if expires <= now => {
            return Err(CredentialsError::Expired { place, since: expires });
        }
        Some(Ok(expires)) => Some(expires),
        Some(Err(_)) => return Err(broken("expiresAt is not a valid time".to_owned())),
        None => None,
    };
    let role = non_empty(role_arn).map(|arn| Role {
        arn,
        session: non_empty(role_session_name).unwrap_or_else(|| "goldform".to_owned()),
        seconds: None,
        external_id: None,
    });
    let key = Credentials {
        token: non_empty(token).map(Secret::new),
        expires,
        ..Credentials::permanent(secret_id, secret_key)
    };
    Ok(Some(Profile::Key(key, role)))
}

/// Returns the paths of the credentials file of the SDKs. The first one that exists applies.
pub(super) fn ini_paths(env: &Env) -> Vec<PathBuf> {
    match env.variable("TENCENTCLOUD_CREDENTIALS_FILE") {
        Some(path) => vec![path.into()],
        None => env
            .home()
            .map(|home| home.join(".tencentcloud/credentials"))
            .into_iter()
            .chain([PathBuf::from("/etc/tencentcloud/credentials")])
            .collect(),
    }
}

/// Returns the key in the section `[default]` of a credentials file. `None` if the file does not exist.
///
/// # Errors
/// If the file contains no key.
pub(super) fn ini(env: &Env, path: &Path) -> Result<Option<Credentials>, CredentialsError> {
    let Some(text) = read(env, path)? else { return Ok(None) };
    let (mut id, mut key, mut token) = (None, None, None);
    let mut in_default = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            in_default = section.trim() == "default";
        } else if let Some((name, value)) = line.split_once(['=', ':']).filter(|_| in_default) {
            let value = non_empty(Some(value.to_owned()));
            match name.trim().to_ascii_lowercase().as_str() {
                "secret_id" => id = value,
                "secret_key" => key = value,
                "token" => token = value,
                _ => {}
            }
        }
    }
    match (id, key) {
        (Some(id), Some(key)) => {
            Ok(Some(Credentials { token: token.map(Secret::new), ..Credentials::permanent(id, key) }))
        }
        _ => Err(CredentialsError::Broken {
            place: sanitize::path(path),
            reason: "its section [default] does not contain secret_id and secret_key".to_owned(),
        }),
    }
}

fn read(env: &Env, path: &Path) -> Result<Option<String>, CredentialsError> {
    env.file(path)
        .map_err(|error| CredentialsError::Broken { place: sanitize::path(path), reason: error.to_string() })
}

/// Returns a value without surrounding blanks. `None` if it is empty.
fn non_empty(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
