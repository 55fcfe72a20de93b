//! Arguments → settings → command: the only place that wires things together.
//!
//! `args` holds what can be typed, and nothing else; `env` reads every environment variable and `files` every input file;
//! `workspace` reads the manifest, opens the state and reaches the cloud; `commands/` has one file a command; `exit` has
//! the one table of exit statuses. Results are printed to stdout, messages and progress to stderr.

pub mod args;
mod belonging;
pub mod commands;
mod completion;
pub mod confirm;
pub mod env;
pub mod error;
mod event_log;
pub mod exit;
mod files;
mod formats;
mod heartbeat;
mod hint;
mod inputs;
pub mod log;
pub mod printer;
pub mod progress;
pub mod reports;
pub mod service;
pub mod signals;
mod storage;
pub mod workspace;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::error::ErrorKind;

pub use error::CommandError;
pub use exit::ExitStatus;

use args::{Command, OutputArgs};
use formats::Reports;
use printer::Printer;

use crate::apply::panic_text;

/// Runs the command line and returns its exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(status) = completion::complete(&arguments) {
        return status;
    }
    let cli = match formats::parse(arguments.clone()) {
        Ok(cli) => cli,
        Err(error) => {
            let hint = hint::hint(&error, &arguments);
            return match (Printer::usage(&error, hint.as_deref()), error.kind()) {
                (Err(error), _) => {
                    Printer::new(&OutputArgs::default(), Reports::default()).failure(&error);
                    error.exit_status()
                }
                (Ok(()), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => ExitStatus::Done,
                _ => ExitStatus::Error,
            };
        }
    };
    if let Some(directory) = &cli.directory
        && let Err(source) = std::env::set_current_dir(directory)
    {
        let error = files::failed(directory, source, "Name a directory that exists.");
        Printer::new(&cli.output, Reports::default()).failure(&error);
        return error.exit_status();
    }
    let reports = Reports::of(&cli.output, &cli.command);
    let printer = match reports.and_then(|reports| Printer::with_events(&cli.output, reports)) {
        Ok(printer) => printer,
        Err(error) => {
            Printer::new(&cli.output, Reports::default()).failure(&error);
            return error.exit_status();
        }
    };
    let ended = |status: ExitStatus, error: Option<&CommandError>| {
        let status = status.or(printer.output_status());
        printer.summary_event(status, error);
        // The summary itself may be what could not be written.
        status.or(printer.output_status())
    };
    if let Err(error) = log::start(&cli.output, printer.talk.color) {
        printer.failure(&error);
        return ended(error.exit_status(), Some(&error));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = CommandError::Internal(format!("the runtime cannot start: {error}"));
            printer.failure(&error);
            return ended(error.exit_status(), Some(&error));
        }
    };
    let result = guarded(|| {
        runtime.block_on(async {
            let _early = printer.has_events().then(|| signals::end_early(printer.clone()));
            dispatch(cli.command, &printer).await
        })
    });
    // A call that hangs must not keep the process: what it does is in the journal.
    runtime.shutdown_background();
    match result {
        Ok(status) => ended(status, None),
        Err(error) => {
            if let CommandError::ManifestUnusable { diagnostics, locator } = &error {
                printer.diagnostics(diagnostics, locator);
                reports::emit_unread(diagnostics, locator, &printer);
            }
            printer.failure(&error);
            ended(error.exit_status(), Some(&error))
        }
    }
}

/// Runs a command; a panic is an internal error like others.
fn guarded(command: impl FnOnce() -> Result<ExitStatus, CommandError>) -> Result<ExitStatus, CommandError> {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|panic| {
        Err(CommandError::Internal(format!("goldform panicked: {}", panic_text(panic.as_ref()))))
    })
}

async fn dispatch(command: Command, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match command {
        Command::Init(args) => commands::init::run(&args, printer),
        Command::Validate(args) => commands::validate::run(&args, printer).await,
        Command::Plan(args) => commands::plan::run(&args, printer).await,
        Command::Apply(args) => commands::apply::run(&args, printer).await,
        Command::Destroy(args) => commands::apply::destroy(&args, printer).await,
        Command::Rollback(args) => commands::rollback::run(*args, printer).await,
        Command::Set(args) => commands::set::run(*args, printer).await,
        Command::Refresh(args) => commands::refresh::refresh(&args, printer).await,
        Command::Drift(args) => commands::refresh::drift(&args, printer).await,
        Command::Render(args) => commands::render::run(&args, printer),
        Command::Show(args) => commands::show::run(&args, printer).await,
        Command::Output(args) => commands::output::run(&args, printer).await,
        Command::Images(args) => commands::images::run(&args, printer).await,
        Command::Import(args) => commands::import::run(&args, printer).await,
        Command::Forget(args) => commands::state::edit::forget(&args, "forget", printer).await,
        Command::History(args) => commands::history::run(&args, printer).await,
        Command::State(args) => commands::state::run(&args, printer).await,
        Command::Explain(args) => commands::explain::run(&args, printer).await,
        Command::Graph(args) => commands::graph::run(&args, printer).await,
        Command::Completions(args) => commands::completions::completions(&args, printer),
        Command::Man(args) => commands::completions::man(&args, printer),
        Command::Schema(args) => commands::schema::run(&args, printer),
        Command::Sandbox(args) => commands::sandbox::run(&args, printer).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error() {
        let error = guarded(|| panic!("index {} of 0", 3)).unwrap_err();
        assert_eq!(error.exit_status(), ExitStatus::Internal);
        assert_eq!(error.to_string(), "goldform panicked: index 3 of 0; this is a defect of goldform");
        assert!(matches!(guarded(|| Ok(ExitStatus::Changes)), Ok(ExitStatus::Changes)));
    }
}
