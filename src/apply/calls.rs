//! Calls: everything in them is in the plan, but for ids of images, which the record knows, and for the queries of
//! imports, which nothing stores.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;

use super::executor::{Report, Run};
use crate::cloud::client::Secret;
use crate::cloud::{CloudError, CloudWrite, NewImage};
use crate::model::{AccountId, ImageId, ImageKey, Operation, PlacementKey, Region, SourceKind};
use crate::plan::StepIndex;

impl Run<'_, '_> {
    /// The image that must be NORMAL before the step can call, where it is not: its own, or the one copied from.
    pub(super) fn not_ready_yet(&self, index: StepIndex) -> Option<(PlacementKey, ImageId)> {
        let operation = &self.step(index)?.operation;
        let at = match operation {
            Operation::Create { at, .. } => {
                let image = self.snapshot.recorded.images.get(original(operation)?)?;
                let (original, region) = (original(operation)?.clone(), at.region.clone());
                PlacementKey { image: original, generation: image.current, region }
            }
            Operation::Copy { at, from, .. } => PlacementKey { region: from.clone(), ..at.clone() },
            other => other.at().clone(),
        };
        let placement = self.snapshot.recorded.placement(&at)?;
        let is_settled = placement.state.is_ready() || placement.state.is_failed();
        (!is_settled).then(|| (at, placement.id.clone()))
    }

    /// The names that are held, by region: by managed images and by others, as recorded.
    pub(super) fn held_names(&self) -> BTreeSet<(Region, CompactString)> {
        let recorded = &self.snapshot.recorded;
        let managed = recorded.placements().map(|(at, placement)| (at.region, placement.name.clone()));
        let others = recorded
            .regions
            .iter()
            .flat_map(|(region, known)| known.unmanaged.values().map(|name| (region.clone(), name.clone())));
        managed.chain(others).collect()
    }

    /// Sends the step's call. Everything in it is in the plan, but for ids, which the record knows.
    pub(super) fn call(&mut self, index: StepIndex) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let mut operation = step.operation.clone().owned_by(&self.snapshot.lineage.0);
        if let (true, Operation::Create { tags, .. }) = (self.untagged.contains(&index), &mut operation) {
            tags.clear();
        }
        let cloud = Arc::clone(&self.executor.cloud);
        let owner: AccountId = self.plan.account;
        let mut source_of = operation.at().clone();
        if let Operation::Copy { from, .. } = &operation {
            source_of.region = from.clone();
        }
        let query = self.executor.queries.get(&operation.at().image).cloned();
        let id = match original(&operation) {
            Some(image) => self.current_in(image, &operation.at().region),
            None => self.snapshot.recorded.placement(&source_of).map(|placement| placement.id.clone()),
        };
        if let (Some(image), None) = (original(&operation), &id) {
            let why =
                format!("image.{image} is not in {}, so there is nothing to encrypt", operation.at().region);
            self.fail(index, &why, None);
            return;
        }
        if id.is_none() && !matches!(operation, Operation::Create { .. }) {
            let why = format!("{source_of} is not recorded: it is gone, or was never made");
            self.fail(index, &why, None);
            return;
        }
        self.calls = self.calls.saturating_add(1);
        self.tasks.spawn(async move {
            let result = send(cloud.as_ref(), owner, operation, id, query).await;
            Report::Called(index, result)
        });
    }

    /// The id of an entry's current image in a region.
    pub(super) fn current_in(&self, image: &ImageKey, region: &Region) -> Option<ImageId> {
        let recorded = self.snapshot.recorded.images.get(image)?;
        let build = recorded.generations.get(&recorded.current)?;
        Some(build.placements.get(region)?.id.clone())
    }
}

/// Sends one operation.
pub(crate) async fn send(
    cloud: &dyn CloudWrite,
    owner: AccountId,
    operation: Operation,
    id: Option<ImageId>,
    query: Option<Secret>,
) -> Result<Option<ImageId>, CloudError> {
    match (operation, id) {
        (Operation::Create { at, attributes, tags, source, ownership: _ }, id) => {
            let original = id.filter(|_| matches!(source.kind, SourceKind::Encrypted { .. }));
            let image = NewImage { query, original, ..NewImage::new(attributes, tags, source) };
            cloud.create_image(&at.region, &image).await
        }
        (Operation::Copy { at, from, name }, Some(id)) => {
            cloud.copy_image(&from, &id, &at.region, &name).await
        }
        (Operation::Update { at, set }, Some(id)) => {
            cloud.modify_image(&at.region, &id, &set).await.map(|()| None)
        }
        (Operation::Tag { at, set, unset, ownership: _ }, Some(id)) => {
            cloud.tag_image(owner, &at.region, &id, &set, &unset).await.map(|()| None)
        }
        (Operation::Share { at, accounts, foreign: _ }, Some(id)) => {
            cloud.share_image(&at.region, &id, &accounts).await.map(|()| None)
        }
        (Operation::Unshare { at, accounts }, Some(id)) => {
            cloud.unshare_image(&at.region, &id, &accounts).await.map(|()| None)
        }
        (Operation::Delete { at, snapshots }, Some(id)) => {
            cloud.delete_image(&at.region, &id, snapshots).await.map(|()| None)
        }
        // `call` has looked the id up before.
        (_, None) => Ok(None),
    }
}

/// Whether the name that a create or copy uses is held by nobody that is recorded.
pub(super) fn is_free(operation: &Operation, held: &BTreeSet<(Region, CompactString)>) -> bool {
    let name = operation.made_name();
    name.is_some_and(|name| !held.contains(&(operation.at().region.clone(), name.clone())))
}

/// The entry that an encrypted copy is made from.
pub(super) fn original(operation: &Operation) -> Option<&ImageKey> {
    match operation {
        Operation::Create { source, .. } => match &source.kind {
            SourceKind::Encrypted { image, .. } => Some(image),
            _ => None,
        },
        _ => None,
    }
}
