//! Object storage that fails: in memory, and as unreliable as a network makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::backend::StoreError;
use crate::backend::object::Claims;
use crate::model::Clock;

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A write that creates.
    Create,
    /// A write that replaces a named version.
    Update,
    /// A write that replaces whatever is there.
    Overwrite,
    /// A read of an object, or of its head.
    Read,
    /// A listing.
    List,
    /// A removal.
    Remove,
}

impl Kind {
    /// Returns whether it changes something.
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Read | Self::List)
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// It is served.
    None,
    /// It is not executed, and an error is answered.
    Refused,
    /// It is executed, and the answer is lost.
    AnswerLost,
    /// It is executed after this time, and the answer is lost at once: it was on its way when its sender stopped waiting.
    Late(Duration),
    /// It is not executed, and answered as a conflict: another request was under way.
    Conflict,
    /// An earlier version is read, where there is one.
    Stale,
    /// It is not executed and never answered: the process died here.
    Dies,
    /// It is executed and never answered.
    DiesAfter,
    /// It is not executed: the keys have expired.
    Denied,
}

/// When objects were written, by another clock than that of the memory.
#[derive(Clone)]
struct Times {
    clock: Arc<dyn Clock>,
    written: Arc<Mutex<BTreeMap<Path, Timestamp>>>,
}

impl Times {
    fn note(&self, path: &Path) {
        self.written.lock().unwrap().insert(path.clone(), self.clock.now());
    }

    /// Sets the time of an object, in whole seconds as storage does.
    fn show(&self, meta: &mut ObjectMeta) {
        if let Some(at) = self.written.lock().unwrap().get(&meta.location) {
            meta.last_modified = Default::default();
            meta.last_modified += Duration::from_secs(u64::try_from(at.as_second()).unwrap());
        }
    }
}

type Decide = dyn FnMut(Kind, &str) -> StorageFault + Send;

/// Claims in memory.
#[derive(Debug, Default)]
pub struct MemoryClaims(Mutex<BTreeSet<u64>>);

impl MemoryClaims {
    /// Returns the epochs that are claimed.
    pub fn epochs(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().copied().collect()
    }
}

#[async_trait]
impl Claims for MemoryClaims {
    async fn claim(&self, epoch: u64) -> std::result::Result<bool, StoreError> {
        Ok(self.0.lock().unwrap().insert(epoch))
    }

    async fn withdraw(&self, epoch: u64) -> std::result::Result<(), StoreError> {
        self.0.lock().unwrap().remove(&epoch);
        Ok(())
    }
}

/// Storage in memory whose faults a function decides, request by request.
#[derive(Clone)]
pub struct FaultyStorage {
    /// What is stored.
    pub inner: Arc<InMemory>,
    /// The version before the present one of each object.
    past: Arc<InMemory>,
    decide: Arc<Mutex<Box<Decide>>>,
    /// Writes whose condition is ignored.
    ignored: Option<Kind>,
    /// Claims, where the conditions of all writes are ignored.
    pub claims: Option<Arc<MemoryClaims>>,
    /// The clock of the storage. `None`: that of the memory, which is real time.
    times: Option<Times>,
}

impl Default for FaultyStorage {
    fn default() -> Self {
        Self::new(Arc::new(InMemory::new()), |_, _| StorageFault::None)
    }
}

impl FaultyStorage {
    /// Returns storage over this memory, with these faults.
    pub fn new(
        inner: Arc<InMemory>,
        decide: impl FnMut(Kind, &str) -> StorageFault + Send + 'static,
    ) -> Self {
        Self {
            inner,
            past: Arc::new(InMemory::new()),
            decide: Arc::new(Mutex::new(Box::new(decide))),
            ignored: None,
            claims: None,
            times: None,
        }
    }

    /// Returns the same storage with a clock of its own, for tests in paused time.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { times: Some(Times { clock, written: Arc::default() }), ..self }
    }

    fn note_time(&self, path: &Path) {
        if let Some(times) = &self.times {
            times.note(path);
        }
    }

    fn show_time(&self, meta: &mut ObjectMeta) {
        if let Some(times) = &self.times {
            times.show(meta);
        }
    }

    /// Returns the same memory with other faults, as another process would see it.
    #[must_use]
    pub fn with(&self, decide: impl FnMut(Kind, &str) -> StorageFault + Send + 'static) -> Self {
        Self { decide: Arc::new(Mutex::new(Box::new(decide))), ..self.clone() }
    }

    /// Returns the same storage, which ignores the condition of such writes.
    #[must_use]
    pub fn ignoring(self, kind: Kind) -> Self {
        Self { ignored: Some(kind), ..self }
    }

    /// Returns the same storage, which ignores the condition of every write, with claims to lock it by.
    #[must_use]
    pub fn without_conditions(self) -> Self {
        Self { claims: Some(Arc::default()), ..self }
    }

    /// Lets other tasks run between a read and the write that rests on it.
    async fn let_others_run(&self) {
        if self.claims.is_some() {
            tokio::task::yield_now().await;
        }
    }

    fn fault(&self, kind: Kind, path: &str) -> StorageFault {
        (self.decide.lock().unwrap())(kind, path)
    }
}

impl fmt::Debug for FaultyStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStorage")
    }
}

impl fmt::Display for FaultyStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty storage")
    }
}

fn denied(path: &Path) -> Error {
    Error::Unauthenticated { path: path.to_string(), source: "the security token has expired".into() }
}

fn lost() -> Error {
    Error::Generic { store: "S3", source: "error sending request: connection reset".into() }
}

#[async_trait]
impl ObjectStore for FaultyStorage {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.let_others_run().await;
        let kind = match options.mode {
            PutMode::Create => Kind::Create,
            PutMode::Update(_) => Kind::Update,
            PutMode::Overwrite => Kind::Overwrite,
        };
        let options = match self.ignored == Some(kind) || self.claims.is_some() {
            true => PutOptions { mode: PutMode::Overwrite, ..options },
            false => options,
        };
        let execute = || async {
            if let Ok(before) = self.inner.get(path).await {
                self.past.put(path, before.bytes().await?.into()).await?;
            }
            let written = self.inner.put_opts(path, payload.clone(), options.clone()).await;
            if written.is_ok() {
                self.note_time(path);
            }
            written
        };
        match self.fault(kind, path.as_ref()) {
            StorageFault::None | StorageFault::Stale => execute().await,
            StorageFault::Refused => Err(lost()),
            StorageFault::AnswerLost => {
                let _ = execute().await;
                Err(lost())
            }
            StorageFault::Late(after) => {
                let (storage, path) = (self.clone(), path.clone());
                let (payload, options) = (payload.clone(), options.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    if storage.inner.put_opts(&path, payload, options).await.is_ok() {
                        storage.note_time(&path);
                    }
                });
                Err(lost())
            }
            StorageFault::Conflict if kind == Kind::Overwrite => execute().await,
            StorageFault::Conflict => {
                let (path, source) = (path.to_string(), "a conflicting request is under way".into());
                Err(match kind {
                    Kind::Create => Error::AlreadyExists { path, source },
                    _ => Error::Precondition { path, source },
                })
            }
            StorageFault::Dies => std::future::pending().await,
            StorageFault::DiesAfter => {
                let _ = execute().await;
                std::future::pending().await
            }
            StorageFault::Denied => Err(denied(path)),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.let_others_run().await;
        match self.fault(Kind::Read, path.as_ref()) {
            StorageFault::Stale => match self.past.get_opts(path, options.clone()).await {
                Ok(mut stale) => {
                    stale.meta.e_tag = stale.meta.e_tag.map(|tag| format!("{tag}-of-the-past"));
                    Ok(stale)
                }
                Err(_) => self.inner.get_opts(path, options).await,
            },
            StorageFault::None | StorageFault::Conflict => {
                let mut found = self.inner.get_opts(path, options).await?;
                self.show_time(&mut found.meta);
                Ok(found)
            }
            StorageFault::Denied => Err(denied(path)),
            StorageFault::Dies | StorageFault::DiesAfter => std::future::pending().await,
            _ => Err(lost()),
        }
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let storage = self.clone();
        paths
            .then(move |path| {
                let storage = storage.clone();
                async move {
                    let path = path?;
                    match storage.fault(Kind::Remove, path.as_ref()) {
                        StorageFault::None | StorageFault::Stale | StorageFault::Conflict => {}
                        StorageFault::Dies => std::future::pending().await,
                        StorageFault::DiesAfter => {
                            let _ = storage.inner.delete(&path).await;
                            std::future::pending().await
                        }
                        StorageFault::AnswerLost | StorageFault::Late(_) => {
                            let _ = storage.inner.delete(&path).await;
                            return Err(lost());
                        }
                        StorageFault::Refused => return Err(lost()),
                        StorageFault::Denied => return Err(denied(&path)),
                    }
                    storage.inner.delete(&path).await.map(|()| path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.fault(Kind::List, prefix.map(AsRef::as_ref).unwrap_or_default()) {
            StorageFault::None | StorageFault::Stale | StorageFault::Conflict => self.inner.list(prefix),
            StorageFault::Dies | StorageFault::DiesAfter => stream::pending().boxed(),
            StorageFault::Denied => {
                let error = denied(prefix.unwrap_or(&Path::default()));
                stream::once(async { Err(error) }).boxed()
            }
            _ => stream::once(async { Err(lost()) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
