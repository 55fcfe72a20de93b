use serde_json::{Value, json};

use super::*;

fn observed(value: Value) -> ObservedImage {
    image(serde_json::from_value(value).unwrap()).unwrap().unwrap()
}

/// Returns the private image of the documents (213/15715 DescribeImages, examples).
fn documented() -> Value {
    json!({
        "ImageId": "img-qlzp4oea", "ImageName": "test-image", "ImageDescription": "about it",
        "ImageType": "PRIVATE_IMAGE", "ImageSource": "CREATE_IMAGE", "ImageState": "NORMAL",
        "ImageCreator": "3205597606", "OsName": "CentOS 7.4 64位", "Platform": "CentOS",
        "Architecture": "x86_64", "ImageSize": 20, "CreatedTime": "2020-09-22T00:00:00+00:00",
        "SyncPercent": 20, "IsSupportCloudinit": true,
        "SnapshotSet": [{ "SnapshotId": "snap-gqa37j2p", "DiskUsage": "SYSTEM_DISK", "DiskSize": 20 }],
        "Tags": [{ "Key": "myKey", "Value": "myValue" }], "LicenseType": "TencentCloud"
    })
}

#[test]
fn the_documented_private_image_is_read_in_full() {
    assert_eq!(
        observed(documented()),
        ObservedImage {
            id: "img-qlzp4oea".parse().unwrap(),
            name: "test-image".into(),
            description: "about it".into(),
            family: "".into(),
            deprecated: false,
            tags: Tags::from([("myKey".into(), "myValue".into())]),
            state: ImageState::Normal,
            kind: ImageKind::Custom,
            created: "2020-09-22T00:00:00Z".parse().unwrap(),
            creator: "3205597606".into(),
            build: Build {
                size_gib: 20,
                os: "CentOS 7.4 64位".into(),
                platform: "CentOS".into(),
                architecture: Architecture::X86_64,
                snapshots: vec!["snap-gqa37j2p".parse().unwrap()],
            },
        }
    );
}

#[test]
fn every_field_but_the_id_may_be_null_or_missing() {
    let Value::Object(fields) = documented() else { unreachable!() };
    for field in fields.keys().filter(|field| *field != "ImageId") {
        let mut without = documented();
        without[field] = Value::Null;
        observed(without.clone());
        without.as_object_mut().unwrap().remove(field);
        observed(without);
    }
    let bare = observed(json!({ "ImageId": "img-qlzp4oea" }));
    assert_eq!((bare.kind, bare.state), (ImageKind::Other, ImageState::Unknown));
    assert_eq!(bare.created, Timestamp::UNIX_EPOCH);
}

#[test]
fn both_documented_forms_of_a_time_are_the_same_moment() {
    for text in ["2020-09-22T00:00:00Z", "2020-09-22T00:00:00+00:00", "2020-09-22T08:00:00+08:00"] {
        assert_eq!(time(text), Some("2020-09-22T00:00:00Z".parse().unwrap()), "{text}");
    }
    assert_eq!(time("yesterday"), None);
}

#[test]
fn states_kinds_and_architectures_are_parsed_as_documented_and_unknown_ones_do_not_fail() {
    let with = |field: &str, text: &str| {
        let mut value = documented();
        value[field] = text.into();
        observed(value)
    };
    for state in [
        ImageState::Creating,
        ImageState::Normal,
        ImageState::CreateFailed,
        ImageState::Syncing,
        ImageState::Importing,
        ImageState::ImportFailed,
        ImageState::Using,
    ] {
        assert_eq!(with("ImageState", state.as_str()).state, state);
    }
    assert_eq!(with("ImageState", "MELTING").state, ImageState::Unknown);
    for (text, kind) in [
        ("PUBLIC_IMAGE", ImageKind::Public),
        ("PRIVATE_IMAGE", ImageKind::Custom),
        ("SHARED_IMAGE", ImageKind::Shared),
        ("MARKET_IMAGE", ImageKind::Other),
    ] {
        assert_eq!(with("ImageType", text).kind, kind);
    }
    for (text, architecture) in [
        ("x86_64", Architecture::X86_64),
        ("i386", Architecture::I386),
        ("arm", Architecture::Arm),
        ("arm_64", Architecture::Arm),
        ("riscv", Architecture::Other),
    ] {
        assert_eq!(with("Architecture", text).build.architecture, architecture);
    }
}

#[test]
fn a_custom_image_without_a_valid_id_is_an_error_and_other_images_without_one_are_skipped() {
    let read =
        |kind: &str| image(serde_json::from_value(json!({ "ImageId": "AMI-1", "ImageType": kind })).unwrap());
    assert!(read("PRIVATE_IMAGE").is_err());
    assert_eq!(read("MARKET_IMAGE"), Ok(None));
}

#[test]
fn a_name_with_special_characters_is_not_sent_to_the_fuzzy_filter() {
    let filters = |name: &str| {
        filters(&ImageFilter { kind: None, name: Some(name.into()) })
            .iter()
            .map(|f| f.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(filters("web-base_1.2"), ["image-name"]);
    assert_eq!(filters("镜像-α"), ["image-name"]);
    for name in ["", "web*", "web base", "100%", "a?b", "web~g2"] {
        assert!(filters(name).is_empty(), "{name}");
    }
}

#[test]
fn a_malformed_account_makes_the_answer_malformed() {
    let list = |accounts: Value| {
        super::accounts(serde_json::from_value(json!({ "SharePermissionSet": accounts })).unwrap())
    };
    let two = list(json!([
        { "CreatedTime": "2020-09-22T00:00:00Z", "AccountId": "200000000002" },
        { "CreatedTime": null, "AccountId": "200000000001" }
    ]));
    let expected: Accounts =
        ["200000000001", "200000000002"].map(|id| id.parse().unwrap()).into_iter().collect();
    assert_eq!(two, Ok(expected));
    assert_eq!(list(Value::Null), Ok(Accounts::EMPTY));
    assert!(list(json!([{ "AccountId": null }])).is_err());
    assert!(list(json!([{ "AccountId": "me" }])).is_err());
}

#[test]
fn tags_are_changed_with_as_few_calls_as_the_limits_allow() {
    let tags = |n: usize| -> Tags { (0..n).map(|i| (format!("k{i:02}").into(), "v".into())).collect() };
    let keys = |n: usize| -> Vec<CompactString> { (0..n).map(|i| format!("old{i:02}").into()).collect() };
    let lengths = |set: usize, unset: usize| {
        tag_calls(
            "100000000001".parse().unwrap(),
            &"ap-jakarta".parse().unwrap(),
            &"img-6pb6lrmy".parse().unwrap(),
            &tags(set),
            &keys(unset),
        )
        .iter()
        .map(|call| (call.replace_tags.len(), call.delete_tags.len()))
        .collect::<Vec<_>>()
    };
    assert_eq!(lengths(0, 0), []);
    assert_eq!(lengths(1, 0), [(1, 0)]);
    assert_eq!(lengths(10, 10), [(10, 10)]);
    assert_eq!(lengths(11, 25), [(10, 10), (1, 10), (0, 5)]);
}
