//! The arguments of `import`.

use std::path::PathBuf;

use clap::Args;

use super::{LockArgs, ManifestArgs};
use crate::model::{ImageId, Region};
use crate::state::Lineage;

#[expect(clippy::unnecessary_wraps, reason = "clap's signature")]
fn lineage(text: &str) -> Result<Lineage, std::convert::Infallible> {
    Ok(Lineage(text.into()))
}

/// `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The entry that an image becomes; an entry of the manifest keeps its source, which the image then answers.
    /// image.KEY@REGION#GENERATION records what a call made whose outcome is unknown
    #[arg(value_name = "image.KEY", requires = "id", required_unless_present_any = ["region", "all", "terraform"])]
    pub address: Option<String>,
    /// The image
    #[arg(value_name = "ID")]
    pub id: Option<ImageId>,
    /// Every image of this region, or where the image is; may be repeated
    #[arg(long, value_name = "REGION")]
    pub region: Vec<Region>,
    /// Every image of every region that the service offers
    #[arg(long, conflicts_with_all = ["region", "address"])]
    pub all: bool,
    /// The images that a Terraform state names (a state file, or `terraform show -json`), and their copies
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "address"])]
    pub terraform: Option<PathBuf>,
    /// Also what this state made, by its ownership tag: it is lost, or no longer manages it. A state that begins with
    /// this import continues as that one
    #[arg(long, value_name = "LINEAGE", value_parser = lineage)]
    pub from_state: Option<Lineage>,
    /// Show what would be put into the manifest, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short = 'y', alias = "auto-approve", help_heading = "Run")]
    pub yes: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub lock: LockArgs,
}
