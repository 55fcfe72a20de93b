//! Watching a world: a function receives every image after each call that writes, before the next call.

use std::collections::{BTreeMap, BTreeSet};

use super::Sim;
use super::world::{Image, ImageStatus, LogEntry, SimError, World};

/// Function that is called after every call that writes.
pub(super) type Watcher = Box<dyn Fn(&WorldView) + Send + Sync>;

/// World after a call that writes, executed or refused.
#[derive(Debug, Clone)]
pub struct WorldView {
    /// Log entry of the call.
    pub call: LogEntry,
    /// Every custom image, in the order of creation.
    pub images: Vec<ImageView>,
}

/// Image with its shares and tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageView {
    /// The image itself.
    pub image: Image,
    /// Accounts with which the image is shared.
    pub shares: BTreeSet<String>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
}

impl Sim {
    /// Sets a function that is called after every call that writes. It runs while the world is locked and must not use
    /// the world. Returns whether the function was set: a world has at most one.
    pub fn watch(&self, watcher: impl Fn(&WorldView) + Send + Sync + 'static) -> bool {
        self.watcher.set(Box::new(watcher)).is_ok()
    }

    /// Returns every custom image with its shares and tags, in the order of creation.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn view(&self) -> Result<Vec<ImageView>, SimError> {
        Ok(view(&self.lock())?)
    }

    /// Deletes an image with its shares and tags, without any checks. Keeps its snapshots.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn remove_image(&self, image: &str) -> Result<(), SimError> {
        self.lock().transact(|world| world.remove_image(image, false))
    }

    /// Ends the task of an image immediately, in the given state.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn end_task(&self, image: &str, state: ImageStatus) -> Result<(), SimError> {
        self.lock().transact(|world| world.set_busy(image, state, None, state))
    }
}

/// Calls the watcher with the world after its last call. Skips it if the world cannot be read.
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
