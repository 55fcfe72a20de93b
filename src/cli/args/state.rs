//! Arguments of the commands that show or edit the state.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{LockArgs, ManifestArgs};

/// `state`.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// What to do with it
    #[command(subcommand)]
    pub command: StateCommand,
}

/// The commands of `state`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List the addresses of everything recorded, one a line
    List(StateListArgs),
    /// Show what is recorded of one address
    Show(StateShowArgs),
    /// Give what is recorded at one address another: an entry, a placement, a region of an entry
    Mv(StateMoveArgs),
    /// Stop managing an image, a placement or a share; nothing is deleted (same as `forget`)
    Rm(ForgetArgs),
    /// Print the state as JSON
    Pull(StatePullArgs),
    /// Put a state file in the place of the state
    Push(StatePushArgs),
    /// List the snapshots that are kept: serial, when, by whom, for what
    History(StateHistoryArgs),
    /// Make a kept snapshot the state again
    Restore(StateRestoreArgs),
    /// Move the state from another place to the one that the manifest names
    Migrate(StateMigrateArgs),
    /// Lock a shared state until it is unlocked, so that no command writes it
    Lock(StateLockArgs),
    /// Release the lock of a shared state, also one that another command holds
    Unlock(StateUnlockArgs),
}

/// `state list`.
#[derive(Debug, Args)]
pub struct StateListArgs {
    /// Only what this address speaks of
    pub address: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `state show`.
#[derive(Debug, Args)]
pub struct StateShowArgs {
    /// The address: image.KEY, image.KEY@REGION, image.KEY@REGION#GENERATION
    pub address: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `state mv`.
#[derive(Debug, Args)]
pub struct StateMoveArgs {
    /// The present address: image.KEY, image.KEY@REGION, image.KEY@REGION#GENERATION, lookup.NAME
    pub old: String,
    /// The new one, of the same kind and in the same region
    pub new: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}

/// `forget` and `state rm`.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The addresses: image.KEY, image.KEY@REGION, image.KEY@REGION#GENERATION,
    /// share.KEY@REGION#GENERATION/ACCOUNT, lookup.NAME. The address of a call whose outcome is unknown records that it
    /// made no image
    #[arg(required = true)]
    pub addresses: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}

/// `state pull`.
#[derive(Debug, Args)]
pub struct StatePullArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `state push`.
#[derive(Debug, Args)]
#[command(after_help = "\
A state file holds a digest of its content, so that a damaged one is never used. To edit a state by hand:

    goldform state pull > edited.json
    (edit it)
    goldform state push --edited edited.json")]
pub struct StatePushArgs {
    /// The state file; `-` reads standard input
    pub path: PathBuf,
    /// Even if it is older than the state, or another one
    #[arg(long)]
    pub force: bool,
    /// The file was edited by hand: do not check its digest, only that it contradicts nothing
    #[arg(long)]
    pub edited: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}

/// `state history`.
#[derive(Debug, Args)]
pub struct StateHistoryArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `state restore`.
#[derive(Debug, Args)]
pub struct StateRestoreArgs {
    /// The serial of the snapshot, as `state history` lists it
    pub serial: u64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}

/// `state migrate`.
#[derive(Debug, Args)]
#[command(after_help = "\
To share the state of a team, name the new place in the manifest, then move the state there:

    state: s3://bucket/goldform.state.json
    goldform state migrate --from goldform.state.json")]
pub struct StateMigrateArgs {
    /// The place that the state is in now: a file, s3://bucket/key or cos://bucket/key
    #[arg(long, value_name = "PLACE")]
    pub from: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}

/// `state lock`.
#[derive(Debug, Args)]
pub struct StateLockArgs {
    /// Why, for those who find it locked
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}

/// `state unlock`.
#[derive(Debug, Args)]
pub struct StateUnlockArgs {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}
