//! JUnit's XML, which most build servers read: a suite for the command, a case for each rule that judged.
//!
//! A rule that refuses has failed; one that warns has passed, and what it says is its output; one that is allowed is
//! skipped. What is wrong with the text, drift, each step of an apply, and each image in a region after it are cases of
//! their own. Written with quick-xml: quick-junit gives `testsuites` an attribute that Jenkins' schema refuses.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::applied::{EntryResult, PlacedImage, RegionResult};
use super::verdict::{Problem, Verdict};
use crate::diagnostics::{Severity, sanitize};
use crate::model::{Level, Region};
use crate::plan::{Failure, StepOutcome, StepResult};

/// What a case came to.
enum CaseStatus {
    Passed,
    /// Why: a line, and the whole text.
    Failed(String, String),
    Broken(String),
    Skipped(String),
}

struct Case {
    class: &'static str,
    name: String,
    came: CaseStatus,
    output: String,
    /// How long it took. `None` if it is not known or no run.
    took: Option<Duration>,
}

impl Case {
    fn new(class: &'static str, name: String, came: CaseStatus, output: String) -> Self {
        Self { class, name, came, output, took: None }
    }
}

/// Seconds, as JUnit counts time.
fn seconds(took: Option<Duration>) -> String {
    took.map_or_else(|| "0".to_owned(), |took| format!("{:.3}", took.as_secs_f64()))
}

/// What XML 1.0 cannot hold becomes the sign for an unreadable character; the rest was made harmless before.
fn legal(text: &str) -> String {
    let is_legal =
        |c: char| matches!(c, '\t' | '\n' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    let text = sanitize::escape_controls(text);
    let lines: Vec<_> = text.lines().map(sanitize::escape_ci_command).collect();
    lines.join("\n").chars().map(|c| if is_legal(c) { c } else { '\u{FFFD}' }).collect()
}

/// An attribute's text: line breaks in it would be read as blanks.
fn line(text: &str) -> String {
    legal(&text.replace('\n', " "))
}

fn place(problem: &Problem) -> String {
    match problem.position() {
        Some(at) => format!("{}:{}:{}: ", at.file, at.from.line, at.from.column),
        None => String::new(),
    }
}

fn messages(problems: &[&Problem]) -> String {
    let texts: Vec<String> =
        problems.iter().map(|problem| format!("{}{}", place(problem), problem.message())).collect();
    texts.join("\n\n")
}

fn cases(verdict: &Verdict<'_>) -> Vec<Case> {
    let mut by_code: BTreeMap<&str, Vec<&Problem>> = BTreeMap::new();
    for problem in &verdict.problems {
        by_code.entry(problem.code).or_default().push(problem);
    }
    let mut cases = Vec::new();
    for (rule, level) in &verdict.rules {
        let problems = by_code.remove(rule.code.id).unwrap_or_default();
        let (errors, others): (Vec<_>, Vec<_>) =
            problems.into_iter().partition(|problem| problem.severity == Severity::Error);
        let came = match (errors.first(), level) {
            (Some(first), _) => CaseStatus::Failed(first.summary.to_owned(), messages(&errors)),
            (None, Level::Allow) => CaseStatus::Skipped("allowed".to_owned()),
            (None, Level::Warn | Level::Deny) => CaseStatus::Passed,
        };
        let name = format!("{} {}", rule.code.id, rule.code.name);
        cases.push(Case::new("rules", name, came, messages(&others)));
    }
    if let Some((outcome, result)) = verdict.applied() {
        for StepResult { step, verb: _, outcome, took } in &outcome.steps {
            let came = match outcome {
                StepOutcome::Done => CaseStatus::Passed,
                StepOutcome::Failed(failure) => {
                    CaseStatus::Failed(failure_title(failure), failure.why.clone())
                }
                StepOutcome::Pending { failure: None } => {
                    CaseStatus::Broken("accepted, not ready yet".to_owned())
                }
                StepOutcome::Pending { failure: Some(failure) } => CaseStatus::Broken(failure.why.clone()),
                StepOutcome::Unknown(failure) => CaseStatus::Broken(failure.why.clone()),
                StepOutcome::Skipped { because } => CaseStatus::Skipped(format!("waits for {because}")),
                StepOutcome::NotStarted => CaseStatus::Skipped("the run was stopped before".to_owned()),
            };
            let case = Case::new("steps", step.to_string(), came, String::new());
            cases.push(Case { took: *took, ..case });
        }
        cases.extend(result.entries.iter().flat_map(images));
        by_code.remove("step_failed");
        by_code.remove("step_open");
    }
    for problem in by_code.into_values().flatten() {
        let whole = format!("{}{}", place(problem), problem.message());
        let (came, output) = match problem.severity {
            Severity::Advice => (CaseStatus::Passed, whole),
            // Drift fails the case.
            _ => (CaseStatus::Failed(problem.summary.to_owned(), whole), String::new()),
        };
        let name = format!("{} {}", problem.code, problem.subject);
        cases.push(Case::new("findings", name.trim().to_owned(), came, output));
    }
    number_namesakes(&mut cases);
    if cases.is_empty() {
        let name = verdict.command.to_owned();
        cases.push(Case::new("findings", name, CaseStatus::Passed, String::new()));
    }
    cases
}

/// What is the case with an entry in each region after an apply. Failures are those of the steps, so what is not
/// complete is skipped here.
fn images(entry: &EntryResult) -> Vec<Case> {
    let case = |(region, there): (&Region, &RegionResult)| {
        let images = there.images.iter().map(|image| {
            let PlacedImage { generation, id, state, serves, .. } = image;
            let generation = generation.name(&sanitize::escape_truncated);
            format!("{id} {} {generation}{}", state.as_str(), if *serves { ", serves" } else { "" })
        });
        let images: Vec<String> = images.collect();
        let name = format!("image.{}@{region}", entry.image);
        let output = if images.is_empty() { "no image".to_owned() } else { images.join("\n") };
        match there.is_complete {
            true => Case::new("images", name, CaseStatus::Passed, output),
            false => Case::new("images", name, CaseStatus::Skipped("not complete".to_owned()), output),
        }
    };
    entry.regions.iter().map(case).collect()
}

/// The title of a failed step, with its error code.
fn failure_title(failure: &Failure) -> String {
    match &failure.code {
        Some(code) => format!("the step failed: {code}"),
        None => "the step failed".to_owned(),
    }
}

/// GitLab shows only the first of several cases with one name.
fn number_namesakes(cases: &mut [Case]) {
    let mut seen: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for case in cases {
        let times = seen.entry((case.class, case.name.clone())).or_default();
        *times = times.saturating_add(1);
        if *times > 1 {
            case.name.push_str(&format!(" ({times})"));
        }
    }
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case) -> std::io::Result<()> {
    let class = format!("goldform.{}", case.class);
    let name = line(&case.name);
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", class.as_str()))
        .with_attribute(("name", name.as_str()))
        .with_attribute(("time", seconds(case.took).as_str()));
    if matches!(case.came, CaseStatus::Passed) && case.output.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        match &case.came {
            CaseStatus::Passed => {}
            CaseStatus::Failed(summary, text) => {
                let (summary, text) = (line(summary), legal(text));
                let failure = writer.create_element("failure").with_attribute(("message", summary.as_str()));
                failure.with_attribute(("type", case.class)).write_text_content(BytesText::new(&text))?;
            }
            CaseStatus::Broken(why) => {
                let (summary, text) = (line(why), legal(why));
                let error = writer.create_element("error").with_attribute(("message", summary.as_str()));
                error.with_attribute(("type", case.class)).write_text_content(BytesText::new(&text))?;
            }
            CaseStatus::Skipped(why) => {
                let why = line(why);
                writer.create_element("skipped").with_attribute(("message", why.as_str())).write_empty()?;
            }
        }
        if !case.output.is_empty() {
            let text = legal(&case.output);
            writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The problems, and an apply's steps, as JUnit's XML.
///
/// # Errors
/// When the XML cannot be written: a defect of goldform.
pub fn junit(verdict: &Verdict<'_>) -> std::io::Result<String> {
    let cases = cases(verdict);
    let number =
        |which: fn(&CaseStatus) -> bool| cases.iter().filter(|case| which(&case.came)).count().to_string();
    let tests = cases.len().to_string();
    let failures = number(|came| matches!(came, CaseStatus::Failed(..)));
    let errors = number(|came| matches!(came, CaseStatus::Broken(_)));
    let skipped = number(|came| matches!(came, CaseStatus::Skipped(_)));
    let numbers = [("tests", tests.as_str()), ("failures", failures.as_str()), ("errors", errors.as_str())];
    let suite = format!("goldform {}", verdict.command);
    let took = seconds(verdict.applied().map(|(outcome, _)| outcome.took));
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let suites = writer.create_element("testsuites").with_attribute(("name", "goldform"));
    suites.with_attributes(numbers).with_attribute(("time", took.as_str())).write_inner_content(
        |writer| {
            let element = writer.create_element("testsuite").with_attribute(("name", suite.as_str()));
            element
                .with_attributes(numbers)
                .with_attribute(("skipped", skipped.as_str()))
                .with_attribute(("time", took.as_str()))
                .write_inner_content(|writer| cases.iter().try_for_each(|case| write_case(writer, case)))?;
            Ok(())
        },
    )?;
    let mut text = String::from_utf8(writer.into_inner()).map_err(std::io::Error::other)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(legal("a\u{FFFE}b\u{1b}c\nd"), "a\u{FFFD}b\\u{1b}c\nd");
    }
}
