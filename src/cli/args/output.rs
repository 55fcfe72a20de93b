//! Arguments of all commands for their output: formats, colour, logs.

use clap::{Args, ValueEnum};

use super::format::{Request, RequestParser};
use crate::report::markdown::SMALLEST;

/// Limit of a comment on GitHub.
const MARKDOWN_BUDGET: u32 = 65_536;

/// Output of a command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Format of the result (default: text, for `graph`: dot); FORMAT=FILE writes it to a file; may be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = RequestParser::all(), global = true)]
    pub format: Vec<Request>,
    /// Limit of the bytes of markdown: detail is left out until it fits
    #[arg(long, value_name = "BYTES", default_value_t = MARKDOWN_BUDGET, global = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(SMALLEST as i64..))]
    pub markdown_budget: u32,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true)]
    pub color: Color,
    /// Show every placement of a plan, not what changes alike together
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Print results and errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log to stderr at this level (error, warn, info, debug, trace) or by a filter (default: GOLDFORM_LOG)
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
    /// Log as JSON, one event a line
    #[arg(long, global = true)]
    pub log_json: bool,
}

/// Settings before the arguments are parsed.
impl Default for OutputArgs {
    fn default() -> Self {
        Self {
            format: Vec::new(),
            markdown_budget: MARKDOWN_BUDGET,
            color: Color::Auto,
            verbose: false,
            quiet: false,
            log: None,
            log_json: false,
        }
    }
}

/// Reader of stdout of a command that prints text and JSON only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
