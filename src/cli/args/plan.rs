//! The arguments of commands that make a plan: `plan`, `apply`, `destroy`, `graph`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{LockArgs, ManifestArgs, RuleArgs, duration};

/// Part of the fleet that a plan covers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectArgs {
    /// Plan for this address only, and for what it needs; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<String>,
    /// Leave this address as it is, and what needs it; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub exclude: Vec<String>,
    /// Build a new generation of this entry, changed or not; may be repeated
    #[arg(long, value_name = "image.KEY")]
    pub replace: Vec<String>,
}

/// Which plan is made.
#[derive(Debug, Args)]
pub struct ProposalArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub select: SelectArgs,
    /// Observe the cloud first, without writing the state
    #[arg(long, help_heading = "Plan")]
    pub refresh: bool,
    /// Plan to delete everything that is managed
    #[arg(long, help_heading = "Plan")]
    pub destroy: bool,
}

/// What a plan is expected to be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Expectations")]
pub struct ExpectArgs {
    /// Fail with status 5 unless the plan is the one with this digest (32 digits or more), or the one in this file: saved,
    /// or printed as JSON; of a file, the differences are shown. A saved plan brings the time it was made at and the rule
    /// levels it was made with
    #[arg(long, value_name = "DIGEST|FILE")]
    pub expect: Option<OsString>,
    /// Fail with status 1 if there are any changes
    #[arg(long)]
    pub expect_no_changes: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub expect: ExpectArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub proposal: ProposalArgs,
    /// Save the plan, for `goldform apply FILE`
    #[arg(long, value_name = "FILE", help_heading = "Plan")]
    pub out: Option<PathBuf>,
    /// Exit with status 2 if there are changes
    #[arg(long, help_heading = "Expectations")]
    pub detailed_exitcode: bool,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct ApplyCommandArgs {
    /// A saved plan. It is applied to the state that it was made from, wherever the command is run, and keeps the rule
    /// levels that it was made with; the manifest is not read. If the state is in another place on this machine, name it
    /// with `--state`
    #[arg(value_name = "PLANFILE")]
    #[arg(conflicts_with_all = ["files", "target", "exclude", "replace", "allow", "warn", "deny"])]
    pub plan: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub apply: ApplyArgs,
}

/// `apply` and `destroy`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub expect: ExpectArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub select: SelectArgs,
    /// Do not ask
    #[arg(long, short = 'y', alias = "auto-approve", help_heading = "Run")]
    pub yes: bool,
    /// Do not observe the cloud first: plan from the recorded state
    #[arg(long, help_heading = "Run")]
    pub no_refresh: bool,
    /// First ask the service whether it would take each call that can be tried (DryRun)
    #[arg(long, help_heading = "Run")]
    pub preflight: bool,
    /// How many calls are under way at once
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Run")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallelism: u16,
    /// How long an image may take to be ready: 30m, 2h
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration, help_heading = "Run")]
    pub settle_timeout: Duration,
}

/// `graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub proposal: ProposalArgs,
}
