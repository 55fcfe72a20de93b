use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use goldform::backend::{FileStore, LockInfo, LockWait, StateStore as _};
use goldform::cloud::sim::{Fault, FaultEffect, Settings, Tasks};
use jiff::SignedDuration;

use crate::cli::WEB;
use crate::cli::schemas::{assert_matches, schema};
use crate::common::{self, PROGRAM, TestEnv, cloud};

fn fault(env: &TestEnv, action: &str, region: &str, effect: FaultEffect) {
    let region = Some(region.parse().unwrap());
    let fault = Fault { action: action.into(), region, caller: None, from_call: 1, times: None, effect };
    cloud::open(env).add_fault(&fault).unwrap();
}

#[test]
fn a_first_apply_makes_everything_and_the_second_nothing() {
    let env = TestEnv::with(WEB);
    shown!("apply-first", env.run("apply --yes").text());
    shown!("apply-second", env.run("apply --yes").text());
    shown!("apply-destroy", env.run("destroy --yes").text());
    assert_eq!(common::cloud::list(&cloud::open(&env)), "");
}

#[test]
fn json_shows_what_became_of_each_step() {
    let env = TestEnv::with(WEB);
    let ran = env.expect(0, "apply --yes --format json --quiet");
    shown!("apply-json", ran.text());
}

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_done() {
    let env = TestEnv::with(WEB);
    let ran = env.run("apply");
    shown!("apply-no-terminal", ran.stderr);
    assert_eq!(ran.status, 1);
    assert_eq!(env.run("state list").stdout, "");
}

#[test]
fn what_fails_skips_what_waits_for_it_and_nothing_else() {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-singapore, ap-tokyo]"));
    let refused =
        FaultEffect::Error { code: "InvalidParameterValue".into(), message: "The zone is closed.".into() };
    fault(&env, "SyncImages", "ap-jakarta", refused);
    let ran = env.run("apply --yes");
    shown!("apply-partly", ran.text());
    cloud::open(&env).clear_faults().unwrap();
    env.expect(0, "apply --yes --quiet");
    env.expect(0, "plan --detailed-exitcode");
}

#[test]
fn where_not_one_step_was_done_it_is_an_error() {
    let env = TestEnv::with(WEB);
    let refused = FaultEffect::Error { code: "UnauthorizedOperation".into(), message: "Not allowed.".into() };
    fault(&env, "CreateImage", "ap-jakarta", refused);
    shown!("apply-failed", env.run("apply --yes").text());
}

#[test]
fn an_image_that_is_not_ready_in_time_stays_open_and_is_gone_on_with() {
    let env = TestEnv::with(WEB);
    cloud::open(&env).set_settings(Settings { tasks: Tasks::Hang, ..Settings::default() }).unwrap();
    shown!("apply-pending", env.run("apply --yes --settle-timeout 1s").text());
    shown!("show-open", env.run("show").text());
    let kind = cloud::open(&env);
    let listed = cloud::list(&kind);
    assert_eq!(listed.lines().count(), 1, "{listed}");
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    let env = TestEnv::with(WEB);
    let lost = Fault {
        action: "CreateImage".into(),
        region: None,
        caller: None,
        from_call: 1,
        times: Some(1),
        effect: FaultEffect::LostAfter,
    };
    cloud::open(&env).add_fault(&lost).unwrap();
    env.run("apply --yes --quiet");
    env.expect(0, "apply --yes --quiet");
    env.expect(0, "plan --detailed-exitcode");
    assert_eq!(cloud::list(&cloud::open(&env)).lines().count(), 2);
}

/// Holds the lock as another process would.
fn holding<T>(env: &TestEnv, run: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut store = FileStore::at(env.path("goldform.state.json"));
    let info = LockInfo {
        owner: "ana@build-7".into(),
        pid: 4711,
        operation: "apply".into(),
        since: "2026-11-24T12:00:00Z".parse().unwrap(),
    };
    runtime.block_on(store.lock(info, LockWait::NONE)).unwrap();
    let result = run();
    drop(store);
    result
}

#[test]
fn while_somebody_else_applies_reading_goes_on_and_writing_says_who_it_is() {
    let env = TestEnv::with(WEB);
    holding(&env, || {
        shown!("apply-locked", env.run("apply --yes").text());
        env.expect(0, "plan");
        env.expect(4, "refresh");
        env.expect(4, "destroy --yes");
    });
    // An open step is then one of the run that is under way, not of one that was cut off.
    env.expect(0, "refresh --quiet");
    let state: serde_json::Value = serde_json::from_str(&env.read("goldform.state.json")).unwrap();
    let header = serde_json::json!({ "lineage": state["lineage"], "follows": state["serial"] });
    let started = serde_json::json!({
        "event": "started", "step": "delete image.web@ap-jakarta#1", "at": "2026-11-24T12:00:00Z",
        "operation": { "do": "delete", "at": "image.web@ap-jakarta#1", "snapshots": true },
    });
    env.write("goldform.state.json.journal", &format!("{header}\n{started}\n"));
    let under_way = holding(&env, || env.run("plan")).stderr;
    assert!(under_way.contains("ana@build-7") && !under_way.contains("cut off"), "{under_way}");
    let cut_off = env.run("plan").stderr;
    assert!(cut_off.contains("cut off") && !cut_off.contains("ana@build-7"), "{cut_off}");
    env.expect(0, "apply --yes --quiet");
}

#[test]
fn a_lock_is_waited_for() {
    let env = TestEnv::with(WEB);
    let child = holding(&env, || {
        let child = env
            .command(PROGRAM)
            .args(["apply", "--yes", "--quiet", "--lock-timeout", "60s"])
            .stdout(Stdio::null())
            .spawn();
        std::thread::sleep(Duration::from_millis(300));
        child.unwrap()
    });
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// Starts an apply whose images take so long, waits until the first is being made, and sends signals.
fn interrupted(env: &TestEnv, settle: SignedDuration, signals: &[&str]) -> (i32, String, Duration) {
    cloud::open(env).set_settings(Settings { settle, ..Settings::default() }).unwrap();
    let mut command = env.command(PROGRAM);
    command.args(["apply", "--yes", "--format", "text", "--format", "json=interrupted.json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut reported = String::new();
    while !reported.contains("not ready yet") {
        assert!(talk.read_line(&mut reported).unwrap() > 0, "it ended: {reported}");
    }
    let begun = Instant::now();
    for (number, signal) in signals.iter().enumerate() {
        if number > 0 {
            while !reported.contains("Stopping") {
                assert!(talk.read_line(&mut reported).unwrap() > 0, "it ended: {reported}");
            }
        }
        let sent = Command::new("kill").args([*signal, child.id().to_string().as_str()]).status().unwrap();
        assert!(sent.success());
    }
    talk.read_to_string(&mut reported).unwrap();
    let output = child.wait_with_output().unwrap();
    let took = begun.elapsed();
    reported.push_str(&String::from_utf8(output.stdout).unwrap());
    let report: serde_json::Value = serde_json::from_str(&env.read("interrupted.json")).unwrap();
    assert_eq!(report["interrupted"], true, "{report:#}");
    assert_matches(&schema("outcome"), &report, "interrupted");
    (output.status.code().unwrap(), reported, took)
}

#[test]
fn the_first_interruption_lets_what_runs_settle() {
    let env = TestEnv::with(WEB);
    let (status, reported, _) = interrupted(&env, SignedDuration::from_secs(4), &["-INT"]);
    assert_eq!(status, 130, "{reported}");
    assert!(reported.contains("Interrupted"), "{reported}");
    shown!("apply-interrupted", env.filter(&reported[reported.find("Stopping").unwrap()..]));
    assert_eq!(env.expect(0, "state list").stdout, "image.web@ap-jakarta#1\n", "what ran is recorded");
    cloud::open(&env).set_settings(Settings::default()).unwrap();
    env.expect(0, "apply --yes --quiet");
    env.expect(0, "plan --detailed-exitcode");
    assert_eq!(cloud::list(&cloud::open(&env)).lines().count(), 2);
}

#[test]
fn termination_is_an_interruption_with_a_status_of_its_own() {
    let env = TestEnv::with(WEB);
    let (status, reported, _) = interrupted(&env, SignedDuration::from_secs(1), &["-TERM"]);
    assert_eq!(status, 143, "{reported}");
}

#[test]
fn the_second_interruption_writes_down_what_is_known_and_ends() {
    let env = TestEnv::with(WEB);
    let (status, reported, took) = interrupted(&env, SignedDuration::from_hours(1), &["-INT", "-INT"]);
    assert_eq!(status, 130, "{reported}");
    assert!(took < Duration::from_secs(20), "{took:?}: {reported}");
    // The image is being made still: the next apply continues with it, and makes nothing twice.
    let listed = cloud::list(&cloud::open(&env));
    assert_eq!(listed.lines().count(), 1, "{listed}");
    shown!("show-interrupted", env.run("show").text());
}

#[test]
fn killed_at_once_the_next_apply_converges() {
    let env = TestEnv::with(WEB);
    cloud::open(&env)
        .set_settings(Settings { settle: SignedDuration::from_secs(1), ..Settings::default() })
        .unwrap();
    let mut child = env
        .command(PROGRAM)
        .args(["apply", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut reported = String::new();
    while !reported.contains("not ready yet") {
        assert!(talk.read_line(&mut reported).unwrap() > 0, "it ended: {reported}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Killed before the acceptance was recorded, or after: the image is unresolved, or pending.
    for command in ["plan", "graph"] {
        let ran = env.run(command);
        let is_unresolved = ran.stderr.contains("unresolved: `create image.web@ap-jakarta#1`");
        let is_pending =
            ["not ready yet", "wait image.web@ap-jakarta#1"].iter().any(|text| ran.stdout.contains(text));
        assert!(is_unresolved || is_pending, "{}", ran.text());
        assert!(is_unresolved || !ran.stderr.contains("cut off"), "{}", ran.text());
    }
    let plan = env.run("plan --refresh");
    for ran in [&plan, &env.run("drift"), &env.run("refresh")] {
        assert!(ran.stderr.contains("recovered: `create image.web@ap-jakarta#1`"), "{}", ran.text());
    }
    assert!(!plan.stdout.contains("create generation 1"), "it is ours: {}", plan.text());
    env.expect(0, "apply --yes --quiet");
    assert!(!env.expect(0, "plan").stderr.contains("unresolved"));
    env.expect(0, "plan --detailed-exitcode");
    assert_eq!(cloud::list(&cloud::open(&env)).lines().count(), 2);
}
