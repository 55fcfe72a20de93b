//! Profiles of the AWS command line: `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::CommandError;
use crate::diagnostics::sanitize;

/// Keys and settings of a profile.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Profile(BTreeMap<String, String>);

/// Keys of a profile that are settings of the storage, each with the variable of the same meaning.
const SETTINGS: &[(&str, &str)] = &[
    ("aws_access_key_id", "aws_access_key_id"),
    ("aws_secret_access_key", "aws_secret_access_key"),
    ("aws_session_token", "aws_session_token"),
    ("region", "aws_region"),
    ("endpoint_url", "aws_endpoint_url"),
    ("role_arn", "aws_role_arn"),
    ("role_session_name", "aws_role_session_name"),
    ("web_identity_token_file", "aws_web_identity_token_file"),
];
/// Keys of a profile that name a way to get keys which is not supported.
const UNSUPPORTED: &[&str] =
    &["credential_process", "sso_session", "sso_start_url", "source_profile", "credential_source"];

impl Profile {
    /// Reads the profile that the environment names, or `default`. `None` if there is no such file and none was named.
    ///
    /// # Errors
    /// If a profile was named and is not there, a file cannot be read, or its keys come from a program.
    pub(super) fn read(
        variables: &BTreeMap<String, String>,
        home: Option<&Path>,
        read: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Option<Self>, CommandError> {
        let named = variables.get("AWS_PROFILE");
        let name = named.map_or("default", String::as_str);
        let file = |variable: &str, file: &str| {
            let folder = home.map(|home| home.join(".aws").join(file));
            variables.get(variable).map(PathBuf::from).or(folder)
        };
        let text = |path: Option<PathBuf>| {
            match path {
            None => Ok(None),
            Some(path) => match read(&path) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(CommandError::File {
                    path: sanitize::path(&path),
                    source,
                    help: "Make it readable, or name another with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE."
                        .to_owned(),
                }),
            },
        }
        };
        let config = text(file("AWS_CONFIG_FILE", "config"))?.unwrap_or_default();
        let credentials = text(file("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?.unwrap_or_default();
        let section = if name == "default" { "default".to_owned() } else { format!("profile {name}") };
        let found = [section_of(&config, &section), section_of(&credentials, name)];
        if found.iter().all(Option::is_none) {
            return match named {
                None => Ok(None),
                Some(name) => Err(CommandError::input(
                    format!(
                        "AWS_PROFILE names the profile `{}`, which neither file of profiles has",
                        sanitize::escape_truncated(name)
                    ),
                    "Correct it, or add the profile:\n\n    ~/.aws/credentials\n    ~/.aws/config",
                )),
            };
        }
        // What is in the file of keys comes first.
        let profile = Self(found.into_iter().flatten().flatten().collect());
        let has_keys =
            variables.contains_key("AWS_ACCESS_KEY_ID") || profile.0.contains_key("aws_access_key_id");
        if let Some(key) = UNSUPPORTED.iter().find(|key| !has_keys && profile.0.contains_key(**key)) {
            return Err(CommandError::input(
                format!(
                    "the profile `{}` gets its keys by `{key}`, which goldform does not do",
                    sanitize::escape_truncated(name)
                ),
                "Export the keys into the environment first:\n\n    eval \"$(aws configure export-credentials --format env)\"",
            ));
        }
        Ok(Some(profile))
    }

    /// Returns the settings that the environment does not set. Keys of an account are not mixed from both.
    pub(super) fn settings(self, variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let has_keys = variables.contains_key("AWS_ACCESS_KEY_ID")
            || variables.contains_key("AWS_WEB_IDENTITY_TOKEN_FILE");
        let mut values = self.0;
        let settings = SETTINGS.iter().filter_map(|(key, variable)| {
            let is_of_keys = !matches!(*key, "region" | "endpoint_url");
            let value = values.remove(*key)?;
            (!(is_of_keys && has_keys)).then(|| ((*variable).to_owned(), value))
        });
        settings.collect()
    }
}

/// Returns the keys of a section. `None` if there is no such section. Nested settings, which are indented, are left out.
fn section_of(text: &str, wanted: &str) -> Option<BTreeMap<String, String>> {
    let mut found = None;
    let mut is_in = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_in = name.split_whitespace().eq(wanted.split_whitespace());
            if is_in {
                found.get_or_insert_with(BTreeMap::new);
            }
        } else if is_in
            && !trimmed.starts_with(['#', ';'])
            && !line.starts_with([' ', '\t'])
            && let Some((key, value)) = trimmed.split_once('=')
            && let Some(found) = &mut found
        {
            let value = value.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default();
            if !value.trim().is_empty() {
                found.insert(key.trim().to_lowercase(), value.trim().to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIA1
aws_secret_access_key = one # of the laptop

; the pipeline
[ci]
aws_access_key_id=AKIA2
aws_secret_access_key=two
";
    const CONFIG: &str = "\
[default]
region = ap-southeast-3
s3 =
    addressing_style = virtual
[profile ci]
endpoint_url = https://cos.ap-jakarta.myqcloud.com
[profile sso]
sso_session = corp
";

    fn read(variables: &[(&str, &str)]) -> Result<Option<BTreeMap<String, String>>, String> {
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let file = |path: &Path| {
            let text = match path.file_name().and_then(|name| name.to_str()) {
                Some("credentials") => Some(CREDENTIALS),
                Some("config") => Some(CONFIG),
                _ => None,
            };
            text.map(str::to_owned).ok_or_else(|| std::io::ErrorKind::NotFound.into())
        };
        Profile::read(&variables, Some(Path::new("/home/me")), file)
            .map(|profile| profile.map(|profile| profile.settings(&variables)))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_profile_has_its_keys_in_one_file_and_its_settings_in_the_other() {
        let default = read(&[]).unwrap().unwrap();
        assert_eq!(default["aws_access_key_id"], "AKIA1");
        assert_eq!(default["aws_secret_access_key"], "one");
        assert_eq!(default["aws_region"], "ap-southeast-3");
        assert!(!default.contains_key("addressing_style"));
        let ci = read(&[("AWS_PROFILE", "ci")]).unwrap().unwrap();
        assert_eq!(ci["aws_access_key_id"], "AKIA2");
        assert_eq!(ci["aws_endpoint_url"], "https://cos.ap-jakarta.myqcloud.com");
        assert!(!ci.contains_key("aws_region"), "nothing of another profile");
    }

    #[test]
    fn keys_of_the_environment_are_not_mixed_with_those_of_a_profile() {
        let mixed = read(&[("AWS_ACCESS_KEY_ID", "AKIA3")]).unwrap().unwrap();
        assert_eq!(mixed.keys().collect::<Vec<_>>(), ["aws_region"]);
    }

    #[test]
    fn a_profile_that_cannot_be_used_is_an_error() {
        assert!(read(&[("AWS_PROFILE", "cii")]).unwrap_err().contains("`cii`"));
        assert!(read(&[("AWS_PROFILE", "sso")]).unwrap_err().contains("sso_session"));
        let elsewhere = [("AWS_SHARED_CREDENTIALS_FILE", "/none"), ("AWS_CONFIG_FILE", "/none")];
        assert_eq!(read(&elsewhere).unwrap(), None);
    }
}
