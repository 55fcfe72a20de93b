//! Refusals of the actions that make images, change them, share them and delete them.

use super::*;
use crate::cloud::sim::catalogue;

/// The id of an image of the catalogue.
fn offered(desk: &Desk, public: bool) -> String {
    let kind = if public { "PUBLIC_IMAGE" } else { "SHARED_IMAGE" };
    let filter = json!({"Filters": [{"Name": "image-type", "Values": [kind]}]});
    desk.ok("DescribeImages", HOME, filter)["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned()
}

fn with(change: impl FnOnce(&mut Settings)) -> Desk {
    let mut settings = instant();
    change(&mut settings);
    Desk::new(settings)
}

fn instance(change: impl FnOnce(&mut Instance)) -> Desk {
    let desk = Desk::instant();
    let mut instance = Instance::kind("ins-8f3a1c2d", HOME, OWNER);
    change(&mut instance);
    desk.sim.put_instance(&instance).unwrap();
    desk
}

fn disk(id: &str, kind: &str, swap: bool) -> Disk {
    Disk { id: id.to_owned(), kind: kind.to_owned(), size_gib: 10, swap }
}

fn snapshot(desk: &Desk, id: &str, change: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = Snapshot {
        id: id.to_owned(),
        region: HOME.to_owned(),
        owner: OWNER.to_owned(),
        system: true,
        size_gib: 50,
        disk: String::new(),
        encrypted: false,
        state: "NORMAL".to_owned(),
        ready_at: None,
        created_at: 0,
    };
    change(&mut snapshot);
    desk.sim.put_snapshot(&snapshot).unwrap();
}

fn tags(count: usize) -> Value {
    let tags: Vec<Value> = (0..count).map(|n| json!({"Key": format!("k{n}"), "Value": "v"})).collect();
    json!([{"ResourceType": "image", "Tags": tags}])
}

fn merged(mut base: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

#[test]
fn create_image() {
    let mut check = Check::of(Service::Cvm, "CreateImage");
    let web = |more: Value| merged(json!({"ImageName": "web", "InstanceId": "ins-8f3a1c2d"}), more);
    let of = |snapshots: &[&str]| json!({"ImageName": "web", "SnapshotIds": snapshots});
    let desk = Desk::instant();
    let long = "é".repeat(61);
    check.refuses(&desk, HOME, web(json!({"ImageName": long})), "InvalidParameterValue.TooLarge");
    check.refuses(&desk, HOME, web(json!({"ImageName": ""})), "InvalidParameterValue");
    check.refuses(
        &desk,
        HOME,
        web(json!({"ImageDescription": "x".repeat(257)})),
        "InvalidParameterValue.TooLarge",
    );
    let old = with(|settings| settings.too_long = TooLong::ValueTooLarge);
    check.refuses(&old, HOME, web(json!({"ImageName": long})), "InvalidParameter.ValueTooLarge");
    check.refuses(
        &desk,
        HOME,
        web(json!({"ImageFamily": "a b"})),
        "InvalidParameterValue.InvalidImageFamily",
    );
    check.refuses(&desk, HOME, web(json!({"ForcePoweroff": "yes"})), "InvalidParameterValue");
    check.refuses(&desk, HOME, web(json!({"SnapshotIds": ["snap-00000001"]})), "InvalidParameterConflict");
    check.refuses(&desk, HOME, json!({"ImageName": "web"}), "InvalidParameter.SpecifyOneParameter");
    let lonely = merged(of(&["snap-00000001"]), json!({"DataDiskIds": ["disk-00000001"]}));
    check.refuses(&desk, HOME, lonely, "InvalidParameter.InvalidDependence");
    let many: Vec<String> = (0..22).map(|n| format!("disk-{n:08}")).collect();
    check.refuses(&desk, HOME, web(json!({"DataDiskIds": many})), "InvalidParameterValue.LimitExceeded");

    check.refuses(&desk, HOME, web(json!({"InstanceId": "i-1"})), "InvalidInstanceId.NotFound");
    let strict = with(|settings| {
        settings.instances = Existence::Known;
        settings.snapshots = Existence::Known;
    });
    check.refuses(&strict, HOME, web(json!({})), "InvalidInstanceId.NotFound");
    check.refuses(&strict, HOME, of(&["snap-00000001"]), "InvalidParameter.SnapshotNotFound");
    check.refuses(&desk, HOME, of(&["snapshot"]), "InvalidParameter.SnapshotNotFound");

    for (state, code) in [
        ("STARTING", "InstanceStateStarting"),
        ("STOPPING", "InstanceStateStopping"),
        ("REBOOTING", "InstanceStateRebooting"),
        ("TERMINATING", "InstanceStateTerminating"),
        ("FREEZING", "InstanceStateFreezing"),
        ("ENTER_RESCUE_MODE", "InstanceStateEnterRescueMode"),
        ("RESCUE_MODE", "InstanceStateRescueMode"),
        ("EXIT_RESCUE_MODE", "InstanceStateExitRescueMode"),
        ("ENTER_SERVICE_LIVE_MIGRATE", "InstanceStateEnterServiceLiveMigrate"),
        ("SERVICE_LIVE_MIGRATE", "InstanceStateServiceLiveMigrate"),
        ("REINSTALL_FAILED", "InstanceReinstallFailed"),
    ] {
        let desk = instance(|instance| instance.state = state.to_owned());
        check.refuses(&desk, HOME, web(json!({})), &format!("UnsupportedOperation.{code}"));
    }
    let desk = instance(|instance| instance.bare_metal = true);
    check.refuses(&desk, HOME, web(json!({})), "InvalidInstance.NotSupported");
    let desk = instance(|instance| instance.stop_charging = true);
    check.refuses(&desk, HOME, web(json!({})), "UnsupportedOperation.StoppedModeStopCharging");
    let desk = instance(|instance| instance.encrypted = true);
    check.refuses(&desk, HOME, web(json!({})), "UnsupportedOperation.EncryptedImagesNotSupported");
    let desk = instance(|instance| instance.busy = true);
    check.refuses(&desk, HOME, web(json!({})), "OperationDenied.InstanceOperationInProgress");
    let desk = with(|settings| {
        settings.parallel_imaging = false;
        settings.settle = SignedDuration::from_secs(1);
    });
    desk.create(HOME, "first");
    check.refuses(&desk, HOME, web(json!({})), "MutexOperation.TaskRunning");
    desk.wait(1_000);
    desk.create(HOME, "second");

    let desk = instance(|instance| {
        instance.disks.push(disk("disk-local001", "LOCAL_SSD", false));
        instance.disks.push(disk("disk-swap0001", "CLOUD_BASIC", true));
    });
    for (id, code) in [
        ("disk-8f3a1c2d", "DataDiskIdContainsRootDisk"),
        ("disk-other001", "DataDiskNotBelongSpecifiedInstance"),
        ("disk-local001", "LocalDataDiskNotSupport"),
        ("disk-swap0001", "SwapDiskNotSupport"),
    ] {
        check.refuses(&desk, HOME, web(json!({"DataDiskIds": [id]})), &format!("InvalidParameter.{code}"));
    }

    let desk = Desk::instant();
    snapshot(&desk, "snap-system01", |_| {});
    snapshot(&desk, "snap-system02", |_| {});
    snapshot(&desk, "snap-data0001", |snapshot| snapshot.system = false);
    snapshot(&desk, "snap-secret01", |snapshot| snapshot.encrypted = true);
    snapshot(&desk, "snap-new00001", |snapshot| snapshot.state = "CREATING".to_owned());
    check.refuses(&desk, HOME, of(&["snap-data0001"]), "InvalidParameter.SystemSnapshotNotFound");
    check.refuses(
        &desk,
        HOME,
        of(&["snap-system01", "snap-system02"]),
        "InvalidParameter.DuplicateSystemSnapshots",
    );
    check.refuses(&desk, HOME, of(&["snap-secret01"]), "UnsupportedOperation.EncryptedImagesNotSupported");
    check.refuses(&desk, HOME, of(&["snap-new00001"]), "ResourceUnavailable.SnapshotCreating");

    let tagged = |count| web(json!({"TagSpecification": tags(count)}));
    check.refuses(&desk, HOME, tagged(51), "InvalidParameterValue.TagQuotaLimitExceeded");
    let desk = with(|settings| settings.tags_on_create = false);
    check.refuses(&desk, HOME, tagged(1), "InvalidParameterValue.TagKeyNotFound");
    let desk = with(|settings| settings.tag_keys_must_exist = true);
    check.refuses(&desk, HOME, tagged(1), "InvalidParameterValue.TagKeyNotFound");
    let reserved = json!([{"ResourceType": "image", "Tags": [{"Key": "qcs:x", "Value": "v"}]}]);
    check.refuses(
        &desk,
        HOME,
        web(json!({"TagSpecification": reserved})),
        "InvalidParameterValue.TagKeyNotFound",
    );
    let other = json!([{"ResourceType": "instance", "Tags": [{"Key": "k", "Value": "v"}]}]);
    check.refuses(&desk, HOME, web(json!({"TagSpecification": other})), "InvalidParameterValue");

    let desk = with(|settings| {
        settings.insolvent.insert(OWNER.parse().unwrap());
    });
    check.refuses(&desk, HOME, web(json!({})), "InvalidAccount.InsufficientBalance");
    let desk = with(|settings| settings.images_per_region = 1);
    desk.create(HOME, "web");
    check.refuses(&desk, HOME, web(json!({})), "InvalidImageName.Duplicate");
    check.refuses(&desk, HOME, web(json!({"ImageName": "web-2"})), "ImageQuotaLimitExceeded");
    desk.create(AWAY, "web");
    check.done();
}

#[test]
fn an_instance_can_be_given_any_refusal() {
    let desk = instance(|instance| instance.refusal = Some("ResourceInUse.DiskRollbacking".to_owned()));
    let params = json!({"ImageName": "web", "InstanceId": "ins-8f3a1c2d"});
    assert_eq!(desk.code("CreateImage", HOME, params), "ResourceInUse.DiskRollbacking");
}

#[test]
fn import_image() {
    let mut check = Check::of(Service::Cvm, "ImportImage");
    let url = "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2?sign=1";
    let web = |more: Value| {
        merged(
            json!({"ImageName": "web", "ImageUrl": url, "OsType": "Ubuntu", "OsVersion": "22",
                "Architecture": "x86_64"}),
            more,
        )
    };
    let desk = Desk::instant();
    check.refuses(&desk, HOME, web(json!({"ImageName": "x".repeat(61)})), "InvalidParameterValue.TooLarge");
    check.refuses(&desk, HOME, web(json!({"ImageFamily": "\n"})), "InvalidParameterValue.InvalidImageFamily");
    check.refuses(&desk, HOME, web(json!({"Architecture": "arm"})), "InvalidParameterValue");
    check.refuses(&desk, HOME, web(json!({"OsType": "BeOS"})), "InvalidImageOsType.Unsupported");
    check.refuses(&desk, HOME, web(json!({"OsVersion": "1"})), "InvalidImageOsVersion.Unsupported");
    let windows = json!({"OsType": "Windows Server 2022", "OsVersion": "9", "Architecture": "arm_64"});
    check.refuses(&desk, HOME, web(windows), "InvalidImageOsVersion.Unsupported");
    check.refuses(
        &desk,
        HOME,
        web(json!({"LicenseType": "Mine"})),
        "InvalidParameterValue.InvalidLicenseType",
    );
    check.refuses(&desk, HOME, web(json!({"BootMode": "BIOS"})), "InvalidParameterValue.InvalidBootMode");
    for bad in [
        "b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2",
        "https://example.com/w.qcow2",
        "https://b.cos.ap-jakarta.myqcloud.com/w.qcow2",
        "https://b-1250000001.cos.ap-jakarta.myqcloud.com/",
        "https://b-1250000001.cos.ap-atlantis.myqcloud.com/w.qcow2",
        "https://b-1250000001.cos.ap-tokyo.myqcloud.com/w.qcow2",
        "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.zip",
    ] {
        check.refuses(
            &desk,
            HOME,
            web(json!({"ImageUrl": bad})),
            "InvalidParameter.InvalidParameterUrlError",
        );
    }
    let iso = json!({"ImageUrl": url.replace("qcow2", "iso")});
    check.refuses(&desk, HOME, web(iso), "InvalidParameterValue.ISOMustImportByForce");
    check.refuses(
        &desk,
        HOME,
        web(json!({"TagSpecification": tags(51)})),
        "InvalidParameterValue.TagQuotaLimitExceeded",
    );
    let untagged = with(|settings| settings.tags_on_create = false);
    check.refuses(
        &untagged,
        HOME,
        web(json!({"TagSpecification": tags(1)})),
        "InvalidParameterValue.TagKeyNotFound",
    );
    let restricted = with(|settings| {
        settings.restricted.insert(OWNER.parse().unwrap());
    });
    check.refuses(&restricted, HOME, web(json!({})), "OperationDenied.InnerUserProhibitAction");
    let nowhere = with(|settings| {
        settings.no_import.insert(HOME.parse().unwrap());
    });
    check.refuses(&nowhere, HOME, web(json!({})), "RegionAbilityLimit.UnsupportedToImportImage");
    let full = with(|settings| settings.images_per_region = 1);
    full.create(HOME, "web");
    check.refuses(&full, HOME, web(json!({})), "InvalidImageName.Duplicate");
    check.refuses(&full, HOME, web(json!({"ImageName": "web-2"})), "ImageQuotaLimitExceeded");
    check.done();
}

#[test]
fn sync_images() {
    let mut check = Check::of(Service::Cvm, "SyncImages");
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    let to = |id: &str, regions: &[&str]| json!({"ImageIds": [id], "DestinationRegions": regions});
    check.refuses(&desk, HOME, to("img-UPPER", &[AWAY]), "InvalidImageId.Malformed");
    check.refuses(&desk, HOME, to("img-00000000", &[AWAY]), "InvalidImageId.NotFound");
    let two = json!({"ImageIds": [id, id], "DestinationRegions": [AWAY]});
    check.refuses(&desk, HOME, two, "InvalidParameterValue.LimitExceeded");
    let long = merged(to(&id, &[AWAY]), json!({"ImageName": "x".repeat(61)}));
    check.refuses(&desk, HOME, long, "InvalidParameterValue.TooLarge");
    check.refuses(&desk, HOME, to(&id, &["ap-atlantis"]), "InvalidRegion.NotFound");
    check.refuses(&desk, HOME, to(&id, &["ap-taipei"]), "InvalidRegion.Unavailable");
    check.refuses(&desk, HOME, to(&id, &["ap-guangzhou"]), "UnsupportedOperation.Region");
    check.refuses(&desk, HOME, to(&id, &[HOME]), "InvalidParameterValue.InvalidRegion");
    check.refuses(&desk, HOME, to(&id, &[AWAY, HOME]), "InvalidParameterValue.InvalidRegion");
    check.refuses(&desk, HOME, to(&id, &[AWAY, AWAY]), "InvalidParameterValue.InvalidRegion");
    check.refuses(&desk, HOME, to(&offered(&desk, true), &[AWAY]), "InvalidParameterValue.InvalidImageId");
    check.refuses(&desk, HOME, to(&offered(&desk, false), &[AWAY]), "InvalidParameterValue.InvalidImageId");
    let never = with(|settings| settings.shared_image_copies = false);
    check.refuses(&never, HOME, to(&offered(&never, false), &[HOME]), "InvalidParameterValue.InvalidImageId");

    let key = |more: Value| merged(to(&id, &[HOME]), more);
    let unasked = json!({"KmsKeyId": "key-1"});
    check.refuses(&desk, HOME, key(unasked), "InvalidParameter.InvalidKmsKeyId");
    let malformed = json!({"Encrypt": true, "KmsKeyId": "a b"});
    check.refuses(&desk, HOME, key(malformed), "InvalidParameter.InvalidKmsKeyId");
    let away = json!({"Encrypt": true, "DestinationRegions": [AWAY]});
    check.refuses(&desk, HOME, key(away), "InvalidParameterValue.InvalidRegion");
    let lent = merged(to(&offered(&desk, false), &[HOME]), json!({"Encrypt": true}));
    check.refuses(&desk, HOME, lent, "UnsupportedOperation.SyncEncryptImageNotSupport");
    check.refuses(&desk, HOME, key(json!({"Encrypt": true})), "InvalidImageName.Duplicate");
    let secret = json!({"Encrypt": true, "ImageName": "secret", "ImageSetRequired": true});
    let secret = desk.ok("SyncImages", HOME, key(secret))["ImageSet"][0]["ImageId"].clone();
    let secret = secret.as_str().unwrap();
    check.refuses(&desk, HOME, to(secret, &[AWAY]), "UnsupportedOperation.EncryptedImagesNotSupported");

    let whole = json!({"ImageName": "whole", "InstanceId": "ins-8f3a1c2d", "DataDiskIds": ["disk-00000001"]});
    let whole = desk.ok("CreateImage", HOME, whole)["ImageId"].clone();
    let whole = whole.as_str().unwrap();
    check.refuses(&desk, HOME, to(whole, &[AWAY]), "InvalidParameter.InstanceImageNotSupport");
    let encrypted = merged(to(whole, &[HOME]), json!({"Encrypt": true, "ImageName": "w2"}));
    check.refuses(&desk, HOME, encrypted, "UnsupportedOperation.SyncEncryptImageNotSupport");

    desk.ok("SyncImages", HOME, to(&id, &[AWAY]));
    check.refuses(&desk, HOME, to(&id, &["ap-singapore", AWAY]), "InvalidImageName.Duplicate");
    let mut settings = desk.sim.settings().unwrap();
    settings.images_in.insert("ap-seoul".parse().unwrap(), 0);
    settings.copy_max_gib = Some(49);
    desk.sim.set_settings(settings.clone()).unwrap();
    check.refuses(&desk, HOME, to(&id, &["ap-seoul"]), "InvalidImageId.TooLarge");
    settings.copy_max_gib = Some(50);
    desk.sim.set_settings(settings).unwrap();
    check.refuses(&desk, HOME, to(&id, &["ap-singapore", "ap-seoul"]), "ImageQuotaLimitExceeded");

    let slow = Desk::new(Settings::default());
    let young = slow.create(HOME, "young");
    check.refuses(&slow, HOME, to(&young, &[AWAY]), "InvalidParameterValue.InvalidImageState");
    let broken = with(|settings| settings.tasks = Tasks::Fail);
    let failed = broken.create(HOME, "failed");
    check.refuses(&broken, HOME, to(&failed, &[AWAY]), "InvalidImageId.IncorrectState");
    check.done();
}

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
    settings.too_long = TooLong::ValueTooLarge;
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
    });
    let id = strict.create(HOME, "web");
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

#[test]
fn an_image_of_another_account_that_is_not_shared_is_not_found() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    desk.become_account(FRIEND);
    assert!(desk.by_id(HOME, &[&id]).is_empty());
    assert_eq!(desk.code("DeleteImages", HOME, json!({"ImageIds": [id]})), "InvalidImageId.NotFound");
    let settings = desk.sim.settings().unwrap();
    assert!(catalogue::find(&settings, HOME, FRIEND, &id).is_none());
}
