//! Arguments of the commands that edit the manifest's text.

use clap::Args;

use super::ApplyArgs;

/// How an edit continues.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// Continue as `apply` does, after the edit
    #[arg(long, help_heading = "Edit")]
    pub apply: bool,
    /// Print the edit as a patch that `git apply` accepts, and write no file
    #[arg(long, help_heading = "Edit", conflicts_with = "apply")]
    pub diff: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub run: ApplyArgs,
}

/// `set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Keys of the manifest and their new values: images.web.source.revision=2026-W49; a key with a dot is quoted; `-` reads
    /// them from stdin, one a line
    #[arg(value_name = "PATH=VALUE", required_unless_present = "unset")]
    pub assignments: Vec<String>,
    /// Remove a key; may be repeated
    #[arg(long, value_name = "PATH", help_heading = "Edit")]
    pub unset: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub edit: EditArgs,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The entry
    #[arg(value_name = "image.KEY")]
    pub address: String,
    /// Revision to return to (default: the newest usable one before the one that serves)
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// In an emergency: apply without an edit, and hold the entry there in the state until the manifest pins it there
    #[arg(long, help_heading = "Hold", conflicts_with_all = ["apply", "diff"])]
    pub hold: bool,
    /// Release the hold, and apply what the manifest says
    #[arg(long, help_heading = "Hold", conflicts_with_all = ["apply", "diff", "hold", "to"])]
    pub release: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub edit: EditArgs,
}
