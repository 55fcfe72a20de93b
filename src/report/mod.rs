//! Values to text: what people read in a terminal, and what programs read. No decisions, no I/O.
//!
//! Every function here takes values and returns a `String`. Colour never carries meaning alone: every mark has a sign
//! (`+` `~` `-` `-/+`) and a word. User text is made harmless before it is shown.

pub mod applied;
pub mod code_page;
pub mod drawing;
pub mod drift;
pub mod envelope;
pub mod events;
pub mod expected;
pub mod findings;
pub mod github;
pub mod gitlab;
pub mod graph;
pub mod history;
pub mod images;
pub mod json;
pub mod junit;
mod losses;
pub mod markdown;
pub mod output;
pub mod page;
pub mod paint;
pub mod plan;
pub mod position;
pub mod preflight;
pub mod rdjson;
pub mod resources;
pub mod sarif;
pub mod state;
pub mod step;
pub mod summary;
pub mod table;
pub mod verdict;

pub use paint::Paint;
pub use summary::Summary;
pub use verdict::{CommandResult, Places, Verdict};

use crate::manifest::Desired;
use crate::model::{AccountId, Accounts, Limit, LimitSource};

/// How many accounts are named before the rest is only counted.
const ACCOUNTS_NAMED: usize = 5;

/// Names for accounts, from the manifest.
#[derive(Debug, Clone, Default)]
pub struct AccountNames {
    ids: std::collections::BTreeMap<AccountId, String>,
    groups: Vec<(Accounts, String)>,
}

impl AccountNames {
    /// Names of accounts in a manifest.
    pub fn of(desired: &Desired) -> Self {
        Self {
            ids: {
                // A group of one account names it, if nothing else does.
                let of_one = desired.groups.iter().filter(|(_, all)| all.len() == 1);
                let of_one = of_one.flat_map(|(name, all)| all.iter().map(|id| (id, name.to_string())));
                of_one.chain(desired.accounts.iter().map(|(name, id)| (*id, name.to_string()))).collect()
            },
            groups: {
                let groups = desired.groups.iter().map(|(name, all)| (all.clone(), name.to_string()));
                let mut groups: Vec<(Accounts, String)> = groups.collect();
                groups.sort_by_key(|(members, _)| std::cmp::Reverse(members.len()));
                groups
            },
        }
    }

    /// The account's name, or its id.
    pub fn name(&self, account: AccountId) -> String {
        self.ids.get(&account).cloned().unwrap_or_else(|| account.to_string())
    }

    /// `2 accounts: partner, staging`: groups whose members all are among them, then others, the first few by name.
    pub fn list(&self, accounts: &Accounts) -> String {
        let mut rest = accounts.clone();
        let mut named: Vec<String> = Vec::new();
        for (members, group) in &self.groups {
            if members.len() > 1 && members.without(&rest).is_empty() {
                rest = rest.without(members);
                named.push(group.clone());
            }
        }
        let more = ACCOUNTS_NAMED.saturating_sub(named.len());
        named.extend(rest.iter().take(more).map(|id| self.name(id)));
        let more = match rest.len().saturating_sub(more) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}: {}{more}", count(accounts.len(), "account", "accounts"), named.join(", "))
    }
}

/// `1 image`, `2 images`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Where a limit comes from: `documented default (213/4941)`.
pub fn limit_source(limit: &Limit) -> String {
    match &limit.source {
        LimitSource::Manifest => "manifest".to_owned(),
        LimitSource::Recorded { at } => format!("service, read {}", at.strftime("%Y-%m-%d")),
        LimitSource::Documented => "documented default (213/4941)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::desired;

    #[test]
    fn a_group_of_one_account_names_it() {
        let manifest = "version: 1\naccount: \"100000000001\"\naccounts: { staging: [\"200000000001\"], acme: \
                        \"200000000002\", other: [acme] }\n";
        let names = AccountNames::of(&desired(manifest));
        let all: Accounts = ["200000000001", "200000000002"].iter().map(|id| id.parse().unwrap()).collect();
        assert_eq!(names.list(&all), "2 accounts: staging, acme");
    }
}
