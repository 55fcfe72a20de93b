//! Sharing images with other main accounts: 213/15710 ModifyImageSharePermission and
//! 213/15712 DescribeImageSharePermission.

use serde_json::{Value, json};

use super::Action;
use super::copy::is_whole_machine;
use super::describe::time;
use crate::cloud::Service;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{Stop, refuse};
use crate::cloud::sim::scene::{RequestContext, Standing};
use crate::cloud::sim::schema::{Args, Kind, required};
use crate::cloud::sim::settings::{CancelAbsent, ShareAgain};
use crate::cloud::sim::world::{Image, State};
use crate::model::AccountId;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Cvm,
        name: "ModifyImageSharePermission",
        regional: true,
        rate: 10,
        fields: &[
            required("ImageId", Kind::Text),
            required("AccountIds", Kind::Texts),
            required("Permission", Kind::Text),
        ],
        codes: &[
            "FailedOperation.AccountAlreadyExists",
            "FailedOperation.AccountIsYourSelf",
            "FailedOperation.BYOLImageShareFailed",
            "FailedOperation.NotMasterAccount",
            "InvalidAccountId.NotFound",
            "InvalidAccountIs.YourSelf",
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "InvalidParameter.InstanceImageNotSupport",
            "InvalidParameterValue.InvalidImageId",
            "InvalidParameterValue.InvalidImageState",
            "InvalidParameterValue.LimitExceeded",
            "OverQuota",
            "UnauthorizedOperation.ImageNotBelongToAccount",
            "UnsupportedOperation.EncryptedImagesNotSupported",
        ],
        run: modify_image_share_permission,
    },
    Action {
        service: Service::Cvm,
        name: "DescribeImageSharePermission",
        regional: true,
        rate: 10,
        fields: &[required("ImageId", Kind::Text)],
        codes: &[
            "InvalidImageId.Malformed",
            "InvalidImageId.NotFound",
            "UnauthorizedOperation.ImageNotBelongToAccount",
        ],
        run: describe_image_share_permission,
    },
];

fn modify_image_share_permission(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    let share = match args.text("Permission") {
        Some("SHARE") => true,
        Some("CANCEL") => false,
        other => {
            let given = other.unwrap_or_default();
            return refuse(
                "InvalidParameterValue",
                format!("Permission {given} is neither SHARE nor CANCEL."),
            );
        }
    };
    let image = own_image(scene, args.text("ImageId").unwrap_or_default())?;
    judge_image(scene, &image)?;
    let named = args.texts("AccountIds");
    let most =
        scene.settings.accounts_per_call.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let over = named.len() > most;
    if over && !scene.settings.partial_shares {
        return refuse(
            "InvalidParameterValue.LimitExceeded",
            format!("At most {most} AccountIds can be named."),
        );
    }

    let mut accounts: Vec<&str> = Vec::with_capacity(named.len());
    let mut first_refusal = None;
    for account in named.iter().copied().take(most) {
        match judge_account(scene, &image, account, share, &accounts) {
            Ok(true) => accounts.push(account),
            Ok(false) => {}
            Err(Stop::Refused(refusal)) if scene.settings.partial_shares => {
                first_refusal = Some(refusal);
                break;
            }
            Err(stop) => return Err(stop),
        }
    }
    if share {
        let limit = scene.settings.accounts_per_image;
        let used = scene.world.share_count(&image.id)?;
        let wanted = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
        if used.saturating_add(wanted) > limit {
            let message = format!(
                "{} is shared with {used} of {limit} accounts; {wanted} more are too many.",
                image.id
            );
            if !scene.settings.partial_shares {
                return refuse("OverQuota", message);
            }
            accounts.truncate(usize::try_from(limit.saturating_sub(used)).unwrap_or(usize::MAX));
            first_refusal = Some(crate::cloud::sim::Refusal::new("OverQuota", message));
        }
    }
    for account in accounts {
        if share {
            scene.world.add_share(&image.id, account, scene.now)?;
        } else {
            scene.world.remove_share(&image.id, account)?;
        }
    }
    match first_refusal {
        Some(refusal) => Err(Stop::Refused(refusal)),
        None if over => {
            refuse("InvalidParameterValue.LimitExceeded", format!("At most {most} AccountIds can be named."))
        }
        None => Ok(Reply::new()),
    }
}

/// An image of the caller's own; one that it only sees is refused by who it belongs to.
fn own_image(scene: &RequestContext<'_>, id: &str) -> Result<Image, Stop> {
    match scene.image(id)? {
        (image, Standing::Own) => Ok(image),
        (_, Standing::SharedInImage) => refuse(
            "UnauthorizedOperation.ImageNotBelongToAccount",
            format!("{id} does not belong to the account."),
        ),
        (_, Standing::Public) => {
            refuse("InvalidParameterValue.InvalidImageId", format!("{id} is a public image."))
        }
    }
}

fn judge_image(scene: &RequestContext<'_>, image: &Image) -> Result<(), Stop> {
    let id = &image.id;
    let state = image.state_at(scene.now);
    if state != State::Normal {
        return refuse("InvalidParameterValue.InvalidImageState", format!("{id} is {}.", state.as_str()));
    }
    if image.license == "BYOL" {
        return refuse("FailedOperation.BYOLImageShareFailed", format!("{id} is licensed by its owner."));
    }
    if image.encrypted {
        return refuse("UnsupportedOperation.EncryptedImagesNotSupported", format!("{id} is encrypted."));
    }
    if is_whole_machine(scene, id)? {
        return refuse(
            "InvalidParameter.InstanceImageNotSupport",
            format!("{id} is an image of a whole machine."),
        );
    }
    Ok(())
}

/// Whether something is to be done for an account.
fn judge_account(
    scene: &RequestContext<'_>,
    image: &Image,
    account: &str,
    share: bool,
    before: &[&str],
) -> Result<bool, Stop> {
    let id: AccountId = match account.parse() {
        Ok(id) if scene.account_exists(id) => id,
        _ => return refuse("InvalidAccountId.NotFound", format!("AccountId {account} is not found.")),
    };
    if account == scene.caller {
        let twin = scene.settings.twin_codes;
        let code = if twin { "InvalidAccountIs.YourSelf" } else { "FailedOperation.AccountIsYourSelf" };
        return refuse(code, format!("AccountId {account} is your own."));
    }
    if scene.settings.sub_users.contains(&id) {
        return refuse(
            "FailedOperation.NotMasterAccount",
            format!("AccountId {account} is no main account."),
        );
    }
    let has = scene.world.is_shared_with(&image.id, account)?;
    match (share, has || (share && before.contains(&account))) {
        (true, true) => match scene.settings.share_again {
            ShareAgain::Ignored => Ok(false),
            ShareAgain::Refused => refuse(
                "FailedOperation.AccountAlreadyExists",
                format!("{} is shared with {account} already.", image.id),
            ),
        },
        (false, false) => match scene.settings.cancel_absent {
            CancelAbsent::Ignored => Ok(false),
            CancelAbsent::Refused => {
                refuse("InvalidAccountId.NotFound", format!("{} is not shared with {account}.", image.id))
            }
        },
        _ => Ok(true),
    }
}

fn describe_image_share_permission(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    let id = args.text("ImageId").unwrap_or_default();
    let (image, standing) = scene.image(id)?;
    if standing != Standing::Own {
        return refuse(
            "UnauthorizedOperation.ImageNotBelongToAccount",
            format!("{id} does not belong to the account."),
        );
    }
    let shares = scene.world.shares(&image.id)?;
    let set = shares
        .iter()
        .map(|share| {
            json!({
                "CreatedTime": time(scene.settings.timestamps, share.created_at),
                "AccountId": share.account,
            })
        })
        .collect();
    Ok(Reply::from_iter([("SharePermissionSet".to_owned(), Value::Array(set))]))
}
