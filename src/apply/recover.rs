//! Repairs what a killed run left behind: intents without an outcome.
//!
//! The dangerous gap is between the call and its answer: the service may or may not have made an image. No
//! image action takes a client token, so the image's name, unique in its region, is the natural key: look for
//! the exact name, and take the image over only when everything known speaks for it.

use jiff::{SignedDuration, Timestamp};

use crate::cloud::{CloudError, CloudRead, ImageFilter};
use crate::model::{ImageId, ImageKind, Operation};
use crate::state::{Event, Intent, ObservedImage, Recorded, Snapshot, StepId};

/// How far the service's clock may be from ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// The image was made: it is taken over.
    Adopted(ImageId),
    /// It was not executed: it is planned again.
    NotExecuted,
    /// What it did shows in the next listing.
    SeenByListing,
    /// It may have made one of these, and nothing tells which or whether: a person must look.
    Doubtful(Vec<ImageId>),
}

/// Looks at every intent of a snapshot and gives the events that close it, and what became of each.
///
/// # Errors
/// When the service cannot be asked.
pub async fn recover(
    cloud: &dyn CloudRead,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Vec<(StepId, Recovered, Vec<Event>)>, CloudError> {
    let mut recovered = Vec::new();
    for (step, intent) in &snapshot.intents {
        let (what, events) = recover_one(cloud, snapshot, step, intent, now).await?;
        recovered.push((step.clone(), what, events));
    }
    Ok(recovered)
}

async fn recover_one(
    cloud: &dyn CloudRead,
    snapshot: &Snapshot,
    step: &StepId,
    intent: &Intent,
    now: Timestamp,
) -> Result<(Recovered, Vec<Event>), CloudError> {
    let failed = |why: &str| Event::Failed { step: step.clone(), at: now, why: why.to_owned(), state: None };
    if intent.accepted.is_some() {
        // The placement is recorded, and the listing that follows shows its state.
        return Ok((
            Recovered::SeenByListing,
            vec![Event::Settled { step: step.clone(), at: now, image: None }],
        ));
    }
    if !intent.operation.makes_image() {
        return Ok((
            Recovered::SeenByListing,
            vec![failed("the run ended before the answer came; the listing shows what it did")],
        ));
    }
    Ok(match find_made(cloud, &snapshot.recorded, snapshot.lineage.0.as_str(), intent).await? {
        Found::One(image) => {
            let accepted = Event::Accepted { step: step.clone(), at: intent.at, id: image.id.clone() };
            let settled = Event::Settled { step: step.clone(), at: now, image: None };
            (Recovered::Adopted(image.id), vec![accepted, settled])
        }
        Found::None => (
            Recovered::NotExecuted,
            vec![failed("the run ended before the answer came, and no image was made")],
        ),
        Found::Doubtful(ids) => (Recovered::Doubtful(ids), Vec::new()),
    })
}

/// What a lookup by name found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The image that the intent made.
    One(Box<ObservedImage>),
    /// No image of that name.
    None,
    /// Images of that name that may or may not be it.
    Doubtful(Vec<ImageId>),
}

/// Looks for the image that a create or copy may have made.
///
/// # Errors
/// When the service cannot be asked.
pub async fn find_made(
    cloud: &dyn CloudRead,
    recorded: &Recorded,
    lineage: &str,
    intent: &Intent,
) -> Result<Found, CloudError> {
    let Some(name) = intent.operation.made_name() else { return Ok(Found::None) };
    let region = &intent.operation.at().region;
    let filter = ImageFilter { kind: Some(ImageKind::Custom), name: Some(name.clone()) };
    // The service's name filter is fuzzy: compare exactly.
    let mut named = cloud.images(region, &filter).await?;
    named.retain(|image| image.name == *name && image.kind == ImageKind::Custom);
    if named.is_empty() {
        return Ok(Found::None);
    }
    // The service truncates to seconds, and its clock may differ. An image that was there before the intent is
    // somebody else's; since names are unique, the call was then refused.
    let earliest = intent.at.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
    named.retain(|image| image.created >= earliest && !names_another_state(image, lineage, intent));
    match named.as_slice() {
        [] => Ok(Found::None),
        [image] if intent.name_was_free && looks_like_it(image, recorded, intent) => {
            Ok(Found::One(Box::new(image.clone())))
        }
        several => Ok(Found::Doubtful(several.iter().map(|image| image.id.clone()).collect())),
    }
}

/// Whether the image carries an ownership tag of another state.
fn names_another_state(image: &ObservedImage, lineage: &str, intent: &Intent) -> bool {
    let Operation::Create { tags, .. } = &intent.operation else { return false };
    let owned = tags.iter().find(|(_, value)| *value == lineage);
    owned.is_some_and(|(key, value)| image.tags.get(key).is_some_and(|seen| seen != value))
}

/// Whether a copy is like its origin in what never changes. Of a create nothing is known beforehand.
fn looks_like_it(image: &ObservedImage, recorded: &Recorded, intent: &Intent) -> bool {
    let Operation::Copy { at, from, .. } = &intent.operation else { return true };
    let mut source = at.clone();
    source.region = from.clone();
    let build = recorded.placement(&source).and_then(|placement| placement.build.as_ref());
    build.is_none_or(|build| {
        build.size_gib == image.build.size_gib
            && build.os == image.build.os
            && build.architecture == image.build.architecture
    })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::model::{AccountId, Accounts, ImageState, Region};
    use crate::plan::Plan;
    use crate::state::ImportSystems;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{applied, at, build, noon, placement, plan_to, step};

    /// A cloud that lists these images, whatever it is asked for.
    struct Lists(Vec<ObservedImage>);

    #[async_trait]
    impl CloudRead for Lists {
        async fn images(&self, _: &Region, _: &ImageFilter) -> Result<Vec<ObservedImage>, CloudError> {
            Ok(self.0.clone())
        }

        async fn images_by_id(&self, _: &Region, _: &[ImageId]) -> Result<Vec<ObservedImage>, CloudError> {
            unreachable!("recovery looks by name")
        }

        async fn shares(&self, _: &Region, _: &ImageId) -> Result<Accounts, CloudError> {
            unreachable!("recovery reads no shares")
        }

        async fn image_limit(&self, _: &Region) -> Result<u32, CloudError> {
            unreachable!("recovery reads no limits")
        }

        async fn import_systems(&self, _: &Region) -> Result<ImportSystems, CloudError> {
            unreachable!("recovery imports nothing")
        }

        async fn regions(&self) -> Result<Vec<Region>, CloudError> {
            unreachable!("recovery reads no regions")
        }

        async fn caller(&self) -> Result<AccountId, CloudError> {
            unreachable!("recovery asks for nobody")
        }
    }

    /// What the call of an intent would have made.
    fn made(name: &str) -> ObservedImage {
        ObservedImage {
            id: "img-0a1b2c3d".parse().unwrap(),
            name: name.into(),
            description: String::new(),
            family: Default::default(),
            deprecated: false,
            tags: [("goldform".into(), crate::testing::LINEAGE.into())].into(),
            state: ImageState::Creating,
            kind: ImageKind::Custom,
            created: noon(),
            creator: "100000000001".into(),
            build: build(),
        }
    }

    fn intent(plan: &Plan, id: &str) -> Intent {
        let operation = plan.graph.step(step(plan, id)).unwrap().operation.clone();
        let operation = operation.owned_by(crate::testing::LINEAGE);
        Intent { at: noon(), operation, name_was_free: true, accepted: None }
    }

    const CREATE: &str = "create image.db@ap-jakarta#1";

    /// What becomes of the first create of the example, when these images are listed.
    async fn found(images: Vec<ObservedImage>, change: impl FnOnce(&mut Intent)) -> Found {
        let snapshot = applied(&[]);
        let mut intent = intent(&plan_to(&snapshot, EXAMPLE), CREATE);
        change(&mut intent);
        find_made(&Lists(images), &snapshot.recorded, crate::testing::LINEAGE, &intent).await.unwrap()
    }

    fn one(name: &str) -> Found {
        Found::One(Box::new(made(name)))
    }

    #[tokio::test]
    async fn an_image_of_just_that_name_is_the_one_that_was_made() {
        assert_eq!(found(vec![made("db-1")], |_| {}).await, one("db-1"));
        assert_eq!(found(Vec::new(), |_| {}).await, Found::None);
    }

    #[tokio::test]
    async fn a_name_that_only_holds_the_text_is_another_one() {
        assert_eq!(found(vec![made("db-10"), made("my-db-1")], |_| {}).await, Found::None);
    }

    #[tokio::test]
    async fn an_image_that_others_share_is_another_one() {
        let lent = ObservedImage { kind: ImageKind::Shared, ..made("db-1") };
        assert_eq!(found(vec![lent], |_| {}).await, Found::None);
    }

    #[tokio::test]
    async fn an_image_that_was_there_before_is_another_one_and_a_clock_may_differ_by_five_minutes() {
        let at = |ago| noon().checked_sub(ago).unwrap();
        let late = ObservedImage { created: at(SKEW), ..made("db-1") };
        assert_eq!(found(vec![late.clone()], |_| {}).await, Found::One(Box::new(late)));
        let before = ObservedImage { created: at(SKEW + SignedDuration::from_secs(1)), ..made("db-1") };
        assert_eq!(found(vec![before], |_| {}).await, Found::None);
    }

    #[tokio::test]
    async fn an_image_that_carries_the_tag_of_another_state_is_another_one() {
        let mut other = made("db-1");
        other.tags.insert("goldform".into(), "lineage-2".into());
        assert_eq!(found(vec![other], |_| {}).await, Found::None);
        let mut untagged = made("db-1");
        untagged.tags.clear();
        assert!(matches!(found(vec![untagged], |_| {}).await, Found::One(_)), "the tag may come later");
    }

    #[tokio::test]
    async fn where_the_name_was_not_seen_to_be_free_a_person_must_look() {
        let doubtful = Found::Doubtful(vec!["img-0a1b2c3d".parse().unwrap()]);
        assert_eq!(found(vec![made("db-1")], |intent| intent.name_was_free = false).await, doubtful);
    }

    #[tokio::test]
    async fn of_several_candidates_all_are_shown() {
        let second = ObservedImage { id: "img-00000002".parse().unwrap(), ..made("db-1") };
        let Found::Doubtful(ids) = found(vec![made("db-1"), second], |_| {}).await else {
            panic!("two of them")
        };
        assert_eq!(ids.len(), 2);
    }

    #[tokio::test]
    async fn a_copy_is_like_what_it_was_copied_from() {
        let snapshot = applied(&[EXAMPLE]);
        let more = EXAMPLE.replace("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-tokyo, ap-seoul]");
        let intent = intent(&plan_to(&snapshot, &more), "copy image.web@ap-seoul#1");
        let find = async |image: ObservedImage| {
            find_made(&Lists(vec![image]), &snapshot.recorded, crate::testing::LINEAGE, &intent)
                .await
                .unwrap()
        };
        let mut copy = made("web-1");
        copy.tags.clear();
        assert_eq!(find(copy.clone()).await, Found::One(Box::new(copy.clone())));
        copy.build.size_gib = 51;
        assert!(matches!(find(copy).await, Found::Doubtful(_)));
    }

    /// What becomes of a snapshot with one intent.
    async fn recovered(
        snapshot: &mut Snapshot,
        id: &str,
        intent: Intent,
        images: Vec<ObservedImage>,
    ) -> Recovered {
        snapshot.intents.insert(StepId(id.into()), intent);
        let mut recovered = recover(&Lists(images), snapshot, noon()).await.unwrap();
        let (_, what, events) = recovered.remove(0);
        for event in &events {
            snapshot.take(event).unwrap();
        }
        snapshot.verify().unwrap();
        assert_eq!(snapshot.intents.is_empty(), !matches!(what, Recovered::Doubtful(_)));
        what
    }

    #[tokio::test]
    async fn an_image_that_was_made_is_taken_over_and_one_that_was_not_is_planned_again() {
        let mut snapshot = applied(&[]);
        let make = intent(&plan_to(&snapshot, EXAMPLE), CREATE);
        let what = recovered(&mut snapshot, CREATE, make.clone(), vec![made("db-1")]).await;
        assert_eq!(what, Recovered::Adopted("img-0a1b2c3d".parse().unwrap()));
        assert_eq!(placement(&mut snapshot, "image.db@ap-jakarta#1").id.as_str(), "img-0a1b2c3d");

        let mut snapshot = applied(&[]);
        assert_eq!(recovered(&mut snapshot, CREATE, make, Vec::new()).await, Recovered::NotExecuted);
        assert!(snapshot.recorded.images.is_empty());
    }

    #[tokio::test]
    async fn an_accepted_image_and_every_other_call_show_in_the_next_listing() {
        let mut snapshot = applied(&[EXAMPLE]);
        let change = EXAMPLE.replace("Ubuntu with nginx", "Ubuntu with Caddy");
        let update = "update image.web@ap-tokyo#1";
        let set = intent(&plan_to(&snapshot, &change), update);
        assert_eq!(recovered(&mut snapshot, update, set, Vec::new()).await, Recovered::SeenByListing);

        let accepted = {
            let id = placement(&mut snapshot, "image.db@ap-jakarta#1").id.clone();
            Intent { accepted: Some(id), ..intent(&plan_to(&applied(&[]), EXAMPLE), CREATE) }
        };
        assert_eq!(recovered(&mut snapshot, CREATE, accepted, Vec::new()).await, Recovered::SeenByListing);
        assert!(snapshot.recorded.placement(&at("image.db@ap-jakarta#1")).is_some());
    }

    #[tokio::test]
    async fn a_doubtful_intent_stays_open() {
        let mut snapshot = applied(&[]);
        let make = Intent { name_was_free: false, ..intent(&plan_to(&snapshot, EXAMPLE), CREATE) };
        let what = recovered(&mut snapshot, CREATE, make, vec![made("db-1")]).await;
        assert!(matches!(what, Recovered::Doubtful(_)));
    }
}
