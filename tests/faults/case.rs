//! One case: a story, what goes wrong in the last apply and in those that recover from it, and the verdict after one
//! more apply in which nothing does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goldform::backend::StoreError;
use goldform::state::evidence::MAY_BE_EXECUTED_FOR;
use goldform::testing::{Applied, StorageFault, When};

use super::calls::Wrong;
use super::stories::{self, Story};
use super::world::{Ended, Moments, Replacement, Setting, Trouble, World, undone};
use crate::lives::chance::Chance;
use crate::lives::others::micros;
use crate::properties::ideal::Image;

/// A story without faults: what every case must end like.
#[derive(Debug, Clone)]
pub struct Reference {
    pub story: Story,
    pub setting: Setting,
    pub moments: Moments,
    pub images: Vec<Image>,
    pub makes: usize,
}

/// What goes wrong, run by run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub troubles: Vec<Trouble>,
}

/// What became of a case.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Kill points and faults that came, by kind.
    pub came: BTreeMap<String, usize>,
    pub kills: usize,
    /// How the runs with faults ended.
    pub endings: BTreeMap<&'static str, usize>,
    pub duplicates: usize,
    pub orphans: usize,
    pub lost_records: usize,
    pub lost_access: usize,
    /// Everything that is wrong, those included.
    pub wrong: Vec<String>,
}

/// Time between two runs.
const REST: Duration = Duration::from_secs(30);
/// Time until no call of a run can be executed any more.
const LONG_REST: Duration = MAY_BE_EXECUTED_FOR.unsigned_abs();

impl Reference {
    /// Lives a story without faults. `None` if a rule refuses it.
    pub async fn of(setting: Setting, story: Story) -> Option<Self> {
        let mut world = World::new(setting).await;
        for fleet in &story.before {
            if !is_complete(&world.run(fleet, None).await.0) {
                return None;
            }
        }
        tokio::time::sleep(REST).await;
        let (ended, moments) = world.run(&story.last, None).await;
        if !is_complete(&ended) {
            return None;
        }
        let wrong = world.differences(&story.last).await;
        assert!(wrong.is_empty(), "{} without faults, {setting:?}: {wrong:#?}", story.name);
        let (images, makes) = (world.images(), world.makes());
        Some(Self { story, setting, moments, images, makes })
    }

    /// Every kill point and every fault of the story, one at a time.
    pub fn every(&self) -> Vec<Case> {
        let moments = &self.moments;
        let mut troubles = Vec::new();
        for call in 0..moments.calls {
            troubles.extend([When::Before, When::After].map(|when| Trouble::DeathAtCall(call, when)));
            troubles.extend(Wrong::ALL.map(|wrong| Trouble::Call(call, wrong)));
            troubles.extend(self.jumps().iter().map(|by| Trouble::Clock(call, *by)));
        }
        for event in 0..moments.events {
            troubles.extend([When::Before, When::After].map(|when| Trouble::DeathAtEvent(event, when)));
        }
        for write in 0..moments.writes {
            if self.setting != Setting::Object {
                troubles.extend([Trouble::DiskFull(write), Trouble::ReadOnly(write)]);
            } else if write > 0 && !self.story.before.is_empty() {
                troubles.extend(REPLACEMENTS.map(|with| Trouble::Replaced(write, with)));
            }
        }
        if self.setting == Setting::Object {
            for request in 0..moments.requests {
                troubles
                    .extend([When::Before, When::After].map(|when| Trouble::DeathAtStorage(request, when)));
                troubles.extend(STORAGE.map(|fault| Trouble::Storage(request, fault)));
                troubles.push(Trouble::StorageExpired(request));
            }
        }
        troubles.into_iter().map(|trouble| Case { troubles: vec![trouble] }).collect()
    }

    /// The machine's clock may jump so far. A service that checks signatures refuses one that is wrong by more than five
    /// minutes.
    fn jumps(&self) -> &'static [i64] {
        &[-3_600, -240, 240, 600, 10_800]
    }

    fn draw_one(&self, chance: &mut Chance, moments: &Moments) -> Trouble {
        let when = |chance: &mut Chance| if chance.percent(50) { When::Before } else { When::After };
        let is_object = self.setting == Setting::Object;
        let which = *chance.weighted(&[
            (25, 0),
            (20, 1),
            (30, 2),
            (5, 3),
            (if is_object { 20 } else { 6 }, 4),
            (if is_object { 12 } else { 0 }, 5),
            (if is_object && !self.story.before.is_empty() { 4 } else { 0 }, 6),
        ]);
        // Mostly a call that changes something, and of those one that makes an image: most calls do not.
        let none = Vec::new();
        let call =
            match chance.weighted(&[(4, &moments.making), (3, &moments.changing), (3, &none)]).as_slice() {
                [] => chance.below(moments.calls),
                some => *chance.pick(some),
            };
        match which {
            0 => Trouble::DeathAtCall(call, when(chance)),
            1 => Trouble::DeathAtEvent(chance.below(moments.events), when(chance)),
            2 => Trouble::Call(call, *chance.pick(&Wrong::ALL)),
            3 => Trouble::Clock(call, *chance.pick(self.jumps())),
            4 if is_object => match chance.percent(12) {
                true => Trouble::StorageExpired(chance.below(moments.requests)),
                false => Trouble::Storage(chance.below(moments.requests), *chance.pick(&STORAGE)),
            },
            4 if chance.percent(50) => Trouble::DiskFull(chance.below(moments.writes)),
            4 => Trouble::ReadOnly(chance.below(moments.writes)),
            5 => Trouble::DeathAtStorage(chance.below(moments.requests), when(chance)),
            _ => Trouble::Replaced(
                1 + chance.below(moments.writes.saturating_sub(1)),
                *chance.pick(&REPLACEMENTS),
            ),
        }
    }

    /// Something that goes wrong, and at times something else in the run that recovers from it, and in the one after.
    pub fn draw(&self, chance: &mut Chance) -> Case {
        let mut troubles = vec![self.draw_one(chance, &self.moments)];
        // A run that recovers does so first.
        let early = Moments {
            calls: self.moments.calls.min(30),
            changing: Vec::new(),
            making: Vec::new(),
            events: self.moments.events.min(8),
            writes: self.moments.writes.min(6),
            requests: self.moments.requests.min(60),
        };
        for percent in [40, 40] {
            if !chance.percent(percent) {
                break;
            }
            let trouble = match self.draw_one(chance, &early) {
                // One state is replaced once: what is put back is the last one that is kept.
                Trouble::Replaced(..) => Trouble::DeathAtEvent(0, When::After),
                other => other,
            };
            troubles.push(trouble);
        }
        Case { troubles }
    }

    /// Lives a case, and judges it.
    pub async fn live(&self, case: &Case) -> Verdict {
        let mut verdict = Verdict::default();
        let mut world = World::new(self.setting).await;
        for fleet in &self.story.before {
            assert!(is_complete(&world.run(fleet, None).await.0), "{}", self.story.name);
        }
        tokio::time::sleep(REST).await;
        let mut script = Vec::new();
        for trouble in &case.troubles {
            let (ended, moments) = world.run(&self.story.last, Some(*trouble)).await;
            verdict.note(*trouble, &ended, &moments);
            script.push(format!("{trouble:?}: {}", describe(&ended)));
            if let Ended::Applied(Applied::Walked(_, outcome)) = &ended
                && let Some(error) = &outcome.internal_error
            {
                verdict.wrong.push(format!("internal error: {error}"));
            }
            if let Trouble::Replaced(write, with) = trouble {
                let is_reported = matches!(&ended, Ended::Stopped(error) if is_of_another_state(error));
                if *write < moments.writes && !is_reported {
                    verdict
                        .wrong
                        .push(format!("a state that was replaced is not reported: {}", describe(&ended)));
                }
                if *write < moments.writes
                    && let Err(error) = world.restore().await
                {
                    verdict.wrong.push(format!("after {with:?} the state cannot be restored: {error}"));
                }
            }
            tokio::time::sleep(REST).await;
        }
        let (ended, _) = world.run(&self.story.last, None).await;
        script.push(format!("then: {}", describe(&ended)));
        if !is_complete(&ended) {
            verdict.wrong.push(format!("a plain run does not converge: {}", describe(&ended)));
        }
        tokio::time::sleep(LONG_REST).await;
        self.judge(&mut world, &mut verdict).await;
        if !verdict.wrong.is_empty() {
            verdict.wrong.extend(script.into_iter().map(|line| format!("  {line}")));
        }
        verdict
    }

    async fn judge(&self, world: &mut World, verdict: &mut Verdict) {
        verdict.wrong.extend(world.differences(&self.story.last).await);
        let images = world.images();
        if images != self.images {
            let is: BTreeSet<&Image> = images.iter().collect();
            let should: BTreeSet<&Image> = self.images.iter().collect();
            let (more, less): (Vec<_>, Vec<_>) =
                (is.difference(&should).collect(), should.difference(&is).collect());
            verdict.wrong.push(format!("the cloud has {more:?} and lacks {less:?}"));
        }
        let makes = world.makes();
        verdict.duplicates = makes.saturating_sub(self.makes);
        if makes != self.makes {
            verdict.wrong.push(format!("{makes} images were made, and without faults {}", self.makes));
        }
        let recorded: BTreeSet<String> = match world.snapshot().await {
            Ok(Some(state)) => state.recorded.placements().map(|(_, placed)| placed.id.to_string()).collect(),
            _ => BTreeSet::new(),
        };
        let images = world.bench.sim.images().unwrap();
        let orphans: Vec<String> = images
            .into_iter()
            .filter(|image| !recorded.contains(&image.id))
            .map(|image| format!("orphan {} {}", image.name, image.region))
            .collect();
        verdict.orphans = orphans.len();
        verdict.wrong.extend(orphans);
        let lost = std::mem::take(&mut world.ledger.lock().unwrap().lost);
        verdict.lost_records = lost.len();
        verdict.wrong.extend(lost.into_iter().map(|lost| format!("lost record: {lost}")));
        let mut judge = world.judge.lock().unwrap();
        judge.is_done(0, micros(world.clock.as_ref()), true);
        if let Some(accusation) = judge.accusation.take() {
            verdict.lost_access = 1;
            verdict.wrong.push(format!("\"{}\" is broken: {}", accusation.check, accusation.what));
        }
    }
}

const REPLACEMENTS: [Replacement; 3] = [Replacement::Older, Replacement::Other, Replacement::Removed];
const STORAGE: [StorageFault; 5] = [
    StorageFault::Refused,
    StorageFault::AnswerLost,
    StorageFault::Late(Duration::from_millis(700)),
    StorageFault::Conflict,
    StorageFault::Stale,
];

impl Verdict {
    fn note(&mut self, trouble: Trouble, ended: &Ended, moments: &Moments) {
        let came = match trouble {
            Trouble::DeathAtCall(..) | Trouble::DeathAtEvent(..) => matches!(ended, Ended::Died),
            Trouble::Call(call, _) | Trouble::Clock(call, _) => call < moments.calls,
            Trouble::DiskFull(write) | Trouble::ReadOnly(write) | Trouble::Replaced(write, _) => {
                write < moments.writes
            }
            // A death may come while the lock is released.
            Trouble::Storage(request, _)
            | Trouble::StorageExpired(request)
            | Trouble::DeathAtStorage(request, _) => request < moments.requests,
        };
        if came {
            *self.came.entry(trouble.kind()).or_default() += 1;
            self.kills += usize::from(trouble.is_death());
        }
        let ending = match ended {
            Ended::Died => "died",
            Ended::Applied(Applied::Walked(_, outcome)) if outcome.is_complete() => "complete",
            Ended::Applied(Applied::Walked(..)) => "partly applied",
            Ended::Applied(Applied::Refused(_)) => "refused",
            Ended::Applied(Applied::Unread(_)) => "stopped before the first change",
            Ended::Stopped(_) => "stopped by the store",
        };
        *self.endings.entry(ending).or_default() += 1;
    }
}

pub fn is_complete(ended: &Ended) -> bool {
    matches!(ended, Ended::Applied(Applied::Walked(_, outcome)) if outcome.is_complete())
}

/// Whether an error says that the state is not the one that was worked on.
fn is_of_another_state(error: &StoreError) -> bool {
    error.is_unusable() || matches!(error, StoreError::ChangedMeanwhile { .. })
}

pub fn describe(ended: &Ended) -> String {
    match ended {
        Ended::Died => "died".to_owned(),
        Ended::Applied(Applied::Walked(_, outcome)) => {
            format!(
                "applied, {} steps, undone {:?}, {:?}",
                outcome.steps.len(),
                undone(outcome),
                outcome.warnings
            )
        }
        Ended::Applied(Applied::Refused(judgement)) => {
            let errors: Vec<String> = judgement
                .diagnostics
                .iter()
                .map(|found| format!("{} {}: {}", found.code.id, found.subject, found.detail))
                .collect();
            format!("refused: {errors:?}")
        }
        Ended::Applied(Applied::Unread(error)) => format!("unread: {error}"),
        Ended::Stopped(error) => format!("stopped: {error}"),
    }
}

/// The stories that cases are drawn from: the chosen ones, and so many random ones.
pub fn all_stories(random: u64) -> Vec<Story> {
    stories::chosen().into_iter().chain((0..random).map(stories::random)).collect()
}
