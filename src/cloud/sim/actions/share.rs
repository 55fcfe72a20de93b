//! Sharing images with other main accounts: 213/15710 ModifyImageSharePermission and
//! 213/15712 DescribeImageSharePermission.

use serde_json::{Value, json};

use super::Action;
use super::copy::is_whole_machine;
use super::listing::time;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::ownership::Ownership;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, required};
use crate::cloud::sim::settings::{CancelAbsent, ShareAgain};
use crate::cloud::sim::world::{Image, ImageStatus};
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

fn modify_image_share_permission(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
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
    let image = own_image(context, args.text("ImageId").unwrap_or_default())?;
    validate_image(context, &image)?;
    let named = args.texts("AccountIds");
    let most =
        context.settings.accounts_per_call.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let over = named.len() > most;
    if over && !context.settings.partial_shares {
        return refuse(
            "InvalidParameterValue.LimitExceeded",
            format!("At most {most} AccountIds can be named."),
        );
    }

    let mut accounts: Vec<&str> = Vec::with_capacity(named.len());
    let mut first_refusal = None;
    for account in named.iter().copied().take(most) {
        match validate_account(context, &image, account, share, &accounts) {
            Ok(true) => accounts.push(account),
            Ok(false) => {}
            Err(ActionError::Refused(refusal)) if context.settings.partial_shares => {
                first_refusal = Some(refusal);
                break;
            }
            Err(stop) => return Err(stop),
        }
    }
    if share {
        let limit = context.settings.accounts_per_image;
        let used = context.world.share_count(&image.id)?;
        let wanted = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
        if used.saturating_add(wanted) > limit {
            let message = format!(
                "{} is shared with {used} of {limit} accounts; {wanted} more are too many.",
                image.id
            );
            if !context.settings.partial_shares {
                return refuse("OverQuota", message);
            }
            accounts.truncate(usize::try_from(limit.saturating_sub(used)).unwrap_or(usize::MAX));
            first_refusal = Some(crate::cloud::sim::Refusal::new("OverQuota", message));
        }
    }
    for account in accounts {
        if share {
            context.world.add_share(&image.id, account, context.now)?;
        } else {
            context.world.remove_share(&image.id, account)?;
        }
    }
    match first_refusal {
        Some(refusal) => Err(ActionError::Refused(refusal)),
        None if over => {
            refuse("InvalidParameterValue.LimitExceeded", format!("At most {most} AccountIds can be named."))
        }
        None => Ok(Reply::new()),
    }
}

/// Returns an image of the caller. An image of another account or of the provider is refused with a different code.
fn own_image(context: &RequestContext<'_>, id: &str) -> Result<Image, ActionError> {
    match context.image(id)? {
        (image, Ownership::Own) => Ok(image),
        (_, Ownership::Shared) => refuse(
            "UnauthorizedOperation.ImageNotBelongToAccount",
            format!("{id} does not belong to the account."),
        ),
        (_, Ownership::Public) => {
            refuse("InvalidParameterValue.InvalidImageId", format!("{id} is a public image."))
        }
    }
}

fn validate_image(context: &RequestContext<'_>, image: &Image) -> Result<(), ActionError> {
    let id = &image.id;
    let state = image.state_at(context.now);
    if state != ImageStatus::Normal {
        return refuse("InvalidParameterValue.InvalidImageState", format!("{id} is {}.", state.as_str()));
    }
    if image.license == "BYOL" {
        return refuse("FailedOperation.BYOLImageShareFailed", format!("{id} is licensed by its owner."));
    }
    if image.encrypted {
        return refuse("UnsupportedOperation.EncryptedImagesNotSupported", format!("{id} is encrypted."));
    }
    if is_whole_machine(context, id)? {
        return refuse(
            "InvalidParameter.InstanceImageNotSupport",
            format!("{id} is an image of a whole machine."),
        );
    }
    Ok(())
}

/// Returns whether the call changes the share of an account.
fn validate_account(
    context: &RequestContext<'_>,
    image: &Image,
    account: &str,
    share: bool,
    before: &[&str],
) -> Result<bool, ActionError> {
    let id: AccountId = match account.parse() {
        Ok(id) if context.account_exists(id) => id,
        _ => return refuse("InvalidAccountId.NotFound", format!("AccountId {account} is not found.")),
    };
    if account == context.caller {
        let twin = context.settings.twin_codes;
        let code = if twin { "InvalidAccountIs.YourSelf" } else { "FailedOperation.AccountIsYourSelf" };
        return refuse(code, format!("AccountId {account} is your own."));
    }
    if context.settings.sub_users.contains(&id) {
        return refuse(
            "FailedOperation.NotMasterAccount",
            format!("AccountId {account} is not a main account."),
        );
    }
    let has = context.world.is_shared_with(&image.id, account)?;
    match (share, has || (share && before.contains(&account))) {
        (true, true) => match context.settings.share_again {
            ShareAgain::Ignored => Ok(false),
            ShareAgain::Refused => refuse(
                "FailedOperation.AccountAlreadyExists",
                format!("{} is shared with {account} already.", image.id),
            ),
        },
        (false, false) => match context.settings.cancel_absent {
            CancelAbsent::Ignored => Ok(false),
            CancelAbsent::Refused => {
                refuse("InvalidAccountId.NotFound", format!("{} is not shared with {account}.", image.id))
            }
        },
        _ => Ok(true),
    }
}

fn describe_image_share_permission(
    context: &RequestContext<'_>,
    args: Args<'_>,
) -> Result<Reply, ActionError> {
    let id = args.text("ImageId").unwrap_or_default();
    let (image, ownership) = context.image(id)?;
    if ownership != Ownership::Own {
        return refuse(
            "UnauthorizedOperation.ImageNotBelongToAccount",
            format!("{id} does not belong to the account."),
        );
    }
    let shares = context.world.shares(&image.id)?;
    let set = shares
        .iter()
        .map(|share| {
            json!({
                "CreatedTime": time(context.settings.timestamps, share.created_at),
                "AccountId": share.account,
            })
        })
        .collect();
    Ok(Reply::from_iter([("SharePermissionSet".to_owned(), Value::Array(set))]))
}
