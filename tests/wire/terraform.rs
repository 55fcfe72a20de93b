//! The calls of Terraform's official provider, as it makes them through a proxy: absolute-form requests for hosts
//! that do not exist (`HTTP_PROXY`, `TENCENTCLOUD_PROTOCOL=HTTP`, `TENCENTCLOUD_DOMAIN=tc.test`).

use goldform::cloud::sim::Settings;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::wire::Served;
use crate::wire::raw::Ask;

const CALLS: &str = include_str!("fixtures/terraform.json");

#[tokio::test]
async fn the_calls_of_terraforms_provider_are_answered_as_documented() {
    let served = Served::new(Settings {
        settle: SignedDuration::ZERO,
        images_per_region: 3,
        accounts_per_image: 2,
        ..Settings::default()
    })
    .await;
    let calls: Vec<Map<String, Value>> = serde_json::from_str(CALLS).unwrap();
    let mut image = String::new();
    for call in &calls {
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
        let (what, service) = (text("what"), text("service"));
        let host = format!("{service}.tc.test");
        let body = call["body"].to_string().replace("{image}", &image);
        let mut ask = Ask::post(&host, text("action"), text("region"), &body);
        ask.target = format!("http://{host}/");
        ask.service = service.to_owned();
        if service == "tag" {
            ask.header("X-TC-Version", "2018-08-13");
        }
        ask.header("X-TC-Language", "en-US").header("X-TC-RequestClient", "SDK_GO_1.3.130");
        let response = ask.send(&served.host).await.response();
        assert_eq!(
            response["Error"]["Code"].as_str().unwrap_or_default(),
            text("code"),
            "{what}: {response}"
        );
        if text("save") == "image" {
            image = response["ImageId"].as_str().unwrap().to_owned();
        }
        for (pointer, expected) in call.get("answer").and_then(Value::as_object).into_iter().flatten() {
            let expected: Value =
                serde_json::from_str(&expected.to_string().replace("{image}", &image)).unwrap();
            assert_eq!(response.pointer(pointer), Some(&expected), "{what}: {response}");
        }
    }
    // Copies are nobody's there: the provider's delete leaves them.
    let left: Vec<String> = served.sim.images().unwrap().into_iter().map(|image| image.region).collect();
    assert_eq!(left.iter().filter(|region| *region == "ap-tokyo").count(), 1);
}
