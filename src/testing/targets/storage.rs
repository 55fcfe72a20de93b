//! Any names and any bytes as the objects of a state on shared storage.
//!
//! ```text
//!  .lock⏎                     the name of an object: the suffix that follows the key of the state
//!  {"format":1,…}⏎            its bytes
//!  ==⏎                        the next object follows
//! ```

use std::sync::Arc;

use jiff::Timestamp;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::inert::assert_printable;
use crate::backend::{LockInfo, LockWait, ObjectStateStore, SerialBump, StateStore as _, StoreError};

const KEY: &str = "team/state.json";

/// Whatever is listed and stored, a reader gets a state that keeps its rules or an error that can be printed. A holder of
/// the lock writes nothing over a state that cannot be read, and what it saves is read back.
pub(super) fn object_listing(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let storage = Arc::new(InMemory::new());
        for object in objects(bytes) {
            let (name, content) = object;
            let Ok(path) = Path::parse(format!("{KEY}{name}")) else { continue };
            storage.put(&path, content.to_vec().into()).await.expect("memory takes any object");
        }
        let before = stored(&storage).await;
        let mut reader = open(&storage);
        let read = printable(reader.load().await);
        if let Ok(Some(snapshot)) = &read {
            snapshot.verify().expect("what is read keeps its rules");
        }
        let _ = printable(reader.kept().await);
        let _ = reader.writer().await;
        assert_eq!(stored(&storage).await, before, "a reader writes nothing");

        let mut holder = open(&storage);
        let info =
            LockInfo { owner: "fuzz".into(), pid: 1, operation: "fuzz".into(), since: Timestamp::UNIX_EPOCH };
        if printable(holder.lock(info, LockWait::NONE).await).is_err() {
            return;
        }
        let Ok(Some(mut snapshot)) = printable(holder.load().await) else {
            let unread = before.iter().find(|(name, _)| name == KEY);
            let after = stored(&storage).await;
            assert_eq!(after.iter().find(|(name, _)| name == KEY), unread, "what cannot be read stays");
            return;
        };
        if printable(holder.save(&mut snapshot, SerialBump::Yes).await).is_ok() {
            let again = printable(open(&storage).load().await).expect("what was saved can be read");
            assert_eq!(again, Some(snapshot));
        }
    });
}

/// The objects that the input describes: name and content.
fn objects(bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut objects = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && objects.len() < 16 {
        let end = find(rest, b"\n").unwrap_or(rest.len());
        let name = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        let end = find(rest, b"==\n").unwrap_or(rest.len());
        objects.push((name, rest.get(..end).unwrap_or_default()));
        rest = rest.get(end.saturating_add(3)..).unwrap_or_default();
    }
    objects
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn open(storage: &Arc<InMemory>) -> ObjectStateStore {
    let storage: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(storage);
    let tokens = Arc::new(|| "token".to_owned());
    ObjectStateStore::new(storage, KEY, format!("s3://bucket/{KEY}"), tokens).expect("a key")
}

async fn stored(storage: &InMemory) -> Vec<(String, Vec<u8>)> {
    use futures_util::TryStreamExt as _;
    let listed: Vec<_> = storage.list(None).try_collect().await.expect("memory lists");
    let mut objects = Vec::new();
    for meta in listed {
        let bytes = storage.get(&meta.location).await.expect("listed").bytes().await.expect("in memory");
        objects.push((meta.location.to_string(), bytes.to_vec()));
    }
    objects.sort();
    objects
}

fn printable<T>(result: Result<T, StoreError>) -> Result<T, StoreError> {
    if let Err(error) = &result {
        assert_printable(&error.to_string());
    }
    result
}
