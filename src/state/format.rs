//! The format of a state's file: which versions are read, and what shows that a file is as goldform wrote it.

use crate::diagnostics::json_error_message;
use compact_str::CompactString;
use serde::Deserialize;

use super::event::{Intent, Intents};
use super::recorded::Recorded;
use super::runs::Runs;
use super::seal;
use super::snapshot::{FORMAT, Lineage, Snapshot, StateError, Written};
use crate::model::{AccountId, CloudPlace, Digest, Provider};

/// The first version whose files hold a digest of themselves.
const FIRST_WITH_DIGEST: u32 = 2;

impl Snapshot {
    /// Returns the file's text: sorted, indented, with a newline at its end, so that it reads well in a pull request, and
    /// with the digest of all of it.
    ///
    /// # Errors
    /// If the snapshot breaks a rule of its own ([`Snapshot::verify`]), or would not be read back as it is: such a state is
    /// never written.
    pub fn to_text(&self) -> Result<String, StateError> {
        self.verify()?;
        let broken = |why: String| StateError::Broken { why };
        let mut text = serde_json::to_string_pretty(self).map_err(|error| broken(error.to_string()))?;
        text.push('\n');
        let text = seal::seal(&text).ok_or_else(|| broken(format!("it has format {}", self.format)))?;
        let file = File::parse(&text)?;
        file.check_digest(&text)?;
        if file.content() != *self {
            return Err(broken("it would not be read back as it is".to_owned()));
        }
        Ok(text)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// As [`Snapshot::from_text`], or if they are no text.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        Self::from_text(text_of(bytes)?)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// If it is no state, was written by a newer goldform, was changed since it was written, or breaks a rule of its own.
    pub fn from_text(text: &str) -> Result<Self, StateError> {
        let file = File::parse(text)?;
        file.check_digest(text)?;
        file.into_snapshot()
    }

    /// Reads the bytes of a file that a person has edited: its digest, which only goldform can make, is not checked.
    ///
    /// # Errors
    /// As [`Snapshot::from_bytes`], but for the digest.
    pub fn from_edited(bytes: &[u8]) -> Result<Self, StateError> {
        File::parse(text_of(bytes)?)?.into_snapshot()
    }
}

/// The text of a file. A mark at its beginning, as some editors write it, is no part of it.
fn text_of(bytes: &[u8]) -> Result<&str, StateError> {
    let why = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16, and a state is UTF-8".to_owned(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(error) => format!("byte {} is not UTF-8", error.valid_up_to()),
        },
    };
    Err(StateError::Broken { why })
}

/// What a file holds: a snapshot of any version that can be read, and its digest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a state")]
pub(super) struct File {
    format: u32,
    #[serde(default)]
    digest: Option<Digest>,
    goldform: CompactString,
    lineage: Lineage,
    serial: u64,
    account: AccountId,
    provider: Provider,
    #[serde(default)]
    place: Option<CloudPlace>,
    #[serde(default)]
    written: Option<Written>,
    recorded: Recorded,
    #[serde(default)]
    intents: Intents,
    #[serde(default)]
    runs: Runs,
}

impl File {
    pub(super) fn parse(text: &str) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
            goldform: Option<serde_json::Value>,
        }
        let error = match serde_json::from_str::<Self>(text) {
            Ok(file) if file.format > FORMAT => {
                return Err(StateError::Newer { format: file.format, by: file.goldform.into() });
            }
            Ok(file) if file.format == 0 => {
                return Err(StateError::Broken { why: "there is no format 0".to_owned() });
            }
            Ok(file) => return Ok(file),
            Err(error) => error,
        };
        // Only what fails is read again, to say where and why.
        let is_state = match serde_json::from_str(text) {
            Ok(Version { format, goldform }) if format > FORMAT => {
                let by = goldform.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
                return Err(StateError::Newer { format, by: by.to_owned() });
            }
            version => version.is_ok(),
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        let why = match serde_path_to_error::deserialize::<_, Self>(&mut reader) {
            // The keys of another file are not repeated.
            Err(error) if is_state && !matches!(error.path().to_string().as_str(), "." | "?") => {
                format!("at `{}`: {}", error.path(), json_error_message(error.inner()))
            }
            _ => json_error_message(&error),
        };
        Err(StateError::Broken { why })
    }

    /// Checks that the file is as goldform wrote it.
    pub(super) fn check_digest(&self, text: &str) -> Result<(), StateError> {
        let why = match &self.digest {
            None if self.format < FIRST_WITH_DIGEST => return Ok(()),
            None => "its digest is missing",
            // Else a digest could be put out of force by giving the file an older version.
            Some(_) if self.format < FIRST_WITH_DIGEST => "it has a digest, which its format does not have",
            Some(digest) if seal::digest(text, self.format, digest).as_ref() == Some(digest) => return Ok(()),
            Some(_) => "its digest is not the one of its content",
        };
        Err(StateError::Changed { why })
    }

    fn into_snapshot(self) -> Result<Snapshot, StateError> {
        let mut snapshot = self.content();
        // States of earlier versions have intents, and do not record what they may have made.
        for (at, making) in snapshot.intents.values().filter_map(Intent::making) {
            snapshot.recorded.making.entry(at).or_insert(making);
        }
        snapshot.verify()?;
        Ok(snapshot)
    }

    /// What it says, as it says it.
    pub(super) fn content(self) -> Snapshot {
        let Self {
            format: _,
            digest: _,
            goldform,
            lineage,
            serial,
            account,
            provider,
            place,
            written,
            recorded,
            intents,
            runs,
        } = self;
        // Whatever format it was read from, it is written as the present one.
        let format = FORMAT;
        Snapshot {
            format,
            goldform,
            lineage,
            serial,
            account,
            provider,
            place,
            written,
            recorded,
            intents,
            runs,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::state::{Placement, Recorded, RecordedGeneration, RecordedImage, RecordedRegion, Run};
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::applied;

    fn refusal(text: &str) -> String {
        Snapshot::from_text(text).unwrap_err().to_string()
    }

    /// A state as goldform wrote it before files held a digest.
    fn of_format_1(snapshot: &Snapshot) -> String {
        let text = serde_json::to_string_pretty(snapshot).unwrap();
        text.replacen("\"format\": 2", "\"format\": 1", 1)
    }

    /// The keys of a type that knows no others.
    fn keys<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
        let error = serde_json::from_str::<T>(r#"{ "?": 0 }"#).err().unwrap().to_string();
        let expected = error.split_once("expected one of").unwrap().1;
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_published_schema_has_the_keys_of_the_types() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../schemas/state.schema.json")).unwrap();
        let published = |at: &str| -> BTreeSet<String> {
            let properties = schema.pointer(&format!("{at}/properties")).unwrap();
            properties.as_object().unwrap().keys().cloned().collect()
        };
        for (at, keys) in [
            ("", keys::<File>()),
            ("/definitions/recorded", keys::<Recorded>()),
            ("/definitions/image", keys::<RecordedImage>()),
            ("/definitions/generation", keys::<RecordedGeneration>()),
            ("/definitions/placement", keys::<Placement>()),
            ("/definitions/region", keys::<RecordedRegion>()),
            ("/definitions/run", keys::<Run>()),
        ] {
            assert_eq!(published(at), keys, "{at}");
        }
    }

    #[test]
    fn a_state_of_an_older_format_is_read_and_written_in_the_present_one() {
        let snapshot = applied(&[EXAMPLE]);
        let read = Snapshot::from_text(&of_format_1(&snapshot)).unwrap();
        assert_eq!(read, snapshot);
        let text = read.to_text().unwrap();
        assert!(text.starts_with("{\n  \"format\": 2,\n  \"digest\": \"sha256:"), "{text}");
        assert_eq!(Snapshot::from_text(&text).unwrap(), snapshot);
    }

    #[test]
    fn a_digest_is_not_put_out_of_force_by_another_version() {
        let text = applied(&[EXAMPLE]).to_text().unwrap();
        let changed = |text: &str| match Snapshot::from_text(text) {
            Err(StateError::Changed { why }) => why,
            other => panic!("{other:?}"),
        };
        let older = text.replacen("\"format\": 2", "\"format\": 1", 1);
        assert_eq!(changed(&older), "it has a digest, which its format does not have");
        let without = of_format_1(&applied(&[EXAMPLE])).replacen("\"format\": 1", "\"format\": 2", 1);
        assert_eq!(changed(&without), "its digest is missing");
        let moved = text.replacen("\"NORMAL\"", "\"CREATEFAILED\"", 1);
        assert_eq!(changed(&moved), "its digest is not the one of its content");
        assert!(refusal(&text.replacen("\"format\": 2", "\"format\": 0", 1)).contains("no format 0"));
    }

    #[test]
    fn an_edited_state_is_taken_as_such_and_keeps_its_rules() {
        let snapshot = applied(&[EXAMPLE]);
        let text = snapshot.to_text().unwrap();
        let edited = text.replacen("\"seen\": true", "\"seen\": false", 1);
        assert_ne!(edited, text);
        assert!(matches!(Snapshot::from_text(&edited), Err(StateError::Changed { .. })));
        let read = Snapshot::from_edited(edited.as_bytes()).unwrap();
        assert_ne!(read, snapshot);
        assert_eq!(Snapshot::from_text(&read.to_text().unwrap()).unwrap(), read);
        let broken = text.replacen("\"current\": 1", "\"current\": 7", 1);
        assert!(matches!(Snapshot::from_edited(broken.as_bytes()), Err(StateError::Broken { .. })));
    }

    #[test]
    fn other_line_ends_indentation_and_a_mark_of_an_editor_make_no_difference() {
        let snapshot = applied(&[EXAMPLE]);
        let text = snapshot.to_text().unwrap();
        let narrow = text.lines().map(str::trim_start).collect::<String>();
        for same in [text.replace('\n', "\r\n"), narrow, format!("\u{feff}{text}\n\n")] {
            assert_eq!(Snapshot::from_bytes(same.as_bytes()).unwrap(), snapshot, "{same}");
        }
        let utf_16: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let why = Snapshot::from_bytes(&utf_16).unwrap_err().to_string();
        assert_eq!(why, "the state cannot be read: it is UTF-16, and a state is UTF-8");
        let why = Snapshot::from_bytes(b"{\"format\": \xff").unwrap_err().to_string();
        assert_eq!(why, "the state cannot be read: byte 11 is not UTF-8");
    }
}
