//! One image, several accounts.

use super::*;

#[test]
fn a_recipient_sees_the_same_id_as_a_shared_image_in_that_region_only() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    desk.share(HOME, &id, &[FRIEND]);
    assert_eq!(desk.by_id(HOME, &[&id])[0]["ImageType"], "PRIVATE_IMAGE");
    desk.become_account(FRIEND);
    let seen = &desk.by_id(HOME, &[&id])[0];
    assert_eq!(
        (seen["ImageType"].as_str(), seen["ImageCreator"].as_str()),
        (Some("SHARED_IMAGE"), Some(OWNER))
    );
    assert!(desk.by_id(AWAY, &[&id]).is_empty());
    assert_eq!(desk.sim.image_count(FRIEND.parse().unwrap(), &HOME.parse().unwrap()).unwrap(), 0);
}

#[test]
fn a_cancelled_share_is_removed_immediately_and_cancelling_it_again_changes_nothing() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    desk.share(HOME, &id, &[FRIEND, "200000000003"]);
    for _ in 0..2 {
        let cancel = json!({"ImageId": id, "AccountIds": [FRIEND], "Permission": "CANCEL"});
        desk.ok("ModifyImageSharePermission", HOME, cancel);
    }
    let answer = desk.ok("DescribeImageSharePermission", HOME, json!({"ImageId": id}));
    assert_eq!(
        answer["SharePermissionSet"],
        json!([{"CreatedTime": "2026-11-24T10:00:00Z", "AccountId": "200000000003"}])
    );
    desk.become_account(FRIEND);
    assert!(desk.by_id(HOME, &[&id]).is_empty());
}

#[test]
fn a_recipient_can_neither_change_share_nor_delete_what_it_sees() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    desk.share(HOME, &id, &[FRIEND]);
    desk.become_account(FRIEND);
    for (action, params, code) in [
        (
            "ModifyImageAttribute",
            json!({"ImageId": id, "ImageName": "mine"}),
            "UnsupportedOperation.SharedImageModifyUnsupported",
        ),
        (
            "ModifyImageSharePermission",
            json!({"ImageId": id, "AccountIds": ["200000000003"], "Permission": "SHARE"}),
            "UnauthorizedOperation.ImageNotBelongToAccount",
        ),
        ("DeleteImages", json!({"ImageIds": [id]}), "InvalidParameterValue.InvalidImageIdIsShared"),
        (
            "SyncImages",
            json!({"ImageIds": [id], "DestinationRegions": [AWAY]}),
            "InvalidParameterValue.InvalidImageId",
        ),
    ] {
        assert_eq!(desk.code(action, HOME, params), code);
    }
}

#[test]
fn a_recipient_copies_it_within_its_region_to_an_image_of_its_own() {
    let desk = Desk::instant();
    let id = desk.create(HOME, "web");
    desk.share(HOME, &id, &[FRIEND]);
    desk.become_account(FRIEND);
    let params = json!({"ImageIds": [id], "DestinationRegions": [HOME], "ImageSetRequired": true});
    let copy = desk.ok("SyncImages", HOME, params)["ImageSet"][0]["ImageId"].as_str().unwrap().to_owned();
    let seen = &desk.by_id(HOME, &[&copy])[0];
    assert_eq!(
        (seen["ImageType"].as_str(), seen["ImageCreator"].as_str()),
        (Some("PRIVATE_IMAGE"), Some(FRIEND))
    );
}

#[test]
fn names_are_unique_per_account_and_region() {
    let desk = Desk::instant();
    desk.create(HOME, "web");
    desk.create(AWAY, "web");
    desk.become_account(FRIEND);
    desk.create(HOME, "web");
}

#[test]
fn a_share_that_exists_can_be_ignored_instead_of_refused() {
    let desk = Desk::new(Settings { share_again: ShareAgain::Ignored, ..instant() });
    let id = desk.create(HOME, "web");
    desk.share(HOME, &id, &[FRIEND]);
    desk.share(HOME, &id, &[FRIEND, "200000000003"]);
    assert_eq!(desk.sim.shares(&id).unwrap().len(), 2);
}

#[test]
fn a_refused_call_can_still_share_with_the_accounts_before_the_refused_one() {
    let desk = Desk::new(Settings {
        partial_shares: true,
        accounts_per_call: Some(3),
        accounts_per_image: 4,
        ..instant()
    });
    let id = desk.create(HOME, "web");
    let share = |accounts: &[&str]| {
        desk.code(
            "ModifyImageSharePermission",
            HOME,
            json!({"ImageId": id, "AccountIds": accounts, "Permission": "SHARE"}),
        )
    };
    assert_eq!(share(&[FRIEND, OWNER, "200000000003"]), "FailedOperation.AccountIsYourSelf");
    assert_eq!(desk.sim.shares(&id).unwrap().len(), 1);
    let four = ["200000000003", "200000000004", "200000000005", "200000000006"];
    assert_eq!(share(&four), "InvalidParameterValue.LimitExceeded");
    assert_eq!(desk.sim.shares(&id).unwrap().len(), 4, "those within the cap");
    assert_eq!(share(&["200000000007"]), "OverQuota");
}
