//! Search for the accounts of a list that the service refuses.

use std::collections::BTreeMap;

use crate::cloud::CloudError;
use crate::model::{AccountId, Accounts};
use crate::plan::Failure;

/// Search for the accounts of a list that the service refuses, while all others are done.
#[derive(Debug)]
pub(super) struct AccountSearch {
    /// The list that was sent last.
    pub(super) sent: Accounts,
    /// The lists that are sent after it.
    pub(super) lists: Vec<Accounts>,
    /// The accounts that are refused, each with the error.
    pub(super) bad: BTreeMap<AccountId, CloudError>,
}

impl AccountSearch {
    pub(super) fn starting_with(sent: Accounts) -> Self {
        Self { sent, lists: Vec::new(), bad: BTreeMap::new() }
    }

    /// Whether every account is done or refused.
    pub(super) fn is_over(&self) -> bool {
        self.sent.is_empty() && self.lists.is_empty()
    }

    /// A list was refused because of an account. `group` is what is not done of it.
    ///
    /// The service may name the account. If it does not, the list is sent in two halves. A list of which a part was
    /// done, or had been done before, is sent again without that part: the refusal may have been about that part.
    pub(super) fn refused(&mut self, group: Accounts, because: &CloudError) {
        let named: Vec<AccountId> =
            group.iter().filter(|account| is_named(*account, &because.message)).collect();
        let bad = match (named.as_slice(), group.as_slice()) {
            ([one], _) => *one,
            (_, [one]) if self.sent.len() == 1 => *one,
            _ if group.len() < self.sent.len() => return self.push(group),
            (_, all) => {
                let (first, second) = all.split_at(all.len().div_ceil(2));
                self.lists.extend([second, first].map(|half| half.iter().copied().collect::<Accounts>()));
                return;
            }
        };
        self.bad.insert(bad, because.clone());
        let rest: Accounts = group.iter().filter(|account| *account != bad).collect();
        self.push(rest);
    }

    pub(super) fn push(&mut self, list: Accounts) {
        if !list.is_empty() {
            self.lists.push(list);
        }
    }

    /// Returns why the step failed: because of another error, else because of the accounts that are refused.
    pub(super) fn failure(&self, because: Option<&CloudError>, others_are_done: bool) -> Option<Failure> {
        let error = because.or_else(|| self.bad.values().next())?;
        let mut why = error.to_string();
        let unnamed: Vec<String> = self
            .bad
            .keys()
            .filter(|account| self.bad.len() > 1 || !is_named(**account, &error.message))
            .map(|account| account.to_string())
            .collect();
        if !unnamed.is_empty() {
            why.push_str(&format!("; refused: {}", unnamed.join(", ")));
        }
        if because.is_none() && others_are_done {
            why.push_str("; all other accounts of the list are done");
        }
        // The accounts are named by the state too: the message of the service is still all that is said of the cause.
        Some(Failure { why, ..Failure::from(error) })
    }
}

/// Returns whether a text names the account.
fn is_named(account: AccountId, text: &str) -> bool {
    let account = account.to_string();
    text.split(|c: char| !c.is_ascii_digit()).any(|number| number == account)
}
