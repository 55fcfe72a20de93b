//! Shares: lists of accounts that a call may take as a whole, in part, or not at all.
//!
//! After a refusal the list is read back: what was done all the same is recorded, what is left is sent again where that
//! can help, and an account that cannot be shared with is named.

use std::sync::Arc;

use super::calls::send_parts;
use super::executor::{Report, Run, UNREACHABLE_TRIES};
use crate::cloud::{CloudError, Meaning};
use crate::model::{Accounts, Operation, PlacementKey};
use crate::plan::StepIndex;
use crate::state::{Edit, Event};

/// The operation in parts that one call each takes, where its list of accounts is longer than a call can name.
pub(super) fn in_parts(operation: Operation, most: Option<u32>) -> Vec<Operation> {
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX).max(1);
    let parts = |accounts: &Accounts| -> Vec<Accounts> {
        accounts.as_slice().chunks(most).map(|part| part.iter().copied().collect()).collect()
    };
    match &operation {
        Operation::Share { at, accounts, foreign } if accounts.len() > most => parts(accounts)
            .into_iter()
            .map(|accounts| Operation::Share { at: at.clone(), accounts, foreign: foreign.clone() })
            .collect(),
        Operation::Unshare { at, accounts } if accounts.len() > most => parts(accounts)
            .into_iter()
            .map(|accounts| Operation::Unshare { at: at.clone(), accounts })
            .collect(),
        _ => vec![operation],
    }
}

impl Run<'_, '_> {
    /// The call was refused: reads with whom the image is shared now.
    pub(super) fn ask_shares(&mut self, index: StepIndex, because: CloudError) {
        let Some(at) = self.step(index).map(|step| step.at().clone()) else { return };
        let Some(id) = self.snapshot.recorded.placement(&at).map(|placement| placement.id.clone()) else {
            return self.fail(index, &because.to_string(), None);
        };
        let cloud = Arc::clone(&self.executor.cloud);
        self.tasks.spawn(async move {
            let shares = cloud.shares(&at.region, &id).await;
            Report::ReadBack { step: index, because, shares }
        });
    }

    pub(super) fn read_back(
        &mut self,
        index: StepIndex,
        because: &CloudError,
        shares: Result<Accounts, CloudError>,
    ) {
        let Some(operation) = self.step(index).map(|step| step.operation.clone()) else { return };
        let everyone = match shares {
            Ok(shares) => shares,
            Err(error) => return self.fail(index, &format!("{because}; {error}"), None),
        };
        let (at, left, own) = match &operation {
            Operation::Share { at, accounts, foreign } => {
                (at, accounts.without(&everyone), accounts.without(foreign))
            }
            Operation::Unshare { at, accounts } => (at, accounts.shared_with(&everyone), Accounts::EMPTY),
            _ => return,
        };
        if left.is_empty() {
            return self.settle(index, None);
        }
        if self.is_worth_another_call(index, because, &operation) {
            return self.call_for(index, &operation, &left);
        }
        if because.meaning == Meaning::ShareQuota {
            self.learn_share_limit(&everyone, &left);
        }
        let (at, when) = (at.clone(), self.now());
        self.note(Event::Edited { at: when, change: Edit::SeeShares { at, everyone, own } });
        self.fail(index, &naming(because, &left), None);
    }

    /// Whether what is left of the list is to be sent again: in smaller parts, or without those that are done.
    fn is_worth_another_call(
        &mut self,
        index: StepIndex,
        because: &CloudError,
        operation: &Operation,
    ) -> bool {
        if because.meaning == Meaning::TooManyValues {
            return self.learn_accounts_per_call(index);
        }
        let is_left_over = match operation {
            Operation::Share { .. } => because.meaning == Meaning::AlreadyShared,
            // One that has no share, or whose account is gone, stops the others from losing theirs.
            Operation::Unshare { .. } => because.meaning == Meaning::BadAccount,
            _ => false,
        };
        let (tries, since) = self.tries.get(&index).copied().unwrap_or((0, self.now()));
        self.tries.insert(index, (tries.saturating_add(1), since));
        is_left_over && tries < UNREACHABLE_TRIES
    }

    /// Sends what is left of a list.
    fn call_for(&mut self, index: StepIndex, operation: &Operation, left: &Accounts) {
        let at: &PlacementKey = operation.at();
        let Some(id) = self.snapshot.recorded.placement(at).map(|placement| placement.id.clone()) else {
            return;
        };
        let rest = match operation {
            Operation::Unshare { at, .. } => Operation::Unshare { at: at.clone(), accounts: left.clone() },
            _ => Operation::Share { at: at.clone(), accounts: left.clone(), foreign: Accounts::EMPTY },
        };
        let (cloud, owner) = (Arc::clone(&self.executor.cloud), self.plan.account);
        let most = self.accounts_per_call(index, &rest);
        self.calls = self.calls.saturating_add(1);
        self.tasks.spawn(async move {
            let result = send_parts(cloud.as_ref(), owner, rest, Some(id), None, most).await;
            Report::Called(index, result)
        });
    }

    /// The most accounts that a call names, where that is known; how many this step's next call names is kept.
    pub(super) fn accounts_per_call(&mut self, index: StepIndex, operation: &Operation) -> Option<u32> {
        let most = self.snapshot.recorded.accounts_per_call;
        if let Operation::Share { accounts, .. } | Operation::Unshare { accounts, .. } = operation {
            let all = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
            self.named.insert(index, most.map_or(all, |most| most.min(all)));
        }
        most
    }

    /// A call named too many accounts: the next ones name half as many, and that is remembered. Whether that leaves
    /// something to try.
    fn learn_accounts_per_call(&mut self, index: StepIndex) -> bool {
        let named = self.named.get(&index).copied().unwrap_or(0);
        if named < 2 {
            return false;
        }
        let change = Edit::LearnAccountsPerCall { value: named.div_ceil(2) };
        self.note(Event::Edited { at: self.now(), change });
        true
    }

    /// No action tells the limit of accounts per image; a refusal says that it is below what was asked for.
    fn learn_share_limit(&mut self, everyone: &Accounts, left: &Accounts) {
        let most = everyone.len().saturating_add(left.len()).saturating_sub(1);
        let value = u32::try_from(most).unwrap_or(u32::MAX);
        let at = self.now();
        self.note(Event::Edited { at, change: Edit::LearnShareLimit { value, at } });
    }
}

/// The refusal, with the account that it is about, where the service does not name it.
fn naming(because: &CloudError, left: &Accounts) -> String {
    let is_named = left.iter().any(|account| because.message.contains(&account.to_string()));
    if because.meaning != Meaning::BadAccount || is_named {
        return because.to_string();
    }
    let left: Vec<String> = left.iter().map(|account| account.to_string()).collect();
    match left.as_slice() {
        [one] => format!("{because}; it is about {one}"),
        several => format!("{because}; it is about one of {}", several.join(", ")),
    }
}
