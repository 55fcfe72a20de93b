//! Which formats a command has, and which were requested.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, ValueEnum as _};

use super::CommandError;
use super::args::{Cli, Command, OutputArgs, ReportFormat, Request, RequestParser};
use crate::diagnostics::sanitize;

/// Requested outputs of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// Name of the command.
    pub command: &'static str,
    /// Format on stdout. `None` if only files with drawings were requested.
    pub stdout: Option<ReportFormat>,
    /// Formats in files.
    pub files: Vec<(ReportFormat, PathBuf)>,
    /// Largest size of Markdown, in bytes.
    pub markdown_budget: usize,
}

/// Formats that a command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SupportedFormats {
    /// Every format but the drawings.
    Results(&'static str),
    /// Text, JSON and events.
    Observed(&'static str),
    /// The drawings of a plan's graph.
    Drawings,
    /// The ids of images: text, JSON, YAML and variables.
    Ids,
    /// Text and JSON, on stdout only.
    Plain,
}

impl SupportedFormats {
    /// Formats by the command's name. All others are plain.
    const NAMED: &[(&str, Self)] = &[
        ("validate", Self::Results("validate")),
        ("plan", Self::Results("plan")),
        ("apply", Self::Results("apply")),
        ("destroy", Self::Results("destroy")),
        ("drift", Self::Results("drift")),
        ("refresh", Self::Observed("refresh")),
        ("rollback", Self::Results("rollback")),
        ("set", Self::Results("set")),
        ("output", Self::Ids),
        ("graph", Self::Drawings),
    ];

    fn of(command: &Command) -> Self {
        let name = match command {
            Command::Validate(_) => "validate",
            Command::Plan(_) => "plan",
            Command::Apply(_) => "apply",
            Command::Destroy(_) => "destroy",
            Command::Drift(_) => "drift",
            Command::Refresh(_) => "refresh",
            Command::Rollback(_) => "rollback",
            Command::Set(_) => "set",
            Command::Output(_) => "output",
            Command::Graph(_) => "graph",
            _ => return Self::Plain,
        };
        Self::named(name)
    }

    fn named(name: &str) -> Self {
        Self::NAMED.iter().find(|(known, _)| *known == name).map_or(Self::Plain, |(_, supported)| *supported)
    }

    /// Returns the formats on stdout.
    fn formats(self) -> Vec<ReportFormat> {
        let all = ReportFormat::value_variants().iter().copied();
        all.filter(|format| self.check(*format, false).is_ok()).collect()
    }

    /// Checks that the command has this format, in a file or on stdout.
    fn check(self, format: ReportFormat, is_file: bool) -> Result<(), CommandError> {
        let (what, help) = match self {
            Self::Results(command) if format.is_drawing() => (
                format!("`{command}` draws no graph"),
                "Draw the graph of the plan:\n\n    goldform graph --format svg=plan.svg",
            ),
            Self::Results(command) if format.is_of_ids() => (
                format!("`{command}` prints no ids of images"),
                "Print the ids that serve:\n\n    goldform output --format env",
            ),
            Self::Results(command @ "validate") if format == ReportFormat::Events => (
                format!("`{command}` has no events: it does one thing"),
                "Ask for its result:\n\n    --format json",
            ),
            Self::Observed(command)
                if !matches!(format, ReportFormat::Text | ReportFormat::Json | ReportFormat::Events) =>
            (
                format!("`{command}` prints text, json and events"),
                "Ask for one of them:\n\n    --format json",
            ),
            Self::Ids
                if !format.is_of_ids() && !matches!(format, ReportFormat::Text | ReportFormat::Json) =>
            (
                "`output` prints text, json, yaml, env and tfvars".to_owned(),
                "Ask for one of them:\n\n    --format json",
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
    /// Returns the outputs that the arguments request.
    ///
    /// # Errors
    /// If two formats would go to one place, or the command does not have one of them.
    pub fn of(args: &OutputArgs, command: &Command) -> Result<Self, CommandError> {
        let supported = SupportedFormats::of(command);
        let mut stdout = None;
        let mut files: Vec<(ReportFormat, PathBuf)> = Vec::new();
        for Request { format, file } in &args.format {
            supported.check(*format, file.is_some())?;
            match file {
                Some(file) if files.iter().any(|(_, other)| other == file) => {
                    return Err(CommandError::input(
                        format!("two formats would be written to {}", sanitize::path(file)),
                        "Give each a file of its own.",
                    ));
                }
                Some(file) => files.push((*format, file.clone())),
                None if stdout.is_some_and(|other| other != *format) => {
                    let example = match supported {
                        SupportedFormats::Drawings => "--format dot --format svg=plan.svg",
                        SupportedFormats::Ids => "--format env --format tfvars=images.tfvars",
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
        let (command, usual) = match supported {
            SupportedFormats::Results(command) | SupportedFormats::Observed(command) => {
                (command, Some(ReportFormat::Text))
            }
            SupportedFormats::Drawings => ("graph", Some(ReportFormat::Dot).filter(|_| files.is_empty())),
            SupportedFormats::Ids => ("output", Some(ReportFormat::Text).filter(|_| files.is_empty())),
            SupportedFormats::Plain => ("", Some(ReportFormat::Text)),
        };
        let markdown_budget = usize::try_from(args.markdown_budget).unwrap_or(usize::MAX);
        Ok(Self { command, stdout: stdout.or(usual), files, markdown_budget })
    }
}

/// Returns the formats of a command, which `find` finds by its name among those that have more than two.
pub(super) fn formats_of<'n>(find: impl FnOnce(&[String]) -> Option<&'n str>) -> Vec<ReportFormat> {
    let names: Vec<String> = SupportedFormats::NAMED.iter().map(|(name, _)| (*name).to_owned()).collect();
    find(&names).map_or(SupportedFormats::Plain, SupportedFormats::named).formats()
}

/// Returns the definition of the command line, in which the help of each command has only the formats of that command.
pub(super) fn command_line() -> clap::Command {
    let whole = Cli::command();
    let find = |id: &str| whole.get_arguments().find(|argument| argument.get_id() == id).cloned();
    let (format, budget) = (find("format"), find("markdown_budget"));
    let names: Vec<String> = whole.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    // A command's own argument takes the place of the global one, in the commands below it too.
    names.into_iter().fold(whole.clone(), |command, name| {
        let formats = SupportedFormats::named(&name).formats();
        command.mut_subcommand(name, |inner| {
            let has_markdown = formats.contains(&ReportFormat::Markdown);
            let format = format.clone().map(|format| format.value_parser(RequestParser(formats)));
            inner.args(format).args(budget.clone().map(|budget| budget.hide(!has_markdown)))
        })
    })
}

/// Parses the arguments of the program.
///
/// # Errors
/// If they are not a command of goldform, or ask for help.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = command_line();
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(formats: &[&str], command: &str) -> Result<Reports, CommandError> {
        let mut words = vec!["goldform", command];
        words.extend(formats.iter().flat_map(|format| ["--format", format]));
        let cli = parse(words.into_iter().map(OsString::from)).unwrap();
        Reports::of(&cli.output, &cli.command)
    }

    #[test]
    fn one_format_goes_to_stdout_and_others_to_files() {
        let requested = reports(&["sarif=a.sarif", "github", "junit=b.xml"], "plan").unwrap();
        assert_eq!((requested.command, requested.stdout), ("plan", Some(ReportFormat::Github)));
        assert_eq!(requested.files.len(), 2);
        assert_eq!(reports(&["sarif=a.sarif"], "plan").unwrap().stdout, Some(ReportFormat::Text));
        assert!(reports(&["sarif", "github"], "plan").is_err(), "both to stdout");
        assert!(reports(&["sarif=a", "github=a"], "plan").is_err(), "both to one file");
        assert!(reports(&["json"], "history").is_ok());
        assert!(reports(&["sarif"], "history").is_err());
        assert!(reports(&["json=a"], "history").is_err());
        assert!(reports(&["events=a", "json=b"], "refresh").is_ok());
        assert!(reports(&["sarif"], "refresh").is_err());
        assert!(reports(&["events"], "validate").is_err());
    }

    #[test]
    fn a_graph_is_drawn_to_stdout_or_to_the_files_that_were_asked_for() {
        assert_eq!(reports(&[], "graph").unwrap().stdout, Some(ReportFormat::Dot));
        let requested = reports(&["svg=a.svg", "mermaid=a.mmd"], "graph").unwrap();
        assert_eq!((requested.stdout, requested.files.len()), (None, 2));
        let requested = reports(&["svg=a.svg", "mermaid"], "graph").unwrap();
        assert_eq!(requested.stdout, Some(ReportFormat::Mermaid));
        for format in ["text", "json", "html=a.html"] {
            assert!(reports(&[format], "graph").is_err(), "{format}");
        }
        for command in ["plan", "refresh"] {
            assert!(reports(&["svg=a.svg"], command).is_err(), "{command}");
        }
        assert!(reports(&["svg", "dot"], "graph").is_err(), "both to stdout");
    }

    #[test]
    fn the_help_of_a_command_lists_the_formats_that_it_accepts() {
        let mut command = command_line();
        command.build();
        let mut count = 0;
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let format = inner.get_arguments().find(|argument| argument.get_id() == "format").unwrap();
            let listed: Vec<String> =
                format.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            let supported = SupportedFormats::named(inner.get_name());
            for format in ReportFormat::value_variants() {
                let name = format.to_possible_value().unwrap().get_name().to_owned();
                let is_accepted = supported.check(*format, false).is_ok();
                assert_eq!(listed.contains(&name), is_accepted, "{} {name}", inner.get_name());
                count += 1;
            }
        }
        assert!(count > 200, "{count}");
    }
}
