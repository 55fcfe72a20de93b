//! Which formats were asked for, where each goes, and how files are called in them.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, ValueEnum as _};

use super::CommandError;
use super::args::{Command, OutputArgs, ReportFormat};
use super::printer::Printer;
use super::workspace::Workspace;
use crate::backend::file::write_atomically;
use crate::diagnostics::{Diagnostic, Place, Sources, sanitize};
use crate::manifest::Locator;
use crate::plan::Plan;
use crate::report::{self, AccountNames, CommandResult, Paint, Places, Verdict};

/// `FORMAT` or `FORMAT=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The format.
    pub format: ReportFormat,
    /// Where it goes; stdout where there is none.
    pub file: Option<PathBuf>,
}

/// Reads a [`Request`].
#[derive(Debug, Clone, Copy)]
pub struct RequestParser;

impl TypedValueParser for RequestParser {
    type Value = Request;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Request, clap::Error> {
        let (format, file) = match split_at_equals(value) {
            Some((format, file)) if !file.is_empty() => (format, Some(PathBuf::from(file))),
            _ => (value.to_owned(), None),
        };
        let parser = clap::builder::EnumValueParser::<ReportFormat>::new();
        Ok(Request { format: parser.parse_ref(command, argument, &format)?, file })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = ReportFormat::value_variants().iter();
        Some(Box::new(values.filter_map(clap::ValueEnum::to_possible_value)))
    }
}

/// The parts before and after the first `=`. The name of a file is kept as it is, whatever its encoding.
#[cfg(unix)]
pub(super) fn split_at_equals(value: &OsStr) -> Option<(OsString, OsString)> {
    use std::os::unix::ffi::OsStrExt as _;

    let bytes = value.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let part = |bytes: Option<&[u8]>| OsStr::from_bytes(bytes.unwrap_or_default()).to_owned();
    Some((part(bytes.get(..at)), part(bytes.get(at.saturating_add(1)..))))
}

/// The parts before and after the first `=`.
#[cfg(not(unix))]
pub(super) fn split_at_equals(value: &OsStr) -> Option<(OsString, OsString)> {
    let (format, file) = value.to_str()?.split_once('=')?;
    Some((format.into(), file.into()))
}

/// What is printed and written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// The command.
    pub command: &'static str,
    /// What goes to stdout; nothing where a drawing was asked for as a file.
    pub stdout: Option<ReportFormat>,
    /// What goes to files.
    pub files: Vec<(ReportFormat, PathBuf)>,
    /// The most bytes of Markdown.
    pub markdown_budget: usize,
}

/// What a command has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SupportedFormats {
    /// Results, in every format but the drawings.
    Results(&'static str),
    /// The graph of a plan.
    Drawings,
    /// Text and JSON, to stdout.
    Plain,
}

impl SupportedFormats {
    /// By the name of the command.
    const NAMED: &[(&str, Self)] = &[
        ("validate", Self::Results("validate")),
        ("plan", Self::Results("plan")),
        ("apply", Self::Results("apply")),
        ("destroy", Self::Results("destroy")),
        ("drift", Self::Results("drift")),
        ("graph", Self::Drawings),
    ];

    fn of(command: &Command) -> Self {
        let name = match command {
            Command::Validate(_) => "validate",
            Command::Plan(_) => "plan",
            Command::Apply(_) => "apply",
            Command::Destroy(_) => "destroy",
            Command::Drift(_) => "drift",
            Command::Graph(_) => "graph",
            _ => return Self::Plain,
        };
        Self::named(name)
    }

    fn named(name: &str) -> Self {
        Self::NAMED
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Self::Plain, |(_, repertoire)| *repertoire)
    }

    /// Whether the command has this format, to a file or to stdout.
    fn check(self, format: ReportFormat, is_file: bool) -> Result<(), CommandError> {
        let (what, help) = match self {
            Self::Results(command) if format.is_drawing() => (
                format!("`{command}` draws no graph"),
                "Draw the graph of the plan:\n\n    goldform graph --format svg=plan.svg",
            ),
            Self::Drawings if !format.is_drawing() => (
                "`graph` draws, as dot, mermaid or svg".to_owned(),
                "The plan has its steps and edges in JSON:\n\n    goldform plan --format json",
            ),
            Self::Plain if is_file || !matches!(format, ReportFormat::Text | ReportFormat::Json) => (
                "this command prints text and json only: validate, plan, apply, destroy and drift have every \
                 format"
                    .to_owned(),
                "Ask for one of the two:\n\n    --format json",
            ),
            _ => return Ok(()),
        };
        Err(CommandError::input(what, help))
    }
}

impl Reports {
    /// As the arguments ask for.
    ///
    /// # Errors
    /// When two formats would go to one place, or the command does not have one of them.
    pub fn of(args: &OutputArgs, command: &Command) -> Result<Self, CommandError> {
        let repertoire = SupportedFormats::of(command);
        let mut stdout = None;
        let mut files: Vec<(ReportFormat, PathBuf)> = Vec::new();
        for Request { format, file } in &args.format {
            repertoire.check(*format, file.is_some())?;
            match file {
                Some(file) if files.iter().any(|(_, other)| other == file) => {
                    return Err(CommandError::input(
                        format!("two formats would be written to {}", sanitize::path(file)),
                        "Give each a file of its own.",
                    ));
                }
                Some(file) => files.push((*format, file.clone())),
                None if stdout.is_some_and(|other| other != *format) => {
                    let example = match repertoire {
                        SupportedFormats::Drawings => "--format dot --format svg=plan.svg",
                        _ => "--format text --format sarif=goldform.sarif",
                    };
                    return Err(CommandError::input(
                        "two formats would go to stdout",
                        format!("Write all but one to files:\n\n    {example}"),
                    ));
                }
                None => stdout = Some(*format),
            }
        }
        let (command, usual) = match repertoire {
            SupportedFormats::Results(command) => (command, Some(ReportFormat::Text)),
            SupportedFormats::Drawings => ("graph", Some(ReportFormat::Dot).filter(|_| files.is_empty())),
            SupportedFormats::Plain => ("", Some(ReportFormat::Text)),
        };
        let markdown_budget = usize::try_from(args.markdown_budget).unwrap_or(usize::MAX);
        Ok(Self { command, stdout: stdout.or(usual), files, markdown_budget })
    }
}

/// The formats that can be asked of a command, which `find` finds by its name among those that have more than two.
pub fn formats_of<'n>(find: impl FnOnce(&[String]) -> Option<&'n str>) -> Vec<ReportFormat> {
    let names: Vec<String> = SupportedFormats::NAMED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let repertoire = find(&names).map_or(SupportedFormats::Plain, SupportedFormats::named);
    let all = ReportFormat::value_variants().iter().copied();
    all.filter(|format| repertoire.check(*format, false).is_ok()).collect()
}

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

/// Writes the diagnostics of a manifest that cannot be used at all, as [`tell`] does.
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
    match render(format, verdict, printer.out, printer.quiet, printer.reports.markdown_budget) {
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
    let Some(text) = render(format, verdict, Paint::PLAIN, false, budget)? else { return Ok(()) };
    let text = match format {
        ReportFormat::Text => sanitize::for_terminal(&text, false),
        _ => text.as_str().into(),
    };
    write_atomically(file, &text).map_err(|source| CommandError::File {
        path: sanitize::path(file),
        source,
        help: "Name a file that can be written.".to_owned(),
    })
}

/// The verdict in a format; nothing where there is no plan to draw.
fn render(
    format: ReportFormat,
    verdict: &Verdict<'_>,
    paint: Paint,
    quiet: bool,
    budget: usize,
) -> Result<Option<String>, CommandError> {
    let json = |value| report::json::to_text(&value).map_err(CommandError::from);
    let drawn = |draw: fn(&Plan) -> String| verdict.plan().map(|(plan, _)| draw(plan));
    let text = match format {
        ReportFormat::Text => Ok(report::verdict::text(verdict, paint, quiet)),
        ReportFormat::Json => json(report::json::verdict(verdict)?),
        ReportFormat::Markdown => Ok(report::markdown::markdown(verdict, budget)),
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
        ReportFormat::Html => Ok(report::page::of(verdict)),
        ReportFormat::Dot => return Ok(drawn(report::graph::dot)),
        ReportFormat::Mermaid => return Ok(drawn(report::graph::mermaid)),
        ReportFormat::Svg => return Ok(drawn(report::drawing::svg)),
    };
    text.map(Some)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a repository is made to look at")]
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

    fn reports(formats: &[&str], command: &str) -> Result<Reports, CommandError> {
        use clap::Parser as _;
        let mut words = vec!["goldform", command];
        words.extend(formats.iter().flat_map(|format| ["--format", format]));
        let cli = super::super::args::Cli::try_parse_from(words).unwrap();
        Reports::of(&cli.output, &cli.command)
    }

    #[test]
    fn one_format_goes_to_stdout_and_others_to_files() {
        let told = reports(&["sarif=a.sarif", "github", "junit=b.xml"], "plan").unwrap();
        assert_eq!((told.command, told.stdout), ("plan", Some(ReportFormat::Github)));
        assert_eq!(told.files.len(), 2);
        assert_eq!(reports(&["sarif=a.sarif"], "plan").unwrap().stdout, Some(ReportFormat::Text));
        assert!(reports(&["sarif", "github"], "plan").is_err(), "both to stdout");
        assert!(reports(&["sarif=a", "github=a"], "plan").is_err(), "both to one file");
        assert!(reports(&["json"], "refresh").is_ok());
        assert!(reports(&["sarif"], "refresh").is_err());
        assert!(reports(&["json=a"], "refresh").is_err());
    }

    #[test]
    fn a_graph_is_drawn_to_stdout_or_to_the_files_that_were_asked_for() {
        assert_eq!(reports(&[], "graph").unwrap().stdout, Some(ReportFormat::Dot));
        let told = reports(&["svg=a.svg", "mermaid=a.mmd"], "graph").unwrap();
        assert_eq!((told.stdout, told.files.len()), (None, 2));
        let told = reports(&["svg=a.svg", "mermaid"], "graph").unwrap();
        assert_eq!(told.stdout, Some(ReportFormat::Mermaid));
        for format in ["text", "json", "html=a.html"] {
            assert!(reports(&[format], "graph").is_err(), "{format}");
        }
        for command in ["plan", "refresh"] {
            assert!(reports(&["svg=a.svg"], command).is_err(), "{command}");
        }
        assert!(reports(&["svg", "dot"], "graph").is_err(), "both to stdout");
    }
}
