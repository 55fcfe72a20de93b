//! Keys of the accounts.

use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

use crate::cloud::client::Secret;
use crate::model::AccountId;

/// Key of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Main account of the owner.
    pub account: AccountId,
    /// Id of the key.
    pub secret_id: String,
    /// The key itself.
    pub secret_key: Secret,
}

/// Error about a malformed key. It does not contain the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct MalformedKey(&'static str);

/// Parses `UIN:SECRET_ID:SECRET_KEY`.
impl FromStr for Key {
    type Err = MalformedKey;

    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.splitn(3, ':');
        let (Some(account), Some(secret_id), Some(secret_key)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedKey("expected UIN:SECRET_ID:SECRET_KEY"));
        };
        let account = account.parse().map_err(|_| {
            MalformedKey("the first part must be a main account (a number such as 100000000001)")
        })?;
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        // These characters end the id in the Authorization header.
        if !is_plain(secret_id) || secret_id.contains(['/', ',']) {
            return Err(MalformedKey(
                "the second part, the id of the key, must consist of letters and digits",
            ));
        }
        if !is_plain(secret_key) {
            return Err(MalformedKey(
                "the third part, the key, must consist of letters, digits and punctuation",
            ));
        }
        Ok(Self { account, secret_id: secret_id.to_owned(), secret_key: Secret::new(secret_key) })
    }
}

/// Keys that a server accepts, by id.
#[derive(Debug, Clone, Default)]
pub struct Keys(BTreeMap<String, Key>);

impl Keys {
    /// Returns the key with this secret id.
    pub(super) fn find(&self, secret_id: &str) -> Option<&Key> {
        self.0.get(secret_id)
    }
}

/// Collects keys. Of several keys with the same id, the last one applies.
impl FromIterator<Key> for Keys {
    fn from_iter<T: IntoIterator<Item = Key>>(keys: T) -> Self {
        Self(keys.into_iter().map(|key| (key.secret_id.clone(), key)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_hold_colons_and_what_is_no_key_is_refused_without_showing_it() {
        let key: Key = "100000000001:AKIDx:se:cret".parse().unwrap();
        assert_eq!((key.secret_id.as_str(), key.secret_key.reveal()), ("AKIDx", "se:cret"));
        assert!(!format!("{key:?}").contains("se:cret"));
        for text in ["", "100000000001", "100000000001:AKIDx", "web:AKIDx:hidden", "100000000001:a/b:hidden"]
        {
            let error = text.parse::<Key>().unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
        assert!("100000000001:AKIDx:".parse::<Key>().is_err());
        assert!("100000000001::x".parse::<Key>().is_err());
    }
}
