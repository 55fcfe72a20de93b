//! Making, listing, copying, changing and deleting images.

use super::*;

#[test]
fn a_created_image_is_creating_until_it_has_settled_and_its_time_is_cut_to_seconds() {
    let desk = Desk::new(Settings::default());
    let id = desk.create(HOME, "web");
    let image = &desk.by_id(HOME, &[&id])[0];
    assert_eq!(image["ImageState"], "CREATING");
    assert_eq!(image["CreatedTime"], "2026-11-24T10:00:00Z");
    desk.wait(399);
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "CREATING");
    desk.wait(1);
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "NORMAL");
}

#[test]
fn an_image_has_every_documented_field() {
    let desk = Desk::instant();
    let made = desk.ok(
        "CreateImage",
        HOME,
        json!({
            "ImageName": "web", "ImageDescription": "for the web", "InstanceId": "ins-8f3a1c2d",
            "DataDiskIds": ["disk-00000001"], "ForcePoweroff": "true", "ImageFamily": "web",
            "TagSpecification": [{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "platform"}]}],
        }),
    );
    let id = made["ImageId"].as_str().unwrap();
    let mut image = desk.by_id(HOME, &[id])[0].clone();
    for snapshot in image["SnapshotSet"].as_array_mut().unwrap() {
        assert!(snapshot["SnapshotId"].take().as_str().unwrap().starts_with("snap-"));
    }
    assert_eq!(
        image,
        json!({
            "ImageId": id, "OsName": "Ubuntu Server 22.04 LTS 64bit", "ImageType": "PRIVATE_IMAGE",
            "CreatedTime": "2026-11-24T10:00:00Z", "ImageName": "web", "ImageDescription": "for the web",
            "ImageSize": 50, "Architecture": "x86_64", "ImageState": "NORMAL", "Platform": "Ubuntu",
            "ImageCreator": OWNER, "ImageSource": "CREATE_IMAGE", "SyncPercent": 100, "IsSupportCloudinit": true,
            "SnapshotSet": [
                {"SnapshotId": null, "DiskUsage": "SYSTEM_DISK", "DiskSize": 50},
                {"SnapshotId": null, "DiskUsage": "DATA_DISK", "DiskSize": 100},
            ],
            "Tags": [{"Key": "team", "Value": "platform"}], "LicenseType": "TencentCloud", "ImageFamily": "web",
            "ImageDeprecated": false, "CdcCacheStatus": null,
        })
    );
}

#[test]
fn an_image_of_snapshots_is_made_of_those_snapshots() {
    let desk = Desk::instant();
    let params = json!({"ImageName": "web", "SnapshotIds": ["snap-2f3a1c2d"]});
    let made = desk.ok("CreateImage", HOME, params);
    let image = &desk.by_id(HOME, &[made["ImageId"].as_str().unwrap()])[0];
    assert_eq!(
        image["SnapshotSet"],
        json!([{"SnapshotId": "snap-2f3a1c2d", "DiskUsage": "SYSTEM_DISK", "DiskSize": 50}])
    );
}

#[test]
fn a_listing_has_pages_and_the_total_count_of_all_of_them() {
    let desk = Desk::new(Settings { images_per_region: 30, ..instant() });
    let ids: Vec<String> = (0..25).map(|n| desk.create(HOME, &format!("web-{n}"))).collect();
    let mine = json!({"Name": "image-type", "Values": ["PRIVATE_IMAGE"]});
    let page = |offset: u32, limit: u32| {
        let listed = desk.ok(
            "DescribeImages",
            HOME,
            json!({"Filters": [mine.clone()], "Offset": offset, "Limit": limit}),
        );
        assert_eq!(listed["TotalCount"], 25);
        let set = listed["ImageSet"].as_array().unwrap();
        set.iter().map(|image| image["ImageId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut seen = [page(0, 10), page(10, 10), page(20, 10)].concat();
    assert!(page(30, 10).is_empty());
    seen.reverse();
    assert_eq!(seen, ids, "the newest come first");
    let listed = desk.ok("DescribeImages", HOME, json!({"Filters": [mine]}));
    assert_eq!(listed["ImageSet"].as_array().unwrap().len(), 20, "the documented default");
}

#[test]
fn filters_are_joined_by_and_their_values_by_or_and_names_match_in_part() {
    let desk = Desk::instant();
    let web = desk.ok(
        "CreateImage",
        HOME,
        json!({"ImageName": "web-base", "InstanceId": "ins-8f3a1c2d", "TagSpecification": [
            {"ResourceType": "image", "Tags": [{"Key": "team", "Value": "platform"}]}]}),
    )["ImageId"]
        .clone();
    let db = Value::from(desk.create(HOME, "db-base"));
    let find = |filters: Value| {
        let listed = desk.ok("DescribeImages", HOME, json!({"Filters": filters, "Limit": 100}));
        let set = listed["ImageSet"].as_array().unwrap().iter();
        set.map(|image| image["ImageId"].clone()).collect::<Vec<_>>()
    };
    let filter = |name: &str, values: &[&str]| json!({"Name": name, "Values": values});
    for only in [
        filter("image-name", &["web-b", "nothing"]),
        filter("image-id", &[web.as_str().unwrap()]),
        filter("tag-key", &["team"]),
        filter("tag-value", &["platform"]),
        filter("tag:team", &["platform"]),
    ] {
        assert_eq!(json!(find(json!([only]))), json!([web]), "{only}");
    }
    assert_eq!(json!(find(json!([filter("image-name", &["base"])]))), json!([db, web]));
    assert!(find(json!([filter("tag:team", &["other"])])).is_empty());
    assert!(find(json!([filter("image-name", &["base"]), filter("platform", &["Windows"])])).is_empty());
    assert!(find(json!([filter("dedicated-cluster-id", &["cluster-1"])])).is_empty());
    assert!(find(json!([filter("image-type", &["PUBLIC_IMAGE"])])).len() > 5);
    assert_eq!(find(json!([filter("image-type", &["SHARED_IMAGE"])])).len(), 1);
}

#[test]
fn an_instance_type_lists_the_images_that_it_can_run() {
    let desk = Desk::instant();
    let architectures = |kind: &str| {
        let listed = desk.ok("DescribeImages", HOME, json!({"InstanceType": kind, "Limit": 100}));
        let set = listed["ImageSet"].as_array().unwrap().iter();
        set.map(|image| image["Architecture"].as_str().unwrap().to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(Vec::from_iter(architectures("SR1.MEDIUM4")), ["arm"]);
    assert_eq!(Vec::from_iter(architectures("SA5.MEDIUM2")), ["i386", "x86_64"]);
}

#[test]
fn ids_that_do_not_exist_are_not_in_the_answer() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    assert_eq!(desk.by_id(HOME, &[&id, "img-00000000"]).len(), 1);
    assert_eq!(desk.by_id(AWAY, &[&id]).len(), 0, "an id is valid in its region only");
}

#[test]
fn a_copy_is_a_new_image_with_its_own_snapshot_and_the_same_system() {
    let desk = Desk::new(Settings::default());
    let id = desk.create(HOME, "web");
    desk.wait(1_000);
    let params =
        json!({"ImageIds": [id], "DestinationRegions": [AWAY, "ap-singapore"], "ImageSetRequired": true});
    let answer = desk.ok("SyncImages", HOME, params);
    let set = answer["ImageSet"].as_array().unwrap();
    assert_eq!([&set[0]["Region"], &set[1]["Region"]], [AWAY, "ap-singapore"]);
    let copy = set[0]["ImageId"].as_str().unwrap();
    let syncing = &desk.by_id(AWAY, &[copy])[0];
    assert_eq!(
        (syncing["ImageState"].as_str(), syncing["ImageName"].as_str()),
        (Some("SYNCING"), Some("web"))
    );
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "NORMAL");
    desk.wait(1_000);
    let (copy, source) = (&desk.by_id(AWAY, &[copy])[0], &desk.by_id(HOME, &[&id])[0]);
    assert_eq!(copy["ImageState"], "NORMAL");
    assert_eq!((&copy["OsName"], &copy["ImageSize"]), (&source["OsName"], &source["ImageSize"]));
    assert_ne!(copy["SnapshotSet"][0]["SnapshotId"], source["SnapshotSet"][0]["SnapshotId"]);
}

#[test]
fn a_copy_returns_ids_only_if_they_are_requested() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    let answer = desk.ok("SyncImages", HOME, json!({"ImageIds": [id], "DestinationRegions": [AWAY]}));
    assert_eq!(answer["ImageSet"], json!([]));
    assert_eq!(desk.sim.images().unwrap().len(), 2);
}

#[test]
fn attributes_change_and_an_unchanged_name_is_no_duplicate() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    let set = json!({"ImageId": id, "ImageName": "web", "ImageDescription": "new", "ImageFamily": "f",
        "ImageDeprecated": true});
    desk.ok("ModifyImageAttribute", HOME, set);
    desk.ok("ModifyImageAttribute", HOME, json!({"ImageId": id, "ImageName": "web-2", "ImageFamily": ""}));
    let image = &desk.by_id(HOME, &[&id])[0];
    assert_eq!(
        [&image["ImageName"], &image["ImageDescription"], &image["ImageFamily"]],
        ["web-2", "new", ""]
    );
    assert_eq!(image["ImageDeprecated"], true);
}

#[test]
fn a_deleted_image_frees_its_slot_and_keeps_its_snapshots_unless_requested() {
    let desk = Desk::new(Settings { images_per_region: 1, ..instant() });
    let (owner, home) = (OWNER.parse().unwrap(), HOME.parse().unwrap());
    let first = desk.create(HOME, "web");
    desk.ok("DeleteImages", HOME, json!({"ImageIds": [first]}));
    assert!(desk.by_id(HOME, &[&first]).is_empty());
    let second = desk.create(HOME, "web");
    assert_eq!(desk.sim.snapshots(owner, &home).unwrap().len(), 2);
    desk.ok("DeleteImages", HOME, json!({"ImageIds": [second], "DeleteBindedSnap": true}));
    assert_eq!(desk.sim.snapshots(owner, &home).unwrap().len(), 1);
    assert_eq!(desk.sim.image_count(owner, &home).unwrap(), 0);
}

#[test]
fn a_dry_run_validates_and_changes_nothing() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    let create = json!({"ImageName": "db", "InstanceId": "ins-8f3a1c2d", "DryRun": true});
    let sync = json!({"ImageIds": [id], "DestinationRegions": [AWAY], "DryRun": true});
    let delete = json!({"ImageIds": [id], "DryRun": true});
    for (action, params) in [("CreateImage", create), ("SyncImages", sync), ("DeleteImages", delete)] {
        let answer = desk.ok(action, HOME, params.clone());
        assert_eq!(answer.as_object().unwrap().len(), 1, "{action}: {answer}");
        let mut settings = desk.sim.settings().unwrap();
        settings.dry_run = DryRun::Error;
        desk.sim.set_settings(settings.clone()).unwrap();
        assert_eq!(desk.code(action, HOME, params), "DryRunOperation");
        settings.dry_run = DryRun::Success;
        desk.sim.set_settings(settings).unwrap();
    }
    assert_eq!(desk.sim.images().unwrap().len(), 1);
}

#[test]
fn the_quota_is_returned_per_region() {
    let mut settings = instant();
    settings.images_in.insert(AWAY.parse().unwrap(), 3);
    let desk = Desk::new(settings);
    assert_eq!(desk.ok("DescribeImageQuota", HOME, json!({}))["ImageNumQuota"], 10);
    assert_eq!(desk.ok("DescribeImageQuota", AWAY, json!({}))["ImageNumQuota"], 3);
}

#[test]
fn regions_and_the_caller_are_returned_without_a_region() {
    let desk = Desk::instant();
    let regions = desk.ok("DescribeRegions", "", json!({}));
    let set = regions["RegionSet"].as_array().unwrap();
    assert_eq!(regions["TotalCount"], set.len());
    assert!(set.contains(
        &json!({"Region": HOME, "RegionName": "Southeast Asia (Jakarta)", "RegionState": "AVAILABLE"})
    ));
    let caller = desk.ask(Service::Sts, "GetCallerIdentity", "", json!({}));
    assert_eq!(caller["AccountId"], OWNER);
}

#[test]
fn peaks_are_the_highest_number_of_images_at_one_time() {
    let desk = Desk::instant();
    let first = desk.create(HOME, "a");
    desk.create(HOME, "b");
    desk.ok("DeleteImages", HOME, json!({"ImageIds": [first]}));
    desk.create(HOME, "c");
    let peaks = desk.sim.peaks().unwrap();
    assert_eq!((peaks.len(), peaks[0].images), (1, 2));
}

#[test]
fn a_listing_of_very_many_images_has_the_pages_that_a_listing_of_few_has() {
    let desk = Desk::new(Settings { images_per_region: 2_000, ..instant() });
    for number in 0..1_002 {
        desk.create(HOME, &format!("many-{number}"));
    }
    let page = |filters: &[&str], offset: usize| {
        let filters: Vec<Value> =
            filters.iter().map(|types| json!({"Name": "image-type", "Values": [types]})).collect();
        let listed =
            desk.ok("DescribeImages", HOME, json!({"Filters": filters, "Offset": offset, "Limit": 4}));
        let names = listed["ImageSet"].as_array().unwrap().iter().map(|image| {
            format!("{} {}", image["ImageType"].as_str().unwrap(), image["ImageName"].as_str().unwrap())
        });
        (listed["TotalCount"].as_u64().unwrap(), names.collect::<Vec<_>>())
    };
    assert_eq!(page(&["PRIVATE_IMAGE"], 0).1[0], "PRIVATE_IMAGE many-1001");
    let (total, last) = page(&["PRIVATE_IMAGE"], 1_000);
    assert_eq!((total, last), (1_002, vec!["PRIVATE_IMAGE many-1".into(), "PRIVATE_IMAGE many-0".into()]));
    let (total, mixed) = page(&[], 1_000);
    assert_eq!(total, 1_014);
    assert_eq!(mixed[1], "PRIVATE_IMAGE many-0");
    assert!(mixed[2].starts_with("SHARED_IMAGE ") && mixed[3].starts_with("PUBLIC_IMAGE "), "{mixed:?}");
    assert_eq!(page(&["PUBLIC_IMAGE"], 0).0, 11);
    assert_eq!(page(&["PUBLIC_IMAGE"], 10).1.len(), 1);
    assert_eq!(page(&["PRIVATE_IMAGE", "PUBLIC_IMAGE"], 0).0, 0);
}

#[test]
fn an_instance_that_was_added_without_disks_has_a_system_disk_and_so_have_its_images() {
    let desk = Desk::instant();
    let seed = json!({"id": "ins-known001", "region": HOME, "owner": OWNER});
    desk.sim.put_instance(&serde_json::from_value(seed).unwrap()).unwrap();
    let listed = desk.ok("DescribeInstances", HOME, json!({"InstanceIds": ["ins-known001"]}));
    let disk = &listed["InstanceSet"][0]["SystemDisk"];
    assert_eq!((&disk["DiskId"], &disk["DiskSize"]), (&json!("disk-known001"), &json!(50)));
    let made = desk.ok("CreateImage", HOME, json!({"ImageName": "web", "InstanceId": "ins-known001"}));
    let image = &desk.by_id(HOME, &[made["ImageId"].as_str().unwrap()])[0];
    assert_eq!(image["ImageSize"], 50);
    let snapshot = &image["SnapshotSet"][0]["SnapshotId"];
    let filters = json!({"Filters": [{"Name": "disk-id", "Values": ["disk-known001"]}]});
    let listed = desk.ask(Service::Cbs, "DescribeSnapshots", HOME, filters);
    assert_eq!(listed["TotalCount"], 1, "{listed}");
    let described = &listed["SnapshotSet"][0];
    assert_eq!((&described["SnapshotId"], &described["DiskUsage"]), (snapshot, &json!("SYSTEM_DISK")));
    assert_eq!((&described["DiskSize"], &described["SnapshotState"]), (&json!(50), &json!("NORMAL")));
    assert_eq!(described["Images"], json!([{"ImageId": made["ImageId"], "ImageName": "web"}]));
}
