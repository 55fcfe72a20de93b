//! Completion while a line is typed: the shell calls the program with the words so far and [`env::COMPLETE`] set, and
//! gets what can stand where the cursor is.
//!
//! Commands and flags come from the definition of the command line; what they take, by the name of the value: `ADDRESS`,
//! `RULE`, `REGION`, … ([`offer`]). It reads the manifest and the state that the line names ([`known`]), never the cloud,
//! writes nothing, and is silent about what it cannot read.

mod bash;
mod known;
mod offer;

use std::ffi::OsString;
use std::sync::Arc;

use clap::{Command, CommandFactory as _};
use clap_complete::engine::ArgValueCompleter;
use clap_complete::env::{Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};
use clap_complete::{CompleteEnv, Shell};

use self::known::Line;
use self::offer::Offer;
use super::args::{Cli, OutputArgs};
use super::formats::Reports;
use super::printer::Printer;
use super::{ExitStatus, env};

const SHELLS: Shells<'static> = Shells(&[&bash::Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// What a shell is told to call.
const PROGRAM: &str = "goldform";

/// Completes, where a shell asks for it; gives the status then.
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
    let line = Arc::new(Line::of(arguments));
    let engine = CompleteEnv::with_factory(|| equipped(Cli::command(), &line, false))
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
        // A name of a shell that is none must be told: the command that was typed is not run.
        Err(error) if SHELLS.completer(&shell).is_none() => {
            let _ = error.print();
            Some(ExitStatus::Error)
        }
        Err(_) => Some(ExitStatus::Error),
    }
}

/// The script that makes a shell ask.
///
/// # Errors
/// When it cannot be made: a defect of goldform.
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

/// The command with a completer for every value that can be known.
fn equipped(command: Command, line: &Arc<Line>, is_of_the_record: bool) -> Command {
    // What these are about is recorded, not only declared.
    let is_of_the_record = is_of_the_record || matches!(command.get_name(), "state" | "forget");
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let command = command.mut_args(|argument| {
        let Some(offer) = Offer::of(&argument, is_of_the_record) else { return argument };
        argument.add(ArgValueCompleter::new(offer.completer(line)))
    });
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |inner| equipped(inner, line, is_of_the_record))
    })
}
