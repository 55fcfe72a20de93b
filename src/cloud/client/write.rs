//! Writes: each sends one call once. Changes of tags are split into as many calls as the limits require.

use async_trait::async_trait;
use compact_str::CompactString;

use super::mapping::{self, Creation};
use super::wire::{self, Call};
use super::{Client, Secret, WriteMode};
use crate::cloud::{CloudError, CloudWrite, ErrorKind, NewImage};
use crate::model::{AccountId, Accounts, Attributes, ImageId, Region, Tags};

impl Client {
    /// Returns the value of the parameter DryRun. `None`: the parameter is left out.
    fn dry_run_param(&self) -> Option<bool> {
        (self.write_mode == WriteMode::DryRun).then_some(true)
    }

    /// Sends a write that supports dry runs. Returns `None` for a dry run that the service accepts: the documents show
    /// an ordinary success, and the common error codes contain `DryRunOperation` for it. Both are supported.
    async fn execute_or_check<C: Call>(
        &self,
        region: &Region,
        call: &C,
    ) -> Result<Option<C::Answer>, CloudError> {
        match (self.call(Some(region), call).await, self.write_mode) {
            (Ok(answer), WriteMode::Execute) => Ok(Some(answer)),
            (Ok(_), WriteMode::DryRun) => Ok(None),
            (Err(error), WriteMode::DryRun) if error.kind == ErrorKind::DryRunPassed => Ok(None),
            (Err(error), _) => Err(error),
        }
    }

    /// Sends a write that has no dry run.
    async fn execute<C: Call>(&self, region: &Region, call: &C) -> Result<C::Answer, CloudError> {
        match self.write_mode {
            WriteMode::Execute => self.call(Some(region), call).await,
            WriteMode::DryRun => Err(self.error::<C>(
                Some(region),
                ErrorKind::Unsupported,
                "the service has no dry run for this call".to_owned(),
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
        self.execute(region, &call).await.map(|wire::Done {}| ())
    }
}

#[async_trait]
impl CloudWrite for Client {
    async fn create_image(&self, region: &Region, image: &NewImage) -> Result<Option<ImageId>, CloudError> {
        let creation = mapping::creation(region, image)
            .map_err(|message| self.error::<wire::CreateImage>(Some(region), ErrorKind::Invalid, message))?;
        let dry_run = self.dry_run_param();
        let id = match creation {
            Creation::Create(call) => self
                .execute_or_check(region, &wire::CreateImage { dry_run, ..call })
                .await?
                .and_then(|made| made.image_id),
            Creation::Import(call) => self
                .execute_or_check(region, &wire::ImportImage { dry_run, ..call })
                .await
                .map_err(|error| without_query(error, image.query.as_ref()))?
                .and_then(|made| made.image_id),
            Creation::Sync(call) => {
                let answer = self.execute_or_check(region, &wire::SyncImages { dry_run, ..call }).await?;
                return Ok(answer.and_then(|answer| mapping::copy_in(region, answer)));
            }
        };
        // The service accepted the call even if the id is malformed.
        Ok(id.and_then(|id| id.parse().ok()))
    }

    async fn copy_image(
        &self,
        from: &Region,
        image: &ImageId,
        to: &Region,
        name: &str,
    ) -> Result<Option<ImageId>, CloudError> {
        let call = wire::SyncImages { dry_run: self.dry_run_param(), ..mapping::sync(image, to, name) };
        let answer = self.execute_or_check(from, &call).await?;
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
        self.execute(region, &call).await.map(|wire::Done {}| ())
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
            let wire::Done {} = self.execute(region, &call).await?;
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
            dry_run: self.dry_run_param(),
        };
        self.execute_or_check(region, &call).await.map(|_| ())
    }
}

/// Removes the query of an import's URL and its values from an error, because the service may repeat the signature.
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
