//! Reading of the state: the snapshot, and its journal folded over it.

use super::bucket::Object;
use super::journal::{self, Entry, Name};
use super::{ObjectStateStore, Relation, StoreError, Stored, pause};
use crate::state::{Snapshot, StateError};

/// What a load has read.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    pub(super) stored: Stored,
    pub(super) has_events: bool,
}

impl ObjectStateStore {
    /// Reads the snapshot and folds its journal over it.
    pub(super) async fn read(&self) -> Result<Option<Loaded>, StoreError> {
        const MOST: u32 = 10;
        let mut tries: u32 = 0;
        loop {
            tries = tries.saturating_add(1);
            let object = self.bucket.read("").await?;
            let version = object.as_ref().map(|object| object.version.clone());
            let names = journal::names(&self.bucket).await?;
            let entries = journal::read(&self.bucket, &names).await;
            let is_last = tries == MOST;
            if let Ok(None) = entries
                && !is_last
            {
                pause(tries).await;
                continue;
            }
            let result = match entries {
                Ok(entries) => self.fold(object, &names, entries.unwrap_or_default()).await,
                Err(error) => Err(error),
            };
            let is_old = matches!(&result, Ok(Some(loaded)) if loaded.stored.serial < self.expected)
                || (matches!(result, Ok(None)) && self.expected > 0);
            // A command that writes may have put the next snapshot in the place of what was read, and removed its journal.
            // Under the lock nobody does.
            let is_moved = async || match self.held {
                Some(_) => Ok(false),
                None => Ok(self.bucket.version("").await? != version),
            };
            if !is_last && (is_old || is_moved().await?) {
                pause(tries).await;
                continue;
            }
            return match result {
                Ok(loaded) if is_old => Err(StoreError::Older {
                    place: self.bucket.shown.clone(),
                    serial: loaded.map(|loaded| loaded.stored.serial),
                    written: self.expected,
                    kept: self.restorable().await,
                }),
                result => result,
            };
        }
    }

    async fn fold(
        &self,
        object: Option<Object>,
        names: &[Name],
        entries: Vec<Entry>,
    ) -> Result<Option<Loaded>, StoreError> {
        let version = object.as_ref().map(|object| object.version.clone());
        let mut snapshot = match object.map(|object| Snapshot::from_bytes(&object.bytes)).transpose() {
            Ok(snapshot) => snapshot,
            Err(source) => {
                let kept = match source {
                    StateError::Newer { .. } => Vec::new(),
                    _ => self.restorable().await,
                };
                return Err(self.broken(source, kept));
            }
        };
        let serial = snapshot.as_ref().map(|snapshot| snapshot.serial);
        let stored = snapshot.as_ref().map(|snapshot| Stored {
            lineage: snapshot.lineage.clone(),
            serial: snapshot.serial,
            version,
        });
        let base = snapshot.as_ref().map(|snapshot| (snapshot.lineage.clone(), snapshot.serial));
        let follows =
            |entry: &&Entry| matches!(journal::relation(entry, base.as_ref()), Some((Relation::Follows, _)));
        let needed: Vec<Name> = entries.iter().filter(follows).map(|entry| entry.name).collect();
        journal::check_gapless(&self.bucket, names, &needed).map_err(|error| error.beside_serial(serial))?;
        for entry in &entries {
            match journal::relation(entry, base.as_ref()) {
                None | Some((Relation::Behind, _)) => {}
                Some((Relation::Follows, _)) => {
                    let Some(snapshot) = &mut snapshot else { continue };
                    for (line, event) in &entry.events {
                        snapshot.take(event).map_err(|source| StoreError::Journal {
                            place: entry.place.clone(),
                            line: *line,
                            source,
                            serial,
                        })?;
                    }
                }
                Some((relation, base)) => {
                    return Err(StoreError::JournalApart {
                        place: entry.place.clone(),
                        relation,
                        lineage: base.lineage,
                        follows: base.follows,
                        serial,
                        events: entry.events.len(),
                        kept: self.restorable().await,
                    });
                }
            }
        }
        let has_events = !needed.is_empty();
        Ok(snapshot.zip(stored).map(|(snapshot, stored)| Loaded { snapshot, stored, has_events }))
    }
}
