//! Every refusal that an action documents and this module answers with is provoked, and none that it does not.

mod making;
mod managing;
mod reading;
mod tagging;

use std::collections::BTreeSet;

use super::*;
use crate::cloud::sim::actions::{self, Action, COMMON};

/// The refusals of one action, collected while they are provoked.
struct Check {
    action: &'static Action,
    provoked: BTreeSet<String>,
}

impl Check {
    fn of(service: Service, name: &str) -> Self {
        Self { action: actions::find(service, name).unwrap(), provoked: BTreeSet::new() }
    }

    /// Returns the call must be refused with this code, and must leave the world as it was.
    #[track_caller]
    fn refuses(&mut self, desk: &Desk, region: &str, params: Value, code: &str) {
        let before = (desk.sim.images().unwrap(), desk.sim.peaks().unwrap());
        let response = desk.ask(self.action.service, self.action.name, region, params);
        assert_eq!(response["Error"]["Code"], code, "{response}");
        assert_eq!(
            before,
            (desk.sim.images().unwrap(), desk.sim.peaks().unwrap()),
            "{code} changed the world"
        );
        self.provoked.insert(code.to_owned());
    }

    /// Asserts that the call succeeds and reports one resource that failed with this code.
    #[track_caller]
    fn fails(&mut self, desk: &Desk, params: Value, code: &str) {
        let response = desk.ask(self.action.service, self.action.name, "", params);
        assert_eq!(response["FailedResources"][0]["Code"], code, "{response}");
        self.provoked.insert(code.to_owned());
    }

    /// Returns all that the action documents was provoked, and nothing else but common codes.
    #[track_caller]
    fn done(self) {
        let documented: BTreeSet<&str> = self.action.codes.iter().copied().collect();
        let provoked: BTreeSet<&str> =
            self.provoked.iter().map(String::as_str).filter(|code| !COMMON.contains(code)).collect();
        let common: BTreeSet<&str> = COMMON.iter().copied().collect();
        assert_eq!(&documented - &common, provoked, "{}", self.action.name);
    }
}

#[test]
fn a_call_is_validated_by_version_action_region_and_types_in_that_order() {
    let desk = Desk::instant();
    let ask = |action: &str, version: &str, region: &str, body: &[u8]| {
        let call =
            Call { service: Service::Cvm, action, version, region, body: Body::Json(body), english: false };
        let Delivery::Answer(bytes) = desk.sim.call(desk.caller.get(), &call, desk.now.get()).delivery else {
            panic!("no answer");
        };
        let envelope: Value = serde_json::from_slice(&bytes).unwrap();
        envelope["Response"]["Error"]["Code"].as_str().unwrap_or("fine").to_owned()
    };
    let version = Service::Cvm.version();
    for (action, at, region, body, code) in [
        ("", version, HOME, "", "MissingParameter"),
        ("DescribeImages", "", HOME, "", "MissingParameter"),
        ("DescribeImages", "2017-03-13", HOME, "", "NoSuchVersion"),
        ("DescribeImage", version, HOME, "", "InvalidAction"),
        ("ModifyResourceTags", version, HOME, "", "InvalidAction"),
        ("DescribeImages", version, "", "", "MissingParameter"),
        ("DescribeImages", version, "ap-atlantis", "", "UnsupportedRegion"),
        ("DescribeImages", version, "nowhere at all", "", "UnsupportedRegion"),
        ("DescribeImages", version, HOME, "[]", "InvalidParameter"),
        ("DescribeImages", version, HOME, "{", "InvalidParameter"),
        ("DescribeImages", version, HOME, r#"{"ImageId":"img-00000001"}"#, "UnknownParameter"),
        ("DescribeImages", version, HOME, r#"{"Limit":"20"}"#, "InvalidParameter"),
        ("DeleteImages", version, HOME, "{}", "MissingParameter"),
        ("DeleteImages", version, HOME, r#"{"ImageIds":[]}"#, "MissingParameter"),
        ("DescribeRegions", version, "", " ", "fine"),
        ("DescribeImages", version, HOME, "", "fine"),
    ] {
        assert_eq!(ask(action, at, region, body.as_bytes()), code, "{action} {at} {region} {body}");
    }
    let large = vec![b' '; 10 * 1024 * 1024 + 1];
    assert_eq!(ask("DescribeImages", version, HOME, &large), "RequestSizeLimitExceeded");
}

#[test]
fn a_get_carries_numbers_and_booleans_as_text() {
    let desk = Desk::instant();
    let pairs = [("Limit", "1"), ("Filters.0.Name", "image-type"), ("Filters.0.Values.0", "PUBLIC_IMAGE")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let call = Call {
        service: Service::Cvm,
        action: "DescribeImages",
        version: Service::Cvm.version(),
        region: HOME,
        body: Body::Query(&pairs),
        english: false,
    };
    let Delivery::Answer(bytes) = desk.sim.call(desk.caller.get(), &call, desk.now.get()).delivery else {
        panic!("no answer");
    };
    let envelope: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(envelope["Response"]["ImageSet"].as_array().unwrap().len(), 1, "{envelope}");
}

/// Returns the id of an image of the catalogue.
fn offered(desk: &Desk, public: bool) -> String {
    let kind = if public { "PUBLIC_IMAGE" } else { "SHARED_IMAGE" };
    let filter = json!({"Filters": [{"Name": "image-type", "Values": [kind]}]});
    desk.ok("DescribeImages", HOME, filter)["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned()
}

fn with(change: impl FnOnce(&mut Settings)) -> Desk {
    let mut settings = instant();
    change(&mut settings);
    Desk::new(settings)
}

fn instance(change: impl FnOnce(&mut Instance)) -> Desk {
    let desk = Desk::instant();
    let mut instance = Instance::well_formed("ins-8f3a1c2d", HOME, OWNER);
    change(&mut instance);
    desk.sim.put_instance(&instance).unwrap();
    desk
}

fn disk(id: &str, kind: &str, swap: bool) -> Disk {
    Disk { id: id.to_owned(), kind: kind.to_owned(), size_gib: 10, swap }
}

fn snapshot(desk: &Desk, id: &str, change: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = Snapshot {
        id: id.to_owned(),
        region: HOME.to_owned(),
        owner: OWNER.to_owned(),
        system: true,
        size_gib: 50,
        disk: String::new(),
        encrypted: false,
        state: "NORMAL".to_owned(),
        ready_at: None,
        created_at: 0,
    };
    change(&mut snapshot);
    desk.sim.put_snapshot(&snapshot).unwrap();
}

fn tags(count: usize) -> Value {
    let tags: Vec<Value> = (0..count).map(|n| json!({"Key": format!("k{n}"), "Value": "v"})).collect();
    json!([{"ResourceType": "image", "Tags": tags}])
}

#[expect(clippy::needless_pass_by_value, reason = "values are written where they are used")]
fn merged(mut base: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}
