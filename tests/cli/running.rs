//! What other commands say while a run is under way.

use std::process::Stdio;
use std::time::{Duration, Instant};

use goldform::cloud::sim::{Settings, Tasks};

use crate::cli::WEB;
use crate::common::{PROGRAM, TestEnv, cloud};

/// Starts an apply whose image is never ready, and returns it when the service has accepted the image.
fn applying(env: &TestEnv) -> std::process::Child {
    cloud::open(env).set_settings(Settings { tasks: Tasks::Hang, ..Settings::default() }).unwrap();
    let mut command = env.command(PROGRAM);
    let child = command.args(["apply", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while !std::fs::read_to_string(env.path("goldform.state.json.journal"))
        .is_ok_and(|text| text.contains("accepted"))
    {
        assert!(since.elapsed() < Duration::from_secs(20), "nothing was accepted");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn nothing_is_said_to_be_cut_off_or_recovered_while_a_run_is_under_way() {
    let env = TestEnv::with(WEB);
    let mut child = applying(&env);
    for command in ["plan", "plan --refresh", "drift", "show", "history"] {
        let ran = env.run(command);
        let text = ran.text();
        for wrong in ["cut off", "recovered", "resolves them"] {
            assert!(!text.contains(wrong), "{text}");
        }
        let is_said = ["`goldform apply`", "under way", "running"].iter().any(|word| text.contains(word));
        assert!(is_said, "{text}");
    }
    // A command that waits for the lock says for whom.
    let ran = env.expect(4, "refresh --lock-timeout 1s");
    assert!(
        ran.stderr.starts_with("Waiting for the lock of ") && ran.stderr.contains("`goldform apply`"),
        "{}",
        ran.text()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    // Nothing holds the lock: the run was cut off.
    assert!(env.expect(0, "history").stdout.contains("cut off"));
    assert!(env.expect(0, "refresh").stderr.contains("recovered: `create image.web@ap-jakarta#1`"));
}
