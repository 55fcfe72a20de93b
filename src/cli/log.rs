//! The log: what was called and how it ended, to stderr. Off but for warnings unless asked for.
//!
//! Only goldform's own events pass the filter, at every level: libraries might log headers and bodies,
//! and with them keys and signatures. Its own never do (see `cloud::wrap`).

use std::io;

use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use super::args::OutputArgs;
use super::{CommandError, env};

/// The root of every target of goldform.
const ROOT: &str = "goldform";
/// Default level: warnings. A failed call is reported as an error in any case.
const DEFAULT: &str = "goldform=warn,goldform::calls=error";

/// Starts the log. A second start in one process changes nothing.
///
/// # Errors
/// When the level or filter cannot be read.
pub fn start(args: &OutputArgs, color: bool) -> Result<(), CommandError> {
    let asked = match &args.log {
        Some(asked) => Some(asked.clone()),
        None => env::get(env::LOG)?,
    };
    let filter = filter(asked.as_deref())?;
    let own = filter_fn(|event| event.target().starts_with(ROOT));
    let registry = Registry::default();
    // A subscriber that is already installed stays.
    let _ = if args.log_json {
        let layer = fmt::layer().json().flatten_event(true).with_writer(io::stderr);
        registry.with(layer.with_filter(own).with_filter(filter)).try_init()
    } else {
        let layer = fmt::layer().with_ansi(color).with_writer(io::stderr);
        registry.with(layer.with_filter(own).with_filter(filter)).try_init()
    };
    Ok(())
}

/// `debug` means goldform's events from that level on; a filter of targets is taken as it is.
fn filter(asked: Option<&str>) -> Result<EnvFilter, CommandError> {
    let text = match asked {
        None => DEFAULT.to_owned(),
        Some(level) if level.parse::<LevelFilter>().is_ok() => format!("{ROOT}={level}"),
        Some(filter) => filter.to_owned(),
    };
    EnvFilter::builder().parse(&text).map_err(|error| {
        CommandError::input(
            format!("`{text}` is no level and no filter of the log: {error}"),
            "Name a level (error, warn, info, debug, trace, off), or a target and its level:\n\n    \
             --log goldform::calls=debug",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_read() {
        for asked in [None, Some("debug"), Some("OFF"), Some("goldform::calls=debug"), Some("goldform=info")]
        {
            assert!(filter(asked).is_ok(), "{asked:?}");
        }
        assert_eq!(filter(Some("debug")).unwrap().to_string(), "goldform=debug");
        for asked in ["goldform=loud", "a=b=c"] {
            assert!(filter(Some(asked)).is_err(), "{asked}");
        }
    }
}
