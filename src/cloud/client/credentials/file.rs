//! Keys from files: profiles of the command line tool (JSON) and the SDKs' credentials file (ini).

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use super::sts::Role;
use super::{Credentials, CredentialsError, Secret, Surroundings};
use crate::diagnostics::sanitize;

/// What a profile of the command line tool holds.
pub(super) enum Profile {
    /// A key, and the role that is to be assumed with it.
    Key(Credentials, Option<Role>),
    /// The role of the machine is meant.
    MachineRole,
}

/// `<profile>.credential`: keys and what goes with them. No `Debug`: it holds secrets.
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
    /// Seconds since 1970; where a login wrote the file.
    #[serde(rename = "expiresAt", default)]
    expires_at: Option<f64>,
}

/// The file of a profile: in `~/.tccli`, or in the folder that the Terraform provider is told.
pub(super) fn profile_path(around: &Surroundings, profile: &str) -> Option<PathBuf> {
    let folder = match around.variable("TENCENTCLOUD_SHARED_CREDENTIALS_DIR") {
        Some(folder) => match folder.strip_prefix("~/") {
            Some(below) => around.home()?.join(below),
            None => PathBuf::from(folder),
        },
        None => around.home()?.join(".tccli"),
    };
    Some(folder.join(format!("{profile}.credential")))
}

/// The profile that is used when none is asked for.
pub(super) fn profile_name(around: &Surroundings) -> String {
    around.first(&["TCCLI_PROFILE", "TENCENTCLOUD_PROFILE"]).unwrap_or_else(|| "default".to_owned())
}

/// Reads a profile; nothing when there is no such file.
///
/// # Errors
/// When it cannot be used.
pub(super) fn profile(
    around: &Surroundings,
    path: &Path,
    now: Timestamp,
) -> Result<Option<Profile>, CredentialsError> {
    let Some(text) = read(around, path)? else { return Ok(None) };
    let place = sanitize::path(path);
    let broken = |reason: String| CredentialsError::Broken { place: place.clone(), reason };
    let ProfileFile { kind, secret_id, secret_key, token, role_arn, role_session_name, expires_at } =
        serde_json::from_str(&text)
            // The parser's message may repeat what stands there, which may be a key.
            .map_err(|error| {
                broken(format!("line {}, column {}: no JSON of a profile", error.line(), error.column()))
            })?;
    let kind = set(kind);
    if kind.as_deref() == Some("cvm-role") {
        return Ok(Some(Profile::MachineRole));
    }
    let (Some(secret_id), Some(secret_key)) = (set(secret_id), set(secret_key)) else {
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
        Some(Err(_)) => return Err(broken("expiresAt is no moment".to_owned())),
        None => None,
    };
    let role = set(role_arn).map(|arn| Role {
        arn,
        session: set(role_session_name).unwrap_or_else(|| "goldform".to_owned()),
        seconds: None,
        external_id: None,
    });
    let key = Credentials {
        token: set(token).map(Secret::new),
        expires,
        ..Credentials::permanent(secret_id, secret_key)
    };
    Ok(Some(Profile::Key(key, role)))
}

/// Where the SDKs' credentials file may be, the first that is there counts.
pub(super) fn ini_paths(around: &Surroundings) -> Vec<PathBuf> {
    match around.variable("TENCENTCLOUD_CREDENTIALS_FILE") {
        Some(path) => vec![path.into()],
        None => around
            .home()
            .map(|home| home.join(".tencentcloud/credentials"))
            .into_iter()
            .chain([PathBuf::from("/etc/tencentcloud/credentials")])
            .collect(),
    }
}

/// The key in the `[default]` section of a credentials file; nothing when there is no such file.
///
/// # Errors
/// When the file holds no key.
pub(super) fn ini(around: &Surroundings, path: &Path) -> Result<Option<Credentials>, CredentialsError> {
    let Some(text) = read(around, path)? else { return Ok(None) };
    let (mut id, mut key, mut token) = (None, None, None);
    let mut here = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            here = section.trim() == "default";
        } else if let Some((name, value)) = line.split_once(['=', ':']).filter(|_| here) {
            let value = set(Some(value.to_owned()));
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
            reason: "its section [default] holds no secret_id and secret_key".to_owned(),
        }),
    }
}

fn read(around: &Surroundings, path: &Path) -> Result<Option<String>, CredentialsError> {
    around
        .file(path)
        .map_err(|error| CredentialsError::Broken { place: sanitize::path(path), reason: error.to_string() })
}

/// A value that says something.
fn set(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
