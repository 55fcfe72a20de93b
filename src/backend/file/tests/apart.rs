//! Journals that do not belong to the state beside them, and states that are put in the place of unusable ones.

use super::*;
use crate::backend::journal::{Header, Relation};

#[test]
fn a_journal_belongs_to_one_snapshot() {
    let header = Header { lineage: Lineage("one".into()), follows: 3 };
    let (one, other) = (Lineage("one".into()), Lineage("other".into()));
    for (snapshot, relation) in [
        (Some((&one, 3)), Relation::Follows),
        (Some((&one, 4)), Relation::Behind),
        (Some((&one, 9)), Relation::Behind),
        (Some((&one, 2)), Relation::Ahead),
        (Some((&other, 3)), Relation::OfAnother),
        (None, Relation::Alone),
    ] {
        assert_eq!(header.relation(snapshot), relation, "{snapshot:?}");
    }
}

/// Loads and saves, which is refused; all files stay as they are.
async fn refused(folder: &Folder, relation: Relation) -> StoreError {
    let read = |path: PathBuf| fs::read(path).ok();
    let before = (read(folder.state()), read(folder.journal()));
    let saved = folder.locked().await.save(&mut example(), SerialBump::Yes).await;
    assert!(matches!(saved, Err(StoreError::JournalApart { .. })), "{saved:?}");
    assert_eq!((read(folder.state()), read(folder.journal())), before);
    let error = folder.load().await.unwrap_err();
    assert!(matches!(&error, StoreError::JournalApart { relation: is, .. } if *is == relation), "{error}");
    error
}

/// The files in the folder of kept snapshots.
fn kept_files(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path("goldform.state.json.history")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_journal_ahead_of_the_state_is_kept_until_the_state_that_it_follows_is_back() {
    let folder = Folder::with_journal().await;
    let mut older = example();
    older.serial = 2;
    fs::write(folder.state(), older.to_text().unwrap()).unwrap();
    let error = refused(&folder, Relation::Ahead).await;
    assert!(
        matches!(&error, StoreError::JournalApart { kept, follows: 3, serial: Some(2), events: 6, .. } if *kept == [3])
    );

    let mut store = folder.locked().await;
    let mut kept = store.recall(3).await.unwrap().unwrap();
    let aside = store.replace(&mut kept).await.unwrap();
    assert_eq!(aside.len(), 1, "the older state was not kept yet: {aside:?}");
    let restored = folder.load().await.unwrap().unwrap();
    assert_eq!((restored.serial, restored.recorded), (4, after(6)), "the journal is taken in");
    assert!(!folder.journal().exists());
}

#[tokio::test]
async fn a_journal_ahead_is_kept_aside_if_an_older_state_is_gone_on_with() {
    let folder = Folder::with_journal().await;
    let journal = fs::read(folder.journal()).unwrap();
    let mut older = example();
    older.serial = 2;
    fs::write(folder.state(), older.to_text().unwrap()).unwrap();
    folder.locked().await.replace(&mut older).await.unwrap();
    assert_eq!(folder.load().await.unwrap().unwrap().serial, 4, "above everything that was");
    let aside = folder.path("goldform.state.json.history/replaced-1.journal");
    assert_eq!(fs::read(aside).unwrap(), journal);
}

#[tokio::test]
async fn a_journal_without_a_state_is_kept_until_the_state_is_back() {
    let folder = Folder::with_journal().await;
    fs::remove_file(folder.state()).unwrap();
    let error = refused(&folder, Relation::Alone).await;
    assert!(error.to_string().contains("follows serial 3 of a state that is gone"), "{error}");
    let mut store = folder.locked().await;
    let mut kept = store.recall(3).await.unwrap().unwrap();
    assert!(store.replace(&mut kept).await.unwrap().is_empty());
    assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(6));
}

#[tokio::test]
async fn a_journal_of_another_state_is_kept() {
    let folder = Folder::with_journal().await;
    let other = Snapshot { lineage: Lineage("other".into()), ..example() };
    fs::write(folder.state(), other.to_text().unwrap()).unwrap();
    refused(&folder, Relation::OfAnother).await;
}

#[tokio::test]
async fn a_journal_that_a_crash_left_behind_is_dropped_and_a_much_older_one_kept() {
    for (serial, names) in
        [(4, vec!["4.json", "5.json"]), (9, vec!["10.json", "9.json", "replaced-1.journal"])]
    {
        let folder = Folder::with_journal().await;
        let newer = Snapshot { serial, ..example() };
        fs::write(folder.state(), newer.to_text().unwrap()).unwrap();
        let mut snapshot = folder.load().await.unwrap().unwrap();
        assert_eq!(snapshot.recorded, after(0));
        folder.locked().await.save(&mut snapshot, SerialBump::Yes).await.unwrap();
        assert!(!folder.journal().exists());
        let kept: Vec<String> = kept_files(&folder).into_iter().filter(|name| name != "3.json").collect();
        assert_eq!(kept, names);
    }
}

#[tokio::test]
async fn a_damaged_state_is_replaced_by_its_own_copy_and_kept() {
    let folder = Folder::with_journal().await;
    let damaged = fs::read_to_string(folder.state()).unwrap().replacen("NORMAL", "DELETED", 1);
    fs::write(folder.state(), &damaged).unwrap();
    let mut store = folder.locked().await;
    let Err(StoreError::State { kept, .. }) = store.load().await else { panic!("a damaged state is read") };
    let mut restored = store.recall(kept[0]).await.unwrap().unwrap();
    let aside = store.replace(&mut restored).await.unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read_to_string(&aside[0]).unwrap(), damaged);
    assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(6), "with the events since");
}

#[tokio::test]
async fn the_events_before_a_damaged_line_are_taken_in_and_the_journal_is_kept() {
    let folder = Folder::with_journal().await;
    let damaged = fs::read_to_string(folder.journal()).unwrap().replacen("Укреплённый", "Укрепленный", 1);
    fs::write(folder.journal(), &damaged).unwrap();
    let mut store = folder.locked().await;
    let error = store.load().await.unwrap_err();
    assert!(matches!(error, StoreError::JournalLine { line: 6, serial: Some(3), .. }), "{error}");
    let mut restored = store.recall(3).await.unwrap().unwrap();
    let aside = store.replace(&mut restored).await.unwrap();
    assert_eq!(fs::read_to_string(&aside[0]).unwrap(), damaged);
    assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(4));
}

#[cfg(unix)]
#[tokio::test]
async fn copies_of_a_private_state_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::with_journal().await;
    fs::set_permissions(folder.state(), fs::Permissions::from_mode(0o600)).unwrap();
    let mut snapshot = folder.load().await.unwrap().unwrap();
    let mut store = folder.locked().await;
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    fs::write(folder.state(), "broken").unwrap();
    store.replace(&mut snapshot).await.unwrap();
    for name in ["4.json", "5.json", "replaced-1.json"] {
        let file = folder.path("goldform.state.json.history").join(name);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_kept_snapshot_that_was_changed_or_renamed_is_not_restored() {
    let folder = Folder::with_journal().await;
    let kept = |serial: u64| folder.path(&format!("goldform.state.json.history/{serial}.json"));
    let text = fs::read_to_string(kept(3)).unwrap();
    fs::write(kept(2), text.replacen("NORMAL", "DELETED", 1)).unwrap();
    fs::write(kept(1), &text).unwrap();
    let mut store = folder.store();
    assert!(matches!(store.recall(2).await, Err(StoreError::State { .. })));
    assert!(matches!(store.recall(1).await, Err(StoreError::OtherSerial { serial: 3, .. })));
    let listed = store.kept().await.unwrap();
    let readable: Vec<(u64, bool)> = listed.iter().map(|(serial, head)| (*serial, head.is_some())).collect();
    assert_eq!(readable, [(1, false), (2, false)]);
}
