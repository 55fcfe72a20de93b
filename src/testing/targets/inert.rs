//! Output without an effect on the terminal, the build server or the page that shows it.

use crate::diagnostics::sanitize;

/// Asserts that a text has no terminal codes, characters that reorder it, or commands of a build server. GitHub's annotations
/// are such commands, so their lines are allowed.
pub(super) fn assert_inert(format: &str, text: &str) {
    // Pages of codes have tabs, and tables break long words by invisible characters of their own.
    let is_harmful = |c: char| {
        (!matches!(c, '\n' | '\t') && c.is_control())
            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(is_harmful), "{format}: {text:?}");
    for line in text.lines() {
        let ours = ["::error file=", "::warning file=", "::notice file="];
        if format == "github" && ours.iter().any(|start| line.starts_with(start)) {
            continue;
        }
        assert!(!line.trim_start().starts_with("::"), "{format}: {line:?}");
        assert!(!line.contains("##[") && !line.contains("##vso["), "{format}: {line:?}");
    }
}

/// As [`assert_inert`], for a message that the printer escapes before it is shown.
pub(super) fn assert_printable(message: &str) {
    assert_inert("text", &sanitize::for_terminal(message, false));
}
