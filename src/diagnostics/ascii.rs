//! Signs for terminals that show ASCII only.

use std::borrow::Cow;

/// Replaces the signs of our own texts. Letters of other scripts stay: they are names that users chose.
pub fn ascii_signs(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '…' => out.push_str("..."),
            '→' => out.push_str("->"),
            '·' | '–' | '—' | '─' | '━' => out.push('-'),
            '✓' => out.push_str("ok"),
            '✗' | '×' => out.push('x'),
            '⚠' => out.push('!'),
            '│' | '┃' => out.push('|'),
            '╭' | '╮' | '╯' | '╰' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => {
                out.push('+')
            }
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_replaced_and_names_stay() {
        assert_eq!(ascii_signs("plain"), "plain");
        assert_eq!(ascii_signs("✗ image.网: 2 → 3 · wait…"), "x image.网: 2 -> 3 - wait...");
    }
}
