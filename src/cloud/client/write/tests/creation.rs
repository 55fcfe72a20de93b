//! Calls that create an image.

use super::*;

#[test]
fn an_image_of_an_instance_is_requested_as_documented() {
    let image = new(SourceKind::Instance {
        id: "ins-8f3a1c2d".parse().unwrap(),
        power_off: true,
        sysprep: true,
        data_disks: vec!["disk-1a2b3c4d".parse().unwrap()],
    });
    let (id, call) = create(&image, json!({ "ImageId": "img-6pb6lrmy", "RequestId": "r" }));
    assert_eq!(id, Some("img-6pb6lrmy".parse().unwrap()));
    assert_eq!(
        call,
        (
            "cvm.CreateImage@ap-jakarta".to_owned(),
            json!({
                "ImageName": "web-1", "InstanceId": "ins-8f3a1c2d", "ImageDescription": "Hardened",
                "ForcePoweroff": "true", "Sysprep": "true", "DataDiskIds": ["disk-1a2b3c4d"],
                "TagSpecification": [
                    { "ResourceType": "image", "Tags": [{ "Key": "team", "Value": "platform" }] }
                ],
                "ImageFamily": "web"
            })
        )
    );
}

#[test]
fn unset_parameters_are_not_sent() {
    let mut image = new(SourceKind::Instance {
        id: "ins-8f3a1c2d".parse().unwrap(),
        power_off: false,
        sysprep: false,
        data_disks: vec![],
    });
    image.attributes.description = Some(String::new());
    image.attributes.family = None;
    image.tags.clear();
    let (_, (_, body)) = create(&image, json!({ "ImageId": "img-6pb6lrmy" }));
    assert_eq!(body, json!({ "ImageName": "web-1", "InstanceId": "ins-8f3a1c2d", "ForcePoweroff": "false" }));
}

#[test]
fn an_image_of_snapshots_is_requested_as_documented() {
    let image = new(SourceKind::Snapshots(vec!["snap-2f3a1c2d".parse().unwrap()]));
    let (_, call) = create(&image, json!({ "ImageId": "img-6pb6lrmy" }));
    assert_eq!(
        call.1,
        json!({
            "ImageName": "web-1", "SnapshotIds": ["snap-2f3a1c2d"], "ImageDescription": "Hardened",
            "TagSpecification": [{ "ResourceType": "image", "Tags": [{ "Key": "team", "Value": "platform" }] }],
            "ImageFamily": "web"
        })
    );
}

#[test]
fn an_import_is_requested_as_documented_with_its_query() {
    let mut image = new(import());
    image.query = Some(Secret::new("sign=abc&x=1"));
    let (id, call) = create(&image, json!({ "RequestId": "r" }));
    assert_eq!(id, None, "the international site returns no id");
    assert_eq!(
        call,
        (
            "cvm.ImportImage@ap-jakarta".to_owned(),
            json!({
                "Architecture": "arm_64", "OsType": "Ubuntu", "OsVersion": "22",
                "ImageUrl": "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2?sign=abc&x=1",
                "ImageName": "web-1", "ImageDescription": "Hardened",
                "TagSpecification": [{ "ResourceType": "image", "Tags": [{ "Key": "team", "Value": "platform" }] }],
                "ImageFamily": "web"
            })
        )
    );
    assert!(!format!("{image:?}").contains("abc"));
}

#[test]
fn a_refused_import_does_not_repeat_its_query() {
    for (message, shown) in [
        ("cannot read https://b/w?sign=hunter2hunter2&x=1!", "cannot read https://b/w?(secret)!"),
        ("bad signature hunter2hunter2, x 1", "bad signature (secret), x 1"),
    ] {
        let refusal = json!({
            "Error": { "Code": "InvalidParameter.InvalidParameterUrlError", "Message": message },
            "RequestId": "r"
        });
        let mut image = new(import());
        image.query = Some(Secret::new("?sign=hunter2hunter2&x=1"));
        let script = Script::answering([refusal]);
        let error = run(Client::new(script).create_image(&region("ap-jakarta"), &image)).unwrap_err();
        assert_eq!(error.message, shown);
    }
}

#[test]
fn an_import_sends_licence_boot_mode_and_force_only_if_they_are_set() {
    let SourceKind::Import { url, os, version, .. } = import() else { unreachable!() };
    let image = new(SourceKind::Import {
        url,
        os,
        version,
        architecture: Architecture::X86_64,
        license: Some("BYOL".into()),
        boot: Some("Legacy BIOS".into()),
        force: true,
    });
    let (id, (_, body)) = create(&image, json!({ "ImageId": "img-6pb6lrmy" }));
    assert_eq!(id, Some("img-6pb6lrmy".parse().unwrap()));
    assert_eq!(body["Architecture"], "x86_64");
    assert_eq!(body["LicenseType"], "BYOL");
    assert_eq!(body["BootMode"], "Legacy BIOS");
    assert_eq!(body["Force"], true);
}

#[test]
fn a_shared_image_is_copied_within_its_region() {
    let image = new(SourceKind::Shared { id: id("img-3c1f0a9b"), from: None });
    let answer = json!({ "ImageSet": [{ "ImageId": "img-evhmf3fy", "Region": "ap-jakarta" }] });
    let (id, call) = create(&image, answer);
    assert_eq!(id, Some("img-evhmf3fy".parse().unwrap()));
    assert_eq!(
        call,
        (
            "cvm.SyncImages@ap-jakarta".to_owned(),
            json!({
                "ImageIds": ["img-3c1f0a9b"], "DestinationRegions": ["ap-jakarta"], "ImageName": "web-1",
                "ImageSetRequired": true
            })
        )
    );
}

#[test]
fn an_encrypted_copy_needs_its_original() {
    let mut image =
        new(SourceKind::Encrypted { image: "web".parse().unwrap(), kms_key: Some("key-1".into()) });
    let script = Script::answering([]);
    let error = run(Client::new(script.clone()).create_image(&region("ap-jakarta"), &image)).unwrap_err();
    assert_eq!((error.kind, script.len()), (ErrorKind::Invalid, 0));

    image.original = Some(id("img-3c1f0a9b"));
    let (_, (_, body)) = create(&image, json!({ "ImageSet": [] }));
    assert_eq!(
        body,
        json!({
            "ImageIds": ["img-3c1f0a9b"], "DestinationRegions": ["ap-jakarta"], "ImageName": "web-1",
            "ImageSetRequired": true, "Encrypt": true, "KmsKeyId": "key-1"
        })
    );
}

#[test]
fn an_adopted_image_cannot_be_created() {
    let script = Script::answering([]);
    let image = new(SourceKind::Adopted(id("img-3c1f0a9b")));
    assert!(run(Client::new(script.clone()).create_image(&region("ap-jakarta"), &image)).is_err());
    assert_eq!(script.len(), 0);
}

#[test]
fn a_copy_has_one_image_and_one_region_and_requests_its_id() {
    let copy = |answer: Value| {
        let script = Script::answering([answer]);
        let copy = run(Client::new(script.clone()).copy_image(
            &region("ap-jakarta"),
            &id("img-6pb6lrmy"),
            &region("ap-tokyo"),
            "web-1",
        ));
        assert_eq!(
            script.calls(),
            [(
                "cvm.SyncImages@ap-jakarta".to_owned(),
                json!({
                    "ImageIds": ["img-6pb6lrmy"], "DestinationRegions": ["ap-tokyo"], "ImageName": "web-1",
                    "ImageSetRequired": true
                })
            )]
        );
        copy.unwrap()
    };
    let made = Some(id("img-evhmf3fy"));
    assert_eq!(copy(json!({ "ImageSet": [{ "Region": "ap-tokyo", "ImageId": "img-evhmf3fy" }] })), made);
    assert_eq!(copy(json!({ "ImageSet": [{ "ImageId": "img-evhmf3fy" }] })), made);
    assert_eq!(copy(json!({ "ImageSet": [{ "Region": "ap-seoul", "ImageId": "img-evhmf3fy" }] })), None);
    assert_eq!(copy(json!({ "ImageSet": [] })), None);
    assert_eq!(copy(json!({ "ImageSet": null })), None);
}
