//! What was applied and which snapshots are kept, for people.

use super::table::{Align, table};
use super::{Paint, count};
use crate::diagnostics::sanitize;
use crate::state::{Head, Run, RunEnd, RunResult, Runs, Written};

/// Runs, newest first, one a line. `is_running`: the newest is under way if it has no end.
pub fn runs_text(runs: &Runs, is_running: bool, paint: Paint) -> String {
    let mut rows =
        vec![["when", "command", "by", "serial", "plan", "result", "steps"].map(str::to_owned).to_vec()];
    for (number, run) in runs.iter().rev().enumerate() {
        let Run { at, by, command, digest, serial, steps, end: _ } = run;
        let steps: Vec<String> = steps.iter().map(|(verb, n)| format!("{n} {}", verb.as_str())).collect();
        rows.push(vec![
            at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            sanitize::escape_truncated(command),
            sanitize::escape_truncated(by),
            serial.to_string(),
            digest.name().to_owned(),
            if is_running && number == 0 && run.end.is_none() { "running".to_owned() } else { result(run) },
            steps.join(", "),
        ]);
    }
    let align = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Left, Align::Left, Align::Left];
    let text = table("", &align, &rows);
    match text.split_once('\n') {
        Some((head, rest)) => format!("{}\n{rest}", paint.dim(head)),
        None => text,
    }
}

fn result(run: &Run) -> String {
    let Some(RunEnd { at: _, result, done, failed, open, left }) = &run.end else {
        return "cut off".to_owned();
    };
    if *result == RunResult::Complete {
        return result.as_str().to_owned();
    }
    let mut parts = Vec::new();
    for (number, word) in [(done, "done"), (failed, "failed"), (open, "open"), (left, "not started")] {
        if *number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    format!("{}: {}", result.as_str(), parts.join(", "))
}

/// Snapshots, by rising serial, the present one marked.
pub fn snapshots_text(kept: &[(u64, Option<Head>)], present: Option<&Head>) -> String {
    let mut rows = vec![["", "serial", "written", "by", "for"].map(str::to_owned).to_vec()];
    let row = |serial: u64, head: Option<&Head>, mark: &str| {
        let (at, by, command) = match head.map(|head| &head.written) {
            Some(Some(Written { at, by, command })) => {
                let at = at.strftime("%Y-%m-%d %H:%M UTC").to_string();
                (at, sanitize::escape_truncated(by), sanitize::escape_truncated(command))
            }
            Some(None) => ("unknown".to_owned(), String::new(), String::new()),
            None => ("cannot be read".to_owned(), String::new(), String::new()),
        };
        vec![mark.to_owned(), serial.to_string(), at, by, command]
    };
    rows.extend(kept.iter().map(|(serial, head)| row(*serial, head.as_ref(), "")));
    rows.extend(present.map(|head| row(head.serial, Some(head), "*")));
    let align = [Align::Left, Align::Right, Align::Left, Align::Left, Align::Left];
    let mut text = table("", &align, &rows);
    if present.is_some() {
        text.push_str(&format!(
            "\n* is the present state; {} before it {} kept.\n",
            count(kept.len(), "snapshot", "snapshots"),
            if kept.len() == 1 { "is" } else { "are" },
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, Verb};

    #[test]
    fn runs_are_listed_newest_first_with_what_they_did() {
        let mut runs = Runs::default();
        let run = |at: &str, command: &str| Run {
            at: at.parse().unwrap(),
            by: "me@\u{1b}[31mhere".into(),
            command: command.into(),
            digest: Digest::of_bytes(command.as_bytes()),
            serial: 3,
            steps: [(Verb::Create, 1), (Verb::Copy, 2)].into(),
            end: None,
        };
        let end = |result, done, failed, left| RunEnd {
            at: "2026-11-24T12:05:00Z".parse().unwrap(),
            result,
            done,
            failed,
            open: 0,
            left,
        };
        runs.begin(run("2026-11-24T12:00:00Z", "apply"));
        runs.end(end(RunResult::Complete, 3, 0, 0));
        runs.begin(run("2026-11-25T12:00:00Z", "apply"));
        runs.end(end(RunResult::Partial, 1, 1, 1));
        runs.begin(run("2026-11-26T12:00:00Z", "destroy"));
        insta::assert_snapshot!(runs_text(&runs, false, Paint::PLAIN));
    }

    #[test]
    fn snapshots_are_listed_with_who_wrote_them() {
        let head = |serial, command: &str| Head {
            lineage: crate::state::Lineage("lineage-1".into()),
            serial,
            written: Some(Written {
                at: "2026-11-24T12:00:00Z".parse().unwrap(),
                by: "me@here".into(),
                command: command.into(),
            }),
        };
        let kept = [(1, Some(head(1, "refresh"))), (2, None)];
        insta::assert_snapshot!(snapshots_text(&kept, Some(&head(12, "state mv"))));
    }
}
