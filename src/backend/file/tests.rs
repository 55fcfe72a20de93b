//! What a store of files promises beyond what every store does: nothing torn or changed is used, nothing is lost, and
//! nothing leads elsewhere.

#![expect(clippy::disallowed_methods, reason = "tests read and break the files of stores")]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::model::{Attributes, Operation, Source, Tags};
use crate::state::{Event, Recorded, StepId};
use crate::testing::worlds::applied;

mod apart;
mod disks;
mod edits;
mod links;

fn info() -> LockInfo {
    LockInfo { owner: "me@here".into(), pid: 1, operation: "apply".into(), since: Timestamp::UNIX_EPOCH }
}

/// A folder with a state in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("goldform.state.json")
    }

    fn journal(&self) -> PathBuf {
        self.path("goldform.state.json.journal")
    }

    fn store(&self) -> FileStore {
        FileStore::at(self.state())
    }

    async fn locked(&self) -> FileStore {
        let mut store = self.store();
        store.lock(info(), LockWait::NONE).await.unwrap();
        store
    }

    /// With the example recorded as serial 3, and a journal of three creates after it.
    async fn with_journal() -> Self {
        let folder = Self::new();
        let mut store = folder.locked().await;
        let mut snapshot = example();
        snapshot.serial = 2;
        store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
        for events in events().chunks(2) {
            store.append(events).await.unwrap();
        }
        folder
    }

    async fn load(&self) -> Result<Option<Snapshot>, StoreError> {
        self.store().load().await
    }
}

/// The events of three creates, with descriptions in three scripts.
fn events() -> Vec<Event> {
    let descriptions = ["加固的黄金镜像，含 nginx", "صورة ذهبية محصنة مع خادم", "Укреплённый золотой образ"];
    let source: Source = serde_json::from_str(r#"{"instance":{"id":"ins-8f3a1c2d"}}"#).unwrap();
    let mut events = Vec::new();
    for (number, description) in descriptions.into_iter().enumerate() {
        let at = format!("image.new-{number}@ap-tokyo#1");
        let step = StepId(format!("create {at}").into());
        let attributes = Attributes {
            name: Some(format!("new-{number}").into()),
            description: Some(description.into()),
            ..Attributes::default()
        };
        events.push(Event::Started {
            step: step.clone(),
            at: Timestamp::UNIX_EPOCH,
            operation: Operation::Create {
                at: compact_str::CompactString::from(at).try_into().unwrap(),
                attributes,
                tags: Tags::new(),
                ownership: None,
                source: source.clone(),
                of: None,
            },
        });
        let id = format!("img-9000000{number}").parse().unwrap();
        events.push(Event::Accepted { step, at: Timestamp::UNIX_EPOCH, id });
    }
    events
}

/// A state with one image.
fn example() -> Snapshot {
    const ONE: &str = r#"
version: 1
account: "100000000001"
images: { web: { region: ap-jakarta, name: web, source: { instance: { id: ins-8f3a1c2d } } } }
"#;
    static STATE: LazyLock<Snapshot> = LazyLock::new(|| applied(&[ONE]));
    STATE.clone()
}

/// The example after so many of the events.
fn after(count: usize) -> Recorded {
    static AFTER: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
        let mut snapshot = example();
        let mut all = vec![snapshot.recorded.clone()];
        for event in events() {
            snapshot.take(&event).unwrap();
            all.push(snapshot.recorded.clone());
        }
        all
    });
    AFTER[count].clone()
}
