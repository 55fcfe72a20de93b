//! Annotations of GitHub: workflow commands that its runner reads from the log.

use super::verdict::{Problem, Verdict};
use crate::diagnostics::Severity;

/// Limit of annotations per level and step. The runner drops later ones.
const MOST: usize = 10;

/// What the runner reads back in a message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What the runner reads back in a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn line(command: &str, problem: &Problem, home: &str, more: usize) -> String {
    let place = match problem.position() {
        Some(at) => {
            let mut place = format!(
                "file={},line={},endLine={},col={}",
                property(&at.file),
                at.from.line,
                at.to.line,
                at.from.column
            );
            // Columns of two lines are refused.
            if at.from.line == at.to.line {
                place.push_str(&format!(",endColumn={}", at.to.column));
            }
            place
        }
        None => format!("file={},line=1", property(home)),
    };
    let title = if problem.code == problem.name {
        property(problem.summary)
    } else {
        property(&format!("{} {}", problem.code, problem.summary))
    };
    let more = match more {
        0 => String::new(),
        more => format!("\n\nand {more} more like this; the log has them all"),
    };
    format!("::{command} {place},title={title}::{}\n", data(&format!("{}{more}", problem.message())))
}

/// Returns the problems as workflow commands: at most ten per level, the gravest first. The tenth counts the rest.
pub fn github(verdict: &Verdict<'_>) -> String {
    let mut text = String::new();
    for (severity, command) in
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Advice, "notice")]
    {
        let problems: Vec<&Problem> =
            verdict.problems.iter().filter(|problem| problem.severity == severity).collect();
        for (position, problem) in problems.iter().take(MOST).enumerate() {
            let is_last = position.saturating_add(1) == MOST;
            let more = if is_last { problems.len().saturating_sub(MOST) } else { 0 };
            text.push_str(&line(command, problem, &verdict.home, more));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::position::Position;

    #[test]
    fn what_the_runner_would_read_is_escaped() {
        assert_eq!(data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }

    /// The names of files are those of a pull request, and a message repeats its texts.
    #[test]
    fn a_problem_is_one_command_whatever_its_texts_are() {
        let hostile = "x\n::error file=y::z\r\n::add-mask::w, title=t::%0A".to_owned();
        let point = crate::report::position::Point { line: 1, column: 1, utf16: 1, bytes: 1 };
        let at = Position { file: hostile.clone(), from: point, to: point, start: 0, end: 0 };
        let problem = Problem {
            code: "GF201",
            name: "image_name_invalid",
            severity: Severity::Error,
            summary: "Invalid name",
            detail: hostile.clone(),
            help: Some(hostile.clone()),
            subject: hostile.clone(),
            count: 1,
            labels: vec![(hostile.clone(), Some(at))],
            fingerprint: String::new(),
        };
        for problem in [problem.clone(), Problem { labels: Vec::new(), ..problem }] {
            let text = line("error", &problem, &hostile, 1);
            assert_eq!((text.lines().count(), text.matches(['\n', '\r']).count()), (1, 1), "{text}");
            // The properties end at the first `::` after the command, which is ours.
            let (properties, _) = text.strip_prefix("::error ").unwrap().split_once("::").unwrap();
            assert!(properties.ends_with("title=GF201 Invalid name"), "{properties}");
            assert_eq!(properties.matches("title=t").count(), 1, "{properties}");
            assert!(!properties.contains(", title"), "{properties}");
        }
    }
}
