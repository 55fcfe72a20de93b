//! Resolves accounts: the owner, names, and references.

use crate::diagnostics::catalogue::syntax::{NAME_MALFORMED, VALUE_MALFORMED};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::manifest::fault::FaultKind;
use crate::manifest::syntax::{AccountEntry, Field, Manifest};
use crate::model::{AccountId, ImageKey};

use super::Resolver;
use super::group::Lists;

/// Owner of a manifest that names none, which is judged but never planned. The service has no account with this id.
const NO_OWNER: &str = "9223372036854775807";

impl<'m> Resolver<'m, '_> {
    /// Resolves the owner.
    pub(super) fn owner(&mut self, manifest: &Manifest) -> AccountId {
        let root = ManifestPath::root();
        let text = self.required(&manifest.account, &root, "account", "account: \"100000000001\"");
        self.owner = text.and_then(|text| match text.parse() {
            Ok(account) => Some(account),
            Err(_) => {
                self.malformed_account(&text, root.field("account"));
                None
            }
        });
        #[expect(clippy::unwrap_used, reason = "a constant, read by a test")]
        self.owner.unwrap_or_else(|| NO_OWNER.parse().unwrap())
    }

    /// Resolves the names of accounts.
    pub(super) fn accounts(&mut self, manifest: &'m Manifest) {
        let mut groups = Lists::new();
        for (name, account) in manifest.accounts.iter().flatten() {
            let path = ManifestPath::root().field("accounts").field(name.as_str());
            if !is_account_name(name.as_str()) {
                let detail = format!(
                    "`{}` cannot name an account. A name has 1 to 60 letters, digits, `-`, `_` or `.`, with at least one letter: digits \
                     alone are an id.",
                    escape_truncated(name.as_str())
                );
                self.malformed_name(&NAME_MALFORMED, detail, path.clone().key(), "");
            }
            let Field::Value(account) = account else {
                self.invalid_accounts.insert(name.as_str());
                continue;
            };
            let account = match account {
                AccountEntry::Id(account) => account,
                AccountEntry::Group(members) => {
                    groups.insert(name.as_str(), members);
                    continue;
                }
            };
            let text = self.text(account, || path.clone());
            match text.as_deref().map(str::parse) {
                Some(Ok(id)) => {
                    self.accounts.insert(name.0.clone(), id);
                }
                Some(Err(_)) => {
                    self.malformed_account(&text.unwrap_or_default(), path);
                    self.invalid_accounts.insert(name.as_str());
                }
                None => {
                    self.invalid_accounts.insert(name.as_str());
                }
            }
        }
        self.groups = self.members("accounts", &groups, &mut |resolver, text, path| {
            let account = resolver.account(text, || path.clone(), None)?;
            if resolver.owner == Some(account) {
                resolver.fault(path, None, FaultKind::OwnAccount { text: text.into() });
                return None;
            }
            Some(account)
        });
    }

    /// Returns the accounts of a name or an id, several if it names a group, and whether it does.
    pub(super) fn accounts_of(
        &mut self,
        text: &str,
        path: impl Fn() -> ManifestPath,
        image: Option<&ImageKey>,
    ) -> (Vec<AccountId>, bool) {
        let Some(number) = self.groups.get(text).map(Vec::len) else {
            return (self.account(text, path, image).into_iter().collect(), false);
        };
        if !self.has_room_for_members(number, path) {
            return (Vec::new(), true);
        }
        (self.groups.get(text).cloned().unwrap_or_default(), true)
    }

    fn malformed_account(&mut self, text: &str, path: ManifestPath) {
        let detail = format!(
            "`{}` in `{path}` is not a main account id (UIN), which has 5 to 19 digits and does not start with 0. The \
             console shows it as \"Account ID\".",
            escape_truncated(text)
        );
        let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "not an account id");
        self.report(
            diagnostic.help("Write the main account's id in quotes, such as \"100000000001\".").about(path),
        );
    }

    /// Returns the account with a name or an id.
    pub(super) fn account(
        &mut self,
        text: &str,
        path: impl FnOnce() -> ManifestPath,
        image: Option<&ImageKey>,
    ) -> Option<AccountId> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse() {
                Ok(account) => Some(account),
                Err(_) => {
                    self.fault(path(), image, FaultKind::MalformedAccount { text: text.into() });
                    None
                }
            };
        }
        if let Some(&account) = self.accounts.get(text) {
            return Some(account);
        }
        if self.groups.contains_key(text) {
            let path = path();
            let detail = format!(
                "`{path}` names `{}`, which is a group of accounts, and one account is expected.",
                escape_truncated(text)
            );
            let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "a group");
            self.report(diagnostic.help("Name one account.").about(path));
        } else if self.invalid_accounts.contains(text) {
            self.is_complete = false;
        } else if is_account_name(text) {
            let known = self.accounts.keys().chain(self.groups.keys());
            let known = known.map(compact_str::CompactString::as_str);
            let similar = self
                .scope
                .suggestions
                .closest(text, known.chain(self.invalid_accounts.iter().copied()))
                .map(Into::into);
            self.fault(path(), image, FaultKind::UnknownAccountName { name: text.into(), similar });
        } else {
            self.fault(path(), image, FaultKind::MalformedAccount { text: text.into() });
        }
        None
    }
}

/// Returns whether a text can name an account, which means that it is not an id.
fn is_account_name(text: &str) -> bool {
    text.parse::<ImageKey>().is_ok() && text.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_placeholder_of_the_owner_is_an_account_id() {
        assert!(super::NO_OWNER.parse::<super::AccountId>().is_ok());
    }
}
