//! Calls: everything in them is in the plan, but for ids of images, which the record knows, and for the queries of
//! imports, which nothing stores.

use std::sync::Arc;

use super::run_state::{RunState, TaskResult};
use super::sharing::in_parts;
use crate::cloud::client::Secret;
use crate::cloud::{CloudError, CloudWrite, NewImage};
use crate::model::{AccountId, ImageId, ImageKey, Operation, PlacementKey, Region, Source, SourceKind};
use crate::plan::StepIndex;
use crate::state::Recorded;

impl RunState<'_, '_> {
    /// Sends the step's call. Everything in it is in the plan, but for ids, which the record knows.
    pub(super) fn call(&mut self, index: StepIndex) {
        let step = &self.plan.graph[index];
        // What is sent is what was journalled.
        let Some(operation) = self.snapshot.intents.get(&step.id).map(|intent| intent.operation.clone())
        else {
            return;
        };
        let operation = self.narrowed(index, operation);
        let cloud = Arc::clone(&self.executor.cloud);
        let owner: AccountId = self.plan.account;
        let query = self.executor.queries.get(&operation.at().image).cloned();
        let id = named_image(&self.snapshot.recorded, &operation);
        if let (Some(image), None) = (encrypted_image(&operation), &id) {
            let why =
                format!("image.{image} is not in {}, so there is nothing to encrypt", operation.at().region);
            self.fail(index, why, None);
            return;
        }
        if id.is_none() && !matches!(operation, Operation::Create { .. }) {
            let why = format!("{} is not recorded: it is gone, or was never made", source_of(&operation));
            self.fail(index, why, None);
            return;
        }
        let most = self.accounts_per_call(index, &operation);
        self.calls = self.calls.saturating_add(1);
        let attempts = self.attempts.entry(index).or_default().clone();
        self.tasks.spawn(self.task_name(index), async move {
            let sent = send_parts(cloud.as_ref(), owner, operation, id, query, most);
            let result = attempts.scope(sent).await;
            TaskResult::Called(index, result)
        });
    }
}

/// The placement whose id a call names: its own, or the one that it copies from.
fn source_of(operation: &Operation) -> PlacementKey {
    match operation {
        Operation::Copy { at, from, .. } => PlacementKey { region: from.clone(), ..at.clone() },
        other => other.at().clone(),
    }
}

/// The id of the image that a call names: its own, the one that it copies from, or the one that it encrypts.
pub(super) fn named_image(recorded: &Recorded, operation: &Operation) -> Option<ImageId> {
    let at = match (operation.original(), encrypted_image(operation)) {
        (Some(original), _) => original,
        (None, Some(image)) => current_in(recorded, image, &operation.at().region)?,
        (None, None) => source_of(operation),
    };
    recorded.placement(&at).map(|placement| placement.id.clone())
}

/// Where an entry's current image is in a region.
fn current_in(recorded: &Recorded, image: &ImageKey, region: &Region) -> Option<PlacementKey> {
    let generation = recorded.images.get(image)?.current;
    Some(PlacementKey { image: image.clone(), generation, region: region.clone() })
}

/// Sends one operation in as many calls as its list of accounts takes, up to the first that fails.
pub(super) async fn send_parts(
    cloud: &dyn CloudWrite,
    owner: AccountId,
    operation: Operation,
    id: Option<ImageId>,
    query: Option<Secret>,
    most: Option<u32>,
) -> Result<Option<ImageId>, CloudError> {
    let mut made = None;
    for part in in_parts(operation, most) {
        made = send(cloud, owner, part, id.clone(), query.clone()).await?;
    }
    Ok(made)
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
        (Operation::Create { at, attributes, tags, source, ownership: _, of: _ }, id) => {
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
        (Operation::Share { at, accounts, unmanaged: _ }, Some(id)) => {
            cloud.share_image(&at.region, &id, &accounts).await.map(|()| None)
        }
        (Operation::Unshare { at, accounts }, Some(id)) => {
            cloud.unshare_image(&at.region, &id, &accounts).await.map(|()| None)
        }
        (Operation::Delete { at, snapshots }, Some(id)) => {
            cloud.delete_image(&at.region, &id, snapshots).await.map(|()| None)
        }
        // A wait has no call, and `call` has found the id before.
        (Operation::Wait { .. }, _) | (_, None) => Ok(None),
    }
}

/// The entry that an encrypted copy is made from.
fn encrypted_image(operation: &Operation) -> Option<&ImageKey> {
    match operation {
        Operation::Create { source: Source { kind: SourceKind::Encrypted { image, .. }, .. }, .. } => {
            Some(image)
        }
        _ => None,
    }
}
