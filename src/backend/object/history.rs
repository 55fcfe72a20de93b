//! The snapshots that are kept: `<key>.history/<serial>.json`, a copy of the present one among them.
//!
//! They are a help for people and nothing else relies on them: that one cannot be kept is logged, and never stops a
//! state from being written. What is put out of the way is kept there too: `replaced-1.json`, `replaced-1.journal`.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::bucket::{NotWritten, PARALLEL};
use super::journal::{self, Kind};
use super::{ObjectStateStore, Relation, SNAPSHOTS_KEPT, SerialBump, StateStore as _, StoreError, Stored};
use crate::state::{Head, Snapshot};

const FOLDER: &str = ".history";

fn suffix(serial: u64) -> String {
    format!("{FOLDER}/{serial}.json")
}

impl ObjectStateStore {
    /// Keeps the text of a snapshot that was written.
    pub(super) async fn keep(&self, serial: u64, text: &str) {
        if let Err(error) = self.try_to_keep(serial, text).await {
            tracing::warn!(serial, %error, "the snapshot could not be kept");
        }
    }

    async fn try_to_keep(&self, serial: u64, text: &str) -> Result<(), StoreError> {
        self.bucket.overwrite(&suffix(serial), text.as_bytes()).await?;
        let serials = self.serials().await?;
        // The present one is among them.
        let surplus = serials.len().saturating_sub(SNAPSHOTS_KEPT.saturating_add(1));
        for serial in serials.into_iter().take(surplus) {
            self.bucket.remove(&suffix(serial)).await?;
        }
        Ok(())
    }

    /// Returns the serials that are kept, rising. Other objects in the folder are left alone.
    async fn serials(&self) -> Result<Vec<u64>, StoreError> {
        let names = self.bucket.list(FOLDER).await?;
        let mut serials: Vec<u64> =
            names.iter().filter_map(|(name, _)| name.strip_suffix(".json")?.parse().ok()).collect();
        serials.sort_unstable();
        Ok(serials)
    }

    /// Returns the serials of the kept snapshots that can be restored, rising.
    pub(super) async fn restorable(&self) -> Vec<u64> {
        let kept = self.heads().await.unwrap_or_default();
        kept.into_iter().filter_map(|(serial, head)| head.map(|_| serial)).collect()
    }

    async fn heads(&self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        let reads = stream::iter(self.serials().await?).map(|serial| async move {
            let head = self.read_one_kept(serial).await.ok().flatten().map(|snapshot| snapshot.head());
            Ok((serial, head))
        });
        reads.buffered(PARALLEL).try_collect().await
    }

    pub(super) async fn read_kept(&self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        let mut kept = self.heads().await?;
        // The copy of the present one is no earlier one, unless the present one cannot be used.
        let present = self.bucket.read("").await?;
        if let Some(present) = present.and_then(|object| Snapshot::from_bytes(&object.bytes).ok()) {
            kept.retain(|(serial, _)| *serial != present.serial);
        }
        Ok(kept)
    }

    pub(super) async fn read_one_kept(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        let suffix = suffix(serial);
        let Some(object) = self.bucket.read(&suffix).await? else { return Ok(None) };
        let place = self.bucket.place(&suffix);
        match Snapshot::from_bytes(&object.bytes) {
            Ok(snapshot) if snapshot.serial == serial => Ok(Some(snapshot)),
            Ok(snapshot) => Err(StoreError::OtherSerial { place, serial: snapshot.serial }),
            Err(source) => Err(StoreError::State { place, source, kept: Vec::new() }),
        }
    }

    /// Keeps what is about to be replaced, under a name that nothing else has. Returns the name.
    pub(super) async fn set_aside(&self, bytes: &[u8], ending: &str) -> Result<String, StoreError> {
        let mut number: u32 = 1;
        loop {
            let suffix = format!("{FOLDER}/replaced-{number}.{ending}");
            match self.bucket.create(&suffix, bytes).await {
                Ok(_) => return Ok(self.bucket.place(&suffix)),
                Err(NotWritten::Conflict) => number = number.saturating_add(1),
                Err(NotWritten::Failed(error)) => return Err(error),
            }
        }
    }

    /// Makes a snapshot the state, in the place of one that cannot be used, or that its journal does not belong to. The
    /// events of a journal that follows the snapshot are folded into it. All else is kept; returns the names.
    pub(super) async fn replace_unusable(
        &mut self,
        snapshot: &mut Snapshot,
    ) -> Result<Vec<String>, StoreError> {
        self.checked().await?;
        let mut aside = Vec::new();
        let mut last = self.serials().await?.into_iter().max().unwrap_or_default();
        last = last.max(snapshot.serial).max(self.expected);
        let epoch = self.held()?.epoch;
        let mut names = journal::names(&self.bucket).await?;
        names.retain(|name| name.epoch != epoch);
        let mut folded = snapshot.clone();
        let mut is_folded = true;
        let mut bytes = Vec::new();
        for name in &names {
            let Some(object) = self.bucket.read(&name.suffix()).await? else { continue };
            let entry = journal::decode(*name, self.bucket.place(&name.suffix()), object.bytes.clone()).ok();
            let is_needed = entry.as_ref().is_none_or(|entry| matches!(entry.is, Kind::Events { .. }));
            if is_needed {
                bytes.extend_from_slice(&object.bytes);
            }
            let Some(entry) = entry else {
                is_folded = false;
                continue;
            };
            let base = (snapshot.lineage.clone(), snapshot.serial);
            match journal::relation(&entry, Some(&base)) {
                None => {}
                Some((Relation::Follows, _)) if is_folded => {
                    is_folded = entry.events.iter().all(|(_, event)| folded.take(event).is_ok());
                }
                Some((Relation::Behind, _)) => {}
                Some((_, base)) => {
                    last = last.max(base.follows);
                    is_folded = false;
                }
            }
        }
        match is_folded {
            true => *snapshot = folded,
            false => aside.push(self.set_aside(&bytes, "journal").await?),
        }
        let mut version = None;
        if let Some(object) = self.bucket.read("").await? {
            let head = std::str::from_utf8(&object.bytes).ok().and_then(Head::from_text);
            last = last.max(head.map_or(0, |head| head.serial));
            let present = Snapshot::from_bytes(&object.bytes).ok();
            let is_kept = match &present {
                Some(present) => {
                    self.read_one_kept(present.serial).await.ok().flatten().as_ref() == Some(present)
                }
                None => false,
            };
            if !is_kept {
                aside.push(self.set_aside(&object.bytes, "json").await?);
            }
            version = Some(object.version);
        }
        snapshot.serial = last;
        self.stored = Some(Stored { lineage: snapshot.lineage.clone(), serial: last, version });
        self.has_events = false;
        self.save(snapshot, SerialBump::Yes).await?;
        Ok(aside)
    }
}
