//! Shared by the commands that edit the manifest's text: `set` and `rollback`.
//!
//! All edits are made on the text in memory, and the result is read again before a file is written, so that a refused edit
//! writes nothing. A run that dies between two files leaves the first edited: the same command then edits the second.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{apply, plan};
use crate::backend::file::write_atomically;
use crate::cli::args::{ApplyCommandArgs, EditArgs, PlanArgs, ProposalArgs};
use crate::cli::belonging::manifests_of;
use crate::cli::inputs::{Manifests, check_declared, is_stdin, read_manifests, variables};
use crate::cli::printer::Printer;
use crate::cli::reports::repository_path;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::{Severity, sanitize};
use crate::manifest::edit::{self, EditError, NewValue};
use crate::manifest::{self, Input, Variables};

/// New value of a key of the manifest.
pub struct Assignment {
    /// Keys, from the top of the manifest.
    pub path: Vec<String>,
    /// Value.
    pub value: NewValue,
}

/// A file with its text before and after the edits.
struct Edited {
    position: usize,
    before: String,
    after: String,
}

/// Edits the manifest, prints the difference, and plans or applies it. With `--diff`, only the patch is printed.
///
/// # Errors
/// If an edit is refused, the edited manifest has errors, a file cannot be written, or the plan or apply fails.
pub async fn edit_manifest(
    args: EditArgs,
    assignments: &[Assignment],
    printer: &Printer,
) -> Result<ExitStatus, CommandError> {
    let Manifests { mut inputs, paths, .. } = read_manifests(&args.run.manifest.files)?;
    let edited = edited(&mut inputs, assignments)?;
    let files: Vec<(&Path, &Edited)> =
        edited.iter().filter_map(|file| Some((paths.get(file.position)?.as_path(), file))).collect();
    check(inputs, &args)?;
    let patch: String = files.iter().map(|(path, file)| patch(path, file)).collect();
    for note in shared_files(&files, &paths) {
        printer.say(&note);
    }
    if args.diff {
        printer.data(&patch);
        return Ok(ExitStatus::Done);
    }
    if paths.iter().any(|path| is_stdin(path)) {
        return Err(CommandError::input(
            "the manifest was read from stdin, so it cannot be edited. Nothing was written",
            "Name its file, or print the patch with `--diff`.",
        ));
    }
    if files.is_empty() {
        printer.say("No change: the manifest says so already.");
        if !args.apply {
            return Ok(ExitStatus::Done);
        }
    }
    if !patch.is_empty() {
        printer.say(&sanitize::escape_controls(patch.trim_end()));
    }
    for (path, file) in &files {
        write_atomically(path, &file.after).map_err(|source| CommandError::File {
            path: sanitize::path(path),
            source,
            help: "Make the file writable, or edit it by hand. `--diff` prints the patch.".to_owned(),
        })?;
        printer.say(&format!("Written: {}.", sanitize::path(path)));
    }
    if args.apply {
        return apply::run(&ApplyCommandArgs { plan: None, apply: args.run }, printer).await;
    }
    let run = args.run;
    let proposal = ProposalArgs { select: run.select, refresh: false, destroy: false };
    let plan_args = PlanArgs {
        manifest: run.manifest,
        rules: run.rules,
        expect: run.expect,
        proposal,
        out: None,
        detailed_exitcode: false,
    };
    plan::run(&plan_args, printer).await
}

/// Makes the edits in the texts. Returns the files that they change.
fn edited(inputs: &mut [Input], assignments: &[Assignment]) -> Result<Vec<Edited>, CommandError> {
    let mut files: Vec<Edited> = Vec::new();
    for Assignment { path, value } in assignments {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let text_of = |input: &Input| String::from_utf8_lossy(&input.bytes).into_owned();
        // The file that has most of the path: an entry is in one file only.
        let deepest = inputs.iter().enumerate().max_by_key(|(position, input)| {
            (edit::depth(&text_of(input), &keys), std::cmp::Reverse(*position))
        });
        let Some(position) = deepest.map(|(position, _)| position) else { continue };
        let Some(input) = inputs.get_mut(position) else { continue };
        let text = text_of(input);
        let Some(after) = edit::edit(&text, &keys, value).map_err(|why| refused(&why, &keys, value))? else {
            continue;
        };
        input.bytes = after.clone().into_bytes();
        match files.iter_mut().find(|file| file.position == position) {
            Some(file) => file.after = after,
            None => files.push(Edited { position, before: text, after }),
        }
    }
    files.retain(|file| file.before != file.after);
    Ok(files)
}

fn refused(why: &EditError, path: &[&str], value: &NewValue) -> CommandError {
    let help = match (why, value) {
        (EditError::Variable { .. }, _) => {
            "Set the variable instead, where it is given: on the command line, in a variable file or in the \
             environment; or its default: `goldform set variables.NAME.default=VALUE`."
                .to_owned()
        }
        (_, NewValue::Unset) => "Remove it by hand.".to_owned(),
        _ => format!("Write it by hand:\n\n{}", edit::by_hand(path, value)),
    };
    CommandError::input(sanitize::escape_controls(&format!("{why}. Nothing was written")), help)
}

/// Checks that the edited manifest has no errors.
fn check(inputs: Vec<Input>, args: &EditArgs) -> Result<(), CommandError> {
    let variables = Variables::new(variables(&args.run.manifest)?.values);
    let loaded = manifest::load(inputs, &variables);
    check_declared(&args.run.manifest, &loaded)?;
    let is_error = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
    if is_error || loaded.desired.is_none() {
        let (diagnostics, locator) = (loaded.diagnostics, Box::new(loaded.locator));
        return Err(CommandError::ManifestUnusable { diagnostics, locator });
    }
    Ok(())
}

/// Returns a note for each edited file that other manifests include: the edit holds for them too.
fn shared_files(files: &[(&Path, &Edited)], own: &[PathBuf]) -> Vec<String> {
    // A manifest in one file includes nothing, and no other one can include it.
    if own.len() < 2 {
        return Vec::new();
    }
    let real = |path: &Path| path.canonicalize().ok();
    let own: BTreeSet<PathBuf> = own.iter().filter_map(|path| real(path)).collect();
    let is_own = |named: &PathBuf| {
        real(named)
            .is_some_and(|named| own.contains(&named) || own.iter().any(|path| path.starts_with(&named)))
    };
    let note = |path: &Path| {
        // Where the folders cannot be searched, the edit itself is none the worse.
        let belonging = manifests_of(&[path.to_path_buf()], None).ok()?;
        let others: Vec<String> =
            belonging.manifests.iter().flatten().filter(|named| !is_own(named)).map(sanitize::path).collect();
        let path = sanitize::path(path);
        (!others.is_empty()).then(|| {
            format!(
                "{path} belongs to other manifests too, for which the edit holds as well: {}.",
                others.join(", ")
            )
        })
    };
    files.iter().filter(|(path, _)| !is_stdin(path)).filter_map(|(path, _)| note(path)).collect()
}

/// Returns the difference in the form that `git apply` and `patch` accept, with paths from the current folder. A file above
/// it has its path in the work tree, or outside of one its path from the nearest folder that holds both: neither program
/// accepts a path that leads upwards.
fn patch(path: &Path, file: &Edited) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    let name = match path.starts_with("..") {
        true => repository_path(&path.display().to_string()),
        false => path.display().to_string(),
    };
    let name = name.trim_start_matches("../").to_owned();
    let (from, to) = match path.is_absolute() {
        true => (name.clone(), name),
        false => (format!("a/{name}"), format!("b/{name}")),
    };
    let difference = similar::TextDiff::from_lines(&file.before, &file.after);
    difference.unified_diff().context_radius(3).header(&from, &to).to_string()
}
