//! Fault scripts, and the switches that make a world unkind.

use super::*;
use crate::cloud::{Transport as _, TransportError};
use crate::model::ManualClock;

fn fault(action: &str, effect: FaultEffect) -> Fault {
    Fault { action: action.to_owned(), region: None, caller: None, from_call: 1, times: Some(1), effect }
}

fn error(code: &str) -> FaultEffect {
    FaultEffect::Error { code: code.to_owned(), message: String::new() }
}

#[expect(clippy::needless_pass_by_value, reason = "values are written where they are used")]
fn exchange(desk: &Desk, action: &str, params: Value) -> Exchange {
    let request = Desk::request(Service::Cvm, action, HOME, &params);
    desk.sim.exchange(desk.caller.get(), &request, desk.now.get())
}

fn web() -> Value {
    json!({"ImageName": "web", "InstanceId": "ins-8f3a1c2d"})
}

#[test]
fn a_fault_affects_only_matching_calls() {
    let desk = Desk::instant();
    let mut script = fault("DescribeImageQuota", error("InternalError"));
    script.from_call = 2;
    script.times = Some(2);
    script.region = Some(HOME.parse().unwrap());
    script.caller = Some(OWNER.parse().unwrap());
    let number = desk.sim.add_fault(&script).unwrap();
    let ask =
        |region: &str| desk.ask(Service::Cvm, "DescribeImageQuota", region, json!({})).get("Error").is_some();
    assert!(!ask(HOME));
    assert!(!ask(AWAY), "another region does not count");
    desk.become_account(FRIEND);
    assert!(!ask(HOME), "another caller does not count");
    desk.become_account(OWNER);
    assert!(desk.ask(Service::Cvm, "DescribeImages", HOME, json!({})).get("Error").is_none());
    assert_eq!([ask(HOME), ask(HOME), ask(HOME)], [true, true, false]);
    assert_eq!(desk.sim.faults().unwrap(), [(number, 4, script)]);
    assert!(desk.sim.remove_fault(number).unwrap());
    assert!(!desk.sim.remove_fault(number).unwrap());
}

#[test]
fn an_error_and_a_throttle_answer_without_executing() {
    let desk = Desk::instant();
    desk.sim.add_fault(&fault("CreateImage", error("ResourceInUse.DiskRollbacking"))).unwrap();
    assert_eq!(desk.code("CreateImage", HOME, web()), "ResourceInUse.DiskRollbacking");
    desk.sim.add_fault(&fault("*", FaultEffect::Throttle)).unwrap();
    assert_eq!(desk.code("CreateImage", HOME, web()), "RequestLimitExceeded");
    assert!(desk.sim.images().unwrap().is_empty());
    desk.ok("CreateImage", HOME, web());
}

#[test]
fn a_lost_request_is_not_executed_and_a_lost_answer_is() {
    let desk = Desk::instant();
    for (effect, delivery, outcome, images) in [
        (FaultEffect::NotSent, Delivery::NotSent, RequestOutcome::NotSent, 0),
        (FaultEffect::LostBefore, Delivery::Lost, RequestOutcome::LostBefore, 0),
        (FaultEffect::LostAfter, Delivery::Lost, RequestOutcome::LostAfter, 1),
    ] {
        desk.sim.add_fault(&fault("CreateImage", effect)).unwrap();
        assert_eq!(exchange(&desk, "CreateImage", web()).delivery, delivery);
        assert_eq!(desk.sim.images().unwrap().len(), images);
        assert_eq!(desk.sim.log(0).unwrap().last().unwrap().outcome, outcome);
    }
    assert_eq!(desk.code("CreateImage", HOME, web()), "InvalidImageName.Duplicate");
}

#[test]
fn garbage_replaces_the_answer_of_an_executed_call() {
    let desk = Desk::instant();
    desk.sim.add_fault(&fault("CreateImage", FaultEffect::Garbage { text: "<html>".to_owned() })).unwrap();
    assert_eq!(exchange(&desk, "CreateImage", web()).delivery, Delivery::Answer(b"<html>".to_vec()));
    assert_eq!(desk.sim.images().unwrap().len(), 1);
}

#[test]
fn effects_of_several_faults_add_up() {
    let desk = Desk::instant();
    let by = SignedDuration::from_millis(250);
    desk.sim.add_fault(&fault("CreateImage", FaultEffect::Slow { by })).unwrap();
    desk.sim
        .add_fault(&fault("CreateImage", FaultEffect::Hide { lasting: SignedDuration::from_secs(2) }))
        .unwrap();
    desk.sim
        .add_fault(&fault("CreateImage", FaultEffect::Settle { after: SignedDuration::from_secs(9) }))
        .unwrap();
    assert_eq!(exchange(&desk, "CreateImage", web()).delay, Some(Duration::from_millis(250)));
    let id = desk.sim.images().unwrap()[0].id.clone();
    assert!(desk.by_id(HOME, &[&id]).is_empty(), "not visible yet");
    desk.wait(2_000);
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "CREATING");
    desk.wait(7_000);
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "NORMAL");
}

#[test]
fn a_task_can_be_made_to_fail_or_to_hang_and_still_counts() {
    let desk = Desk::instant();
    let state = |name: &str| {
        let id = desk.create(HOME, name);
        desk.wait(100_000_000);
        desk.by_id(HOME, &[&id])[0]["ImageState"].as_str().unwrap().to_owned()
    };
    desk.sim.add_fault(&fault("CreateImage", FaultEffect::Fail)).unwrap();
    assert_eq!(state("failed"), "CREATEFAILED");
    desk.sim.add_fault(&fault("CreateImage", FaultEffect::Hang)).unwrap();
    assert_eq!(state("hung"), "CREATING");
    assert_eq!(state("fine"), "NORMAL");
    assert_eq!(desk.sim.image_count(OWNER.parse().unwrap(), &HOME.parse().unwrap()).unwrap(), 3);
}

#[test]
fn an_import_of_an_object_that_does_not_exist_fails_after_it_was_accepted() {
    let url = "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2";
    let desk = Desk::new(Settings {
        objects: Some([url.to_owned()].into()),
        import_tells_id: false,
        ..Settings::default()
    });
    for (name, url, state) in [("there", url, "NORMAL"), ("gone", &url.replace("w.", "v."), "IMPORTFAILED")] {
        let params = json!({"ImageName": name, "ImageUrl": format!("{url}?sign=1"), "OsType": "Ubuntu",
            "OsVersion": "22", "Architecture": "arm_64", "Force": true});
        let answer = desk.ok("ImportImage", HOME, params);
        assert!(answer.get("ImageId").is_none(), "the international site returns none");
        let id = desk.sim.images().unwrap().last().unwrap().id.clone();
        assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "IMPORTING");
        desk.wait(1_000);
        let image = &desk.by_id(HOME, &[&id])[0];
        assert_eq!(image["ImageState"], state);
        assert_eq!((&image["Architecture"], &image["IsSupportCloudinit"]), (&json!("arm"), &json!(false)));
        assert_eq!(image["ImageSource"], "EXTERNAL_IMPORT");
    }
    let log = serde_json::to_string(&desk.sim.log(0).unwrap()).unwrap();
    assert!(!log.contains("sign=1"), "a signature is never kept: {log}");
}

#[test]
fn a_family_resolves_to_its_newest_usable_image() {
    let desk = Desk::instant();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let params = json!({"ImageName": name, "InstanceId": "ins-8f3a1c2d", "ImageFamily": "web"});
        ids.push(desk.ok("CreateImage", HOME, params)["ImageId"].clone());
    }
    desk.ok("ModifyImageAttribute", HOME, json!({"ImageId": ids[2], "ImageDeprecated": true}));
    let family =
        |name: &str| desk.ok("DescribeImageFromFamily", HOME, json!({"ImageFamily": name}))["Image"].clone();
    assert_eq!(family("web")["ImageId"], ids[1]);
    assert_eq!(family("db"), Value::Null);
}

#[test]
fn the_source_of_a_copy_can_show_syncing_too() {
    let desk = Desk::new(Settings { copy_source_syncing: true, ..Settings::default() });
    let id = desk.create(HOME, "web");
    desk.wait(1_000);
    desk.ok("SyncImages", HOME, json!({"ImageIds": [id], "DestinationRegions": [AWAY]}));
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "SYNCING");
    desk.wait(1_000);
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageState"], "NORMAL");
}

#[test]
fn a_copy_can_inherit_description_family_and_tags() {
    let desk = Desk::new(Settings { copies_inherit: true, ..instant() });
    let params = json!({"ImageName": "web", "InstanceId": "ins-8f3a1c2d", "ImageDescription": "d", "ImageFamily": "f",
        "TagSpecification": [{"ResourceType": "image", "Tags": [{"Key": "k", "Value": "v"}]}]});
    let id = desk.ok("CreateImage", HOME, params)["ImageId"].clone();
    let sync = json!({"ImageIds": [id], "DestinationRegions": [AWAY], "ImageSetRequired": true});
    let copy = desk.ok("SyncImages", HOME, sync)["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned();
    let copy = &desk.by_id(AWAY, &[&copy])[0];
    assert_eq!((&copy["ImageDescription"], &copy["ImageFamily"]), (&json!("d"), &json!("f")));
    assert_eq!(copy["Tags"], json!([{"Key": "k", "Value": "v"}]));
}

#[test]
fn answers_have_every_documented_form() {
    let desk = Desk::new(Settings {
        timestamps: Timestamps::Offset,
        arm: Arm::Arm64,
        null_fields: true,
        unknown_fields: true,
        creator: Some("300000000003".parse().unwrap()),
        ..instant()
    });
    let mut instance = Instance::well_formed("ins-8f3a1c2d", HOME, OWNER);
    "arm".clone_into(&mut instance.architecture);
    desk.sim.put_instance(&instance).unwrap();
    let id = desk.create(HOME, "web");
    let answer = desk.ok("DescribeImages", HOME, json!({"ImageIds": [id]}));
    assert!(answer["DeprecatedWarning"].is_string());
    let image = &answer["ImageSet"][0];
    assert_eq!(image["CreatedTime"], "2026-11-24T10:00:00+00:00");
    assert_eq!((&image["Architecture"], &image["ImageCreator"]), (&json!("arm_64"), &json!("300000000003")));
    for field in ["Tags", "SyncPercent", "ImageFamily"] {
        assert_eq!(image[field], Value::Null, "{field}");
    }
    assert!(image["ImageMood"].is_object());
    assert_eq!(desk.ask(Service::Sts, "GetCallerIdentity", "", json!({}))["AccountId"], OWNER);
}

#[test]
fn documented_rates_allow_the_calls_of_one_second_at_once_and_then_evenly() {
    let desk = Desk::new(Settings { rates: Rates::Documented, ..instant() });
    let ask = || {
        let answer = desk.ask(Service::Cvm, "DescribeImageQuota", HOME, json!({}));
        answer["Error"]["Code"].as_str().unwrap_or("fine").to_owned()
    };
    for _ in 0..10 {
        assert_eq!(ask(), "fine");
    }
    assert_eq!(ask(), "RequestLimitExceeded");
    for _ in 0..5 {
        desk.wait(100);
        assert_eq!(ask(), "fine");
        assert_eq!(ask(), "RequestLimitExceeded", "a refused call takes nothing from the allowance");
    }
    assert!(desk.ask(Service::Cvm, "DescribeImageQuota", AWAY, json!({})).get("Error").is_none());
}

#[test]
fn a_fault_reads_back_from_its_json() {
    for text in [
        r#"{"action":"CreateImage","effect":"throttle"}"#,
        r#"{"action":"*","region":"ap-tokyo","from_call":3,"times":null,"effect":"error","code":"InternalError"}"#,
        r#"{"action":"SyncImages","effect":"slow","by":"PT2S"}"#,
    ] {
        let fault: Fault = serde_json::from_str(text).unwrap();
        let again: Fault = serde_json::from_str(&serde_json::to_string(&fault).unwrap()).unwrap();
        assert_eq!(fault, again);
    }
}

#[test]
fn a_transport_carries_answers_and_losses_in_either_kind_of_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let single = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (name, runtime) in [("multi", multi), ("single", single)] {
        let desk = Desk::instant();
        let file = Sim::open(&folder.path().join(name), instant()).unwrap();
        for sim in [desk.sim.clone(), file] {
            sim.add_fault(&fault("DescribeImageQuota", FaultEffect::LostAfter)).unwrap();
            sim.add_fault(&Fault { from_call: 2, ..fault("DescribeImageQuota", FaultEffect::NotSent) })
                .unwrap();
            let transport = SimTransport {
                sim: Arc::new(sim),
                caller: desk.caller.get(),
                clock: Arc::new(ManualClock::at(desk.now.get())),
            };
            let request = || Desk::request(Service::Cvm, "DescribeImageQuota", HOME, &json!({}));
            let answers = runtime.block_on(async {
                [
                    transport.send(request()).await,
                    transport.send(request()).await,
                    transport.send(request()).await,
                ]
            });
            assert!(matches!(answers[0], Err(TransportError::OutcomeUnknown(_))));
            assert!(matches!(answers[1], Err(TransportError::NotSent(_))));
            assert!(answers[2].as_ref().is_ok_and(|bytes| bytes.starts_with(br#"{"Response":"#)));
        }
    }
}
