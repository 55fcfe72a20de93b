//! `set`: edits single values of the manifest.

use std::io::Read as _;

use super::edit::{Assignment, edit_manifest};
use crate::cli::args::SetArgs;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::constraints::manifest_schema;
use crate::diagnostics::{closest, sanitize};
use crate::manifest::edit::NewValue;
use crate::manifest::schema::{Scalars, keys_at, scalars_at};

/// Largest input of `set -`, in bytes.
const MAX_INPUT: u64 = 1 << 20;

/// Edits the named values, then plans or applies.
///
/// # Errors
/// If an argument is malformed or names no key of the manifest, the edit is refused, or the plan or apply fails.
pub async fn run(args: SetArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let schema = manifest_schema();
    let mut assignments = Vec::new();
    for text in given(&args.assignments)? {
        let Some((path, value)) = split(&text) else {
            return Err(CommandError::input(
                format!("`{}` is not PATH=VALUE", sanitize::escape_truncated(&text)),
                "Name a key and its value:\n\n    goldform set images.web.source.revision=2026-W49",
            ));
        };
        let value = typed(&schema, &path, value)?;
        assignments.push(Assignment { path, value });
    }
    for text in &args.unset {
        let path = keys(text).filter(|(_, rest)| rest.is_empty()).map(|(path, _)| path);
        let path = path.ok_or_else(|| malformed(text))?;
        scalars(&schema, &path)?;
        assignments.push(Assignment { path, value: NewValue::Unset });
    }
    edit_manifest(args.edit, &assignments, printer).await
}

/// Returns the assignments: those of the command line, and the lines of stdin in place of `-`.
fn given(arguments: &[String]) -> Result<Vec<String>, CommandError> {
    let mut given = Vec::new();
    for argument in arguments {
        if argument != "-" {
            given.push(argument.clone());
            continue;
        }
        let mut text = String::new();
        std::io::stdin().take(MAX_INPUT).read_to_string(&mut text).map_err(|source| CommandError::File {
            path: "stdin".to_owned(),
            source,
            help: "Pass lines of PATH=VALUE in UTF-8.".to_owned(),
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        given.extend(lines.map(str::to_owned));
    }
    Ok(given)
}

/// Splits `PATH=VALUE`.
fn split(text: &str) -> Option<(Vec<String>, &str)> {
    let (path, rest) = keys(text)?;
    Some((path, rest.strip_prefix('=')?))
}

/// Parses keys that are separated by dots, up to `=` or the end. A key in double quotes may contain both.
fn keys(text: &str) -> Option<(Vec<String>, &str)> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(['.', '=']).unwrap_or(rest.len())),
        };
        if key.is_empty() {
            return None;
        }
        path.push(key.to_owned());
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return Some((path, after)),
        }
    }
}

fn malformed(text: &str) -> CommandError {
    CommandError::input(
        format!("`{}` is not a path of keys", sanitize::escape_truncated(text)),
        "Separate keys by dots, and quote a key that has one:\n\n    images.\"web.v2\".pin",
    )
}

/// Returns the kinds of scalars that a key accepts.
fn scalars(schema: &serde_json::Value, path: &[String]) -> Result<Scalars, CommandError> {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some(scalars) = scalars_at(schema, &keys) {
        return Ok(scalars);
    }
    let known = (0..keys.len()).rev().find_map(|length| {
        let (parent, key) = (keys.get(..length)?, keys.get(length)?);
        let known = keys_at(schema, parent);
        (!known.is_empty()).then(|| (closest(key, known.iter().copied()), known.join(", ")))
    });
    let help = match known {
        Some((Some(similar), _)) => format!("Did you mean `{similar}`?"),
        Some((None, known)) => format!("Keys here are: {known}."),
        None => "`schemas/README.md` lists all keys.".to_owned(),
    };
    let shown = path.join(".");
    Err(CommandError::input(
        format!("the manifest has no key `{}`", sanitize::escape_truncated(&shown)),
        help,
    ))
}

/// Returns a value as the key's type. Its place in the schema decides, not its text.
fn typed(schema: &serde_json::Value, path: &[String], value: &str) -> Result<NewValue, CommandError> {
    let scalars = scalars(schema, path)?;
    let is_number =
        !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) && value.parse::<u64>().is_ok();
    let is_boolean = matches!(value, "true" | "false");
    if scalars.number && is_number || scalars.boolean && is_boolean {
        return Ok(NewValue::Literal(value.to_owned()));
    }
    if scalars.text {
        return Ok(NewValue::Text(value.to_owned()));
    }
    let expected = match (scalars.number, scalars.boolean) {
        (true, _) => "a whole number",
        (false, true) => "true or false",
        (false, false) => "a list or a mapping, which `set` does not edit",
    };
    Err(CommandError::input(
        format!(
            "`{}` has {expected}, found `{}`",
            sanitize::escape_truncated(&path.join(".")),
            sanitize::escape_truncated(value)
        ),
        "Edit the manifest by hand, or name one of its scalar keys.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_the_first_equals_sign_outside_of_quotes() {
        for (text, path, value) in [
            ("a.b=c", vec!["a", "b"], "c"),
            ("a=b=c", vec!["a"], "b=c"),
            ("a.\"b.c=d\".e=", vec!["a", "b.c=d", "e"], ""),
            ("a=x.y", vec!["a"], "x.y"),
        ] {
            let (found, rest) = split(text).unwrap();
            assert_eq!((found, rest), (path.into_iter().map(str::to_owned).collect(), value), "{text}");
        }
        for text in ["a", "=b", "a..b=c", "a.=b", "\"a=b", "\"a\"b=c"] {
            assert!(split(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_schema_decides_the_type_of_a_value() {
        let schema = manifest_schema();
        let typed = |path: &str, value| {
            typed(&schema, &path.split('.').map(str::to_owned).collect::<Vec<_>>(), value).ok()
        };
        let text = |value: &str| Some(NewValue::Text(value.to_owned()));
        let literal = |value: &str| Some(NewValue::Literal(value.to_owned()));
        assert_eq!(typed("images.web.source.revision", "7"), text("7"));
        assert_eq!(typed("images.web.pin", "true"), text("true"));
        assert_eq!(typed("images.web.keep", "2"), literal("2"));
        assert_eq!(typed("images.web.protect", "true"), literal("true"));
        assert_eq!(typed("images.web.protect", "yes"), None);
        assert_eq!(typed("images.web.copies", "ap-tokyo"), None);
        // An empty value removes nothing.
        assert_eq!(typed("images.web.copies", ""), None);
        assert_eq!(typed("images.web.protect", ""), None);
        assert_eq!(typed("images.web.description", ""), text(""));
        assert_eq!(typed("images.web.tags.team", "1"), text("1"));
        assert_eq!(typed("variables.build.default", "ins-1"), text("ins-1"));
        assert_eq!(typed("cloud.ownership_tag", "false"), literal("false"));
        assert_eq!(typed("cloud.ownership_tag", "mine"), text("mine"));
        assert_eq!(typed("images.web.pni", "x"), None);
        assert_eq!(typed("shares.image", "x"), None);
    }
}
