//! What a plan uses of something limited: how much is used before it, and which steps take and give.
//!
//! A plan may be hand-made, so nothing is counted twice: an image that two steps delete frees one slot, and an
//! account that is granted by two steps takes one place. Where that cannot be said by weights of steps, a step is
//! made up, in a copy of the graph: one that both wait for, or that waits for both.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::peak::peak_when_taking;
use super::slots::Weights;
use super::view::{InRegion, Peak, PlanView};
use crate::model::{AccountId, Operation, PlacementKey, Region};
use crate::plan::graph::{EdgeReason, StepGraph};
use crate::plan::step_map::StepIndex;

/// The most ways in which places may be taken by one of several steps.
const WAYS: usize = 16;

struct Usage<'p> {
    graph: Cow<'p, StepGraph>,
    used: usize,
    takers: Weights,
    givers: Weights,
    /// Taken by whichever of several steps comes first.
    either: Vec<(Vec<StepIndex>, usize)>,
}

impl PlanView<'_> {
    /// Returns the largest number of custom images in a region at any moment, in any order of the steps, and the largest
    /// number right after a step took a slot. Only the second is the plan's doing if a limit fell below what is used.
    pub fn image_peak(&self, region: &Region) -> Peak {
        let limit = self.plan.regions.get(region).map_or(u32::MAX, |room| room.limit.value);
        of_images(self, region, usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// Returns the same for the accounts that a placement is shared with.
    pub fn share_peak(&self, at: &PlacementKey) -> Peak {
        let limit = usize::try_from(self.plan.share_limit.value).unwrap_or(usize::MAX);
        of_accounts(self, at, limit)
    }
}

/// The slots of a region.
fn of_images(view: &PlanView<'_>, region: &Region, limit: usize) -> Peak {
    let graph = &view.plan.graph;
    let nothing = InRegion::default();
    let InRegion { managed, making, slots } = view.in_region(region).unwrap_or(&nothing);
    let unmanaged = view.prior.regions.get(region).map_or(0, |known| known.unmanaged.len());
    // What may have been made already counts, once.
    let mut usage = Usage::new(graph, managed.saturating_add(unmanaged).saturating_add(*making));
    usage.takers.clone_from(&slots.takers);
    let mut deletes: BTreeMap<&PlacementKey, Vec<StepIndex>> = BTreeMap::new();
    for (delete, _) in &slots.givers {
        deletes.entry(graph[*delete].at()).or_default().push(*delete);
    }
    for deletes in deletes.values() {
        usage.give(deletes, 1);
    }
    usage.peak(limit)
}

/// The accounts that a placement is shared with.
fn of_accounts(view: &PlanView<'_>, at: &PlacementKey, limit: usize) -> Peak {
    let everyone = view.prior.placement(at).map(|placement| placement.everyone()).unwrap_or_default();
    let mut usage = Usage::new(&view.plan.graph, everyone.len());
    // A new image, mostly: one step that grants, and none that revokes.
    let mut steps = view.steps_at(at).filter_map(|(index, step)| match &step.operation {
        Operation::Share { accounts, .. } => Some((index, Some(accounts))),
        Operation::Unshare { .. } => Some((index, None)),
        _ => None,
    });
    if let (Some((share, Some(accounts))), None) = (steps.next(), steps.next()) {
        match accounts.without(&everyone).len() {
            0 => {}
            new => usage.take(&[share], new),
        }
        return usage.peak(limit);
    }
    // The steps that grant and revoke, by account; then accounts with the same steps together.
    let mut by_account: BTreeMap<AccountId, (Vec<StepIndex>, Vec<StepIndex>)> = BTreeMap::new();
    for (index, step) in view.steps_at(at) {
        match &step.operation {
            Operation::Share { accounts, .. } => {
                accounts.iter().for_each(|account| by_account.entry(account).or_default().0.push(index));
            }
            Operation::Unshare { accounts, .. } => {
                accounts.iter().for_each(|account| by_account.entry(account).or_default().1.push(index));
            }
            _ => {}
        }
    }
    let mut groups: BTreeMap<(bool, Vec<StepIndex>, Vec<StepIndex>), usize> = BTreeMap::new();
    for (account, (shares, unshares)) in by_account {
        *groups.entry((everyone.contains(account), shares, unshares)).or_default() += 1;
    }
    for ((is_on, shares, unshares), accounts) in groups {
        match (is_on, &shares[..], &unshares[..]) {
            (true, [], unshares) => usage.give(unshares, accounts),
            (true, [share], [unshare]) => usage.give_and_take(*unshare, *share, accounts),
            // Taken for being on the list all along.
            (true, ..) => {}
            (false, shares, _) => usage.take(shares, accounts),
        }
    }
    usage.peak(limit)
}

impl<'p> Usage<'p> {
    fn new(graph: &'p StepGraph, used: usize) -> Self {
        let graph = Cow::Borrowed(graph);
        Self { graph, used, takers: Vec::new(), givers: Vec::new(), either: Vec::new() }
    }

    /// A placeholder without an effect: only the order around it matters.
    fn made_up(&mut self, like: StepIndex) -> StepIndex {
        let step = self.graph[like].clone();
        self.graph.to_mut().add(step)
    }

    /// Given back when any of these has settled.
    fn give(&mut self, steps: &[StepIndex], weight: usize) {
        match steps {
            [] => {}
            [step] => self.givers.push((*step, weight)),
            [first, ..] => {
                let given = self.made_up(*first);
                for step in steps {
                    self.graph.to_mut().wait(*step, given, EdgeReason::ImageReady);
                }
                self.givers.push((given, weight));
            }
        }
    }

    /// Taken when any of these starts.
    fn take(&mut self, steps: &[StepIndex], weight: usize) {
        match steps {
            [] => {}
            [step] => self.takers.push((*step, weight)),
            _ => self.either.push((steps.to_vec(), weight)),
        }
    }

    /// Revoked and granted again.
    fn give_and_take(&mut self, unshare: StepIndex, share: StepIndex, weight: usize) {
        self.givers.push((unshare, weight));
        if self.graph.must_precede(share, unshare) {
            return;
        }
        if self.graph.must_precede(unshare, share) {
            self.takers.push((share, weight));
        } else {
            let again = self.made_up(share);
            self.graph.to_mut().wait(again, share, EdgeReason::ImageReady);
            self.graph.to_mut().wait(again, unshare, EdgeReason::ImageReady);
            self.takers.push((again, weight));
        }
    }

    fn peak(mut self, limit: usize) -> Peak {
        let ways = self.either.iter().fold(1usize, |ways, (steps, _)| ways.saturating_mul(steps.len()));
        if ways > WAYS {
            // Each takes: too much rather than too little.
            let all =
                self.either.drain(..).flat_map(|(steps, weight)| steps.into_iter().map(move |s| (s, weight)));
            self.takers.extend(all);
        }
        let when_taking = (0..ways.min(WAYS)).map(|way| self.when_taking(way, limit)).max().unwrap_or(0);
        Peak { at_any_moment: self.used.max(when_taking), when_taking }
    }

    /// The same, where of several steps that may take the one of this way does.
    fn when_taking(&self, mut way: usize, limit: usize) -> usize {
        let mut takers = self.takers.clone();
        for (steps, weight) in &self.either {
            let count = steps.len().max(1);
            takers.extend(steps.get(way % count).map(|step| (*step, *weight)));
            way /= count;
        }
        match takers[..] {
            [] => 0,
            _ => peak_when_taking(&self.graph, self.used, limit, &takers, &self.givers),
        }
    }
}
