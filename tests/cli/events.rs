//! `--format events`: JSON lines while the run continues, each of which matches the published schema.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use goldform::cloud::sim::{Settings, Tasks};
use serde_json::Value;

use crate::cli::WEB;
use crate::cli::schemas::{assert_matches, schema};
use crate::common::{PROGRAM, TestEnv, cloud};

/// The lines, each of which matches the schema: numbered from 1, of one run, and with the summary at their end.
#[track_caller]
fn lines(text: &str) -> Vec<Value> {
    let schema = schema("events");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (number, line) in lines.iter().enumerate() {
        assert_matches(&schema, line, "a line");
        assert_eq!(line["seq"], number + 1, "{line}");
        assert_eq!(line["run"], lines[0]["run"], "{line}");
        assert_eq!(line["type"] == "summary", number + 1 == lines.len(), "the summary is last: {text}");
    }
    lines
}

/// The lines of a command that ends with this status.
#[track_caller]
fn events(env: &TestEnv, status: i32, arguments: &str) -> Vec<Value> {
    let mut command = env.command(PROGRAM);
    let output = command.args(arguments.split_whitespace()).args(["--format", "events"]).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(lines.last().unwrap()["exit_status"], status);
    lines
}

fn types(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

fn of<'l>(lines: &'l [Value], kind: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// A step ends once, after it has started.
#[track_caller]
fn assert_each_step_ends(lines: &[Value]) {
    let (mut running, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for line in lines {
        let step = line["step"].as_str().unwrap_or_default().to_owned();
        match line["type"].as_str().unwrap() {
            "started" => assert!(running.insert(step) || line["verb"] == "wait", "{line}"),
            "accepted" | "waiting" => assert!(running.contains(&step), "{line}"),
            "settled" | "failed" => assert!(running.remove(&step) && ended.insert(step), "{line}"),
            "skipped" => assert!(!running.contains(&step) && ended.insert(step), "{line}"),
            _ => {}
        }
    }
    assert!(running.is_empty(), "{running:?}");
}

#[test]
fn a_complete_run() {
    let env = TestEnv::with(WEB);
    let lines = events(&env, 0, "apply --yes --parallelism 1");
    assert_each_step_ends(&lines);
    assert_eq!(types(&lines)[..3], ["plan", "started", "accepted"]);
    assert_eq!((&lines[0]["refused"], &lines[0]["summary"]["create"]), (&false.into(), &1.into()));
    let made = of(&lines, "settled").into_iter().find(|line| line["verb"] == "create").unwrap();
    assert_eq!(made["id"], lines[2]["id"], "a settled step names its image");
    assert_eq!(made["address"], "image.web@ap-jakarta#1");
    let steps = &lines.last().unwrap()["steps"];
    assert_eq!((&steps["done"], &steps["failed"]), (&lines[0]["summary"]["steps"], &0.into()));
    let shown: String = lines.iter().map(|line| format!("{line}\n")).collect();
    shown!("events-complete", env.filter(&shown));
    // Nothing to do: the plan and the summary.
    assert_eq!(types(&events(&env, 0, "apply --yes")), ["plan", "summary"]);
    assert_eq!(types(&events(&env, 0, "plan")), ["plan", "summary"]);
    assert_eq!(types(&events(&env, 0, "refresh")), ["summary"]);
    let destroyed = events(&env, 0, "destroy --yes");
    assert_eq!(destroyed.last().unwrap()["command"], "destroy");
    assert_eq!(of(&destroyed, "settled").len(), 4);
}

#[test]
fn a_run_of_which_a_step_fails() {
    let env = TestEnv::with(WEB);
    cloud::run(
        &env,
        r#"fault {"action": "SyncImages", "effect": "error", "code": "UnsupportedOperation", "message": "no"}"#,
    );
    let lines = events(&env, 6, "apply --yes");
    assert_each_step_ends(&lines);
    let [failed] = of(&lines, "failed")[..] else { panic!("{lines:#?}") };
    assert_eq!((&failed["code"], &failed["outcome"]), (&"UnsupportedOperation".into(), &"failed".into()));
    assert!(failed["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{failed}");
    let skipped = of(&lines, "skipped");
    assert!(
        !skipped.is_empty() && skipped.iter().all(|line| line["because"] == failed["step"]),
        "{skipped:?}"
    );
    assert_eq!(lines.last().unwrap()["steps"]["skipped"], skipped.len());
}

#[test]
fn a_step_that_does_not_settle_is_pending_and_recovered_by_the_next_run() {
    let env = TestEnv::with(WEB);
    cloud::open(&env).set_settings(Settings { tasks: Tasks::Hang, ..Settings::default() }).unwrap();
    let lines = events(&env, 6, "apply --yes --settle-timeout 1s");
    assert_each_step_ends(&lines);
    assert_eq!(of(&lines, "failed")[0]["outcome"], "pending");
    // A call that is lost each time.
    let env = TestEnv::with(WEB);
    cloud::run(&env, r#"fault {"action": "CreateImage", "effect": "lost_before", "times": 100}"#);
    let lines = events(&env, 6, "apply --yes --settle-timeout 1s");
    assert_each_step_ends(&lines);
    assert!(!of(&lines, "waiting").is_empty(), "{lines:#?}");
    assert_eq!(of(&lines, "failed")[0]["outcome"], "unknown");
    let lines = events(&env, 0, "refresh");
    let [recovered] = of(&lines, "recovered")[..] else { panic!("{lines:#?}") };
    assert_eq!((&recovered["step"], &recovered["outcome"]), (&CREATE.into(), &"unresolved".into()));
}

const CREATE: &str = "create image.web@ap-jakarta#1";

/// A killed run has no summary; the next one starts with what it left.
#[test]
fn a_run_that_is_killed_is_recovered() {
    let env = TestEnv::with(WEB);
    cloud::open(&env).set_settings(Settings { tasks: Tasks::Hang, ..Settings::default() }).unwrap();
    let (mut child, _, _rest) = running(&env, "apply --yes --format events", 3);
    child.kill().unwrap();
    child.wait().unwrap();
    cloud::open(&env).set_settings(Settings::default()).unwrap();
    let lines = events(&env, 6, "apply --yes --settle-timeout 1s");
    assert_eq!(types(&lines)[..2], ["recovered", "plan"]);
    assert_eq!(lines[0]["step"], CREATE);
    // `made` if it was killed before the id was in the journal.
    assert!(lines[0]["outcome"] == "accepted" || lines[0]["outcome"] == "made", "{}", lines[0]);
    assert_eq!(of(&lines, "started")[0]["verb"], "wait");
    assert_each_step_ends(&lines);
}

/// Starts an apply whose image is not ready for long, and returns it when this many lines were printed.
fn running(
    env: &TestEnv,
    arguments: &str,
    count: usize,
) -> (std::process::Child, Vec<String>, BufReader<std::process::ChildStdout>) {
    let mut command = env.command(PROGRAM);
    command.args(arguments.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut read = Vec::new();
    for _ in 0..count {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        read.push(line);
    }
    (child, read, reader)
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted() {
    for (signals, status) in
        [(&["-INT", "-INT"][..], 130), (&["-TERM", "-TERM"], 143), (&["-INT", "-INT", "-TERM"], 130)]
    {
        let env = TestEnv::with(WEB);
        cloud::open(&env).set_settings(Settings { tasks: Tasks::Hang, ..Settings::default() }).unwrap();
        // The plan, started and accepted: lines arrive while the run continues.
        let (mut child, read, mut rest) = running(&env, "apply --yes --format events", 3);
        for name in signals {
            signal(&child, name);
            std::thread::sleep(std::time::Duration::from_millis(300));
            if child.try_wait().unwrap().is_some() {
                break;
            }
        }
        let mut text = read.concat();
        rest.read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(status));
        let lines = lines(&text);
        assert_each_step_ends(&lines);
        assert_eq!(of(&lines, "failed")[0]["outcome"], "pending");
        assert_eq!(lines.last().unwrap()["exit_status"], status);
    }
}

/// Before the first step too, such as during a refresh or while a lock is waited for.
#[cfg(unix)]
#[test]
fn a_signal_before_the_first_step_is_in_the_summary() {
    let env = TestEnv::with(WEB);
    cloud::run(&env, r#"fault {"action": "DescribeImages", "effect": "slow", "by": "PT20S"}"#);
    let (mut child, _, mut rest) = running(&env, "apply --yes --format events", 0);
    let journal = std::time::Instant::now();
    while !env.path("goldform.state.json.lock").exists() && journal.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&child, "-INT");
    let mut text = String::new();
    rest.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let lines = lines(&text);
    assert_eq!(types(&lines), ["summary"]);
    assert_eq!(lines[0]["exit_status"], 130);
}

#[test]
fn an_error_and_a_refused_plan_are_in_the_summary() {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-jakarta]"));
    let lines = events(&env, 3, "apply --yes");
    assert_eq!(types(&lines), ["plan", "summary"]);
    assert_eq!((&lines[0]["refused"], &lines[0]["findings"][0]["rule"]), (&true.into(), &"GF404".into()));
    // A manifest with errors, one without meaning, and a plan that was not expected.
    let env = TestEnv::with(&WEB.replace("tags:", "tgas:"));
    let lines = events(&env, 1, "apply --yes");
    assert_eq!((types(&lines), &lines[0]["error"]), (vec!["summary"], &"the manifest cannot be used".into()));
    let env = TestEnv::with("version: [");
    assert_eq!(types(&events(&env, 1, "plan")), ["summary"]);
    let env = TestEnv::with(WEB);
    let lines = events(&env, 5, &format!("apply --yes --expect {}", "0".repeat(32)));
    assert_eq!(types(&lines), ["plan", "summary"]);
    assert!(lines[1]["help"].is_string(), "{}", lines[1]);
    // Without a terminal, nothing is asked.
    let lines = events(&env, 1, "apply");
    assert_eq!(types(&lines), ["plan", "summary"]);
    // A command without steps has no events.
    env.expect(1, "validate --format events");
    env.expect(1, "history --format events");
}

#[test]
fn events_in_a_file_leave_stdout_to_another_format() {
    let env = TestEnv::with(WEB);
    let ran = env.expect(0, "apply --yes --format events=run.jsonl --format json=out.json");
    assert!(ran.stdout.contains("Plan: "), "{}", ran.text());
    let lines = lines(&env.read("run.jsonl"));
    assert_eq!(lines.last().unwrap()["exit_status"], 0);
    assert!(env.read("out.json").contains("\"complete\": true"));
    // Before anything is done.
    let ran = env.expect(1, "destroy --yes --format events=none/run.jsonl");
    assert!(ran.stderr.contains("none/run.jsonl"), "{}", ran.text());
    env.expect(0, "plan --detailed-exitcode");
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_pipe_is_silent_and_a_full_disk_an_error() {
    let env = TestEnv::with(WEB);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = env.command(PROGRAM);
    let output = command.args(["apply", "--yes", "--format", "events"]).stdout(writer).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.contains("error")), (Some(0), false), "{stderr}");
    env.expect(0, "plan --detailed-exitcode");
    // A plan that could not be shown was not reviewed.
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = env.command(PROGRAM);
    let output = command.args(["apply", "--yes", "--format", "events"]).stdout(full).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.matches("error: stdout: No space left on device").count(), 1, "{stderr}");
    env.expect(2, "plan --detailed-exitcode");
    let ran = env.expect(1, "apply --yes --format events=/dev/full");
    assert_eq!(ran.stderr.matches("error: /dev/full: No space left on device").count(), 1, "{}", ran.text());
}

/// Text of users and of the service does nothing in a log.
#[test]
fn text_of_users_is_escaped() {
    let env = TestEnv::with(&WEB.replace("copies: [ap-singapore]", "copies: [\"##[error]x\\u202E\"]"));
    let ran = env.run("plan --format events");
    assert!(!ran.stdout.contains("##[") && !ran.stdout.contains('\u{202E}'), "{}", ran.stdout);
    assert!(!ran.stdout.is_empty());
}
