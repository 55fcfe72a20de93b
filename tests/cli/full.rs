//! Output that cannot be written: every command reports it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::process::{Output, Stdio};

use clap::CommandFactory as _;
use goldform::cli::args::Cli;

use crate::cli::WEB;
use crate::common::{PROGRAM, TestEnv};

/// How each command is run so that it prints something to stdout, in an order in which each can; `None`: it prints
/// nothing there.
const RUNS: &[(&str, Option<&str>)] = &[
    ("init", None),
    ("validate", Some("validate")),
    ("plan", Some("plan --format json")),
    ("graph", Some("graph")),
    // Nothing is applied if the plan cannot be shown.
    ("apply", Some("apply --yes")),
    ("set", Some("set images.web.description=other --diff")),
    ("rollback", Some("rollback image.web --to 1 --diff")),
    ("refresh", Some("refresh")),
    ("drift", Some("drift")),
    ("show", Some("show")),
    ("render", Some("render")),
    ("output", Some("output")),
    ("images", Some("images")),
    ("import", Some("import --all --dry-run")),
    ("history", Some("history")),
    ("state list", Some("state list")),
    ("state show", Some("state show image.web@ap-jakarta")),
    ("state pull", Some("state pull")),
    ("state mv", Some("state mv image.web image.base")),
    ("state rm", Some("state rm share.base@ap-jakarta#1/200000000001")),
    ("forget", Some("forget share.base@ap-singapore#1/200000000001")),
    ("state push", Some("state push --force --format json pulled.json")),
    ("state history", Some("state history")),
    ("state restore", Some("state restore --format json 1")),
    ("state unlock", Some("state unlock --format json")),
    // Of a shared state only, which `.ci/outside/storage` has.
    ("state lock", None),
    ("state migrate", None),
    ("destroy", Some("destroy --yes")),
    ("explain", Some("explain")),
    ("schema", Some("schema state")),
    ("completions", Some("completions bash")),
    ("man", Some("man")),
    ("sandbox serve", Some("sandbox serve --listen 127.0.0.1:0 --in-memory")),
    ("sandbox seed", None),
    ("sandbox faults add", Some("sandbox faults add throttle --action StopInstances")),
    ("sandbox faults list", Some("sandbox faults list")),
    ("sandbox faults remove", None),
    ("sandbox faults clear", None),
    ("sandbox log", Some("sandbox log")),
    ("sandbox peaks", Some("sandbox peaks")),
    ("sandbox reset", None),
];

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

fn to_full_disk(env: &TestEnv, arguments: &str) -> Output {
    env.command(PROGRAM).args(arguments.split_whitespace()).stdout(full()).output().unwrap()
}

#[track_caller]
fn assert_reported(output: &Output, status: i32, what: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{what}: {stderr}");
    assert_eq!(stderr.matches("error: stdout: No space left on device").count(), 1, "{what}: {stderr}");
}

pub(super) fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let inner: Vec<&clap::Command> =
        command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    if inner.is_empty() {
        found.push(path.trim_start().to_owned());
    }
    for command in inner {
        leaves(command, &format!("{path} {}", command.get_name()), found);
    }
}

#[test]
fn every_command_reports_that_stdout_is_full() {
    let (mut commands, runs) = (Vec::new(), RUNS.iter().copied().collect::<BTreeMap<_, _>>());
    leaves(&Cli::command(), "", &mut commands);
    commands.sort();
    assert_eq!(commands, runs.keys().copied().collect::<Vec<_>>(), "each command is in the table");

    let env = TestEnv::with(WEB);
    for (command, run) in RUNS {
        let Some(run) = run else { continue };
        assert_reported(&to_full_disk(&env, run), 1, run);
        if *command == "apply" {
            // The plan could not be shown, so nothing was done.
            assert!(!env.path("goldform.state.json").exists());
            env.expect(0, "apply --yes --quiet");
            assert_eq!(env.shell("goldform state pull > pulled.json").1, 0);
        }
    }
    for command in commands.iter().map(String::as_str).chain(["", "state", "sandbox faults"]) {
        let help = format!("{command} --help");
        assert_reported(&to_full_disk(&env, &help), 1, &help);
    }
    assert_reported(&to_full_disk(&env, "--version"), 1, "--version");
    assert_reported(&to_full_disk(&env, "help state pull"), 1, "help state pull");
}

#[test]
fn a_graver_status_is_kept_and_a_closed_pipe_changes_none() {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-jakarta]"));
    assert_reported(&to_full_disk(&env, "plan"), 3, "a rule refuses the plan");
    let env = TestEnv::with(WEB);
    assert_reported(&to_full_disk(&env, "plan --detailed-exitcode"), 1, "over pending changes");
    for (arguments, status) in [("plan --detailed-exitcode", 2), ("schema manifest", 0), ("--help", 0)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = env.command(PROGRAM).args(arguments.split_whitespace()).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments}: {stderr}");
        assert!(!stderr.contains("error"), "{arguments}: {stderr}");
    }
}

#[test]
fn a_report_that_cannot_be_written_keeps_no_other_from_it() {
    let env = TestEnv::with(WEB);
    env.write("folder/a", "");
    let formats = "--format json=folder --format junit=/dev/full --format html=a.html --format text";
    let ran = env.expect(1, &format!("plan {formats} --out saved.json"));
    assert!(ran.stdout.contains("1 to create"), "{}", ran.text());
    assert!(env.read("a.html").contains("</html>") && env.path("saved.json").exists());
    for name in ["folder", "/dev/full"] {
        assert!(ran.stderr.contains(&format!("error: {name}: ")), "{}", ran.text());
    }
    // The run itself is done; that it is not reported is an error.
    let ran = env.expect(1, "apply --yes --format json=folder --format markdown=a.md");
    assert!(ran.stdout.contains("Applied in "), "{}", ran.text());
    assert!(env.read("a.md").contains("done"));
    env.expect(0, "plan --detailed-exitcode");
    // Partly applied is graver.
    crate::common::cloud::run(
        &env,
        r#"fault {"action": "ModifyImageAttribute", "times": null, "effect": "error", "code": "UnauthorizedOperation", "message": ""}"#,
    );
    env.edit("goldform.yaml", "hardened", "hardened twice");
    env.edit("goldform.yaml", "partner, staging", "partner");
    let ran = env.run("apply --yes --format json=folder --format markdown=a.md");
    assert_eq!(ran.status, 6, "{}", ran.text());
    assert!(env.read("a.md").contains("UnauthorizedOperation"), "{}", env.read("a.md"));
}

/// Progress and messages go to stderr; that it is full is no reason to stop, and no panic.
#[test]
fn a_full_stderr_changes_nothing() {
    let env = TestEnv::with(WEB);
    let output = env
        .command(PROGRAM)
        .args(["apply", "--yes", "--log", "trace"])
        .stderr(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Applied in "));
}
