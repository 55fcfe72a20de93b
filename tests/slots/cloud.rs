//! Random interleavings of larger plans on the sandbox, which enforces its quotas: nothing is ever refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use goldform::cloud::client::Client;
use goldform::cloud::sim::{ImageStatus, Settings, Share, Sim, SimTransport};
use goldform::cloud::{CloudWrite, NewImage};
use goldform::model::{AccountId, Clock, ImageId, ImageState, ManualClock, Operation, PlacementKey, Region};
use goldform::plan::{EdgeReason, Plan, Step, StepIndex};
use jiff::{SignedDuration, Timestamp};

use crate::slots::edges::{edits_refused, errors, judged};
use crate::slots::world::{Case, Dice, Shape, case, graph_in_words, now};

fn owner() -> AccountId {
    "100000000001".parse().unwrap()
}

pub struct Cloud {
    sim: Arc<Sim>,
    template: goldform::cloud::sim::Image,
    runtime: tokio::runtime::Runtime,
}

impl Cloud {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sim = Arc::new(Sim::in_memory(Settings::default()).unwrap());
        let cloud = Self::client(&sim, &Arc::new(ManualClock::at(now())));
        let case = case(1, Shape { images: 1, regions: 1, plain: true });
        let source = case
            .prior
            .images
            .values()
            .next()
            .map(|image| image.generations.values().next().unwrap().source.clone());
        let source = source.or_else(|| case.desired.images.values().next().unwrap().source.clone()).unwrap();
        let attributes = goldform::model::Attributes { name: Some("template".into()), ..Default::default() };
        let image = NewImage::new(attributes, BTreeMap::new(), source);
        runtime.block_on(cloud.create_image(&crate::slots::world::region("ap-jakarta"), &image)).unwrap();
        let template = sim.images().unwrap().into_iter().find(|image| image.name == "template").unwrap();
        Self { sim, template, runtime }
    }

    fn client(sim: &Arc<Sim>, clock: &Arc<ManualClock>) -> Client {
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        Client::new(Arc::new(SimTransport { sim: Arc::clone(sim), caller: owner(), clock }))
    }

    /// The world as it is recorded, with the limits that the plan is made for. Returns the ends of what is pending: when,
    /// and whether it fails.
    fn lay_out(
        &self,
        case: &Case,
        plan: &Plan,
        dice: &mut Dice,
    ) -> BTreeMap<PlacementKey, (Timestamp, bool)> {
        let mut ends = BTreeMap::new();
        self.sim.reset().unwrap();
        let mut settings = Settings {
            accounts_per_image: plan.share_limit.value,
            shared_image_edits: !edits_refused(case),
            settle: SignedDuration::from_millis(5),
            public_images: false,
            lent_by: None,
            ..Settings::default()
        };
        for (region, room) in &plan.regions {
            settings.images_in.insert(region.clone(), room.limit.value);
        }
        self.sim.set_settings(settings).unwrap();
        for (at, placement) in case.prior.placements() {
            let state = match placement.state {
                ImageState::CreateFailed => ImageStatus::CreateFailed,
                ImageState::Syncing => ImageStatus::Syncing,
                ImageState::Importing => ImageStatus::Importing,
                _ if placement.seen => ImageStatus::Normal,
                _ => ImageStatus::Creating,
            };
            let end = (state.is_busy() || !placement.seen).then(|| {
                let when = now() + SignedDuration::from_hours(1 + dice.below(100) as i64);
                (when, dice.percent(20))
            });
            self.put(&placement.id, &placement.name, &at.region, state, end);
            ends.extend(end.map(|end| (at.clone(), end)));
            for account in placement.everyone().iter() {
                let share = Share { account: account.to_string(), created_at: 0 };
                self.sim.put_share(placement.id.as_str(), &share).unwrap();
            }
        }
        for (region, known) in &case.prior.regions {
            for (id, name) in &known.unmanaged {
                self.put(id, name, region, ImageStatus::Normal, None);
            }
        }
        ends
    }

    fn put(
        &self,
        id: &ImageId,
        name: &str,
        region: &Region,
        state: ImageStatus,
        end: Option<(Timestamp, bool)>,
    ) {
        let becomes = match end {
            Some((_, true)) => ImageStatus::CreateFailed,
            Some((_, false)) => ImageStatus::Normal,
            None => state,
        };
        let image = goldform::cloud::sim::Image {
            id: id.to_string(),
            name: name.to_owned(),
            region: region.to_string(),
            state,
            becomes,
            ready_at: end.map(|(when, _)| when.as_microsecond()),
            ..self.template.clone()
        };
        self.sim.put_image(&image, &[]).unwrap();
    }

    /// Walks a plan in a random order: steps start and settle as the dice say, and a call that takes nothing is made
    /// at either end. Some waits end badly: then only the steps that need no more than their end start.
    pub fn walk(&self, case: &Case, plan: &Plan, dice: &mut Dice) -> Result<usize, String> {
        let ends = self.lay_out(case, plan, dice);
        let clock = Arc::new(ManualClock::at(now()));
        let cloud = Self::client(&self.sim, &clock);
        let mut ids: BTreeMap<PlacementKey, ImageId> =
            case.prior.placements().map(|(at, placement)| (at, placement.id.clone())).collect();
        let graph = &plan.graph;
        let mut waits: Vec<usize> = graph.steps().map(|(index, _)| graph.waits_for(index).count()).collect();
        let mut ready: Vec<StepIndex> =
            graph.steps().map(|(index, _)| index).filter(|index| waits[index.index()] == 0).collect();
        let mut running: Vec<(StepIndex, bool)> = Vec::new();
        let mut calls = 0;
        let eager = 20 + dice.below(70);
        while !ready.is_empty() || !running.is_empty() {
            let starts = !ready.is_empty() && (running.is_empty() || dice.percent(eager));
            if starts {
                let index = ready.swap_remove(dice.below(ready.len()));
                let step = &graph[index];
                // A make takes at its start; what gives back does so when it has settled.
                let at_once = match &step.operation {
                    Operation::Delete { .. } => dice.percent(10),
                    Operation::Wait { .. } => false,
                    operation => operation.makes_image() || dice.percent(50),
                };
                if at_once {
                    self.call(&cloud, step, &mut ids)?;
                    calls += 1;
                }
                running.push((index, at_once));
            } else {
                let (index, was_called) = running.swap_remove(dice.below(running.len()));
                let step = &graph[index];
                let end = ends.get(step.at()).filter(|_| matches!(step.operation, Operation::Wait { .. }));
                let fails = end.is_some_and(|(_, fails)| *fails);
                if let Some((when, _)) = end {
                    clock.advance(when.duration_since(clock.now()).max(SignedDuration::ZERO));
                } else if !was_called {
                    self.call(&cloud, step, &mut ids)?;
                    calls += 1;
                }
                if step.operation.makes_image() {
                    clock.advance(SignedDuration::from_millis(6));
                }
                let follows = |reason: &EdgeReason| !fails || reason.needs_only_the_end();
                for (next, _) in graph.awaited_by(index).filter(|(_, reason)| follows(reason)) {
                    waits[next.index()] -= 1;
                    if waits[next.index()] == 0 {
                        ready.push(next);
                    }
                }
            }
        }
        Ok(calls)
    }

    fn call(
        &self,
        cloud: &Client,
        step: &Step,
        ids: &mut BTreeMap<PlacementKey, ImageId>,
    ) -> Result<(), String> {
        let at = step.at();
        let id = |at: &PlacementKey| ids[at].clone();
        let recorded = goldform::state::Recorded::default();
        let made = self.runtime.block_on(async {
            match recorded.as_sent(step.operation.clone(), "lineage-1") {
                Operation::Create { attributes, tags, source, .. } => {
                    cloud.create_image(&at.region, &NewImage::new(attributes, tags, source)).await
                }
                Operation::Copy { from, name, .. } => {
                    let source = PlacementKey { region: from.clone(), ..at.clone() };
                    cloud.copy_image(&from, &id(&source), &at.region, &name).await
                }
                Operation::Update { set, .. } => {
                    cloud.modify_image(&at.region, &id(at), &set).await.map(|()| None)
                }
                Operation::Tag { set, unset, .. } => {
                    cloud.tag_image(owner(), &at.region, &id(at), &set, &unset).await.map(|()| None)
                }
                Operation::Share { accounts, .. } => {
                    cloud.share_image(&at.region, &id(at), &accounts).await.map(|()| None)
                }
                Operation::Unshare { accounts, .. } => {
                    cloud.unshare_image(&at.region, &id(at), &accounts).await.map(|()| None)
                }
                Operation::Wait { .. } => Ok(None),
                Operation::Delete { .. } => {
                    // Snapshots are not what this is about.
                    cloud.delete_image(&at.region, &id(at), false).await.map(|()| None)
                }
            }
        });
        if let Some(id) = made.map_err(|error| format!("{}: {error:?}", step.id))? {
            ids.insert(at.clone(), id);
        }
        Ok(())
    }
}

#[test]
fn no_interleaving_of_a_valid_plan_is_refused_by_the_cloud() {
    let cloud = Cloud::new();
    let mut dice = Dice::new(0xc10d);
    let (mut plans, mut runs, mut calls, mut largest) = (0, 0, 0, 0);
    let mut by_size = [0usize; 4];
    for seed in 5_000_000.. {
        if runs >= 2_001 {
            break;
        }
        let case = case(seed, Shape { images: 10, regions: 3, plain: false });
        let Ok(plan) = case.plan() else { continue };
        if plan.graph.len() < 10 || !errors(&judged(&case, &plan)).is_empty() {
            continue;
        }
        plans += 1;
        largest = largest.max(plan.graph.len());
        by_size[(plan.graph.len() / 15).min(3)] += 1;
        for _ in 0..3 {
            match cloud.walk(&case, &plan, &mut dice) {
                Ok(made) => calls += made,
                Err(refusal) => {
                    panic!("{refusal}\n{}{}", case.describe(), graph_in_words(&plan.graph))
                }
            }
            runs += 1;
        }
    }
    println!(
        "cloud: {runs} random interleavings of {plans} plans of up to {largest} steps ({by_size:?} by 15 steps), {calls} calls, none refused"
    );
}
