//! One life: a fleet, or two in one account, goes through twelve runs in which things go wrong, then through a few in
//! which nothing does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use goldform::backend::{LockInfo, LockWait, StateStore as _};
use goldform::cloud::sim::{ImageStatus, Settings};
use goldform::diagnostics::Severity;
use goldform::diff::PlanMode;
use goldform::state::{Edit, Event};
use goldform::testing::{Applied, Bench, Death, Stored, When, desired};
use jiff::SignedDuration;

use super::chance::Chance;
use super::faults::{self, seconds};
use super::fleet::{Fleet, REGIONS, key};
use super::holds::{self, Drawn};
use super::judge::{Accusation, Judge};
use super::others::{Happening, Lie, Way, make_image, micros};
use super::script;

/// How many runs a life has before nothing goes wrong any more.
pub const RUNS: usize = 12;

/// A life that broke a promise.
pub struct Failure {
    pub accusation: Accusation,
    /// What to do to see it again.
    pub script: String,
}

/// One run of a team.
struct Run {
    death: Option<(String, Death)>,
    happenings: Vec<(usize, Happening)>,
    lie: Option<(Lie, usize)>,
    settle_timeout: Duration,
}

pub struct Life {
    chance: Chance,
    benches: Vec<Bench>,
    fleets: Vec<Fleet>,
    /// The fleets of earlier runs, by team.
    history: Vec<Vec<Fleet>>,
    judge: Arc<Mutex<Judge>>,
    script: String,
}

/// How often what was seen.
pub type Counts = BTreeMap<String, usize>;

/// Lives the life of a seed, in time that passes only when everyone waits. `loud`: with every call in the script.
pub fn live(seed: u64, loud: bool) -> (Counts, Option<Failure>) {
    live_with(seed, loud, false)
}

/// A life in which what takes something from consumers waits for nobody.
pub fn live_without_the_ready_rule(seed: u64) -> Option<Failure> {
    live_with(seed, false, true).1
}

fn live_with(seed: u64, loud: bool, breaks_ready_rule: bool) -> (Counts, Option<Failure>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut life = Life::new(seed);
        for bench in &mut life.benches {
            bench.breaks_ready_rule = breaks_ready_rule;
        }
        life.go().await;
        life.end(seed, loud)
    })
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let settings = Settings {
            images_per_region: *chance.pick(&[5, 8, 60, 60]),
            settle: seconds(*chance.pick(&[1, 5, 60])),
            copy_settle: chance.percent(50).then(|| seconds(20)),
            late_visibility: seconds(*chance.weighted(&[(5, 0), (2, 3), (1, 20), (1, 200)])),
            seed,
            ..Settings::default()
        };
        let mut benches = vec![Bench::new(settings)];
        let judge = Arc::new(Mutex::new(Judge::default()));
        let watching = Arc::clone(&judge);
        benches[0].sim.watch(move |moment| watching.lock().unwrap().called(moment));
        let mut fleets = vec![Fleet::random(0, "", &mut chance)];
        if chance.percent(35) {
            benches.push(Bench::beside(&benches[0], "lineage-2"));
            let prefix = if chance.percent(30) { "" } else { "two-" };
            fleets.push(Fleet::random(1, prefix, &mut chance));
        }
        for (team, bench) in benches.iter_mut().enumerate() {
            bench.doubts_listings = true;
            let planned = Arc::clone(&judge);
            bench.on_plan = Some(Arc::new(move |plan, judgement| {
                planned.lock().unwrap().planned(team, plan, judgement);
            }));
            let (stored, clock) = (Arc::clone(&judge), Arc::clone(&bench.clock));
            bench.on_store = Some(Arc::new(move |what| {
                stored.lock().unwrap().stored(team, &what, micros(clock.as_ref()));
            }));
        }
        let history = vec![Vec::new(); fleets.len()];
        Self { chance, benches, fleets, history, judge, script: String::new() }
    }

    fn say(&mut self, what: impl AsRef<str>) {
        writeln!(self.script, "{}", what.as_ref()).unwrap();
        let now = self.now();
        self.judge
            .lock()
            .unwrap()
            .note(now, format!("· {}", what.as_ref().lines().next().unwrap_or_default()));
    }

    fn now(&self) -> i64 {
        micros(self.benches[0].clock.as_ref())
    }

    fn count(&self, what: impl Into<String>) {
        self.judge.lock().unwrap().count(what);
    }

    fn is_over(&self) -> bool {
        self.judge.lock().unwrap().accusation.is_some()
    }

    fn accuse(&self, check: &'static str, what: String) {
        self.judge.lock().unwrap().accuse(check, self.now(), what);
    }

    async fn go(&mut self) {
        for number in 1..=RUNS {
            if self.is_over() {
                return;
            }
            let teams: Vec<usize> = match (self.fleets.len(), self.chance.percent(25)) {
                (1, _) => vec![0],
                (_, true) => vec![0, 1],
                (all, false) => vec![self.chance.below(all)],
            };
            let who: Vec<String> = teams.iter().map(ToString::to_string).collect();
            self.say(format!("\nrun {number}, team {}:", who.join(" and team ")));
            for team in &teams {
                self.edit(*team);
                self.hold_or_release(*team).await;
            }
            self.happen_between(teams[0]);
            self.set_faults();
            let runs: Vec<(usize, Run)> = teams.iter().map(|team| (*team, self.draw_run())).collect();
            self.run(&runs).await;
            let gap = *self.chance.weighted(&[(3, 0), (3, 2), (2, 60), (2, 900), (1, 100_000)]);
            self.say(format!("  then {gap} s pass"));
            tokio::time::sleep(Duration::from_secs(gap)).await;
        }
        if !self.is_over() {
            self.come_to_rest().await;
        }
    }

    /// Edits the manifest of a team, some runs not at all and some back to an earlier one.
    fn edit(&mut self, team: usize) {
        let before = self.fleets[team].clone();
        let is_first = self.history[team].is_empty();
        if !self.history[team].is_empty() && self.chance.percent(15) {
            let earlier = self.chance.pick(&self.history[team]).clone();
            let others = self.fleets[team].handed_over_otherwise(&earlier);
            self.fleets[team] = earlier;
            self.say(format!("  team {team}: an earlier manifest again"));
            self.hand_over(team, &others);
        } else if !is_first {
            self.replace_what_is_gone(team);
            for _ in 0..*self.chance.weighted(&[(2, 0), (5, 1), (3, 2)]) {
                let mut fleet = self.fleets[team].clone();
                let (sim, now) = (Arc::clone(&self.benches[0].sim), self.now());
                let number = self.chance.below(100_000);
                let edit = fleet.edit(&mut self.chance, |region| {
                    make_image(&sim, region, &format!("pipeline-{number}"), now).unwrap_or_default()
                });
                self.judge.lock().unwrap().others_acted(sim.view().unwrap(), now);
                self.fleets[team] = fleet;
                self.say(format!("  team {team}: {edit}"));
            }
        }
        self.pin_what_is_held(team);
        if is_first || before != self.fleets[team] {
            let yaml = self.fleets[team].yaml();
            self.say(yaml.lines().map(|line| format!("    | {line}\n")).collect::<String>().trim_end());
        }
        let fleet = self.fleets[team].clone();
        self.judge.lock().unwrap().claimed(&fleet);
        self.history[team].push(fleet);
    }

    /// An image that should be adopted and was deleted: the pipeline makes another one.
    fn replace_what_is_gone(&mut self, team: usize) {
        let gone: BTreeSet<u8> = {
            let judge = self.judge.lock().unwrap();
            let adopted = self.fleets[team].adopted();
            adopted.filter(|(_, id)| !judge.has_image(id)).map(|(number, _)| number).collect()
        };
        self.hand_over(team, &gone);
    }

    /// Sometimes an entry is pinned while it is held: where it is held, as a merge request that follows, or elsewhere.
    fn pin_what_is_held(&mut self, team: usize) {
        let mut said = Vec::new();
        for (number, entry) in &mut self.fleets[team].entries {
            let held = self.judge.lock().unwrap().holds.of((team, *number)).map(|held| held.revision.clone());
            let Some(held) = held else { continue };
            let elsewhere = 1 + self.chance.below(usize::from(entry.revision));
            let pin = match *self.chance.weighted(&[(12, 0), (20, 1), (68, 2)]) {
                0 => held.parse().ok(),
                1 => u8::try_from(elsewhere).ok(),
                _ => None,
            };
            if let Some(pin) = pin {
                entry.pin = Some(pin);
                said.push(format!("  team {team}: {}: pin {pin} while it is held at {held}", key(*number)));
            }
        }
        for said in said {
            self.say(said);
        }
    }

    /// Sometimes a team holds an entry at a revision, or releases it, whatever its manifest says.
    async fn hold_or_release(&mut self, team: usize) {
        if !self.chance.percent(20) {
            return;
        }
        let bench = &mut self.benches[team];
        let (snapshot, now) = (bench.snapshot().await, bench.clock.now());
        let drawn = holds::draw(&mut self.chance, &snapshot.recorded, &self.fleets[team], now);
        if let Some(drawn) = drawn {
            self.record(team, drawn).await;
        }
    }

    /// Records a hold, as `rollback` does before it plans.
    async fn record(&mut self, team: usize, drawn: Drawn) {
        self.say(format!("  team {team}: {}", drawn.describe()));
        let (now, bench) = (self.now(), &mut self.benches[team]);
        let change = Edit::Hold { image: drawn.key(), hold: drawn.hold.clone() };
        let events = [Event::Edited { at: bench.clock.now(), change }];
        let lock =
            LockInfo { owner: "test".into(), pid: 1, operation: "rollback".into(), since: bench.clock.now() };
        bench.store.lock(lock, LockWait::NONE).await.unwrap();
        bench.store.append(&events).await.unwrap();
        // Without the lock, as a process that ends leaves it.
        bench.store = bench.store.crashed_after(usize::MAX);
        let (mut judge, entry) = (self.judge.lock().unwrap(), (team, drawn.number));
        match drawn.hold {
            Some(hold) => judge.held(entry, hold.revision.to_string(), drawn.images),
            None => judge.released(entry),
        }
        judge.stored(team, &Stored::Appended(&events), now);
    }

    /// A pin or a hold at a revision of which nothing is left, or that was never built, is removed: a rule refuses it.
    async fn unpin_what_is_gone(&mut self, team: usize) {
        let wanted = desired(&self.fleets[team].yaml());
        let bench = &mut self.benches[team];
        let mut snapshot = bench.snapshot().await;
        bench.observe(&wanted, &mut snapshot).await;
        for number in holds::without_image(&snapshot.recorded, &self.fleets[team]) {
            self.record(team, Drawn { number, hold: None, images: BTreeSet::default() }).await;
        }
        self.fleets[team].unpin_what_is_gone(&snapshot.recorded);
    }

    /// A pipeline makes images that these entries adopt.
    fn hand_over(&mut self, team: usize, entries: &BTreeSet<u8>) {
        let sim = Arc::clone(&self.benches[0].sim);
        for number in entries {
            let (name, now) = (format!("pipeline-{}", self.chance.below(100_000)), self.now());
            let make = |region: &str| make_image(&sim, region, &name, now).unwrap_or_default();
            let said = format!("  team {team}: {}", self.fleets[team].take_over(*number, make));
            self.say(said);
        }
        self.others_acted();
    }

    fn draw_happening(&mut self) -> Happening {
        let draw = self.chance.below(1_000_000);
        let ahead = self.chance.below(2);
        match *self.chance.weighted(&[(4, 0), (4, 1), (2, 2)]) {
            0 => Happening::Squat { draw, ahead },
            1 => Happening::Share { draw },
            _ => Happening::Delete { draw },
        }
    }

    /// Sometimes others do something before a run.
    fn happen_between(&mut self, team: usize) {
        if self.chance.percent(40) {
            let others = self.judge.lock().unwrap().images_of_others();
            for id in &others {
                self.benches[0].sim.remove_image(id).unwrap();
            }
            self.others_acted();
            if !others.is_empty() {
                self.say(format!("  others remove {}", others.join(", ")));
            }
        }
        if self.chance.percent(12) {
            let (happening, now) = (self.draw_happening(), self.now());
            let said = happening.happen(&self.benches[0].sim, &self.fleets[team], &self.judge, now);
            if let Some(said) = said {
                self.say(format!("  others before the run: {said}"));
            }
        }
    }

    fn set_faults(&mut self) {
        let sim = Arc::clone(&self.benches[0].sim);
        sim.clear_faults().unwrap();
        for _ in 0..*self.chance.weighted(&[(4, 0), (4, 1), (2, 2)]) {
            let fault = faults::draw(&mut self.chance, faults::HOURS);
            self.say(format!("  fault: {}", serde_json::to_string(&fault).unwrap()));
            sim.add_fault(&fault).unwrap();
        }
    }

    fn draw_run(&mut self) -> Run {
        let when = |chance: &mut Chance| if chance.percent(50) { When::Before } else { When::After };
        let death = match *self.chance.weighted(&[(5, 0), (3, 1), (3, 2)]) {
            0 => None,
            1 => {
                let (call, when) = (self.chance.below(70), when(&mut self.chance));
                Some((format!("killed {when:?} call {call}"), Death::at_call(call, when)))
            }
            _ => {
                let (event, when) = (self.chance.below(40), when(&mut self.chance));
                Some((format!("killed {when:?} event {event}"), Death::at_event(event, when)))
            }
        };
        let mut happenings = Vec::new();
        if self.chance.percent(20) {
            happenings.push((self.chance.below(60), self.draw_happening()));
        }
        let lie = self.chance.percent(4).then(|| {
            let lie = match self.chance.below(4) {
                0 => Lie::Partial { draw: self.chance.next() },
                1 => Lie::Empty,
                2 => Lie::Nothing,
                _ => Lie::NothingIn { region: self.chance.below(REGIONS.len()) },
            };
            (lie, *self.chance.pick(&[1, 8, 40]))
        });
        let settle_timeout = Duration::from_secs(*self.chance.pick(&[4, 40, 400]));
        for (call, happening) in &happenings {
            self.say(format!("  others before call {call}: {happening:?}"));
        }
        if let Some((lie, calls)) = &lie {
            self.say(format!("  listings during {calls} calls: {lie:?}"));
        }
        if let Some((death, _)) = &death {
            self.say(format!("  {death}"));
        }
        self.say(format!("  --settle-timeout {} s", settle_timeout.as_secs()));
        Run { death, happenings, lie, settle_timeout }
    }

    /// Runs one team, or two at once.
    async fn run(&mut self, runs: &[(usize, Run)]) -> Vec<Option<Applied>> {
        let mut lives = Vec::new();
        for (team, bench) in self.benches.iter_mut().enumerate() {
            let Some((_, run)) = runs.iter().find(|(of, _)| *of == team) else { continue };
            let fleet = self.fleets[team].clone();
            let way = Way {
                inner: bench.transport_of(bench.account),
                sim: Arc::clone(&bench.sim),
                clock: Arc::clone(&bench.clock),
                fleet: fleet.clone(),
                judge: Arc::clone(&self.judge),
                happenings: run.happenings.clone(),
                lie: run.lie,
                calls: AtomicUsize::new(0),
            };
            {
                let mut judge = self.judge.lock().unwrap();
                judge.begins(&fleet, micros(bench.clock.as_ref()));
                if run.lie.is_some() {
                    judge.is_lied_to(team);
                }
            }
            bench.options.settle_timeout = run.settle_timeout;
            let death = run.death.as_ref().map_or_else(Death::never, |(_, death)| death.clone());
            let wanted = desired(&fleet.yaml());
            lives.push(async move { (team, bench.live(&wanted, Arc::new(way), &death).await) });
        }
        let ended = match lives.len() {
            1 => vec![lives.remove(0).await],
            _ => {
                let (second, first) = (lives.pop().unwrap(), lives.pop().unwrap());
                let (first, second) = tokio::join!(first, second);
                vec![first, second]
            }
        };
        drop(lives);
        let mut all = Vec::new();
        for (team, applied) in ended {
            match applied {
                Ok(applied) => {
                    let (_, run) = &runs[runs.iter().position(|(of, _)| *of == team).unwrap()];
                    if let (None, Some((death, _))) = (&applied, &run.death) {
                        let what: Vec<&str> = death.split(' ').take(3).collect();
                        self.count(what.join(" "));
                    }
                    if let Some((lie, _)) = &run.lie {
                        self.count(format!("runs with listings {}", lie.kind()));
                    }
                    self.ended(team, applied.as_ref());
                    all.push(applied);
                }
                Err(error) => {
                    self.accuse("the state can be used", format!("team {team}: {error}"));
                    all.push(None);
                }
            }
        }
        all
    }

    fn ended(&mut self, team: usize, applied: Option<&Applied>) {
        self.count("runs");
        let how = match applied {
            None => "killed".to_owned(),
            Some(Applied::Walked(plan, outcome)) if outcome.is_complete() => {
                self.judge.lock().unwrap().is_done(team, self.now(), false);
                format!("done: {} steps", plan.graph.len())
            }
            Some(Applied::Walked(_, outcome)) => {
                let open = outcome
                    .steps
                    .iter()
                    .filter(|step| !matches!(step.outcome, goldform::plan::StepOutcome::Done));
                let open: Vec<String> =
                    open.map(|step| format!("{}: {:?}", step.step, step.outcome)).collect();
                format!("partly applied: {}", open.join("; "))
            }
            Some(Applied::Refused(judgement)) => {
                let errors: Vec<String> = judgement
                    .diagnostics
                    .iter()
                    .filter(|found| found.severity == Severity::Error)
                    .map(|found| format!("{} {}", found.code, found.detail))
                    .collect();
                for code in judgement.diagnostics.iter().filter(|found| found.severity == Severity::Error) {
                    self.count(format!("refused by {}", code.code.name));
                }
                format!("refused: {}", errors.join("; "))
            }
            Some(Applied::Unread(error)) => format!("stopped before the first change: {error}"),
        };
        let short = how.split(':').next().unwrap_or_default().to_owned();
        self.count(format!("ended {short}"));
        self.say(format!("  team {team} → {how}"));
    }

    /// Nothing goes wrong any more: three runs converge, or name images of others.
    async fn come_to_rest(&mut self) {
        self.say("\nFaults stop, hanging builds end.");
        let sim = Arc::clone(&self.benches[0].sim);
        sim.clear_faults().unwrap();
        let settings = sim.settings().unwrap();
        sim.set_settings(Settings {
            images_per_region: 200,
            late_visibility: SignedDuration::ZERO,
            ..settings
        })
        .unwrap();
        let hanging = self.judge.lock().unwrap().hanging();
        for id in hanging {
            let state = if self.chance.percent(50) { ImageStatus::Normal } else { ImageStatus::CreateFailed };
            self.say(format!("  {id} ends {}", state.as_str()));
            sim.end_task(&id, state).unwrap();
        }
        self.others_acted();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        for team in 0..self.fleets.len() {
            self.fleets[team].consents = true;
            self.replace_what_is_gone(team);
            self.unpin_what_is_gone(team).await;
            self.judge.lock().unwrap().claimed(&self.fleets[team]);
            let yaml = self.fleets[team].yaml();
            self.say(yaml.lines().map(|line| format!("    | {line}\n")).collect::<String>().trim_end());
        }
        let mut blocked = self.three_runs().await;
        if !self.is_over() && blocked.contains(&true) {
            let others = self.judge.lock().unwrap().images_of_others();
            for id in &others {
                sim.remove_image(id).unwrap();
            }
            self.others_acted();
            self.say(format!("  others remove {}", others.join(", ")));
            blocked = self.three_runs().await;
        }
        if self.is_over() {
            return;
        }
        for (team, is_blocked) in blocked.into_iter().enumerate() {
            let (mut judge, now) = (self.judge.lock().unwrap(), self.now());
            judge.nothing_is_forgotten(team, now, is_blocked);
            if !is_blocked {
                judge.is_done(team, now, true);
            }
        }
    }

    fn others_acted(&self) {
        let view = self.benches[0].sim.view().unwrap();
        self.judge.lock().unwrap().others_acted(view, self.now());
    }

    /// Three runs of each team in which nothing goes wrong. Returns which teams images of others block.
    async fn three_runs(&mut self) -> Vec<bool> {
        let mut last: Vec<Option<Applied>> = self.fleets.iter().map(|_| None).collect();
        for round in 1..=3 {
            for team in 0..self.fleets.len() {
                if self.is_over() {
                    return vec![false; last.len()];
                }
                self.say(format!("  quiet run {round} of team {team}:"));
                let run = Run {
                    death: None,
                    happenings: Vec::new(),
                    lie: None,
                    settle_timeout: Duration::from_secs(3_600),
                };
                last[team] = self.run(&[(team, run)]).await.pop().flatten();
            }
            tokio::time::sleep(Duration::from_secs(900)).await;
        }
        let mut blocked = Vec::new();
        for (team, last) in last.into_iter().enumerate() {
            blocked.push(self.is_at_rest(team, last.as_ref()).await);
        }
        blocked
    }

    /// Whether images of others block a team; it is accused where its plan is not empty otherwise.
    async fn is_at_rest(&mut self, team: usize, last: Option<&Applied>) -> bool {
        let names_others = |text: &str| self.judge.lock().unwrap().names_others(team, text);
        match last {
            Some(Applied::Refused(judgement)) => {
                let errors = judgement.diagnostics.iter().filter(|found| found.severity == Severity::Error);
                let ours: Vec<String> = errors
                    .filter(|found| !names_others(&format!("{} {}", found.subject, found.detail)))
                    .map(|found| format!("{} {}", found.code, found.detail))
                    .collect();
                if !ours.is_empty() {
                    self.accuse(
                        "three runs converge",
                        format!("team {team} is refused: {}", ours.join("; ")),
                    );
                }
                return true;
            }
            Some(Applied::Walked(..)) => {}
            other => {
                self.accuse("three runs converge", format!("team {team}: {other:?}"));
                return false;
            }
        }
        let wanted = desired(&self.fleets[team].yaml());
        let bench = &mut self.benches[team];
        let mut snapshot = bench.snapshot().await;
        bench.observe(&wanted, &mut snapshot).await;
        let plan = Bench::propose(&wanted, &snapshot, PlanMode::Normal).plan;
        if !plan.is_empty() || !snapshot.intents.is_empty() {
            let steps: Vec<String> = plan.graph.steps().map(|(_, step)| step.id.to_string()).collect();
            let open: Vec<String> = snapshot.intents.keys().map(ToString::to_string).collect();
            let what =
                format!("team {team} still plans {steps:?}, edits {:?}, and has open {open:?}", plan.edits);
            self.accuse("three runs converge", what);
        }
        false
    }

    fn end(self, seed: u64, loud: bool) -> (Counts, Option<Failure>) {
        let log = self.benches[0].sim.log(0).unwrap();
        let mut judge = self.judge.lock().unwrap();
        let mut counts = std::mem::take(&mut judge.counts);
        let mut count = |what: String| *counts.entry(what).or_default() += 1;
        for call in &log {
            count("calls".to_owned());
            match (&call.code, call.outcome) {
                (_, fate)
                    if fate != goldform::cloud::sim::RequestOutcome::Answered && call.code.is_none() =>
                {
                    count(format!("answers {fate:?}"));
                }
                (Some(code), fate) => count(format!("{fate:?} {code}")),
                _ => {}
            }
        }
        count("lives".to_owned());
        let accusation = judge.accusation.take();
        let failure = accusation.map(|accusation| {
            let script =
                script::write("GOLDFORM_LIFE", seed, &accusation, &self.script, &judge.notes, &log, loud);
            Failure { accusation, script }
        });
        drop(judge);
        (counts, failure)
    }
}
