//! Any bytes as a journal beside a state.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::inert::assert_printable;
use crate::backend::{FileStore, StateStore as _};
use crate::model::Provider;
use crate::state::{Lineage, Snapshot};

/// Lineage and serial of the state that the journal follows.
const LINEAGE: &str = "00000000-0000-4000-8000-000000000001";

/// A journal that ends early says nothing that the whole one does not: what is read from the first lines of it does not
/// depend on what follows them, and a line without its end is not read. The same lines with right checksums, which a mutation
/// never has by itself, are checked too.
pub(super) fn journal(bytes: &[u8]) {
    let place = Place::new();
    assert_prefixes(&place, bytes);
    assert_prefixes(&place, &sealed(bytes));
}

fn assert_prefixes(place: &Place, bytes: &[u8]) {
    let whole = place.load(bytes);
    let ends: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    // The first, a middle and the last line.
    let chosen = [ends.first(), ends.get(ends.len() / 2), ends.iter().nth_back(1), ends.last()];
    for end in chosen.into_iter().flatten() {
        let read = place.load(&bytes[..*end]);
        // What is read of the whole is read of its beginning.
        assert!(whole.is_err() || read.is_ok(), "{read:?}");
        let torn = (*end + (bytes.len() - end) / 2).min(next_end(bytes, *end));
        assert_eq!(place.load(&bytes[..torn]), read, "a torn line of {end}..{torn} is read");
    }
    let Some(last) = ends.last() else { return };
    assert_eq!(place.load(&bytes[..*last]), whole, "what follows the last line end is read");
}

/// The last byte before the next line end.
fn next_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| from + at)
}

/// The lines with a header that follows the state, and the checksum of each and all before it.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let header = format!(r#"{{"lineage":"{LINEAGE}","follows":1}}"#);
    let mut before = [0_u8; 16];
    let mut sealed = Vec::new();
    for line in [header.as_bytes()].into_iter().chain(bytes.split(|byte| *byte == b'\n')) {
        let json = match line.iter().rposition(|byte| *byte == b'}') {
            Some(end) => &line[..=end],
            None => continue,
        };
        if json.starts_with(br#"{"lineage""#) && !sealed.is_empty() {
            continue;
        }
        let hash = Sha256::new_with_prefix(before).chain_update(json).finalize();
        before.copy_from_slice(&hash[..16]);
        sealed.extend_from_slice(json);
        sealed.push(b' ');
        sealed.extend(before.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
        sealed.push(b'\n');
    }
    sealed
}

/// A folder with a state, removed at the end.
struct Place {
    folder: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("goldform-journal-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        #[expect(clippy::disallowed_methods, reason = "a store reads files")]
        fs::create_dir_all(&folder).expect("a temporary folder");
        let account = "100000000001".parse().expect("an account");
        let first = Snapshot::first(Lineage(LINEAGE.into()), account, Provider::Sandbox);
        let state = Snapshot { serial: 1, ..first };
        write(&folder.join("s.json"), state.to_text().expect("a state").as_bytes());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self { folder, runtime }
    }

    /// Returns the state that is read with a journal, or the message.
    fn load(&self, journal: &[u8]) -> Result<Option<Snapshot>, String> {
        write(&self.folder.join("s.json.journal"), journal);
        let mut store = FileStore::at(self.folder.join("s.json"));
        let loaded = self.runtime.block_on(store.load()).map_err(|error| error.to_string());
        match &loaded {
            Ok(Some(snapshot)) => snapshot.verify().expect("what is read keeps its rules"),
            Ok(None) => panic!("the state is gone"),
            Err(message) => assert_printable(message),
        }
        loaded
    }
}

#[expect(clippy::disallowed_methods, reason = "a store reads files")]
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a temporary file");
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
