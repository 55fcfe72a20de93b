//! Refusals of the actions that change images, share them, export them and delete them.

use super::*;

#[test]
fn modify_image_attribute() {
    let mut check = Check::of(Service::Cvm, "ModifyImageAttribute");
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    desk.create(HOME, "taken");
    let set = |id: &str, name: &str, value: &str| {
        let mut params = json!({"ImageId": id});
        params[name] = Value::from(value);
        params
    };
    check.refuses(&desk, HOME, set("img", "ImageName", "x"), "InvalidImageId.Malformed");
    check.refuses(&desk, HOME, set("img-00000000", "ImageName", "x"), "InvalidImageId.NotFound");
    check.refuses(&desk, HOME, set(&offered(&desk, true), "ImageName", "x"), "InvalidImageId.NotFound");
    check.refuses(&desk, HOME, set(&id, "ImageName", &"x".repeat(61)), "InvalidParameterValue.TooLarge");
    check.refuses(&desk, HOME, set(&id, "ImageName", ""), "InvalidParameterValue");
    check.refuses(&desk, HOME, set(&id, "ImageName", "taken"), "InvalidImageName.Duplicate");
    check.refuses(&desk, HOME, set(&id, "ImageFamily", " "), "InvalidParameterValue.InvalidImageFamily");
    let shared = "UnsupportedOperation.SharedImageModifyUnsupported";
    check.refuses(&desk, HOME, set(&offered(&desk, false), "ImageName", "x"), shared);
    desk.share(HOME, &id, &[FRIEND]);
    desk.ok("ModifyImageAttribute", HOME, set(&id, "ImageName", "renamed"));
    let mut settings = instant();
    settings.shared_image_edits = false;
    settings.twin_codes = true;
    desk.sim.set_settings(settings).unwrap();
    check.refuses(&desk, HOME, set(&id, "ImageName", "again"), shared);
    let long = set(&id, "ImageDescription", &"x".repeat(257));
    check.refuses(&desk, HOME, long, "InvalidParameter.ValueTooLarge");
    let slow = Desk::new(Settings::default());
    let young = slow.create(HOME, "young");
    check.refuses(&slow, HOME, set(&young, "ImageName", "old"), "InvalidImageId.IncorrectState");
    check.done();
}

#[test]
fn modify_image_share_permission() {
    let mut check = Check::of(Service::Cvm, "ModifyImageSharePermission");
    let set = |id: &str, accounts: &[&str], permission: &str| json!({"ImageId": id, "AccountIds": accounts, "Permission": permission});
    let share = |id: &str, accounts: &[&str]| set(id, accounts, "SHARE");
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    check.refuses(&desk, HOME, set(&id, &[FRIEND], "share"), "InvalidParameterValue");
    check.refuses(&desk, HOME, share("img", &[FRIEND]), "InvalidImageId.Malformed");
    check.refuses(&desk, HOME, share("img-00000000", &[FRIEND]), "InvalidImageId.NotFound");
    check.refuses(
        &desk,
        HOME,
        share(&offered(&desk, true), &[FRIEND]),
        "InvalidParameterValue.InvalidImageId",
    );
    let lent = "UnauthorizedOperation.ImageNotBelongToAccount";
    check.refuses(&desk, HOME, share(&offered(&desk, false), &[FRIEND]), lent);
    check.refuses(&desk, HOME, share(&id, &["friend"]), "InvalidAccountId.NotFound");
    check.refuses(&desk, HOME, share(&id, &[OWNER]), "FailedOperation.AccountIsYourSelf");
    check.refuses(&desk, HOME, share(&id, &[FRIEND, FRIEND]), "FailedOperation.AccountAlreadyExists");
    desk.share(HOME, &id, &[FRIEND]);
    check.refuses(&desk, HOME, share(&id, &["200000000003", FRIEND]), "FailedOperation.AccountAlreadyExists");
    assert_eq!(desk.sim.shares(&id).unwrap().len(), 1, "all or nothing");

    let strict = with(|settings| {
        settings.accounts = Some([FRIEND, OWNER, "200000000003"].map(|id| id.parse().unwrap()).into());
        settings.sub_users.insert("200000000003".parse().unwrap());
        settings.accounts_per_image = 1;
        settings.accounts_per_call = Some(2);
        settings.cancel_absent = CancelAbsent::Refused;
        settings.twin_codes = true;
    });
    let id = strict.create(HOME, "web");
    check.refuses(&strict, HOME, share(&id, &[OWNER]), "InvalidAccountIs.YourSelf");
    check.refuses(&strict, HOME, share(&id, &["200000000004"]), "InvalidAccountId.NotFound");
    check.refuses(&strict, HOME, set(&id, &[FRIEND], "CANCEL"), "InvalidAccountId.NotFound");
    check.refuses(&strict, HOME, share(&id, &["200000000003"]), "FailedOperation.NotMasterAccount");
    let three = [FRIEND, "200000000003", "200000000004"];
    check.refuses(&strict, HOME, share(&id, &three), "InvalidParameterValue.LimitExceeded");
    let few = with(|settings| settings.accounts_per_image = 1);
    let id = few.create(HOME, "web");
    check.refuses(&few, HOME, share(&id, &[FRIEND, "200000000003"]), "OverQuota");
    few.share(HOME, &id, &[FRIEND]);
    check.refuses(&few, HOME, share(&id, &["200000000003"]), "OverQuota");

    let whole = json!({"ImageName": "whole", "InstanceId": "ins-8f3a1c2d", "DataDiskIds": ["disk-00000001"]});
    let whole = desk.ok("CreateImage", HOME, whole)["ImageId"].as_str().unwrap().to_owned();
    check.refuses(&desk, HOME, share(&whole, &[FRIEND]), "InvalidParameter.InstanceImageNotSupport");
    let byol = json!({"ImageName": "byol", "OsType": "Ubuntu", "OsVersion": "22", "Architecture": "x86_64",
        "LicenseType": "BYOL", "ImageUrl": "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2"});
    let byol = desk.ok("ImportImage", HOME, byol)["ImageId"].as_str().unwrap().to_owned();
    check.refuses(&desk, HOME, share(&byol, &[FRIEND]), "FailedOperation.BYOLImageShareFailed");
    let plain = desk.create(HOME, "plain");
    let secret = json!({"ImageIds": [plain], "DestinationRegions": [HOME], "Encrypt": true,
        "ImageName": "secret", "ImageSetRequired": true});
    let secret = desk.ok("SyncImages", HOME, secret)["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned();
    check.refuses(&desk, HOME, share(&secret, &[FRIEND]), "UnsupportedOperation.EncryptedImagesNotSupported");
    let slow = Desk::new(Settings::default());
    let young = slow.create(HOME, "young");
    check.refuses(&slow, HOME, share(&young, &[FRIEND]), "InvalidParameterValue.InvalidImageState");
    check.done();
}

#[test]
fn describe_image_share_permission() {
    let mut check = Check::of(Service::Cvm, "DescribeImageSharePermission");
    let desk = Desk::instant();
    check.refuses(&desk, HOME, json!({"ImageId": "x"}), "InvalidImageId.Malformed");
    check.refuses(&desk, HOME, json!({"ImageId": "img-00000000"}), "InvalidImageId.NotFound");
    let lent = json!({"ImageId": offered(&desk, false)});
    check.refuses(&desk, HOME, lent, "UnauthorizedOperation.ImageNotBelongToAccount");
    check.done();
}

#[test]
fn delete_images() {
    let mut check = Check::of(Service::Cvm, "DeleteImages");
    let desk = with(|settings| settings.ids_per_call = 2);
    let ids = |ids: &[&str]| json!({"ImageIds": ids});
    let id = desk.create(HOME, "web");
    check.refuses(&desk, HOME, ids(&[&id, "img"]), "InvalidImageId.Malformed");
    check.refuses(&desk, HOME, ids(&[&id, "img-00000000"]), "InvalidImageId.NotFound");
    check.refuses(&desk, HOME, ids(&[&id, &id, &id]), "InvalidParameterValue.LimitExceeded");
    check.refuses(&desk, HOME, ids(&[&offered(&desk, true)]), "InvalidParameterValue.InvalidImageId");
    check.refuses(
        &desk,
        HOME,
        ids(&[&offered(&desk, false)]),
        "InvalidParameterValue.InvalidImageIdIsShared",
    );
    let free = desk.create(HOME, "free");
    desk.share(HOME, &id, &[FRIEND]);
    check.refuses(&desk, HOME, ids(&[&free, &id]), "InvalidImageId.InShared");
    let slow = Desk::new(Settings::default());
    let young = slow.create(HOME, "young");
    check.refuses(&slow, HOME, ids(&[&young]), "InvalidImageId.IncorrectState");
    slow.wait(1_000);
    let copy = json!({"ImageIds": [young], "DestinationRegions": [AWAY], "ImageSetRequired": true});
    let copy = slow.ok("SyncImages", HOME, copy)["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned();
    check.refuses(&slow, AWAY, ids(&[&copy]), "InvalidImageId.IncorrectState");
    check.done();
}

#[test]
fn export_images() {
    let mut check = Check::of(Service::Cvm, "ExportImages");
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    let to = |id: &str, more: Value| merged(json!({"BucketName": "b-1250000001", "ImageIds": [id]}), more);
    check.refuses(&desk, HOME, to("img", json!({})), "InvalidImageId.Malformed");
    check.refuses(&desk, HOME, to("img-00000000", json!({})), "InvalidImageId.NotFound");
    check.refuses(
        &desk,
        HOME,
        json!({"BucketName": "b-1250000001"}),
        "InvalidParameter.ImageIdsSnapshotIdsMustOne",
    );
    check.refuses(&desk, HOME, to(&id, json!({"BucketName": "b"})), "InvalidParameterValue.BucketNotFound");
    check.refuses(&desk, HOME, to(&id, json!({"ExportFormat": "ZIP"})), "InvalidParameterValue");
    let prefixes = json!({"FileNamePrefixList": ["a", "b"]});
    check.refuses(&desk, HOME, to(&id, prefixes), "InvalidParameterValue.InvalidFileNamePrefixList");
    let public = offered(&desk, true);
    check.refuses(&desk, HOME, to(&public, json!({})), "UnsupportedOperation.PublicImageExportUnsupported");
    let lent = offered(&desk, false);
    check.refuses(&desk, HOME, to(&lent, json!({})), "UnsupportedOperation.SharedImageExportUnsupported");
    let url = "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2";
    for (system, version, code) in [
        ("Windows Server 2022", "9", "UnsupportedOperation.WindowsImageExportUnsupported"),
        ("Redhat", "9", "UnsupportedOperation.RedHatImageExportUnsupported"),
    ] {
        let made = json!({"ImageName": system, "OsType": system, "OsVersion": version, "Architecture": "x86_64",
            "ImageUrl": url});
        let made = desk.ok("ImportImage", HOME, made)["ImageId"].as_str().unwrap().to_owned();
        check.refuses(&desk, HOME, to(&made, json!({})), code);
    }
    let secret = json!({"ImageIds": [id], "DestinationRegions": [HOME], "Encrypt": true, "ImageName": "secret",
        "ImageSetRequired": true});
    let secret = desk.ok("SyncImages", HOME, secret)["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned();
    check.refuses(&desk, HOME, to(&secret, json!({})), "UnsupportedOperation.EncryptedImagesNotSupported");
    let large = instance(|instance| instance.disks[0].size_gib = 501);
    let huge = large.create(HOME, "huge");
    check.refuses(&large, HOME, to(&huge, json!({})), "UnsupportedOperation.ImageTooLargeExportUnsupported");
    let slow = Desk::new(Settings { export_tasks: Some(1), ..Settings::default() });
    let young = slow.create(HOME, "young");
    check.refuses(&slow, HOME, to(&young, json!({})), "InvalidParameterValue.InvalidImageState");
    slow.wait(1_000);
    slow.ok("ExportImages", HOME, to(&young, json!({})));
    check.refuses(&slow, HOME, to(&young, json!({})), "LimitExceeded.ExportImageTaskLimitExceeded");
    let strict = with(|settings| {
        settings.closed_buckets.insert("c-1250000001".to_owned());
        settings.roles = Some(["Exporter".to_owned()].into());
        settings.ids_per_call = 1;
    });
    let id = strict.create(HOME, "web");
    let closed = json!({"BucketName": "c-1250000001"});
    check.refuses(&strict, HOME, to(&id, closed), "InvalidParameterValue.InvalidBucketPermissionForExport");
    check.refuses(&strict, HOME, to(&id, json!({})), "AuthFailure.CamRoleNameAuthenticateFailed");
    let two = json!({"ImageIds": [id, id]});
    check.refuses(&strict, HOME, to(&id, two), "InvalidParameterValue.LimitExceeded");
    strict.ok("ExportImages", HOME, to(&id, json!({"RoleName": "Exporter"})));
    check.done();
}
