use serde_json::{Value, json};

use super::super::fake::{Script, refusal, region, run};
use super::*;
use crate::cloud::TransportError;
use crate::model::{ImageKind, ImageState};
use proptest::prelude::*;

fn image(n: usize) -> Value {
    json!({ "ImageId": format!("img-{n:08}"), "ImageName": format!("web-{n}"), "ImageType": "PRIVATE_IMAGE",
            "ImageState": "NORMAL", "CreatedTime": "2020-09-22T00:00:00Z" })
}

fn page(numbers: std::ops::Range<usize>, total: usize) -> Value {
    json!({ "ImageSet": numbers.map(image).collect::<Vec<_>>(), "TotalCount": total, "RequestId": "r" })
}

fn id(n: usize) -> ImageId {
    format!("img-{n:08}").parse().unwrap()
}

#[test]
fn a_listing_sends_the_documented_request() {
    let script = Script::answering([page(0..1, 1)]);
    let filter = ImageFilter { kind: Some(ImageKind::Custom), name: Some("web".into()) };
    let images = run(Client::new(script.clone()).images(&region("ap-jakarta"), &filter)).unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].state, ImageState::Normal);
    assert_eq!(
        script.calls(),
        [(
            "cvm.DescribeImages@ap-jakarta".to_owned(),
            json!({
                "Filters": [
                    { "Name": "image-type", "Values": ["PRIVATE_IMAGE"] },
                    { "Name": "image-name", "Values": ["web"] }
                ],
                "Offset": 0, "Limit": 100
            })
        )]
    );
}

#[test]
fn a_listing_reads_every_page_and_no_more() {
    let script = Script::answering([page(0..100, 250), page(100..200, 250), page(200..250, 250)]);
    let images =
        run(Client::new(script.clone()).images(&region("ap-tokyo"), &ImageFilter::default())).unwrap();
    assert_eq!(images.len(), 250);
    let offsets: Vec<_> = script.calls().iter().map(|(_, body)| body["Offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, [0, 100, 200]);
}

#[test]
fn a_listing_ends_at_an_empty_page_and_contains_no_image_twice() {
    let script = Script::answering([page(0..100, 150), page(99..120, 150), page(0..0, 150)]);
    let images =
        run(Client::new(script.clone()).images(&region("ap-tokyo"), &ImageFilter::default())).unwrap();
    assert_eq!(images.len(), 120);
    assert_eq!(script.calls()[2].1["Offset"], 121);
}

#[test]
fn a_listing_without_a_count_ends_with_a_page_that_is_not_full() {
    let mut pages = [page(0..100, 0), page(100..130, 0)];
    for page in &mut pages {
        page["TotalCount"] = Value::Null;
    }
    let images =
        run(Client::new(Script::answering(pages)).images(&region("ap-tokyo"), &ImageFilter::default()));
    assert_eq!(images.unwrap().len(), 130);
}

#[test]
fn a_call_with_too_many_ids_is_halved_and_later_calls_too() {
    let too_many = || refusal("InvalidParameterValue.LimitExceeded");
    let script = Script::answering([
        too_many(),
        page(0..2, 2),
        page(2..4, 2),
        page(0..2, 2),
        page(2..4, 2),
        too_many(),
    ]);
    let client = Client::new(script.clone());
    let ids: Vec<ImageId> = (0..4).map(id).collect();
    for asked in [3, 5] {
        assert_eq!(run(client.images_by_id(&region("ap-tokyo"), &ids)).unwrap().len(), 4);
        assert_eq!(script.len(), asked);
    }
    let error = run(client.images_by_id(&region("ap-tokyo"), &ids[..1])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooManyValues, "one id is never too many to ask for");
}

#[test]
fn a_listing_that_never_ends_is_an_error() {
    let script = Script::answering(std::iter::repeat_n(page(0..1, usize::MAX), PAGES_MAX + 1));
    let error =
        run(Client::new(script.clone()).images(&region("ap-tokyo"), &ImageFilter::default())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MalformedResponse);
    assert_eq!(script.len(), PAGES_MAX);
}

#[test]
fn a_listing_skips_images_that_only_the_fuzzy_filter_accepts() {
    let script = Script::answering([page(0..3, 3)]);
    let filter = ImageFilter { kind: Some(ImageKind::Custom), name: Some("web-1".into()) };
    let images = run(Client::new(script).images(&region("ap-tokyo"), &filter)).unwrap();
    assert_eq!(images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["web-1"]);
}

#[test]
fn ids_are_requested_in_hundreds_without_filters() {
    let script = Script::answering([page(0..100, 100), page(100..101, 1)]);
    let ids: Vec<_> = (0..101).map(id).collect();
    let images = run(Client::new(script.clone()).images_by_id(&region("ap-tokyo"), &ids)).unwrap();
    assert_eq!(images.len(), 101);
    let calls = script.calls();
    assert_eq!(calls[0].1["ImageIds"].as_array().unwrap().len(), 100);
    assert_eq!(calls[1].1, json!({ "ImageIds": ["img-00000100"], "Offset": 0, "Limit": 100 }));
}

#[test]
fn no_ids_need_no_call() {
    let script = Script::answering([]);
    assert_eq!(run(Client::new(script.clone()).images_by_id(&region("ap-tokyo"), &[])), Ok(Vec::new()));
    assert_eq!(script.len(), 0);
}

#[test]
fn an_id_that_the_service_refuses_is_not_in_the_answer() {
    let script = Script::answering([
        refusal("InvalidImageId.NotFound"), // 0 1 2
        page(0..1, 1),                      // 0
        refusal("InvalidImageId.NotFound"), // 1 2
        refusal("InvalidImageId.NotFound"), // 1
        page(2..3, 1),                      // 2
    ]);
    let images = run(Client::new(script).images_by_id(&region("ap-tokyo"), &[id(0), id(1), id(2)])).unwrap();
    assert_eq!(images.iter().map(|image| image.id.clone()).collect::<Vec<_>>(), [id(0), id(2)]);
}

#[test]
fn shares_come_in_one_call() {
    let script = Script::answering([json!({
        "SharePermissionSet": [{ "CreatedTime": "2020-09-22T00:00:00Z", "AccountId": "103849387508" }],
        "RequestId": "r"
    })]);
    let shares = run(Client::new(script.clone()).shares(&region("ap-tokyo"), &id(7))).unwrap();
    assert_eq!(shares.len(), 1);
    assert_eq!(
        script.calls(),
        [("cvm.DescribeImageSharePermission@ap-tokyo".to_owned(), json!({ "ImageId": "img-00000007" }))]
    );
}

#[test]
fn the_image_limit_is_parsed_and_a_missing_one_is_malformed() {
    let script = Script::answering([json!({ "ImageNumQuota": 20 }), json!({})]);
    let client = Client::new(script.clone());
    assert_eq!(run(client.image_limit(&region("ap-tokyo"))), Ok(20));
    assert_eq!(run(client.image_limit(&region("ap-tokyo"))).unwrap_err().kind, ErrorKind::MalformedResponse);
    assert_eq!(script.calls()[0], ("cvm.DescribeImageQuota@ap-tokyo".to_owned(), json!({})));
}

#[test]
fn regions_come_from_the_region_service_or_else_from_the_image_service() {
    let list = json!({ "TotalCount": 3, "RegionSet": [
        { "Region": "ap-tokyo", "RegionName": "东京", "RegionState": "AVAILABLE" },
        { "Region": "ap-jakarta", "RegionName": "雅加达", "RegionState": null },
        { "Region": "ap-gone", "RegionState": "UNAVAILABLE" }
    ]});
    let script = Script::answering([list.clone(), refusal("InvalidAction"), list]);
    let client = Client::new(script.clone());
    for _ in 0..2 {
        let regions = run(client.regions()).unwrap();
        assert_eq!(regions.iter().map(Region::as_str).collect::<Vec<_>>(), ["ap-jakarta", "ap-tokyo"]);
    }
    assert_eq!(
        script.calls(),
        [
            ("region.DescribeRegions@ap-guangzhou".to_owned(), json!({ "Product": "cvm" })),
            ("region.DescribeRegions@ap-guangzhou".to_owned(), json!({ "Product": "cvm" })),
            ("cvm.DescribeRegions@ap-guangzhou".to_owned(), json!({})),
        ]
    );
}

#[test]
fn the_caller_is_the_main_account() {
    let script = Script::answering([json!({
        "Arn": "qcs::cam::uin/100000000001:uin/100000000009", "AccountId": "100000000001",
        "UserId": "100000000009", "PrincipalId": "100000000009", "Type": "CAMUser", "RequestId": "r"
    })]);
    let caller = run(Client::new(script.clone()).with_home(region("ap-singapore")).caller()).unwrap();
    assert_eq!(caller.to_string(), "100000000001");
    assert_eq!(script.calls(), [("sts.GetCallerIdentity@ap-singapore".to_owned(), json!({}))]);
}

#[test]
fn a_refusal_keeps_code_message_and_request_id_and_has_a_kind() {
    let script = Script::answering([refusal("UnauthorizedOperation.ImageNotBelongToAccount")]);
    let error = run(Client::new(script).shares(&region("ap-tokyo"), &id(1))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permission);
    assert_eq!(
        error.to_string(),
        "DescribeImageSharePermission in ap-tokyo was refused: UnauthorizedOperation.ImageNotBelongToAccount: \
         message of UnauthorizedOperation.ImageNotBelongToAccount (request req-1)"
    );
}

#[test]
fn failures_of_the_connection_and_malformed_answers_are_distinguished() {
    for (answer, kind) in [
        (Err(TransportError::NotSent("refused".into())), ErrorKind::Unreachable),
        (Err(TransportError::OutcomeUnknown("cut".into())), ErrorKind::OutcomeUnknown),
        (Ok(b"<html>".to_vec()), ErrorKind::MalformedResponse),
        (Ok(br#"{"Response":{"ImageNumQuota":"many"}}"#.to_vec()), ErrorKind::MalformedResponse),
        (Ok(br#"{"Response":{"ImageNumQuota":20"#.to_vec()), ErrorKind::MalformedResponse),
    ] {
        let error = run(Client::new(Script::of([answer])).image_limit(&region("ap-tokyo"))).unwrap_err();
        assert_eq!((error.kind, error.code), (kind, None));
    }
}

/// Any bytes, or bytes that begin and end like an answer.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        Just("ImageSet"),
        Just("TotalCount"),
        Just("SharePermissionSet"),
        Just("ImageNumQuota"),
        Just("RegionSet"),
        Just("AccountId"),
        Just("Error"),
        Just("RequestId")
    ];
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("[{}]".to_owned()),
        Just("[null]".to_owned()),
        Just("{\"Code\":\"X\"}".to_owned()),
        Just(
            "[{\"ImageId\":\"img-12345678\",\"ImageSize\":-1,\"Tags\":[{\"Key\":\"k\",\"Value\":null}]}]"
                .to_owned()
        ),
        any::<i64>().prop_map(|n| n.to_string()),
        ".{0,8}".prop_map(|text| format!("{text:?}")),
    ];
    let shaped = proptest::collection::vec((field, value), 0..5).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{\"Response\":{{{}}}}}", fields.join(",")).into_bytes()
    });
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..64), shaped]
}

proptest! {
    #[test]
    fn any_bytes_as_an_answer_are_a_value_or_an_error(bytes in bytes()) {
        let tokyo = region("ap-tokyo");
        let client = || Client::new(Script::of(std::iter::repeat_n(Ok(bytes.clone()), 3)));
        let _ = run(client().images(&tokyo, &ImageFilter::default()));
        let _ = run(client().images_by_id(&tokyo, &[id(1), id(2)]));
        let _ = run(client().shares(&tokyo, &id(1)));
        let _ = run(client().image_limit(&tokyo));
        let _ = run(client().regions());
        let _ = run(client().caller());
    }
}
