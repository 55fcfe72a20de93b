//! `completions` and `man`: what shells and `man` read, made from the same definition of the command line.

use std::io::Write as _;

use crate::cli::args::{CompletionsArgs, ManArgs};
use crate::cli::completion::registration;
use crate::cli::formats::command_line;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;

/// Prints the completion script of a shell: one that calls goldform while a line is typed, or a static one.
///
/// # Errors
/// When the script cannot be made: a defect of goldform.
pub fn completions(args: &CompletionsArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    if !args.is_static {
        let script = registration(args.shell).map_err(|error| CommandError::Internal(error.to_string()))?;
        printer.data(&script);
        return Ok(ExitStatus::Done);
    }
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command_line(), "goldform", &mut text);
    printer.data(&String::from_utf8_lossy(&text));
    Ok(ExitStatus::Done)
}

/// Prints the manual page, or writes one a command into a folder.
///
/// # Errors
/// When the folder cannot be written.
pub fn man(args: &ManArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let command = command_line();
    let Some(folder) = &args.dir else {
        let mut page = Vec::new();
        let file = |source| CommandError::File { path: "man".into(), source, help: String::new() };
        clap_mangen::Man::new(command).render(&mut page).map_err(file)?;
        printer.data(&String::from_utf8_lossy(&page));
        return Ok(ExitStatus::Done);
    };
    let error = |source| CommandError::File {
        path: sanitize::path(folder),
        source,
        help: "Name a folder that can be written.".to_owned(),
    };
    #[expect(clippy::disallowed_methods, reason = "the folder that the user named for the pages")]
    std::fs::create_dir_all(folder).map_err(error)?;
    clap_mangen::generate_to(command, folder).map_err(error)?;
    std::io::stderr().flush().map_err(error)?;
    printer.say(&format!("Wrote the manual pages to {}.", sanitize::path(folder)));
    Ok(ExitStatus::Done)
}
