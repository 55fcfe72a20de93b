//! Watching a world: who watches sees every image after each call that writes, before anybody else can call.

use std::collections::{BTreeMap, BTreeSet};

use super::Sim;
use super::world::{Image, ImageStatus, LogEntry, SimError, World};

/// Receives every moment after a call that writes.
pub(super) type Watcher = Box<dyn Fn(&WorldView) + Send + Sync>;

/// The world right after a call that writes, whether the call was executed or refused.
#[derive(Debug, Clone)]
pub struct WorldView {
    /// The call as the log has it.
    pub call: LogEntry,
    /// Every custom image, in the order in which they were made.
    pub images: Vec<ImageView>,
}

/// An image with its shares and tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageView {
    /// The image.
    pub image: Image,
    /// The accounts that it is shared with.
    pub shares: BTreeSet<String>,
    /// Its tags, by key.
    pub tags: BTreeMap<String, String>,
}

impl Sim {
    /// Watches every call that writes from now on. The watcher runs while the world is locked: it must not call.
    /// Returns whether the watcher was set; a world has at most one.
    pub fn watch(&self, watcher: impl Fn(&WorldView) + Send + Sync + 'static) -> bool {
        self.watcher.set(Box::new(watcher)).is_ok()
    }

    /// Every custom image with its shares and tags, in the order in which they were made.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn view(&self) -> Result<Vec<ImageView>, SimError> {
        Ok(view(&self.lock())?)
    }

    /// Removes an image with its shares and tags, past every rule. Its snapshots stay.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn take_image(&self, image: &str) -> Result<(), SimError> {
        self.lock().together(|world| world.remove_image(image, false))
    }

    /// Ends the task of an image now: it is in this state from then on.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn end_task(&self, image: &str, state: ImageStatus) -> Result<(), SimError> {
        self.lock().together(|world| world.set_busy(image, state, None, state))
    }
}

/// Shows the world after its last call. A world that cannot be read shows nothing.
pub(super) fn show(world: &World, watcher: &Watcher) {
    let call = world.log_tail(1).ok().and_then(|mut log| log.pop());
    if let (Some(call), Ok(images)) = (call, view(world)) {
        watcher(&WorldView { call, images });
    }
}

fn view(world: &World) -> Result<Vec<ImageView>, rusqlite::Error> {
    let mut shares: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (image, share) in world.all_shares()? {
        shares.entry(image).or_default().insert(share.account);
    }
    let mut tags: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (image, tag) in world.all_tags()? {
        tags.entry(image).or_default().insert(tag.key, tag.value);
    }
    let images = world.all_images()?.into_iter().map(|image| ImageView {
        shares: shares.remove(&image.id).unwrap_or_default(),
        tags: tags.remove(&image.id).unwrap_or_default(),
        image,
    });
    Ok(images.collect())
}
