//! Refusals of the tag service.

use super::*;

fn resource(id: &str) -> String {
    format!("qcs::cvm:{HOME}:uin/{OWNER}:image/{id}")
}

fn pairs(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"TagKey": format!("k{n}"), "TagValue": "v"})).collect()
}

fn pair(key: &str, value: &str) -> Vec<Value> {
    vec![json!({"TagKey": key, "TagValue": value})]
}

/// Tags that are malformed, each with the code that every action of the service has for it.
fn malformed() -> [(Vec<Value>, &'static str); 6] {
    [
        (pair("qcs:a", "v"), "InvalidParameter.ReservedTagKey"),
        (pair("a*", "v"), "InvalidParameterValue.TagKeyCharacterIllegal"),
        (pair("", "v"), "InvalidParameterValue.TagKeyEmpty"),
        (pair(&"k".repeat(128), "v"), "InvalidParameterValue.TagKeyLengthExceeded"),
        (pair("k", "v*"), "InvalidParameterValue.TagValueCharacterIllegal"),
        (pair("k", &"v".repeat(256)), "InvalidParameterValue.TagValueLengthExceeded"),
    ]
}

fn create_tag(desk: &Desk, key: &str, value: &str) {
    let answer = desk.ask(Service::Tag, "CreateTag", "", json!({"TagKey": key, "TagValue": value}));
    assert!(answer.get("Error").is_none(), "{answer}");
}

#[test]
fn modify_resource_tags() {
    let mut check = Check::of(Service::Tag, "ModifyResourceTags");
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    let on = |resource: &str, tags: Vec<Value>| json!({"Resource": resource, "ReplaceTags": tags});
    let it = resource(&id);
    for (tags, code) in malformed() {
        check.refuses(&desk, "", on(&it, tags), code);
    }
    check.refuses(&desk, "", on(&it, pair("k", "")), "InvalidParameter.Tag");
    check.refuses(&desk, "", on(&it, [pair("k", "v"), pair("k", "w")].concat()), "InvalidParameter.Tag");
    check.refuses(&desk, "", json!({"Resource": it}), "InvalidParameter.Tag");
    check.refuses(&desk, "", on(&it, Vec::new()), "InvalidParameter.Tag");
    let mut both = on(&it, pair("k", "v"));
    both["DeleteTags"] = json!([{"TagKey": "k"}]);
    check.refuses(&desk, "", both, "InvalidParameterValue.DeleteTagsParamError");
    check.refuses(&desk, "", on(&it, pairs(11)), "LimitExceeded.Quota");
    for bad in [
        "img-00000001",
        "qcs::cbs:ap-jakarta:uin/:image/img-00000001",
        "qcs::cvm:ap-jakarta:uin/:instance/ins-00000001",
        "qcs::cvm:ap-jakarta:uin/:image/img-00000001",
        &it.replace(HOME, AWAY),
    ] {
        check.refuses(&desk, "", on(bad, pair("k", "v")), "InvalidParameterValue.ResourceDescriptionError");
    }
    check.refuses(
        &desk,
        "",
        on(&it.replace(OWNER, FRIEND), pair("k", "v")),
        "AuthFailure.UnauthorizedOperation",
    );
    for round in 0..5 {
        let tags = (0..10).flat_map(|n| pair(&format!("r{round}-{n}"), "v")).collect();
        assert!(desk.ask(Service::Tag, "ModifyResourceTags", "", on(&it, tags)).get("Error").is_none());
    }
    check.refuses(&desk, "", on(&it, pair("one-more", "v")), "LimitExceeded.ResourceAttachedTags");
    for n in 0..1_000 {
        create_tag(&desk, "r0-0", &format!("value{n}"));
        if n < 950 {
            create_tag(&desk, &format!("key{n}"), "v");
        }
        if n == 998 {
            break;
        }
    }
    check.refuses(&desk, "", on(&it, pair("r0-0", "value1001")), "LimitExceeded.TagValue");
    check.refuses(&desk, "", on(&it, pair("new-key", "v")), "LimitExceeded.TagKey");
    check.done();

    // The limits of the account are the same for every way to make a tag.
    let mut check = Check::of(Service::Tag, "CreateTag");
    for (tags, code) in malformed() {
        check.refuses(&desk, "", tags[0].clone(), code);
    }
    check.refuses(&desk, "", pair("k", "")[0].clone(), "InvalidParameterValue.TagValueEmpty");
    check.refuses(&desk, "", pair("new-key", "v")[0].clone(), "LimitExceeded.TagKey");
    check.refuses(&desk, "", pair("r0-0", "value1001")[0].clone(), "LimitExceeded.TagValue");
    check.refuses(&desk, "", pair("r0-0", "value1")[0].clone(), "ResourceInUse.TagDuplicate");
    check.done();

    let mut check = Check::of(Service::Tag, "TagResources");
    let all = |resources: &[&str], tags: Vec<Value>| json!({"ResourceList": resources, "Tags": tags});
    for (tags, code) in malformed() {
        check.refuses(&desk, "", all(&[&it], tags), code);
    }
    check.refuses(&desk, "", all(&[&it], pair("k", "")), "InvalidParameterValue.TagValueEmpty");
    check.refuses(
        &desk,
        "",
        all(&[&it], [pair("key1", "v"), pair("key1", "v")].concat()),
        "InvalidParameterValue.TagKeyDuplicate",
    );
    check.refuses(&desk, "", all(&[&it], pairs(11)), "LimitExceeded.TagNumPerRequest");
    check.refuses(
        &desk,
        "",
        all(&[it.as_str(); 11], pair("key1", "v")),
        "LimitExceeded.ResourceNumPerRequest",
    );
    check.refuses(&desk, "", all(&[&it], pair("new-key", "v")), "LimitExceeded.TagKey");
    check.refuses(&desk, "", all(&[&it], pair("r0-0", "value1001")), "LimitExceeded.TagValue");
    check.fails(&desk, all(&[&it], pair("key1", "v")), "LimitExceeded.ResourceAttachedTags");
    check.fails(&desk, all(&["x"], pair("key1", "v")), "InvalidParameterValue.ResourceDescriptionError");
    let disk = it.replace("cvm", "cbs");
    check.fails(&desk, all(&[&disk], pair("key1", "v")), "InvalidParameter.UnsupportedService");
    let foreign = it.replace(OWNER, FRIEND);
    check.fails(&desk, all(&[&foreign], pair("key1", "v")), "AuthFailure.UnauthorizedOperation");
    check.done();
}

#[test]
fn untag_resources() {
    let mut check = Check::of(Service::Tag, "UnTagResources");
    let desk = Desk::instant();
    let it = resource(&desk.create(HOME, "web"));
    let all = |resources: &[&str], keys: &[&str]| json!({"ResourceList": resources, "TagKeys": keys});
    for (tags, code) in malformed().into_iter().take(4) {
        check.refuses(&desk, "", all(&[&it], &[tags[0]["TagKey"].as_str().unwrap()]), code);
    }
    check.refuses(&desk, "", all(&[&it], &["k"; 11]), "LimitExceeded.TagNumPerRequest");
    check.refuses(&desk, "", all(&[it.as_str(); 11], &["k"]), "LimitExceeded.ResourceNumPerRequest");
    check.fails(&desk, all(&["x"], &["k"]), "InvalidParameterValue.ResourceDescriptionError");
    check.fails(&desk, all(&[&it.replace("cvm", "cbs")], &["k"]), "InvalidParameter.UnsupportedService");
    check.fails(&desk, all(&[&it.replace(OWNER, FRIEND)], &["k"]), "AuthFailure.UnauthorizedOperation");
    check.done();
}

#[test]
fn attach_and_detach_resources_tag() {
    let mut check = Check::of(Service::Tag, "AttachResourcesTag");
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    create_tag(&desk, "k", "v");
    create_tag(&desk, "k", "w");
    let attach = |ids: &[&str], key: &str, value: &str| {
        json!({"ServiceType": "cvm", "ResourceIds": ids, "TagKey": key, "TagValue": value,
            "ResourceRegion": HOME, "ResourcePrefix": "image"})
    };
    let but = |name: &str, value: &str| {
        let mut params = attach(&[&id], "k", "v");
        params[name] = Value::from(value);
        params
    };
    let detach = |mut params: Value| {
        params.as_object_mut().unwrap().remove("TagValue");
        params
    };
    check.refuses(&desk, "", attach(&[&id], "qcs:k", "v"), "InvalidParameter.ReservedTagKey");
    check.refuses(&desk, "", attach(&[&id], "k*", "v"), "InvalidParameterValue.TagKeyCharacterIllegal");
    check.refuses(&desk, "", attach(&[&id], "", "v"), "InvalidParameterValue.TagKeyEmpty");
    check.refuses(&desk, "", attach(&[&id], "k", "v*"), "InvalidParameterValue.TagValueCharacterIllegal");
    check.refuses(&desk, "", attach(&[&id], "other", "v"), "ResourceNotFound.TagNonExist");
    check.refuses(&desk, "", attach(&["img-00000000"], "k", "v"), "InvalidParameterValue.ResourceIdInvalid");
    check.refuses(&desk, "", attach(&[id.as_str(); 51], "k", "v"), "LimitExceeded.ResourceNumPerRequest");
    check.refuses(&desk, "", but("ServiceType", "cbs"), "InvalidParameterValue.ServiceTypeInvalid");
    check.refuses(&desk, "", but("ResourcePrefix", "disk"), "InvalidParameterValue.ResourcePrefixInvalid");
    check.refuses(&desk, "", but("ResourceRegion", "nowhere"), "InvalidParameterValue.RegionInvalid");
    let attached = desk.ask(Service::Tag, "AttachResourcesTag", "", attach(&[&id], "k", "v"));
    assert!(attached.get("Error").is_none(), "{attached}");
    assert_eq!(desk.sim.tags(&id).unwrap(), [("k".to_owned(), "v".to_owned())]);
    check.refuses(&desk, "", attach(&[&id], "k", "w"), "ResourceInUse.TagKeyAttached");
    for n in 0..49 {
        create_tag(&desk, &format!("k{n}"), "v");
        desk.ask(Service::Tag, "AttachResourcesTag", "", attach(&[&id], &format!("k{n}"), "v"));
    }
    create_tag(&desk, "one-more", "v");
    check.refuses(&desk, "", attach(&[&id], "one-more", "v"), "LimitExceeded.ResourceAttachedTags");
    check.done();

    let mut check = Check::of(Service::Tag, "DeleteTag");
    check.refuses(&desk, "", json!({"TagKey": "k", "TagValue": "v"}), "FailedOperation.TagAttachedResource");
    check.refuses(&desk, "", json!({"TagKey": "k", "TagValue": "x"}), "ResourceNotFound.TagNonExist");
    check.done();

    let mut check = Check::of(Service::Tag, "DetachResourcesTag");
    check.refuses(&desk, "", detach(attach(&[&id], "other", "")), "ResourceNotFound.AttachedTagKeyNotFound");
    check.refuses(
        &desk,
        "",
        detach(attach(&[&id], "k*", "")),
        "InvalidParameterValue.TagKeyCharacterIllegal",
    );
    check.refuses(&desk, "", detach(attach(&["x"], "k", "")), "InvalidParameterValue.ResourceIdInvalid");
    check.refuses(
        &desk,
        "",
        detach(attach(&[id.as_str(); 51], "k", "")),
        "LimitExceeded.ResourceNumPerRequest",
    );
    check.refuses(&desk, "", detach(but("ServiceType", "cbs")), "InvalidParameterValue.ServiceTypeInvalid");
    check.refuses(
        &desk,
        "",
        detach(but("ResourcePrefix", "disk")),
        "InvalidParameterValue.ResourcePrefixInvalid",
    );
    check.refuses(&desk, "", detach(but("ResourceRegion", "nowhere")), "InvalidParameterValue.RegionInvalid");
    check.done();
    let detached = desk.ask(Service::Tag, "DetachResourcesTag", "", detach(attach(&[&id], "k", "")));
    assert!(detached.get("Error").is_none(), "{detached}");
    assert_eq!(desk.sim.tags(&id).unwrap().len(), 49);
}

#[test]
fn reading_tags() {
    let desk = Desk::instant();
    let mut check = Check::of(Service::Tag, "DescribeResourceTagsByResourceIds");
    let ask = |service: &str, prefix: &str, ids: &[&str], region: &str| json!({"ServiceType": service, "ResourcePrefix": prefix, "ResourceIds": ids, "ResourceRegion": region});
    check.refuses(&desk, "", ask("cbs", "image", &["x"], HOME), "InvalidParameterValue.ServiceTypeInvalid");
    check.refuses(&desk, "", ask("cvm", "disk", &["x"], HOME), "InvalidParameterValue.ResourcePrefixInvalid");
    check.refuses(&desk, "", ask("cvm", "image", &["x"], "x"), "InvalidParameterValue.RegionInvalid");
    check.refuses(
        &desk,
        "",
        ask("cvm", "image", &["x"; 51], HOME),
        "InvalidParameterValue.ResourceIdInvalid",
    );
    let mut odd = ask("cvm", "image", &["x"], HOME);
    odd["Offset"] = json!(10);
    check.refuses(&desk, "", odd, "InvalidParameterValue");
    check.done();

    let mut check = Check::of(Service::Tag, "GetResources");
    let six = vec![json!({"TagKey": "k"}); 7];
    check.refuses(&desk, "", json!({"TagFilters": six}), "InvalidParameterValue.TagFilters");
    check.refuses(&desk, "", json!({"PaginationToken": "x"}), "InvalidParameter.PaginationTokenInvalid");
    let list = |name: &str, times: usize| json!({"ResourceList": vec![name; times]});
    check.refuses(&desk, "", list("x", 51), "LimitExceeded.ResourceNumPerRequest");
    check.refuses(&desk, "", list("x", 1), "InvalidParameterValue.ResourceDescriptionError");
    let it = resource("img-00000000");
    check.refuses(&desk, "", list(&it.replace("cvm", "cbs"), 1), "InvalidParameter.UnsupportedService");
    check.refuses(&desk, "", list(&it.replace(OWNER, FRIEND), 1), "AuthFailure.UnauthorizedOperation");
    check.refuses(&desk, "", json!({"MaxResults": 201}), "InvalidParameterValue");
    check.done();
}
