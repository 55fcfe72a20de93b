//! File systems that lack something.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::cloud::sim::Settings;
use crate::diff::PlanMode;
use crate::testing::{Applied, Bench, Death, EXAMPLE, desired};

/// A file system on which some calls fail.
#[derive(Default)]
struct Lacking {
    rename: Option<ErrorKind>,
    sync_folder: Option<ErrorKind>,
    lock: Option<i32>,
    /// How many bytes there is room for in all.
    room: Option<AtomicUsize>,
}

impl Disk for Lacking {
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self.rename {
            Some(kind) if to.exists() => Err(kind.into()),
            _ => RealDisk.rename(from, to),
        }
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.sync_folder.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        match self.lock {
            Some(code) => Err(TryLockError::Error(io::Error::from_raw_os_error(code))),
            None => file.try_lock(),
        }
    }

    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let Some(room) = &self.room else { return RealDisk.append(file, bytes) };
        let fits = room.load(Ordering::SeqCst).min(bytes.len());
        room.fetch_sub(fits, Ordering::SeqCst);
        file.write_all(&bytes[..fits])?;
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

async fn on(folder: &Folder, disk: Lacking) -> FileStore {
    let mut store = FileStore { disk: Arc::new(disk), ..folder.store() };
    store.lock(info(), LockWait::NONE).await.unwrap();
    store
}

/// No temporary file is left.
fn assert_clean(folder: &Folder) {
    for entry in fs::read_dir(folder.0.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".tmp"), "{name}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_synced_is_got_along_with_and_one_that_fails_is_not() {
    for (kind, is_fine) in [
        (ErrorKind::InvalidInput, true),
        (ErrorKind::Unsupported, true),
        (ErrorKind::PermissionDenied, true),
        (ErrorKind::StorageFull, false),
    ] {
        let folder = Folder::new();
        let mut store = on(&folder, Lacking { sync_folder: Some(kind), ..Lacking::default() }).await;
        let saved = store.save(&mut example(), SerialBump::Yes).await;
        assert_eq!(saved.is_ok(), is_fine, "{kind}: {saved:?}");
        if is_fine {
            store.append(&events()).await.unwrap();
            assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(6));
        }
    }
}

#[tokio::test]
async fn a_state_that_is_a_mount_is_written_in_its_place() {
    for kind in [ErrorKind::ResourceBusy, ErrorKind::CrossesDevices] {
        let folder = Folder::new();
        let mut store = on(&folder, Lacking { rename: Some(kind), ..Lacking::default() }).await;
        let mut snapshot = example();
        store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
        let file = File::open(folder.state()).unwrap();
        store.append(&events()).await.unwrap();
        snapshot = store.load().await.unwrap().unwrap();
        store.save(&mut snapshot, SerialBump::IfEvents).await.unwrap();
        // A shorter one leaves nothing of the longer one.
        (snapshot.recorded, snapshot.intents) = (Recorded::default(), Default::default());
        store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
        assert_eq!(folder.load().await.unwrap().unwrap(), snapshot);
        let place = folder.store().place.beside("").unwrap();
        assert!(place.is_still(&file).unwrap(), "the same file");
        assert_clean(&folder);
    }
}

#[tokio::test]
async fn a_state_that_was_half_written_in_its_place_is_recovered_from_what_is_beside_it() {
    let folder = Folder::with_journal().await;
    let before = fs::read(folder.state()).unwrap();
    // The next snapshot is being written: its beginning is there, and the journal is not removed yet.
    let next = folder.load().await.unwrap().unwrap();
    let next = Snapshot { serial: 4, ..next }.to_text().unwrap();
    let half = next.len() / 2;
    fs::write(folder.state(), [&next.as_bytes()[..half], &before[half.min(before.len())..]].concat())
        .unwrap();
    let mut store = folder.locked().await;
    let Err(StoreError::State { kept, .. }) = store.load().await else { panic!("half a state is read") };
    assert_eq!(kept, [3]);
    let mut restored = store.recall(3).await.unwrap().unwrap();
    store.replace(&mut restored).await.unwrap();
    assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(6));
}

#[tokio::test]
async fn another_failure_of_a_rename_leaves_the_old_state_and_nothing_else() {
    let folder = Folder::new();
    folder.locked().await.save(&mut example(), SerialBump::Yes).await.unwrap();
    let before = fs::read(folder.state()).unwrap();
    let mut store =
        on(&folder, Lacking { rename: Some(ErrorKind::PermissionDenied), ..Lacking::default() }).await;
    let mut snapshot = store.load().await.unwrap().unwrap();
    assert!(matches!(store.save(&mut snapshot, SerialBump::Yes).await, Err(StoreError::Io { .. })));
    assert_eq!(fs::read(folder.state()).unwrap(), before);
    assert_clean(&folder);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_system_without_locks_is_refused_before_anything_is_done() {
    for code in [libc::ENOLCK, libc::ENOTSUP, libc::ENOSYS] {
        let folder = Folder::new();
        let disk = Lacking { lock: Some(code), ..Lacking::default() };
        let mut store = FileStore { disk: Arc::new(disk), ..folder.store() };
        let refused = store.lock(info(), LockWait::NONE).await;
        assert!(matches!(refused, Err(StoreError::NoLocks { .. })), "{code}: {refused:?}");
        assert!(store.save(&mut example(), SerialBump::Yes).await.is_err());
    }
    let folder = Folder::new();
    let disk = Lacking { lock: Some(libc::EIO), ..Lacking::default() };
    let mut store = FileStore { disk: Arc::new(disk), ..folder.store() };
    assert!(matches!(store.lock(info(), LockWait::NONE).await, Err(StoreError::Io { .. })));
}

/// A lock file that is removed after it was opened and before it is locked, once.
struct Removing(PathBuf, AtomicUsize);

impl Disk for Removing {
    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
            fs::remove_file(&self.0).unwrap();
        }
        file.try_lock()
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_file_that_is_removed_while_it_is_locked_is_not_taken_for_the_lock() {
    let folder = Folder::new();
    let disk = Removing(folder.path("goldform.state.json.lock"), AtomicUsize::new(0));
    let mut store = FileStore { disk: Arc::new(disk), ..folder.store() };
    store.lock(info(), LockWait::NONE).await.unwrap();
    assert!(matches!(
        folder.store().lock(info(), LockWait::NONE).await,
        Err(StoreError::Locked { holder: Some(_), .. })
    ));
    store.save(&mut example(), SerialBump::Yes).await.unwrap();
}

#[tokio::test]
async fn a_line_that_did_not_fit_is_taken_back_and_followed_by_nothing() {
    for room in (0..1_200).step_by(13) {
        let folder = Folder::new();
        let disk = Lacking { room: Some(AtomicUsize::new(room)), ..Lacking::default() };
        let mut store = on(&folder, disk).await;
        store.save(&mut example(), SerialBump::Yes).await.unwrap();
        let mut stored = 0;
        for event in events() {
            if store.append(&[event]).await.is_err() {
                break;
            }
            stored += 1;
        }
        assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(stored), "room for {room} bytes");
        // There is room again.
        store.disk = Arc::new(RealDisk);
        store.append(&events()[stored..]).await.unwrap();
        assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(6), "room for {room} bytes");
    }
}

/// What an apply of the example on this disk stores, and what one more on a sound disk makes of it.
async fn apply_on(disk: Lacking) -> (bool, Vec<String>) {
    let (folder, bench) = (Folder::new(), Bench::new(Settings::default()));
    let wanted = desired(EXAMPLE);
    let transport = || bench.transport_of(bench.account);
    let never = Death::never();
    let mut failing = FileStore { disk: Arc::new(disk), ..folder.store() };
    let first = bench.live_on(&wanted, transport(), &mut failing, LockWait::NONE, &never);
    let has_failed = match first.await {
        Ok(Some(Applied::Walked(_, outcome))) => !outcome.is_complete(),
        Err(StoreError::Io { .. }) => true,
        other => panic!("{other:?}"),
    };
    drop(failing);
    let mut store = folder.store();
    let then = bench.live_on(&wanted, transport(), &mut store, LockWait::NONE, &never);
    match then.await {
        Ok(Some(Applied::Walked(_, outcome))) if outcome.is_complete() => {}
        other => panic!("{other:?}"),
    }
    let state = store.load().await.unwrap().unwrap();
    assert!(state.intents.is_empty());
    assert!(Bench::propose(&wanted, &state, PlanMode::Normal).plan.is_empty());
    let recorded: Vec<String> =
        state.recorded.placements().map(|(_, placement)| placement.id.to_string()).collect();
    let mut images = Vec::new();
    for image in bench.sim.images().unwrap() {
        assert!(recorded.contains(&image.id), "{} is not recorded", image.name);
        images.push(format!(
            "{} {} {}",
            image.region,
            image.name,
            bench.sim.shares(&image.id).unwrap().len()
        ));
    }
    let log = bench.sim.log(0).unwrap();
    assert!(!log.iter().any(|call| call.action == "DeleteImages"), "what was made was good");
    images.sort();
    (has_failed, images)
}

#[tokio::test(start_paused = true)]
async fn an_apply_whose_disk_fills_up_or_cannot_be_replaced_is_finished_by_the_next_one() {
    let (has_failed, whole) = apply_on(Lacking::default()).await;
    assert!(!has_failed);
    assert_eq!(whole.len(), 4);
    let rename = Lacking { rename: Some(ErrorKind::ReadOnlyFilesystem), ..Lacking::default() };
    assert_eq!(apply_on(rename).await, (true, whole.clone()));
    let mut failures = 0;
    for room in (0..12_000).step_by(701) {
        let disk = Lacking { room: Some(AtomicUsize::new(room)), ..Lacking::default() };
        let (has_failed, images) = apply_on(disk).await;
        assert_eq!(images, whole, "room for {room} bytes");
        failures += usize::from(has_failed);
    }
    assert!(failures > 5, "{failures}");
}
