//! `import`: adopts existing images as entries of the manifest and records them. The cloud is not changed.
//!
//! The manifest is written first and the state second. A run that is cut off between the two leaves entries without a
//! record, and repeating the import records them. In the other order, the next plan would delete images that are
//! recorded and not declared. Both files are replaced atomically, under the lock of the state.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

mod result;

use result::ImportResult;

use super::judgement::accept;
use super::planning::print_recovery;
use crate::apply::survey;
use crate::backend::LockWait;
use crate::backend::file::write_atomically;
use crate::cli::args::{Format, ImportArgs};
use crate::cli::confirm::confirm;
use crate::cli::files::{Kind, read_named_text};
use crate::cli::inputs::{Manifests, is_stdin, read_manifests};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::{CloudRead, ErrorKind};
use crate::diagnostics::Severity;
use crate::diagnostics::sanitize;
use crate::diff::adopt::{self, Adoptable, LeftOut, Pick};
use crate::engine::LockedState;
use crate::manifest::insert::{self, NewEntry};
use crate::manifest::{self, Desired, Input, Variables};
use crate::model::{AccountId, Address, ImageId, ImageKey, ImageKind, PlacementKey, Region};
use crate::report::count;
use crate::state::terraform::{self, Named};
use crate::state::{Observed, Recorded, Snapshot, state_edit};

/// Limit of concurrent calls.
const PARALLEL: usize = 10;

/// Adopts images.
///
/// # Errors
/// If the manifest, the state or the cloud cannot be read or written, an image does not exist, or the entries cannot be
/// inserted into the manifest.
pub async fn run(args: &ImportArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    if workspace.has_errors() {
        printer.diagnostics(&workspace.diagnostics, &workspace.locator);
        return Err(CommandError::AlreadyReported(ExitStatus::Error));
    }
    let terraform = args.terraform.as_deref().map(read_terraform).transpose()?;
    if let Some((at, id)) = args.address.as_deref().and_then(placement_of).zip(args.id.as_ref()) {
        return resolve(args, &workspace, &at, id, printer).await;
    }
    let entry = args.address.as_deref().map(key_of).transpose()?;
    let mut store = workspace.locked_store("import", LockWait(args.lock.lock_timeout), printer).await?;
    let mut state = LockedState::load(&mut *store, || workspace.first_snapshot()).await?;
    // No snapshot was saved yet.
    let is_first = state.snapshot.serial == 0;
    workspace.check_owner(&state.snapshot)?;
    let connected = workspace.connect()?;
    let recovery = state.recover(&connected).await?;
    print_recovery(&state.snapshot, &recovery, printer);
    connected.check_caller().await?;
    let cloud: Arc<dyn CloudRead> = connected.cloud.clone();
    let regions = regions(args, entry.as_ref(), &workspace, cloud.as_ref()).await?;
    let (mut observed, failures) = survey(&cloud, workspace.engine.clock.as_ref(), regions, PARALLEL).await?;
    for (region, error) in failures {
        // Not every region has the image service.
        if args.region.is_empty() && error.kind == ErrorKind::Unsupported {
            printer.say(&format!("note: {region} was left out: {error}"));
        } else {
            return Err(error.into());
        }
    }

    // What is imported is recorded together with the regions as they were observed.
    let judged = connected.check_observed(&state.snapshot, &mut observed).await;
    accept(&workspace, judged, |judgement| judgement, printer)?;

    let pick = match (&args.id, &terraform) {
        (Some(id), _) => Pick::Named { ids: BTreeSet::from([id.clone()]), names: BTreeSet::new() },
        (None, Some(named)) => Pick::Named { ids: named.ids.clone(), names: named.names.clone() },
        (None, None) => Pick::All,
    };
    let mut lineages = vec![&state.snapshot.lineage];
    if let Some(lost) = &args.from_state {
        if !adopt::is_known(lost, &workspace.engine.desired, &observed) {
            return Err(CommandError::input(
                format!("no observed image belongs to the state {lost}"),
                "See what is left out, and why:\n\n    goldform import --all --dry-run",
            ));
        }
        if is_first {
            state.snapshot.lineage = lost.clone();
        }
        lineages = vec![&state.snapshot.lineage, lost];
    }
    let declared = entry.as_ref().filter(|key| workspace.engine.desired.images.contains_key(*key));
    let before = state.snapshot.recorded.clone();
    // What a lost state made, as the entries that the manifest still declares.
    if pick == Pick::All {
        let recorded = &mut state.snapshot.recorded;
        adopt::declared::record_lost(&workspace.engine.desired, recorded, &lineages, &observed);
    }
    let mut found =
        adopt::adoptable(&workspace.engine.desired, &state.snapshot.recorded, &lineages, &observed, &pick);
    let job = match (declared, &args.id) {
        (Some(key), Some(id)) => {
            found.entries.clear();
            found.notes.clear();
            record_declared(
                key,
                id,
                &found.left_out,
                &workspace.engine.desired,
                &mut state.snapshot,
                &observed,
            )?;
            None
        }
        _ => {
            if let (Some(key), Some(id)) = (&entry, &args.id) {
                name_as(&mut found, key, id)?;
            }
            edited(args, &workspace, &found.entries)?
        }
    };
    let desired = job.as_ref().map_or(&workspace.engine.desired, |edit| &edit.desired);
    adopt::record(desired, &mut state.snapshot.recorded, &observed);
    let recorded = new_placements(&before, &state.snapshot.recorded);
    found.left_out.retain(|left| recorded.iter().all(|(_, id)| *id != left.id));
    take_facts(&mut state.snapshot, observed, desired);
    state.snapshot.place = desired.cloud.place();

    let result =
        ImportResult { found: &found, recorded: &recorded, terraform: terraform.as_ref(), job: job.as_ref() };
    if printer.format != Format::Json {
        result.text(printer);
    }
    let is_written = !recorded.is_empty() && is_wanted(args, recorded.len(), printer)?;
    if is_written {
        if let Some(edit) = &job {
            write_atomically(&edit.path, &edit.text).map_err(|source| CommandError::File {
                path: edit.name.clone(),
                source,
                help: "Nothing was written.".to_owned(),
            })?;
            printer.say(&format!("Written: {}.", edit.name));
        }
        state.changed();
        state.save().await?;
        printer.say(&format!("Recorded in {}, serial {}.", state.store.place(), state.snapshot.serial));
    }
    if printer.format == Format::Json {
        result.json(is_written, printer);
    }
    Ok(ExitStatus::Done)
}

/// Returns whether the result is written: after `--yes`, or if the user confirms.
fn is_wanted(args: &ImportArgs, number: usize, printer: &Printer) -> Result<bool, CommandError> {
    if args.dry_run {
        printer.say("Nothing was written.");
        return Ok(false);
    }
    if args.yes || confirm(printer, &format!("Adopt {}?", count(number, "image", "images")))? {
        return Ok(true);
    }
    printer.always("Nothing was written.");
    Ok(false)
}

fn read_terraform(path: &Path) -> Result<Named, CommandError> {
    const HELP: &str = "Name a state of Terraform:\n\n    terraform show -json > state.json";
    let text = read_named_text(path, Kind::Terraform, HELP)?;
    terraform::named(&text)
        .map_err(|why| CommandError::input(format!("{}: {why}", sanitize::path(path)), HELP))
}

fn placement_of(text: &str) -> Option<PlacementKey> {
    match text.parse::<Address>() {
        Ok(Address::Placement(at)) => Some(at),
        _ => None,
    }
}

/// Records the image that an unanswered call created.
async fn resolve(
    args: &ImportArgs,
    workspace: &Workspace,
    at: &PlacementKey,
    id: &ImageId,
    printer: &Printer,
) -> Result<ExitStatus, CommandError> {
    let mut store = workspace.locked_store("import", LockWait(args.lock.lock_timeout), printer).await?;
    let mut state = LockedState::load(&mut *store, || workspace.first_snapshot()).await?;
    workspace.check_owner(&state.snapshot)?;
    let recovery = state.recover(&workspace.connect()?).await?;
    print_recovery(&state.snapshot, &recovery, printer);
    let is_recorded = |snapshot: &Snapshot| snapshot.recorded.placement(at).is_some_and(|is| is.id == *id);
    if !is_recorded(&state.snapshot) {
        state_edit::resolve(&state.snapshot, at, Some(id))?;
        check_resolved(workspace, &state.snapshot, at, id).await?;
        if !is_wanted(args, 1, printer)? {
            return Ok(if args.dry_run { ExitStatus::Done } else { ExitStatus::Error });
        }
        super::state::edit::resolve(workspace, &mut state, at, Some(id)).await?;
    }
    state.changed();
    state.save().await?;
    match printer.format {
        Format::Json => {
            printer.document(json!({ "resolved": at, "id": id, "serial": state.snapshot.serial }))
        }
        Format::Text => printer.text(&format!("{at}: is {id}\n")),
    }
    printer.say(&format!("Recorded in {}, serial {}.", state.store.place(), state.snapshot.serial));
    Ok(ExitStatus::Done)
}

/// Checks that an image is a custom image of the account and that no other state manages it.
async fn check_resolved(
    workspace: &Workspace,
    snapshot: &Snapshot,
    at: &PlacementKey,
    id: &ImageId,
) -> Result<(), CommandError> {
    let found = workspace.cloud()?.images_by_id(&at.region, std::slice::from_ref(id)).await?;
    let image = found.iter().find(|image| image.id == *id && image.kind == ImageKind::Custom);
    let Some(image) = image else {
        return Err(CommandError::input(
            format!("{id} is no image of this account in {}", at.region),
            format!("List the images:\n\n    goldform images --region {}", at.region),
        ));
    };
    let owner = workspace.engine.desired.cloud.ownership_tag.as_ref().and_then(|key| image.tags.get(key));
    match owner.filter(|owner| **owner != snapshot.lineage.0) {
        Some(owner) => Err(CommandError::input(
            format!("{id} is managed by the state {owner}, as its ownership tag says"),
            format!("If the call made no image, record that:\n\n    goldform forget {at}"),
        )),
        None => Ok(()),
    }
}

fn key_of(text: &str) -> Result<ImageKey, CommandError> {
    match text.parse::<Address>() {
        Ok(Address::Image(key)) => Ok(key),
        _ => Err(CommandError::input(
            format!("`{text}` is no address of an entry"),
            "Name the entry and the image:\n\n    goldform import image.KEY img-0a1b2c3d --region ap-tokyo",
        )),
    }
}

/// Returns the regions to observe.
async fn regions(
    args: &ImportArgs,
    entry: Option<&ImageKey>,
    workspace: &Workspace,
    cloud: &dyn CloudRead,
) -> Result<BTreeSet<Region>, CommandError> {
    let declared = entry.and_then(|key| workspace.engine.desired.images.get(key));
    let mut regions: BTreeSet<Region> = args.region.iter().cloned().collect();
    if let Some(image) = declared {
        if args.region.iter().any(|region| *region != image.region) {
            return Err(CommandError::input(
                format!("the manifest builds this entry in {}", image.region),
                "Leave --region out.",
            ));
        }
        regions.extend(image.placements().into_iter().cloned());
    } else if entry.is_some() && regions.is_empty() {
        return Err(CommandError::input(
            "the manifest has no such entry, so the region of the image is unknown",
            "Name the region:\n\n    --region ap-tokyo",
        ));
    }
    if regions.is_empty() {
        regions = cloud.regions().await?.into_iter().collect();
    }
    Ok(regions)
}

/// Records an image as the current generation of a declared entry.
fn record_declared(
    key: &ImageKey,
    id: &ImageId,
    left_out: &[LeftOut],
    desired: &Desired,
    snapshot: &mut Snapshot,
    observed: &Observed,
) -> Result<(), CommandError> {
    let Some(image) = desired.images.get(key) else { return Ok(()) };
    let refused = |what: String| CommandError::input(what, "List the images:\n\n    goldform images");
    let has_current =
        snapshot.recorded.images.get(key).is_some_and(|is| is.generations.contains_key(&is.current));
    if has_current {
        return Err(refused(format!("image.{key} is recorded already")));
    }
    if image.source.is_none() {
        return Err(refused(format!("the source of image.{key} is not resolved yet")));
    }
    let is_named = desired.adopted().get(&image.region).is_some_and(|ids| ids.contains(id));
    if let Some(left) = left_out.iter().find(|left| left.id == *id && (!is_named || left.owner.is_some())) {
        return Err(not_taken(left));
    }
    if adopt::record_as(key, image, id, desired, &mut snapshot.recorded, observed).is_empty() {
        return Err(refused(format!("{id} is no image of this account in {} that is NORMAL", image.region)));
    }
    Ok(())
}

/// Sets the key of the named image's entry.
fn name_as(found: &mut Adoptable, key: &ImageKey, id: &ImageId) -> Result<(), CommandError> {
    if let Some(entry) = found.entries.first_mut() {
        entry.key = key.clone();
        return Ok(());
    }
    Err(found.left_out.first().map_or_else(
        || {
            CommandError::input(
                format!("{id} does not exist, or is not a custom image of this account"),
                "List the images:\n\n    goldform images",
            )
        },
        not_taken,
    ))
}

/// Returns the error for a requested image that is left out.
fn not_taken(left: &LeftOut) -> CommandError {
    let help = match &left.owner {
        Some(owner) => format!(
            "Restore that state (goldform state restore). If it is lost, or no longer manages the image:\n\n    \
             --from-state {owner}"
        ),
        None => "List the images:\n\n    goldform images".to_owned(),
    };
    CommandError::input(format!("{} cannot be adopted: {}", left.id, left.why), help)
}

/// A manifest with inserted entries, as text and as its meaning.
struct Edited {
    name: String,
    path: PathBuf,
    text: String,
    desired: Desired,
    entries: String,
}

/// Inserts entries into the manifest's text, reads it again and compares.
fn edited(
    args: &ImportArgs,
    workspace: &Workspace,
    entries: &[NewEntry],
) -> Result<Option<Edited>, CommandError> {
    if entries.is_empty() {
        return Ok(None);
    }
    let account_name = |account: AccountId| {
        let names = &workspace.engine.desired.accounts;
        names.iter().find(|(_, id)| **id == account).map(|(name, _)| name.to_string())
    };
    let by_hand = insert::by_hand(entries, &account_name);
    let refused = |why: String| {
        CommandError::input(
            format!("the entries cannot be inserted into the manifest: {why}. Nothing was written"),
            format!("Insert them by hand, then run the import again:\n\n{by_hand}"),
        )
    };
    let Manifests { mut inputs, paths, .. } = read_manifests(&args.manifest.files)?;
    let text_of = |input: &Input| std::str::from_utf8(&input.bytes).map(str::to_owned).unwrap_or_default();
    let at = inputs.iter().position(|input| insert::has_images(&text_of(input))).unwrap_or(0);
    let (Some(input), Some(path)) = (inputs.get_mut(at), paths.into_iter().nth(at)) else { return Ok(None) };
    if is_stdin(&path) {
        return Err(refused("it was read from stdin".to_owned()));
    }
    let text =
        insert::insert(&text_of(input), entries, &account_name).map_err(|no| refused(no.to_string()))?;
    input.bytes = text.clone().into_bytes();
    let name = input.name.clone();
    let desired = read_again(inputs, &workspace.variables).map_err(&refused)?;
    if adopt::intended(&workspace.engine.desired, &desired, entries) != desired {
        return Err(refused("the edited text does not have the intended meaning".to_owned()));
    }
    Ok(Some(Edited { name, path, text, desired, entries: by_hand }))
}

fn read_again(inputs: Vec<Input>, variables: &Variables) -> Result<Desired, String> {
    let loaded = manifest::load(inputs, variables);
    let error = loaded.diagnostics.iter().find(|found| found.severity == Severity::Error);
    match (error, loaded.desired) {
        (Some(error), _) => Err(error.detail.clone()),
        (None, Some(desired)) if loaded.complete => Ok(desired),
        _ => Err("the edited text is not a valid manifest".to_owned()),
    }
}

/// Records the regions' limits and unmanaged images.
fn take_facts(snapshot: &mut Snapshot, mut observed: Observed, desired: &Desired) {
    // Shares of unmanaged images are not recorded.
    let named = desired.named();
    for (region, seen) in &mut observed.regions {
        let managed: BTreeSet<ImageId> = snapshot
            .recorded
            .placements()
            .filter(|(at, _)| at.region == *region)
            .map(|(_, placement)| placement.id.clone())
            .collect();
        let is_named = |id: &ImageId| named.get(region).is_some_and(|ids| ids.contains(id));
        seen.shares.retain(|id, _| managed.contains(id) || is_named(id));
    }
    crate::diff::observe(snapshot, &observed, desired);
}

fn new_placements(before: &Recorded, after: &Recorded) -> Vec<(PlacementKey, ImageId)> {
    after
        .placements()
        .filter(|(at, _)| before.placement(at).is_none())
        .map(|(at, placement)| (at, placement.id.clone()))
        .collect()
}
