//! Access to a world without the protocol, for tests, seeding and the status page.

use jiff::Timestamp;

use super::world::{Fault, Image, Instance, LogEntry, NewImage, Peak, Share, SimError, Snapshot, Tag, World};
use super::{Settings, Sim};
use crate::model::{AccountId, Region};

impl Sim {
    /// Returns the number of custom images of an account in a region, in any state.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn image_count(&self, owner: AccountId, region: &Region) -> Result<u32, SimError> {
        Ok(self.lock().image_count(region.as_str(), &owner.to_string())?)
    }

    /// Returns every custom image of the world, in the order of creation.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn images(&self) -> Result<Vec<Image>, SimError> {
        Ok(self.lock().all_images()?)
    }

    /// Returns the shares of an image, by account.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn shares(&self, image: &str) -> Result<Vec<Share>, SimError> {
        Ok(self.lock().shares(image)?)
    }

    /// Returns the tags of an image as pairs of key and value, by key.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn tags(&self, image: &str) -> Result<Vec<(String, String)>, SimError> {
        Ok(self.lock().tags(image)?.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Returns every snapshot of an account in a region, by id, including those of deleted images.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn snapshots(&self, owner: AccountId, region: &Region) -> Result<Vec<Snapshot>, SimError> {
        Ok(self.lock().snapshots(region.as_str(), &owner.to_string())?)
    }

    /// Returns the requests after a number, oldest first. 0: all requests in the log.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn log(&self, after: i64) -> Result<Vec<LogEntry>, SimError> {
        Ok(self.lock().log_after(after)?)
    }

    /// Returns the last `most` requests, newest first.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn log_tail(&self, most: u32) -> Result<Vec<LogEntry>, SimError> {
        Ok(self.lock().log_tail(most)?)
    }

    /// Returns the peak of every account in every region.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn peaks(&self) -> Result<Vec<Peak>, SimError> {
        Ok(self.lock().peaks()?)
    }

    /// Returns the next time at which a task ends or an image becomes visible. `None` if there is no such time. A test
    /// with a manual clock can jump there.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn next_change(&self, after: Timestamp) -> Result<Option<Timestamp>, SimError> {
        let at = self.lock().next_change(after.as_microsecond())?;
        Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// Deletes everything except settings and faults. Ids are not reused.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn reset(&self) -> Result<(), SimError> {
        self.lock().transact(World::empty)
    }

    /// Returns the settings of the world.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn settings(&self) -> Result<Settings, SimError> {
        let mut world = self.lock();
        world.refresh_settings()?;
        Ok(world.settings().clone())
    }

    /// Changes the settings of the world, for every process that uses it.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn set_settings(&self, settings: Settings) -> Result<(), SimError> {
        self.lock().set_settings(settings)
    }

    /// Returns a new id, such as `img-6pb6lrmy`, that no other resource of the world ever has.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn new_id(&self, prefix: &str) -> Result<String, SimError> {
        let mut id = String::new();
        self.lock().transact(|world| world.new_id(prefix).map(|new| id = new))?;
        Ok(id)
    }

    /// Adds an image with its snapshots, that of the system disk first. Used to rehearse on a state that was recorded
    /// elsewhere.
    ///
    /// # Errors
    /// If the world cannot be written, or its id, or its name in its region and account, is taken.
    pub fn put_image(&self, image: &Image, snapshots: &[Snapshot]) -> Result<(), SimError> {
        let new = NewImage { image: image.clone(), snapshots: snapshots.to_vec() };
        self.lock().transact(|world| world.add_image(&new))
    }

    /// Shares an image with an account, without any checks.
    ///
    /// # Errors
    /// If the world cannot be written, or the account has the share.
    pub fn put_share(&self, image: &str, share: &Share) -> Result<(), SimError> {
        Ok(self.lock().add_share(image, &share.account, share.created_at)?)
    }

    /// Sets a tag of an image, without any checks.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn put_tag(&self, owner: AccountId, image: &str, key: &str, value: &str) -> Result<(), SimError> {
        let tag = Tag { key: key.to_owned(), value: value.to_owned() };
        self.lock().transact(|world| world.set_tag(&owner.to_string(), image, &tag))
    }

    /// Adds an instance, or replaces the one with its id.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn put_instance(&self, instance: &Instance) -> Result<(), SimError> {
        Ok(self.lock().put_instance(instance)?)
    }

    /// Adds a snapshot, unless its id exists.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn put_snapshot(&self, snapshot: &Snapshot) -> Result<(), SimError> {
        Ok(self.lock().add_snapshot(snapshot)?)
    }

    /// Adds a fault. Returns its number.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn add_fault(&self, fault: &Fault) -> Result<i64, SimError> {
        Ok(self.lock().add_fault(fault)?)
    }

    /// Returns all faults, with their numbers and their counts of matching calls.
    ///
    /// # Errors
    /// If the world cannot be read.
    pub fn faults(&self) -> Result<Vec<(i64, u32, Fault)>, SimError> {
        Ok(self.lock().faults()?)
    }

    /// Removes a fault. Returns whether it existed.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn remove_fault(&self, id: i64) -> Result<bool, SimError> {
        Ok(self.lock().remove_fault(id)?)
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// If the world cannot be written.
    pub fn clear_faults(&self) -> Result<(), SimError> {
        Ok(self.lock().clear_faults()?)
    }
}
