//! What goes wrong at the service.

use goldform::cloud::sim::{Fault, FaultEffect};
use jiff::SignedDuration;

use super::chance::Chance;
use super::fleet::REGIONS;

/// Codes that a call is refused with although nothing of what they say is so. Left out are those that state a fact
/// about the image or limit which the caller must believe: NotFound of a delete, AccountAlreadyExists, OverQuota.
const CODES: &[&str] = &[
    "RequestLimitExceeded",
    "InvalidParameterValue.InvalidImageState",
    "InvalidImageId.IncorrectState",
    "MutexOperation.TaskRunning",
    "ImageQuotaLimitExceeded",
    "InvalidImageName.Duplicate",
    "InvalidParameterValue",
    "InvalidParameterValue.LimitExceeded",
    "InvalidParameterValue.TagKeyNotFound",
    "InvalidAccountId.NotFound",
    "InvalidAccount.InsufficientBalance",
    "InvalidInstanceId.NotFound",
    "UnsupportedOperation",
    "UnsupportedOperation.SharedImageModifyUnsupported",
    "AuthFailure.UnauthorizedOperation",
    "AuthFailure.TokenFailure",
    "AuthFailure.SignatureExpire",
    "InternalError",
    "ServiceUnavailable",
    "FailedOperation",
    "FailedOperation.SomethingNew",
    "SomethingNew.Entirely",
];

const ACTIONS: &[(usize, &str)] = &[
    (3, "*"),
    (4, "CreateImage"),
    (4, "SyncImages"),
    (2, "ModifyImageAttribute"),
    (3, "ModifyImageSharePermission"),
    (2, "DeleteImages"),
    (1, "ModifyResourceTags"),
    (2, "DescribeImages"),
    (1, "DescribeImageSharePermission"),
];

/// How long slow builds take and how long new images are hidden, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    slow: &'static [usize],
    hidden: &'static [usize],
}

/// Where time passes only when everyone waits.
pub const HOURS: Scale = Scale { slow: &[10, 120, 1_200], hidden: &[8, 90, 500] };
/// Where everyone waits for time to pass.
pub const SECONDS: Scale = Scale { slow: &[1, 2], hidden: &[1, 2] };

pub fn seconds(seconds: usize) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap())
}

/// A code that a call is refused with. An image of a delete or unshare that is said not to exist is
/// believed not to exist.
fn code(chance: &mut Chance, action: &str) -> String {
    let makes = matches!(action, "CreateImage" | "SyncImages");
    let fits: Vec<&str> =
        CODES.iter().copied().filter(|code| makes || *code != "InvalidInstanceId.NotFound").collect();
    (*chance.pick(&fits)).to_owned()
}

pub fn draw(chance: &mut Chance, scale: Scale) -> Fault {
    let action = (*chance.weighted(ACTIONS)).to_owned();
    let which = *chance.weighted(&[(4, 0), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (2, 6), (1, 7), (1, 8)]);
    let effect = match which {
        0 => FaultEffect::Error { code: code(chance, &action), message: String::new() },
        1 => FaultEffect::LostBefore,
        2 => FaultEffect::LostAfter,
        3 => FaultEffect::Fail,
        4 => FaultEffect::Hang,
        5 => FaultEffect::Settle { after: seconds(*chance.pick(scale.slow)) },
        6 => FaultEffect::Hide { lasting: seconds(*chance.pick(scale.hidden)) },
        7 => FaultEffect::NotSent,
        _ => FaultEffect::Garbage { text: (*chance.pick(GARBAGE)).to_owned() },
    };
    let is_task = matches!(
        effect,
        FaultEffect::Fail | FaultEffect::Hang | FaultEffect::Settle { .. } | FaultEffect::Hide { .. }
    );
    let makes = matches!(&*action, "*" | "CreateImage" | "SyncImages");
    Fault {
        // Only what makes images starts tasks.
        action: if is_task && !makes { "*".to_owned() } else { action },
        region: chance.percent(20).then(|| REGIONS[chance.below(REGIONS.len())].parse().unwrap()),
        caller: None,
        from_call: u32::try_from(*chance.weighted(&[(4, 1), (2, 2), (2, 4), (1, 9)])).unwrap(),
        times: *chance.weighted(&[(5, Some(1)), (3, Some(3)), (1, Some(12)), (1, None)]),
        effect,
    }
}

/// What comes back of a call that was executed: no answer at all, or a code that no document names.
const GARBAGE: &[&str] = &[
    "<html>503</html>",
    r#"{"Response":{"Error":{"Code":"SomethingNew.Executed","Message":"?"},"RequestId":"9"}}"#,
];
