//! Refusals of the actions that make images.

use super::*;
use crate::cloud::sim::catalogue;

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
    let old = with(|settings| settings.twin_codes = true);
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
    slow.sim.set_settings(Settings { twin_codes: true, ..Settings::default() }).unwrap();
    check.refuses(&slow, HOME, to(&young, &[AWAY]), "FailedOperation.InvalidImageState");
    let broken = with(|settings| settings.tasks = Tasks::Fail);
    let failed = broken.create(HOME, "failed");
    check.refuses(&broken, HOME, to(&failed, &[AWAY]), "InvalidImageId.IncorrectState");
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
