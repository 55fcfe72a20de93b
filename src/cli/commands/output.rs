//! `output`: the ids of the images that serve and of what lookups found, for other tools.

use std::collections::BTreeSet;

use compact_str::CompactString;
use serde_json::Value;

use crate::cli::args::{OutputAs, OutputCommandArgs, ReportFormat};
use crate::cli::printer::Printer;
use crate::cli::reports::write_text;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::{closest, sanitize};
use crate::diff::renamed;
use crate::model::{AccountId, Address};
use crate::report::envelope::to_text;
use crate::report::output::{Outputs, SameVariable};
use crate::state::Recorded;

/// Prints the id that serves in each region of each entry, and the ids of what lookups found. What is missing is named
/// on stderr, and the status is then 1.
///
/// # Errors
/// If the manifest or state cannot be read, or two ids would be one variable.
pub async fn run(args: &OutputCommandArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let snapshot = workspace.snapshot().await?;
    let recorded = snapshot.map_or_else(Recorded::default, |snapshot| snapshot.recorded);
    let (recorded, _) = renamed(&workspace.engine.desired, &recorded);
    let account = args.account.as_deref().map(|text| account(text, &workspace)).transpose()?;
    let mut outputs = Outputs::of(&workspace.engine.desired, &recorded, account);
    if let Some(text) = &args.address {
        let address = parse(text)?;
        let all = Outputs::of(&workspace.engine.desired, &recorded, None);
        outputs.keep_only(&address);
        if !all.covers(&address) {
            return Err(unknown(&address, &workspace, &recorded));
        }
    }
    let text = |format: ReportFormat| -> Result<String, CommandError> {
        Ok(match (format, outputs.only_id().filter(|_| args.address.is_some())) {
            // For `$(goldform output image.web@ap-tokyo)`.
            (ReportFormat::Text, Some(id)) => format!("{id}\n"),
            (ReportFormat::Json, _) => to_text(&Value::Object(outputs.json()?))?,
            (ReportFormat::Yaml, _) => outputs.yaml()?,
            (ReportFormat::Env, _) => outputs.env()?,
            (ReportFormat::Tfvars, _) => outputs.tfvars(),
            _ => outputs.text(),
        })
    };
    for (format, file) in &printer.reports.files {
        write_text(*format, &text(*format)?, file)?;
    }
    match requested(args, printer)? {
        Some(ReportFormat::Text) => printer.text(&text(ReportFormat::Text)?),
        Some(format) => printer.data(&text(format)?),
        None => {}
    }
    for missing in &outputs.missing {
        printer.always(&missing.to_string());
    }
    Ok(if outputs.missing.is_empty() { ExitStatus::Done } else { ExitStatus::Error })
}

/// Returns the format on stdout. `None` if only files were asked for.
fn requested(args: &OutputCommandArgs, printer: &Printer) -> Result<Option<ReportFormat>, CommandError> {
    let earlier_name = match args.output_as {
        None | Some(OutputAs::Table) => return Ok(printer.reports.stdout),
        Some(OutputAs::Env) => ReportFormat::Env,
        Some(OutputAs::Tfvars) => ReportFormat::Tfvars,
    };
    match printer.reports.stdout {
        None | Some(ReportFormat::Text) => Ok(Some(earlier_name)),
        Some(format) if format == earlier_name => Ok(Some(format)),
        Some(_) => Err(CommandError::input("`--as` and `--format` name different formats", "Remove `--as`.")),
    }
}

/// Returns the account with a name in the manifest, or with this id.
fn account(text: &str, workspace: &Workspace) -> Result<AccountId, CommandError> {
    let accounts = &workspace.engine.desired.accounts;
    if let Some(account) = accounts.get(text).copied().or_else(|| text.parse().ok()) {
        return Ok(account);
    }
    let help = match closest(text, accounts.keys().map(CompactString::as_str)) {
        Some(similar) => format!("Did you mean `{similar}`?"),
        None => "Use a name under `accounts`, or a main account id.".to_owned(),
    };
    let what =
        format!("`{}` is neither a name of the manifest nor an account id", sanitize::escape_truncated(text));
    Err(CommandError::input(what, help))
}

/// Parses the address of an entry, of an entry in a region, or of a lookup.
fn parse(text: &str) -> Result<Address, CommandError> {
    let help = "Name an entry, and a region if you want one id:\n\n    goldform output image.web@ap-tokyo";
    match text.parse::<Address>() {
        Ok(address @ (Address::Image(_) | Address::InRegion(..) | Address::Lookup(_))) => Ok(address),
        Ok(_) => Err(CommandError::input(
            format!("`{}` names a generation, and what serves changes", sanitize::escape_truncated(text)),
            help,
        )),
        Err(error) => Err(CommandError::input(error.to_string(), help)),
    }
}

/// Returns the error for an address that names nothing.
fn unknown(address: &Address, workspace: &Workspace, recorded: &Recorded) -> CommandError {
    let images = workspace.engine.desired.images.keys().chain(recorded.images.keys());
    let known: BTreeSet<String> = images.map(|key| format!("image.{key}")).collect();
    let similar = closest(&address.to_string(), known.iter().map(String::as_str));
    let help = match similar {
        Some(similar) => format!("Did you mean `{similar}`?"),
        None => "See which addresses there are:\n\n    goldform output".to_owned(),
    };
    CommandError::input(format!("{address} is neither in the manifest nor recorded"), help)
}

impl From<SameVariable> for CommandError {
    fn from(error: SameVariable) -> Self {
        Self::input(
            error.to_string(),
            "Rename one of them, or use the JSON, whose keys differ:\n\n    goldform output --format json",
        )
    }
}
