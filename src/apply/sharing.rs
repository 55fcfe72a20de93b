//! Shares: lists of accounts that a call may take as a whole, in part, or not at all.
//!
//! After a refusal the list is read back and what was done nonetheless is recorded. If one account is refused, it is
//! searched for, all others are done, and the failure names it.

use std::sync::Arc;

use super::account_search::AccountSearch;
use super::run_state::{RunState, TaskResult};
use crate::cloud::{CloudError, ErrorKind};
use crate::model::{Accounts, Operation, PlacementKey};
use crate::plan::{Failure, StepIndex};
use crate::state::{Edit, Event};

/// The operation in parts that one call each takes, where its list of accounts is longer than a call can name.
pub(super) fn in_parts(operation: Operation, most: Option<u32>) -> Vec<Operation> {
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX).max(1);
    let parts = |accounts: &Accounts| -> Vec<Accounts> {
        accounts.as_slice().chunks(most).map(|part| part.iter().copied().collect()).collect()
    };
    match &operation {
        Operation::Share { at, accounts, unmanaged } if accounts.len() > most => parts(accounts)
            .into_iter()
            .map(|accounts| Operation::Share { at: at.clone(), accounts, unmanaged: unmanaged.clone() })
            .collect(),
        Operation::Unshare { at, accounts } if accounts.len() > most => parts(accounts)
            .into_iter()
            .map(|accounts| Operation::Unshare { at: at.clone(), accounts })
            .collect(),
        _ => vec![operation],
    }
}

impl RunState<'_, '_> {
    /// The call was refused: reads with whom the image is shared now.
    pub(super) fn ask_shares(&mut self, index: StepIndex, because: CloudError) {
        let at = self.step(index).at().clone();
        let Some(id) = self.snapshot.recorded.placement(&at).map(|placement| placement.id.clone()) else {
            return self.fail(index, &because, None);
        };
        let cloud = Arc::clone(&self.executor.cloud);
        self.tasks.spawn(self.task_name(index), async move {
            let shares = cloud.shares(&at.region, &id).await;
            TaskResult::ReadBack { step: index, because, shares }
        });
    }

    pub(super) fn read_back(
        &mut self,
        index: StepIndex,
        because: &CloudError,
        shares: Result<Accounts, CloudError>,
    ) {
        let operation = self.step(index).operation.clone();
        let (Operation::Share { accounts, .. } | Operation::Unshare { accounts, .. }) = &operation else {
            return;
        };
        let mut search =
            self.searches.remove(&index).unwrap_or_else(|| AccountSearch::starting_with(accounts.clone()));
        let everyone = match shares {
            Ok(shares) => shares,
            Err(error) => {
                let failure = Failure::from(because).with_why(format!("{because}; {error}"));
                return self.fail(index, failure, None);
            }
        };
        let left = undone(&operation, accounts, &everyone);
        if left.is_empty() {
            return self.settle(index, None);
        }
        if search.is_over() {
            return self.conclude(index, &operation, &everyone, None, &search);
        }
        let group = undone(&operation, &search.sent, &everyone);
        let is_shorter = group.len() < search.sent.len();
        match because.kind {
            ErrorKind::TooManyValues if self.learn_accounts_per_call(index) => search.push(group),
            ErrorKind::BadAccount => search.refused(group, because),
            ErrorKind::AlreadyShared if is_shorter && matches!(operation, Operation::Share { .. }) => {
                search.push(group);
            }
            _ => {
                if because.kind == ErrorKind::ShareQuota {
                    self.learn_share_limit(&everyone, &left);
                }
                return self.conclude(index, &operation, &everyone, Some(because), &search);
            }
        }
        self.searches.insert(index, search);
        self.search_on(index);
    }

    /// Sends the next list of a search. When none is left, the shares are read and recorded.
    pub(super) fn search_on(&mut self, index: StepIndex) {
        let Some(search) = self.searches.get_mut(&index) else { return };
        search.sent = search.lists.pop().unwrap_or_default();
        match (search.sent.is_empty(), search.bad.values().next().cloned()) {
            (false, _) => {
                // Another list is another call.
                self.attempts.remove(&index);
                self.call(index);
            }
            (true, Some(because)) => self.ask_shares(index, because),
            (true, None) => self.settle(index, None),
        }
    }

    /// Ends a share step of which a part failed: what is shared is recorded, and the failure names the accounts.
    ///
    /// Accounts that the service does not accept delay nothing if none of them has another placement of the entry in
    /// the region, since nobody loses access then.
    fn conclude(
        &mut self,
        index: StepIndex,
        operation: &Operation,
        everyone: &Accounts,
        because: Option<&CloudError>,
        search: &AccountSearch,
    ) {
        let (at, accounts, own) = match operation {
            Operation::Share { at, accounts, unmanaged } => (at, accounts, accounts.without(unmanaged)),
            Operation::Unshare { at, accounts } => (at, accounts, Accounts::EMPTY),
            _ => return,
        };
        let left = undone(operation, accounts, everyone);
        let others_are_done = left.len() < accounts.len();
        let Some(failure) = search.failure(because, others_are_done) else { return };
        let change = Edit::SeeShares { at: at.clone(), everyone: everyone.clone(), own };
        self.note(Event::Edited { at: self.now(), change });
        let is_new_only = matches!(operation, Operation::Share { .. }) && !self.any_has_another(at, &left);
        if because.is_none() && is_new_only {
            self.record_failure(index, failure, None);
            self.scheduler.settled(index);
            self.step_settled(index);
        } else {
            self.fail(index, failure, None);
        }
    }

    /// Returns whether one of these accounts has another generation of the entry in the same region.
    fn any_has_another(&self, at: &PlacementKey, accounts: &Accounts) -> bool {
        self.snapshot.recorded.placements().any(|(other, placement)| {
            other.image == at.image
                && other.region == at.region
                && other.generation != at.generation
                && !accounts.shared_with(&placement.everyone()).is_empty()
        })
    }

    /// The operation with the list of accounts that a search sends next.
    pub(super) fn narrowed(&self, index: StepIndex, mut operation: Operation) -> Operation {
        if let (Some(search), Operation::Share { accounts, .. } | Operation::Unshare { accounts, .. }) =
            (self.searches.get(&index), &mut operation)
        {
            accounts.clone_from(&search.sent);
        }
        operation
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

    /// No action returns the limit of accounts per image. A refusal shows that it is below what was requested.
    fn learn_share_limit(&mut self, everyone: &Accounts, left: &Accounts) {
        let most = everyone.len().saturating_add(left.len()).saturating_sub(1);
        let value = u32::try_from(most).unwrap_or(u32::MAX);
        let at = self.now();
        self.note(Event::Edited { at, change: Edit::LearnShareLimit { value, at } });
    }
}

/// The accounts of a list of which the operation is not done, given everyone that the image is shared with.
fn undone(operation: &Operation, accounts: &Accounts, everyone: &Accounts) -> Accounts {
    match operation {
        Operation::Unshare { .. } => accounts.shared_with(everyone),
        _ => accounts.without(everyone),
    }
}
