//! `init`: writes a commented starter manifest that works as it is.

use std::io::ErrorKind;

use crate::cli::args::InitArgs;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;

/// The starter manifest.
pub const STARTER: &str = include_str!("starter.yaml");

/// Writes it; a file that is there is left as it is.
///
/// # Errors
/// When there is a file already, or it cannot be written.
pub fn run(args: &InitArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let path = sanitize::path(&args.path);
    let result =
        std::fs::OpenOptions::new().write(true).create_new(true).open(&args.path).and_then(|mut file| {
            use std::io::Write as _;
            file.write_all(STARTER.as_bytes())
        });
    match result {
        Ok(()) => {
            let named = match args.path.to_str() {
                Some("goldform.yaml") => String::new(),
                Some(_) => format!(" -f {path}"),
                // What is shown is not the name.
                None => " -f FILE".to_owned(),
            };
            printer.say(&format!(
                "Wrote {path}. It works as it is, on the sandbox:\n\n    \
                 goldform plan{named}\n    goldform apply{named}"
            ));
            Ok(ExitStatus::Done)
        }
        Err(source) if source.kind() == ErrorKind::AlreadyExists => Err(CommandError::input(
            format!("{path} is there already, and was left as it is"),
            "Name another file:\n\n    goldform init other.yaml",
        )),
        Err(source) => {
            let help = match source.kind() {
                ErrorKind::NotFound => "Make the folder first.",
                _ => "",
            };
            Err(CommandError::File { path, source, help: help.to_owned() })
        }
    }
}
