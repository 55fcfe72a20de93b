//! The suite that every store passes.

#![allow(clippy::disallowed_methods, reason = "tests read and break the files of stores")]

use jiff::Timestamp;

use super::*;
use crate::model::{Attributes, Operation, Provider, Source, Tags};
use crate::state::{Lineage, StepId};

pub(super) fn info() -> LockInfo {
    LockInfo { owner: "me@here".into(), pid: 1, operation: "apply".into(), since: Timestamp::UNIX_EPOCH }
}

pub(super) fn first() -> Snapshot {
    Snapshot::first(Lineage("lineage-1".into()), "100000000001".parse().unwrap(), Provider::Sandbox)
}

pub(super) fn started() -> Event {
    let source: Source = serde_json::from_str(r#"{"instance":{"id":"ins-8f3a1c2d"}}"#).unwrap();
    let attributes = Attributes { name: Some("web".into()), ..Attributes::default() };
    let at = "image.web@ap-tokyo#1".to_owned();
    Event::Started {
        step: StepId("create image.web@ap-tokyo#1".into()),
        at: Timestamp::UNIX_EPOCH,
        operation: Operation::Create {
            at: compact_str::CompactString::from(at).try_into().unwrap(),
            attributes,
            tags: Tags::new(),
            ownership: None,
            source,
            of: None,
        },
    }
}

pub(super) fn accepted() -> Event {
    Event::Accepted {
        step: StepId("create image.web@ap-tokyo#1".into()),
        at: Timestamp::UNIX_EPOCH,
        id: "img-00000001".parse().unwrap(),
    }
}

/// Everything that a store promises. `again` opens the same place as another process would.
pub(super) async fn promises<S: StateStore>(mut store: S, again: impl Fn(&S) -> S) {
    assert!(store.load().await.unwrap().is_none(), "nothing before the first save");
    assert!(matches!(store.save(&mut first(), SerialBump::Yes).await, Err(StoreError::OutOfOrder(_))));
    store.lock(info(), LockWait::NONE).await.unwrap();
    assert!(matches!(store.append(&[started()]).await, Err(StoreError::OutOfOrder(_))));

    let mut snapshot = first();
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    assert_eq!(snapshot.serial, 1);
    store.save(&mut snapshot, SerialBump::IfEvents).await.unwrap();
    assert_eq!(snapshot.serial, 1, "times of reading are no facts");

    store.append(&[started()]).await.unwrap();
    store.append(&[accepted()]).await.unwrap();
    let seen = again(&store).load().await.unwrap().unwrap();
    assert_eq!(seen.intents.len(), 1);
    assert_eq!(seen.recorded.placements().count(), 1);

    snapshot = store.load().await.unwrap().unwrap();
    store.save(&mut snapshot, SerialBump::IfEvents).await.unwrap();
    assert_eq!(snapshot.serial, 2, "events are facts");
    let seen = again(&store).load().await.unwrap().unwrap();
    assert_eq!(seen, snapshot, "the journal is folded once");

    let written = snapshot.written.clone().unwrap();
    assert_eq!((written.by.as_str(), written.command.as_str()), ("me@here", "apply"));
    let kept = again(&store).kept().await.unwrap();
    assert_eq!(kept.iter().map(|(serial, _)| *serial).collect::<Vec<_>>(), [1], "the one before is kept");
    assert_eq!(kept[0].1.as_ref().unwrap().written.as_ref().unwrap().command, "apply");
    let before = store.recall(1).await.unwrap().unwrap();
    assert_eq!(
        (before.serial, before.recorded.placements().count()),
        (1, 0),
        "as it was, without the journal"
    );
    assert!(store.recall(7).await.unwrap().is_none());
    for _ in 0..SNAPSHOTS_KEPT {
        store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    }
    let kept: Vec<u64> = store.kept().await.unwrap().into_iter().map(|(serial, _)| serial).collect();
    assert_eq!(kept, (2..=11).collect::<Vec<u64>>(), "the oldest go first");
}

#[tokio::test]
async fn memory_keeps_the_promises() {
    promises(MemoryStore::default(), |store| store.crashed_after(usize::MAX)).await;
}

#[tokio::test]
async fn file_keeps_the_promises() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.state.json");
    promises(FileStore::at(&path), |_| FileStore::at(&path)).await;
}

#[tokio::test]
async fn a_file_is_locked_for_others_and_says_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.state.json");
    let mut one = FileStore::at(&path);
    one.lock(info(), LockWait::NONE).await.unwrap();
    let refused = FileStore::at(&path).lock(info(), LockWait::NONE).await;
    assert!(matches!(refused, Err(StoreError::Locked { holder: Some(holder), .. }) if holder == info()));
    drop(one);
    FileStore::at(&path).lock(info(), LockWait::NONE).await.unwrap();
}

#[tokio::test]
async fn a_line_that_a_crash_cut_off_is_left_out_and_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.state.json");
    let journal = folder.path().join("goldform.state.json.journal");
    let mut store = FileStore::at(&path);
    store.lock(info(), LockWait::NONE).await.unwrap();
    store.save(&mut first(), SerialBump::Yes).await.unwrap();
    store.append(&[started()]).await.unwrap();
    drop(store);
    let mut text = std::fs::read_to_string(&journal).unwrap();
    text.push_str("{\"event\":\"accep");
    std::fs::write(&journal, text).unwrap();

    let mut store = FileStore::at(&path);
    store.lock(info(), LockWait::NONE).await.unwrap();
    assert_eq!(store.load().await.unwrap().unwrap().intents.len(), 1);
    store.append(&[accepted()]).await.unwrap();
    let seen = FileStore::at(&path).load().await.unwrap().unwrap();
    assert_eq!(seen.recorded.placements().count(), 1);
}

#[tokio::test]
async fn a_journal_of_an_older_snapshot_is_not_folded_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.state.json");
    let journal = folder.path().join("goldform.state.json.journal");
    let mut store = FileStore::at(&path);
    store.lock(info(), LockWait::NONE).await.unwrap();
    store.save(&mut first(), SerialBump::Yes).await.unwrap();
    store.append(&[started(), accepted()]).await.unwrap();
    let left_behind = std::fs::read_to_string(&journal).unwrap();
    let mut snapshot = store.load().await.unwrap().unwrap();
    store.save(&mut snapshot, SerialBump::IfEvents).await.unwrap();
    std::fs::write(&journal, left_behind).unwrap(); // as if the process had died before removing it
    assert_eq!(FileStore::at(&path).load().await.unwrap().unwrap(), snapshot);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.state.json");
    for text in ["", "{}", "not json", "{\"format\": 99, \"goldform\": \"9.0.0\"}"] {
        std::fs::write(&path, text).unwrap();
        let error = FileStore::at(&path).load().await.unwrap_err();
        assert!(matches!(error, StoreError::State { .. }), "{text}: {error}");
        let mut store = FileStore::at(&path);
        store.lock(info(), LockWait::NONE).await.unwrap();
        let error = store.save(&mut first(), SerialBump::Yes).await.unwrap_err();
        assert!(matches!(error, StoreError::State { .. }), "{text}: {error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[tokio::test]
async fn a_kept_file_that_cannot_be_read_is_listed_and_what_is_no_snapshot_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("goldform.state.json");
    let mut store = FileStore::at(&path);
    store.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let history = folder.path().join("goldform.state.json.history");
    std::fs::write(history.join("0.json"), "half a").unwrap();
    std::fs::write(history.join("notes.txt"), "mine").unwrap();
    let kept = store.kept().await.unwrap();
    let listed: Vec<(u64, bool)> = kept.iter().map(|(serial, head)| (*serial, head.is_some())).collect();
    assert_eq!(listed, [(0, false), (1, true)]);
    assert!(matches!(store.recall(0).await, Err(StoreError::State { .. })));
    // The present state may be broken: what is kept is what helps then.
    std::fs::write(&path, "broken").unwrap();
    assert_eq!(FileStore::at(&path).recall(1).await.unwrap().unwrap().serial, 1);
}
