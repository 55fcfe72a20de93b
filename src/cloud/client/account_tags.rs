//! Tags of the account, on things or not: 651/35315 CreateTag, DeleteTag.
//!
//! The service creates a tag once, so a state without conditional writes is locked by one.

use compact_str::CompactString;

use super::{Client, wire};
use crate::cloud::{CloudError, ErrorKind};

impl Client {
    /// Creates a tag of the account. Returns whether it is new.
    ///
    /// # Errors
    /// If the service refuses it for another reason, or the outcome is unknown.
    pub async fn create_tag(&self, key: &str, value: &str) -> Result<bool, CloudError> {
        let call = wire::CreateTag { tag_key: CompactString::new(key), tag_value: CompactString::new(value) };
        match self.call(self.home.as_ref(), &call).await {
            Ok(wire::Done {}) => Ok(true),
            Err(error) if error.code.as_deref() == Some("ResourceInUse.TagDuplicate") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a tag of the account. Returns whether there was one.
    ///
    /// # Errors
    /// As [`Client::create_tag`].
    pub async fn delete_tag(&self, key: &str, value: &str) -> Result<bool, CloudError> {
        let call = wire::DeleteTag { tag_key: CompactString::new(key), tag_value: CompactString::new(value) };
        match self.call(self.home.as_ref(), &call).await {
            Ok(wire::Done {}) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::client::fake::{Script, refusal, run};

    #[test]
    fn a_tag_is_created_once_and_deleted_once() {
        let script = Script::answering([
            json!({ "RequestId": "r-1" }),
            refusal("ResourceInUse.TagDuplicate"),
            json!({ "RequestId": "r-2" }),
            refusal("ResourceNotFound.TagNonExist"),
            refusal("LimitExceeded.TagValue"),
        ]);
        let client = Client::new(script.clone());
        assert!(run(client.create_tag("lock", "a-1")).unwrap());
        assert!(!run(client.create_tag("lock", "a-1")).unwrap());
        assert!(run(client.delete_tag("lock", "a-1")).unwrap());
        assert!(!run(client.delete_tag("lock", "a-1")).unwrap());
        assert_eq!(run(client.create_tag("lock", "a-2")).unwrap_err().kind, ErrorKind::Tag);
        let pair = json!({ "TagKey": "lock", "TagValue": "a-1" });
        assert_eq!(script.calls()[0], ("tag.CreateTag@ap-guangzhou".to_owned(), pair.clone()));
        assert_eq!(script.calls()[2], ("tag.DeleteTag@ap-guangzhou".to_owned(), pair));
    }
}
