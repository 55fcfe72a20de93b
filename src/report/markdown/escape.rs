//! Text of users inside Markdown: only ever as code, where nothing in it is markup, a mention, a link or a tag.

use crate::diagnostics::sanitize::{Brackets, escape_ci_command, escape_controls};

/// The widest line of a block: blocks are not wrapped where they are read.
const WIDTH: usize = 100;

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A piece of text in a sentence. A command of a build server may be anywhere in a line of the log that shows it.
pub(super) fn code(text: &str) -> String {
    let mut brackets = Brackets::default();
    let mut shown = String::with_capacity(text.len());
    for c in escape_controls(text).chars() {
        shown.extend(brackets.opens_a_command(c).then_some('\\'));
        shown.push(if c == '\n' { ' ' } else { c });
    }
    let text = shown;
    let ticks = "`".repeat(longest_run(&text).saturating_add(1));
    match text.trim() {
        "" => "—".to_owned(),
        text if text.contains('`') => format!("{ticks} {text} {ticks}"),
        text => format!("{ticks}{text}{ticks}"),
    }
}

/// The same in a table's cell.
pub(super) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Lines of text in a block, whose fence is longer than any in the text.
pub(super) fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).saturating_add(1).max(3));
    let text = escape_controls(text);
    let lines: Vec<_> = text.trim_end_matches('\n').lines().map(escape_ci_command).collect();
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

/// Sentences, broken into lines; what is indented is a command or an example and stays as it is.
pub(super) fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("    ") {
            lines.push(line.to_owned());
            continue;
        }
        let mut current = String::new();
        let mut width = 0usize;
        for word in line.split(' ') {
            let length = word.chars().count();
            if width > 0 && width.saturating_add(length) >= WIDTH {
                lines.push(std::mem::take(&mut current));
                width = 0;
            }
            if width > 0 {
                current.push(' ');
            }
            current.push_str(word);
            width = width.saturating_add(length).saturating_add(1);
        }
        lines.push(current);
    }
    lines.join("\n")
}

/// The beginning of a long text.
pub(in crate::report) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_a_build_server_is_none_within_a_sentence() {
        assert_eq!(code("a##[error]b ##vso[task]"), "`a##\\[error]b ##vso\\[task]`");
        assert_eq!(code("a #[b]"), "`a #[b]`");
    }

    #[test]
    fn code_is_longer_than_what_could_end_it() {
        assert_eq!(code("a``b"), "``` a``b ```");
        assert_eq!(code("@everyone"), "`@everyone`");
        assert_eq!(cell("a|b"), "`a\\|b`");
        assert_eq!(block("text", "```\nx"), "````text\n```\nx\n````\n");
        assert_eq!(code(" \n"), "—");
    }

    #[test]
    fn long_sentences_are_broken_and_commands_are_not() {
        let text = wrapped(&format!("{}\n\n    {}", "word ".repeat(30).trim(), "x".repeat(200)));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].len() <= WIDTH && lines.len() == 4, "{text}");
        assert_eq!(lines[3].len(), 204);
    }
}
