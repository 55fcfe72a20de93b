//! The real service's way: `provider: tencent`, over HTTP to the sandbox, with keys from the environment.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use goldform::cloud::sim::{Settings, Sim};

use crate::commands::{MANIFEST, transcript};
use crate::common::{PROGRAM, TestEnv};

/// The sandbox on the wire, until it is dropped.
struct Served {
    child: Child,
    endpoint: String,
}

impl Served {
    fn start(env: &TestEnv) -> Self {
        let mut child = env
            .command(PROGRAM)
            .args(["sandbox", "serve", "--listen", "127.0.0.1:0", "--format", "json"])
            .args([
                "--account",
                "100000000001:AKIDone:key-of-one",
                "--account",
                "100000000002:AKIDtwo:key-of-two",
            ])
            .args(["--world", "served.world.db"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut text = String::new();
        let reported: serde_json::Value = loop {
            text.push_str(&lines.next().expect("the server says where it is").unwrap());
            if let Ok(value) = serde_json::from_str(&text) {
                break value;
            }
        };
        let endpoint = reported["endpoint"].as_str().unwrap_or_else(|| panic!("{reported}")).to_owned();
        Self { child, endpoint }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn manifest(served: &Served) -> String {
    format!("{MANIFEST}\ncloud: {{ provider: tencent, endpoint: \"{}\" }}\n", served.endpoint)
}

#[test]
fn a_manifest_is_applied_over_the_wire_and_nothing_is_done_with_anothers_keys() {
    let env =
        TestEnv::new().set("TENCENTCLOUD_SECRET_ID", "AKIDone").set("TENCENTCLOUD_SECRET_KEY", "key-of-one");
    let served = Served::start(&env);
    env.write("goldform.yaml", &manifest(&served));
    env.expect(0, "apply --yes");
    env.expect(0, "plan --refresh --expect-no-changes");
    assert_eq!(env.expect(0, "images --type custom --ids").stdout.lines().count(), 2);
    let state = env.read("goldform.state.json");

    let env = env.set("TENCENTCLOUD_SECRET_ID", "AKIDtwo").set("TENCENTCLOUD_SECRET_KEY", "key-of-two");
    insta::assert_snapshot!(
        "anothers-keys",
        transcript(&env, &["apply --yes", "refresh", "drift", "plan --refresh", "images", "destroy --yes"])
    );
    let env = env.set("TENCENTCLOUD_SECRET_KEY", "mistyped");
    insta::assert_snapshot!("mistyped-key", transcript(&env, &["refresh"]));
    assert_eq!(env.read("goldform.state.json"), state, "nothing was recorded of another account");
}

#[test]
fn without_keys_it_is_said_where_they_were_looked_for() {
    let env = TestEnv::new();
    env.write("goldform.yaml", &format!("{MANIFEST}\ncloud: {{ provider: tencent, profile: work }}\n"));
    env.expect(0, "validate");
    env.expect(0, "plan");
    insta::assert_snapshot!(env.run("refresh").text().replace(&env.path("").display().to_string(), "~/"));
}

#[test]
fn limits_of_a_world_that_the_manifest_does_not_name_stay() {
    let env = TestEnv::with(MANIFEST);
    env.write(
        "seed.yaml",
        "settings: { images_per_region: 1, accounts_per_image: 3, images_in: { ap-tokyo: 0 } }\n",
    );
    env.expect(0, "sandbox seed seed.yaml");
    let full = env.run("apply --yes");
    assert!(full.text().contains("image_quota_exceeded"), "{}", full.text());
    // One that it names is the world's from then on, and the other one stays.
    env.write(
        "goldform.yaml",
        &format!("{MANIFEST}\ncloud: {{ sandbox: {{ quotas: {{ images_per_region: 2 }} }} }}\n"),
    );
    env.expect(0, "apply --yes");
    let settings =
        Sim::open(&env.path("goldform.world.db"), Settings::default()).unwrap().settings().unwrap();
    assert_eq!((settings.images_per_region, settings.accounts_per_image), (2, 3));
    assert_eq!(settings.images_in.len(), 0);
}

/// The text of a state without the place that it describes.
fn without_place(state: &str) -> String {
    let mut state: serde_json::Value = serde_json::from_str(state).unwrap();
    assert!(state.as_object_mut().unwrap().remove("place").is_some(), "{state:#}");
    sealed(&state)
}

/// The text of a state that was edited, with the digest of it.
fn sealed(state: &serde_json::Value) -> String {
    goldform::state::Snapshot::from_edited(state.to_string().as_bytes()).unwrap().to_text().unwrap()
}

/// The text of a state without its images.
fn emptied(state: &str) -> String {
    let mut state: serde_json::Value = serde_json::from_str(state).unwrap();
    state["recorded"]["images"] = serde_json::json!({});
    sealed(&state)
}

#[test]
fn a_state_is_not_used_for_another_place_than_its_own() {
    let env =
        TestEnv::new().set("TENCENTCLOUD_SECRET_ID", "AKIDone").set("TENCENTCLOUD_SECRET_KEY", "key-of-one");
    let served = Served::start(&env);
    env.write("goldform.yaml", &manifest(&served));
    env.expect(0, "apply --yes");
    env.expect(0, "plan --refresh --out saved.plan");
    let state = env.read("goldform.state.json");
    assert!(state.contains(&format!("\"endpoint\": \"{}\"", served.endpoint)), "{state}");

    let schema = jsonschema::validator_for(&env.expect(0, "schema state").json()).unwrap();
    assert!(schema.is_valid(&serde_json::from_str(&state).unwrap()), "{state}");

    // Nobody answers there: a call would be an error of its own.
    let elsewhere =
        MANIFEST.to_owned() + "\ncloud: { provider: tencent, endpoint: \"http://127.0.0.1:9\" }\n";
    env.write("goldform.yaml", &elsewhere);
    for command in [
        "apply --yes",
        "apply --yes --no-refresh",
        "destroy --yes",
        "refresh",
        "drift",
        "plan",
        "plan --refresh",
        "import --all",
        "images",
        "output",
        "state mv image.web image.other",
    ] {
        let ran = env.expect(1, command);
        assert!(
            ran.stderr.contains("the state describes the images at endpoint"),
            "{command}: {}",
            ran.text()
        );
        assert!(ran.stderr.contains("the manifest names endpoint http://127.0.0.1:9"), "{}", ran.text());
        assert_eq!(env.read("goldform.state.json"), state, "{command}");
    }
    env.write("goldform.yaml", &(MANIFEST.to_owned() + "\ncloud: { provider: tencent }\n"));
    assert!(env.expect(1, "plan").stderr.contains("the manifest names site international"));

    // Without images there is nothing to lose.
    let empty = TestEnv::with(&elsewhere);
    empty.write("goldform.state.json", &emptied(&state));
    empty.expect(0, "plan");

    // The help: the same images at a new address.
    let moved = Served::start(&env);
    env.write("goldform.yaml", &manifest(&moved));
    env.expect(1, "refresh");
    assert_eq!(env.shell("goldform state pull > pulled.json").1, 0);
    env.write("pulled.json", &without_place(&env.read("pulled.json")));
    env.expect(0, "state push --edited pulled.json");
    env.expect(0, "plan --refresh --expect-no-changes");
    env.expect(0, "refresh");
    assert!(env.read("goldform.state.json").contains(&moved.endpoint));
    let stale = env.expect(5, "apply saved.plan --yes");
    assert!(stale.stderr.contains("it is for endpoint http://"), "{}", stale.text());
    assert!(stale.stderr.contains("the state describes the images at endpoint"), "{}", stale.text());
}

#[test]
fn a_state_of_before_places_is_read_and_gets_its_place() {
    let env =
        TestEnv::new().set("TENCENTCLOUD_SECRET_ID", "AKIDone").set("TENCENTCLOUD_SECRET_KEY", "key-of-one");
    let served = Served::start(&env);
    env.write("goldform.yaml", &manifest(&served));
    for command in ["refresh", "apply --yes"] {
        env.expect(0, "apply --yes");
        env.write("goldform.state.json", &without_place(&env.read("goldform.state.json")));
        env.expect(0, "plan --refresh --expect-no-changes");
        env.expect(0, command);
        assert!(env.read("goldform.state.json").contains(&served.endpoint), "{command}");
    }
}

/// The state's disk is full after the first steps: a file may not grow beyond a limit, and the world is another process's.
#[cfg(unix)]
#[test]
fn a_run_whose_state_cannot_be_saved_is_reported_and_goes_on_later() {
    let env =
        TestEnv::new().set("TENCENTCLOUD_SECRET_ID", "AKIDone").set("TENCENTCLOUD_SECRET_KEY", "key-of-one");
    let served = Served::start(&env);
    env.write("goldform.yaml", &manifest(&served));
    env.expect(0, "refresh --quiet");
    let script =
        "trap '' XFSZ; ulimit -f 4; exec goldform apply --yes --format json --format junit=/dev/stderr";
    let output = env.command("sh").args(["-c", script]).output().unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{report}");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let unsaved = outcome["unsaved"].as_str().unwrap_or_else(|| panic!("{outcome:#}"));
    assert!(unsaved.contains("goldform.state.json.journal names each call"), "{unsaved}");
    assert!(unsaved.ends_with("apply again") && outcome["complete"] == false, "{outcome:#}");
    let steps = outcome["steps"].as_array().unwrap();
    let done = steps.iter().filter(|step| step["outcome"] == "done" || step["outcome"] == "pending").count();
    assert!(done > 0 && done < steps.len(), "{outcome:#}");
    assert!(report.contains("<testsuites") && report.contains("state_unsaved"), "{report}");
    assert!(report.contains("error: ") && report.contains("apply again"), "{report}");
    assert!(!report.contains("panic"), "{report}");

    env.expect(0, "apply --yes");
    env.expect(0, "plan --refresh --expect-no-changes");
    assert_eq!(env.expect(0, "images --type custom --ids").stdout.lines().count(), 2);
}
