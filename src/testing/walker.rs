//! Walks a plan one move at a time, in an order that somebody chooses: every order that the graph allows can be
//! tried against the sandbox. It knows nothing of what the executor does about refusals: the first one ends it.

use std::sync::Arc;
use std::time::Duration;

use super::bench::Bench;
use crate::apply::Scheduler;
use crate::apply::calls::send;
use crate::cloud::client::Client;
use crate::cloud::{CloudError, CloudRead};
use crate::model::{ImageId, Operation, PlacementKey, Verb};
use crate::plan::{Plan, StepIndex};
use crate::state::{Event, SettledImage, Snapshot};

/// What may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A step that waits for nothing any more is sent.
    Start(StepIndex),
    /// Time passes; what is NORMAL then has settled.
    Pass(Duration),
}

/// A refusal of the cloud.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The step.
    pub step: String,
    /// The refusal.
    pub error: CloudError,
}

pub struct Walker<'a> {
    plan: &'a Plan,
    bench: &'a Bench,
    cloud: Arc<Client>,
    scheduler: Scheduler<'a>,
    /// Images that are being made.
    pending: Vec<(StepIndex, PlacementKey, ImageId)>,
    /// What has happened so far.
    pub snapshot: Snapshot,
    /// The ids of the steps, in the order in which they were sent.
    pub sent: Vec<String>,
}

impl<'a> Walker<'a> {
    /// Returns a walker that starts from the recorded state.
    pub fn new(bench: &'a Bench, plan: &'a Plan, snapshot: Snapshot) -> Self {
        let scheduler = Scheduler::new(&plan.graph);
        let cloud = bench.cloud();
        let mut walker =
            Self { plan, bench, cloud, scheduler, pending: Vec::new(), snapshot, sent: Vec::new() };
        for change in &plan.edits {
            walker.note(&Event::Edited { at: bench.clock.now(), change: change.clone() });
        }
        walker
    }

    fn note(&mut self, event: &Event) {
        self.snapshot.take(event).unwrap();
    }

    /// Returns what may happen next. Empty at the end.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves: Vec<Move> = self.scheduler.ready().map(Move::Start).collect();
        if !self.pending.is_empty() {
            moves.push(Move::Pass(Duration::from_millis(150)));
            moves.push(Move::Pass(Duration::from_millis(1_000)));
        }
        moves
    }

    /// Makes a move.
    ///
    /// # Errors
    /// If the cloud refuses it. Nothing may happen after that.
    pub async fn make(&mut self, next: Move) -> Result<(), Refused> {
        match next {
            Move::Start(step) => self.start(step).await,
            Move::Pass(time) => {
                tokio::time::sleep(time).await;
                self.settle().await;
                Ok(())
            }
        }
    }

    /// Makes moves that `choose` picks by position until there are none left.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn walk(&mut self, mut choose: impl FnMut(usize) -> usize) -> Result<(), Refused> {
        loop {
            let moves = self.moves();
            if moves.is_empty() {
                return Ok(());
            }
            self.make(moves[choose(moves.len()) % moves.len()]).await?;
        }
    }

    async fn start(&mut self, index: StepIndex) -> Result<(), Refused> {
        let step = &self.plan.graph[index];
        self.scheduler.started(index);
        self.sent.push(step.id.to_string());
        let operation = self.snapshot.recorded.as_sent(step.operation.clone(), &self.snapshot.lineage.0);
        let (at, id) = (operation.at().clone(), self.image_of(&operation));
        if step.verb() == Verb::Wait {
            self.pending.extend(id.map(|id| (index, at, id)));
            return Ok(());
        }
        self.note(&Event::Started {
            step: step.id.clone(),
            at: self.bench.clock.now(),
            operation: operation.clone(),
        });
        let made = send(self.cloud.as_ref(), self.plan.account, operation, id, None)
            .await
            .map_err(|error| Refused { step: step.id.to_string(), error })?;
        if let Some(id) = made {
            let accepted_at = self.bench.clock.now();
            self.note(&Event::Accepted { step: step.id.clone(), at: accepted_at, id: id.clone() });
            self.pending.push((index, at, id));
        } else {
            self.settled(index, None);
        }
        Ok(())
    }

    /// The image that an operation is sent about: its own, or the one that it copies.
    fn image_of(&self, operation: &Operation) -> Option<ImageId> {
        let recorded = &self.snapshot.recorded;
        let at = operation.at();
        let subject = match operation {
            Operation::Create { .. } => operation.original()?,
            Operation::Copy { from, .. } => PlacementKey { region: from.clone(), ..at.clone() },
            _ => at.clone(),
        };
        recorded.placement(&subject).map(|placement| placement.id.clone())
    }

    async fn settle(&mut self) {
        for (step, at, id) in std::mem::take(&mut self.pending) {
            let listed = self.cloud.images_by_id(&at.region, std::slice::from_ref(&id)).await.unwrap();
            match listed.into_iter().next().filter(|image| image.state.is_ready()) {
                Some(image) => {
                    self.settled(step, Some(SettledImage { state: image.state, build: image.build }))
                }
                None => self.pending.push((step, at, id)),
            }
        }
    }

    fn settled(&mut self, index: StepIndex, image: Option<SettledImage>) {
        let step = &self.plan.graph[index];
        let at = self.bench.clock.now();
        match image {
            Some(image) if step.verb() == Verb::Wait => {
                self.note(&Event::Ended { placement: step.at().clone(), at, image });
            }
            image => self.note(&Event::Settled { step: step.id.clone(), at, image }),
        }
        self.scheduler.settled(index);
    }
}
