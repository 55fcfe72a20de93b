//! Patterns of texts for the schema, independent of the levels of rules.
//!
//! A pattern matches every text that resolves, and every text with a reference, whose value is not known. Editors show
//! the words of a pattern instead of the pattern.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Pattern, and its meaning in words.
pub(super) struct Pattern {
    pattern: &'static str,
    words: &'static str,
}

impl Pattern {
    /// Returns the schema of a text that matches, or has a reference.
    pub(super) fn text(&self) -> Value {
        json!({
            "type": "string",
            "pattern": format!(r"{}|\$\{{", self.pattern),
            "patternErrorMessage": format!("This is not {}.", self.words),
        })
    }

    /// Returns the schema of a key that matches. Keys have no references.
    pub(super) fn key(&self) -> Value {
        json!({
            "pattern": self.pattern,
            "patternErrorMessage": format!("This is not {}.", self.words),
        })
    }
}

macro_rules! patterns {
    ($($constant:ident $(as $name:ident)? = $pattern:literal, $words:literal;)+) => {$(
        pub(super) const $constant: Pattern = Pattern { pattern: $pattern, words: $words };
        $(pub(super) fn $name(_: &mut SchemaGenerator) -> Schema {
            Schema::from($constant.text().as_object().cloned().unwrap_or_default())
        })?
    )+};
}

patterns! {
    ACCOUNT as account = "^[1-9][0-9]{4,18}$",
        "a main account id (5 to 19 digits in quotes, the first not 0)";
    ACCOUNT_OR_NAME as account_or_name =
        "^[1-9][0-9]{4,18}$|^[A-Za-z][A-Za-z0-9._-]{0,59}$|^[0-9][0-9._-]*[A-Za-z][A-Za-z0-9._-]*$",
        "a name from `accounts` or a main account id";
    ACCOUNT_NAME = "^[A-Za-z][A-Za-z0-9._-]{0,59}$|^[0-9][0-9._-]*[A-Za-z][A-Za-z0-9._-]*$",
        "a name for an account (letters, digits, `-`, `_`, `.`; at least one letter)";
    ADDRESS as address = r"^image\.[A-Za-z0-9][A-Za-z0-9._-]{0,59}$",
        "an address of an entry (`image.` and its key)";
    DISK = "^disk-[a-z0-9]{4,32}$",
        "a disk id (`disk-`, then lower-case letters or digits)";
    DOMAIN as domain =
        r"^(?=.{1,200}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?=[0-9-]*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        "a domain (at least two parts, without scheme and port)";
    ENDPOINT as endpoint = "^https?://[^:/?#@ ][^/?#@ ]*/*$",
        "an address of a service (`http://` or `https://`, a host, and nothing after its port)";
    IMAGE as image = "^img-[a-z0-9]{4,32}$",
        "an image id (`img-`, then lower-case letters or digits)";
    INSTANCE as instance = "^ins-[a-z0-9]{4,32}$",
        "an instance id (`ins-`, then lower-case letters or digits)";
    KEY as key = "^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$",
        "a key (1 to 60 letters, digits, `-`, `_` or `.`, the first a letter or digit)";
    OBJECT as object = r"^https?://[^/?# ]+/[^?# ]+(\?[\s\S]*)?$",
        "the URL of an object (`https://`, a host and a path)";
    REGION as region = "^[a-z0-9]+(-[a-z0-9]+)+$",
        "a region code, such as `ap-jakarta`";
    REGION_OR_SET = "^[a-z0-9]+(-[a-z0-9]+)+$|^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$",
        "a region code, such as `ap-jakarta`, or a name from `regions`";
    SNAPSHOT = "^snap-[a-z0-9]{4,32}$",
        "a snapshot id (`snap-`, then lower-case letters or digits)";
    STATE as state = r"^s3://[^/]+/[\s\S]*[^/]$|^cos://[a-z0-9-]+/[\s\S]*[^/]$|^(?!(s3|cos)://)[\s\S]*[^/]$",
        "a file, `s3://bucket/key` or `cos://bucket/key`";
    VARIABLE = "^[A-Za-z_][A-Za-z0-9_-]{0,59}$",
        "a name for a variable (letters, digits, `_`, `-`; the first a letter or `_`)";
}

/// Pattern of texts in which every `${` starts a reference or belongs to `$${`.
pub(in crate::manifest) const REFERENCES: &str =
    r"^([^$]|\$+[^${]|\$\$+\{|\$\{(lookup\.[^}]+|[A-Za-z_][A-Za-z0-9_-]{0,59})\})*\$*$";

/// Returns the schema of a text that is one of a few words, or has a variable.
fn choice(words: &[&str]) -> Schema {
    json_schema!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": r"\$\{" }] })
}

/// Returns the schema of a text with known words, which accepts others too, since a rule may allow them.
fn known(words: &[&str]) -> Schema {
    json_schema!({ "anyOf": [{ "enum": words }, { "type": "string" }] })
}

macro_rules! choices {
    ($($name:ident = $how:ident [$($word:literal),+];)+) => {$(
        pub(super) fn $name(_: &mut SchemaGenerator) -> Schema {
            $how(&[$($word),+])
        }
    )+};
}

choices! {
    providers = choice ["sandbox", "tencent"];
    sites = choice ["international", "mainland"];
    shared_image_edits = choice ["allowed", "refused"];
    levels = choice ["allow", "warn", "deny"];
    replace_orders = choice ["auto", "create-first", "delete-first"];
    architectures = choice ["x86_64", "i386", "arm"];
    kinds = choice ["public", "shared", "custom"];
    licenses = known ["TencentCloud", "BYOL"];
    boots = known ["Legacy BIOS", "UEFI"];
}

/// Returns the schema of 32 or 64.
pub(super) fn bits(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "enum": [32, 64] })
}

/// Returns the schema of the only version.
pub(super) fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "const": 1 })
}
