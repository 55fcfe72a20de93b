//! A set of accounts: sorted, without duplicates, compared by merging.

use serde::{Deserialize, Serialize};

use super::AccountId;

/// The accounts that an image is shared with, sorted and unique.
///
/// A sorted vector rather than a tree: a fleet holds half a million of them, and everything that is done
/// with them (union, difference, comparison) is a merge.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<AccountId>")]
pub struct Accounts(Vec<AccountId>);

impl Accounts {
    /// No account.
    pub const EMPTY: Self = Self(Vec::new());

    /// Returns the number of accounts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the set contains an account.
    pub fn contains(&self, account: AccountId) -> bool {
        self.0.binary_search(&account).is_ok()
    }

    /// Returns the accounts in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.0.iter().copied()
    }

    /// Returns the accounts in ascending order, as a slice.
    pub fn as_slice(&self) -> &[AccountId] {
        &self.0
    }

    /// Returns the accounts that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        let mut theirs = other.0.iter().peekable();
        Self(
            self.0
                .iter()
                .filter(|mine| {
                    while theirs.next_if(|theirs| theirs < mine).is_some() {}
                    theirs.peek() != Some(mine)
                })
                .copied()
                .collect(),
        )
    }

    /// Returns the accounts that are also in `other`.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }

    /// Returns the accounts of both sets.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.iter().chain(other.iter()).collect()
    }
}

impl From<Vec<AccountId>> for Accounts {
    fn from(mut accounts: Vec<AccountId>) -> Self {
        accounts.sort_unstable();
        accounts.dedup();
        Self(accounts)
    }
}

impl From<Accounts> for Vec<AccountId> {
    fn from(accounts: Accounts) -> Self {
        accounts.0
    }
}

impl FromIterator<AccountId> for Accounts {
    fn from_iter<I: IntoIterator<Item = AccountId>>(accounts: I) -> Self {
        accounts.into_iter().collect::<Vec<_>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn accounts() -> impl Strategy<Value = (BTreeSet<AccountId>, Accounts)> {
        proptest::collection::vec(10_000u64..10_020, 0..20).prop_map(|numbers| {
            let ids: Vec<AccountId> = numbers.iter().map(|n| n.to_string().parse().unwrap()).collect();
            (ids.iter().copied().collect(), ids.into())
        })
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_a_tree((tree_a, a) in accounts(), (tree_b, b) in accounts()) {
            prop_assert!(a.without(&b).iter().eq(tree_a.difference(&tree_b).copied()));
            prop_assert!(a.shared_with(&b).iter().eq(tree_a.intersection(&tree_b).copied()));
            prop_assert!(a.joined(&b).iter().eq(tree_a.union(&tree_b).copied()));
            for account in tree_a.union(&tree_b) {
                prop_assert_eq!(a.contains(*account), tree_a.contains(account));
            }
        }
    }
}
