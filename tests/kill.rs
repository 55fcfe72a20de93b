//! Killed for real: `kill -9` at moments spread over an apply, then one more apply.

mod signals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use goldform::cloud::sim::{Settings, Sim};
use tempfile::TempDir;

const HOME: &str = "ap-jakarta";
const COPIES: [&str; 2] = ["ap-singapore", "ap-tokyo"];
const ACCOUNTS: [&str; 3] = ["200000000001", "200000000002", "200000000003"];
const IMAGES: usize = 4;
/// How many times it is killed.
const KILLS: usize = 20;
/// How many stories run side by side: they mostly wait.
const SIDE_BY_SIDE: usize = 4;

/// Four images, two copies of each, three accounts for each.
fn manifest() -> String {
    let mut text = String::from("version: 1\naccount: \"100000000001\"\nimages:\n");
    for number in 1..=IMAGES {
        write!(
            text,
            "  web-{number}:\n    region: {HOME}\n    name: web-{number}-{{generation}}\n    description: number {number}\n    \
             tags: {{ team: platform }}\n    source: {{ instance: {{ id: ins-0000000{number} }} }}\n    copies: [{}]\n",
            COPIES.join(", ")
        )
        .unwrap();
    }
    text.push_str("shares:\n");
    for number in 1..=IMAGES {
        writeln!(text, "  - {{ image: web-{number}, with: [\"{}\"] }}", ACCOUNTS.join("\", \"")).unwrap();
    }
    text
}

/// A folder with the manifest and an empty world.
struct Place {
    folder: TempDir,
    sim: Sim,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("goldform.yaml"), manifest()).unwrap();
        let sim = Sim::open(&folder.path().join("goldform.world.db"), Settings::default()).unwrap();
        Self { folder, sim }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldform"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// How many requests the world has seen.
    fn requests(&self) -> usize {
        let last = self.sim.log(0).unwrap().last().map_or(0, |entry| entry.seq);
        usize::try_from(last).unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Applies, and is killed as soon as the world has seen so many requests and a moment has passed. Whether it was
    /// killed before its end.
    fn apply_until(&self, requests: usize, moment: Duration) -> bool {
        let mut child =
            self.command(&["apply", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while self.requests() < requests {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(moment);
        child.kill().unwrap();
        // One that a signal has ended has no exit status.
        child.wait().unwrap().code().is_none()
    }

    /// The world holds each image once in each region, as it is meant to be, and nothing else.
    fn holds_exactly_what_is_wanted(&self) {
        let images = self.sim.images().unwrap();
        let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
        for image in &images {
            *found.entry((image.name.clone(), image.region.clone())).or_default() += 1;
            let shares: BTreeSet<String> =
                self.sim.shares(&image.id).unwrap().into_iter().map(|share| share.account).collect();
            assert_eq!(shares, ACCOUNTS.map(str::to_owned).into(), "{} in {}", image.name, image.region);
            let tags = self.sim.tags(&image.id).unwrap();
            let keys: Vec<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["goldform", "team"], "{} in {}", image.name, image.region);
            assert!(image.description.starts_with("number "), "{} in {}", image.name, image.region);
        }
        let wanted: BTreeMap<(String, String), usize> = (1..=IMAGES)
            .flat_map(|number| {
                [HOME, COPIES[0], COPIES[1]].map(|region| ((format!("web-{number}-1"), region.to_owned()), 1))
            })
            .collect();
        assert_eq!(found, wanted);
    }
}

fn assert_status(output: &Output, status: i32, what: &str) {
    assert_eq!(
        output.status.code(),
        Some(status),
        "{what}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Killed once, applied once, destroyed. Whether it was killed before its end.
fn story(requests: usize, moment: Duration) -> bool {
    let place = Place::new();
    let was_killed = place.apply_until(requests, moment);
    let made = place.sim.images().unwrap().len();
    let what = format!("killed after {requests} requests and {moment:?}, with {made} images made");

    assert_status(&place.run(&["apply", "--yes"]), 0, &what);
    place.holds_exactly_what_is_wanted();
    assert_status(&place.run(&["plan", "--detailed-exitcode"]), 0, &what);
    assert_status(&place.run(&["plan", "--refresh", "--detailed-exitcode"]), 0, &what);
    assert!(
        !place.path().join("goldform.state.json.journal").exists(),
        "{what}: the journal is in the state"
    );

    assert_status(&place.run(&["destroy", "--yes"]), 0, &what);
    assert_eq!(place.sim.images().unwrap().len(), 0, "{what}");
    was_killed
}

#[test]
fn killed_at_any_moment_the_next_apply_makes_exactly_what_is_wanted() {
    let whole = {
        let place = Place::new();
        assert_status(&place.run(&["apply", "--yes"]), 0, "a whole run");
        place.holds_exactly_what_is_wanted();
        place.requests()
    };
    let next = AtomicUsize::new(0);
    let killed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let kill = next.fetch_add(1, Ordering::SeqCst);
                    if kill >= KILLS {
                        return;
                    }
                    let moment = Duration::from_millis(u64::try_from(kill * 7 % 30).unwrap());
                    if story(1 + whole * 9 / 10 * kill / KILLS, moment) {
                        killed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let killed = killed.load(Ordering::SeqCst);
    println!(
        "kill -9: a whole run makes {whole} requests; {killed} of {KILLS} runs were killed before their end"
    );
    assert!(killed >= KILLS / 2, "too few of the runs were killed on their way");
}
