//! What became of intents, and whose an image of the right name is.

use async_trait::async_trait;
use compact_str::CompactString;

use super::*;
use crate::model::{AccountId, Accounts, ImageState, Region, Tags};
use crate::plan::Plan;
use crate::state::{Edit, ImportSystems, Observed, ObservedRegion, state_edit};
use crate::testing::EXAMPLE;
use crate::testing::worlds::{applied, at, build, generation, noon, placement, plan_to, step};

/// A cloud that lists these images, whatever it is asked for; the tag service knows these tags.
struct Lists {
    images: Vec<ObservedImage>,
    tags: Tags,
    misses_ids: bool,
}

impl Lists {
    fn new(images: Vec<ObservedImage>, tags: Tags) -> Self {
        Self { images, tags, misses_ids: false }
    }
}

#[async_trait]
impl CloudRead for Lists {
    async fn images(&self, _: &Region, _: &ImageFilter) -> Result<Vec<ObservedImage>, CloudError> {
        Ok(self.images.clone())
    }

    async fn images_by_id(&self, _: &Region, ids: &[ImageId]) -> Result<Vec<ObservedImage>, CloudError> {
        let found = self.images.iter().filter(|image| ids.contains(&image.id) && !self.misses_ids);
        Ok(found.cloned().collect())
    }

    async fn shares(&self, _: &Region, _: &ImageId) -> Result<Accounts, CloudError> {
        unreachable!("recovery reads no shares")
    }

    async fn tags(&self, _: &Region, images: &[ImageId]) -> Result<BTreeMap<ImageId, Tags>, CloudError> {
        Ok(images.iter().map(|id| (id.clone(), self.tags.clone())).collect())
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

const LINEAGE: &str = crate::testing::LINEAGE;

fn tag(lineage: &str) -> Tags {
    [(CompactString::new("goldform"), CompactString::new(lineage))].into()
}

/// What the call of an intent would have made.
fn made(name: &str) -> ObservedImage {
    ObservedImage {
        id: "img-0a1b2c3d".parse().unwrap(),
        name: name.into(),
        description: String::new(),
        family: Default::default(),
        deprecated: false,
        tags: tag(LINEAGE),
        state: ImageState::Creating,
        kind: ImageKind::Custom,
        created: noon(),
        creator: "100000000001".into(),
        build: build(),
    }
}

fn intent(snapshot: &Snapshot, plan: &Plan, id: &str) -> Intent {
    let operation = plan.graph[step(plan, id)].operation.clone();
    Intent::new(noon(), snapshot.recorded.as_sent(operation, LINEAGE))
}

const CREATE: &str = "create image.db@ap-jakarta#1";
const COPY: &str = "copy image.web@ap-seoul#1";

/// The first create of the example.
fn create() -> (Snapshot, Intent) {
    let snapshot = applied(&[]);
    let intent = intent(&snapshot, &plan_to(&snapshot, EXAMPLE), CREATE);
    (snapshot, intent)
}

/// A copy to a region that is added to the example.
fn copy() -> (Snapshot, Intent) {
    let snapshot = applied(&[EXAMPLE]);
    let more = EXAMPLE.replace("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-tokyo, ap-seoul]");
    let intent = intent(&snapshot, &plan_to(&snapshot, &more), COPY);
    (snapshot, intent)
}

fn later(minutes: i64) -> Timestamp {
    noon().checked_add(SignedDuration::from_mins(minutes)).unwrap()
}

async fn find(
    (snapshot, intent): &(Snapshot, Intent),
    images: Vec<ObservedImage>,
    tags: Tags,
    now: Timestamp,
) -> LookupResult {
    find_made(&Lists::new(images, tags), &snapshot.recorded, LINEAGE, intent, now).await.unwrap()
}

fn ours(image: ObservedImage) -> LookupResult {
    LookupResult::Ours(Box::new(image))
}

fn others(image: &ObservedImage) -> LookupResult {
    LookupResult::Others(vec![image.id.clone()])
}

#[tokio::test]
async fn an_image_of_just_that_name_with_our_tag_is_ours() {
    assert_eq!(find(&create(), vec![made("db-1")], Tags::new(), noon()).await, ours(made("db-1")));
    assert_eq!(find(&create(), Vec::new(), Tags::new(), noon()).await, LookupResult::Nothing);
}

#[tokio::test]
async fn a_name_that_only_holds_the_text_is_another_one() {
    let near = vec![made("db-10"), made("my-db-1")];
    assert_eq!(find(&create(), near, Tags::new(), noon()).await, LookupResult::Nothing);
}

#[tokio::test]
async fn an_image_that_others_share_is_another_one() {
    let shared = ObservedImage { kind: ImageKind::Shared, ..made("db-1") };
    assert_eq!(find(&create(), vec![shared], Tags::new(), noon()).await, LookupResult::Nothing);
}

#[tokio::test]
async fn an_image_that_was_made_before_or_long_after_the_call_is_another_one() {
    for (minutes, is_ours) in [(-5, true), (-6, false), (10, true), (11, false)] {
        let image = ObservedImage { created: later(minutes), ..made("db-1") };
        let expected = if is_ours { ours(image.clone()) } else { others(&image) };
        assert_eq!(find(&create(), vec![image], Tags::new(), later(60)).await, expected, "{minutes}");
    }
}

#[tokio::test]
async fn an_image_that_carries_the_tag_of_another_state_is_another_one() {
    let other = ObservedImage { tags: tag("lineage-2"), ..made("db-1") };
    assert_eq!(find(&create(), vec![other.clone()], Tags::new(), noon()).await, others(&other));
}

#[tokio::test]
async fn a_tag_that_listings_do_not_show_is_asked_for_and_awaited_for_ten_minutes() {
    let untagged = ObservedImage { tags: Tags::new(), ..made("db-1") };
    let find = async |tags: Tags, now| find(&create(), vec![untagged.clone()], tags, now).await;
    assert_eq!(find(tag(LINEAGE), noon()).await, ours(untagged.clone()));
    assert_eq!(find(tag("lineage-2"), noon()).await, others(&untagged));
    let unproven = LookupResult::Unproven(vec![untagged.id.clone()]);
    assert_eq!(find(Tags::new(), later(9)).await, unproven);
    assert_eq!(find(Tags::new(), later(10)).await, others(&untagged), "nobody tagged it");
}

#[tokio::test]
async fn an_image_that_is_recorded_for_something_else_is_another_one() {
    let (mut snapshot, intent) = copy();
    let mut image = made(intent.operation.made_name().unwrap());
    assert_eq!(
        find(&(snapshot.clone(), intent.clone()), vec![image.clone()], Tags::new(), noon()).await,
        ours(image.clone())
    );
    let mut other = placement(&mut snapshot, "image.web@ap-tokyo#1").clone();
    other.id = "img-0a1b2c3e".parse().unwrap();
    image.id = other.id.clone();
    let elsewhere = snapshot.recorded.images.get_mut(&"web".parse().unwrap()).unwrap();
    let build = elsewhere.generations.values_mut().next().unwrap();
    build.placements.insert("ap-seoul".parse().unwrap(), other);
    assert_eq!(find(&(snapshot, intent), vec![image.clone()], Tags::new(), noon()).await, others(&image));
}

#[tokio::test]
async fn a_copy_is_known_by_its_interim_name_and_by_no_other() {
    let (snapshot, intent) = copy();
    let name = intent.operation.made_name().unwrap().clone();
    assert!(name.starts_with("web-1~"), "{name}");
    let untagged = ObservedImage { tags: Tags::new(), ..made(&name) };
    let copy = (snapshot.clone(), intent);
    assert_eq!(find(&copy, vec![untagged.clone()], Tags::new(), later(60)).await, ours(untagged));
    // An intent of an earlier version used the final name, and nothing proves whose such an image is.
    let mut old = copy.1;
    old.operation = old.operation.named("web-1".into());
    let image = ObservedImage { tags: Tags::new(), ..made("web-1") };
    assert_eq!(find(&(snapshot, old), vec![image.clone()], Tags::new(), noon()).await, others(&image));
}

/// What becomes of a snapshot with one intent.
async fn recovered(
    snapshot: &mut Snapshot,
    id: &str,
    intent: Intent,
    images: Vec<ObservedImage>,
    now: Timestamp,
) -> Recovered {
    recovered_from(&Lists::new(images, Tags::new()), snapshot, id, intent, now).await
}

async fn recovered_from(
    cloud: &Lists,
    snapshot: &mut Snapshot,
    id: &str,
    intent: Intent,
    now: Timestamp,
) -> Recovered {
    snapshot.recorded.making.extend(intent.making());
    snapshot.intents.insert(StepId(id.into()), intent);
    let mut recovered = recover(cloud, snapshot, now).await.unwrap();
    let (_, what, events) = recovered.remove(0);
    for event in &events {
        snapshot.take(event).unwrap();
    }
    snapshot.verify().unwrap();
    let is_open = matches!(what, Recovered::Open(_));
    assert_eq!((snapshot.intents.is_empty(), snapshot.recorded.making.is_empty()), (!is_open, !is_open));
    what
}

#[tokio::test]
async fn an_image_that_was_made_is_recorded_and_one_that_was_not_is_planned_again() {
    let (mut snapshot, make) = create();
    let what = recovered(&mut snapshot, CREATE, make.clone(), vec![made("db-1")], noon()).await;
    assert_eq!(what, Recovered::Adopted("img-0a1b2c3d".parse().unwrap()));
    assert_eq!(placement(&mut snapshot, "image.db@ap-jakarta#1").id.as_str(), "img-0a1b2c3d");

    let mut snapshot = applied(&[]);
    assert_eq!(recovered(&mut snapshot, CREATE, make, Vec::new(), later(10)).await, Recovered::NotExecuted);
    assert!(snapshot.recorded.images.is_empty());
}

/// What a later observation shows in ap-jakarta and ap-seoul.
fn observed(images: Vec<ObservedImage>, at: Timestamp) -> Observed {
    let images: BTreeMap<ImageId, ObservedImage> =
        images.into_iter().map(|image| (image.id.clone(), image)).collect();
    let region = ObservedRegion { at, images, shares: BTreeMap::new(), image_limit: None };
    let regions = ["ap-jakarta", "ap-seoul"].map(|name| (name.parse().unwrap(), region.clone()));
    Observed { regions: regions.into() }
}

#[tokio::test]
async fn an_image_that_shows_only_later_is_recorded_then() {
    for (id, (mut snapshot, intent)) in [(CREATE, create()), (COPY, copy())] {
        let at = intent.operation.at().clone();
        let name = intent.operation.made_name().unwrap().clone();
        let what = recovered(&mut snapshot, id, intent, Vec::new(), later(10)).await;
        assert_eq!(what, Recovered::NotExecuted);
        // Not yet, and of somebody else's making.
        let others = ObservedImage { name: format!("{name}-1").into(), ..made(&name) };
        assert_eq!(snapshot.recorded.find_late(&observed(vec![others], later(11)), LINEAGE), []);
        let late = observed(vec![made(&name)], later(20));
        assert_eq!(snapshot.recorded.find_late(&late, LINEAGE), [(at.clone(), made(&name).id)]);
        assert_eq!(snapshot.recorded.placement(&at).unwrap().id, made(&name).id);
        assert!(snapshot.recorded.not_found.is_empty());
        snapshot.verify().unwrap();
        assert_eq!(snapshot.recorded.find_late(&late, LINEAGE), [], "once");
    }
}

#[tokio::test]
async fn a_make_of_which_no_image_is_found_is_planned_again_under_its_number_and_name() {
    let (mut snapshot, make) = create();
    recovered(&mut snapshot, CREATE, make.clone(), Vec::new(), later(10)).await;
    let again = intent(&snapshot, &plan_to(&snapshot, EXAMPLE), CREATE);
    assert_eq!(again.operation, make.operation);
    // Another source gets another number: both may exist.
    let other = EXAMPLE.replace("snap-2f3a1c2d", "snap-99999999");
    step(&plan_to(&snapshot, &other), "create image.db@ap-jakarta#2");
    // It is made by the second call: the first one is settled too.
    snapshot
        .take(&Event::Started { step: StepId(CREATE.into()), at: later(11), operation: again.operation })
        .unwrap();
    // The image of the first call is what it asks for, whenever that shows.
    let second = (snapshot.clone(), snapshot.intents[&StepId(CREATE.into())].clone());
    assert_eq!(find(&second, vec![made("db-1")], Tags::new(), later(60)).await, ours(made("db-1")));
    // A person says that neither made one.
    let mut closed = snapshot.clone();
    let change = Edit::Resolve { at: make.operation.at().clone(), id: None };
    closed.take(&Event::Edited { at: later(60), change }).unwrap();
    assert!(closed.recorded.not_found.is_empty() && closed.intents.is_empty());
    let id = made("db-1").id;
    snapshot.take(&Event::Accepted { step: StepId(CREATE.into()), at: later(11), id }).unwrap();
    assert!(snapshot.recorded.not_found.is_empty());
}

#[tokio::test]
async fn an_image_of_an_entry_that_was_forgotten_is_not_recorded_later() {
    let (mut snapshot, intent) = copy();
    let name = intent.operation.made_name().unwrap().clone();
    recovered(&mut snapshot, COPY, intent, Vec::new(), later(10)).await;
    let source =
        snapshot.recorded.images[&"web".parse().unwrap()].generations.values().next().unwrap().source.clone();
    for make in snapshot.recorded.not_found.values_mut() {
        make.source = Some(source.clone());
    }
    state_edit::forget(&mut snapshot.recorded, &"image.web".parse().unwrap()).unwrap();
    assert_eq!(snapshot.recorded.find_late(&observed(vec![made(&name)], later(20)), LINEAGE), []);
}

#[tokio::test]
async fn an_image_is_searched_for_thirty_days() {
    for (days, is_searched) in [(29, true), (31, false)] {
        let (mut snapshot, make) = create();
        recovered(&mut snapshot, CREATE, make, Vec::new(), later(10)).await;
        let found = snapshot.recorded.find_late(&observed(Vec::new(), later(days * 24 * 60)), LINEAGE);
        assert_eq!((found.len(), snapshot.recorded.not_found.len()), (0, usize::from(is_searched)));
    }
}

#[tokio::test]
async fn one_image_is_recorded_for_one_of_two_calls_that_used_its_name() {
    let (mut snapshot, first) = create();
    let mut second = Intent { at: later(2), ..first.clone() };
    second.operation.at_mut().generation = generation(2);
    let steps = ["create image.db@ap-jakarta#1", "create image.db@ap-jakarta#2"];
    for (step, intent) in steps.into_iter().zip([first, second]) {
        snapshot.recorded.making.extend(intent.making());
        snapshot.intents.insert(StepId(step.into()), intent);
    }
    let cloud = Lists::new(vec![made("db-1")], Tags::new());
    let recovered = recover(&cloud, &snapshot, later(4)).await.unwrap();
    let became: Vec<&Recovered> = recovered.iter().map(|(_, became, _)| became).collect();
    assert_eq!(became, [&Recovered::Adopted(made("db-1").id), &Recovered::NotExecuted]);
    for event in recovered.iter().flat_map(|(_, _, events)| events) {
        snapshot.take(event).unwrap();
    }
    snapshot.verify().unwrap();
    assert!(snapshot.intents.is_empty() && snapshot.recorded.making.is_empty());
}

#[tokio::test]
async fn an_image_that_cannot_be_recorded_leaves_its_step_open_and_closes_the_others() {
    let (mut snapshot, copied) = copy();
    let name = copied.operation.made_name().unwrap().clone();
    // The state no longer knows what the copy is of.
    snapshot.recorded.images.remove(&"web".parse().unwrap());
    let (_, made_later) = create();
    snapshot.recorded.making.extend(copied.making());
    snapshot.intents.insert(StepId(COPY.into()), copied);
    let later_step = "create image.db@ap-jakarta#2";
    let mut made_later = Intent { at: later(1), ..made_later };
    made_later.operation.at_mut().generation = generation(2);
    snapshot.recorded.making.extend(made_later.making());
    snapshot.intents.insert(StepId(later_step.into()), made_later);

    let copy = ObservedImage { id: "img-0a1b2c3e".parse().unwrap(), ..made(&name) };
    let cloud = Lists::new(vec![copy.clone(), made("db-1")], Tags::new());
    let recovered = recover(&cloud, &snapshot, later(2)).await.unwrap();
    let became: Vec<&Recovered> = recovered.iter().map(|(_, became, _)| became).collect();
    assert_eq!(became, [&Recovered::Open(vec![copy.id]), &Recovered::Adopted(made("db-1").id)]);
    for event in recovered.iter().flat_map(|(_, _, events)| events) {
        snapshot.take(event).unwrap();
    }
    assert_eq!(snapshot.intents.len(), 1);
}

#[tokio::test]
async fn an_image_whose_deletion_was_not_answered_is_gone_or_stays_recorded() {
    for is_gone in [true, false] {
        let mut snapshot = applied(&[EXAMPLE]);
        let fewer = EXAMPLE.replace("[ap-singapore, ap-tokyo]", "[ap-singapore]");
        let delete = "delete image.web@ap-tokyo#1";
        let intent = intent(&snapshot, &plan_to(&snapshot, &fewer), delete);
        let id = placement(&mut snapshot, "image.web@ap-tokyo#1").id.clone();
        let listed = if is_gone { Vec::new() } else { vec![ObservedImage { id, ..made("web-1") }] };
        let what = recovered(&mut snapshot, delete, intent, listed, noon()).await;
        assert_eq!(what, if is_gone { Recovered::Deleted } else { Recovered::SeenByListing });
        let is_recorded = snapshot.recorded.placement(&at("image.web@ap-tokyo#1")).is_some();
        assert_eq!(is_recorded, !is_gone);
    }
}

#[tokio::test]
async fn an_image_that_one_of_two_answers_shows_is_not_taken_for_deleted() {
    let mut snapshot = applied(&[EXAMPLE]);
    let fewer = EXAMPLE.replace("[ap-singapore, ap-tokyo]", "[ap-singapore]");
    let delete = "delete image.web@ap-tokyo#1";
    let intent = intent(&snapshot, &plan_to(&snapshot, &fewer), delete);
    let id = placement(&mut snapshot, "image.web@ap-tokyo#1").id.clone();
    let images = vec![ObservedImage { id, ..made("web-1") }];
    let cloud = Lists { misses_ids: true, ..Lists::new(images, Tags::new()) };
    let what = recovered_from(&cloud, &mut snapshot, delete, intent, noon()).await;
    assert_eq!(what, Recovered::SeenByListing);
    assert!(snapshot.recorded.placement(&at("image.web@ap-tokyo#1")).is_some());
}

#[tokio::test]
async fn an_image_whose_name_was_called_taken_is_searched_for_an_hour() {
    for (minutes, expected) in [(59, Recovered::Open(Vec::new())), (60, Recovered::NotExecuted)] {
        let (mut snapshot, make) = create();
        let make = Intent { name_taken: true, ..make };
        assert_eq!(recovered(&mut snapshot, CREATE, make, Vec::new(), later(minutes)).await, expected);
    }
}

#[tokio::test]
async fn while_listings_may_be_late_a_make_stays_open_and_its_number_is_taken() {
    let (mut snapshot, make) = create();
    let what = recovered(&mut snapshot, CREATE, make, Vec::new(), later(9)).await;
    assert_eq!(what, Recovered::Open(Vec::new()));
    assert_eq!(snapshot.recorded.next_generation(&"db".parse().unwrap()).0, 2);
    assert_eq!(snapshot.recorded.usage()[&"ap-jakarta".parse().unwrap()].total(), 1, "it may have a slot");
}

#[tokio::test]
async fn an_accepted_image_and_every_other_call_show_in_the_next_listing() {
    let mut snapshot = applied(&[EXAMPLE]);
    let change = EXAMPLE.replace("Ubuntu with nginx", "Ubuntu with Caddy");
    let update = "update image.web@ap-tokyo#1";
    let set = intent(&snapshot, &plan_to(&snapshot, &change), update);
    let what = recovered(&mut snapshot, update, set, Vec::new(), noon()).await;
    assert_eq!(what, Recovered::SeenByListing);

    let accepted = {
        let id = placement(&mut snapshot, "image.db@ap-jakarta#1").id.clone();
        Intent { accepted: Some(id), ..create().1 }
    };
    let what = recovered(&mut snapshot, CREATE, accepted, Vec::new(), noon()).await;
    assert_eq!(what, Recovered::SeenByListing);
    assert!(snapshot.recorded.placement(&at("image.db@ap-jakarta#1")).is_some());
}
