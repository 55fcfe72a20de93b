//! Plain tables: columns as wide as their widest cell.

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// To the left.
    Left,
    /// To the right: numbers.
    Right,
}

/// A table as lines, two spaces between columns and `indent` before the first.
pub fn table(indent: &str, align: &[Align], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = align.iter().map(|_| 0).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(indent);
        for (position, cell) in row.iter().enumerate() {
            let width = widths.get(position).copied().unwrap_or_default();
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            if position > 0 {
                line.push_str("  ");
            }
            match align.get(position) {
                Some(Align::Right) => {
                    line.push_str(&pad);
                    line.push_str(cell);
                }
                _ => {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
