//! Identity of the caller: sts GetCallerIdentity (1312/66098) and cam GetUserAppId (598/58014).

use serde_json::Value;

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::ids;
use crate::cloud::sim::protocol::Reply;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Sts,
        name: "GetCallerIdentity",
        regional: false,
        rate: 20,
        fields: &[],
        codes: &[],
        run: |context, _| {
            let (caller, user) = (context.caller, user(context));
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
        run: |context, _| {
            Ok(Reply::from_iter([
                ("Uin".to_owned(), Value::from(user(context))),
                ("OwnerUin".to_owned(), Value::from(context.caller)),
                (
                    "AppId".to_owned(),
                    Value::from(1_250_000_000 + ids::number_of(context.caller) % 50_000_000),
                ),
            ]))
        },
    },
];

/// Returns the calling user, who is also the creator of new images.
fn user(context: &RequestContext<'_>) -> String {
    context.settings.creator.map_or_else(|| context.caller.to_owned(), |user| user.to_string())
}
