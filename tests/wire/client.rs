//! goldform's own client over HTTP and in process: the same bytes, and refusals that say what to do.

use std::sync::Arc;

use goldform::cloud::client::Client;
use goldform::cloud::client::credentials::{Credentials, Keyring};
use goldform::cloud::client::http::{Hosts, Https};
use goldform::cloud::sim::{Settings, Sim, SimTransport};
use goldform::cloud::{CloudRead as _, ErrorKind, Request, Service, Transport};
use goldform::model::{Clock, ManualClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::wire::{AWAY, FRIEND, HOME, ID, OWNER, SECRET, Served};

fn https(host: &str, secret_id: &str, secret: &str, clock: Arc<dyn Clock>) -> Https {
    let keys = Keyring::fixed(Credentials::permanent(secret_id, secret), clock.clone());
    Https::new(Hosts::at(&format!("http://{host}")).unwrap(), Arc::new(keys), clock).unwrap()
}

/// Sends calls over two transports and moves both clocks; the answers must be the same bytes.
struct Twins {
    wire: Https,
    process: SimTransport,
    clocks: [Arc<ManualClock>; 2],
}

impl Twins {
    async fn ask(&self, service: Service, action: &str, region: &str, params: Value) -> Value {
        let request = Request {
            service,
            action: action.into(),
            region: (!region.is_empty()).then(|| region.parse().unwrap()),
            body: serde_json::to_vec(&params).unwrap(),
        };
        let wire = self.wire.send(request.clone()).await.unwrap();
        let process = self.process.send(request).await.unwrap();
        assert_eq!(String::from_utf8(wire.clone()).unwrap(), String::from_utf8(process).unwrap(), "{action}");
        for clock in &self.clocks {
            clock.advance(SignedDuration::from_secs(1));
        }
        let mut envelope: Value = serde_json::from_slice(&wire).unwrap();
        envelope["Response"].take()
    }

    async fn cvm(&self, action: &str, region: &str, params: Value) -> Value {
        self.ask(Service::Cvm, action, region, params).await
    }
}

#[tokio::test]
async fn the_life_of_an_image_is_the_same_on_the_wire_and_in_process() {
    let served = Served::new(Settings::default()).await;
    let clock = Arc::new(ManualClock::at(served.clock.now()));
    let twins = Twins {
        wire: https(&served.host, ID, SECRET, served.clock.clone()),
        process: SimTransport {
            sim: Arc::new(Sim::in_memory(Settings::default()).unwrap()),
            caller: OWNER.parse().unwrap(),
            clock: clock.clone(),
        },
        clocks: [served.clock.clone(), clock],
    };
    let who = twins.ask(Service::Sts, "GetCallerIdentity", HOME, json!({})).await;
    assert_eq!(who["AccountId"], OWNER);
    let made =
        twins.cvm("CreateImage", HOME, json!({"ImageName": "web-α", "InstanceId": "ins-8f3a1c2d"})).await;
    let id = made["ImageId"].as_str().unwrap().to_owned();
    let copied = twins
        .cvm(
            "SyncImages",
            HOME,
            json!({"ImageIds": [&id], "DestinationRegions": [AWAY], "ImageSetRequired": true}),
        )
        .await;
    let copy = copied["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned();
    let import = json!({
        "Architecture": "x86_64", "OsType": "Ubuntu", "OsVersion": "22",
        "ImageUrl": "https://golden-1250000000.cos.ap-jakarta.myqcloud.com/db.qcow2?sign=hidden", "ImageName": "db",
    });
    assert!(twins.cvm("ImportImage", HOME, import).await.get("Error").is_none());
    for permission in ["SHARE", "CANCEL"] {
        let params = json!({"ImageId": id, "AccountIds": [FRIEND], "Permission": permission});
        assert!(twins.cvm("ModifyImageSharePermission", HOME, params).await.get("Error").is_none());
        twins.cvm("DescribeImageSharePermission", HOME, json!({"ImageId": id})).await;
        twins.cvm("DeleteImages", HOME, json!({"ImageIds": [&id], "DryRun": true})).await;
    }
    let tag = json!({"ResourceList": [format!("qcs::cvm:{HOME}:uin/{OWNER}:image/{id}")],
                     "Tags": [{"TagKey": "team", "TagValue": "platform"}]});
    twins.ask(Service::Tag, "TagResources", HOME, tag).await;
    for region in [HOME, AWAY] {
        let listed = twins.cvm("DescribeImages", region, json!({"Limit": 100})).await;
        assert!(listed["TotalCount"].as_i64().unwrap() > 0);
    }
    twins.cvm("DescribeImageQuota", HOME, json!({})).await;
    assert_eq!(
        twins.cvm("DescribeImages", HOME, json!({"Limt": 1})).await["Error"]["Code"],
        "UnknownParameter"
    );
    assert_eq!(twins.cvm("DescribeImages", "", json!({})).await["Error"]["Code"], "MissingParameter");
    for (region, id) in [(HOME, id), (AWAY, copy)] {
        let gone =
            twins.cvm("DeleteImages", region, json!({"ImageIds": [id], "DeleteBindedSnap": true})).await;
        assert!(gone.get("Error").is_none(), "{gone}");
    }
}

async fn refused(served: &Served, id: &str, secret: &str, ahead: i64) -> goldform::cloud::CloudError {
    let now = served.clock.now().checked_add(SignedDuration::from_secs(ahead)).unwrap();
    let clock = Arc::new(ManualClock::at(now));
    let client = Client::new(Arc::new(https(&served.host, id, secret, clock)));
    client.image_limit(&HOME.parse().unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_clock_are_reported_with_what_to_do() {
    let served = Served::new(Settings::default()).await;
    let error = refused(&served, "AKIDnobody", SECRET, 0).await;
    assert_eq!(error.code.as_deref(), Some("AuthFailure.SecretIdNotFound"));
    assert_eq!(error.kind, ErrorKind::Credentials);
    assert!(error.message.contains("--account"), "{}", error.message);
    let error = refused(&served, ID, "another-key", 0).await;
    assert_eq!(
        (error.code.as_deref(), error.kind),
        (Some("AuthFailure.SignatureFailure"), ErrorKind::Credentials)
    );
    assert!(error.message.contains("check your signature"), "{}", error.message);
    for ahead in [301, -301] {
        let error = refused(&served, ID, SECRET, ahead).await;
        assert_eq!(
            (error.code.as_deref(), error.kind),
            (Some("AuthFailure.SignatureExpire"), ErrorKind::Clock)
        );
        assert!(error.message.contains("Set the clock"), "{}", error.message);
    }
    assert_eq!(served.sim.log(0).unwrap(), [], "nothing of it reached the world");
    let clock: Arc<dyn Clock> =
        Arc::new(ManualClock::at(Timestamp::from_second(served.clock.now().as_second() + 300).unwrap()));
    let client = Client::new(Arc::new(https(&served.host, ID, SECRET, clock)));
    assert_eq!(client.image_limit(&HOME.parse().unwrap()).await.unwrap(), 10);
}

#[tokio::test]
async fn each_key_calls_for_its_own_account() {
    let served = Served::new(Settings::default()).await;
    for (id, secret, account) in [(ID, SECRET, OWNER), ("AKIDfriend", "friend-key", FRIEND)] {
        let client = Client::new(Arc::new(https(&served.host, id, secret, served.clock.clone())));
        assert_eq!(client.caller().await.unwrap().to_string(), account);
    }
}
