//! The whole program over the wire: what it does with `provider: tencent` at a served world is what it does with one in
//! its own process, and each failure on the way is reported with what to do.

use std::sync::Arc;

use goldform::cloud::SystemClock;
use goldform::cloud::sim::http::{ApiService, Key, Server};
use goldform::cloud::sim::{Fault, FaultEffect, Sim};
use goldform::model::Clock;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use crate::common::{TestEnv, cloud};
use crate::wire::relay::Relay;

pub const KEY: &str = "planted-secret-key-5dK1x";

/// A folder whose world is served by this process.
pub struct Folder {
    pub env: TestEnv,
    pub sim: Arc<Sim>,
    /// Of the served world.
    pub host: String,
    _runtime: tokio::runtime::Runtime,
}

/// A clock that is wrong.
struct Off(SignedDuration);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}

impl Folder {
    pub fn new() -> Self {
        Self::at(Arc::new(SystemClock))
    }

    /// With the manifest, and with the variable that it needs.
    fn signed() -> Self {
        let Self { env, sim, host, _runtime } = Self::new();
        let folder = Self { env: env.set("GOLDFORM_VAR_signature", "q-sign=1"), sim, host, _runtime };
        folder.manifest(MANIFEST, &folder.host);
        folder
    }

    fn at(clock: Arc<dyn Clock>) -> Self {
        let env =
            TestEnv::quick().set("TENCENTCLOUD_SECRET_ID", "AKIDone").set("TENCENTCLOUD_SECRET_KEY", KEY);
        let sim = cloud::open(&env);
        let keys = [format!("100000000001:AKIDone:{KEY}"), "100000000002:AKIDtwo:key-of-two".to_owned()];
        let keys = keys.iter().map(|key| key.parse::<Key>().unwrap()).collect();
        let face = ApiService::new(sim.as_ref().clone(), keys, clock);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(Server::bind("127.0.0.1:0".parse().unwrap(), face)).unwrap();
        let host = server.address().to_string();
        runtime.spawn(server.run(std::future::pending()));
        Self { env, sim, host, _runtime: runtime }
    }

    pub fn manifest(&self, text: &str, host: &str) {
        let cloud = format!("cloud: {{ provider: tencent, endpoint: \"http://{host}\" }}\n");
        self.env.write("goldform.yaml", &format!("{text}{cloud}"));
    }

    pub fn fault(&self, action: &str, effect: FaultEffect) {
        self.fault_from(action, 1, effect);
    }

    fn fault_from(&self, action: &str, from_call: u32, effect: FaultEffect) {
        let action = action.to_owned();
        let fault = Fault { action, region: None, caller: None, from_call, times: Some(1), effect };
        self.sim.add_fault(&fault).unwrap();
    }
}

pub const MANIFEST: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001", staging: "200000000002" }
variables: { signature: { sensitive: true } }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    description: Ubuntu with nginx
    tags: { team: platform }
    source: { revision: "1", instance: { id: ins-8f3a1c2d } }
    copies: [ap-singapore, ap-tokyo]
  disk:
    region: ap-jakarta
    name: disk
    source:
      import: { url: "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2", query: "${signature}", os: Ubuntu, version: "22", architecture: arm }
shares:
  - { image: web, with: [partner, staging] }
  - { image: disk, with: [partner] }
"#;

/// Everything that the story prints, and the state after each part of it.
fn story(env: &TestEnv) -> String {
    let mut reported = String::new();
    let mut run = |line: &str| {
        let text = env.run(line).text();
        // `images` lists by creation time, in whole seconds. Images of the same second have no order of their own.
        let mut lines: Vec<&str> = text.lines().collect();
        if line.starts_with("images") {
            lines.sort_unstable();
        }
        reported.extend(lines.iter().flat_map(|line| [line, "\n"]));
        if let Ok(state) = std::fs::read_to_string(env.path("goldform.state.json")) {
            reported.push_str(&env.filter(&state));
        }
    };
    run("plan");
    run("apply --yes --preflight");
    run("apply --yes --expect-no-changes");
    cloud::run(env, "describe web-1 ap-jakarta by hand");
    cloud::run(env, "unshare web-1 ap-singapore 200000000001");
    cloud::run(env, "share disk ap-jakarta 900000000009");
    cloud::run(env, "delete web-1 ap-tokyo");
    run("drift");
    run("refresh");
    run("apply --yes");
    run("plan --refresh --expect-no-changes");
    env.edit("goldform.yaml", "revision: \"1\"", "revision: \"2\"");
    run("apply --yes --preflight");
    run("images --type custom");
    run("output");
    run("destroy --yes");
    run("images --type custom");
    reported
}

#[test]
fn a_story_is_the_same_over_the_wire_and_in_process() {
    let here = TestEnv::with(MANIFEST).set("GOLDFORM_VAR_signature", "q-sign=1");
    let there = Folder::new();
    there.manifest(MANIFEST, &there.host);
    let away = there.env.set("GOLDFORM_VAR_signature", "q-sign=1");
    let (here, away) = std::thread::scope(|scope| {
        let here = scope.spawn(|| story(&here));
        let away = scope.spawn(|| story(&away));
        (here.join().unwrap(), away.join().unwrap())
    });
    // What differs is where it was and when: the provider and its place, and checksums of what holds it.
    let plain = |text: &str| {
        let provider = Regex::new(r#""provider": "(sandbox|tencent)""#).unwrap();
        let place = Regex::new(r#"(?m)^ *"place": \{\n.*\n *\},\n"#).unwrap();
        let checksum = Regex::new(r#""(checksum|digest)": "[^"]*""#).unwrap();
        let text = provider.replace_all(text, "\"provider\": \"…\"").into_owned();
        let text = place.replace_all(&text, "");
        let head = Regex::new("(?m)^Account .*\n").unwrap();
        let text = head.replace_all(&text, "");
        checksum.replace_all(&text, "\"$1\": \"…\"").into_owned()
    };
    let (here, away) = (plain(&here), plain(&away));
    assert!(here.contains("--- exit 0") && here.contains("Applied in "), "{here}");
    assert!(here.contains("--- exit 2"), "drift was found: {here}");
    let difference = similar::TextDiff::from_lines(&here, &away);
    assert_eq!(difference.unified_diff().context_radius(3).to_string(), "");
}

fn shown(name: &str, env: &TestEnv, line: &str) {
    let mut text = env.run(line).text();
    for (what, with) in [(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"), (r"\b\d{10}\b", "[seconds]")] {
        text = Regex::new(what).unwrap().replace_all(&text, with).into_owned();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn what_is_wrong_with_a_call_is_reported_with_what_to_do() {
    let folder = Folder::new();
    folder.manifest(MANIFEST, &folder.host);
    let Folder { env, sim, host, _runtime } = folder;
    let env = env.set("GOLDFORM_VAR_signature", "q-sign=1");
    let env = env.set("TENCENTCLOUD_SECRET_KEY", "mistyped");
    shown("wrong-key", &env, "apply --yes");
    let env = env.set("TENCENTCLOUD_SECRET_ID", "AKIDtwo").set("TENCENTCLOUD_SECRET_KEY", "key-of-two");
    shown("anothers-key", &env, "apply --yes");
    let env = env.set("TENCENTCLOUD_SECRET_ID", "AKIDnobody");
    shown("unknown-key", &env, "apply --yes");
    let folder = Folder {
        env: env.set("TENCENTCLOUD_SECRET_ID", "AKIDone").set("TENCENTCLOUD_SECRET_KEY", KEY),
        sim,
        host,
        _runtime,
    };

    let relay = Relay::to(&folder.host, Some(("Ubuntu with nginx", "Ubuntu with njinx")));
    folder.manifest(MANIFEST, &relay.host);
    shown("changed-on-the-way", &folder.env, "apply --yes");
    assert!(folder.sim.images().unwrap().iter().all(|image| !image.name.starts_with("web")));

    // A state of its own: the one so far describes another place.
    folder.manifest(&format!("{MANIFEST}state: other.state.json\n"), "127.0.0.1:9");
    shown("nobody-there", &folder.env, "refresh");

    let late = Folder::at(Arc::new(Off(SignedDuration::from_hours(1))));
    late.manifest(MANIFEST, &late.host);
    let env = late.env.set("GOLDFORM_VAR_signature", "q-sign=1");
    shown("wrong-clock", &env, "apply --yes");
    assert!(late.sim.images().unwrap().is_empty());
}

#[test]
fn every_refusal_shows_the_services_id_of_the_request() {
    let refused = |folder: &Folder, action: &str, line: &str| {
        folder
            .fault(action, FaultEffect::Error { code: "UnauthorizedOperation".into(), message: "no".into() });
        let ran = folder.env.run(line);
        // Lines that were wrapped are one.
        let reported = format!("{}{}", ran.stdout, ran.stderr).replace("\n  ", " ");
        let mut lines = reported.lines().filter(|line| line.contains(&format!("{action} in ap-")));
        assert!(lines.any(|line| line.contains("request [id]")), "{action}: {}", ran.text());
        folder.sim.clear_faults().unwrap();
    };
    for action in [
        "GetCallerIdentity",
        "DescribeImages",
        "DescribeImageQuota",
        "CreateImage",
        "ImportImage",
        "SyncImages",
        "ModifyImageSharePermission",
    ] {
        refused(&Folder::signed(), action, "apply --yes");
    }
    let folder = Folder::signed();
    folder.env.expect(0, "apply --yes");
    refused(&folder, "DescribeImageSharePermission", "refresh");
    folder.env.edit("goldform.yaml", "team: platform", "team: other");
    refused(&folder, "ModifyResourceTags", "apply --yes");
    folder.env.edit("goldform.yaml", "with nginx", "with nginx 2");
    refused(&folder, "ModifyImageAttribute", "apply --yes");
    refused(&folder, "DeleteImages", "destroy --yes");
}

/// A sample: every fault, with a few calls each. What a fault does to any call is tried in process, where it costs no
/// time.
#[test]
fn a_fault_on_the_wire_is_survived() {
    let error = FaultEffect::Error { code: "UnauthorizedOperation".to_owned(), message: String::new() };
    let effects = [
        FaultEffect::Throttle,
        error,
        FaultEffect::LostBefore,
        FaultEffect::LostAfter,
        FaultEffect::Garbage { text: "<html>502</html>".to_owned() },
        FaultEffect::Slow { by: SignedDuration::from_millis(700) },
    ];
    let should = {
        let folder = Folder::signed();
        folder.env.expect(0, "apply --yes");
        cloud::list(&folder.sim)
    };
    assert_eq!(should.lines().count(), 4);
    std::thread::scope(|scope| {
        for (kind, effect) in effects.into_iter().enumerate() {
            let should = &should;
            scope.spawn(move || {
                for call in [1, 7, 9, 12, 15].map(|call| call + u32::try_from(kind % 3).unwrap()) {
                    let folder = Folder::signed();
                    folder.fault_from("*", call, effect.clone());
                    let env = &folder.env;
                    let first = env.run("apply --yes");
                    assert!([0, 1, 6].contains(&first.status), "{effect:?} {call}: {}", first.text());
                    let second = env.run("apply --yes");
                    assert_eq!(second.status, 0, "{effect:?} {call}: {}{}", first.text(), second.text());
                    assert_eq!(&cloud::list(&folder.sim), should, "{effect:?} with call {call}");
                    env.expect(0, "plan --refresh --expect-no-changes");
                }
            });
        }
    });
}
