//! Lives of the program itself: a world served over HTTP by a process, applies as processes, and `kill -9` at any
//! moment. The observer reads the world's file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use goldform::backend::{FileStore, StateStore as _, StoreError};
use goldform::cloud::SystemClock;
use goldform::cloud::sim::{ImageStatus, RequestOutcome, Settings, Sim, WorldView};
use goldform::state::Snapshot;
use goldform::testing::Stored;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use super::chance::Chance;
use super::faults::{self, SECONDS};
use super::fleet::{Fleet, key};
use super::holds::{self, Drawn};
use super::judge::Judge;
use super::life::{Counts, Failure};
use super::others::{Happening, make_image, micros};
use super::script;

/// How many runs a life has before nothing goes wrong any more.
const RUNS: usize = 6;
/// How often the observer reads the world.
const READ_EVERY: Duration = Duration::from_millis(2);

pub struct RealLife {
    chance: Chance,
    folder: TempDir,
    server: Child,
    key: (String, String),
    endpoint: String,
    sim: Sim,
    fleet: Fleet,
    history: Vec<Fleet>,
    judge: Arc<Mutex<Judge>>,
    /// The last request of the log that was read.
    last: i64,
    script: String,
}

impl Drop for RealLife {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Lives the life of a seed.
pub fn live(seed: u64) -> (Counts, Option<Failure>) {
    let mut life = RealLife::new(seed);
    life.go();
    life.end(seed)
}

fn now() -> i64 {
    micros(&SystemClock)
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goldform"));
    command.current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    command
}

impl RealLife {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            images_per_region: 60,
            settle: SignedDuration::from_millis(*chance.pick(&[0, 150, 400])),
            seed,
            ..Settings::default()
        };
        let world = folder.path().join("world.db");
        let sim = Sim::open(&world, settings).unwrap();
        let mut server = program(folder.path())
            .args(["sandbox", "serve", "--world", "world.db", "--listen", "127.0.0.1:0", "--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let account = &announced["accounts"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut fleet = Fleet::random(0, "", &mut chance);
        for entry in fleet.entries.values_mut() {
            entry.delete_first = false;
        }
        Self {
            key: (text(&account["secret_id"]), text(&account["secret_key"])),
            endpoint: text(&announced["endpoint"]),
            chance,
            folder,
            server,
            sim,
            fleet,
            history: Vec::new(),
            judge: Arc::default(),
            last: 0,
            script: String::new(),
        }
    }

    fn say(&mut self, what: impl AsRef<str>) {
        writeln!(self.script, "{}", what.as_ref()).unwrap();
        let line = what.as_ref().lines().next().unwrap_or_default().to_owned();
        self.judge.lock().unwrap().note(now(), format!("· {line}"));
    }

    fn is_over(&self) -> bool {
        self.judge.lock().unwrap().accusation.is_some()
    }

    fn accuse(&self, check: &'static str, what: String) {
        self.judge.lock().unwrap().accuse(check, now(), what);
    }

    fn count(&self, what: impl Into<String>) {
        self.judge.lock().unwrap().count(what);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = program(self.folder.path());
        command
            .args(args)
            .env("TENCENTCLOUD_SECRET_ID", &self.key.0)
            .env("TENCENTCLOUD_SECRET_KEY", &self.key.1);
        command
    }

    fn write_manifest(&self) {
        let cloud = format!("cloud: {{ provider: tencent, endpoint: \"{}\" }}\n", self.endpoint);
        fs::write(self.folder.path().join("goldform.yaml"), self.fleet.yaml() + &cloud).unwrap();
    }

    fn go(&mut self) {
        for number in 1..=RUNS {
            if self.is_over() {
                return;
            }
            self.say(format!("\nrun {number}:"));
            self.edit();
            self.sim.clear_faults().unwrap();
            for _ in 0..*self.chance.weighted(&[(5, 0), (4, 1)]) {
                let fault = faults::draw(&mut self.chance, SECONDS);
                self.say(format!("  fault: {}", serde_json::to_string(&fault).unwrap()));
                self.sim.add_fault(&fault).unwrap();
            }
            let kill = self.chance.percent(70).then(|| Duration::from_millis(self.chance.next() % 800));
            let happening = self.chance.percent(25).then(|| {
                let (draw, ahead) = (self.chance.below(1_000_000), self.chance.below(2));
                // No deletions: an image that was accepted and never seen is waited for ten minutes.
                let squats = self.chance.percent(50);
                let what = if squats { Happening::Squat { draw, ahead } } else { Happening::Share { draw } };
                (Duration::from_millis(self.chance.next() % 600), what)
            });
            let held = self.draw_hold();
            self.run(held.as_ref(), kill, happening);
        }
        if !self.is_over() {
            self.come_to_rest();
        }
    }

    fn edit(&mut self) {
        if self.chance.percent(15) && !self.history.is_empty() {
            let earlier = self.chance.pick(&self.history).clone();
            let others = self.fleet.handed_over_otherwise(&earlier);
            self.fleet = earlier;
            self.say("  an earlier manifest again");
            self.hand_over(&others);
        } else if !self.history.is_empty() {
            self.replace_what_is_gone();
            let number = self.chance.below(100_000);
            let mut fleet = self.fleet.clone();
            let sim = self.sim.clone();
            let edit = fleet.edit(&mut self.chance, |region| {
                make_image(&sim, region, &format!("pipeline-{number}"), now()).unwrap_or_default()
            });
            // Here nobody reads what a plan says of gaps.
            for entry in fleet.entries.values_mut() {
                entry.delete_first = false;
            }
            self.fleet = fleet;
            self.say(format!("  {edit}"));
        }
        let yaml = self.fleet.yaml();
        self.say(yaml.lines().map(|line| format!("    | {line}\n")).collect::<String>().trim_end());
        self.history.push(self.fleet.clone());
        self.judge.lock().unwrap().claimed(&self.fleet);
        self.others_acted();
        self.write_manifest();
    }

    fn replace_what_is_gone(&mut self) {
        let gone: BTreeSet<u8> = {
            let judge = self.judge.lock().unwrap();
            let adopted = self.fleet.adopted();
            adopted.filter(|(_, id)| !judge.has_image(id)).map(|(number, _)| number).collect()
        };
        self.hand_over(&gone);
    }

    /// A pipeline makes images that these entries adopt.
    fn hand_over(&mut self, entries: &BTreeSet<u8>) {
        for number in entries {
            let name = format!("pipeline-{}", self.chance.below(100_000));
            self.fleet
                .take_over(*number, |region| make_image(&self.sim, region, &name, now()).unwrap_or_default());
        }
        self.others_acted();
    }

    fn others_acted(&self) {
        let view = self.sim.view().unwrap();
        self.judge.lock().unwrap().others_acted(view, now());
    }

    /// Reads the world, and judges what the calls since have done.
    fn read_world(&mut self) {
        let calls = self.sim.log(self.last).unwrap();
        let writes = calls.iter().rev().find(|call| !script::reads(&call.action));
        self.last = calls.last().map_or(self.last, |call| call.seq);
        let Some(call) = writes else { return };
        // Several calls may have been made since: what differs shows which were executed.
        let call = goldform::cloud::sim::LogEntry {
            code: None,
            outcome: RequestOutcome::Answered,
            at: now(),
            ..call.clone()
        };
        let images = self.sim.view().unwrap();
        let mut judge = self.judge.lock().unwrap();
        judge.calling = Some(0);
        judge.called(&WorldView { call, images });
    }

    /// Sometimes the command of a run is one that holds an entry at a revision, or releases it.
    fn draw_hold(&mut self) -> Option<Drawn> {
        if !self.chance.percent(20) {
            return None;
        }
        let snapshot = self.state().ok().flatten()?;
        holds::draw(&mut self.chance, &snapshot.recorded, &self.fleet, Timestamp::now())
    }

    /// Applies, or holds or releases an entry, and kills the process after a time. Its output unless it was killed.
    fn run(
        &mut self,
        held: Option<&Drawn>,
        kill: Option<Duration>,
        happening: Option<(Duration, Happening)>,
    ) -> Option<Output> {
        self.judge.lock().unwrap().begins(&self.fleet, now());
        let mut args = match held {
            None => vec!["apply".to_owned()],
            Some(Drawn { number, hold: None, .. }) => {
                vec!["rollback".to_owned(), format!("image.{}", key(*number)), "--release".to_owned()]
            }
            Some(Drawn { number, hold: Some(hold), .. }) => {
                let command = format!("rollback image.{} --hold --to {}", key(*number), hold.revision);
                command.split(' ').map(str::to_owned).collect()
            }
        };
        args.extend(["--yes", "--settle-timeout", "2s"].map(str::to_owned));
        self.say(format!("  goldform {}", args.join(" ")));
        let mut child = self
            .command(&args.iter().map(String::as_str).collect::<Vec<_>>())
            .stdout(fs::File::create(self.folder.path().join("stdout")).unwrap())
            .stderr(fs::File::create(self.folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let mut happening = happening;
        let status = loop {
            self.read_world();
            if let Some((_, happening)) = happening.take_if(|(at, _)| begun.elapsed() >= *at) {
                happening.happen(&self.sim, &self.fleet, &self.judge, now());
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if kill.is_some_and(|kill| begun.elapsed() >= kill) {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            std::thread::sleep(READ_EVERY);
        };
        // What the server had begun when the process was killed ends.
        std::thread::sleep(Duration::from_millis(30));
        self.read_world();
        let (millis, code) = (begun.elapsed().as_millis(), status.code());
        let read = |name: &str| fs::read(self.folder.path().join(name)).unwrap();
        let output = Output { status, stdout: read("stdout"), stderr: read("stderr") };
        self.count("runs");
        match code {
            None => self.count("killed"),
            Some(code) => self.count(format!("exit {code}")),
        }
        self.say(format!(
            "  after {millis} ms: {}",
            code.map_or("killed".to_owned(), |code| format!("exit {code}"))
        ));
        self.read_state(code, held);
        code.map(|_| output)
    }

    fn state(&self) -> Result<Option<Snapshot>, StoreError> {
        let path = self.folder.path().join("goldform.state.json");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(FileStore::at(path).load())
    }

    /// Reads the state as `output` does, and judges what it would print.
    fn read_state(&mut self, code: Option<i32>, held: Option<&Drawn>) {
        match self.state() {
            Ok(None) => {}
            Ok(Some(snapshot)) => {
                if let Some(drawn) = held {
                    self.is_held(drawn, &snapshot, code);
                }
                let mut judge = self.judge.lock().unwrap();
                judge.stored(0, &Stored::Saved(&snapshot), now());
                if code == Some(0) {
                    judge.is_done(0, now(), false);
                }
            }
            Err(error) => self.accuse("the state can be used", error.to_string()),
        }
    }

    /// What became of a hold: a process that was killed or refused may not have recorded it.
    fn is_held(&self, drawn: &Drawn, snapshot: &Snapshot, code: Option<i32>) {
        let entry = (0, drawn.number);
        let recorded = snapshot.recorded.holds.get(&drawn.key()).map(|hold| &hold.revision);
        let is_recorded = recorded == drawn.hold.as_ref().map(|hold| &hold.revision);
        match &drawn.hold {
            Some(hold) if is_recorded => {
                self.judge.lock().unwrap().held(entry, hold.revision.to_string(), drawn.images.clone());
            }
            None if is_recorded => self.judge.lock().unwrap().released(entry),
            // The manifest pins the entry there: the hold ended with the apply that placed it.
            Some(hold)
                if recorded.is_none()
                    && self.fleet.pins().get(&drawn.number) == Some(&hold.revision.to_string()) => {}
            _ if code == Some(0) => self.accuse("a hold is honoured", format!("exit 0, and {recorded:?}")),
            _ => {}
        }
    }

    fn come_to_rest(&mut self) {
        self.say("\nFaults stop, hanging builds end.");
        self.sim.clear_faults().unwrap();
        let hanging = self.judge.lock().unwrap().hanging();
        for id in hanging {
            let state = if self.chance.percent(50) { ImageStatus::Normal } else { ImageStatus::CreateFailed };
            self.say(format!("  {id} ends {}", state.as_str()));
            self.sim.end_task(&id, state).unwrap();
        }
        self.others_acted();
        // What is slow or hidden is there by then.
        std::thread::sleep(Duration::from_millis(2_200));
        self.fleet.consents = true;
        self.replace_what_is_gone();
        self.judge.lock().unwrap().claimed(&self.fleet);
        self.unpin_what_is_gone();
        let yaml = self.fleet.yaml();
        self.say(yaml.lines().map(|line| format!("    | {line}\n")).collect::<String>().trim_end());
        let mut is_blocked = self.three_runs();
        if is_blocked && !self.is_over() {
            let others = self.judge.lock().unwrap().images_of_others();
            for id in &others {
                self.sim.remove_image(id).unwrap();
            }
            self.others_acted();
            self.say(format!("  others remove {}", others.join(", ")));
            is_blocked = self.three_runs();
        }
        if !self.is_over() {
            let mut judge = self.judge.lock().unwrap();
            judge.nothing_is_forgotten(0, now(), is_blocked);
            if !is_blocked {
                judge.is_done(0, now(), true);
            }
        }
    }

    /// A pin or a hold at a revision of which nothing is left, or that was never built, is removed: a rule refuses it.
    fn unpin_what_is_gone(&mut self) {
        let recorded = self.state().ok().flatten().map(|snapshot| snapshot.recorded).unwrap_or_default();
        self.fleet.unpin_what_is_gone(&recorded);
        self.write_manifest();
        for number in holds::without_image(&recorded, &self.fleet) {
            let release = Drawn { number, hold: None, images: BTreeSet::new() };
            self.run(Some(&release), None, None);
        }
    }

    /// Up to three runs in which nothing goes wrong. Returns whether images of others block it.
    fn three_runs(&mut self) -> bool {
        let mut printed = String::new();
        for round in 1..=3 {
            self.say(format!("  quiet run {round}"));
            let output = self.run(None, None, None);
            if self.is_over() {
                return false;
            }
            let Some(output) = output else { continue };
            printed = String::from_utf8_lossy(&output.stdout).into_owned();
            printed.push_str(&String::from_utf8_lossy(&output.stderr));
            let plan = self.command(&["plan", "--refresh", "--detailed-exitcode"]).output().unwrap();
            if output.status.code() == Some(0) && plan.status.code() == Some(0) {
                return false;
            }
            printed.push_str(&String::from_utf8_lossy(&plan.stdout));
            printed.push_str(&String::from_utf8_lossy(&plan.stderr));
        }
        if !self.judge.lock().unwrap().names_others(0, &printed) {
            self.accuse("three runs converge", printed);
        }
        true
    }

    fn end(&mut self, seed: u64) -> (Counts, Option<Failure>) {
        let mut judge = self.judge.lock().unwrap();
        judge.count("lives");
        let counts = std::mem::take(&mut judge.counts);
        let failure = judge.accusation.take().map(|accusation| {
            let log = self.sim.log(0).unwrap();
            let script = script::write(
                "GOLDFORM_REAL_LIFE",
                seed,
                &accusation,
                &self.script,
                &judge.notes,
                &log,
                false,
            );
            Failure { accusation, script }
        });
        (counts, failure)
    }
}
