//! Switches of a world from files and flags. What is not named stays as it is.

use serde_json::{Map, Value};

use super::args::{RatesArg, SwitchArgs};
use crate::cli::CommandError;
use crate::cloud::sim::{Rates, Settings};
use crate::diagnostics::json_error_message;

const HELP: &str = "A switch has a name and a value:\n\n    --set settle=2s --set parallel_imaging=false";

/// The settings with the switches that were given.
pub(super) fn apply(settings: Settings, args: &SwitchArgs) -> Result<Settings, CommandError> {
    let mut settings = settings;
    if let Some(path) = &args.settings {
        let given = super::read_yaml(path, "Name a YAML or JSON file of switches.")?;
        settings = merged(&settings, given, Origin::File)?;
    }
    for text in &args.set {
        let Some((name, value)) = text.split_once('=') else {
            return Err(CommandError::input(format!("`{text}` is not NAME=VALUE"), HELP));
        };
        let value: Value = serde_saphyr::from_str(value)
            .map_err(|error| CommandError::input(format!("--set {name}: {error}"), HELP))?;
        settings = merged(&settings, Map::from_iter([(name.to_owned(), value)]), Origin::Argument)?;
    }
    if let Some(rates) = args.rates {
        settings.rates = match rates {
            RatesArg::Unlimited => Rates::Unlimited,
            RatesArg::Documented => Rates::Documented,
        };
    }
    settings.images_per_region = args.images_per_region.unwrap_or(settings.images_per_region);
    settings.accounts_per_image = args.accounts_per_image.unwrap_or(settings.accounts_per_image);
    settings.settle = args.settle.unwrap_or(settings.settle);
    Ok(settings)
}

/// Where switches come from: the text of a file is not repeated in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Argument,
    File,
}

/// The settings with these in place of theirs.
pub(super) fn merged(
    settings: &Settings,
    given: Map<String, Value>,
    origin: Origin,
) -> Result<Settings, CommandError> {
    let mut all = match serde_json::to_value(settings)? {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    all.extend(given);
    serde_json::from_value(Value::Object(all)).map_err(|error| {
        let why = match origin {
            Origin::Argument => error.to_string(),
            Origin::File => json_error_message(&error),
        };
        CommandError::input(format!("the switches cannot be set: {why}"), HELP)
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn set(text: &str) -> SwitchArgs {
        SwitchArgs {
            settings: None,
            set: vec![text.to_owned()],
            rates: None,
            images_per_region: None,
            accounts_per_image: Some(3),
            settle: None,
        }
    }

    #[test]
    fn what_is_named_changes_and_nothing_else() {
        let before = Settings { images_per_region: 7, ..Settings::default() };
        let after = apply(before.clone(), &set("settle=2s")).unwrap();
        let expected =
            Settings { settle: SignedDuration::from_secs(2), accounts_per_image: 3, ..before.clone() };
        assert_eq!(after, expected);
        let after = apply(before.clone(), &set("accounts=['200000000001']")).unwrap();
        assert_eq!(after.accounts.unwrap().len(), 1);
        for text in ["settle", "setle=2s", "settle=soon", "dry_run=perhaps"] {
            assert!(apply(before.clone(), &set(text)).is_err(), "{text}");
        }
    }
}
