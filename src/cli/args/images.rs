//! The arguments of `images`.

use clap::{Args, ValueEnum};
use compact_str::CompactString;
use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::ManifestArgs;
use crate::model::{AccountId, Architecture, ImageKind, Region};

/// `images`.
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// A region; may be repeated (default: the manifest's, or all where there is none)
    #[arg(long, value_name = "REGION")]
    pub region: Vec<Region>,
    /// Every region that the service offers
    #[arg(long, conflicts_with = "region")]
    pub all_regions: bool,
    /// Only images of this kind; may be repeated
    #[arg(long = "type", value_enum, value_name = "KIND")]
    pub kind: Vec<KindArg>,
    /// Only images whose operating system holds this text
    #[arg(long, value_name = "TEXT")]
    pub os: Option<String>,
    /// Only images for this architecture
    #[arg(long, value_enum)]
    pub architecture: Option<ArchitectureArg>,
    /// Only images of 32 or of 64 bits
    #[arg(long, value_parser = ["32", "64"])]
    pub bits: Option<String>,
    /// Only images whose name holds this text
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only images that this account made
    #[arg(long, value_name = "ACCOUNT")]
    pub from: Option<AccountId>,
    /// Only images with this tag; may be repeated
    #[arg(long, value_name = "KEY[=VALUE]", value_parser = tag)]
    pub tag: Vec<(CompactString, Option<CompactString>)>,
    /// Only images made within this time: 12h, 30d, 4w
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub newer_than: Option<SignedDuration>,
    /// Only images made before this time
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older_than: Option<SignedDuration>,
    /// Print ids only, one a line
    #[arg(long)]
    pub ids: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestArgs,
}

/// The kinds of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Offered by the provider
    Public,
    /// Made by this account
    Custom,
    /// Shared by another account
    Shared,
}

impl From<KindArg> for ImageKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Public => Self::Public,
            KindArg::Custom => Self::Custom,
            KindArg::Shared => Self::Shared,
        }
    }
}

/// The architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArchitectureArg {
    /// 64-bit x86
    #[value(name = "x86_64")]
    X86_64,
    /// 32-bit x86
    I386,
    /// 64-bit ARM
    Arm,
}

impl From<ArchitectureArg> for Architecture {
    fn from(architecture: ArchitectureArg) -> Self {
        match architecture {
            ArchitectureArg::X86_64 => Self::X86_64,
            ArchitectureArg::I386 => Self::I386,
            ArchitectureArg::Arm => Self::Arm,
        }
    }
}

fn tag(text: &str) -> Result<(CompactString, Option<CompactString>), String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.into())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err("expected KEY or KEY=VALUE".to_owned());
    }
    Ok((key.into(), value))
}

/// Parses an age such as `12h`, `30d` or `4w`.
fn age(text: &str) -> Result<SignedDuration, String> {
    let age = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    age.ok()
        .filter(|age| !age.is_negative())
        .ok_or_else(|| "expected an age, such as 12h, 30d or 4w".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_tags_are_read() {
        assert_eq!(age("30d"), Ok(SignedDuration::from_hours(720)));
        assert_eq!(age("2w"), Ok(SignedDuration::from_hours(336)));
        assert_eq!(age("1w 12h"), Ok(SignedDuration::from_hours(180)));
        for text in ["", "30", "d", "-1d", "1y", "2mo", "99999999999d"] {
            assert!(age(text).is_err(), "{text}");
        }
        assert_eq!(tag("team"), Ok(("team".into(), None)));
        assert_eq!(tag("team=a=b"), Ok(("team".into(), Some("a=b".into()))));
        assert_eq!(tag("team="), Ok(("team".into(), Some("".into()))));
        assert!(tag("=web").is_err());
    }
}
