//! Links: the file that the state really is decides, and what belongs to it is never a link.

#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::*;

#[tokio::test]
async fn two_links_to_a_state_are_one_state() {
    let folder = Folder::new();
    for name in ["one", "other", "state"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    let (one, other) = (folder.path("one/goldform.state.json"), folder.path("other/goldform.state.json"));
    symlink("../state/state.json", &one).unwrap();
    symlink(folder.path("state/state.json"), &other).unwrap();
    let mut store = FileStore::at(&one);
    store.lock(info(), LockWait::NONE).await.unwrap();
    let refused = FileStore::at(&other).lock(info(), LockWait::NONE).await;
    assert!(matches!(refused, Err(StoreError::Locked { holder: Some(_), .. })));
    assert_eq!(FileStore::at(&other).writer().await, Some(info()));
    store.save(&mut example(), SerialBump::Yes).await.unwrap();
    store.append(&events()).await.unwrap();
    for place in [&one, &other, &folder.path("state/state.json")] {
        assert_eq!(FileStore::at(place).load().await.unwrap().unwrap().recorded, after(6));
    }
    assert!(one.is_symlink() && other.is_symlink());
    for name in ["one", "other"] {
        assert_eq!(fs::read_dir(folder.path(name)).unwrap().count(), 1, "nothing but the link");
    }

    // A link that is changed while the store is open moves nothing.
    fs::remove_file(&one).unwrap();
    symlink("../elsewhere.json", &one).unwrap();
    let mut snapshot = store.load().await.unwrap().unwrap();
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    assert_eq!(FileStore::at(&other).load().await.unwrap().unwrap(), snapshot);
    assert!(!folder.path("elsewhere.json").exists());
}

#[tokio::test]
async fn what_belongs_to_a_state_is_never_a_link_or_a_pipe() {
    for (suffix, what) in
        [(".lock", "a link"), (".journal", "a link"), (".history", "a link"), (".lock", "no regular file")]
    {
        let folder = Folder::new();
        let mut snapshot = example();
        let place = folder.path(&format!("goldform.state.json{suffix}"));
        let target = folder.path("target");
        fs::write(&target, "mine").unwrap();
        match what {
            "a link" => symlink("target", &place).unwrap(),
            _ => assert!(std::process::Command::new("mkfifo").arg(&place).status().unwrap().success()),
        }
        let mut store = folder.store();
        let result = match store.lock(info(), LockWait::NONE).await {
            Ok(()) => store.save(&mut snapshot, SerialBump::Yes).await,
            refused => refused,
        };
        let refused = matches!(&result, Err(StoreError::NotAFile { what: is, .. }) if *is == what);
        assert!(refused, "{suffix}: {result:?}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine", "{suffix}");
        assert!(!folder.state().exists(), "{suffix}");
    }
}

#[tokio::test]
async fn a_link_in_the_place_of_a_temporary_file_or_a_kept_one_is_not_written_through() {
    let folder = Folder::new();
    fs::write(folder.path("target"), "mine").unwrap();
    let temporary = format!("goldform.state.json.{}.0.tmp", std::process::id());
    symlink("target", folder.path(&temporary)).unwrap();
    fs::create_dir(folder.path("goldform.state.json.history")).unwrap();
    let kept = folder.path("goldform.state.json.history/3.json");
    symlink("../target", &kept).unwrap();
    let mut snapshot = Snapshot { serial: 2, ..example() };
    let mut store = folder.locked().await;
    assert!(matches!(store.recall(3).await, Err(StoreError::NotAFile { what: "a link", .. })));
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path("target")).unwrap(), "mine");
    assert!(folder.path(&temporary).is_symlink());
    assert!(!kept.is_symlink(), "the kept snapshot took the link's place");
    assert_eq!(folder.load().await.unwrap().unwrap(), snapshot);
}

#[tokio::test]
async fn nothing_is_written_under_a_lock_that_was_removed_or_replaced() {
    for replaced in [false, true] {
        let folder = Folder::new();
        let mut store = folder.locked().await;
        let mut snapshot = example();
        store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
        store.append(&events()[..1]).await.unwrap();
        let before = (fs::read(folder.state()).unwrap(), fs::read(folder.journal()).unwrap());
        let lock = folder.path("goldform.state.json.lock");
        if replaced {
            fs::write(folder.path("new"), "").unwrap();
            fs::rename(folder.path("new"), &lock).unwrap();
        } else {
            fs::remove_file(&lock).unwrap();
        }
        let appended = store.append(&events()[1..2]).await;
        assert!(matches!(appended, Err(StoreError::LockLost { .. })), "{appended:?}");
        let saved = store.save(&mut snapshot, SerialBump::Yes).await;
        assert!(matches!(saved, Err(StoreError::LockLost { .. })), "{saved:?}");
        assert_eq!((fs::read(folder.state()).unwrap(), fs::read(folder.journal()).unwrap()), before);

        // Another store continues from the recorded state.
        let mut other = folder.locked().await;
        assert_eq!(other.load().await.unwrap().unwrap().recorded, after(1));
        other.append(&events()[1..2]).await.unwrap();
    }
}

#[tokio::test]
async fn one_that_waits_for_a_lock_file_that_is_removed_gets_the_one_that_is_there() {
    let folder = Folder::new();
    let holder = folder.locked().await;
    let mut waiting = folder.store();
    let wait = LockWait(std::time::Duration::from_secs(10));
    let (locked, ()) = tokio::join!(waiting.lock(info(), wait), async {
        tokio::time::sleep(LockWait::TICK * 2).await;
        fs::remove_file(folder.path("goldform.state.json.lock")).unwrap();
    });
    locked.unwrap();
    assert!(matches!(folder.store().lock(info(), LockWait::NONE).await, Err(StoreError::Locked { .. })));
    waiting.save(&mut example(), SerialBump::Yes).await.unwrap();
    drop(holder);
}
