//! Who is calling: sts GetCallerIdentity (1312/66098).

use serde_json::Value;

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::protocol::Reply;

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Sts,
    name: "GetCallerIdentity",
    regional: false,
    rate: 20,
    fields: &[],
    codes: &[],
    run: |scene, _| {
        let caller = scene.caller;
        let user = scene.settings.creator.map_or_else(|| caller.to_owned(), |user| user.to_string());
        Ok(Reply::from_iter([
            ("Arn".to_owned(), Value::from(format!("qcs::cam::uin/{caller}:uin/{user}"))),
            ("AccountId".to_owned(), Value::from(caller)),
            ("UserId".to_owned(), Value::from(user.as_str())),
            ("PrincipalId".to_owned(), Value::from(user.as_str())),
            ("Type".to_owned(), Value::from("CAMUser")),
        ]))
    },
}];
