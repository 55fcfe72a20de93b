//! `schema`: JSON Schemas, for editors.

use crate::cli::args::{SchemaArgs, SchemaOf};
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::constraints::manifest_schema;
use crate::report::{applied, events, output};

/// Kept by hand, since the types write themselves in ways of their own; tests hold them against real documents.
const PLAN: &str = include_str!("../../../schemas/plan.schema.json");
const DOCUMENTS: &str = include_str!("../../../schemas/documents.schema.json");
const STATE: &str = include_str!("../../../schemas/state.schema.json");

/// Prints a schema.
///
/// # Errors
/// None today.
pub fn run(args: &SchemaArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match args.of {
        SchemaOf::Manifest => printer.json(&manifest_schema()),
        SchemaOf::Plan => printer.data(PLAN),
        SchemaOf::State => printer.data(STATE),
        SchemaOf::Outcome => printer.json(&applied::outcome_schema()),
        SchemaOf::Documents => printer.data(DOCUMENTS),
        SchemaOf::Output => printer.json(&output::schema()),
        SchemaOf::Events => printer.json(&events::schema()),
    }
    Ok(ExitStatus::Done)
}
