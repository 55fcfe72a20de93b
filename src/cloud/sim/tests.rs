//! The sandbox as its callers see it: what the tests of all actions share.

mod durability;
mod faults;
mod images;
mod refusals;
mod robust;
mod sharing;
mod tagging;

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::cloud::Service;

pub(super) const OWNER: &str = "100000000001";
pub(super) const FRIEND: &str = "200000000002";
pub(super) const HOME: &str = "ap-jakarta";
pub(super) const AWAY: &str = "ap-tokyo";

/// A cloud, an account that calls it, and a clock that the test moves.
pub(super) struct Desk {
    pub(super) sim: Sim,
    pub(super) caller: Cell<AccountId>,
    pub(super) now: Cell<Timestamp>,
}

impl Desk {
    pub(super) fn new(settings: Settings) -> Self {
        Self::over(Sim::in_memory(settings).unwrap())
    }

    pub(super) fn over(sim: Sim) -> Self {
        let now = "2026-11-24T10:00:00.9Z".parse().unwrap();
        Self { sim, caller: Cell::new(OWNER.parse().unwrap()), now: Cell::new(now) }
    }

    /// Returns a kind cloud that makes everything at once.
    pub(super) fn instant() -> Self {
        Self::new(instant())
    }

    pub(super) fn wait(&self, millis: i64) {
        self.now.set(self.now.get().checked_add(SignedDuration::from_millis(millis)).unwrap());
    }

    pub(super) fn become_account(&self, account: &str) {
        self.caller.set(account.parse().unwrap());
    }

    pub(super) fn request(service: Service, action: &str, region: &str, params: &Value) -> Request {
        Request {
            service,
            action: action.into(),
            region: (!region.is_empty()).then(|| region.parse().unwrap()),
            body: serde_json::to_vec(params).unwrap(),
        }
    }

    /// Returns the Response of a call of any service.
    #[expect(clippy::needless_pass_by_value, reason = "values are written where they are used")]
    pub(super) fn ask(&self, service: Service, action: &str, region: &str, params: Value) -> Value {
        let request = Self::request(service, action, region, &params);
        let bytes = self.sim.answer(self.caller.get(), &request, self.now.get());
        let mut envelope: Value = serde_json::from_slice(&bytes).unwrap();
        let response = envelope["Response"].take();
        assert!(response["RequestId"].is_string(), "{response}");
        response
    }

    /// Returns the Response of a call of the image service that must succeed.
    pub(super) fn ok(&self, action: &str, region: &str, params: Value) -> Value {
        let response = self.ask(Service::Cvm, action, region, params);
        assert!(response.get("Error").is_none(), "{action}: {response}");
        response
    }

    /// Returns the error code of a call of the image service that must be refused.
    pub(super) fn code(&self, action: &str, region: &str, params: Value) -> String {
        let response = self.ask(Service::Cvm, action, region, params);
        response["Error"]["Code"].as_str().unwrap_or_else(|| panic!("{action}: {response}")).to_owned()
    }

    /// Creates an image of an instance and returns its id.
    pub(super) fn create(&self, region: &str, name: &str) -> String {
        let made = self.ok("CreateImage", region, json!({"ImageName": name, "InstanceId": "ins-8f3a1c2d"}));
        made["ImageId"].as_str().unwrap().to_owned()
    }

    /// Returns the images of a region with these ids.
    pub(super) fn by_id(&self, region: &str, ids: &[&str]) -> Vec<Value> {
        let listed = self.ok("DescribeImages", region, json!({"ImageIds": ids}));
        listed["ImageSet"].as_array().unwrap().clone()
    }

    pub(super) fn share(&self, region: &str, image: &str, with: &[&str]) {
        let params = json!({"ImageId": image, "AccountIds": with, "Permission": "SHARE"});
        self.ok("ModifyImageSharePermission", region, params);
    }
}

pub(super) fn instant() -> Settings {
    Settings { settle: SignedDuration::ZERO, ..Settings::default() }
}
