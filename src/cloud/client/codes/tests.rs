use super::*;

/// The codes that the documents list, by action, in the documents' order.
const DOCUMENTED: &[(&str, &[&str])] = &[
    (
        "213/16726 CreateImage",
        &[
            "ImageQuotaLimitExceeded",
            "InvalidImageName.Duplicate",
            "InvalidParameter.ValueTooLarge",
            "InvalidParameterValue.TooLarge",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameter.SpecifyOneParameter",
            "InvalidParameterConflict",
            "InvalidParameter.InvalidDependence",
            "InvalidInstanceId.NotFound",
            "InvalidInstance.NotSupported",
            "UnsupportedOperation.NotSupportInstanceImage",
            "UnsupportedOperation.SpecialInstanceType",
            "InvalidParameter.InstanceImageNotSupport",
            "InvalidParameter.DataDiskIdContainsRootDisk",
            "InvalidParameter.DataDiskNotBelongSpecifiedInstance",
            "InvalidParameter.LocalDataDiskNotSupport",
            "InvalidParameter.SwapDiskNotSupport",
            "InvalidParameter.SnapshotNotFound",
            "InvalidParameter.SystemSnapshotNotFound",
            "InvalidParameter.DuplicateSystemSnapshots",
            "ResourceUnavailable.SnapshotCreating",
            "InvalidParameterValue.InvalidImageFamily",
            "InvalidParameterValue.TagKeyNotFound",
            "InvalidParameterValue.TagQuotaLimitExceeded",
            "MutexOperation.TaskRunning",
            "OperationDenied.InstanceOperationInProgress",
            "ResourceInUse",
            "ResourceInUse.DiskRollbacking",
            "ResourceInsufficient.CloudDiskUnavailable",
            "InvalidAccount.InsufficientBalance",
            "UnsupportedOperation.InstanceStateStarting",
            "UnsupportedOperation.InstanceStateStopping",
            "UnsupportedOperation.InstanceStateRebooting",
            "UnsupportedOperation.InstanceStateTerminating",
            "UnsupportedOperation.InstanceStateFreezing",
            "UnsupportedOperation.InstanceStateEnterRescueMode",
            "UnsupportedOperation.InstanceStateRescueMode",
            "UnsupportedOperation.InstanceStateExitRescueMode",
            "UnsupportedOperation.InstanceStateEnterServiceLiveMigrate",
            "UnsupportedOperation.InstanceStateServiceLiveMigrate",
            "UnsupportedOperation.InstanceReinstallFailed",
            "UnsupportedOperation.StoppedModeStopCharging",
            "UnsupportedOperation.EncryptedImagesNotSupported",
            "UnsupportedOperation.InvalidDiskFastRollback",
            "InvalidZone.MismatchRegion",
            "InvalidParameterValue.InvalidAppIdFormat",
            "InvalidParameterValue.PreheatNotSupportedInstanceType",
            "InvalidParameterValue.PreheatNotSupportedZone",
            "InvalidParameterValue.PreheatUnavailableZones",
            "LimitExceeded.PreheatImageSnapshotOutOfQuota",
            "UnsupportedOperation.PreheatImage",
        ],
    ),
    (
        "213/15716 DeleteImages",
        &[
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "InvalidImageId.IncorrectState",
            "InvalidImageId.InShared",
            "InvalidParameterValue.InvalidImageIdIsShared",
            "InvalidParameterValue.InvalidImageId",
            "InvalidParameterValue.LimitExceeded",
            "MutexOperation.TaskRunning",
            "InvalidParameterValue.InvalidAppIdFormat",
        ],
    ),
    (
        "213/15715 DescribeImages",
        &[
            "InvalidParameter.InvalidParameterCoexistImageIdsFilters",
            "InvalidFilter",
            "InvalidFilterValue.LimitExceeded",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameterValue.InvalidParameterValueLimit",
            "InvalidImageId.Malformed",
            "InvalidInstanceType.Malformed",
            "InvalidParameterValue.InstanceTypeNotFound",
            "ResourcesSoldOut.SpecifiedInstanceType",
            "FailedOperation.IllegalTagKey",
            "InvalidParameterValue.TagKeyNotFound",
            "InvalidParameterValue.ZoneNotSupported",
            "InvalidRegion.NotFound",
            "InvalidZone.MismatchRegion",
            "InvalidParameterValue.InvalidAppIdFormat",
            "UnauthorizedOperation.InvalidToken",
            "UnauthorizedOperation.PermissionDenied",
            "UnsupportedOperation",
        ],
    ),
    (
        "213/15719 DescribeImageQuota",
        &[
            "InvalidZone.MismatchRegion",
            "UnsupportedOperation.InvalidZone",
            "FailedOperation.TagKeyReserved",
            "InvalidFilter",
            "InvalidFilterValue.LimitExceeded",
            "InvalidHostId.Malformed",
            "InvalidParameterValue",
            "UnauthorizedOperation",
            "UnsupportedOperation",
        ],
    ),
    (
        "213/15712 DescribeImageSharePermission",
        &[
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "UnauthorizedOperation.ImageNotBelongToAccount",
            "InvalidAccountId.NotFound",
            "InvalidAccountIs.YourSelf",
            "OverQuota",
            "InvalidParameterValue.InvalidAppIdFormat",
        ],
    ),
    (
        "213/33269 ModifyImageAttribute",
        &[
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "InvalidImageId.IncorrectState",
            "InvalidImageName.Duplicate",
            "InvalidParameterValue.TooLarge",
            "InvalidParameter.ValueTooLarge",
            "InvalidParameterValue.InvalidImageFamily",
            "InvalidParameterValue.InvalidAppIdFormat",
            "UnauthorizedOperation.InvalidToken",
            "UnsupportedOperation.SharedImageModifyUnsupported",
        ],
    ),
    (
        "213/15710 ModifyImageSharePermission",
        &[
            "InvalidAccountId.NotFound",
            "FailedOperation.NotMasterAccount",
            "FailedOperation.AccountIsYourSelf",
            "InvalidAccountIs.YourSelf",
            "FailedOperation.AccountAlreadyExists",
            "OverQuota",
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "InvalidParameterValue.InvalidImageState",
            "InvalidParameterValue.InvalidImageId",
            "UnauthorizedOperation.ImageNotBelongToAccount",
            "UnauthorizedOperation.InvalidToken",
            "FailedOperation.BYOLImageShareFailed",
            "FailedOperation.QImageShareFailed",
            "FailedOperation.RImageShareFailed",
            "InvalidParameter.InstanceImageNotSupport",
            "UnsupportedOperation.EncryptedImagesNotSupported",
            "UnsupportedOperation.LocationImageNotSupported",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameterValue.InvalidAppIdFormat",
        ],
    ),
    (
        "213/15711 SyncImages",
        &[
            "ImageQuotaLimitExceeded",
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "InvalidImageId.IncorrectState",
            "InvalidImageId.TooLarge",
            "InvalidImageName.Duplicate",
            "InvalidParameterValue.InvalidImageId",
            "InvalidParameterValue.InvalidImageState",
            "FailedOperation.InvalidImageState",
            "InvalidRegion.NotFound",
            "InvalidRegion.Unavailable",
            "InvalidParameterValue.InvalidRegion",
            "UnsupportedOperation.Region",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameter.InstanceImageNotSupport",
            "InvalidParameter.InvalidKmsKeyId",
            "UnsupportedOperation.EncryptedImagesNotSupported",
            "UnsupportedOperation.LocationImageNotSupported",
            "UnsupportedOperation.SyncEncryptImageNotSupport",
        ],
    ),
    (
        "213/15717 ImportImage",
        &[
            "ImageQuotaLimitExceeded",
            "InvalidImageName.Duplicate",
            "InvalidImageOsType.Unsupported",
            "InvalidImageOsVersion.Unsupported",
            "InvalidParameter.InvalidParameterUrlError",
            "InvalidParameterValue.ISOMustImportByForce",
            "InvalidParameterValue.InvalidBootMode",
            "InvalidParameterValue.InvalidImageFamily",
            "InvalidParameterValue.InvalidLicenseType",
            "InvalidParameterValue.TagKeyNotFound",
            "InvalidParameterValue.TooLarge",
            "InvalidParameterValue.InvalidAppIdFormat",
            "OperationDenied.InnerUserProhibitAction",
            "RegionAbilityLimit.UnsupportedToImportImage",
        ],
    ),
    (
        "213/73474 ExportImages",
        &[
            "AuthFailure.CamRoleNameAuthenticateFailed",
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "InvalidParameter.ImageIdsSnapshotIdsMustOne",
            "InvalidParameter.SnapshotNotFound",
            "InvalidParameterValue.BucketNotFound",
            "InvalidParameterValue.InvalidBucketPermissionForExport",
            "InvalidParameterValue.InvalidFileNamePrefixList",
            "InvalidParameterValue.InvalidImageId",
            "InvalidParameterValue.InvalidImageOsName",
            "InvalidParameterValue.InvalidImageState",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameterValue.MissingLocationCosEndpoint",
            "InvalidParameterValue.TooLarge",
            "InvalidParameterValue.InvalidAppIdFormat",
            "LimitExceeded.ExportImageTaskLimitExceeded",
            "UnsupportedOperation.EncryptedImagesNotSupported",
            "UnsupportedOperation.ImageTooLargeExportUnsupported",
            "UnsupportedOperation.MarketImageExportUnsupported",
            "UnsupportedOperation.PublicImageExportUnsupported",
            "UnsupportedOperation.RedHatImageExportUnsupported",
            "UnsupportedOperation.SharedImageExportUnsupported",
            "UnsupportedOperation.WindowsImageExportUnsupported",
        ],
    ),
    (
        "213/15708 DescribeRegions, 213/35071 DescribeZones",
        &[
            "UnsupportedOperation",
            "InvalidFilter",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameterValue.ZoneNotSupported",
        ],
    ),
    (
        "RunInstances, ResetInstance: refusals of images",
        &[
            "InvalidImageId.NotFound",
            "InvalidImageId.Malformed",
            "InvalidParameterValue.InvalidImageForGivenInstanceType",
            "InvalidParameterValue.InvalidImageFormat",
            "InvalidParameterValue.InvalidImageIdForRetsetInstance",
            "InvalidParameterValue.InvalidImageOsName",
            "InvalidParameterValue.RequiredLocationImage",
            "UnsupportedOperation.InvalidImageLicenseTypeForReset",
        ],
    ),
    (
        "DescribeInstances",
        &[
            "FailedOperation.IllegalTagKey",
            "FailedOperation.IllegalTagValue",
            "FailedOperation.TagKeyReserved",
            "InternalServerError",
            "InvalidFilter",
            "InvalidFilterValue.LimitExceeded",
            "InvalidHostId.Malformed",
            "InvalidInstanceId.Malformed",
            "InvalidParameter",
            "InvalidParameterValue",
            "InvalidParameterValue.IPAddressMalformed",
            "InvalidParameterValue.IPv6AddressMalformed",
            "InvalidParameterValue.InstanceIdMalformed",
            "InvalidParameterValue.InvalidAppIdFormat",
            "InvalidParameterValue.InvalidIpFormat",
            "InvalidParameterValue.InvalidTimeFormat",
            "InvalidParameterValue.InvalidVagueName",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameterValue.SubnetIdMalformed",
            "InvalidParameterValue.TagKeyNotFound",
            "InvalidParameterValue.UuidMalformed",
            "InvalidParameterValue.VpcIdMalformed",
            "InvalidSecurityGroupId.NotFound",
            "InvalidSgId.Malformed",
            "InvalidZone.MismatchRegion",
            "ResourceNotFound.HpcCluster",
            "UnauthorizedOperation.InvalidToken",
            "UnsupportedOperation",
        ],
    ),
    (
        "cbs: DescribeSnapshots, DeleteSnapshots",
        &[
            "InvalidFilter",
            "InvalidParameterValue",
            "MissingParameter",
            "UnsupportedOperation",
            "UnsupportedOperation.SnapshotHasBindedImage",
        ],
    ),
    (
        "651/35307 ModifyResourceTags, TagResources, DescribeResourceTagsByResourceIds",
        &[
            "FailedOperation",
            "FailedOperation.PolicyEnforcedInvalid",
            "FailedOperation.ResourceTagProcessing",
            "AuthFailure.UnauthorizedOperation",
            "InvalidParameter",
            "InvalidParameter.ReservedTagKey",
            "InvalidParameter.Tag",
            "InvalidParameter.UnsupportedService",
            "InvalidParameterValue.DeleteTagsParamError",
            "InvalidParameterValue.RegionInvalid",
            "InvalidParameterValue.ResourceDescriptionError",
            "InvalidParameterValue.ResourceIdInvalid",
            "InvalidParameterValue.ResourcePrefixInvalid",
            "InvalidParameterValue.ServiceTypeInvalid",
            "InvalidParameterValue.TagKeyCharacterIllegal",
            "InvalidParameterValue.TagKeyDuplicate",
            "InvalidParameterValue.TagKeyEmpty",
            "InvalidParameterValue.TagKeyLengthExceeded",
            "InvalidParameterValue.TagValueCharacterIllegal",
            "InvalidParameterValue.TagValueEmpty",
            "InvalidParameterValue.TagValueLengthExceeded",
            "InvalidParameterValue.UinInvalid",
            "LimitExceeded.Quota",
            "LimitExceeded.ResourceAttachedTags",
            "LimitExceeded.ResourceNumPerRequest",
            "LimitExceeded.TagKey",
            "LimitExceeded.TagNumPerRequest",
            "LimitExceeded.TagValue",
            "UnsupportedOperation",
        ],
    ),
    (
        "common error codes",
        &[
            "AuthFailure.InvalidAuthorization",
            "AuthFailure.InvalidSecretId",
            "AuthFailure.MFAFailure",
            "AuthFailure.SecretIdNotFound",
            "AuthFailure.SignatureExpire",
            "AuthFailure.SignatureFailure",
            "AuthFailure.TokenFailure",
            "AuthFailure.UnauthorizedOperation",
            "UnauthorizedOperation",
            "RequestLimitExceeded",
            "RequestLimitExceeded.UinLimitExceeded",
            "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
            "RequestLimitExceeded.IPLimitExceeded",
            "InternalError",
            "InternalServerError",
            "ResourceUnavailable",
            "ResourceInUse",
            "MutexOperation.TaskRunning",
            "FailedOperation.InvalidImageState",
            "InvalidParameterValue.InvalidImageState",
            "OperationDenied.InstanceOperationInProgress",
            "InvalidAction",
            "ActionOffline",
            "NoSuchVersion",
            "NoSuchProduct",
            "UnsupportedRegion",
            "UnsupportedProtocol",
            "UnsupportedOperation",
            "MissingParameter",
            "UnknownParameter",
            "InvalidParameter",
            "InvalidParameterValue",
            "ResourceNotFound",
            "ResourceInsufficient",
            "LimitExceeded",
            "FailedOperation",
            "DryRunOperation",
            "IpInBlacklist",
            "IpNotInWhitelist",
            "RequestSizeLimitExceeded",
            "ResponseSizeLimitExceeded",
            "ServiceUnavailable",
        ],
    ),
];

#[test]
fn every_documented_code_has_a_kind() {
    for (action, codes) in DOCUMENTED {
        for code in *codes {
            let kind = lookup(CODES, code);
            assert!(kind.is_some(), "{code} of {action} is not in the table");
            if *code != "FailedOperation" {
                assert_ne!(kind, Some(Other), "{code} of {action} says nothing");
            }
        }
    }
}

#[test]
fn every_code_of_the_table_is_documented() {
    for (code, _) in CODES {
        assert!(DOCUMENTED.iter().any(|(_, codes)| codes.contains(code)), "{code}: where does it come from?");
    }
}

#[test]
fn the_tables_are_sorted_and_contain_no_code_twice() {
    for table in [CODES, FIRST_PARTS] {
        for pair in table.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} is listed before {}", pair[0].0, pair[1].0);
        }
    }
}

#[test]
fn synonymous_codes_have_the_same_kind() {
    for (kind, codes) in [
        (BadAccount, &["FailedOperation.AccountIsYourSelf", "InvalidAccountIs.YourSelf"][..]),
        (Invalid, &["InvalidParameter.ValueTooLarge", "InvalidParameterValue.TooLarge"]),
        (Shared, &["InvalidImageId.InShared", "InvalidParameterValue.InvalidImageIdIsShared"]),
        (
            Busy,
            &[
                "InvalidImageId.IncorrectState",
                "InvalidParameterValue.InvalidImageState",
                "FailedOperation.InvalidImageState",
            ],
        ),
    ] {
        for code in codes {
            assert_eq!(kind_of(code, Effect::Write), kind, "{code}");
        }
    }
}

#[test]
fn an_unknown_code_leaves_the_outcome_of_a_write_unknown() {
    for (code, of_a_read, of_a_write) in [
        ("FailedOperation", Other, OutcomeUnknown),
        ("FailedOperation.SomethingNew", Other, OutcomeUnknown),
        ("Nonsense", Other, OutcomeUnknown),
        ("", Other, OutcomeUnknown),
        (".", Other, OutcomeUnknown),
        ("RequestLimitExceeded.SomethingNew", Throttled, OutcomeUnknown),
        ("ResourceUnavailable.X", Busy, OutcomeUnknown),
        ("ResourceInsufficient.X", Unsupported, OutcomeUnknown),
        ("UnsupportedOperation.X", Unsupported, OutcomeUnknown),
        ("OperationDenied.X", Permission, OutcomeUnknown),
        ("InternalError.DbError", Internal, Internal),
        ("InvalidParameter.X", Invalid, Invalid),
        ("InvalidParameterConflict.X", Invalid, Invalid),
        ("InvalidParameterValue.X", Invalid, Invalid),
        ("MissingParameter.X", Invalid, Invalid),
        ("AuthFailure.X", Credentials, Credentials),
        ("UnauthorizedOperation.Something.More", Permission, Permission),
        ("LimitExceeded.X", TooManyValues, TooManyValues),
        ("ResourceNotFound.X", NotFound, NotFound),
        // In the table.
        ("UnsupportedOperation.Region", Unsupported, Unsupported),
        ("RequestLimitExceeded.UinLimitExceeded", Throttled, Throttled),
    ] {
        assert_eq!(kind_of(code, Effect::Read), of_a_read, "a read: {code}");
        assert_eq!(kind_of(code, Effect::Write), of_a_write, "a write: {code}");
    }
}

#[test]
fn every_documented_code_has_the_same_kind_for_reads_and_writes() {
    for (code, kind) in CODES.iter().filter(|(_, kind)| *kind != Other) {
        assert_eq!(kind_of(code, Effect::Read), *kind, "{code}");
        assert_eq!(kind_of(code, Effect::Write), *kind, "{code}");
    }
}
