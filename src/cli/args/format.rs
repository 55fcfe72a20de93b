//! Formats of results, and how they are requested: `FORMAT` or `FORMAT=FILE`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, ValueEnum};

/// Format of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For a comment on a pull request
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for build servers
    Junit,
    /// Annotations of GitHub, at most ten per level
    Github,
    /// Code Quality of GitLab
    Gitlab,
    /// GitLab's numbers beside a merge request: create, update, delete
    GitlabTerraform,
    /// For reviewdog
    Rdjson,
    /// One page for a browser
    Html,
    /// JSON lines, one for each event of the run, as it happens
    Events,
    /// YAML, for programs
    Yaml,
    /// Shell variables: GOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-…
    Env,
    /// Variables of Terraform: `image_ids["web-base"]["ap-tokyo"]`
    Tfvars,
    /// The graph of the steps, for Graphviz
    Dot,
    /// The graph for Mermaid, which is drawn in comments on pull requests
    Mermaid,
    /// The graph as a picture: rows are images in regions, columns are what must have settled before
    Svg,
}

impl ReportFormat {
    /// Returns whether it holds the ids of images.
    pub fn is_of_ids(self) -> bool {
        matches!(self, Self::Yaml | Self::Env | Self::Tfvars)
    }

    /// Returns whether it shows only the graph of a plan.
    pub fn is_drawing(self) -> bool {
        matches!(self, Self::Dot | Self::Mermaid | Self::Svg)
    }
}

/// Requested format: `FORMAT` or `FORMAT=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Format.
    pub format: ReportFormat,
    /// File that it is written to. `None`: stdout.
    pub file: Option<PathBuf>,
}

/// Parser of a [`Request`]. Help texts and completions list the formats that it holds. Other formats are parsed too, so
/// that the command can say which ones it has.
#[derive(Debug, Clone)]
pub struct RequestParser(pub Vec<ReportFormat>);

impl RequestParser {
    /// Creates a parser that lists all formats.
    pub fn all() -> Self {
        Self(ReportFormat::value_variants().to_vec())
    }

    fn listed(&self) -> impl Iterator<Item = PossibleValue> + '_ {
        self.0.iter().filter_map(ValueEnum::to_possible_value)
    }
}

impl TypedValueParser for RequestParser {
    type Value = Request;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Request, clap::Error> {
        let (format, file) = match split_at_equals(value) {
            Some((format, file)) if !file.is_empty() => (format, Some(PathBuf::from(file))),
            _ => (value.to_owned(), None),
        };
        if let Some(format) = format.to_str().and_then(|format| ReportFormat::from_str(format, false).ok()) {
            return Ok(Request { format, file });
        }
        let listed = PossibleValuesParser::new(self.listed());
        let name = listed.parse_ref(command, argument, &format)?;
        let format = ReportFormat::from_str(&name, false)
            .map_err(|why| clap::Error::raw(clap::error::ErrorKind::InvalidValue, why))?;
        Ok(Request { format, file })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.listed()))
    }
}

/// Splits at the first `=`. A file name keeps its bytes, whatever its encoding.
#[cfg(unix)]
pub(in crate::cli) fn split_at_equals(value: &OsStr) -> Option<(OsString, OsString)> {
    use std::os::unix::ffi::OsStrExt as _;

    let bytes = value.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let part = |bytes: Option<&[u8]>| OsStr::from_bytes(bytes.unwrap_or_default()).to_owned();
    Some((part(bytes.get(..at)), part(bytes.get(at.saturating_add(1)..))))
}

/// Splits at the first `=`.
#[cfg(not(unix))]
pub(in crate::cli) fn split_at_equals(value: &OsStr) -> Option<(OsString, OsString)> {
    let (format, file) = value.to_str()?.split_once('=')?;
    Some((format.into(), file.into()))
}
