//! `rollback`: pins an entry to a revision that was built before, in the manifest or, for an emergency, in the state.

use compact_str::CompactString;

use super::apply;
use super::edit::{Assignment, edit_manifest};
use crate::cli::args::RollbackArgs;
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;
use crate::manifest::edit::NewValue;
use crate::model::{Address, GenerationNumber, ImageKey, RevisionName};
use crate::state::{Edit, Hold, Recorded};

/// Pins the entry in the manifest's text, then plans or applies.
///
/// # Errors
/// If the entry or the revision does not exist, the edit is refused, or the plan or apply fails.
pub async fn run(args: RollbackArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let Ok(Address::Image(key)) = args.address.parse() else {
        return Err(CommandError::input(
            format!("`{}` is not the address of an entry", sanitize::escape_truncated(&args.address)),
            "Name the entry:\n\n    goldform rollback image.KEY",
        ));
    };
    let workspace = Workspace::open(&args.edit.run.manifest, None)?;
    if !workspace.engine.desired.images.contains_key(&key) {
        return Err(CommandError::input(
            format!("the manifest does not declare image.{key}"),
            "See which addresses there are:\n\n    goldform state list",
        ));
    }
    if args.release {
        let snapshot = workspace.snapshot().await?;
        if !snapshot.is_some_and(|snapshot| snapshot.recorded.holds.contains_key(&key)) {
            printer.say(&format!("No change: image.{key} is not held."));
            return Ok(ExitStatus::Done);
        }
        let release = Edit::Hold { image: key, hold: None };
        return apply::hold(&args.edit.run, release, printer).await;
    }
    let recorded = workspace.snapshot().await?.map(|snapshot| snapshot.recorded).unwrap_or_default();
    let to = match &args.to {
        Some(to) => named(&recorded, &key, to)?,
        None => before_serving(&recorded, &key)?,
    };
    if args.hold {
        let by = CompactString::from(workspace.actor());
        let hold = Hold { revision: to, since: workspace.engine.clock.now(), by };
        return apply::hold(&args.edit.run, Edit::Hold { image: key, hold: Some(hold) }, printer).await;
    }
    let path = vec!["images".to_owned(), key.to_string(), "pin".to_owned()];
    let pin = Assignment { path, value: NewValue::Text(to.to_string()) };
    edit_manifest(args.edit, &[pin], printer).await
}

/// A generation that can be returned to, and the name that a manifest has for it.
struct Candidate {
    generation: GenerationNumber,
    name: RevisionName,
}

/// Returns the usable generations of an entry, newest first. A name has a number if a newer one has the same revision.
fn candidates(recorded: &Recorded, key: &ImageKey) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (generation, revision) in recorded.usable_generations(key) {
        let Some(revision) = revision else { continue };
        let is_taken = found.iter().any(|newer| newer.name.revision == revision);
        let number = Some(generation).filter(|_| is_taken);
        found.push(Candidate { generation, name: RevisionName { revision, generation: number } });
    }
    found
}

/// Checks that a revision exists.
fn named(recorded: &Recorded, key: &ImageKey, text: &str) -> Result<RevisionName, CommandError> {
    let name: RevisionName = text.parse().map_err(|error: crate::model::MalformedRevision| {
        CommandError::input(error.to_string(), list(&candidates(recorded, key)))
    })?;
    let candidates = candidates(recorded, key);
    if candidates.iter().any(|known| name.matches(&known.name.revision, known.generation)) {
        return Ok(name);
    }
    Err(CommandError::input(
        format!("image.{key} has no image of revision `{}`", sanitize::escape_truncated(text)),
        list(&candidates),
    ))
}

/// Returns the newest usable revision before the one that serves.
fn before_serving(recorded: &Recorded, key: &ImageKey) -> Result<RevisionName, CommandError> {
    let candidates = candidates(recorded, key);
    let image = recorded.images.get(key);
    let regions = image.into_iter().flat_map(|image| image.generations.values());
    let regions = regions.flat_map(|build| build.placements.keys());
    let serving = regions.filter_map(|region| Some(recorded.serving(key, region)?.0)).max();
    let serving = serving.or_else(|| image.map(|image| image.current));
    let is_earlier = |known: &&Candidate| serving.is_some_and(|serving| known.generation < serving);
    match candidates.iter().find(is_earlier) {
        Some(earlier) => Ok(earlier.name.clone()),
        None => Err(CommandError::input(
            format!("image.{key} has no earlier generation to return to"),
            match candidates.is_empty() {
                true => list(&candidates),
                false => format!(
                    "{}\n\nEarlier ones are always kept, from the next build on, with:\n\n    keep: 1",
                    list(&candidates)
                ),
            },
        )),
    }
}

fn list(candidates: &[Candidate]) -> String {
    if candidates.is_empty() {
        return "Nothing of this entry is recorded.".to_owned();
    }
    let names: Vec<String> = candidates
        .iter()
        .map(|known| {
            let name = known.name.to_string();
            format!("{} (#{})", sanitize::escape_truncated(&name), known.generation)
        })
        .collect();
    format!("Revisions that exist: {}.", names.join(", "))
}
