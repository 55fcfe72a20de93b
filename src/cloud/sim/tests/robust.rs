//! Whatever comes in, a well-formed envelope goes out, and the world stays within its rules.

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

#[test]
#[ignore = "a measurement: run it alone, with --nocapture"]
fn how_long_calls_take() {
    let desk = Desk::new(Settings { images_per_region: 100_000, accounts_per_image: 100_000, ..instant() });
    let id = desk.create(HOME, "first");
    let mut last = std::time::Duration::ZERO;
    let mut measure = |name: &str, params: &dyn Fn(u32) -> Value| {
        let requests: Vec<_> =
            (0..2_000).map(|n| Desk::request(Service::Cvm, name, HOME, &params(n))).collect();
        #[expect(clippy::disallowed_methods, reason = "a measurement")]
        let start = std::time::Instant::now();
        for request in &requests {
            desk.sim.answer(desk.caller.get(), request, desk.now.get());
        }
        last = start.elapsed() / 2_000;
        println!("{name}: {last:?} a call");
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
