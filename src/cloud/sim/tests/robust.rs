//! Every request is answered by a well-formed envelope, and the world stays within its rules.

use proptest::prelude::*;

use super::*;
use crate::cloud::sim::actions::{self, COMMON};

/// Bodies that are nearly right: documented names, and values of any type.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let names = prop::sample::select(vec![
        "ImageIds",
        "ImageId",
        "ImageName",
        "InstanceId",
        "SnapshotIds",
        "DestinationRegions",
        "DryRun",
        "Filters",
        "Limit",
        "Offset",
        "AccountIds",
        "Permission",
        "Resource",
        "ReplaceTags",
        "TagSpecification",
        "TagKey",
        "TagValue",
        "ResourceIds",
        "ServiceType",
        "ImageUrl",
        "Encrypt",
        "BucketName",
    ]);
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        "\\PC{0,70}".prop_map(Value::from),
        prop::sample::select(vec![
            "img-00000001",
            "ins-8f3a1c2d",
            "snap-00000001",
            "SHARE",
            AWAY,
            FRIEND,
            "true"
        ])
        .prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                "Name|Values|Tags|Key|Value|ResourceType|TagKey|TagValue",
                inner,
                0..3
            )
            .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        4 => prop::collection::btree_map(names.prop_map(str::to_owned), value, 0..6)
            .prop_map(|fields| serde_json::to_vec(&fields).unwrap()),
    ]
}

fn any_action() -> impl Strategy<Value = (Service, String)> {
    let all: Vec<_> = actions::all().map(|action| (action.service, action.name.to_owned())).collect();
    prop_oneof![8 => prop::sample::select(all), 1 => "\\PC{0,20}".prop_map(|name| (Service::Cvm, name))]
}

thread_local! {
    /// One world for all cases: what earlier ones left behind makes later ones more interesting.
    static DESK: Desk = {
        let desk = Desk::instant();
        desk.create(HOME, "web");
        desk
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_get_a_well_formed_envelope_with_a_documented_code(
        (service, action) in any_action(), body in body(), regional in any::<bool>()
    ) {
        DESK.with(|desk| {
            let request = Request {
                service,
                action: action.as_str().into(),
                region: regional.then(|| HOME.parse().unwrap()),
                body,
            };
            let bytes = desk.sim.answer(desk.caller.get(), &request, desk.now.get());
            let envelope: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(envelope.as_object().unwrap().len(), 1);
            let response = &envelope["Response"];
            prop_assert!(response["RequestId"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
            if let Some(error) = response.get("Error") {
                let code = error["Code"].as_str().unwrap();
                let own = actions::find(service, &action).map_or(&[][..], |action| action.codes);
                prop_assert!(own.contains(&code) || COMMON.contains(&code), "{}: {}", action, code);
                prop_assert!(!error["Message"].as_str().unwrap().is_empty());
                prop_assert_eq!(response.as_object().unwrap().len(), 2);
            }
            Ok(())
        })?;
    }
}

/// One call that makes sense more often than not, written from a few random numbers.
fn call(numbers: (u8, u8, u8, u8)) -> (Service, &'static str, &'static str, Value) {
    let (kind, a, b, c) = numbers;
    let region = [HOME, AWAY, "ap-guangzhou"][usize::from(a) % 3];
    let to = [HOME, AWAY, "ap-seoul"][usize::from(b) % 3];
    let name = format!("web-{}", b % 6);
    let seq = u64::from(c % 12) + 1;
    // The world's ids depend on its counter alone.
    let id = ids::resource_id("img-", 0, seq);
    let account = (200_000_000_000u64 + u64::from(c % 4)).to_string();
    let permission = if b % 3 == 0 { "CANCEL" } else { "SHARE" };
    let resource = format!("qcs::cvm:{region}:uin/:image/{id}");
    match kind % 8 {
        0 | 1 => {
            (Service::Cvm, "CreateImage", region, json!({"ImageName": name, "InstanceId": "ins-8f3a1c2d"}))
        }
        2 => (Service::Cvm, "SyncImages", region, json!({"ImageIds": [id], "DestinationRegions": [to]})),
        3 => (Service::Cvm, "ModifyImageAttribute", region, json!({"ImageId": id, "ImageName": name})),
        4 | 5 => (
            Service::Cvm,
            "ModifyImageSharePermission",
            region,
            json!({"ImageId": id, "AccountIds": [account], "Permission": permission}),
        ),
        6 => (Service::Cvm, "DeleteImages", region, json!({"ImageIds": [id]})),
        _ => (
            Service::Tag,
            "TagResources",
            "",
            json!({"ResourceList": [resource], "Tags": [{"TagKey": name, "TagValue": "v"}]}),
        ),
    }
}

proptest! {
    #[test]
    fn the_same_calls_get_the_same_answers_and_no_rule_is_broken(
        calls in prop::collection::vec(any::<(u8, u8, u8, u8)>(), 1..60),
        settle in prop::sample::select(vec![0i64, 150]),
    ) {
        let settings = Settings {
            images_per_region: 3,
            accounts_per_image: 2,
            settle: SignedDuration::from_millis(settle),
            ..Settings::default()
        };
        let worlds = [Desk::new(settings.clone()), Desk::new(settings)];
        for numbers in calls {
            let (service, action, region, params) = call(numbers);
            let request = Desk::request(service, action, region, &params);
            let [first, second] = worlds.each_ref().map(|desk| {
                desk.wait(100);
                if numbers.3 > 250 {
                    desk.become_account(FRIEND);
                }
                desk.sim.answer(desk.caller.get(), &request, desk.now.get())
            });
            prop_assert_eq!(first, second);
            let sim = &worlds[0].sim;
            let images = sim.images().unwrap();
            for image in &images {
                let same = |other: &&Image| (&other.owner, &other.region) == (&image.owner, &image.region);
                prop_assert!(images.iter().filter(same).count() <= 3);
                prop_assert_eq!(images.iter().filter(same).filter(|other| other.name == image.name).count(), 1);
                let shares = sim.shares(&image.id).unwrap();
                prop_assert!(shares.len() <= 2 && shares.iter().all(|share| share.account != image.owner));
            }
        }
    }
}

#[test]
#[ignore = "a measurement: run it alone, with --nocapture"]
fn how_long_calls_take() {
    let settings = Settings { images_per_region: 100_000, accounts_per_image: 100_000, ..instant() };
    let folder = tempfile::tempdir().unwrap();
    let file = Sim::open(&folder.path().join("goldform.world.db"), settings.clone()).unwrap();
    how_long(&Desk::new(settings), 2_000);
    println!("on disk:");
    how_long(&Desk::over(file), 200);
}

fn how_long(desk: &Desk, calls: u32) {
    let id = desk.create(HOME, "first");
    let measure = |name: &str, params: &dyn Fn(u32) -> Value| {
        let requests: Vec<_> =
            (0..calls).map(|n| Desk::request(Service::Cvm, name, HOME, &params(n))).collect();
        #[expect(clippy::disallowed_methods, reason = "a measurement")]
        let start = std::time::Instant::now();
        for request in &requests {
            desk.sim.answer(desk.caller.get(), request, desk.now.get());
        }
        println!("{name}: {:?} a call", start.elapsed() / calls);
    };
    measure("DescribeImageQuota", &|_| json!({}));
    measure("DescribeImages", &|_| json!({"ImageIds": [id]}));
    measure("DescribeImages", &|_| json!({"Filters": [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]}));
    measure("DescribeImages", &|_| json!({"Limit": 100}));
    measure("CreateImage", &|n| json!({"ImageName": format!("web-{n}"), "InstanceId": "ins-8f3a1c2d"}));
    measure(
        "ModifyImageSharePermission",
        &|n| json!({"ImageId": id, "AccountIds": [(200_000_000_000u64 + u64::from(n)).to_string()], "Permission": "SHARE"}),
    );
    measure(
        "SyncImages",
        &|n| json!({"ImageIds": [id], "DestinationRegions": [AWAY], "ImageName": format!("c{n}")}),
    );
}
