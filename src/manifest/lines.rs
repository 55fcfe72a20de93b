//! Lines of a text, for edits that keep every other byte.

/// Returns the line ending of a text: that of a file of Windows, of an old Mac, or a line feed.
pub(super) fn line_ending(text: &str) -> &'static str {
    if text.contains("\r\n") {
        "\r\n"
    } else if text.contains('\r') && !text.contains('\n') {
        "\r"
    } else {
        "\n"
    }
}

/// Returns the start of the next line after a position.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let Some(end) = rest.find(['\n', '\r']) else { return text.len() };
    let width = if rest.get(end..).is_some_and(|rest| rest.starts_with("\r\n")) { 2 } else { 1 };
    at + end + width
}

/// Returns the column of a position, if only blanks precede it on its line.
pub(super) fn column(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let line = before.rfind(['\n', '\r']).map_or(before, |end| before.get(end + 1..).unwrap_or_default());
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    line.bytes().all(|b| b == b' ').then_some(line.len())
}
