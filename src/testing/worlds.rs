//! Records without a cloud: what would be recorded after applies in which everything went well.

use jiff::Timestamp;

use super::desired;
use crate::apply::successions;
use crate::diff::PlanMode;
use crate::manifest::Desired;
use crate::model::image::Build;
use crate::model::{
    Address, Architecture, GenerationNumber, ImageKey, ImageLimit, ImageState, PlacementKey, Provider,
    Region, Verb,
};
use crate::plan::{EdgeReason, Plan, PlanOptions, StepIndex, propose};
use crate::state::{Edit, Event, Lineage, Placement, RecordedRegion, SettledImage, Snapshot};

/// When everything in these records happened.
pub const NOON: &str = "2026-11-24T12:00:00Z";

pub fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

pub fn key(text: &str) -> ImageKey {
    text.parse().unwrap()
}

pub fn region(text: &str) -> Region {
    text.parse().unwrap()
}

/// A placement by its address: `image.web@ap-tokyo#1`.
pub fn at(address: &str) -> PlacementKey {
    match address.parse().unwrap() {
        Address::Placement(at) => at,
        other => panic!("{other} is no placement"),
    }
}

pub fn generation(number: u32) -> GenerationNumber {
    GenerationNumber(number)
}

/// Facts of a build.
pub fn build() -> Build {
    Build {
        size_gib: 50,
        os: "Ubuntu Server 22.04 LTS 64bit".into(),
        platform: "Ubuntu".into(),
        architecture: Architecture::X86_64,
        snapshots: Vec::new(),
    }
}

/// What is recorded once these manifests were applied, one after the other. Every region was read at noon, and its
/// limit is 10.
pub fn applied(manifests: &[&str]) -> Snapshot {
    let wanted: Vec<Desired> = manifests.iter().map(|yaml| desired(yaml)).collect();
    let mut snapshot = Snapshot::first(
        Lineage(super::LINEAGE.into()),
        wanted.first().map_or_else(|| "100000000001".parse().unwrap(), |desired| desired.account),
        Provider::Sandbox,
    );
    for desired in &wanted {
        for region in desired.images.values().flat_map(|image| image.placements()) {
            let limit = ImageLimit { value: 10, read_at: noon() };
            let read = RecordedRegion {
                read_at: noon(),
                image_limit: Some(limit),
                unmanaged: Default::default(),
                owners: Default::default(),
            };
            snapshot.recorded.regions.entry(region.clone()).or_insert(read);
        }
        let proposal =
            propose(desired, &snapshot.recorded, Some(&snapshot), &PlanOptions::all(PlanMode::Normal))
                .unwrap();
        settle(&mut snapshot, &proposal.plan);
    }
    snapshot.verify().unwrap();
    snapshot
}

/// Everything that a plan does is done.
pub fn settle(snapshot: &mut Snapshot, plan: &Plan) {
    let serving: Vec<PlacementKey> = successions(plan, &snapshot.recorded).into_keys().collect();
    for change in &plan.edits {
        snapshot.take(&Event::Edited { at: noon(), change: change.clone() }).unwrap();
    }
    for (number, index) in plan.graph.check().unwrap().into_iter().enumerate() {
        let step = &plan.graph[index];
        if step.verb() == Verb::Wait {
            let image = SettledImage { state: ImageState::Normal, build: build() };
            snapshot.take(&Event::Ended { placement: step.at().clone(), at: noon(), image }).unwrap();
            continue;
        }
        let id = step.id.clone();
        snapshot
            .take(&Event::Started {
                step: id.clone(),
                at: noon(),
                operation: snapshot.recorded.as_sent(step.operation.clone(), super::LINEAGE),
            })
            .unwrap();
        let mut image = None;
        if step.operation.makes_image() {
            let serial = plan.base.as_ref().map_or(0, |base| base.serial);
            let made = format!("img-{serial:04}{number:04}").parse().unwrap();
            snapshot.take(&Event::Accepted { step: id.clone(), at: noon(), id: made }).unwrap();
            image = Some(SettledImage { state: ImageState::Normal, build: build() });
        }
        snapshot.take(&Event::Settled { step: id, at: noon(), image }).unwrap();
    }
    // Settings of entries that are new go with their first image.
    for change in &plan.edits {
        snapshot.take(&Event::Edited { at: noon(), change: change.clone() }).unwrap();
    }
    for at in serving {
        snapshot.take(&Event::Edited { at: noon(), change: Edit::Serve { at, since: noon() } }).unwrap();
    }
    snapshot.serial += 1;
}

/// A recorded placement, to change it.
pub fn placement<'s>(snapshot: &'s mut Snapshot, address: &str) -> &'s mut Placement {
    let at = at(address);
    snapshot.recorded.placement_mut(&at).unwrap_or_else(|| panic!("{at} is not recorded"))
}

/// Returns the example with one text replaced by another.
///
/// # Panics
/// If the example does not contain the text.
pub fn example_with(from: &str, to: &str) -> String {
    assert!(super::EXAMPLE.contains(from), "the example does not contain {from}");
    super::EXAMPLE.replace(from, to)
}

/// The steps of a plan, as their ids, in the order of the ids.
pub fn step_ids(plan: &Plan) -> Vec<String> {
    let mut ids: Vec<String> = plan.graph.steps().map(|(_, step)| step.id.to_string()).collect();
    ids.sort();
    ids
}

/// Returns the step of a plan with this id. Panics if it has none.
pub fn step(plan: &Plan, id: &str) -> StepIndex {
    let found = plan.graph.steps().find(|(_, step)| step.id.0 == id);
    found.unwrap_or_else(|| panic!("no step {id} among {:#?}", step_ids(plan))).0
}

/// Whether a step waits for another, directly or through others.
pub fn waits(plan: &Plan, later: &str, earlier: &str) -> bool {
    plan.graph.must_precede(step(plan, earlier), step(plan, later))
}

/// Returns why a step waits for another. `None` without a direct edge.
pub fn reason(plan: &Plan, later: &str, earlier: &str) -> Option<EdgeReason> {
    let (later, earlier) = (step(plan, later), step(plan, earlier));
    plan.graph.waits_for(later).find(|(before, _)| *before == earlier).map(|(_, reason)| reason.clone())
}

/// The plan from a record to a manifest.
pub fn plan_to(snapshot: &Snapshot, yaml: &str) -> Plan {
    let desired = desired(yaml);
    propose(&desired, &snapshot.recorded, Some(snapshot), &PlanOptions::all(PlanMode::Normal)).unwrap().plan
}
