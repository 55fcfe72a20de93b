//! Looking into a world and arranging it, past the protocol: for tests, seeding, and a status page.

use jiff::Timestamp;

use super::world::{Fault, Image, Instance, LogEntry, NewImage, Peak, Share, SimError, Snapshot, Tag, World};
use super::{Settings, Sim};
use crate::model::{AccountId, Region};

impl Sim {
    /// How many custom images an account has in a region, in whatever state.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn image_count(&self, owner: AccountId, region: &Region) -> Result<u32, SimError> {
        Ok(self.lock().image_count(region.as_str(), &owner.to_string())?)
    }

    /// Every custom image of the world, in the order in which they were made.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn images(&self) -> Result<Vec<Image>, SimError> {
        Ok(self.lock().all_images()?)
    }

    /// The shares of an image, by account.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn shares(&self, image: &str) -> Result<Vec<Share>, SimError> {
        Ok(self.lock().shares(image)?)
    }

    /// The tags of an image as pairs of key and value, by key.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn tags(&self, image: &str) -> Result<Vec<(String, String)>, SimError> {
        Ok(self.lock().tags(image)?.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Every snapshot of an account in a region, by id, those of deleted images included.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn snapshots(&self, owner: AccountId, region: &Region) -> Result<Vec<Snapshot>, SimError> {
        Ok(self.lock().snapshots(region.as_str(), &owner.to_string())?)
    }

    /// The requests after a number (0: all that are kept), the oldest first.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn log(&self, after: i64) -> Result<Vec<LogEntry>, SimError> {
        Ok(self.lock().log_after(after)?)
    }

    /// The last so many requests, the newest first.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn log_tail(&self, most: u32) -> Result<Vec<LogEntry>, SimError> {
        Ok(self.lock().log_tail(most)?)
    }

    /// The most custom images that each account had in each region at one time.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn peaks(&self) -> Result<Vec<Peak>, SimError> {
        Ok(self.lock().peaks()?)
    }

    /// The next moment after this one at which an image is ready, fails or becomes visible; nothing: nothing is
    /// under way. Who moves the clock by hand may jump there.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn next_change(&self, after: Timestamp) -> Result<Option<Timestamp>, SimError> {
        let at = self.lock().next_change(after.as_microsecond())?;
        Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// Takes everything out of the world but its switches and faults. Ids are not given out again.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn reset(&self) -> Result<(), SimError> {
        self.lock().together(World::empty)
    }

    /// The switches of the world.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn settings(&self) -> Result<Settings, SimError> {
        let mut world = self.lock();
        world.refresh_settings()?;
        Ok(world.settings().clone())
    }

    /// Changes the switches of the world, for every process that uses it.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn set_settings(&self, settings: Settings) -> Result<(), SimError> {
        self.lock().set_settings(settings)
    }

    /// A new id that no thing of the world had, has or will have, such as `img-6pb6lrmy`.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn new_id(&self, prefix: &str) -> Result<String, SimError> {
        let mut id = String::new();
        self.lock().together(|world| world.new_id(prefix).map(|new| id = new))?;
        Ok(id)
    }

    /// Puts an image into the world as it stands, with the snapshots that it is made of, the system disk's first:
    /// to rehearse on what was recorded elsewhere.
    ///
    /// # Errors
    /// When the world cannot be written, or its id, or its name in its region and account, is taken.
    pub fn put_image(&self, image: &Image, snapshots: &[Snapshot]) -> Result<(), SimError> {
        let new = NewImage { image: image.clone(), snapshots: snapshots.to_vec() };
        self.lock().together(|world| world.add_image(&new))
    }

    /// Shares an image with an account, past every rule.
    ///
    /// # Errors
    /// When the world cannot be written, or the account has the share.
    pub fn put_share(&self, image: &str, share: &Share) -> Result<(), SimError> {
        Ok(self.lock().add_share(image, &share.account, share.created_at)?)
    }

    /// Sets a tag of an image, past every rule.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn put_tag(&self, owner: AccountId, image: &str, key: &str, value: &str) -> Result<(), SimError> {
        let tag = Tag { key: key.to_owned(), value: value.to_owned() };
        self.lock().together(|world| world.set_tag(&owner.to_string(), image, &tag))
    }

    /// Puts an instance into the world, in place of the one with its id.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn put_instance(&self, instance: &Instance) -> Result<(), SimError> {
        Ok(self.lock().put_instance(instance)?)
    }

    /// Puts a snapshot into the world, unless there is one with its id.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn put_snapshot(&self, snapshot: &Snapshot) -> Result<(), SimError> {
        Ok(self.lock().add_snapshot(snapshot)?)
    }

    /// Sets a fault; the number is for taking it away again.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn add_fault(&self, fault: &Fault) -> Result<i64, SimError> {
        Ok(self.lock().add_fault(fault)?)
    }

    /// The faults that are set, with their numbers and how many matching calls each has seen.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn faults(&self) -> Result<Vec<(i64, u32, Fault)>, SimError> {
        Ok(self.lock().faults()?)
    }

    /// Takes a fault away. Tells whether it was there.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn remove_fault(&self, id: i64) -> Result<bool, SimError> {
        Ok(self.lock().remove_fault(id)?)
    }

    /// Takes every fault away.
    ///
    /// # Errors
    /// When the world cannot be written.
    pub fn clear_faults(&self) -> Result<(), SimError> {
        Ok(self.lock().clear_faults()?)
    }
}
