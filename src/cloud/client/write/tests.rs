mod creation;

use serde_json::{Value, json};

use super::super::Secret;
use super::super::fake::{Script, refusal, region, run};
use super::*;
use crate::cloud::TransportError;
use crate::model::{Architecture, Source, SourceKind};
use proptest::prelude::*;

fn new(source: SourceKind) -> NewImage {
    let attributes = Attributes {
        name: Some("web-1".into()),
        description: Some("Hardened".into()),
        family: Some("web".into()),
        deprecated: None,
    };
    let tags = Tags::from([("team".into(), "platform".into())]);
    NewImage::new(attributes, tags, Source { kind: source, revision: None })
}

fn id(text: &str) -> ImageId {
    text.parse().unwrap()
}

fn accounts(ids: &[&str]) -> Accounts {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

fn import() -> SourceKind {
    SourceKind::Import {
        url: "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2".into(),
        os: "Ubuntu".into(),
        version: "22".into(),
        architecture: Architecture::Arm,
        license: None,
        boot: None,
        force: false,
    }
}

/// Sends one creation and returns its id and the request.
fn create(image: &NewImage, answer: Value) -> (Option<ImageId>, (String, Value)) {
    let script = Script::answering([answer]);
    let id = run(Client::new(script.clone()).create_image(&region("ap-jakarta"), image)).unwrap();
    let mut calls = script.calls();
    assert_eq!(calls.len(), 1);
    (id, calls.remove(0))
}

#[test]
fn only_named_attributes_are_changed() {
    let script = Script::answering([json!({ "RequestId": "r" }), json!({ "RequestId": "r" })]);
    let client = Client::new(script.clone());
    let tokyo = region("ap-tokyo");
    let image = id("img-6pb6lrmy");
    run(client.modify_image(&tokyo, &image, &Attributes::default())).unwrap();
    let all = Attributes {
        name: Some("new".into()),
        description: Some(String::new()),
        family: Some("".into()),
        deprecated: Some(true),
    };
    run(client.modify_image(&tokyo, &image, &all)).unwrap();
    let one = Attributes { deprecated: Some(false), ..Default::default() };
    run(client.modify_image(&tokyo, &image, &one)).unwrap();
    assert_eq!(
        script.calls(),
        [
            (
                "cvm.ModifyImageAttribute@ap-tokyo".to_owned(),
                json!({
                    "ImageId": "img-6pb6lrmy", "ImageName": "new", "ImageDescription": "", "ImageFamily": "",
                    "ImageDeprecated": true
                })
            ),
            (
                "cvm.ModifyImageAttribute@ap-tokyo".to_owned(),
                json!({ "ImageId": "img-6pb6lrmy", "ImageDeprecated": false })
            ),
        ]
    );
}

#[test]
fn a_change_of_shares_sends_all_accounts_as_text() {
    let script = Script::answering([json!({}), json!({})]);
    let client = Client::new(script.clone());
    let tokyo = region("ap-tokyo");
    let image = id("img-6pb6lrmy");
    run(client.share_image(&tokyo, &image, &accounts(&["103849387508", "103849387509"]))).unwrap();
    run(client.unshare_image(&tokyo, &image, &accounts(&["103849387508"]))).unwrap();
    run(client.unshare_image(&tokyo, &image, &Accounts::EMPTY)).unwrap();
    assert_eq!(
        script.calls(),
        [
            (
                "cvm.ModifyImageSharePermission@ap-tokyo".to_owned(),
                json!({
                    "ImageId": "img-6pb6lrmy", "AccountIds": ["103849387508", "103849387509"],
                    "Permission": "SHARE"
                })
            ),
            (
                "cvm.ModifyImageSharePermission@ap-tokyo".to_owned(),
                json!({ "ImageId": "img-6pb6lrmy", "AccountIds": ["103849387508"], "Permission": "CANCEL" })
            ),
        ]
    );
}

#[test]
fn a_deletion_states_whether_snapshots_are_deleted() {
    let script = Script::answering([json!({}), json!({})]);
    let client = Client::new(script.clone());
    for snapshots in [true, false] {
        run(client.delete_image(&region("ap-tokyo"), &id("img-6pb6lrmy"), snapshots)).unwrap();
    }
    for (call, snapshots) in script.calls().iter().zip([true, false]) {
        assert_eq!(call.0, "cvm.DeleteImages@ap-tokyo");
        assert_eq!(call.1, json!({ "ImageIds": ["img-6pb6lrmy"], "DeleteBindedSnap": snapshots }));
    }
}

#[test]
fn tags_are_changed_by_the_tag_service() {
    let script = Script::answering([json!({ "RequestId": "r" })]);
    let set = Tags::from([("team".into(), "platform".into()), ("gone".into(), "not".into())]);
    run(Client::new(script.clone()).tag_image(
        "100000000001".parse().unwrap(),
        &region("ap-tokyo"),
        &id("img-6pb6lrmy"),
        &set,
        &["old".into(), "gone".into()],
    ))
    .unwrap();
    assert_eq!(
        script.calls(),
        [(
            "tag.ModifyResourceTags@ap-tokyo".to_owned(),
            json!({
                "Resource": "qcs::cvm:ap-tokyo:uin/100000000001:image/img-6pb6lrmy",
                "ReplaceTags": [
                    { "TagKey": "gone", "TagValue": "not" }, { "TagKey": "team", "TagValue": "platform" }
                ],
                "DeleteTags": [{ "TagKey": "old" }]
            })
        )]
    );
}

#[test]
fn a_list_of_tags_that_is_empty_is_not_sent() {
    let script = Script::answering([json!({})]);
    run(Client::new(script.clone()).tag_image(
        "100000000001".parse().unwrap(),
        &region("ap-tokyo"),
        &id("img-6pb6lrmy"),
        &Tags::new(),
        &["old".into()],
    ))
    .unwrap();
    assert_eq!(script.calls()[0].1.get("ReplaceTags"), None);
}

#[test]
fn a_write_whose_answer_cannot_be_read_has_an_unknown_outcome() {
    for answer in [
        Err(TransportError::OutcomeUnknown("cut".into())),
        Ok(b"<html>".to_vec()),
        Ok(br#"{"Response":{"#.to_vec()),
        Ok(br#"{"Response":{"ImageId":7}}"#.to_vec()),
    ] {
        let script = Script::of([answer]);
        let image = new(SourceKind::Snapshots(vec!["snap-2f3a1c2d".parse().unwrap()]));
        let error = run(Client::new(script.clone()).create_image(&region("ap-jakarta"), &image)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutcomeUnknown);
        assert!(error.may_have_executed());
        assert_eq!(script.len(), 1, "a write is sent once");
    }
}

#[test]
fn a_creation_with_an_id_of_an_unknown_form_is_accepted() {
    let image = new(SourceKind::Snapshots(vec!["snap-2f3a1c2d".parse().unwrap()]));
    assert_eq!(create(&image, json!({ "ImageId": "IMAGE/1" })).0, None);
}

#[test]
fn a_dry_run_is_requested_and_both_forms_of_success_are_understood() {
    for answer in [json!({ "RequestId": "r" }), refusal("DryRunOperation")] {
        let script = Script::answering(std::iter::repeat_n(answer, 4));
        let client = Client::new(script.clone()).dry_run();
        let jakarta = region("ap-jakarta");
        let snapshots = new(SourceKind::Snapshots(vec!["snap-2f3a1c2d".parse().unwrap()]));
        let image = id("img-6pb6lrmy");
        assert_eq!(run(client.create_image(&jakarta, &snapshots)), Ok(None));
        assert_eq!(run(client.create_image(&jakarta, &new(import()))), Ok(None));
        assert_eq!(run(client.copy_image(&jakarta, &image, &region("ap-tokyo"), "web-1")), Ok(None));
        assert_eq!(run(client.delete_image(&jakarta, &image, true)), Ok(()));
        assert!(script.calls().iter().all(|(_, body)| body["DryRun"] == true));
    }
}

#[test]
fn a_dry_run_returns_refusals_and_does_not_send_calls_without_dry_run() {
    let script = Script::answering([refusal("ImageQuotaLimitExceeded")]);
    let client = Client::new(script.clone()).dry_run();
    let jakarta = region("ap-jakarta");
    let image = id("img-6pb6lrmy");
    let copied = run(client.copy_image(&jakarta, &image, &region("ap-tokyo"), "web-1"));
    assert_eq!(copied.unwrap_err().kind, ErrorKind::ImageQuota);
    let set = Attributes { name: Some("x".into()), ..Default::default() };
    assert_eq!(run(client.modify_image(&jakarta, &image, &set)).unwrap_err().kind, ErrorKind::Unsupported);
    let with = accounts(&["103849387508"]);
    assert_eq!(run(client.share_image(&jakarta, &image, &with)).unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(script.len(), 1);
}

#[test]
fn the_caller_of_a_write_gets_the_kind_of_the_error() {
    for (code, kind) in [
        ("InvalidImageName.Duplicate", ErrorKind::DuplicateName),
        ("OverQuota", ErrorKind::ShareQuota),
        ("InvalidImageId.InShared", ErrorKind::Shared),
        ("RequestLimitExceeded", ErrorKind::Throttled),
        ("InternalError.Db", ErrorKind::Internal),
    ] {
        let script = Script::answering([refusal(code)]);
        let error = run(Client::new(script).delete_image(&region("ap-tokyo"), &id("img-6pb6lrmy"), true));
        let error = error.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref()), (kind, Some(code)));
    }
}

proptest! {
    #[test]
    fn any_bytes_as_an_answer_to_a_write_are_a_value_or_an_error(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            "[\\[\\]{}\"ImageIdSetRegionError:, 0-9a-z]{0,40}"
                .prop_map(|fields| format!("{{\"Response\":{{{fields}}}}}").into_bytes()),
        ],
    ) {
        let jakarta = region("ap-jakarta");
        let image = id("img-6pb6lrmy");
        let client = Client::new(Script::of(std::iter::repeat_n(Ok(bytes), 3)));
        let snapshots = new(SourceKind::Snapshots(vec!["snap-2f3a1c2d".parse().unwrap()]));
        let _ = run(client.create_image(&jakarta, &snapshots));
        let _ = run(client.copy_image(&jakarta, &image, &region("ap-tokyo"), "web-1"));
        let _ = run(client.delete_image(&jakarta, &image, true));
    }
}
