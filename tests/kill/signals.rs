//! The signals that build servers send to a job that is cancelled: a request to stop, time, a second one, time, and the
//! end. After each sequence the state is usable, the lock is free, and the next apply makes what is missing and nothing
//! twice.

use std::process::Child;
use std::time::Instant;

use goldform::cloud::sim::{Fault, FaultEffect};
use jiff::SignedDuration;

use super::*;

/// What a runner does to a job, one after the other.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Sends a signal.
    Send(&'static str),
    /// Waits until the process has ended, or this time has passed.
    Wait(Duration),
}

use Act::{Send, Wait};

/// Time that a runner gives a job to stop by itself. `GOLDFORM_SIGNALS=real` waits as long as the runner of GitHub does.
fn patience() -> Duration {
    let is_real = std::env::var("GOLDFORM_SIGNALS").is_ok_and(|value| value == "real");
    Duration::from_millis(if is_real { 7_500 } else { 1_500 })
}

/// The time between the second signal and the end on the runner of GitHub. It is never shortened.
const LAST_TIME: Duration = Duration::from_millis(2_500);

fn fault(action: &str, effect: FaultEffect) -> Fault {
    Fault { action: action.to_owned(), region: None, caller: None, from_call: 2, times: Some(2), effect }
}

/// Runs the acts on a process. Returns its exit status, `None` if a signal killed it, and the time since the last act
/// but waiting.
fn play(child: &mut Child, acts: &[Act]) -> (Option<i32>, Duration) {
    let mut last = Instant::now();
    for act in acts {
        match act {
            Send(signal) => {
                let sent = Command::new("kill").args([*signal, &child.id().to_string()]).status().unwrap();
                assert!(sent.success(), "it has ended before {signal}");
                last = Instant::now();
            }
            Wait(time) => {
                let begun = Instant::now();
                while begun.elapsed() < *time {
                    if let Some(status) = child.try_wait().unwrap() {
                        return (status.code(), last.elapsed());
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
    (child.wait().unwrap().code(), last.elapsed())
}

/// Cancels an apply in the middle of its work, and applies once more.
fn cancelled(what: &str, fault: &Fault, acts: &[Act], expected: Option<i32>) {
    let place = Place::new();
    place.sim.add_fault(fault).unwrap();
    let mut apply = place.command(&["apply", "--yes"]);
    let mut child = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // It is in the middle of its work: the call that the fault is for has come.
    while place.sim.faults().unwrap()[0].1 < fault.from_call {
        assert!(child.try_wait().unwrap().is_none(), "{what}: it has ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (status, took) = play(&mut child, acts);
    let what = format!("{what}, {acts:?}: exit {status:?} after {took:?}");
    println!("{what}");
    assert_eq!(status, expected, "{what}");
    if expected.is_some() {
        assert!(took < LAST_TIME, "{what}");
    }

    // The lock is free and the state can be read, by commands that wait for nothing.
    assert_status(&place.run(&["state", "list"]), 0, &what);
    assert_status(&place.run(&["refresh", "--lock-timeout", "0s"]), 0, &what);
    assert_status(&place.run(&["apply", "--yes"]), 0, &what);
    place.holds_exactly_what_is_wanted();
    assert_status(&place.run(&["plan", "--refresh", "--detailed-exitcode"]), 0, &what);
}

#[test]
fn cancelled_as_build_servers_do_it_the_next_apply_makes_what_is_missing_and_nothing_twice() {
    let slow = || fault("CreateImage", FaultEffect::Slow { by: SignedDuration::from_secs(20) });
    let slow_copy = || fault("SyncImages", FaultEffect::Slow { by: SignedDuration::from_secs(20) });
    let settling = || fault("CreateImage", FaultEffect::Settle { after: SignedDuration::from_secs(12) });
    let first = patience();
    std::thread::scope(|scope| {
        // GitHub: an interrupt, 7.5 s, a termination, 2.5 s, the end. The end is never needed.
        let github = move || [Send("-INT"), Wait(first), Send("-TERM"), Wait(LAST_TIME), Send("-KILL")];
        scope.spawn(move || cancelled("a slow answer", &slow(), &github(), Some(143)));
        scope.spawn(move || cancelled("a slow copy", &slow_copy(), &github(), Some(143)));
        scope.spawn(move || cancelled("an image that takes long", &settling(), &github(), Some(143)));
        // A person who presses Ctrl-C twice.
        let twice = move || [Send("-INT"), Wait(first), Send("-INT"), Wait(LAST_TIME), Send("-KILL")];
        scope.spawn(move || cancelled("an image that takes long", &settling(), &twice(), Some(130)));
        // GitLab and containers: a termination, time, the end. What takes longer than that is killed.
        let container = move || [Send("-TERM"), Wait(first), Send("-KILL")];
        scope.spawn(move || cancelled("a slow answer", &slow(), &container(), None));
    });
}
