//! What can be typed after `sandbox`. Doc comments are the help texts.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::cloud::sim::http::{HostName, Key};
use crate::model::{AccountId, Region};

/// `sandbox`.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// What to do with it
    #[command(subcommand)]
    pub command: SandboxCommand,
}

/// The commands of `sandbox`.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Serve the sandbox to other programs, by the real protocol, and to browsers
    Serve(Box<ServeArgs>),
    /// Put images, shares, instances, snapshots and switches into its world
    Seed(SeedArgs),
    /// Empty its world, but for switches and faults
    Reset(WorldArgs),
    /// Let things go wrong
    Faults(FaultsArgs),
    /// List the requests that came, as JSON lines or for people
    Log(LogArgs),
    /// Show the most images that each account had in each region at one time
    Peaks(WorldArgs),
}

/// Which world.
#[derive(Debug, Args)]
pub struct WorldArgs {
    /// The world's file
    #[arg(long, value_name = "FILE", default_value = "goldform.world.db")]
    pub world: PathBuf,
}

/// `sandbox serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub world: WorldArgs,
    /// Where to listen; port 0: one that is free, which is printed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9733")]
    pub listen: SocketAddr,
    /// A main account that may call, with a key; may be repeated. Left out: an account with a new key, which is printed
    #[arg(long = "account", value_name = "UIN:SECRET_ID:SECRET_KEY", hide_default_value = true)]
    pub accounts: Vec<Key>,
    /// A host name by which clients reach the server, with the names below it, besides its address and localhost; may be
    /// repeated
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<HostName>,
    /// Serve HTTPS, with ca.pem, cert.pem and key.pem of this folder; they are made if they are not there
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
    /// Keep the world in memory: what happens in it is forgotten at the end
    #[arg(long, conflicts_with = "world")]
    pub in_memory: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub switches: SwitchArgs,
}

/// The switches of a world.
#[derive(Debug, Args)]
#[command(next_help_heading = "Switches (they stay with the world)")]
pub struct SwitchArgs {
    /// Read switches from a YAML or JSON file of names and values
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Set a switch, as in `--set settle=2s`; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Whether calls per second are limited
    #[arg(long, value_enum)]
    pub rates: Option<RatesArg>,
    /// The most custom images of one account in one region
    #[arg(long, value_name = "N")]
    pub images_per_region: Option<u32>,
    /// The most accounts that one image is shared with
    #[arg(long, value_name = "N")]
    pub accounts_per_image: Option<u32>,
    /// How long creating, copying and importing take: 400ms, 2m
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub settle: Option<SignedDuration>,
}

/// Whether calls per second are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RatesArg {
    /// Not
    Unlimited,
    /// As the service documents it, per account, action and region
    Documented,
}

/// `sandbox seed`.
#[derive(Debug, Args)]
pub struct SeedArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub world: WorldArgs,
    /// A YAML or JSON file: images, instances, snapshots, settings
    #[arg(value_name = "FILE", required_unless_present = "image")]
    pub file: Option<PathBuf>,
    /// An image of this name; with --region and --owner
    #[arg(long, value_name = "NAME", requires_all = ["region", "owner"])]
    pub image: Option<String>,
    /// Where
    #[arg(long, value_name = "REGION")]
    pub region: Option<Region>,
    /// The main account that it belongs to
    #[arg(long, value_name = "UIN")]
    pub owner: Option<AccountId>,
    /// An account that it is shared with; may be repeated
    #[arg(long = "share", value_name = "UIN", requires = "image")]
    pub shares: Vec<AccountId>,
}

/// `sandbox log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub world: WorldArgs,
    /// Only requests after this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub after: i64,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `sandbox faults`.
#[derive(Debug, Args)]
pub struct FaultsArgs {
    /// What to do with them
    #[command(subcommand)]
    pub command: FaultsCommand,
}

/// The commands of `sandbox faults`.
#[derive(Debug, Subcommand)]
pub enum FaultsCommand {
    /// Let something go wrong at certain calls; the number of the fault is printed
    Add(Box<FaultArgs>),
    /// List the faults that are set
    List(WorldArgs),
    /// Take a fault away
    Remove(FaultRemoveArgs),
    /// Take all faults away
    Clear(WorldArgs),
}

/// `sandbox faults remove`.
#[derive(Debug, Args)]
pub struct FaultRemoveArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub world: WorldArgs,
    /// Its number
    pub id: i64,
}

/// `sandbox faults add`.
#[derive(Debug, Args)]
pub struct FaultArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub world: WorldArgs,
    /// Kind of failure
    #[arg(value_enum)]
    pub effect: EffectArg,
    /// The action that it waits for, such as CreateImage; `*`: every one
    #[arg(long, value_name = "ACTION", default_value = "*")]
    pub action: String,
    /// Only calls in this region
    #[arg(long, value_name = "REGION")]
    pub region: Option<Region>,
    /// Only calls of this main account
    #[arg(long, value_name = "UIN")]
    pub caller: Option<AccountId>,
    /// The first matching call that it hits, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub from_call: u32,
    /// How many calls it hits
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "always")]
    pub times: u32,
    /// It hits all that follow
    #[arg(long)]
    pub always: bool,
    /// error: the code, such as InternalError
    #[arg(long, value_name = "CODE", required_if_eq("effect", "error"))]
    pub code: Option<String>,
    /// error: the message
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub message: String,
    /// slow, hide, settle: how long
    #[arg(
        long = "for",
        value_name = "TIME",
        value_parser = span,
        required_if_eq_any([("effect", "slow"), ("effect", "hide"), ("effect", "settle")])
    )]
    pub lasting: Option<SignedDuration>,
    /// garbage: what comes back
    #[arg(long, value_name = "TEXT", default_value = "<html>502 Bad Gateway</html>")]
    pub text: String,
}

/// Kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EffectArg {
    /// The call is refused with --code and not executed
    Error,
    /// The call is refused with RequestLimitExceeded and not executed
    Throttle,
    /// The connection breaks before the call is executed
    LostBefore,
    /// The call is executed and the connection breaks
    LostAfter,
    /// In process, the request is not sent; on the wire, as lost-before
    NotSent,
    /// The answer comes --for later
    Slow,
    /// The call is executed, and --text comes back
    Garbage,
    /// The image that the call makes is missing from lists --for so long
    Hide,
    /// The task that the call starts fails
    Fail,
    /// The task that the call starts never ends
    Hang,
    /// The task that the call starts takes --for so long
    Settle,
}

fn span(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(span) if !span.is_negative() => Ok(span),
        _ => Err("expected a time, such as 400ms, 30s or 2m".to_owned()),
    }
}
