//! `sandbox log` and `sandbox peaks`.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{LogArgs, WorldArgs};
use crate::cli::args::Format;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::sim::LogEntry;
use crate::diagnostics::sanitize::escape_controls;
use crate::report::envelope::document;

/// Lists the requests that were received.
pub(super) fn log(args: &LogArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let sim = super::attach(&args.world)?;
    let entries = sim.log(args.after).map_err(|error| super::broken(&args.world.world, &error))?;
    if printer.format == Format::Json && !args.json {
        let requests = entries.iter().map(as_json).collect::<Result<Vec<_>, _>>()?;
        printer.document(json!({ "requests": requests }));
        return Ok(ExitStatus::Done);
    }
    let mut text = String::new();
    for entry in &entries {
        if args.json {
            let _ = writeln!(text, "{}", document(as_json(entry)?));
        } else {
            let region = entry.region.as_deref().unwrap_or("-");
            let outcome = serde_json::to_value(entry.outcome)?;
            let outcome = outcome.as_str().unwrap_or_default();
            let _ = writeln!(
                text,
                "{:>6}  {}  {}  {}:{}  {region}  {outcome}  {}",
                entry.seq,
                time(entry.at),
                entry.caller,
                entry.service,
                escape_controls(&entry.action),
                entry.code.as_deref().unwrap_or("ok"),
            );
        }
    }
    printer.text(&text);
    Ok(ExitStatus::Done)
}

/// Returns an entry as JSON, with its time as text and its parameters as JSON values.
fn as_json(entry: &LogEntry) -> Result<Value, CommandError> {
    let mut value = serde_json::to_value(entry)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("at".to_owned(), Value::from(time(entry.at)));
        fields.insert("params".to_owned(), serde_json::from_str(&entry.params).unwrap_or(Value::Null));
    }
    Ok(value)
}

/// Prints the peak number of images of each account and region.
pub(super) fn peaks(args: &WorldArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let sim = super::attach(args)?;
    let broken = |error| super::broken(&args.world, &error);
    let (peaks, settings) = (sim.peaks().map_err(broken)?, sim.settings().map_err(broken)?);
    match printer.format {
        Format::Json => {
            let mut all = Vec::new();
            for peak in &peaks {
                let mut value = serde_json::to_value(peak)?;
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("at".to_owned(), Value::from(time(peak.at)));
                    fields.insert("limit".to_owned(), Value::from(settings.image_limit(&peak.region)));
                }
                all.push(value);
            }
            printer.document(json!({ "peaks": all }));
        }
        Format::Text => {
            let mut text = String::new();
            for peak in &peaks {
                let limit = settings.image_limit(&peak.region);
                let at = time(peak.at);
                let _ = writeln!(
                    text,
                    "{}  {}  {} of {limit} images  {at}",
                    peak.owner, peak.region, peak.images
                );
            }
            printer.text(&text);
        }
    }
    Ok(ExitStatus::Done)
}

fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).unwrap_or_default().to_string()
}
