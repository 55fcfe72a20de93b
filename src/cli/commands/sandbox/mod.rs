//! `sandbox`: the sandbox for other programs, and what is in it.
//!
//! The commands but `serve` work on the world's file, so they may be used while a server or goldform itself works
//! on the same world.

pub mod args;
mod faults;
mod log;
mod seed;
mod serve;
mod switches;
mod tls;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use args::{SandboxArgs, SandboxCommand, WorldArgs};

use crate::cli::files::{Kind, read_named_text};
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::sim::{Settings, Sim, SimError};
use crate::diagnostics::{json_error_message, sanitize};

/// Runs a command of `sandbox`.
///
/// # Errors
/// When the world cannot be used, or what was typed or read is no use.
pub async fn run(args: &SandboxArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match &args.command {
        SandboxCommand::Serve(args) => serve::run(args, printer).await,
        SandboxCommand::Seed(args) => seed::run(args, printer),
        SandboxCommand::Reset(args) => {
            attach(args)?.reset().map_err(|error| broken(&args.world, &error))?;
            printer.say("The world is empty; its switches and faults are as they were.");
            Ok(ExitStatus::Done)
        }
        SandboxCommand::Faults(args) => faults::run(args, printer),
        SandboxCommand::Log(args) => log::log(args, printer),
        SandboxCommand::Peaks(args) => log::peaks(args, printer),
    }
}

/// Opens the world; one that is not there yet is made.
fn attach(args: &WorldArgs) -> Result<Sim, CommandError> {
    Sim::open(&args.world, Settings::default()).map_err(|error| broken(&args.world, &error))
}

fn broken(path: &Path, error: &SimError) -> CommandError {
    CommandError::input(
        format!("{}: {error}", sanitize::path(path)),
        "Name another file, or move it away to start an empty world:\n\n    --world another.world.db",
    )
}

/// Reads a small file of the user.
fn read(path: &Path, help: &str) -> Result<String, CommandError> {
    read_named_text(path, Kind::Sandbox, help)
}

/// Reads a YAML or JSON file of the user. Its text is not repeated: another file may have been named.
fn read_yaml<T: DeserializeOwned>(path: &Path, help: &str) -> Result<T, CommandError> {
    let refused = |why: String| CommandError::input(format!("{}: {why}", sanitize::path(path)), help);
    let value: Value = serde_saphyr::from_str(&read(path, help)?).map_err(|error| {
        refused(match error.location() {
            Some(at) => format!("it is not YAML from line {}, column {} on", at.line(), at.column()),
            None => "it is not YAML".to_owned(),
        })
    })?;
    serde_json::from_value(value).map_err(|error| refused(json_error_message(&error)))
}
