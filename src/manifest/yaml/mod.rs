//! The one module that names a YAML library: typed reading, and a tree with the span of every key and value.
//!
//! [`read`] is the happy path: text to plain structs, with serde-saphyr. [`Tree`] is built from the events of
//! granit-parser, which is the parser under serde-saphyr, so both see the same text in the same way. A tree
//! costs about as much as a typed read and is made only when there is something to say.
//!
//! # Limits
//!
//! Every limit is a constant here. They are set so that 50 MB of honest manifest pass, and so that a hostile
//! text is diagnostic in bounded time and memory: nothing here is quadratic in the text, nothing recurses with
//! it, and aliases are counted each time they are followed.

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

/// The largest manifest file, in bytes. A fleet of 40,000 images with 20 accounts each takes 50 MB.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The deepest nesting. A manifest needs eight levels.
pub const MAX_DEPTH: usize = 64;
/// The most nodes (keys, values, lists, mappings) in one file. The 50 MB manifest has 3.6 million.
pub const MAX_NODES: usize = 10_000_000;
/// The most nodes that aliases may repeat in one file. Each costs as much as if it were written out.
pub const MAX_REPEATED: usize = 1_000_000;
/// The most bytes of text that aliases may repeat in one file. A list of 50 accounts that 10,000 shares repeat has 6 MB.
pub const MAX_REPEATED_BYTES: usize = 16 * 1024 * 1024;
/// The most entries that merges may add in one file. 10,000 entries that each merge one with 20 keys have as many.
pub const MAX_MERGED_ENTRIES: usize = 200_000;
/// The most mappings that one mapping may merge, by way of others too.
pub const MAX_MERGED: usize = 100;
/// The most anchors in one file.
pub const MAX_ANCHORS: usize = 50_000;
/// The most aliases in one file.
pub const MAX_ALIASES: usize = 500_000;
/// The longest key, in characters, as YAML has it.
const MAX_KEY_CHARS: usize = 1024;
/// The longest key, in bytes: one after `?`, or an alias, could have millions.
pub const MAX_KEY_BYTES: usize = 4 * MAX_KEY_CHARS;

/// Reads a whole file as a value.
///
/// Strict: a plain scalar that reads as a number, a boolean or null is not text, only `true` and `false` are
/// booleans, a key stands once. What these options cannot refuse, [`needs_slow_path`] finds. Nothing where the text
/// is not taken: the tree says why.
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
            // One list of accounts that every share repeats is honest; what it costs is limited below.
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

/// Whether lines within brackets and quotes, the closing one included, must be indented more than the key that
/// they belong to. YAML and the language servers of editors say so; older readers let it pass.
const STRICT_INDENTATION: bool = true;

/// The same limits and options for the event parser.
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
