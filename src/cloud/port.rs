//! What the rest of goldform asks of an image service: reads and writes, apart on purpose, so that a function
//! which only gets a [`CloudRead`] can be seen to change nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use compact_str::CompactString;

use super::client::Secret;
use super::error::CloudError;
use crate::model::{AccountId, Accounts, Attributes, ImageId, ImageKind, Region, Source, Tags};
use crate::state::{ImportSystems, ObservedImage};

/// Which images a listing is to hold. Everything that is `None` lets all pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFilter {
    /// Only this kind.
    pub kind: Option<ImageKind>,
    /// Only images whose name holds this text (the service's filter is fuzzy: the client compares again where
    /// an exact name is meant).
    pub name: Option<CompactString>,
}

/// Reads: they change nothing and may be repeated.
#[async_trait]
pub trait CloudRead: Send + Sync {
    /// Every image of a region that passes the filter, all pages.
    ///
    /// # Errors
    /// When a page cannot be read, with the meaning of the refusal.
    async fn images(&self, region: &Region, filter: &ImageFilter) -> Result<Vec<ObservedImage>, CloudError>;

    /// The images with these ids, in any number of calls of at most 100 ids; ids that do not exist are not in
    /// the answer.
    ///
    /// # Errors
    /// When a page cannot be read.
    async fn images_by_id(&self, region: &Region, ids: &[ImageId]) -> Result<Vec<ObservedImage>, CloudError>;

    /// The accounts that an image of ours is shared with.
    ///
    /// # Errors
    /// When the image does not exist or is not ours.
    async fn shares(&self, region: &Region, image: &ImageId) -> Result<Accounts, CloudError>;

    /// The tags of images of ours, as the tag service has them: a listing may show them later, or not at all.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn tags(&self, region: &Region, images: &[ImageId]) -> Result<BTreeMap<ImageId, Tags>, CloudError>;

    /// The limit of custom images in a region.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn image_limit(&self, region: &Region) -> Result<u32, CloudError>;

    /// The operating systems that a region imports.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn import_systems(&self, region: &Region) -> Result<ImportSystems, CloudError>;

    /// The regions that the service offers.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn regions(&self) -> Result<Vec<Region>, CloudError>;

    /// The main account of the caller.
    ///
    /// # Errors
    /// When the credentials are not accepted.
    async fn caller(&self) -> Result<AccountId, CloudError>;
}

/// What CreateImage, ImportImage or a SyncImages within one region is asked for.
///
/// A shared or encrypted source is copied, and a copy takes a name only: its description, family and tags are set
/// when it is NORMAL. Whether an image is deprecated is never said at its creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// Name (always there), description and family.
    pub attributes: Attributes,
    /// Tags to put on it; empty: none.
    pub tags: Tags,
    /// What it is made from.
    pub source: Source,
    /// The query of an import's URL, without its `?`: a signature, which nothing stores.
    pub query: Option<Secret>,
    /// Of an encrypted source: the image, in the same region, that it is a copy of.
    pub original: Option<ImageId>,
}

impl NewImage {
    /// An image that needs neither a query nor an original.
    pub fn new(attributes: Attributes, tags: Tags, source: Source) -> Self {
        Self { attributes, tags, source, query: None, original: None }
    }
}

/// Writes: each is one call of the service, sent once. Who calls decides, by the meaning of an error, whether
/// to call again.
#[async_trait]
pub trait CloudWrite: CloudRead {
    /// Starts building an image; it is ready when it is NORMAL. Nothing where the service accepted the call and
    /// told no id (213/33270 ImportImage on the international site): it is then found by its name.
    ///
    /// # Errors
    /// When the service refuses, or the outcome is unknown.
    async fn create_image(&self, region: &Region, image: &NewImage) -> Result<Option<ImageId>, CloudError>;

    /// Starts copying an image to another region; it is ready when it is NORMAL there.
    ///
    /// # Errors
    /// When the service refuses, or the outcome is unknown.
    async fn copy_image(
        &self,
        from: &Region,
        image: &ImageId,
        to: &Region,
        name: &str,
    ) -> Result<Option<ImageId>, CloudError>;

    /// Sets the attributes that are named.
    ///
    /// # Errors
    /// When the service refuses, or the outcome is unknown.
    async fn modify_image(
        &self,
        region: &Region,
        image: &ImageId,
        set: &Attributes,
    ) -> Result<(), CloudError>;

    /// Sets and removes tags (at most 10 of each a call: the client makes as many calls as it takes).
    ///
    /// # Errors
    /// When the service refuses, or the outcome is unknown.
    async fn tag_image(
        &self,
        owner: AccountId,
        region: &Region,
        image: &ImageId,
        set: &Tags,
        unset: &[CompactString],
    ) -> Result<(), CloudError>;

    /// Shares an image with accounts.
    ///
    /// # Errors
    /// When the service refuses, or the outcome is unknown.
    async fn share_image(&self, region: &Region, image: &ImageId, with: &Accounts) -> Result<(), CloudError>;

    /// Cancels the shares of an image with accounts.
    ///
    /// # Errors
    /// When the service refuses, or the outcome is unknown.
    async fn unshare_image(
        &self,
        region: &Region,
        image: &ImageId,
        with: &Accounts,
    ) -> Result<(), CloudError>;

    /// Deletes an image, and its snapshots where asked to.
    ///
    /// # Errors
    /// When the service refuses, or the outcome is unknown.
    async fn delete_image(&self, region: &Region, image: &ImageId, snapshots: bool)
    -> Result<(), CloudError>;
}
