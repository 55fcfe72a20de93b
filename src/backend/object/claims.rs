//! Claims: who may write the lock of an epoch, on storage that ignores the conditions of writes.
//!
//! A claim is created once: of several contenders for an epoch one gets it. On COS it is a tag of the account, made with
//! 651/35315 CreateTag, whose second creation is refused (`ResourceInUse.TagDuplicate`). The tag says nothing of who made
//! it, so a claim whose creation was not answered counts as that of another.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::lock_object::SUFFIX;
use crate::backend::{StorageFailure, StoreError};
use crate::cloud::client::Client;
use crate::cloud::{CloudError, ErrorKind};

/// Key of the tags.
const KEY: &str = "goldform-state-lock";

/// Claims of the epochs of one state.
#[async_trait]
pub trait Claims: fmt::Debug + Send + Sync {
    /// Claims an epoch. Returns whether it was free.
    ///
    /// # Errors
    /// If that is unknown. The epoch may be claimed then.
    async fn claim(&self, epoch: u64) -> Result<bool, StoreError>;

    /// Withdraws the claim of an epoch, if there is one.
    ///
    /// # Errors
    /// If that is unknown.
    async fn withdraw(&self, epoch: u64) -> Result<(), StoreError>;
}

/// Claims that are tags of the account.
#[derive(Debug)]
pub struct TagClaims {
    client: Arc<Client>,
    /// What the values of the tags start with: 32 hexadecimal digits of the hash of the bucket and the key.
    state: String,
    /// Place of the lock, for people.
    place: String,
}

impl TagClaims {
    /// Returns the claims of the state in this bucket. `shown` is its place, for people.
    pub fn new(client: Arc<Client>, bucket: &str, key: &str, shown: &str) -> Self {
        let hash = Sha256::digest(format!("{bucket}/{key}"));
        let state = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { client, state, place: format!("{shown}{SUFFIX}") }
    }

    fn value(&self, epoch: u64) -> String {
        format!("{}-{epoch}", self.state)
    }

    fn failed(&self, error: &CloudError) -> StoreError {
        let failure = match error.kind {
            ErrorKind::Permission => StorageFailure::Permission,
            ErrorKind::Credentials | ErrorKind::Clock => StorageFailure::Credentials,
            ErrorKind::Unreachable => StorageFailure::Unreachable,
            _ => StorageFailure::Other,
        };
        StoreError::Storage { place: self.place.clone(), why: error.to_string(), failure }
    }
}

#[async_trait]
impl Claims for TagClaims {
    async fn claim(&self, epoch: u64) -> Result<bool, StoreError> {
        self.client.create_tag(KEY, &self.value(epoch)).await.map_err(|error| self.failed(&error))
    }

    async fn withdraw(&self, epoch: u64) -> Result<(), StoreError> {
        let deleted = self.client.delete_tag(KEY, &self.value(epoch)).await;
        deleted.map(drop).map_err(|error| self.failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::client::fake::{Script, refusal, run};

    #[test]
    fn a_claim_is_a_tag_of_the_account_that_names_the_state_and_the_epoch() {
        let script = Script::answering([
            json!({}),
            refusal("ResourceInUse.TagDuplicate"),
            refusal("ResourceNotFound.TagNonExist"),
            refusal("AuthFailure.UnauthorizedOperation"),
        ]);
        let client = Arc::new(Client::new(script.clone()));
        let claims = TagClaims::new(
            client,
            "states-1250000001",
            "team/one.json",
            "cos://states-1250000001/team/one.json",
        );
        assert!(run(claims.claim(7)).unwrap());
        assert!(!run(claims.claim(7)).unwrap());
        run(claims.withdraw(6)).unwrap();
        let refused = run(claims.claim(8)).unwrap_err();
        assert!(
            matches!(refused, StoreError::Storage { failure: StorageFailure::Permission, .. }),
            "{refused:?}"
        );
        let tag = |epoch: u64| json!({ "TagKey": KEY, "TagValue": format!("752a7e68801d36ee7636b8bae6d4f043-{epoch}") });
        let calls = script.calls();
        assert_eq!(calls[0], ("tag.CreateTag@ap-guangzhou".to_owned(), tag(7)));
        assert_eq!(calls[2], ("tag.DeleteTag@ap-guangzhou".to_owned(), tag(6)));
    }
}
