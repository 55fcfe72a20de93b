//! Candidates for a value, by the name that the value has in the help. Addresses are completed one part at a time.

use std::ffi::OsStr;
use std::sync::Arc;

use clap::{Arg, ValueEnum as _};
use clap_complete::PathCompleter;
use clap_complete::engine::{CompletionCandidate, ValueCompleter};

use super::context::CommandLine;
use crate::cli::formats::formats_of;
use crate::constraints::RULES;
use crate::model::Verb;

/// More candidates than this help nobody.
const MOST: usize = 1000;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// An address that can be planned.
    Placements,
    /// An address that is recorded, shares and lookups among them.
    Recorded,
    /// An entry.
    Entries,
    /// A rule, by name or id.
    Rules,
    /// A rule, or a step of the plan: its verb, or its address.
    RulesAndSteps,
    /// A region.
    Regions,
    /// The id of an account that the manifest names.
    Accounts,
    /// `NAME=VALUE` of a variable.
    Variables,
    /// A snapshot that is kept.
    Serials,
    /// `FORMAT` or `FORMAT=FILE`.
    Formats,
    /// A file. A digest is accepted too.
    Files,
}

/// A value, and what is said of it.
type Said = (String, String);

impl Offer {
    /// By the name that the value has in the help.
    pub(super) fn of(argument: &Arg, is_of_the_record: bool) -> Option<Self> {
        let name = argument.get_value_names()?.first()?.as_str();
        Some(match name {
            "ADDRESS" | "ADDRESSES" | "OLD" | "NEW" if is_of_the_record => Self::Recorded,
            "ADDRESS" => Self::Placements,
            "image.KEY" => Self::Entries,
            "RULE" => Self::Rules,
            "RULE|STEP" => Self::RulesAndSteps,
            "REGION" => Self::Regions,
            "ACCOUNT" => Self::Accounts,
            "NAME=VALUE" if argument.get_id() == "variables" => Self::Variables,
            "SERIAL" => Self::Serials,
            "FORMAT[=FILE]" => Self::Formats,
            "DIGEST|FILE" => Self::Files,
            _ => return None,
        })
    }

    /// What completes it, on this line.
    pub(super) fn completer(self, line: &Arc<CommandLine>) -> impl ValueCompleter + 'static {
        let line = Arc::clone(line);
        move |typed: &OsStr| self.candidates(&line, &typed.to_string_lossy())
    }

    fn candidates(self, line: &CommandLine, typed: &str) -> Vec<CompletionCandidate> {
        let context = line.context();
        let said: Vec<Said> = match self {
            Self::Placements => addresses(line, typed, false),
            Self::Recorded => {
                let others = context.lookups(true).into_iter().chain(context.shares());
                let others = others.map(|address| (address, String::new()));
                addresses(line, typed, true).into_iter().chain(others).collect()
            }
            Self::Entries => {
                let keys = context.placements(false).into_keys();
                keys.map(|key| (format!("image.{key}"), String::new())).collect()
            }
            Self::Rules => rules(typed),
            Self::RulesAndSteps => {
                let verbs = Verb::ALL.iter().map(|verb| (verb.as_str().to_owned(), "a step".to_owned()));
                rules(typed).into_iter().chain(verbs).chain(addresses(line, typed, false)).collect()
            }
            Self::Regions => context.regions(),
            Self::Accounts => context.accounts().into_iter().map(|(name, id)| (id, name)).collect(),
            Self::Variables => {
                context.variables().into_iter().map(|name| (format!("{name}="), String::new())).collect()
            }
            Self::Serials => context.serials(),
            Self::Formats => return formats(line, typed),
            Self::Files => return PathCompleter::any().complete(OsStr::new(typed)),
        };
        let fitting = said.into_iter().filter(|(value, _)| value.starts_with(typed)).take(MOST);
        fitting.map(candidate).collect()
    }
}

fn candidate((value, about): Said) -> CompletionCandidate {
    let about = Some(about).filter(|about| !about.is_empty());
    CompletionCandidate::new(value).help(about.map(Into::into))
}

/// Rules by name; by id, where that is typed.
fn rules(typed: &str) -> Vec<Said> {
    let by_id = typed.starts_with("GF");
    RULES
        .iter()
        .map(|rule| {
            (if by_id { rule.code.id } else { rule.code.name }.to_owned(), rule.code.title.to_owned())
        })
        .collect()
}

/// Returns addresses, as deep as is typed: entries, then the placements of an entry once only it fits, then the
/// generations of a placement.
fn addresses(line: &CommandLine, typed: &str, is_recorded_only: bool) -> Vec<Said> {
    let mut found = Vec::new();
    let placements = line.context().placements(is_recorded_only);
    let fits = |address: &str| address.starts_with(typed) || typed.starts_with(&format!("{address}@"));
    let entries: Vec<_> = placements
        .iter()
        .map(|(key, regions)| (format!("image.{key}"), regions))
        .filter(|(a, _)| fits(a))
        .collect();
    let is_only =
        |entry: &str| entries.len() == 1 || typed == entry || typed.starts_with(&format!("{entry}@"));
    for (entry, regions) in &entries {
        let names: Vec<&str> = regions.keys().map(|region| region.as_str()).collect();
        found.push((entry.clone(), names.join(", ")));
        if !is_only(entry) {
            continue;
        }
        let placed: Vec<_> = regions
            .iter()
            .map(|(region, generations)| (format!("{entry}@{region}"), generations))
            .filter(|(address, _)| address.starts_with(typed) || typed.starts_with(&format!("{address}#")))
            .collect();
        let is_one = placed.len() == 1;
        for (address, generations) in placed {
            if is_one || typed == address {
                let each =
                    generations.iter().map(|generation| (format!("{address}#{generation}"), String::new()));
                found.extend(each);
            }
            found.push((address, String::new()));
        }
    }
    found.sort();
    found
}

/// The formats of the command, and the files that one can be written to.
fn formats(line: &CommandLine, typed: &str) -> Vec<CompletionCandidate> {
    if let Some((format, file)) = typed.split_once('=') {
        let files = PathCompleter::any().complete(OsStr::new(file));
        return files.into_iter().map(|file| file.add_prefix(format!("{format}="))).collect();
    }
    let values = formats_of(|names| line.first_of(names)).into_iter();
    let said = values.filter_map(|format| format.to_possible_value()).map(|value| {
        let about = value.get_help().map(ToString::to_string).unwrap_or_default();
        (value.get_name().to_owned(), about)
    });
    said.filter(|(value, _)| value.starts_with(typed)).map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Cli;

    /// The offers for what a command takes, and for what its commands take.
    fn offers(command: &clap::Command, of_the_record: bool, found: &mut Vec<Offer>) {
        let of_the_record = of_the_record || matches!(command.get_name(), "state" | "forget");
        found.extend(command.get_arguments().filter_map(|argument| Offer::of(argument, of_the_record)));
        command.get_subcommands().for_each(|inner| offers(inner, of_the_record, found));
    }

    #[test]
    fn every_offer_is_made_for_something() {
        let mut found = Vec::new();
        offers(&Cli::command(), false, &mut found);
        for offer in [
            Offer::Placements,
            Offer::Recorded,
            Offer::Entries,
            Offer::Rules,
            Offer::RulesAndSteps,
            Offer::Regions,
            Offer::Accounts,
            Offer::Variables,
            Offer::Serials,
            Offer::Formats,
            Offer::Files,
        ] {
            assert!(found.contains(&offer), "{offer:?}");
        }
    }
}
