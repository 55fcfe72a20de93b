//! Hints for arguments that other tools have.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};

/// Returns what was probably meant by an argument that a command does not have.
pub(super) fn hint(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(invalid)) = error.get(ContextKind::InvalidArg) else { return None };
    if invalid.ends_with(".yaml") || invalid.ends_with(".yml") || invalid.ends_with(".json") {
        return Some(format!("name manifests with -f: `-f {invalid}`"));
    }
    // clap reads `-out` as the short options `-o`, `-u` and `-t`.
    let is_short = invalid.starts_with('-') && !invalid.starts_with("--");
    let letter = invalid.get(1..)?;
    let is_meant = |argument: &&str| {
        let name = argument.split('=').next().unwrap_or(argument);
        name.starts_with('-') && !name.starts_with("--") && name.len() > 2 && name.contains(letter)
    };
    let written = arguments.iter().filter_map(|argument| argument.to_str()).find(is_meant);
    let written = written.filter(|_| is_short)?;
    let name = written.split('=').next().unwrap_or(written);
    Some(format!("options have two dashes: `-{name}`"))
}
