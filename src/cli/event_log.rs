//! The event log of a command: numbers and dates its lines, and holds the files that they are written to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use uuid::Uuid;

use super::CommandError;
use super::args::ReportFormat;
use super::files::failed;
use super::formats::Reports;
use crate::cloud::SystemClock;
use crate::model::Clock as _;
use crate::plan::Outcome;
use crate::report::envelope::FORMAT_VERSION;
use crate::report::events::{EventLine, RunEvent, StepCounts, StepName, SummaryEvent};

/// Requested events of a command, and what its summary will say.
#[derive(Debug)]
pub(super) struct EventLog {
    run: String,
    seq: u64,
    /// Whether lines go to stdout.
    pub(super) is_on_stdout: bool,
    files: Vec<(PathBuf, File)>,
    /// Steps that have started and not ended, with the image that they make.
    running: BTreeMap<String, (StepName, Option<String>)>,
    summary: SummaryEvent,
    /// Whether the summary is written: nothing follows it.
    has_ended: bool,
}

impl EventLog {
    /// Opens what the reports request. `None` if they request no events.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn open(reports: &Reports) -> Result<Option<Self>, CommandError> {
        let is_on_stdout = reports.stdout == Some(ReportFormat::Events);
        let mut files = Vec::new();
        for (_, path) in reports.files.iter().filter(|(format, _)| *format == ReportFormat::Events) {
            #[expect(
                clippy::disallowed_methods,
                reason = "lines are appended while a reader follows the file"
            )]
            let file = File::create(path).map_err(|source| failed(path, source, FILE_HELP))?;
            files.push((path.clone(), file));
        }
        if !is_on_stdout && files.is_empty() {
            return Ok(None);
        }
        #[expect(clippy::disallowed_methods, reason = "the id of a run is made here")]
        let run = Uuid::new_v4().to_string();
        let summary = SummaryEvent { command: reports.command.to_owned(), ..SummaryEvent::default() };
        let running = BTreeMap::new();
        Ok(Some(Self { run, seq: 0, is_on_stdout, files, running, summary, has_ended: false }))
    }

    /// Returns the line of an event. `None` after the summary.
    ///
    /// # Errors
    /// If it cannot be written as JSON: a defect of goldform.
    pub(super) fn line(&mut self, mut event: RunEvent) -> Result<Option<String>, CommandError> {
        if self.has_ended {
            return Ok(None);
        }
        self.follow(&mut event);
        self.seq = self.seq.saturating_add(1);
        let line = EventLine {
            format_version: FORMAT_VERSION,
            seq: self.seq,
            at: SystemClock.now().to_string(),
            run: self.run.clone(),
            event,
        };
        Ok(Some(line.text()?))
    }

    /// Follows which steps run. A settled step gets the id that was accepted for it.
    fn follow(&mut self, event: &mut RunEvent) {
        match event {
            RunEvent::Started(step) => {
                self.running.insert(step.step.clone(), (step.clone(), None));
            }
            RunEvent::Accepted { step, id } => {
                self.running.insert(step.step.clone(), (step.clone(), Some(id.clone())));
            }
            RunEvent::Settled { step, id } => {
                *id = self.running.remove(&step.step).and_then(|(_, id)| id);
            }
            RunEvent::Failed(failed) => {
                self.running.remove(&failed.step.step);
            }
            RunEvent::Summary(_) => self.has_ended = true,
            _ => {}
        }
    }

    /// Takes the outcome of a run into the summary. Returns the events of steps that have started and not ended.
    pub(super) fn outcome(&mut self, outcome: &Outcome) -> Vec<RunEvent> {
        self.summary.steps = Some(StepCounts::of(outcome));
        self.summary.warnings.clone_from(&outcome.warnings);
        self.summary.unsaved.clone_from(&outcome.unsaved);
        let ended = outcome.steps.iter().filter_map(|result| {
            let (name, _) = self.running.get(result.step.0.as_str())?;
            RunEvent::failed(name.clone(), &result.outcome)
        });
        ended.collect()
    }

    /// Returns the summary of a command that ends with this status and error.
    pub(super) fn summary(&self, exit_status: u8, error: Option<&CommandError>) -> RunEvent {
        RunEvent::Summary(SummaryEvent {
            exit_status,
            error: error.map(ToString::to_string),
            help: error.and_then(CommandError::help),
            ..self.summary.clone()
        })
    }

    /// Writes a line to the files. Returns those that it could not be written to; no more is written to them. A reader
    /// that is gone is no error.
    pub(super) fn write(&mut self, line: &str) -> Vec<CommandError> {
        let mut errors = Vec::new();
        self.files.retain_mut(|(path, file)| match file.write_all(line.as_bytes()) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    errors.push(failed(path, error, FILE_HELP));
                }
                false
            }
        });
        errors
    }
}

const FILE_HELP: &str = "Name a file that can be written.";
