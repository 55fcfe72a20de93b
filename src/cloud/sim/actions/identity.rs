//! Who is calling: sts GetCallerIdentity (1312/66098) and cam GetUserAppId (598/58014).

use serde_json::Value;

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::ids;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::scene::RequestContext;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Sts,
        name: "GetCallerIdentity",
        regional: false,
        rate: 20,
        fields: &[],
        codes: &[],
        run: |scene, _| {
            let (caller, user) = (scene.caller, user(scene));
            Ok(Reply::from_iter([
                ("Arn".to_owned(), Value::from(format!("qcs::cam::uin/{caller}:uin/{user}"))),
                ("AccountId".to_owned(), Value::from(caller)),
                ("UserId".to_owned(), Value::from(user.as_str())),
                ("PrincipalId".to_owned(), Value::from(user.as_str())),
                ("Type".to_owned(), Value::from("CAMUser")),
            ]))
        },
    },
    Action {
        service: Service::Cam,
        name: "GetUserAppId",
        regional: false,
        rate: 20,
        fields: &[],
        codes: &[],
        run: |scene, _| {
            Ok(Reply::from_iter([
                ("Uin".to_owned(), Value::from(user(scene))),
                ("OwnerUin".to_owned(), Value::from(scene.caller)),
                ("AppId".to_owned(), Value::from(1_250_000_000 + ids::number_of(scene.caller) % 50_000_000)),
            ]))
        },
    },
];

/// The user that calls: the one who is told as creator, too.
fn user(scene: &RequestContext<'_>) -> String {
    scene.settings.creator.map_or_else(|| scene.caller.to_owned(), |user| user.to_string())
}
