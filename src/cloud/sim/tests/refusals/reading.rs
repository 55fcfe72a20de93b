//! Refusals of the actions that only read.

use super::*;

#[test]
fn describe_images() {
    let mut check = Check::of(Service::Cvm, "DescribeImages");
    let desk = Desk::instant();
    let filter = |name: &str, values: &[&str]| json!({"Filters": [{"Name": name, "Values": values}]});
    let both = json!({"ImageIds": ["img-00000001"], "Filters": [{"Name": "platform", "Values": ["CentOS"]}]});
    check.refuses(&desk, HOME, both, "InvalidParameter.InvalidParameterCoexistImageIdsFilters");
    check.refuses(&desk, HOME, filter("image-state", &["NORMAL"]), "InvalidFilter");
    check.refuses(&desk, HOME, filter("tag:", &["x"]), "InvalidFilter");
    let six = ["a", "b", "c", "d", "e", "f"];
    check.refuses(&desk, HOME, filter("image-name", &six), "InvalidFilterValue.LimitExceeded");
    let eleven = json!({"Filters": vec![json!({"Name": "platform", "Values": ["CentOS"]}); 11]});
    check.refuses(&desk, HOME, eleven, "InvalidParameterValue.LimitExceeded");
    for limit in [0, -1, 101] {
        let code = "InvalidParameterValue.InvalidParameterValueLimit";
        check.refuses(&desk, HOME, json!({"Limit": limit}), code);
    }
    check.refuses(&desk, HOME, json!({"Offset": -1}), "InvalidParameterValue");
    check.refuses(&desk, HOME, json!({"ImageIds": ["image-1"]}), "InvalidImageId.Malformed");
    check.refuses(&desk, HOME, json!({"InstanceType": "large"}), "InvalidInstanceType.Malformed");
    check.refuses(&desk, HOME, filter("tag-key", &["a*"]), "FailedOperation.IllegalTagKey");
    check.refuses(&desk, HOME, filter("tag:qcs:a", &["x"]), "FailedOperation.IllegalTagKey");
    let strict = with(|settings| {
        settings.tag_keys_must_exist = true;
        settings.instance_types = Some(["SA5.MEDIUM2".to_owned()].into());
    });
    check.refuses(&strict, HOME, filter("tag-key", &["a"]), "InvalidParameterValue.TagKeyNotFound");
    let unknown = json!({"InstanceType": "SA5.MEDIUM4"});
    check.refuses(&strict, HOME, unknown, "InvalidParameterValue.InstanceTypeNotFound");
    let many: Vec<String> = (0..101).map(|n| format!("img-{n:08}")).collect();
    check.refuses(&desk, HOME, json!({"ImageIds": many}), "InvalidParameterValue.LimitExceeded");
    check.done();
}

#[test]
fn describe_instances() {
    let mut check = Check::of(Service::Cvm, "DescribeInstances");
    let desk = Desk::instant();
    let filter = |name: &str, values: &[&str]| json!({"Filters": [{"Name": name, "Values": values}]});
    check.refuses(&desk, HOME, json!({"InstanceIds": ["x"]}), "InvalidInstanceId.Malformed");
    check.refuses(&desk, HOME, filter("colour", &["red"]), "InvalidFilter");
    let six = ["a", "b", "c", "d", "e", "f"];
    check.refuses(&desk, HOME, filter("zone", &six), "InvalidFilterValue.LimitExceeded");
    check.refuses(&desk, HOME, json!({"Limit": 101}), "InvalidParameterValue.LimitExceeded");
    check.done();
}

#[test]
fn snapshots_are_listed_with_their_images_and_kept_while_an_image_needs_them() {
    let desk = Desk::instant();
    let ask = |action: &str, params: Value| desk.ask(Service::Cbs, action, HOME, params);
    let id = desk.create(HOME, "web");
    let listed =
        ask("DescribeSnapshots", json!({"Filters": [{"Name": "disk-usage", "Values": ["SYSTEM_DISK"]}]}));
    let snapshot = &listed["SnapshotSet"][0];
    assert_eq!(snapshot["Images"], json!([{"ImageId": id, "ImageName": "web"}]), "{listed}");
    assert_eq!((&snapshot["ImageCount"], &listed["TotalCount"]), (&json!(1), &json!(1)));

    let mut check = Check::of(Service::Cbs, "DescribeSnapshots");
    let unknown = json!({"Filters": [{"Name": "colour", "Values": ["red"]}]});
    check.refuses(&desk, HOME, unknown, "InvalidFilter");
    check.refuses(&desk, HOME, json!({"SnapshotIds": ["x"]}), "InvalidParameterValue");
    check.refuses(&desk, HOME, json!({"Order": "UP"}), "InvalidParameterValue");
    check.done();

    let mut check = Check::of(Service::Cbs, "DeleteSnapshots");
    let named = json!({"SnapshotIds": [snapshot["SnapshotId"]]});
    check.refuses(&desk, HOME, named.clone(), "UnsupportedOperation.SnapshotHasBindedImage");
    check.refuses(&desk, HOME, json!({"SnapshotIds": ["snap-00000000"]}), "InvalidSnapshotId.NotFound");
    check.done();
    desk.ok("DeleteImages", HOME, json!({"ImageIds": [id]}));
    assert!(ask("DeleteSnapshots", named).get("Error").is_none());
    assert_eq!(ask("DescribeSnapshots", json!({}))["TotalCount"], 0);
}

#[test]
fn a_snapshot_can_take_its_image_with_it() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    let snapshot = desk.by_id(HOME, &[&id])[0]["SnapshotSet"][0]["SnapshotId"].clone();
    let answer = desk.ask(
        Service::Cbs,
        "DeleteSnapshots",
        HOME,
        json!({"SnapshotIds": [snapshot], "DeleteBindImages": true}),
    );
    assert!(answer.get("Error").is_none(), "{answer}");
    assert!(desk.by_id(HOME, &[&id]).is_empty());
}

#[test]
fn zones_products_and_the_app_id_are_returned() {
    let desk = Desk::instant();
    let zones = desk.ok("DescribeZones", HOME, json!({}));
    assert_eq!(
        zones["ZoneSet"][0],
        json!({"Zone": "ap-jakarta-1", "ZoneName": "Jakarta Zone 1", "ZoneId": "720001", "ZoneState": "AVAILABLE"})
    );
    let regions = desk.ask(Service::Region, "DescribeRegions", "", json!({"Product": "cvm"}));
    assert!(regions["RegionSet"].as_array().unwrap().len() > 20);
    let unknown = desk.ask(Service::Region, "DescribeRegions", "", json!({"Product": "tea"}));
    assert_eq!(unknown["Error"]["Code"], "InvalidParameterValue");
    let products = desk.ask(Service::Region, "DescribeProducts", "", json!({"Limit": 1, "Offset": 1}));
    assert_eq!(products["Products"], json!([{"Name": "cvm"}]));
    let app = desk.ask(Service::Cam, "GetUserAppId", "", json!({}));
    assert_eq!((app["OwnerUin"].as_str(), app["AppId"].is_u64()), (Some(OWNER), true));
}

#[test]
fn an_added_instance_is_described_as_it_was_added() {
    let desk = Desk::instant();
    let mut instance = Instance::well_formed("ins-known001", HOME, OWNER);
    "STOPPED".clone_into(&mut instance.state);
    instance.stop_charging = true;
    desk.sim.put_instance(&instance).unwrap();
    let listed = desk.ok("DescribeInstances", HOME, json!({}));
    assert_eq!(
        (&listed["TotalCount"], &listed["InstanceSet"][0]["StopChargingMode"]),
        (&json!(1), &json!("STOP_CHARGING"))
    );
    let any = desk.ok("DescribeInstances", HOME, json!({"InstanceIds": ["ins-unknown1"]}));
    assert_eq!(any["InstanceSet"][0]["InstanceState"], "RUNNING", "in a kind world every instance exists");
}
