//! The schemas of what goldform writes, held against real documents: of the examples, and of a story with every kind of
//! change. Those of events are held against events in `events.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::WEB;
use crate::common::{PROGRAM, TestEnv, blesses, cloud, repository};

pub(super) fn schema_text(of: &str) -> Value {
    TestEnv::new().expect(0, &format!("schema {of}")).json()
}

pub(super) fn schema(of: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&schema_text(of)).unwrap()
}

#[track_caller]
pub(super) fn assert_matches(schema: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<String> =
        schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {}\n{value:#}", errors.join("\n"));
}

/// Regenerate with `INSTA_UPDATE=always cargo test --test it cli::schemas`.
#[test]
fn each_schema_is_published_and_has_an_id() {
    let env = TestEnv::new();
    for (of, version) in [
        ("manifest", 1),
        ("plan", 1),
        ("state", 2),
        ("outcome", 1),
        ("output", 1),
        ("events", 1),
        ("documents", 1),
    ] {
        let printed = env.expect(0, &format!("schema {of}"));
        assert_eq!(printed.json()["$id"], format!("urn:goldform:schema:{of}:{version}"));
        let path = repository().join(format!("schemas/{of}.schema.json"));
        // As it is printed: elsewhere in the tests, ids of images are replaced.
        let text = env.command(PROGRAM).args(["schema", of]).output().unwrap().stdout;
        if blesses() {
            std::fs::write(&path, &text).unwrap();
        }
        let published = std::fs::read(&path).unwrap_or_default();
        assert!(published == text, "{} is stale", path.display());
    }
}

/// Results of an apply: complete, partly failed, pending, of an unknown outcome, and one that could not be saved.
#[test]
fn results_of_an_apply_match() {
    let schema = schema("outcome");
    let check = |env: &TestEnv, status: i32, outcome: &str| {
        let ran = env.expect(status, "apply --yes --settle-timeout 1s --format json --quiet");
        let value = ran.json();
        assert_matches(&schema, &value, outcome);
        let steps = value["steps"].as_array().unwrap().iter();
        assert!(steps.clone().any(|step| step["outcome"] == outcome), "{outcome}: {value:#}");
        value
    };
    let env = TestEnv::with(WEB);
    cloud::run(
        &env,
        r#"fault {"action": "SyncImages", "effect": "error", "code": "UnsupportedOperation", "message": "no"}"#,
    );
    let value = check(&env, 6, "failed");
    check(&TestEnv::with(WEB), 0, "done");
    let env = TestEnv::with(WEB);
    cloud::run(&env, r#"fault {"action": "SyncImages", "effect": "hang"}"#);
    check(&env, 6, "pending");
    let env = TestEnv::with(WEB);
    cloud::run(&env, r#"fault {"action": "CreateImage", "effect": "lost_before", "times": 100}"#);
    check(&env, 6, "unknown");
    // Every key of the result has been seen, and each is described.
    let described = schema_text("outcome");
    for key in value.as_object().unwrap().keys() {
        assert!(described["properties"].get(key).is_some(), "`{key}` is not described");
    }
    for (list, definition) in [("images", "ImageDocument"), ("missing", "MissingDocument")] {
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let properties = &described["definitions"][definition]["properties"];
        assert_eq!(keys(&value[list][0]), keys(properties), "{list}");
    }
    // A schema that everything matches would be none.
    for (pointer, with) in [
        ("/format_version", json!("2.0")),
        ("/complete", json!("no")),
        ("/duration_s", json!("2 s")),
        ("/steps/0/outcome", json!("fine")),
        ("/steps/0/step", json!(1)),
        ("/images/0/id", json!("web")),
        ("/missing/0/accounts", json!("partner")),
        ("/next/0", json!({})),
    ] {
        let mut bad = value.clone();
        *bad.pointer_mut(pointer).unwrap() = with;
        assert!(!schema.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn outputs_match() {
    let schema = schema("output");
    let env = TestEnv::with(&format!(
        "{WEB}lookups: {{ ubuntu: {{ region: ap-jakarta, type: public, newest: true }} }}\n"
    ));
    let output = |arguments: &str| -> Value {
        let mut command = env.command(PROGRAM);
        let words = arguments.split_whitespace();
        serde_json::from_slice(&command.arg("output").args(words).output().unwrap().stdout).unwrap()
    };
    assert_matches(&schema, &output("--format json --for partner"), "nothing serves");
    env.expect(0, "apply --yes --quiet");
    let value = output("--format json");
    assert_matches(&schema, &value, "all serve");
    assert_eq!(
        (value["images"].as_array().unwrap().len(), value["lookups"].as_array().unwrap().len()),
        (2, 1)
    );
    let mut bad = value;
    bad["images"][0]["id"] = json!("web");
    assert!(!schema.is_valid(&bad));
}

struct Schemas {
    plan: jsonschema::Validator,
    state: jsonschema::Validator,
}

impl Schemas {
    fn new() -> Self {
        Self { plan: schema("plan"), state: schema("state") }
    }

    /// The plan that this command prints, which matches.
    fn plan(&self, env: &TestEnv, arguments: &str) -> Value {
        let command: Vec<&str> =
            arguments.split_whitespace().chain(["--quiet", "--format", "json"]).collect();
        let output = env.command(PROGRAM).args(&command).output().unwrap();
        let value = serde_json::from_slice(&output.stdout).unwrap();
        assert_matches(&self.plan, &value, arguments);
        value
    }

    fn state(&self, env: &TestEnv, path: &str) {
        assert_matches(&self.state, &serde_json::from_str(&env.read(path)).unwrap(), path);
    }
}

#[test]
fn plans_and_states_of_the_examples_match() {
    let schemas = Schemas::new();
    for name in ["quickstart", "imports", "one-image", "shared-in", "weekly"] {
        let env = TestEnv::with_examples().set("GOLDFORM_VAR_signature", "a=b");
        let file = format!("-f examples/{name}.yaml");
        schemas.plan(&env, &format!("plan --refresh {file}"));
        env.expect(0, &format!("apply --yes {file}"));
        schemas.plan(&env, &format!("plan {file}"));
        schemas.plan(&env, &format!("plan --destroy {file}"));
        let states = std::fs::read_dir(env.path("examples")).unwrap().map(|entry| entry.unwrap().file_name());
        let states: Vec<String> = states.map(|name| name.to_string_lossy().into_owned()).collect();
        let states: Vec<&String> = states.iter().filter(|name| name.ends_with(".state.json")).collect();
        assert_eq!(states.len(), 1, "{states:?}");
        schemas.state(&env, &format!("examples/{}", states[0]));
    }
}

fn actions(plan: &Value) -> Vec<(String, Value)> {
    let resources = plan["resource_changes"].as_array().unwrap().iter();
    resources
        .map(|one| (one["address"].as_str().unwrap().to_owned(), one["change"]["actions"].clone()))
        .collect()
}

fn expected(resources: &[(&str, &[&str])]) -> Vec<(String, Value)> {
    resources
        .iter()
        .map(|(index, actions)| (format!("goldform_image.web[\"{index}\"]"), json!(actions)))
        .collect()
}

#[test]
fn resources_have_the_actions_that_terraform_gives_them() {
    let schemas = Schemas::new();
    let env = TestEnv::with(WEB);
    let plan = schemas.plan(&env, "plan");
    assert_eq!(actions(&plan), expected(&[("ap-jakarta", &["create"]), ("ap-singapore", &["create"])]));
    assert_eq!(
        plan["resource_changes"][0]["change"]["after"]["shared_with"],
        json!(["200000000001", "200000000002"])
    );
    env.expect(0, "apply --yes --quiet");
    schemas.state(&env, "goldform.state.json");
    assert_eq!(
        actions(&schemas.plan(&env, "plan")),
        expected(&[("ap-jakarta", &["no-op"]), ("ap-singapore", &["no-op"])])
    );
    assert_eq!(
        actions(&schemas.plan(&env, "plan --destroy")),
        expected(&[("ap-jakarta", &["delete"]), ("ap-singapore", &["delete"])])
    );
    // A region is removed, the other changes.
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    env.edit("goldform.yaml", "copies: [ap-singapore]", "copies: [ap-tokyo]");
    assert_eq!(
        actions(&schemas.plan(&env, "plan")),
        expected(&[("ap-jakarta", &["update"]), ("ap-singapore", &["delete"]), ("ap-tokyo", &["create"])])
    );
    // A new build, with the one before deleted, and then kept.
    let second = WEB.replace(r#"revision: "1""#, r#"revision: "2""#);
    env.write("goldform.yaml", &second.replace("    tags:", "    keep: 0\n    tags:"));
    let replaced = schemas.plan(&env, "plan");
    assert_eq!(
        actions(&replaced),
        expected(&[("ap-jakarta", &["create", "delete"]), ("ap-singapore", &["create", "delete"])])
    );
    assert_eq!(replaced["resource_changes"][0]["change"]["before"]["generation"], 1);
    assert_eq!(replaced["resource_changes"][0]["change"]["after"]["generation"], 2);
    env.edit("goldform.yaml", "    tags:", "    replace: delete-first\n    tags:");
    assert_eq!(
        actions(&schemas.plan(&env, "plan --allow share_gap")),
        expected(&[("ap-jakarta", &["delete", "create"]), ("ap-singapore", &["delete", "create"])])
    );
    env.write("goldform.yaml", &second);
    let kept = actions(&schemas.plan(&env, "plan"));
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!(kept.contains(&("goldform_image.web[\"ap-jakarta\"]".to_owned(), json!(["create"]))), "{kept:?}");
    // A state with an open intent, a plan of drift, and a refused plan.
    cloud::run(&env, r#"fault {"action": "SyncImages", "effect": "lost_after"}"#);
    env.run("apply --yes --quiet");
    schemas.state(&env, "goldform.state.json");
    cloud::run(&env, "delete web-2 ap-jakarta");
    let refreshed = schemas.plan(&env, "plan --refresh");
    env.write("reviewed.json", &refreshed.to_string());
    env.edit("goldform.yaml", "team: platform", "team: images");
    let unexpected = schemas.plan(&env, "plan --expect reviewed.json");
    let of: Vec<&str> = unexpected["expected"]["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["of"].as_str().unwrap())
        .collect();
    assert!(of.contains(&"step"), "{of:?}");
    assert!(
        schemas.plan(&env, "plan --expect 00000000000000000000000000000000")["expected"]
            .get("differences")
            .is_none()
    );
    env.edit("goldform.yaml", "copies: [ap-singapore]", "copies: [ap-nowhere]");
    assert!(!schemas.plan(&env, "plan")["diagnostics"].as_array().unwrap().is_empty());
    env.edit("goldform.yaml", "tags:", "tgas:");
    assert_eq!(schemas.plan(&env, "plan")["valid"], false);
}

#[test]
fn a_plan_that_returns_to_an_earlier_generation_matches() {
    let schemas = Schemas::new();
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", r#"revision: "2""#, r#"revision: "1""#);
    assert_eq!(schemas.plan(&env, "plan")["changes"][0]["action"], "return");
}

/// A schema that everything matches would be none.
#[test]
fn what_is_no_plan_and_no_state_does_not_match() {
    let schemas = Schemas::new();
    let env = TestEnv::with(WEB);
    let plan = schemas.plan(&env, "plan");
    for (pointer, value) in [
        ("/format_version", json!("2.0")),
        ("/summary/create", json!("1")),
        ("/resource_changes/0/change/actions", json!(["replace"])),
        ("/resource_changes/0/type", json!("tencentcloud_image")),
        ("/changes/0/placements/0/at", json!("web")),
        ("/extra", json!(1)),
    ] {
        let mut bad = plan.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = value;
        assert!(!schemas.plan.is_valid(&bad), "{pointer}");
    }
    env.expect(0, "apply --yes --quiet");
    let state: Value = serde_json::from_str(&env.read("goldform.state.json")).unwrap();
    for (pointer, value) in [
        ("/format", json!(1)),
        ("/digest", json!("sha256:0")),
        ("/recorded/images/web/current", json!("1")),
        ("/recorded/images/web/generations/1/placements/ap-jakarta/state", json!("normal")),
        ("/recorded/extra", json!(1)),
    ] {
        let mut bad = state.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = value;
        assert!(!schemas.state.is_valid(&bad), "{pointer}");
    }
}
