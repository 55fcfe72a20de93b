//! Settings of a world: how lenient it is, and how it behaves where the documents of the real service are undecided.
//!
//! The default is lenient. Each leniency and each undecided behavior is one switch, so that a caller can be tested
//! under all of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::{AccountId, Region};

/// Switches of a world. The world stores them. [`Default`] is the lenient world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Maximum number of custom images of one account in one region (213/4941; newer API texts say 500).
    pub images_per_region: u32,
    /// Regions with a limit of their own instead of `images_per_region`.
    pub images_in: BTreeMap<Region, u32>,
    /// Maximum number of accounts with which one image is shared (213/4941; newer API texts say 500).
    pub accounts_per_image: u32,
    /// Duration of creating, copying and importing an image. The real service needs minutes.
    pub settle: SignedDuration,
    /// Duration of copying. `None`: `settle`.
    pub copy_settle: Option<SignedDuration>,
    /// Duration of importing. `None`: `settle`.
    pub import_settle: Option<SignedDuration>,
    /// Time after which DescribeImages lists a new image.
    pub late_visibility: SignedDuration,
    /// Seed of the ids of the world.
    pub seed: u64,
    /// Whether the documented rate limits apply (RequestLimitExceeded).
    pub rates: Rates,
    /// Additional regions of the world.
    pub regions: BTreeMap<Region, ExtraRegion>,
    /// Whether each region offers public images.
    pub public_images: bool,
    /// Account that shares one image in each region with every caller. `None`: no account does.
    pub lent_by: Option<AccountId>,

    /// Existing instances.
    pub instances: Existence,
    /// Existing snapshots.
    pub snapshots: Existence,
    /// Existing instance types. `None`: every well-formed one.
    pub instance_types: Option<BTreeSet<String>>,
    /// Existing accounts. `None`: every well-formed one.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Users that are not main accounts. Sharing with them is refused (FailedOperation.NotMasterAccount).
    pub sub_users: BTreeSet<AccountId>,
    /// Accounts that are not allowed to import images (OperationDenied.InnerUserProhibitAction).
    pub restricted: BTreeSet<AccountId>,
    /// Existing objects in object storage, as URLs without query. `None`: every well-formed one. The import of another
    /// one ends in IMPORTFAILED.
    pub objects: Option<BTreeSet<String>>,
    /// Existing buckets, by name. `None`: every well-formed one.
    pub buckets: Option<BTreeSet<String>>,
    /// Buckets to which exports are not allowed to write (InvalidParameterValue.InvalidBucketPermissionForExport).
    pub closed_buckets: BTreeSet<String>,
    /// Roles that exports may use. `None`: every role.
    pub roles: Option<BTreeSet<String>>,
    /// Systems that can be imported, as in DescribeImportImageOs.
    pub import_systems: ImportSystems,
    /// Maximum number of concurrent exports of one account in one region (unpublished). `None`: no limit.
    pub export_tasks: Option<u32>,
    /// Accounts without a sufficient balance (InvalidAccount.InsufficientBalance).
    pub insolvent: BTreeSet<AccountId>,
    /// Whether several images of one instance can be created at once. If not, the code is MutexOperation.TaskRunning.
    pub parallel_imaging: bool,

    /// Answer to a successful dry run (the documents disagree).
    pub dry_run: DryRun,
    /// Answer to SHARE with an account that has the share (the documents name a code, but not the case).
    pub share_again: ShareAgain,
    /// Whether a refused call still shares the image with the accounts before the refused one.
    pub partial_shares: bool,
    /// Maximum number of AccountIds in one call (unpublished). `None`: no limit.
    pub accounts_per_call: Option<u32>,
    /// Answer to CANCEL with an account that has no share (undocumented).
    pub cancel_absent: CancelAbsent,
    /// Whether the owner can change an image while it is shared (the documents disagree).
    pub shared_image_edits: bool,
    /// Whether an image that is shared with the caller can be copied within its region (the documents disagree).
    pub shared_image_copies: bool,
    /// Whether the source of a copy shows SYNCING while it is copied (undocumented).
    pub copy_source_syncing: bool,
    /// Whether a copy inherits description, family and tags from its source (undocumented).
    pub copies_inherit: bool,
    /// Maximum size of a copied image in GiB (InvalidImageId.TooLarge; removed in 2021). `None`: no limit.
    pub copy_max_gib: Option<u32>,
    /// Maximum number of ImageIds in one call (unpublished).
    pub ids_per_call: u32,
    /// Maximum number of images on a page of DescribeImages, even if Limit is larger. TotalCount is not affected.
    pub images_per_page: u32,
    /// Whether CreateImage and ImportImage accept tags. If not, the code is InvalidParameterValue.TagKeyNotFound.
    pub tags_on_create: bool,
    /// Whether a tag key must exist (CreateTag) before a new image or a filter uses it (the documents name a code, but
    /// not the case).
    pub tag_keys_must_exist: bool,
    /// Whether the tag keys `qcloud`, `tencent` and `project` are reserved in addition to the prefixes (the documents
    /// disagree).
    pub reserved_tag_words: bool,
    /// Whether the second code is used if the documents name two for one condition: InvalidParameter.ValueTooLarge for
    /// InvalidParameterValue.TooLarge, InvalidAccountIs.YourSelf for FailedOperation.AccountIsYourSelf,
    /// FailedOperation.InvalidImageState for InvalidParameterValue.InvalidImageState.
    pub twin_codes: bool,
    /// Whether ImportImage returns the new id (the mainland site does, the international one does not).
    pub import_tells_id: bool,
    /// Regions without import (RegionAbilityLimit.UnsupportedToImportImage; unpublished).
    pub no_import: BTreeSet<Region>,
    /// Creator of every image. `None`: the main account that owns the image.
    pub creator: Option<AccountId>,
    /// Format of times (the documents show two).
    pub timestamps: Timestamps,
    /// Spelling of ARM on an image (the documents show two).
    pub arm: Arm,
    /// Whether optional fields without a value are null.
    pub null_fields: bool,
    /// Whether answers contain undocumented fields.
    pub unknown_fields: bool,
    /// Result of tasks.
    pub tasks: Tasks,
}

/// Additional region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraRegion {
    /// Whether the region counts as Chinese mainland for copies.
    pub mainland: bool,
}

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
    )+};
}

switches! {
    /// Rate limits of the sandbox.
    Rates {
        /// No limits.
        Unlimited,
        /// The documented limits per caller, action and region. The calls of one second may come at once.
        Documented,
    }
    /// Set of existing resources.
    Existence {
        /// Every resource with a well-formed id.
        WellFormed,
        /// Resources that were added to the world.
        Known,
    }
    /// Systems that can be imported.
    ImportSystems {
        /// Systems of the user page on importing (213/4945).
        Today,
        /// Systems of the example in the documents of the action (213/15718).
        Example,
    }
    /// Answer to a successful dry run.
    DryRun {
        /// An ordinary success with only the RequestId (example of the CLI).
        Success,
        /// The error DryRunOperation (table of common error codes).
        Error,
    }
    /// Answer to SHARE with an account that has the share.
    ShareAgain {
        /// FailedOperation.AccountAlreadyExists.
        Refused,
        /// A success without a change.
        Ignored,
    }
    /// Answer to CANCEL of a share that does not exist.
    CancelAbsent {
        /// A success without a change.
        Ignored,
        /// InvalidAccountId.NotFound.
        Refused,
    }
    /// Format of times.
    Timestamps {
        /// `2020-09-22T00:00:00Z`.
        Zulu,
        /// `2020-09-22T00:00:00+00:00`.
        Offset,
    }
    /// Spelling of ARM.
    Arm {
        /// `arm`, as the Image documents it.
        Arm,
        /// `arm_64`, as ImportImage documents it.
        Arm64,
    }
    /// Result of tasks.
    Tasks {
        /// NORMAL.
        Succeed,
        /// CREATEFAILED or IMPORTFAILED.
        Fail,
        /// Never.
        Hang,
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            images_per_region: 10,
            images_in: BTreeMap::new(),
            accounts_per_image: 50,
            settle: SignedDuration::from_millis(400),
            copy_settle: None,
            import_settle: None,
            late_visibility: SignedDuration::ZERO,
            seed: 0,
            rates: Rates::Unlimited,
            regions: BTreeMap::new(),
            public_images: true,
            lent_by: "900000000001".parse().ok(),
            instances: Existence::WellFormed,
            snapshots: Existence::WellFormed,
            instance_types: None,
            accounts: None,
            sub_users: BTreeSet::new(),
            restricted: BTreeSet::new(),
            objects: None,
            buckets: None,
            closed_buckets: BTreeSet::new(),
            roles: None,
            import_systems: ImportSystems::Today,
            export_tasks: None,
            insolvent: BTreeSet::new(),
            parallel_imaging: true,
            dry_run: DryRun::Success,
            share_again: ShareAgain::Refused,
            partial_shares: false,
            accounts_per_call: None,
            cancel_absent: CancelAbsent::Ignored,
            shared_image_edits: true,
            shared_image_copies: true,
            copy_source_syncing: false,
            copies_inherit: false,
            copy_max_gib: None,
            ids_per_call: 100,
            images_per_page: 100,
            tags_on_create: true,
            tag_keys_must_exist: false,
            reserved_tag_words: false,
            twin_codes: false,
            import_tells_id: true,
            no_import: BTreeSet::new(),
            creator: None,
            timestamps: Timestamps::Zulu,
            arm: Arm::Arm,
            null_fields: false,
            unknown_fields: false,
            tasks: Tasks::Succeed,
        }
    }
}

impl Settings {
    /// Returns the limit of custom images in a region.
    pub fn image_limit(&self, region: &str) -> u32 {
        let own = self.images_in.iter().find(|(code, _)| code.as_str() == region);
        own.map_or(self.images_per_region, |(_, limit)| *limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_they_were_written_and_unknown_ones_are_refused() {
        let mut settings =
            Settings { copy_settle: Some(SignedDuration::from_secs(3)), ..Settings::default() };
        settings.images_in.insert("ap-jakarta".parse().unwrap(), 8);
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
        assert!(serde_json::from_str::<Settings>(r#"{"setle":"PT1S"}"#).is_err());
    }

    #[test]
    fn a_region_with_a_limit_of_its_own_has_that() {
        let mut settings = Settings::default();
        settings.images_in.insert("ap-jakarta".parse().unwrap(), 8);
        assert_eq!((settings.image_limit("ap-jakarta"), settings.image_limit("ap-tokyo")), (8, 10));
    }
}
