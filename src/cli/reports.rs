//! Writes a result in every format that was requested.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::CommandError;
use super::args::ReportFormat;
use super::printer::Printer;
use super::workspace::Workspace;
use crate::backend::file::write_atomically;
use crate::constraints::Rule;
use crate::diagnostics::{Diagnostic, Place, Sources, sanitize};
use crate::manifest::Locator;
use crate::model::Level;
use crate::plan::Plan;
use crate::report::plan::PlanDetail;
use crate::report::position::Positions;
use crate::report::verdict::Problem;
use crate::report::{self, AccountNames, CommandResult, Paint, Places, Verdict};

/// A file's name in reports: relative to the repository that it lies in, with forward slashes; as it was given
/// where it lies in none.
pub fn repository_path(name: &str) -> String {
    let given = || name.replace(std::path::MAIN_SEPARATOR, "/");
    let Ok(path) = std::path::absolute(name) else { return given() };
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    let root = plain.ancestors().skip(1).find(|folder| folder.join(".git").exists());
    match root.and_then(|root| plain.strip_prefix(root).ok()) {
        Some(inside) => inside.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/"),
        None => given(),
    }
}

/// The file to point at for what has no place: the first that was read.
fn home(sources: &Sources) -> String {
    sources.iter().next().map_or_else(|| "goldform.yaml".to_owned(), |file| repository_path(&file.name))
}

/// Returns the file and the line of a place in the manifest.
pub fn line_of(workspace: &Workspace, place: &Place) -> Option<String> {
    let sources = workspace.locator.sources();
    let span = workspace.locator.place(place)?;
    let at = Positions::new(sources).of(span, &repository_path)?;
    Some(format!("{}:{}", at.file, at.from.line))
}

/// Writes a result in every format that was asked for. What cannot be written is reported, raises the status of the run
/// and keeps no other format from being written.
pub fn emit(workspace: &Workspace, diagnostics: &[Diagnostic], result: CommandResult<'_>, printer: &Printer) {
    let rules = match result {
        CommandResult::Drift(_) => Vec::new(),
        _ => {
            let rules = crate::constraints::RULES.iter();
            rules.map(|rule| (*rule, workspace.engine.levels.of(rule))).collect()
        }
    };
    let places = Places {
        locate: &|place: &Place| workspace.locator.place(place),
        sources: workspace.locator.sources(),
        name: &repository_path,
    };
    let verdict = Verdict {
        command: printer.reports.command,
        problems: places.problems(diagnostics),
        rules,
        home: home(places.sources),
        names: AccountNames::of(&workspace.engine.desired),
        result,
    };
    write(&verdict, printer);
}

/// A manifest that was judged by itself.
pub struct Examined {
    problems: Vec<Problem>,
    rules: Vec<(&'static Rule, Level)>,
    home: String,
    images: usize,
    placements: usize,
}

impl Examined {
    /// A manifest with these diagnostics.
    pub fn of(workspace: &Workspace, diagnostics: &[Diagnostic]) -> Self {
        let images = &workspace.engine.desired.images;
        let rules = crate::constraints::RULES.iter();
        Self {
            rules: rules.map(|rule| (*rule, workspace.engine.levels.of(rule))).collect(),
            images: images.len(),
            placements: images.values().map(|image| image.placements().len()).sum(),
            ..Self::unread(diagnostics, &workspace.locator)
        }
    }

    /// A manifest that cannot be used at all.
    pub fn unread(diagnostics: &[Diagnostic], locator: &Locator) -> Self {
        let places = Places {
            locate: &|place: &Place| locator.place(place),
            sources: locator.sources(),
            name: &repository_path,
        };
        let problems = places.problems(diagnostics);
        Self { problems, rules: Vec::new(), home: home(locator.sources()), images: 0, placements: 0 }
    }
}

/// Writes the result of all manifests that were judged, in every format that was requested. A problem of a file that several
/// of them share is reported once.
pub fn emit_examined(all: Vec<Examined>, printer: &Printer) {
    let mut problems: Vec<Problem> = Vec::new();
    let mut seen = BTreeSet::new();
    let (mut rules, mut images, mut placements) = (Vec::new(), 0_usize, 0_usize);
    let mut first_home = None;
    for examined in all {
        images = images.saturating_add(examined.images);
        placements = placements.saturating_add(examined.placements);
        first_home.get_or_insert(examined.home);
        if rules.is_empty() {
            rules = examined.rules;
        }
        for problem in examined.problems {
            if seen.insert((problem.fingerprint.clone(), problem.detail.clone())) {
                problems.push(problem);
            }
        }
    }
    problems.sort_by_key(|problem| problem.severity);
    let verdict = Verdict {
        command: printer.reports.command,
        problems,
        rules,
        home: first_home.unwrap_or_else(|| home(&Sources::default())),
        names: AccountNames::default(),
        result: CommandResult::Judged { images, placements },
    };
    write(&verdict, printer);
}

/// Writes the diagnostics of a manifest that cannot be used at all, in every format that was requested.
pub fn emit_unread(diagnostics: &[Diagnostic], locator: &Locator, printer: &Printer) {
    let places = Places {
        locate: &|place: &Place| locator.place(place),
        sources: locator.sources(),
        name: &repository_path,
    };
    let verdict = Verdict {
        command: printer.reports.command,
        problems: places.problems(diagnostics),
        rules: Vec::new(),
        home: home(places.sources),
        names: AccountNames::default(),
        result: CommandResult::Unread,
    };
    write(&verdict, printer);
}

fn write(verdict: &Verdict<'_>, printer: &Printer) {
    for (format, file) in &printer.reports.files {
        if let Err(error) = write_file(verdict, *format, file, printer) {
            printer.output_failed(&error);
        }
    }
    let Some(format) = printer.reports.stdout else { return };
    let budget = printer.reports.markdown_budget;
    match render(format, verdict, printer.out, printer.quiet, printer.detail, budget) {
        Ok(Some(text)) if format == ReportFormat::Text => printer.text(&text),
        Ok(Some(text)) => printer.data(&text),
        Ok(None) => {}
        Err(error) => printer.output_failed(&error),
    }
}

fn write_file(
    verdict: &Verdict<'_>,
    format: ReportFormat,
    file: &Path,
    printer: &Printer,
) -> Result<(), CommandError> {
    let budget = printer.reports.markdown_budget;
    match render(format, verdict, Paint::PLAIN, false, printer.detail, budget)? {
        Some(text) => write_text(format, &text, file),
        None => Ok(()),
    }
}

/// Writes a text in a format to a file.
///
/// # Errors
/// If the file cannot be written.
pub fn write_text(format: ReportFormat, text: &str, file: &Path) -> Result<(), CommandError> {
    let text = match format {
        ReportFormat::Text => sanitize::for_terminal(text, false),
        _ => text.into(),
    };
    write_atomically(file, &text).map_err(|source| CommandError::File {
        path: sanitize::path(file),
        source,
        help: "Name a file that can be written.".to_owned(),
    })
}

/// Returns the verdict in a format. `None` if the format draws a plan and there is none, or does not show verdicts.
///
/// # Errors
/// When a value cannot be written: a defect of goldform.
pub fn render(
    format: ReportFormat,
    verdict: &Verdict<'_>,
    paint: Paint,
    quiet: bool,
    detail: PlanDetail,
    budget: usize,
) -> Result<Option<String>, CommandError> {
    let json = |value| report::envelope::to_text(&value).map_err(CommandError::from);
    let drawn = |draw: fn(&Plan) -> String| verdict.plan().map(|(plan, _)| draw(plan));
    let text = match format {
        ReportFormat::Text => Ok(report::verdict::text(verdict, paint, quiet, detail)),
        ReportFormat::Json => json(report::json::verdict(verdict)?),
        ReportFormat::Markdown => Ok(report::markdown::markdown(verdict, budget, detail)),
        ReportFormat::Sarif => json(report::sarif::sarif(verdict)),
        ReportFormat::Junit => {
            report::junit::junit(verdict).map_err(|error| CommandError::Internal(error.to_string()))
        }
        ReportFormat::Github => Ok(report::github::github(verdict)),
        ReportFormat::Gitlab => json(report::gitlab::code_quality(verdict)),
        ReportFormat::GitlabTerraform => {
            json(report::gitlab::terraform(verdict.plan().map(|(plan, _)| plan)))
        }
        ReportFormat::Rdjson => json(report::rdjson::rdjson(verdict)),
        ReportFormat::Html => Ok(report::page::of(verdict, detail)),
        // `output` alone has these.
        ReportFormat::Yaml | ReportFormat::Env | ReportFormat::Tfvars => return Ok(None),
        // They were written when they happened.
        ReportFormat::Events => return Ok(None),
        ReportFormat::Dot => return Ok(drawn(report::graph::dot)),
        ReportFormat::Mermaid => return Ok(drawn(report::graph::mermaid)),
        ReportFormat::Svg => return Ok(drawn(report::drawing::svg)),
    };
    text.map(Some)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test creates a repository")]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_repository_is_named_from_its_root() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("a.yaml").display().to_string();
        assert_eq!(repository_path(&outside), outside);
        std::fs::create_dir_all(folder.path().join("repo/.git")).unwrap();
        let inside = folder.path().join("repo/x/../images/a.yaml").display().to_string();
        assert_eq!(repository_path(&inside), "images/a.yaml");
    }
}
