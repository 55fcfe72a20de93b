//! The world's switches: how kind it is, and which of the undecided behaviours of the real service it shows.
//!
//! The default is kind. Each kindness, and each question that the service's documents leave open, is one field
//! here, so that a caller can be tried against every answer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::{AccountId, Region};

/// The switches of a world. Stored in it; [`Default`] is the kind world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The most custom images of one account in one region (213/4941; newer API texts say 500).
    pub images_per_region: u32,
    /// Regions with a limit of their own, in place of `images_per_region`.
    pub images_in: BTreeMap<Region, u32>,
    /// The most accounts that one image is shared with (213/4941; newer API texts say 500).
    pub accounts_per_image: u32,
    /// How long creating, copying and importing take. The real service takes minutes.
    pub settle: SignedDuration,
    /// How long copying takes, where it differs from `settle`.
    pub copy_settle: Option<SignedDuration>,
    /// How long importing takes, where it differs from `settle`.
    pub import_settle: Option<SignedDuration>,
    /// How long a new image is missing from DescribeImages.
    pub late_visibility: SignedDuration,
    /// What the ids of this world are derived from.
    pub seed: u64,
    /// Whether the documented rate limits are enforced (RequestLimitExceeded).
    pub rates: Rates,
    /// Regions that this world has besides the built-in ones.
    pub regions: BTreeMap<Region, ExtraRegion>,
    /// Whether each region offers public images.
    pub public_images: bool,
    /// The account that shares one image of its own in each region with every other caller; nothing: none does.
    pub lent_by: Option<AccountId>,

    /// Which instances exist.
    pub instances: Existence,
    /// Which snapshots exist.
    pub snapshots: Existence,
    /// The instance types that exist; nothing: every well-formed one.
    pub instance_types: Option<BTreeSet<String>>,
    /// The accounts that exist; nothing: every well-formed one.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Users that are no main accounts: sharing with them is refused (FailedOperation.NotMasterAccount).
    pub sub_users: BTreeSet<AccountId>,
    /// Accounts that may not import (OperationDenied.InnerUserProhibitAction).
    pub restricted: BTreeSet<AccountId>,
    /// The objects that exist in object storage, as URLs without query; nothing: every well-formed one. An
    /// import of another one ends in IMPORTFAILED.
    pub objects: Option<BTreeSet<String>>,
    /// The buckets that exist, by name; nothing: every well-formed one.
    pub buckets: Option<BTreeSet<String>>,
    /// Buckets that exports may not write to (InvalidParameterValue.InvalidBucketPermissionForExport).
    pub closed_buckets: BTreeSet<String>,
    /// The roles that exports may take; nothing: every one.
    pub roles: Option<BTreeSet<String>>,
    /// The systems that DescribeImportImageOs lists.
    pub import_systems: ImportSystems,
    /// The most exports of one account in one region at a time (unpublished); nothing: no limit.
    pub export_tasks: Option<u32>,
    /// Accounts that cannot pay (InvalidAccount.InsufficientBalance).
    pub insolvent: BTreeSet<AccountId>,
    /// Whether one instance can be imaged several times at once; if not, MutexOperation.TaskRunning.
    pub parallel_imaging: bool,

    /// How a passed dry run is told (documents disagree).
    pub dry_run: DryRun,
    /// What SHARE does with an account that has the share (documents name a code and not the case).
    pub share_again: ShareAgain,
    /// Whether accounts before the refused one in the same call are shared with all the same.
    pub partial_shares: bool,
    /// The most AccountIds in one call (unpublished); nothing: no limit.
    pub accounts_per_call: Option<u32>,
    /// What CANCEL does with an account that has no share (undocumented).
    pub cancel_absent: CancelAbsent,
    /// Whether the owner may change an image while it is shared (documents disagree).
    pub shared_image_edits: bool,
    /// Whether an image that is shared with the caller can be copied within its region (documents disagree).
    pub shared_image_copies: bool,
    /// Whether the source of a copy shows SYNCING while it is copied (undocumented).
    pub copy_source_syncing: bool,
    /// What a copy takes over from its source besides size and system (undocumented).
    pub copies_inherit: bool,
    /// The largest image in GiB that can be copied (InvalidImageId.TooLarge; lifted in 2021).
    pub copy_max_gib: Option<u32>,
    /// The most ImageIds in one call (unpublished).
    pub ids_per_call: u32,
    /// The most images on a page of DescribeImages, whatever Limit asks for: TotalCount tells that there are more.
    pub images_per_page: u32,
    /// Whether tags are taken on create and import (if not: InvalidParameterValue.TagKeyNotFound).
    pub tags_on_create: bool,
    /// Whether a tag key must have been made with CreateTag before it is put on a new image or filtered by
    /// (documents name a code and not the case).
    pub tag_keys_must_exist: bool,
    /// Whether the keys `qcloud`, `tencent` and `project` are reserved, besides the prefixes (documents disagree).
    pub reserved_tag_words: bool,
    /// Whether the other code is answered where the documents name two for one condition:
    /// InvalidParameter.ValueTooLarge for InvalidParameterValue.TooLarge, InvalidAccountIs.YourSelf for
    /// FailedOperation.AccountIsYourSelf, FailedOperation.InvalidImageState for
    /// InvalidParameterValue.InvalidImageState.
    pub twin_codes: bool,
    /// Whether ImportImage answers with the new id (the mainland site does, the international one does not).
    pub import_tells_id: bool,
    /// Regions that cannot import (RegionAbilityLimit.UnsupportedToImportImage; unpublished).
    pub no_import: BTreeSet<Region>,
    /// The user who is told as the creator of every image; nothing: the main account that owns it.
    pub creator: Option<AccountId>,
    /// How times are written (documents show two forms).
    pub timestamps: Timestamps,
    /// How ARM is spelled on an image (documents show two forms).
    pub arm: Arm,
    /// Whether fields that may be null are null where there is nothing to tell.
    pub null_fields: bool,
    /// Whether answers carry fields that the documents do not name.
    pub unknown_fields: bool,
    /// What tasks end in.
    pub tasks: Tasks,
}

/// A region that the built-in table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraRegion {
    /// Whether it counts as the Chinese mainland for copies.
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
    /// Whether rates are limited.
    Rates {
        /// Every call is taken.
        Unlimited,
        /// As documented, per caller, action and region: a second's worth at once, then evenly.
        Documented,
    }
    /// Which things of a kind exist.
    Existence {
        /// Every one whose id is well-formed.
        WellFormed,
        /// Those that were put into the world.
        Known,
    }
    /// The systems that can be imported.
    ImportSystems {
        /// Those of the user page on importing (213/4945).
        Today,
        /// Those of the example in the action's documents (213/15718).
        Example,
    }
    /// The answer to a dry run that would have succeeded.
    DryRun {
        /// An ordinary success that holds only the RequestId (the CLI's example).
        Success,
        /// The error DryRunOperation (the table of common codes).
        Error,
    }
    /// The answer to SHARE with an account that has the share.
    ShareAgain {
        /// FailedOperation.AccountAlreadyExists.
        Refused,
        /// Nothing happens.
        Ignored,
    }
    /// The answer to CANCEL of a share that does not exist.
    CancelAbsent {
        /// Nothing happens.
        Ignored,
        /// InvalidAccountId.NotFound.
        Refused,
    }
    /// The form of a time.
    Timestamps {
        /// `2020-09-22T00:00:00Z`.
        Zulu,
        /// `2020-09-22T00:00:00+00:00`.
        Offset,
    }
    /// The spelling of ARM.
    Arm {
        /// `arm`, as the Image documents it.
        Arm,
        /// `arm_64`, as ImportImage documents it.
        Arm64,
    }
    /// How tasks end.
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
    /// The limit of custom images in a region.
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
