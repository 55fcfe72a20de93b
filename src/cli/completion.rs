//! Completion while a line is typed: the shell calls the program with the words so far and [`env::COMPLETE`] set, and
//! prints the candidates for the word at the cursor.
//!
//! Commands and flags come from the definition of the command line, and candidates for their values from the name of the
//! value: `ADDRESS`, `RULE`, `REGION`, … ([`offer`]). Completion reads the manifest and the state that the line names
//! ([`context`]), never the cloud. It writes nothing, and prints no error for a file that it cannot read.

mod bash;
mod context;
mod offer;

use std::ffi::OsString;
use std::sync::Arc;

use clap::Command;
use clap_complete::engine::ArgValueCompleter;
use clap_complete::env::{Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};
use clap_complete::{CompleteEnv, Shell};

use self::context::CommandLine;
use self::offer::Offer;
use super::args::OutputArgs;
use super::formats::{Reports, command_line};
use super::printer::Printer;
use super::{ExitStatus, env};

const SHELLS: Shells<'static> = Shells(&[&bash::Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// The program that a shell calls.
const PROGRAM: &str = "goldform";

/// Completes a line if a shell asks for it. Returns the exit status, or `None` if no shell asked.
#[expect(clippy::disallowed_methods, reason = "paths are completed from the folder that the shell is in")]
pub(super) fn complete(arguments: &[OsString]) -> Option<ExitStatus> {
    let shell = match env::get(env::COMPLETE) {
        Ok(shell) => shell?,
        Err(error) => {
            Printer::new(&OutputArgs::default(), Reports::default()).failure(&error);
            return Some(error.exit_status());
        }
    };
    let folder = std::env::current_dir().ok();
    let line = Arc::new(CommandLine::from_arguments(arguments));
    let engine = CompleteEnv::with_factory(|| with_completers(command_line(), &line, false))
        .var(env::COMPLETE)
        .bin(PROGRAM)
        .completer(PROGRAM)
        .shells(SHELLS);
    match engine.try_complete(arguments.iter().cloned(), folder.as_deref()) {
        Ok(true) => Some(match Printer::flush() {
            Ok(()) => ExitStatus::Done,
            Err(_) => ExitStatus::Error,
        }),
        Ok(false) => None,
        // An unknown shell is an error: the command that was typed is not run.
        Err(error) if SHELLS.completer(&shell).is_none() => {
            let _ = error.print();
            Some(ExitStatus::Error)
        }
        Err(_) => Some(ExitStatus::Error),
    }
}

/// Returns the script that makes a shell call the program for completion.
///
/// # Errors
/// If the shell is not supported: a defect of goldform.
pub(super) fn registration(shell: Shell) -> std::io::Result<String> {
    let mut text = Vec::new();
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &bash::Bash,
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
        Shell::Zsh => &Zsh,
        other => return Err(std::io::Error::other(format!("{other} is not known"))),
    };
    completer.write_registration(env::COMPLETE, PROGRAM, PROGRAM, PROGRAM, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Adds a completer to every value that has candidates.
fn with_completers(command: Command, line: &Arc<CommandLine>, is_recorded_only: bool) -> Command {
    // These commands act on recorded resources only.
    let is_recorded_only = is_recorded_only || matches!(command.get_name(), "state" | "forget");
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let command = command.mut_args(|argument| {
        let Some(offer) = Offer::of(&argument, is_recorded_only) else { return argument };
        argument.add(ArgValueCompleter::new(offer.completer(line)))
    });
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |inner| with_completers(inner, line, is_recorded_only))
    })
}
