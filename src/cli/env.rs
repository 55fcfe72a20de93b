//! Every environment variable that goldform reads, one documented constant each.

use std::collections::BTreeMap;

/// Any value: no colour.
pub const NO_COLOR: &str = "NO_COLOR";
/// Any value but `0`: colour even without a terminal.
pub const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// A level or filter for the log, where `--log` is not given.
pub const LOG: &str = "GOLDFORM_LOG";
/// Any value: a continuous-integration run; nothing is asked and no bars are drawn.
pub const CI: &str = "CI";
/// `dumb`: no colour.
pub const TERM: &str = "TERM";
/// The name of a shell: it asks for completions. Set by the scripts that `completions` prints.
pub const COMPLETE: &str = "GOLDFORM_COMPLETE";
/// Prefix: `GOLDFORM_VAR_build` sets the variable `build`.
pub const VARIABLE_PREFIX: &str = "GOLDFORM_VAR_";
/// The only endpoint that keys may be used with: an address, or `provider` for the provider's own hosts. For machines
/// that plan what others wrote: a manifest that names another host is refused.
pub const ENDPOINT: &str = "GOLDFORM_ENDPOINT";
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

/// The value of a variable; nothing when it is not set, empty, or no text.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn get(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Variables of the manifest that the environment sets.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn manifest_variables() -> BTreeMap<String, String> {
    std::env::vars()
        .filter_map(|(name, value)| Some((name.strip_prefix(VARIABLE_PREFIX)?.to_owned(), value)))
        .collect()
}
