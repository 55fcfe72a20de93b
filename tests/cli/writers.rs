//! Two processes at one state or one world, and what one that was cut off leaves to the next.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use goldform::backend::{FileStore, LockInfo, LockWait, StateStore as _};
use goldform::cloud::sim::Settings;
use goldform::state::Event;
use jiff::SignedDuration;
use serde_json::json;

use crate::cli::WEB;
use crate::common::{PROGRAM, TestEnv, cloud};

/// An apply that waits for its first image.
struct Applying {
    child: Child,
    talk: BufReader<ChildStderr>,
    text: String,
}

impl Applying {
    /// Starts it, with images that take a second and a half.
    fn start(env: &TestEnv, arguments: &[&str]) -> Self {
        let settle = SignedDuration::from_millis(1_500);
        cloud::open(env).set_settings(Settings { settle, ..Settings::default() }).unwrap();
        let mut command = env.command(PROGRAM);
        command.args(["apply", "--yes"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains("not ready yet") {
            assert!(talk.read_line(&mut text).unwrap() > 0, "it ended: {text}");
        }
        Self { child, talk, text }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Its exit status, and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        self.talk.read_to_string(&mut self.text).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut self.text).unwrap();
        (self.child.wait().unwrap().code(), self.text)
    }
}

/// Both images are there once, and nothing is left to do.
fn assert_converged(env: &TestEnv, arguments: &str) {
    env.expect(0, &format!("plan --refresh --expect-no-changes {arguments}"));
    assert_eq!(cloud::list(&cloud::open(env)).lines().count(), 2);
}

#[cfg(unix)]
#[test]
fn of_two_that_reach_a_state_through_links_one_waits() {
    let env = TestEnv::quick();
    for folder in ["one", "other"] {
        let world = "cloud: { sandbox: { world: ../goldform.world.db } }\n";
        env.write(&format!("{folder}/goldform.yaml"), &format!("{WEB}{world}"));
        std::os::unix::fs::symlink("../shared/state.json", env.path(folder).join("goldform.state.json"))
            .unwrap();
    }
    let applying = Applying::start(&env, &["-f", "one/goldform.yaml"]);
    let refused = env.expect(4, "apply --yes -f other/goldform.yaml").stderr;
    assert!(refused.contains("the state is locked by tester"), "{refused}");
    env.expect(0, "apply --yes --lock-timeout 60s -f other/goldform.yaml");
    let (status, text) = applying.end();
    assert_eq!(status, Some(0), "{text}");
    assert_converged(&env, "-f other/goldform.yaml");
    assert!(env.path("shared/state.json.lock").exists());
}

#[cfg(unix)]
#[test]
fn a_holder_that_is_stopped_still_holds_the_lock() {
    let env = TestEnv::with(WEB);
    let applying = Applying::start(&env, &[]);
    applying.signal("-STOP");
    env.expect(4, "apply --yes");
    env.expect(4, "refresh --lock-timeout 1s");
    env.expect(0, "plan");
    applying.signal("-CONT");
    let (status, text) = applying.end();
    assert_eq!(status, Some(0), "{text}");
    assert_converged(&env, "");
}

#[cfg(unix)]
#[test]
fn one_whose_lock_was_removed_leaves_the_state_to_the_other() {
    let env = TestEnv::with(WEB);
    let applying = Applying::start(&env, &[]);
    std::fs::remove_file(env.path("goldform.state.json.lock")).unwrap();
    env.expect(0, "apply --yes");
    let (status, text) = applying.end();
    assert_eq!(status, Some(4), "{text}");
    assert!(text.contains("was removed or replaced while this command held the lock"), "{text}");
    assert_converged(&env, "");
}

#[test]
fn a_new_world_is_made_once_by_two() {
    for _ in 0..5 {
        let env = TestEnv::new();
        env.write("goldform.yaml", WEB);
        let start = || {
            env.command(PROGRAM)
                .args(["plan", "--refresh"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        for process in [start(), start()] {
            let output = process.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{text}");
        }
    }
}

#[test]
fn a_journal_that_was_cut_off_anywhere_is_gone_on_from() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes");
    let state = env.read("goldform.state.json");
    let update = |region: &str, description: &str| {
        json!({ "event": "started", "step": format!("update image.web@{region}#1"), "at": "2026-11-24T12:00:00Z",
                "operation": { "do": "update", "at": format!("image.web@{region}#1"), "set": { "description": description } } })
    };
    let failed = json!({ "event": "failed", "step": "update image.web@ap-jakarta#1", "at": "2026-11-24T12:00:01Z",
                         "why": "Укреплённый золотой образ" });
    let events: Vec<Event> = [
        update("ap-jakarta", "加固的黄金镜像，含 nginx"),
        update("ap-singapore", "صورة ذهبية محصنة مع خادم"),
        failed,
    ]
    .into_iter()
    .map(|event| serde_json::from_value(event).unwrap())
    .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut store = FileStore::at(env.path("goldform.state.json"));
    let since = "2026-11-24T12:00:00Z".parse().unwrap();
    let info = LockInfo { owner: "tester".into(), pid: 1, operation: "apply".into(), since };
    runtime.block_on(store.lock(info, LockWait::NONE)).unwrap();
    runtime.block_on(store.load()).unwrap();
    runtime.block_on(store.append(&events)).unwrap();
    drop(store);
    let journal = std::fs::read(env.path("goldform.state.json.journal")).unwrap();
    // An odd step, so that characters are cut too.
    for end in (0..journal.len()).step_by((journal.len() / 12) | 1).chain([journal.len()]) {
        env.write("goldform.state.json", &state);
        std::fs::write(env.path("goldform.state.json.journal"), &journal[..end]).unwrap();
        let planned = env.run("plan");
        assert_eq!(planned.status, 0, "cut at {end}: {}", planned.text());
        let applied = env.run("apply --yes --quiet");
        assert_eq!(applied.status, 0, "cut at {end}: {}", applied.text());
        assert!(!env.path("goldform.state.json.journal").exists(), "cut at {end}");
    }
    assert_converged(&env, "");
}
