//! Tags, in the answers of the image service and of the tag service.

use super::*;

fn tag(desk: &Desk, action: &str, params: Value) -> Value {
    let answer = desk.ask(Service::Tag, action, "", params);
    assert!(answer.get("Error").is_none(), "{action}: {answer}");
    answer
}

fn resource(id: &str) -> String {
    format!("qcs::cvm:{HOME}:uin/:image/{id}")
}

#[test]
fn tags_of_the_tag_service_are_the_tags_of_the_image() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    tag(
        &desk,
        "ModifyResourceTags",
        json!({"Resource": resource(&id), "ReplaceTags": [{"TagKey": "team", "TagValue": "a"}, {"TagKey": "tier", "TagValue": "1"}]}),
    );
    tag(
        &desk,
        "ModifyResourceTags",
        json!({"Resource": resource(&id), "ReplaceTags": [{"TagKey": "team", "TagValue": "b"}],
            "DeleteTags": [{"TagKey": "tier"}, {"TagKey": "absent"}]}),
    );
    assert_eq!(desk.by_id(HOME, &[&id])[0]["Tags"], json!([{"Key": "team", "Value": "b"}]));
    let answer = tag(
        &desk,
        "DescribeResourceTagsByResourceIds",
        json!({"ServiceType": "cvm", "ResourcePrefix": "image", "ResourceIds": [id], "ResourceRegion": HOME,
            "Offset": 0, "Limit": 20}),
    );
    assert_eq!(answer["TotalCount"], 1);
    assert_eq!(
        answer["Tags"],
        json!([{"TagKey": "team", "TagValue": "b", "ResourceId": id,
            "TagKeyMd5": "f894427cc1c571f79da49605ef8b112f", "TagValueMd5": "92eb5ffee6ae2fec3ad71c777531578f",
            "ServiceType": "cvm", "Category": "Custom"}])
    );
}

#[test]
fn many_images_are_tagged_and_untagged_at_once_and_found_by_tag() {
    let desk = Desk::instant();
    let ids = [desk.create(HOME, "a"), desk.create(HOME, "b")];
    let resources = ids.each_ref().map(|id| resource(id));
    let tags = json!([{"TagKey": "team", "TagValue": "a"}]);
    tag(&desk, "TagResources", json!({"ResourceList": resources, "Tags": tags}));
    let rows = tag(&desk, "DescribeResourceTags", json!({"ServiceType": "cvm", "ResourceId": ids[1]}));
    assert_eq!((&rows["TotalCount"], &rows["Rows"][0]["TagValue"]), (&json!(1), &json!("a")));
    let filter = json!({"TagFilters": [{"TagKey": "team", "TagValue": ["a"]}], "MaxResults": 1});
    let found = tag(&desk, "GetResources", filter);
    assert_eq!(found["PaginationToken"], "1");
    assert_eq!(
        found["ResourceTagMappingList"],
        json!([{"Resource": resource(&ids[0]).replace("uin/", &format!("uin/{OWNER}")),
            "Tags": [{"TagKey": "team", "TagValue": "a", "Category": "Custom"}]}])
    );
    tag(&desk, "UnTagResources", json!({"ResourceList": resources, "TagKeys": ["team"]}));
    assert_eq!(tag(&desk, "GetResources", json!({}))["ResourceTagMappingList"], json!([]));
}

#[test]
fn a_tag_can_be_created_only_once() {
    let desk = Desk::instant();
    let lock = json!({"TagKey": "lock", "TagValue": "state"});
    tag(&desk, "CreateTag", lock.clone());
    let again = desk.ask(Service::Tag, "CreateTag", "", lock.clone());
    assert_eq!(again["Error"]["Code"], "ResourceInUse.TagDuplicate");
    let answer = tag(&desk, "DescribeTags", json!({"TagKey": "lock", "TagValue": "state"}));
    assert_eq!((&answer["TotalCount"], &answer["Tags"][0]["CanDelete"]), (&json!(1), &json!(1)));
    tag(&desk, "DeleteTag", lock.clone());
    tag(&desk, "CreateTag", lock);
}

#[test]
fn words_can_be_reserved_besides_prefixes() {
    let desk = Desk::new(Settings { reserved_tag_words: true, ..instant() });
    let answer = desk.ask(Service::Tag, "CreateTag", "", json!({"TagKey": "project", "TagValue": "x"}));
    assert_eq!(answer["Error"]["Code"], "InvalidParameter.ReservedTagKey");
}

#[test]
fn a_deleted_image_loses_its_tags_and_the_account_keeps_them() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "a");
    let tags = json!([{"TagKey": "team", "TagValue": "a"}]);
    tag(&desk, "TagResources", json!({"ResourceList": [resource(&id)], "Tags": tags}));
    desk.ok("DeleteImages", HOME, json!({"ImageIds": [id]}));
    assert_eq!(tag(&desk, "DescribeTags", json!({}))["TotalCount"], 1);
    tag(&desk, "DeleteTag", json!({"TagKey": "team", "TagValue": "a"}));
}
