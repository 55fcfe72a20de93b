//! Prints what rules find in an observation.

use crate::cli::printer::Printer;
use crate::cli::reports::emit;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::constraints::Judgement;
use crate::engine::EngineError;
use crate::report::CommandResult;

/// Prints what rules find in an observation, whether it is accepted or refused.
///
/// # Errors
/// If the cloud could not be read, or a rule refuses to record what was observed.
pub(super) fn accept<T>(
    workspace: &Workspace,
    observed: Result<T, EngineError>,
    judgement: impl Fn(&T) -> &Judgement,
    printer: &Printer,
) -> Result<T, CommandError> {
    match observed {
        Ok(observed) => {
            print_judgement(workspace, judgement(&observed), printer);
            Ok(observed)
        }
        Err(EngineError::ObservationRefused(judgement)) => {
            print_judgement(workspace, &judgement, printer);
            emit(workspace, &judgement.diagnostics, CommandResult::Unread, printer);
            Err(CommandError::AlreadyReported(ExitStatus::Violated))
        }
        Err(error) => Err(error.into()),
    }
}

fn print_judgement(workspace: &Workspace, judgement: &Judgement, printer: &Printer) {
    for rule in &judgement.needless_allowances {
        printer.say(&format!("note: --allow {rule} was not needed: the rule found nothing"));
    }
    printer.diagnostics(&judgement.diagnostics, &workspace.locator);
}
