//! Reads YAML, as typed values or as a tree with the span of every key and value. No other module uses a YAML library.
//!
//! [`read`] is the fast path: it deserialises a text into plain structs with serde-saphyr. [`Tree`] is built from the
//! events of granit-parser, the parser of serde-saphyr, so that both read a text in the same way. A tree costs about as
//! much as a typed read and is built only if there is something to report.
//!
//! # Limits
//!
//! All limits are constants in this file. They allow an ordinary manifest of 50 MB, and bound the time and memory that a
//! hostile text can use: nothing is quadratic in the length of the text, nothing recurses with its depth, and each use of
//! an alias counts.

mod build;
mod error;
mod merge;
mod scalar;
mod slow_path;
mod tree;

pub(super) use error::{SyntaxError, SyntaxErrorKind};
pub(super) use merge::Entry;
pub(super) use scalar::{Plain, plain};
pub(super) use slow_path::needs_slow_path;
pub(super) use tree::{Kind, NodeId, Style, Tree};

use serde::de::DeserializeOwned;

/// Largest manifest file, in bytes. A fleet of 40,000 images with 20 accounts each has 50 MB.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Deepest nesting. A manifest needs eight levels.
pub const MAX_DEPTH: usize = 64;
/// Most nodes (keys, values, lists, mappings) in one file. The 50 MB manifest has 3.6 million.
pub const MAX_NODES: usize = 10_000_000;
/// Most nodes that aliases may repeat in one file. Each costs as much as a node that is written.
pub const MAX_REPEATED: usize = 1_000_000;
/// Most bytes of text that aliases may repeat in one file. A list of 50 accounts that 10,000 shares repeat has 6 MB.
pub const MAX_REPEATED_BYTES: usize = 16 * 1024 * 1024;
/// Most entries that merges may add in one file. 10,000 entries that each merge one with 20 keys have as many.
pub const MAX_MERGED_ENTRIES: usize = 200_000;
/// Most mappings that one mapping may merge, directly and indirectly.
pub const MAX_MERGED: usize = 100;
/// Most anchors in one file.
pub const MAX_ANCHORS: usize = 50_000;
/// Most aliases in one file.
pub const MAX_ALIASES: usize = 500_000;
/// Longest key in characters, which YAML defines.
const MAX_KEY_CHARS: usize = 1024;
/// Longest key in bytes. A key after `?` or an alias is not limited by YAML.
pub const MAX_KEY_BYTES: usize = 4 * MAX_KEY_CHARS;

/// Reads a whole file as a value.
///
/// It is strict: a plain scalar that is a number, a boolean or null is not text, only `true` and `false` are booleans, and
/// keys are unique. [`needs_slow_path`] finds what these options cannot refuse. Returns `None` if the text is not
/// accepted, and the slow path reports why.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(MAX_BYTES),
            max_events: 2 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            simple_key_max_lookahead: MAX_KEY_CHARS,
            // Replayed scalars count too.
            max_total_scalar_bytes: text.len().saturating_add(MAX_REPEATED_BYTES),
            max_anchors: MAX_ANCHORS,
            max_aliases: MAX_ALIASES,
            max_recorded_anchor_events: MAX_REPEATED,
            max_documents: 1,
            // Many shares may repeat one list of accounts. Its cost is limited below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPEATED,
            max_replay_stack_depth: MAX_DEPTH,
        },
        emit_comments: false,
        strict_indentation: STRICT_INDENTATION,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        no_schema: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).ok()
}

/// Whether lines within brackets and quotes, closing ones included, must be indented more than their key. YAML and the
/// language servers of editors require it, older readers do not.
const STRICT_INDENTATION: bool = true;

/// Returns the same limits and options for the event parser.
fn parser_options() -> granit_parser::Options {
    let mut options = granit_parser::options! {
        strict_indentation: STRICT_INDENTATION,
        emit_anchor_events: false,
        simple_key_max_lookahead: MAX_KEY_CHARS,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    options.set_emit_comments(false);
    options
}
