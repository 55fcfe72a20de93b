//! `resource_changes`: a plan in the shape of Terraform's plan JSON, so that policies written for it (Open Policy
//! Agent, conftest) work unchanged.
//!
//! One resource is an image in a region: type `goldform_image`, named after its entry and indexed by its region. The
//! type is not the official provider's, whose resource has other attributes. A generation that takes another's place
//! in its region is one replacement, as in Terraform; other earlier generations are resources of their own, indexed
//! `region#generation`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::diff::{ImageChange, PlacementChange, PlacementFacts, Work};
use crate::model::{GenerationNumber, ImageId, ImageKey, PlacementKey, Region};
use crate::plan::Plan;
use crate::state::Recorded;

/// The type of every resource.
pub const RESOURCE_TYPE: &str = "goldform_image";

/// What an image in a region is like.
fn values(at: &PlacementKey, id: Option<&ImageId>, facts: &PlacementFacts, protect: Option<bool>) -> Value {
    let PlacementFacts { attributes, tags, owned: _, shares, unmanaged } = facts;
    json!({
        "image": at.image, "region": at.region, "generation": at.generation, "id": id,
        "name": attributes.name, "description": attributes.description, "family": attributes.family,
        "deprecated": attributes.deprecated, "tags": tags, "shared_with": shares, "shared_by_others": unmanaged,
        "protected": protect,
    })
}

fn resource(image: &ImageKey, index: &str, actions: &[&str], before: Value, after: Value) -> Value {
    let change = Value::from_iter([("actions", Value::from(actions)), ("before", before), ("after", after)]);
    json!({
        "address": format!("{RESOURCE_TYPE}.{image}[\"{index}\"]"),
        "mode": "managed",
        "type": RESOURCE_TYPE,
        "name": image,
        "index": index,
        "provider_name": "goldform",
        "change": change,
    })
}

struct Resources<'a> {
    prior: &'a Recorded,
    /// Entries that the plan protects, or stops protecting.
    protects: BTreeMap<&'a ImageKey, bool>,
    found: Vec<Value>,
}

impl Resources<'_> {
    fn before(&self, change: &PlacementChange) -> Value {
        let protect = self.prior.images.get(&change.at.image).map(|image| image.protect);
        match change.before() {
            Some(facts) => values(&change.at, change.id(), facts, protect),
            None => Value::Null,
        }
    }

    fn after(&self, change: &PlacementChange) -> Value {
        let recorded = self.prior.images.get(&change.at.image).map(|image| image.protect);
        // What nothing is said of is not protected.
        let protect = Some(self.protects.get(&change.at.image).copied().or(recorded).unwrap_or_default());
        // The id of an image that is made is known once it is made.
        let id = change.id().filter(|_| change.before().is_some());
        match change.after() {
            Some(facts) => values(&change.at, id, facts, protect),
            None => Value::Null,
        }
    }

    fn image(&mut self, change: &ImageChange) {
        let is_current = |at: &PlacementKey| Some(at.generation) == change.generation;
        let replaced: BTreeMap<&Region, &PlacementChange> = change
            .placements
            .iter()
            .filter(|one| one.deletes_image() && Some(one.at.generation) == change.supersedes)
            .map(|one| (&one.at.region, one))
            .collect();
        let made: BTreeSet<&Region> = change
            .placements
            .iter()
            .filter(|one| one.makes_image() && is_current(&one.at))
            .map(|one| &one.at.region)
            .collect();
        for one in &change.placements {
            let region = &one.at.region;
            let old = replaced.get(region).copied();
            let is_replaced = old.is_some_and(|old| old.at == one.at) && made.contains(region);
            if is_replaced {
                continue;
            }
            let index = match is_current(&one.at) || change.generation.is_none() {
                true => region.to_string(),
                false => format!("{region}#{}", one.at.generation),
            };
            let (before, after) = (self.before(one), self.after(one));
            let made = match (&one.work, old) {
                (Work::Make { .. }, Some(old)) => {
                    let first = change.delete_first || old.is_deleted_first();
                    let actions = if first { ["delete", "create"] } else { ["create", "delete"] };
                    resource(&change.image, &index, &actions, self.before(old), after)
                }
                (Work::Make { failed: Some(_), .. }, None) => {
                    resource(&change.image, &index, &["delete", "create"], before, after)
                }
                (Work::Make { failed: None, .. }, None) => {
                    resource(&change.image, &index, &["create"], Value::Null, after)
                }
                (Work::Update { .. }, _) => resource(&change.image, &index, &["update"], before, after),
                (Work::Delete { .. }, _) => resource(&change.image, &index, &["delete"], before, Value::Null),
                (Work::Adopt { .. } | Work::Wait { .. }, _) => {
                    let changes = before != after && !before.is_null();
                    let actions = if changes { ["update"] } else { ["no-op"] };
                    let mut adopted = resource(&change.image, &index, &actions, before, after);
                    if let Work::Adopt { id, .. } = &one.work
                        && let Some(change) = adopted.get_mut("change").and_then(Value::as_object_mut)
                    {
                        change.insert("importing".to_owned(), json!({ "id": id }));
                    }
                    adopted
                }
            };
            self.found.push(made);
        }
    }

    /// Everything that is recorded and that the plan leaves as it is.
    fn unchanged(&mut self, plan: &Plan) {
        let changed: BTreeSet<&PlacementKey> =
            plan.changes.iter().flat_map(|change| &change.placements).map(|one| &one.at).collect();
        let current: BTreeMap<&ImageKey, Option<GenerationNumber>> =
            plan.changes.iter().map(|change| (&change.image, change.generation)).collect();
        for (at, placement) in self.prior.placements().filter(|(at, _)| !changed.contains(at)) {
            let recorded = self.prior.images.get(&at.image);
            let generation = current.get(&at.image).copied().flatten();
            let generation = generation.or_else(|| recorded.map(|image| image.current));
            let index = match Some(at.generation) == generation {
                true => at.region.to_string(),
                false => format!("{}#{}", at.region, at.generation),
            };
            let (before, after) = (
                recorded.map(|image| image.protect),
                self.protects.get(&at.image).copied().or(recorded.map(|image| image.protect)),
            );
            let mut facts = PlacementFacts::of(placement, None);
            // The tag that says whose it is has the state's lineage for its value. It is nothing that is declared.
            facts.tags.retain(|_, value| plan.base.as_ref().is_none_or(|base| *value != base.lineage.0));
            let value = |protect| values(&at, Some(&placement.id), &facts, protect);
            let resource = resource(&at.image, &index, &["no-op"], value(before), value(after));
            self.found.push(resource);
        }
    }
}

/// Every image that is recorded or wanted, and what the plan would do with it, by address.
pub fn resource_changes(plan: &Plan, prior: &Recorded) -> Vec<Value> {
    let protects = plan.edits.iter().filter_map(|edit| match edit {
        crate::state::Edit::Settings { image, protect, .. } => Some((image, *protect)),
        _ => None,
    });
    let mut resources = Resources { prior, protects: protects.collect(), found: Vec::new() };
    for change in &plan.changes {
        resources.image(change);
    }
    resources.unchanged(plan);
    resources.found.sort_by_cached_key(|one| one.get("address").and_then(Value::as_str).map(str::to_owned));
    resources.found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::PlanMode;
    use crate::plan::{PlanOptions, propose};
    use crate::testing::{EXAMPLE, desired};

    #[test]
    fn every_new_image_is_a_resource_that_is_created() {
        let wanted = desired(EXAMPLE);
        let plan =
            propose(&wanted, &Recorded::default(), None, &PlanOptions::all(PlanMode::Normal)).unwrap().plan;
        let resources = resource_changes(&plan, &Recorded::default());
        let placements: usize = wanted.images.values().map(|image| image.placements().len()).sum();
        assert_eq!(resources.len(), placements);
        for resource in &resources {
            assert_eq!(resource["change"]["actions"], json!(["create"]), "{resource}");
            assert!(
                resource["change"]["before"].is_null() && resource["change"]["after"]["name"].is_string()
            );
        }
    }
}
