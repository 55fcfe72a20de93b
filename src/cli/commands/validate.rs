//! `validate`: parses a manifest and checks it against the rules, or the manifests that files belong to.

use std::path::PathBuf;

use crate::cli::args::{DEFAULT_MANIFEST, Format, ManifestArgs, RuleArgs, ValidateArgs};
use crate::cli::belonging::{Belonging, manifests_of};
use crate::cli::printer::Printer;
use crate::cli::reports::{Examined, emit_examined};
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::{Diagnostic, sanitize};
use crate::diff::PlanMode;
use crate::report::count;

/// Judges each manifest by itself, under the limits that a local state has recorded.
///
/// # Errors
/// If a manifest or a state cannot be read, or a file does not exist.
pub async fn run(args: &ValidateArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    if args.paths.is_empty() {
        let (examined, status) = examine(&args.manifest, &args.rules, None, printer).await?;
        emit_examined(vec![examined], printer);
        return Ok(status);
    }
    let named = Some(args.manifest.files.as_slice());
    let named = named.filter(|files| !matches!(files, [file] if file.as_os_str() == DEFAULT_MANIFEST));
    let Belonging { manifests, left_out } = manifests_of(&args.paths, named)?;
    note_left_out(&left_out, printer);
    let (mut all, mut status) = (Vec::new(), ExitStatus::Done);
    let names = |files: &[PathBuf]| {
        let names: Vec<String> = files.iter().map(sanitize::path).collect();
        names.join(", ")
    };
    let several = manifests.len() > 1;
    if several {
        let all: Vec<String> = manifests.iter().map(|files| names(files)).collect();
        printer.say(&format!("Checking {}.", all.join(", ")));
    }
    for files in manifests {
        let heading = several.then(|| format!("\n{}:", names(&files)));
        let manifest = ManifestArgs { files, ..args.manifest.clone() };
        match examine(&manifest, &args.rules, heading.as_deref(), printer).await {
            Ok((examined, own)) => {
                all.push(examined);
                status = status.or(own);
            }
            Err(CommandError::ManifestUnusable { diagnostics, locator }) => {
                heading.iter().for_each(|heading| printer.say(heading));
                printer.diagnostics(&diagnostics, &locator);
                all.push(Examined::unread(&diagnostics, &locator));
                status = status.or(ExitStatus::Error);
            }
            // The other manifests are checked too.
            Err(error) => {
                printer.failure(&error);
                status = status.or(error.exit_status());
            }
        }
    }
    emit_examined(all, printer);
    Ok(status)
}

/// Prints a note with the files that belong to no manifest.
fn note_left_out(files: &[PathBuf], printer: &Printer) {
    const NAMED: usize = 3;
    if files.is_empty() {
        return;
    }
    let named: Vec<String> = files.iter().take(NAMED).map(sanitize::path).collect();
    let more = match files.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = count(files.len(), "file belongs", "files belong");
    printer.say(&format!("note: {what} to no manifest: {}{more}", named.join(", ")));
}

async fn examine(
    manifest: &ManifestArgs,
    rules: &RuleArgs,
    heading: Option<&str>,
    printer: &Printer,
) -> Result<(Examined, ExitStatus), CommandError> {
    let mut workspace = Workspace::open(manifest, Some(rules))?;
    let snapshot = workspace.snapshot().await?;
    workspace.engine.use_lookups(snapshot.as_ref(), PlanMode::Normal);
    let judgement = workspace.engine.check_manifest(snapshot.as_ref(), !workspace.has_errors())?;
    let mut status = if judgement.refuses() { ExitStatus::Violated } else { ExitStatus::Done };
    if workspace.has_errors() {
        status = status.or(ExitStatus::Error);
    }
    let mut diagnostics: Vec<Diagnostic> = workspace.diagnostics.clone();
    diagnostics.extend(judgement.diagnostics);
    if printer.format == Format::Text {
        heading.iter().filter(|_| !diagnostics.is_empty()).for_each(|heading| printer.say(heading));
        printer.diagnostics(&diagnostics, &workspace.locator);
    }
    Ok((Examined::of(&workspace, &diagnostics), status))
}
