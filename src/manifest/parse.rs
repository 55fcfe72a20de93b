//! One file: text to the syntax types, on one of two paths.

use std::sync::{Arc, OnceLock};

use super::check::check;
use super::codes::{ALIAS_INVALID, DOCUMENTS_SEVERAL, LIMIT_EXCEEDED, TYPE_WRONG, YAML_INVALID};
use super::shape::Shapes;
use super::syntax::Manifest;
use super::text::corrected;
use super::view;
use super::yaml::{self, Refusal, Tree, What};
use crate::diagnostics::{Diagnostic, FileId, Span, shown};

/// A file that was read.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// What it says, without what is broken.
    pub(super) manifest: Manifest,
    /// What is wrong with it.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether it is YAML at all.
    pub(super) is_readable: bool,
    /// Its tree, where one was made.
    pub(super) tree: Option<Arc<Tree>>,
}

/// Reads a file.
pub(super) fn parse(file: FileId, text: &Arc<str>) -> Parsed {
    if !yaml::second_look(text)
        && let Some(manifest) = yaml::read::<Manifest>(text)
    {
        return Parsed { manifest, is_readable: true, ..Parsed::default() };
    }
    parse_slowly(file, text)
}

/// Reads a file by way of its tree: everything that is wrong, and everything that is not.
pub(super) fn parse_slowly(file: FileId, text: &Arc<str>) -> Parsed {
    static SHAPES: OnceLock<Shapes> = OnceLock::new();

    let tree = match Tree::build(text) {
        Ok(tree) => Arc::new(tree),
        Err(refusal) => {
            return Parsed { diagnostics: vec![refused(file, text, &refusal)], ..Parsed::default() };
        }
    };
    let mut findings = check(&tree, file, SHAPES.get_or_init(Shapes::of_manifest));
    let manifest = match tree.root() {
        Some(root) if !findings.broken.contains(&root) => view::read(&tree, root, &findings.broken),
        _ => Ok(Manifest::default()),
    };
    let manifest = manifest.unwrap_or_else(|unread| {
        // The check and the types agree, so this does not happen; if it does, nothing is passed over.
        let span = Span { file, start: 0, end: 0 };
        findings.diagnostics.push(TYPE_WRONG.found(format!("{}.", shown(&unread.0))).at(span, ""));
        Manifest::default()
    });
    Parsed { manifest, diagnostics: findings.diagnostics, is_readable: true, tree: Some(tree) }
}

/// What to tell about a text that is no YAML.
fn refused(file: FileId, text: &str, refusal: &Refusal) -> Diagnostic {
    let Refusal { what, span: range } = refusal;
    let place = Span { file, start: range.start, end: range.end };
    let limit = |detail: &str| LIMIT_EXCEEDED.found(detail).at(place, "the limit is reached here");
    let invalid =
        |detail: &str, label: &str, help: &str| YAML_INVALID.found(detail).at(place, label).help(help);
    match what {
        What::Tab => {
            let line = text.get(..range.start).unwrap_or_default();
            let start = line.rfind(['\n', '\r']).map_or(0, |at| at + 1);
            let indent = text.get(start..).unwrap_or_default();
            let end = start + indent.find(|c: char| !matches!(c, ' ' | '\t')).unwrap_or(indent.len());
            let spaces = text.get(start..end).unwrap_or_default().replace('\t', "  ");
            let help = match corrected(text, &(start..end), &spaces) {
                line if line.is_empty() => "Use spaces.".to_owned(),
                line => format!("{spaces}{line}"),
            };
            invalid(
                "A tab stands where YAML takes only spaces: its width is not the same everywhere.",
                "a tab",
                &help,
            )
        }
        What::Indentation => invalid(
            "This line is indented like none of the lines above that it could belong to. The lines of a list in \
             brackets, the closing one included, are indented more than the key before it.",
            "this indentation",
            "Indent the line like its neighbours.",
        ),
        What::OpenBracket(bracket) => {
            let closing = if *bracket == '[' { ']' } else { '}' };
            invalid(
                &format!("The bracket `{bracket}` is not closed, so everything after it would belong to it."),
                "not closed",
                &format!("Write `{closing}` where the value ends."),
            )
        }
        What::StrayBracket => invalid(
            "This bracket closes nothing, or something that another kind of bracket opened.",
            "this bracket",
            "Remove it, or put text that has a bracket into quotes.",
        ),
        What::OpenQuote => invalid(
            "This quoted text does not end, so everything after it would belong to it.",
            "not closed",
            "Write the closing quote where the text ends.",
        ),
        What::Escape => invalid(
            "This is no escape that YAML knows. In double quotes `\\` starts one.",
            "this escape",
            "Write `\\\\` for a backslash, or use single quotes.",
        ),
        What::AfterQuote => invalid(
            "Something follows a quoted text on its line; a quoted text is the whole value.",
            "after the closing quote",
            "Put all of it into the quotes; in single quotes write `''` for a quote.",
        ),
        What::Colon => invalid(
            "No key can stand here: a value goes on, or the line is indented more or less than its neighbours.",
            "unexpected",
            "Indent the line like its neighbours, or put text with `: ` in it into quotes.",
        ),
        What::Dash => invalid(
            "No list item can stand here: the items of a list are indented alike.",
            "unexpected",
            "Indent the item like its neighbours, or put text that starts with `- ` into quotes.",
        ),
        What::Separator => invalid(
            "A comma or the closing bracket is missing before this.",
            "unexpected",
            "Write a comma between items, and close the bracket.",
        ),
        What::Character(c) => invalid(
            &format!("A value cannot start with `{}` unless it is in quotes.", shown(&c.to_string())),
            "this character",
            "Put the value into quotes.",
        ),
        What::ByteOrderMark => {
            invalid("A byte-order mark stands in the middle of the text.", "here", "Remove it.")
        }
        What::LongKey => invalid(
            "What looks like a key here goes over several lines or is longer than 1024 characters, or a colon is \
             missing after it.",
            "no key",
            "Write `key: value` on one line.",
        ),
        What::UnknownAnchor => {
            let name = text.get(range.start..).unwrap_or_default().trim_start_matches('*');
            let name: String =
                name.chars().take_while(|c| !c.is_whitespace() && !"[]{},".contains(*c)).collect();
            let name = shown(&name);
            ALIAS_INVALID
                .found(format!("No anchor `&{name}` stands before this alias, so it stands for nothing."))
                .at(place, "this alias")
                .help("Write the anchor before the alias; put text that starts with `*` into quotes.")
        }
        What::AliasOfItself => ALIAS_INVALID
            .found("This alias stands within the value of its own anchor, which would have no end.")
            .at(place, "this alias")
            .help("Write the value out."),
        What::SeveralDocuments => DOCUMENTS_SEVERAL
            .found("A second document starts here. What stands in it was not read.")
            .at(place, "the second document")
            .help("Put it into a file of its own beside this one, or remove the `---`."),
        What::TooDeep => limit(&format!("The text is nested deeper than {} levels.", yaml::MAX_DEPTH)),
        What::TooManyNodes => limit(&format!("The file has more than {} keys and values.", yaml::MAX_NODES)),
        What::TooManyAliases => limit(&format!("The file has more than {} aliases.", yaml::MAX_ALIASES)),
        What::TooManyAnchors => limit(&format!("The file has more than {} anchors.", yaml::MAX_ANCHORS)),
        What::Other(words) => invalid(
            &format!("The text cannot be read as YAML: {}.", shown(words)),
            "here",
            "Put text with special characters into quotes.",
        ),
    }
}
