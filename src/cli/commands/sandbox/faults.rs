//! `sandbox faults`.

use serde_json::{Value, json};

use super::args::{EffectArg, FaultArgs, FaultsArgs, FaultsCommand};
use crate::cli::args::Format;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::sim::{Fault, FaultEffect};
use crate::diagnostics::sanitize::escape_controls;

/// Runs a command of `sandbox faults`.
pub(super) fn run(args: &FaultsArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match &args.command {
        FaultsCommand::Add(args) => {
            let id = super::attach(&args.world)?
                .add_fault(&fault(args)?)
                .map_err(|error| super::broken(&args.world.world, &error))?;
            match printer.format {
                Format::Text => printer.data(&format!("{id}\n")),
                Format::Json => printer.document(json!({ "id": id })),
            }
        }
        FaultsCommand::List(args) => {
            let faults = super::attach(args)?.faults().map_err(|error| super::broken(&args.world, &error))?;
            let mut all = Vec::new();
            let mut text = String::new();
            for (id, seen, fault) in faults {
                let mut value = serde_json::to_value(&fault)?;
                text.push_str(&format!("{id}  seen {seen}  {}\n", escape_controls(&value.to_string())));
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("id".to_owned(), Value::from(id));
                    fields.insert("seen".to_owned(), Value::from(seen));
                }
                all.push(value);
            }
            match printer.format {
                Format::Text => printer.text(&text),
                Format::Json => printer.document(json!({ "faults": all })),
            }
        }
        FaultsCommand::Remove(args) => {
            let was_there = super::attach(&args.world)?
                .remove_fault(args.id)
                .map_err(|error| super::broken(&args.world.world, &error))?;
            if !was_there {
                return Err(CommandError::input(
                    format!("there is no fault {}", args.id),
                    "See which there are:\n\n    goldform sandbox faults list",
                ));
            }
        }
        FaultsCommand::Clear(args) => {
            super::attach(args)?.clear_faults().map_err(|error| super::broken(&args.world, &error))?;
        }
    }
    Ok(ExitStatus::Done)
}

fn fault(args: &FaultArgs) -> Result<Fault, CommandError> {
    let lasting = || args.lasting.ok_or_else(|| missing("--for TIME"));
    let effect = match args.effect {
        EffectArg::Error => FaultEffect::Error {
            code: args.code.clone().ok_or_else(|| missing("--code CODE"))?,
            message: args.message.clone(),
        },
        EffectArg::Throttle => FaultEffect::Throttle,
        EffectArg::LostBefore => FaultEffect::LostBefore,
        EffectArg::LostAfter => FaultEffect::LostAfter,
        EffectArg::NotSent => FaultEffect::NotSent,
        EffectArg::Slow => FaultEffect::Slow { by: lasting()? },
        EffectArg::Garbage => FaultEffect::Garbage { text: args.text.clone() },
        EffectArg::Hide => FaultEffect::Hide { lasting: lasting()? },
        EffectArg::Fail => FaultEffect::Fail,
        EffectArg::Hang => FaultEffect::Hang,
        EffectArg::Settle => FaultEffect::Settle { after: lasting()? },
    };
    Ok(Fault {
        action: args.action.clone(),
        region: args.region.clone(),
        caller: args.caller,
        from_call: args.from_call,
        times: (!args.always).then_some(args.times),
        effect,
    })
}

fn missing(flag: &str) -> CommandError {
    CommandError::input(format!("{flag} is missing"), "See:\n\n    goldform sandbox faults add --help")
}
