//! Any bytes as a variable file, a state or a saved plan.

use serde_json::Value;

use super::inert::assert_printable;
use crate::manifest::{self, writer};
use crate::model::Digest;
use crate::plan::file::PlanFileError;
use crate::plan::{PlanFile, PlanInputs};
use crate::report::state::state_text;
use crate::report::{AccountNames, Paint};
use crate::state::{Lineage, Snapshot};

/// Variables that are read are written and read as the same. An error repeats nothing of the file, which may be secret.
pub(super) fn variables(bytes: &[u8]) {
    match manifest::read_variables(bytes) {
        Ok(values) => {
            let map = values.iter().map(|(name, text)| (name.clone(), Value::String(text.clone()))).collect();
            let written = writer::document(&map);
            assert_eq!(manifest::read_variables(written.as_bytes()), Ok(values), "{written}");
        }
        Err(message) => {
            let is_fixed =
                message.starts_with("it is not UTF-8 text: ") || message.starts_with("it is not one mapping");
            assert!(is_fixed && message.len() < 200, "{message}");
        }
    }
}

/// A state that is read, or that a person has edited, is written and read as the same, and shown inertly.
pub(super) fn state(bytes: &[u8]) {
    for read in [Snapshot::from_bytes(bytes), Snapshot::from_edited(bytes)] {
        let snapshot = match read {
            Ok(snapshot) => snapshot,
            Err(error) => {
                assert_printable(&error.to_string());
                continue;
            }
        };
        snapshot.verify().expect("what is read keeps its rules");
        let text = snapshot.to_text().expect("what is read can be written");
        let again = Snapshot::from_text(&text).expect("what is written can be read");
        assert_eq!(again, snapshot);
        assert_eq!(again.to_text().expect("twice"), text);
        assert_printable(&state_text(&snapshot, &AccountNames::default(), false, Paint::PLAIN));
    }
}

/// A file that is accepted holds the plan of its inputs, and is written as it was read. A file whose checksum is made
/// again for other inputs is accepted only if they yield the plan that it names.
pub(super) fn plan_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match PlanFile::from_text(text) {
        Ok(read) => assert_round_trip(&read.inputs),
        Err(error) => assert_printable(&error.to_string()),
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { return };
    fields.shift_remove("checksum");
    let Ok(checksum) = Digest::of(&fields) else { return };
    fields.insert("checksum".to_owned(), Value::String(checksum.as_str().to_owned()));
    let sealed = Value::Object(fields.clone()).to_string();
    match PlanFile::from_text(&sealed) {
        Ok(read) => assert_eq!(Some(read.plan.digest.as_str()), fields.get("digest").and_then(Value::as_str)),
        Err(error) => assert_printable(&error.to_string()),
    }
    let inputs = fields.remove("inputs").and_then(|inputs| serde_json::from_value::<PlanInputs>(inputs).ok());
    if let Some(inputs) = inputs.filter(is_sound) {
        assert_round_trip(&inputs);
    }
}

/// Whether the record keeps the rules of every state, which a reader checks before it plans.
fn is_sound(inputs: &PlanInputs) -> bool {
    let PlanInputs { desired, recorded, .. } = inputs;
    let first = Snapshot::first(Lineage("fuzz".into()), desired.account, desired.cloud.provider);
    Snapshot { recorded: recorded.clone(), ..first }.verify().is_ok()
}

fn assert_round_trip(inputs: &PlanInputs) {
    let Ok(text) = inputs.to_text() else { return };
    match PlanFile::from_text(&text) {
        Ok(read) => {
            assert_eq!(read.inputs, *inputs);
            assert_eq!(read.inputs.to_text().expect("twice"), text);
        }
        Err(PlanFileError::Broken(why)) => assert_printable(&why),
        Err(error) => panic!("what is written is refused: {error}\n{text}"),
    }
}
