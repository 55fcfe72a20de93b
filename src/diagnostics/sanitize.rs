//! Escapes text of users and services before it is printed: no terminal codes, no reordering, no commands of a build
//! server, bounded length.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// Most characters of a user's text that a message repeats.
pub const SHOWN_CHARS: usize = 80;

/// Returns whether a character can control a terminal, or reorder or hide text.
///
/// These are control characters, and invisible characters that change the direction of text. A zero-width joiner is
/// part of ordinary emoji and scripts, and is not escaped.
pub fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061C}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// Appends the escape of a character, such as `\u{1b}`.
pub fn push_escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(other));
        }
    }
}

/// Escapes a user's text for one line of a message, and cuts it after [`SHOWN_CHARS`] characters.
pub fn escape_truncated(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4 * SHOWN_CHARS));
    for (position, c) in text.chars().enumerate() {
        if position >= SHOWN_CHARS {
            out.push('…');
            break;
        }
        if needs_escape(c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    out
}

/// Escapes a whole message, except its line breaks.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c != '\n' && needs_escape(c);
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Escapes text within a line, such as a name or a path: line breaks too, at any length.
pub fn escape_inline(text: &str) -> Cow<'_, str> {
    if !text.contains(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if needs_escape(c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Escapes a path for a message. File names can hold anything, line breaks included.
pub fn path(path: impl AsRef<Path>) -> String {
    escape_inline(&path.as_ref().to_string_lossy()).into_owned()
}

/// Escapes finished output as a last line of defence: everything except line breaks and, if `is_painted`, goldform's own
/// colours. Commands of a build server are escaped too.
pub fn for_terminal(text: &str, is_painted: bool) -> Cow<'_, str> {
    let is_bad = |c: char| c != '\n' && needs_escape(c);
    if !text.contains(is_bad) {
        return escape_ci_commands(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(is_bad) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let kept = if is_painted { colour(from) } else { "" };
        out.push_str(kept);
        rest = from.get(kept.len()..).unwrap_or_default();
        if kept.is_empty() {
            let mut chars = rest.chars();
            if let Some(c) = chars.next() {
                push_escaped(&mut out, c);
            }
            rest = chars.as_str();
        }
    }
    out.push_str(rest);
    Cow::Owned(escape_ci_commands(&out).into_owned())
}

/// Returns the terminal code at the start of a text if it sets only a foreground colour or a weight, or else an empty
/// text. Other codes can hide text.
fn colour(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return "" };
    let Some((numbers, _)) = rest.split_once('m') else { return "" };
    let is_plain = |number: &str| {
        matches!(number.parse(), Ok(0..=4 | 22..=24 | 31..=37 | 39 | 91..=97)) && number.len() <= 2
    };
    if !numbers.split(';').all(is_plain) {
        return "";
    }
    text.get(..numbers.len().saturating_add(3)).unwrap_or_default()
}

/// Puts a backslash before what a build server would execute as a command in its log: `::error::`, `##[error]`, `##vso[`.
pub fn escape_ci_command(line: &str) -> Cow<'_, str> {
    let start = line.trim_start();
    let is_command = start.starts_with("::") || start.starts_with("##");
    if !is_command && !line.contains("##") {
        return Cow::Borrowed(line);
    }
    let (blanks, start) = line.split_at(line.len().saturating_sub(start.len()));
    let mark = if is_command { "\\" } else { "" };
    let mut out = format!("{blanks}{mark}");
    let mut brackets = Brackets::default();
    for c in start.chars() {
        if brackets.opens_a_command(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Cow::Owned(out)
}

/// Applies [`escape_ci_command`] to every line of a text.
pub fn escape_ci_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_inclusive('\n').map(escape_ci_command).collect())
}

/// Finds the opening bracket of `##[error]` and `##vso[…]`, which are commands anywhere in a line. The answer depends only
/// on the characters before the bracket, so the start of a line is escaped in the same way as the whole line.
#[derive(Debug, Default)]
pub struct Brackets {
    /// Consecutive number signs.
    signs: usize,
    /// Whether letters, and nothing else, followed the signs.
    has_letters: bool,
}

impl Brackets {
    /// Reads the next character of a line, and returns whether it opens a command.
    pub fn opens_a_command(&mut self, c: char) -> bool {
        match c {
            '#' if self.has_letters => *self = Self { signs: 1, has_letters: false },
            '#' => self.signs = self.signs.saturating_add(1),
            '[' if self.signs >= 2 => {
                *self = Self::default();
                return true;
            }
            c if c.is_ascii_alphabetic() && self.signs >= 2 => self.has_letters = true,
            _ => *self = Self::default(),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_and_reordering_are_escaped() {
        assert_eq!(escape_truncated("a\u{1b}[31mred\u{202e}b\nc"), "a\\u{1b}[31mred\\u{202e}b\\nc");
        assert_eq!(escape_controls("one\ntwo\u{9b}"), "one\ntwo\\u{9b}");
        assert_eq!(escape_truncated("日本語 é 👩‍💻"), "日本語 é 👩‍💻");
    }

    #[test]
    fn text_within_a_line_stays_in_it() {
        assert_eq!(escape_inline("\n::error::x.yaml"), "\\n::error::x.yaml");
        assert_eq!(path(Path::new("a/\u{1b}]0;b\r\n.yaml")), "a/\\u{1b}]0;b\\r\\n.yaml");
        let long = "x".repeat(200);
        assert_eq!(escape_inline(&long), long);
    }

    #[test]
    fn only_our_colours_reach_a_terminal() {
        let painted = "\u{1b}[31m- a\u{1b}[0m\n\u{1b}[36;1mb\u{1b}[0m";
        assert_eq!(for_terminal(painted, true), painted);
        assert_eq!(for_terminal("\u{1b}[31mred", false), "\\u{1b}[31mred");
        for hidden in ["\u{1b}[8m", "\u{1b}[2J", "\u{1b}]0;x\u{7}", "\u{1b}[38;5;0m", "\u{1b}[m", "\u{1b}"] {
            assert!(!for_terminal(hidden, true).contains('\u{1b}'), "{hidden:?}");
        }
        assert_eq!(for_terminal("a\n::error::b\u{9b}", true), "a\n\\::error::b\\u{9b}");
    }

    #[test]
    fn commands_of_a_build_server_are_escaped() {
        assert_eq!(escape_ci_command("  ::error::x"), "  \\::error::x");
        assert_eq!(escape_ci_command("##vso[task]"), "\\##vso\\[task]");
        assert_eq!(escape_ci_command("a #x##vso[task] #[b] ## [c]"), "a #x##vso\\[task] #[b] ## [c]");
        assert_eq!(escape_ci_commands("a\n::b\n ##[c]"), "a\n\\::b\n \\##\\[c]");
        assert_eq!(escape_ci_command("a ##[error]x"), "a ##\\[error]x");
        assert_eq!(escape_ci_command("image::web"), "image::web");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(escape_truncated(&"x".repeat(1_000_000)).chars().count(), SHOWN_CHARS + 1);
    }
}
