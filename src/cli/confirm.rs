//! Asks before something changes.

use std::io::BufRead as _;

use super::CommandError;
use super::printer::Printer;

/// Asks; only `yes` is yes.
///
/// # Errors
/// When nobody can be asked.
pub fn confirm(printer: &Printer, question: &str) -> Result<bool, CommandError> {
    if !printer.may_ask {
        return Err(CommandError::input(
            "cannot prompt: not a terminal",
            "Apply without a prompt:\n\n    --yes",
        ));
    }
    printer.always(&format!("\n{question} Only `yes` is accepted:"));
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Ok(answer.trim() == "yes")
}
