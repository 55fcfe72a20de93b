//! Reads: the calls of each operation, with their pages and chunks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use compact_str::CompactString;

use super::envelope::MalformedResponse;
use super::wire::{self, Call};
use super::{Client, mapping};
use crate::cloud::{CloudError, CloudRead, ErrorKind, ImageFilter};
use crate::model::{AccountId, Accounts, ImageId, Region, Tags};
use crate::state::{ImportSystems, ObservedImage};

/// Images per page (213/15715 Limit: 20 by default, at most 100).
const PAGE: u64 = 100;
/// Initial number of ids in one call. The maximum is not published; 100 fit on one page.
pub(super) const IDS_PER_CALL: usize = 100;
/// Resources in one call of the tag service, and tags per page (651/35307).
const TAGGED_PER_CALL: usize = 50;
/// See [`TAGGED_PER_CALL`].
const TAGS_PAGE: u64 = 20;
/// Maximum number of pages, for 100,000 images. A longer listing is an error, so that an endless one does not hang.
const PAGES_MAX: usize = 1000;

impl Client {
    /// Returns all pages of a listing.
    async fn listing(
        &self,
        region: &Region,
        image_ids: &[CompactString],
        filters: &[wire::Filter],
    ) -> Result<Vec<ObservedImage>, CloudError> {
        let mut images = Vec::new();
        let mut seen = BTreeSet::new();
        let mut offset: u64 = 0;
        for _ in 0..PAGES_MAX {
            let call = wire::DescribeImages {
                image_ids: image_ids.to_vec(),
                filters: filters.to_vec(),
                offset,
                limit: PAGE,
            };
            let wire::ImagePage { image_set, total_count } = self.call(Some(region), &call).await?;
            let length = u64::try_from(image_set.len()).unwrap_or(u64::MAX);
            for image in image_set {
                let image =
                    mapping::image(image).map_err(|problem| self.malformed(region, &call, problem))?;
                // An image that is created or deleted between two pages shifts the others, so one may be on both pages.
                images.extend(image.filter(|image| seen.insert(image.id.clone())));
            }
            // The offset grows by the received images, so that a short page does not skip any.
            offset = offset.saturating_add(length);
            // Without a total count, a page that is not full is the last one.
            let total = total_count.unwrap_or(if length < PAGE { offset } else { u64::MAX });
            if length == 0 || offset >= total {
                return Ok(images);
            }
        }
        Err(self.error::<wire::DescribeImages>(
            Some(region),
            ErrorKind::MalformedResponse,
            format!("the listing does not end after {PAGES_MAX} pages"),
        ))
    }

    fn malformed<C: Call>(
        &self,
        region: &Region,
        _call: &C,
        MalformedResponse(message): MalformedResponse,
    ) -> CloudError {
        self.error::<C>(Some(region), ErrorKind::MalformedResponse, message)
    }
}

#[async_trait]
impl CloudRead for Client {
    async fn images(&self, region: &Region, filter: &ImageFilter) -> Result<Vec<ObservedImage>, CloudError> {
        let mut images = self.listing(region, &[], &mapping::filters(filter)).await?;
        images.retain(|image| mapping::passes(image, filter));
        Ok(images)
    }

    async fn images_by_id(&self, region: &Region, ids: &[ImageId]) -> Result<Vec<ObservedImage>, CloudError> {
        let ids: Vec<_> = ids.iter().map(|id| CompactString::new(id.as_str())).collect();
        let mut images = Vec::with_capacity(ids.len());
        let most = self.ids_per_call.load(Ordering::Relaxed).max(1);
        let mut chunks: Vec<&[CompactString]> = ids.chunks(most).rev().collect();
        while let Some(chunk) = chunks.pop() {
            match self.listing(region, chunk, &[]).await {
                Ok(found) => images.extend(found),
                Err(error) if error.kind == ErrorKind::TooManyValues && chunk.len() > 1 => {
                    let (first, second) = chunk.split_at(chunk.len().div_ceil(2));
                    self.ids_per_call.fetch_min(first.len(), Ordering::Relaxed);
                    chunks.extend([second, first]);
                }
                // The documents let an unknown id simply be missing from the answer (213/15715 lists no NotFound).
                // If the service still refuses, halving finds the id that it refuses.
                Err(error) if is_missing_id(&error) => {
                    if chunk.len() > 1 {
                        let (first, second) = chunk.split_at(chunk.len() / 2);
                        chunks.extend([second, first]);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(images)
    }

    async fn shares(&self, region: &Region, image: &ImageId) -> Result<Accounts, CloudError> {
        let call = wire::DescribeImageSharePermission { image_id: CompactString::new(image.as_str()) };
        let shares = self.call(Some(region), &call).await?;
        mapping::accounts(shares).map_err(|problem| self.malformed(region, &call, problem))
    }

    async fn tags(&self, region: &Region, images: &[ImageId]) -> Result<BTreeMap<ImageId, Tags>, CloudError> {
        let mut found: BTreeMap<ImageId, Tags> = BTreeMap::new();
        for chunk in images.chunks(TAGGED_PER_CALL) {
            let mut offset = 0;
            loop {
                let call = wire::DescribeResourceTagsByResourceIds {
                    service_type: "cvm",
                    resource_prefix: "image",
                    resource_ids: chunk.iter().map(|id| CompactString::new(id.as_str())).collect(),
                    resource_region: CompactString::new(region.as_str()),
                    offset,
                    limit: TAGS_PAGE,
                };
                let wire::ResourceTags { total_count, tags } = self.call(Some(region), &call).await?;
                let length = u64::try_from(tags.len()).unwrap_or(u64::MAX);
                for tag in tags {
                    let (Some(id), Some(key), Some(value)) = (tag.resource_id, tag.tag_key, tag.tag_value)
                    else {
                        continue;
                    };
                    if let Ok(id) = id.parse() {
                        found.entry(id).or_default().insert(key, value);
                    }
                }
                offset = offset.saturating_add(TAGS_PAGE);
                if length < TAGS_PAGE || total_count.is_some_and(|total| offset >= total) {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn image_limit(&self, region: &Region) -> Result<u32, CloudError> {
        let call = wire::DescribeImageQuota {};
        let wire::ImageQuota { image_num_quota } = self.call(Some(region), &call).await?;
        let limit = image_num_quota.ok_or_else(|| {
            self.malformed(region, &call, MalformedResponse("the answer contains no limit".to_owned()))
        })?;
        Ok(u32::try_from(limit).unwrap_or(u32::MAX))
    }

    async fn import_systems(&self, region: &Region) -> Result<ImportSystems, CloudError> {
        self.call(Some(region), &wire::DescribeImportImageOs {}).await.map(mapping::import_systems)
    }

    async fn regions(&self) -> Result<Vec<Region>, CloudError> {
        let home = self.home.as_ref();
        // The list of the image service is frozen (213/15708), but an endpoint may offer no other one.
        match self.call(home, &wire::DescribeProductRegions { product: "cvm" }).await {
            Ok(regions) => Ok(mapping::regions(regions)),
            Err(error) if error.kind == ErrorKind::Unsupported => {
                self.call(home, &wire::DescribeRegions {}).await.map(mapping::regions)
            }
            Err(error) => Err(error),
        }
    }

    async fn caller(&self) -> Result<AccountId, CloudError> {
        let wire::CallerIdentity { account_id } =
            self.call(self.home.as_ref(), &wire::GetCallerIdentity {}).await?;
        mapping::account(account_id.as_deref()).map_err(|MalformedResponse(message)| {
            self.error::<wire::GetCallerIdentity>(self.home.as_ref(), ErrorKind::MalformedResponse, message)
        })
    }
}

fn is_missing_id(error: &CloudError) -> bool {
    matches!(error.code.as_deref(), Some("InvalidImageId.NotFound" | "InvalidImageId.Malformed"))
}

#[cfg(test)]
mod tests;
