//! Text from elsewhere, made fit to be printed: no terminal codes, no reordering, no end.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// The longest piece of a user's text that a message repeats, in characters.
pub const SHOWN_CHARS: usize = 80;

/// Whether a character could do something to a terminal or to the order of what is read.
///
/// Control characters, and the invisible characters that turn text around or hide it. A zero-width joiner is
/// part of honest emoji and scripts, and stays.
pub fn is_harmful(c: char) -> bool {
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

/// Appends a harmful character as an escape: `\u{1b}`.
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

/// A user's text as a message may repeat it: on one line, escaped, cut where it is long.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4 * SHOWN_CHARS));
    for (position, c) in text.chars().enumerate() {
        if position >= SHOWN_CHARS {
            out.push('…');
            break;
        }
        if is_harmful(c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    out
}

/// A whole message with what is harmful in it escaped; its line breaks stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c != '\n' && is_harmful(c);
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Text that stands in a line, such as a name or a place: line breaks are escaped too, and nothing is cut.
pub fn in_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// A file as a message names it. Who writes a change chooses the names of its files, line breaks among them.
pub fn path(path: impl AsRef<Path>) -> String {
    in_line(&path.as_ref().to_string_lossy()).into_owned()
}

/// Everything that is printed for people, at last: our own colours stay, where there are any, and whatever else is
/// harmful is escaped, although it should have been where it was put in; a build server is given no orders.
pub fn printed(text: &str, is_painted: bool) -> Cow<'_, str> {
    let is_bad = |c: char| c != '\n' && is_harmful(c);
    if !text.contains(is_bad) {
        return no_commands(text);
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
    Cow::Owned(no_commands(&out).into_owned())
}

/// The code at the beginning of a text that sets a colour of letters or how heavy they are; nothing where there is none,
/// or where it does more: text can be hidden too.
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

/// A line that starts with text of a user, or is all of it: what a build server would take for a command in its log
/// (`::error::`, `##[error]`, `##vso[`) gets a backslash before it, and is read by people only.
pub fn no_command(line: &str) -> Cow<'_, str> {
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

/// The same for every line of a text.
pub fn no_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_inclusive('\n').map(no_command).collect())
}

/// Finds the bracket by which `##[error]` and `##vso[…]` are commands wherever they stand in a line. What comes after
/// a character says nothing about it, so the beginning of a line is shown the same as in the whole line.
#[derive(Debug, Default)]
pub struct Brackets {
    /// Number signs in a row, and whether only letters followed.
    signs: usize,
    has_letters: bool,
}

impl Brackets {
    /// Takes the next character of a line: whether a command would open with it.
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
    fn terminal_codes_and_reordering_are_shown_and_not_done() {
        assert_eq!(shown("a\u{1b}[31mred\u{202e}b\nc"), "a\\u{1b}[31mred\\u{202e}b\\nc");
        assert_eq!(harmless("one\ntwo\u{9b}"), "one\ntwo\\u{9b}");
        assert_eq!(shown("日本語 é 👩‍💻"), "日本語 é 👩‍💻");
    }

    #[test]
    fn what_stands_in_a_line_stays_in_it() {
        assert_eq!(in_line("\n::error::x.yaml"), "\\n::error::x.yaml");
        assert_eq!(path(Path::new("a/\u{1b}]0;b\r\n.yaml")), "a/\\u{1b}]0;b\\r\\n.yaml");
        let long = "x".repeat(200);
        assert_eq!(in_line(&long), long);
    }

    #[test]
    fn of_what_is_printed_only_our_colours_reach_a_terminal() {
        let painted = "\u{1b}[31m- a\u{1b}[0m\n\u{1b}[36;1mb\u{1b}[0m";
        assert_eq!(printed(painted, true), painted);
        assert_eq!(printed("\u{1b}[31mred", false), "\\u{1b}[31mred");
        for hidden in ["\u{1b}[8m", "\u{1b}[2J", "\u{1b}]0;x\u{7}", "\u{1b}[38;5;0m", "\u{1b}[m", "\u{1b}"] {
            assert!(!printed(hidden, true).contains('\u{1b}'), "{hidden:?}");
        }
        assert_eq!(printed("a\n::error::b\u{9b}", true), "a\n\\::error::b\\u{9b}");
    }

    #[test]
    fn what_a_build_server_would_obey_is_only_shown() {
        assert_eq!(no_command("  ::error::x"), "  \\::error::x");
        assert_eq!(no_command("##vso[task]"), "\\##vso\\[task]");
        assert_eq!(no_command("a #x##vso[task] #[b] ## [c]"), "a #x##vso\\[task] #[b] ## [c]");
        assert_eq!(no_commands("a\n::b\n ##[c]"), "a\n\\::b\n \\##\\[c]");
        assert_eq!(no_command("a ##[error]x"), "a ##\\[error]x");
        assert_eq!(no_command("image::web"), "image::web");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(shown(&"x".repeat(1_000_000)).chars().count(), SHOWN_CHARS + 1);
    }
}
