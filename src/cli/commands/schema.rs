//! `schema`: JSON Schemas, for editors.

use crate::cli::args::{SchemaArgs, SchemaOf};
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::manifest::schema;

/// Prints a schema.
///
/// # Errors
/// None today.
pub fn run(args: &SchemaArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match args.of {
        SchemaOf::Manifest => printer.json(&schema::schema()),
    }
    Ok(ExitStatus::Done)
}
