//! Writes: one call each, sent once (tags: as many as their limits take).

use async_trait::async_trait;
use compact_str::CompactString;

use super::mapping::{self, Creation};
use super::wire::{self, Call};
use super::{Client, Intent, Secret};
use crate::cloud::{CloudError, CloudWrite, ErrorKind, NewImage};
use crate::model::{AccountId, Accounts, Attributes, ImageId, Region, Tags};

impl Client {
    /// The value of DryRun: only said when nothing is to be done.
    fn dry_run(&self) -> Option<bool> {
        (self.intent == Intent::Try).then_some(true)
    }

    /// Sends a write that the service can try. A trial that passes is a success without an answer: the documents
    /// show an ordinary success, and the common codes hold `DryRunOperation` for the same (both are understood).
    async fn attempt<C: Call>(&self, region: &Region, call: &C) -> Result<Option<C::Answer>, CloudError> {
        match (self.call(Some(region), call).await, self.intent) {
            (Ok(answer), Intent::Do) => Ok(Some(answer)),
            (Ok(_), Intent::Try) => Ok(None),
            (Err(error), Intent::Try) if error.kind == ErrorKind::DryRunPassed => Ok(None),
            (Err(error), _) => Err(error),
        }
    }

    /// Sends a write that the service cannot try.
    async fn commit<C: Call>(&self, region: &Region, call: &C) -> Result<C::Answer, CloudError> {
        match self.intent {
            Intent::Do => self.call(Some(region), call).await,
            Intent::Try => Err(self.error::<C>(
                Some(region),
                ErrorKind::Unsupported,
                "the service cannot try this without doing it".to_owned(),
            )),
        }
    }

    async fn change_shares(
        &self,
        region: &Region,
        image: &ImageId,
        accounts: &Accounts,
        permission: wire::Permission,
    ) -> Result<(), CloudError> {
        if accounts.is_empty() {
            return Ok(());
        }
        let call = wire::ModifyImageSharePermission {
            image_id: CompactString::new(image.as_str()),
            account_ids: accounts.iter().map(|account| account.to_string()).collect(),
            permission,
        };
        self.commit(region, &call).await.map(|wire::Done {}| ())
    }
}

#[async_trait]
impl CloudWrite for Client {
    async fn create_image(&self, region: &Region, image: &NewImage) -> Result<Option<ImageId>, CloudError> {
        let creation = mapping::creation(region, image)
            .map_err(|message| self.error::<wire::CreateImage>(Some(region), ErrorKind::Invalid, message))?;
        let dry_run = self.dry_run();
        let id = match creation {
            Creation::Create(call) => self
                .attempt(region, &wire::CreateImage { dry_run, ..call })
                .await?
                .and_then(|made| made.image_id),
            Creation::Import(call) => self
                .attempt(region, &wire::ImportImage { dry_run, ..call })
                .await
                .map_err(|error| without_query(error, image.query.as_ref()))?
                .and_then(|made| made.image_id),
            Creation::Sync(call) => {
                let answer = self.attempt(region, &wire::SyncImages { dry_run, ..call }).await?;
                return Ok(answer.and_then(|answer| mapping::copy_in(region, answer)));
            }
        };
        // The call was accepted whatever the id looks like; one that cannot be read is as good as none.
        Ok(id.and_then(|id| id.parse().ok()))
    }

    async fn copy_image(
        &self,
        from: &Region,
        image: &ImageId,
        to: &Region,
        name: &str,
    ) -> Result<Option<ImageId>, CloudError> {
        let call = wire::SyncImages { dry_run: self.dry_run(), ..mapping::sync(image, to, name) };
        let answer = self.attempt(from, &call).await?;
        Ok(answer.and_then(|answer| mapping::copy_in(to, answer)))
    }

    async fn modify_image(
        &self,
        region: &Region,
        image: &ImageId,
        set: &Attributes,
    ) -> Result<(), CloudError> {
        if set.is_empty() {
            return Ok(());
        }
        let Attributes { name, description, family, deprecated } = set.clone();
        let call = wire::ModifyImageAttribute {
            image_id: CompactString::new(image.as_str()),
            image_name: name,
            image_description: description,
            image_family: family,
            image_deprecated: deprecated,
        };
        self.commit(region, &call).await.map(|wire::Done {}| ())
    }

    async fn tag_image(
        &self,
        owner: AccountId,
        region: &Region,
        image: &ImageId,
        set: &Tags,
        unset: &[CompactString],
    ) -> Result<(), CloudError> {
        for call in mapping::tag_calls(owner, region, image, set, unset) {
            let wire::Done {} = self.commit(region, &call).await?;
        }
        Ok(())
    }

    async fn share_image(&self, region: &Region, image: &ImageId, with: &Accounts) -> Result<(), CloudError> {
        self.change_shares(region, image, with, wire::Permission::Share).await
    }

    async fn unshare_image(
        &self,
        region: &Region,
        image: &ImageId,
        with: &Accounts,
    ) -> Result<(), CloudError> {
        self.change_shares(region, image, with, wire::Permission::Cancel).await
    }

    async fn delete_image(
        &self,
        region: &Region,
        image: &ImageId,
        snapshots: bool,
    ) -> Result<(), CloudError> {
        let call = wire::DeleteImages {
            image_ids: vec![CompactString::new(image.as_str())],
            delete_binded_snap: snapshots,
            dry_run: self.dry_run(),
        };
        self.attempt(region, &call).await.map(|_| ())
    }
}

/// The error without the query of an import's URL, whose signature the service may have repeated: as a whole, or one
/// of its values.
fn without_query(mut error: CloudError, query: Option<&Secret>) -> CloudError {
    let Some(query) = query.map(|query| query.reveal().trim_start_matches('?')) else { return error };
    let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    for secret in std::iter::once(query).chain(values.filter(|value| value.len() >= 8)) {
        if !secret.is_empty() && error.message.contains(secret) {
            error.message = error.message.replace(secret, "(secret)");
        }
    }
    error
}

#[cfg(test)]
mod tests;
