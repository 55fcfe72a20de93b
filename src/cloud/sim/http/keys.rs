//! Whose keys are known.

use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

use crate::cloud::client::Secret;
use crate::model::AccountId;

/// A key of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The main account that it belongs to.
    pub account: AccountId,
    /// Its id: tells whose key it is.
    pub secret_id: String,
    /// The key.
    pub secret_key: Secret,
}

/// A text that is no key. Shows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct MalformedKey(&'static str);

/// `UIN:SECRET_ID:SECRET_KEY`.
impl FromStr for Key {
    type Err = MalformedKey;

    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.splitn(3, ':');
        let (Some(account), Some(secret_id), Some(secret_key)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedKey("expected UIN:SECRET_ID:SECRET_KEY"));
        };
        let account = account
            .parse()
            .map_err(|_| MalformedKey("the first part is no main account (a number, as in 100000000001)"))?;
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        // In the Authorization header, these end the id.
        if !is_plain(secret_id) || secret_id.contains(['/', ',']) {
            return Err(MalformedKey("the second part, the id of the key, must be letters and digits"));
        }
        if !is_plain(secret_key) {
            return Err(MalformedKey("the third part, the key, must be letters, digits and signs"));
        }
        Ok(Self { account, secret_id: secret_id.to_owned(), secret_key: Secret::new(secret_key) })
    }
}

/// The keys that a server knows, by id.
#[derive(Debug, Clone, Default)]
pub struct Keys(BTreeMap<String, Key>);

impl Keys {
    /// The key with an id.
    pub(super) fn find(&self, secret_id: &str) -> Option<&Key> {
        self.0.get(secret_id)
    }
}

/// Of several keys with one id, the last is known.
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
