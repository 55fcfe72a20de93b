//! Changes by hand are reported as drift, and the next apply reverts them as far as they are managed.

use goldform::cloud::CloudWrite;
use goldform::cloud::NewImage;
use goldform::cloud::sim::Image as Real;
use goldform::diff::{DriftItem, PlanMode};
use goldform::model::{Accounts, Attributes, ImageId, Region, Source, SourceKind, Tags};
use goldform::testing::desired;
use proptest::prelude::*;

use super::manifests::{Manifest, edited, story};
use super::stage::{Stage, Tally, cases, in_paused_time, roomy};

/// What somebody does by hand to the image at a position.
#[derive(Debug, Clone, Copy)]
enum Mischief {
    Delete,
    Rename,
    Describe,
    Family,
    Retag,
    Untag,
    TagByHand,
    Unshare,
    ShareByHand,
    MakeAnother,
}

/// An account that no manifest names.
const STRANGER: &str = "900000000009";
/// A tag that no manifest names.
const BY_HAND: (&str, &str) = ("by-hand", "yes");

fn mischief() -> impl Strategy<Value = Mischief> {
    prop::sample::select(vec![
        Mischief::Delete,
        Mischief::Rename,
        Mischief::Describe,
        Mischief::Family,
        Mischief::Retag,
        Mischief::Untag,
        Mischief::TagByHand,
        Mischief::Unshare,
        Mischief::ShareByHand,
        Mischief::MakeAnother,
    ])
}

/// Expected report.
#[derive(Debug, PartialEq)]
enum CommandResult {
    Nothing,
    Missing,
    Changed(String),
    Unshared(usize),
    SharedByOthers,
}

/// Does it, through a client of its own, and changes the ideal if nothing is reverted. Returns the expected report.
async fn make(
    stage: &mut Stage,
    manifest: &Manifest,
    mischief: Mischief,
    image: &Real,
) -> Option<CommandResult> {
    let cloud = stage.bench.cloud();
    let region: Region = image.region.parse().unwrap();
    let id: ImageId = image.id.parse().unwrap();
    let shares = shares(stage, image);
    let (ideal, is_current) = stage.ideal.image(&image.region, &image.name).unwrap();
    let entry = manifest.entries.iter().find(|(number, entry)| {
        let name = entry.name_template(**number).replace("{generation}", "");
        image.name.starts_with(&name)
    });
    // Earlier generations are only kept: nothing is mended on them but their loss.
    if !is_current && !matches!(mischief, Mischief::Delete | Mischief::MakeAnother) {
        return None;
    }
    let (_, entry) = entry?;
    let set = |set: Attributes| {
        let (cloud, region, id) = (cloud.clone(), region.clone(), id.clone());
        async move { cloud.modify_image(&region, &id, &set).await.unwrap() }
    };
    let tag = |tags: Tags, unset: Vec<&'static str>| {
        let (cloud, region, id, owner) = (cloud.clone(), region.clone(), id.clone(), stage.bench.account);
        let unset: Vec<_> = unset.into_iter().map(Into::into).collect();
        async move { cloud.tag_image(owner, &region, &id, &tags, &unset).await.unwrap() }
    };
    Some(match mischief {
        Mischief::Delete => {
            cloud.unshare_image(&region, &id, &shares).await.unwrap();
            cloud.delete_image(&region, &id, true).await.unwrap();
            stage.ideal.lose(&image.region, &image.name);
            CommandResult::Missing
        }
        Mischief::Rename => {
            set(Attributes { name: Some("renamed-by-hand".into()), ..Attributes::default() }).await;
            CommandResult::Changed("name".to_owned())
        }
        Mischief::Describe => {
            set(Attributes { description: Some("by hand".to_owned()), ..Attributes::default() }).await;
            if entry.description.is_none() {
                ideal.description = "by hand".to_owned();
                CommandResult::Nothing
            } else {
                CommandResult::Changed("description".to_owned())
            }
        }
        Mischief::Family => {
            set(Attributes { family: Some("by-hand".into()), ..Attributes::default() }).await;
            if entry.family.is_none() {
                ideal.family = "by-hand".to_owned();
                CommandResult::Nothing
            } else {
                CommandResult::Changed("family".to_owned())
            }
        }
        Mischief::Retag => {
            let key = format!("tag-{}", entry.tags.keys().next()?);
            tag(Tags::from([(key.as_str().into(), "by-hand".into())]), Vec::new()).await;
            CommandResult::Changed(format!("tags.{key}"))
        }
        Mischief::Untag => {
            tag(Tags::new(), vec!["goldform"]).await;
            CommandResult::Changed("tags.goldform".to_owned())
        }
        Mischief::TagByHand => {
            tag(Tags::from([(BY_HAND.0.into(), BY_HAND.1.into())]), Vec::new()).await;
            CommandResult::Nothing
        }
        Mischief::Unshare => {
            let account = shares.iter().next()?;
            let gone: Accounts = [account].into_iter().collect();
            cloud.unshare_image(&region, &id, &gone).await.unwrap();
            CommandResult::Unshared(1)
        }
        Mischief::ShareByHand => {
            let stranger: Accounts = [STRANGER.parse().unwrap()].into_iter().collect();
            cloud.share_image(&region, &id, &stranger).await.unwrap();
            CommandResult::SharedByOthers
        }
        Mischief::MakeAnother => {
            let attributes = Attributes { name: Some("made-by-hand".into()), ..Attributes::default() };
            let kind = SourceKind::Instance {
                id: "ins-99999999".parse().unwrap(),
                power_off: false,
                sysprep: false,
                data_disks: Vec::new(),
            };
            let another = NewImage::new(attributes, Tags::new(), Source { kind, revision: None });
            cloud.create_image(&region, &another).await.unwrap();
            CommandResult::Nothing
        }
    })
}

fn shares(stage: &Stage, image: &Real) -> Accounts {
    let shares = stage.bench.sim.shares(&image.id).unwrap();
    shares.into_iter().map(|share| share.account.parse().unwrap()).collect()
}

fn reported(items: &[DriftItem]) -> CommandResult {
    match items {
        [] => CommandResult::Nothing,
        [DriftItem::Missing { .. }] => CommandResult::Missing,
        [DriftItem::Changed { fields, .. }] => {
            let fields: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
            CommandResult::Changed(fields.join(", "))
        }
        [DriftItem::Unshared { accounts, .. }] => CommandResult::Unshared(accounts.len()),
        [DriftItem::SharedByOthers { .. }] => CommandResult::SharedByOthers,
        several => panic!("{several:#?}"),
    }
}

#[test]
fn what_is_changed_by_hand_is_reported_and_healed() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(160), |((manifest, edits) in story(), mischief in mischief(), victim: usize)| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            stage.apply(&manifest, &TALLY).await;
            let mut manifest = manifest;
            let after = edited(&manifest, &edits);
            if stage.apply(&after, &TALLY).await.is_some() {
                manifest = after;
            }
            let images = stage.bench.sim.images().unwrap();
            if images.is_empty() {
                return;
            }
            let victim = &images[victim % images.len()];
            let Some(expected) = make(&mut stage, &manifest, mischief, victim).await else { return };

            // It is reported, once.
            let wanted = desired(&manifest.yaml());
            let mut snapshot = stage.bench.snapshot().await;
            let drift = stage.bench.observe(&wanted, &mut snapshot).await;
            assert_eq!(reported(&drift.items), expected, "{mischief:?} of {victim:#?}");
            assert_eq!(stage.bench.observe(&wanted, &mut snapshot).await.items, [], "reported once");

            // And it is healed.
            let (_, outcome) = stage.bench.apply(&wanted, PlanMode::Normal).await;
            assert!(outcome.is_complete(), "{outcome:#?}");
            stage.ideal.follow(&manifest);
            what_is_not_ours_stays(&mut stage, &manifest, mischief, victim);
            stage.holds_what_it_should(&wanted).await;
            TALLY.count(format!("{mischief:?}"));
        });
        TALLY.count("stories");
    });
    TALLY.print("heal");
}

/// What goldform does not manage is left as it is: it is taken away here, so that only what is managed is compared.
fn what_is_not_ours_stays(stage: &mut Stage, manifest: &Manifest, mischief: Mischief, victim: &Real) {
    let images = stage.bench.sim.images().unwrap();
    match mischief {
        Mischief::TagByHand => {
            let (ideal, _) = stage.ideal.image(&victim.region, &victim.name).unwrap();
            ideal.tags.insert(BY_HAND.0.to_owned(), BY_HAND.1.to_owned());
        }
        Mischief::ShareByHand => {
            let exclusive = manifest.entries.values().any(|entry| {
                entry.exclusive
                    && !entry.shares.is_empty()
                    && manifest.shared_regions(entry).iter().any(|at| manifest.region(*at) == victim.region)
            });
            let shares = stage.bench.sim.shares(&victim.id).unwrap();
            let stays = shares.iter().any(|share| share.account == STRANGER);
            assert!(stays || exclusive, "only an exclusive share revokes what others shared");
            if stays {
                let (ideal, _) = stage.ideal.image(&victim.region, &victim.name).unwrap();
                ideal.shares.insert(STRANGER.to_owned());
            }
        }
        Mischief::MakeAnother => {
            let another = images.iter().find(|image| image.name == "made-by-hand").unwrap();
            stage.ideal.expect_another(another.region.clone(), another.name.clone());
        }
        _ => {}
    }
}
