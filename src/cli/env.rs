//! Every environment variable that goldform reads, one documented constant each.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::CommandError;
use crate::cloud::client::http::is_proxy;
use crate::diagnostics::{closest, sanitize};
use crate::report::output::PRINTED_VARIABLES;

/// Any value: no colour.
pub const NO_COLOR: &str = "NO_COLOR";
/// Any value but `0`: colour even without a terminal.
pub const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// A level or filter for the log, where `--log` is not given.
pub const LOG: &str = "GOLDFORM_LOG";
/// Any value but `false` and `0`: a continuous-integration run; nothing is asked and no bars are drawn.
pub const CI: &str = "CI";
/// The columns of lines; by default those of the terminal, or 80.
pub const COLUMNS: &str = "COLUMNS";
/// `dumb`: no colour, and signs of ASCII only; `linux`, the console: signs of ASCII only.
pub const TERM: &str = "TERM";
/// The locale's encoding: the first that is set decides. One that is not UTF-8: signs of ASCII only.
const LOCALE: &[&str] = &["LC_ALL", "LC_CTYPE", "LANG"];
/// The name of a shell: it asks for completions. Set by the scripts that `completions` prints.
pub const COMPLETE: &str = "GOLDFORM_COMPLETE";
/// Prefix: `GOLDFORM_VAR_build` sets the variable `build`.
pub const VARIABLE_PREFIX: &str = "GOLDFORM_VAR_";
/// The only endpoint that keys may be used with: an address, a domain, or `provider` for the hosts of the provider's
/// sites. For machines that plan what others wrote: a manifest that names another host is refused.
pub const ENDPOINT: &str = "GOLDFORM_ENDPOINT";
/// The region of the bucket that a state is in (`cos://bucket/key`).
pub const REGION: &str = "TENCENTCLOUD_REGION";
/// Who is at work, for the lock and the history; by default the user and host.
pub const ACTOR: &str = "GOLDFORM_ACTOR";
/// The user, for the lock and the history.
pub const USER: &str = "USER";
/// The user on Windows.
pub const USERNAME: &str = "USERNAME";
/// The host, for the lock and the history.
pub const HOSTNAME: &str = "HOSTNAME";
/// The host on Windows.
pub const COMPUTERNAME: &str = "COMPUTERNAME";

/// How the names of goldform's variables start.
const PREFIX: &str = "GOLDFORM_";
/// Variables with that prefix that are read, but for those of manifests.
const OWN: &[&str] = &[LOG, COMPLETE, ENDPOINT, ACTOR];
/// Those that a mistyped name may mean: scripts set the others.
const MEANT: &[&str] = &[LOG, ENDPOINT, ACTOR];

/// Addresses of proxies, as other programs read them too.
const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];
/// How the names of the variables that keys and roles are read from start.
const CREDENTIALS: &[&str] = &["TENCENTCLOUD_", "TCCLI_", "TKE_"];
/// How the names of the variables start that the object storage of a shared state is reached with, as the AWS command
/// line reads them.
const OBJECT_STORAGE: &[&str] = &["AWS_"];
/// The folder of the user. The second is of Windows.
const HOME: &[&str] = &["HOME", "USERPROFILE"];

/// Returns the value of a variable as it is, whatever its encoding. `None` if it is not set or empty.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn raw(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the value of a variable. `None` if it is not set or empty.
///
/// # Errors
/// If it is not UTF-8 text.
pub fn get(name: &str) -> Result<Option<String>, CommandError> {
    raw(name).map(|value| text(OsStr::new(name), value)).transpose()
}

/// Returns the value of a variable that is only shown, such as the name of a user: what is not UTF-8 in it is replaced.
pub fn shown(name: &str) -> Option<String> {
    raw(name).map(|value| value.to_string_lossy().into_owned())
}

/// Returns whether this is a continuous-integration run.
pub fn is_ci() -> bool {
    raw(CI).is_some_and(|value| value != "false" && value != "0")
}

/// Returns whether the terminal may show ASCII only. Without a locale, nothing is known of it.
pub fn is_ascii_only() -> bool {
    let is_console = raw(TERM).is_some_and(|term| term == "dumb" || term == "linux");
    let locale = LOCALE.iter().find_map(|name| shown(name));
    let is_utf8 = |locale: String| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    is_console || !locale.is_none_or(is_utf8)
}

/// Returns the folder of the user.
pub fn home() -> Option<PathBuf> {
    HOME.iter().find_map(|name| raw(name)).map(PathBuf::from)
}

/// Returns the names of variables that look like goldform's and that it does not read, each with the one that may be meant.
/// What `output --format env` prints is for other programs, and may be in this environment too.
pub fn unread() -> Vec<(String, Option<String>)> {
    let is_read = |name: &str| {
        OWN.contains(&name)
            || name.starts_with(VARIABLE_PREFIX)
            || PRINTED_VARIABLES.iter().any(|own| name.starts_with(own))
    };
    let names = starting_with(&[PREFIX]).map(|(name, _)| name.to_string_lossy().into_owned());
    let mut unread: Vec<String> = names.filter(|name| !is_read(name)).collect();
    unread.sort();
    let meant = |name: &str| {
        let rest = name.strip_prefix(PREFIX).unwrap_or_default();
        match rest
            .split_once('_')
            .filter(|(word, _)| word.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("var")))
        {
            Some((_, variable)) => Some(format!("{VARIABLE_PREFIX}{variable}")),
            None => {
                let known = MEANT.iter().filter_map(|own| own.strip_prefix(PREFIX));
                closest(rest, known).map(|similar| format!("{PREFIX}{similar}"))
            }
        }
    };
    unread.into_iter().map(|name| (name.clone(), meant(&name))).collect()
}

/// Returns the variables of the manifest that the environment sets.
///
/// # Errors
/// If the name or value of one is not UTF-8 text.
pub fn manifest_variables() -> Result<BTreeMap<String, String>, CommandError> {
    let mut variables = BTreeMap::new();
    for (name, value) in starting_with(&[VARIABLE_PREFIX]) {
        let value = text(&name, value)?;
        let whole = text(&name, name.clone())?;
        let name = whole.strip_prefix(VARIABLE_PREFIX).unwrap_or_default();
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

/// Returns the variables that the object storage of a shared state is reached with.
///
/// # Errors
/// If the name or value of one is not UTF-8 text.
pub fn object_storage() -> Result<BTreeMap<String, String>, CommandError> {
    let set = starting_with(OBJECT_STORAGE).filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| Ok((text(&name, name.clone())?, text(&name, value)?))).collect()
}

/// Checks the variables that keys and roles are read from.
///
/// # Errors
/// If one is not UTF-8 text.
pub fn check_credentials() -> Result<(), CommandError> {
    starting_with(CREDENTIALS).try_for_each(|(name, value)| text(&name, value).map(drop))
}

/// Checks the addresses of proxies: one that cannot be read would be passed over, and calls would go past it.
///
/// # Errors
/// If one is not the address of a proxy. The value is not shown, since it may hold a password.
pub fn check_proxies() -> Result<(), CommandError> {
    for name in PROXIES {
        let Some(value) = get(name)? else { continue };
        if !name.eq_ignore_ascii_case("NO_PROXY") && !is_proxy(&value) {
            return Err(CommandError::input(
                format!("the environment variable {name} is not the address of a proxy"),
                format!("Correct it, or unset it:\n\n    {name}=http://proxy.example.com:3128"),
            ));
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn starting_with(prefixes: &'static [&str]) -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(move |(name, _)| {
        prefixes.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    })
}

/// The text of a value. The message names the variable only: the value may be a secret.
fn text(name: &OsStr, value: OsString) -> Result<String, CommandError> {
    value.into_string().map_err(|_| {
        CommandError::input(
            format!("the environment variable {} is not UTF-8 text", sanitize::path(name)),
            "Set it again in a terminal whose encoding is UTF-8, or unset it.",
        )
    })
}
