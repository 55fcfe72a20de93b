//! Every environment variable that goldform reads, one documented constant each.

use std::collections::BTreeMap;

/// Any value: no colour.
pub const NO_COLOR: &str = "NO_COLOR";
/// Any value but `0`: colour even without a terminal.
pub const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// Any value: a continuous-integration run; nothing is asked and no bars are drawn.
pub const CI: &str = "CI";
/// `dumb`: no colour.
pub const TERM: &str = "TERM";
/// Prefix: `GOLDFORM_VAR_build` sets the variable `build`.
pub const VARIABLE_PREFIX: &str = "GOLDFORM_VAR_";
/// The user, for the lock.
pub const USER: &str = "USER";
/// The host, for the lock.
pub const HOSTNAME: &str = "HOSTNAME";

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
