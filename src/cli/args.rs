//! What can be typed. Doc comments are the help texts.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::commands::sandbox::args::SandboxArgs;
use super::exit;

pub mod edit;
pub mod format;
pub mod images;
pub mod import;
pub mod output;
pub mod plan;
pub mod state;

pub use edit::{EditArgs, RollbackArgs, SetArgs};
pub(super) use format::split_at_equals;
pub use format::{ReportFormat, Request, RequestParser};
pub use images::{ArchitectureArg, ImagesArgs, KindArg};
pub use import::ImportArgs;
pub use output::{Color, Format, OutputArgs};
pub use plan::{ApplyArgs, ApplyCommandArgs, ExpectArgs, GraphArgs, PlanArgs, ProposalArgs, SelectArgs};
pub use state::{
    ForgetArgs, HistoryArgs, StateArgs, StateCommand, StateHistoryArgs, StateListArgs, StateLockArgs,
    StateMigrateArgs, StateMoveArgs, StatePullArgs, StatePushArgs, StateRestoreArgs, StateShowArgs,
    StateUnlockArgs,
};

/// Manifest that is read if none is named.
pub(super) const DEFAULT_MANIFEST: &str = "goldform.yaml";

/// Golden images as code for Tencent Cloud.
///
/// Declare custom images, the regions each must be in and the accounts each is shared with; goldform plans,
/// proves the plan against the rules of the image service, and applies it.
#[derive(Debug, Parser)]
#[command(name = "goldform", version, after_help = exit::TABLE, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Run in this directory: other paths are relative to it
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, help_heading = "Input")]
    pub directory: Option<PathBuf>,
    /// How to talk.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented starter manifest for the sandbox
    Init(InitArgs),
    /// Parse the manifest and check it against the rules, offline
    Validate(ValidateArgs),
    /// Show what apply would do, offline against the recorded state
    Plan(Box<PlanArgs>),
    /// Refresh, plan, ask, and apply
    Apply(Box<ApplyCommandArgs>),
    /// Delete everything that is managed
    Destroy(Box<ApplyArgs>),
    /// Return an entry to an earlier revision: edit `pin` in the manifest, and plan
    Rollback(Box<RollbackArgs>),
    /// Edit values of the manifest, keeping comments, and plan
    Set(Box<SetArgs>),
    /// Print the manifest as goldform understands it, as YAML
    Render(RenderArgs),
    /// Observe the cloud and record what is there
    Refresh(RefreshArgs),
    /// Observe the cloud and report what differs from the state; exit 2 if anything does
    Drift(RefreshArgs),
    /// Show the state, or a state or plan file
    Show(ShowArgs),
    /// Print the ids of the images that serve, for other tools; exit 1 if one is missing
    Output(OutputCommandArgs),
    /// List images of the cloud by region, kind, operating system, name, tag and age
    Images(Box<ImagesArgs>),
    /// Adopt existing images: insert them into the manifest and record them
    Import(Box<ImportArgs>),
    /// Stop managing an image, a placement or a share; nothing is deleted
    Forget(ForgetArgs),
    /// List what was applied: when, by whom, with which digest
    History(HistoryArgs),
    /// Show and edit the state
    State(StateArgs),
    /// Print the page of a rule, or why a step is in the plan and what it waits for
    Explain(ExplainArgs),
    /// Print a JSON Schema, for editors
    Schema(SchemaArgs),
    /// Draw the plan's graph: for Graphviz, for Mermaid, or as a picture
    Graph(Box<GraphArgs>),
    /// Print what makes a shell complete commands, addresses, rules and files
    Completions(CompletionsArgs),
    /// Print the manual page, or write all of them into a folder
    Man(ManArgs),
    /// Serve the sandbox, and arrange what is in it
    Sandbox(SandboxArgs),
}

/// Which manifest, and with which values.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Manifest")]
pub struct ManifestArgs {
    /// A manifest, a directory of manifests, or - for stdin; may be repeated; the default is searched upward
    #[arg(long = "file", short = 'f', value_name = "FILE|DIR|-", default_value = DEFAULT_MANIFEST)]
    pub files: Vec<PathBuf>,
    /// Set a variable; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub variables: Vec<(String, String)>,
    /// Read variables from a YAML file of names and texts; may be repeated
    #[arg(long = "var-file", value_name = "FILE")]
    pub variable_files: Vec<PathBuf>,
    /// Read the state from this file instead, and write nothing
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// What rules do.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// Let a rule say nothing; may be repeated
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Let a rule warn
    #[arg(long, value_name = "RULE")]
    pub warn: Vec<String>,
    /// Let a rule refuse
    #[arg(long, value_name = "RULE")]
    pub deny: Vec<String>,
}

/// Who may write.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct LockArgs {
    /// How long to wait for somebody else's lock: 30s, 5m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub lock_timeout: Duration,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it
    #[arg(default_value = "goldform.yaml")]
    pub path: PathBuf,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Check the manifests that these files belong to, each once; with `-f`, that manifest if one of them belongs to it
    #[arg(value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
}

/// `refresh` and `drift`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}

/// `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A state or plan file; left out: the manifest's state
    pub path: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// Print where each value of an image is written instead
    #[arg(long)]
    pub origins: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// Values of `--as`, the earlier name of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputAs {
    /// `--format text`
    Table,
    /// `--format env`
    Env,
    /// `--format tfvars`
    Tfvars,
}

/// `output`.
#[derive(Debug, Args)]
pub struct OutputCommandArgs {
    /// Entry, or entry in a region (`image.web`, `image.web@ap-tokyo`); of one image, the id alone is printed
    #[arg(value_name = "ADDRESS")]
    pub address: Option<String>,
    /// The ids that this account should use: a name of the manifest, or a main account id
    #[arg(long = "for", value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Earlier name of `--format`
    #[arg(long = "as", value_enum, hide = true)]
    pub output_as: Option<OutputAs>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A rule's id or name; or a step of the plan by its id or address; left out: the list of rules
    #[arg(value_name = "RULE|STEP")]
    pub what: Vec<String>,
    /// Of the plan that deletes everything
    #[arg(long)]
    pub destroy: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
    /// Commands, flags and their fixed values only, in a script that never calls goldform
    #[arg(long = "static")]
    pub is_static: bool,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write one page a command into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum)]
    pub of: SchemaOf,
}

/// Document that a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The manifest
    Manifest,
    /// The plan, as `plan --format json` prints it
    Plan,
    /// The state file
    State,
    /// The result of an apply, as `apply --format json` prints it
    Outcome,
    /// The ids that serve, as `output --format json` prints them
    Output,
    /// A line that `--format events` prints
    Events,
    /// What the other commands print with `--format json`
    Documents,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Parses a time such as `90` (seconds), `90s`, `5m` or `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let time = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    time.ok_or_else(|| "expected a time, such as 30s, 5m or 2h".to_owned())
}
