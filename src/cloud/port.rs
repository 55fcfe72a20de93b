//! Interface of an image service. Reads and writes are separate traits, so that a function with a [`CloudRead`] cannot
//! change anything.

use std::collections::BTreeMap;

use async_trait::async_trait;
use compact_str::CompactString;

use super::client::Secret;
use super::error::CloudError;
use crate::model::{AccountId, Accounts, Attributes, ImageId, ImageKind, Region, Source, Tags};
use crate::state::{ImportSystems, ObservedImage};

/// Filter of a listing. A field that is `None` does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFilter {
    /// Kind of the images.
    pub kind: Option<ImageKind>,
    /// Text that the names contain. The filter of the service is fuzzy, so a caller that needs an exact name must
    /// compare again.
    pub name: Option<CompactString>,
}

/// Reads. They change nothing and may be retried.
#[async_trait]
pub trait CloudRead: Send + Sync {
    /// Returns every image of a region that passes the filter.
    ///
    /// # Errors
    /// If a page cannot be read.
    async fn images(&self, region: &Region, filter: &ImageFilter) -> Result<Vec<ObservedImage>, CloudError>;

    /// Returns the images with these ids, with as many calls as needed. Ids that do not exist are skipped.
    ///
    /// # Errors
    /// If a page cannot be read.
    async fn images_by_id(&self, region: &Region, ids: &[ImageId]) -> Result<Vec<ObservedImage>, CloudError>;

    /// Returns the accounts with which an own image is shared.
    ///
    /// # Errors
    /// If the image does not exist or belongs to another account.
    async fn shares(&self, region: &Region, image: &ImageId) -> Result<Accounts, CloudError>;

    /// Returns the tags of own images from the tag service. A listing may show them later or not at all.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn tags(&self, region: &Region, images: &[ImageId]) -> Result<BTreeMap<ImageId, Tags>, CloudError>;

    /// Returns the limit of custom images in a region.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn image_limit(&self, region: &Region) -> Result<u32, CloudError>;

    /// Returns the operating systems that a region imports.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn import_systems(&self, region: &Region) -> Result<ImportSystems, CloudError>;

    /// Returns the available regions.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn regions(&self) -> Result<Vec<Region>, CloudError>;

    /// Returns the main account of the caller.
    ///
    /// # Errors
    /// If the credentials are not accepted.
    async fn caller(&self) -> Result<AccountId, CloudError>;
}

/// Parameters of a new image: of CreateImage, ImportImage, or SyncImages within one region.
///
/// A shared or encrypted source is copied, and a copy accepts only a name. Its description, family and tags are set
/// when it is NORMAL. The deprecation mark is never part of a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// Name (required), description and family.
    pub attributes: Attributes,
    /// Tags of the image.
    pub tags: Tags,
    /// Source of the image.
    pub source: Source,
    /// Query of the URL of an import, without its `?`. It is a signature and is never stored.
    pub query: Option<Secret>,
    /// Image in the same region that an encrypted source copies.
    pub original: Option<ImageId>,
}

impl NewImage {
    /// Creates parameters without a query and an original.
    pub fn new(attributes: Attributes, tags: Tags, source: Source) -> Self {
        Self { attributes, tags, source, query: None, original: None }
    }
}

/// Writes. Each sends one call of the service once. The caller decides about a retry by the kind of the error.
#[async_trait]
pub trait CloudWrite: CloudRead {
    /// Starts creating an image, which is ready when its state is NORMAL. Returns `None` if the service accepted the
    /// call without returning an id (213/33270 ImportImage on the international site). The image is then found by its
    /// name.
    ///
    /// # Errors
    /// If the service refuses, or the outcome is unknown.
    async fn create_image(&self, region: &Region, image: &NewImage) -> Result<Option<ImageId>, CloudError>;

    /// Starts copying an image to another region. The copy is ready when its state is NORMAL.
    ///
    /// # Errors
    /// If the service refuses, or the outcome is unknown.
    async fn copy_image(
        &self,
        from: &Region,
        image: &ImageId,
        to: &Region,
        name: &str,
    ) -> Result<Option<ImageId>, CloudError>;

    /// Sets the attributes that are not `None`.
    ///
    /// # Errors
    /// If the service refuses, or the outcome is unknown.
    async fn modify_image(
        &self,
        region: &Region,
        image: &ImageId,
        set: &Attributes,
    ) -> Result<(), CloudError>;

    /// Sets and removes tags, with as many calls as needed.
    ///
    /// # Errors
    /// If the service refuses, or the outcome is unknown.
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
    /// If the service refuses, or the outcome is unknown.
    async fn share_image(&self, region: &Region, image: &ImageId, with: &Accounts) -> Result<(), CloudError>;

    /// Cancels the shares of an image with accounts.
    ///
    /// # Errors
    /// If the service refuses, or the outcome is unknown.
    async fn unshare_image(
        &self,
        region: &Region,
        image: &ImageId,
        with: &Accounts,
    ) -> Result<(), CloudError>;

    /// Deletes an image. `snapshots` deletes its snapshots too.
    ///
    /// # Errors
    /// If the service refuses, or the outcome is unknown.
    async fn delete_image(&self, region: &Region, image: &ImageId, snapshots: bool)
    -> Result<(), CloudError>;
}
