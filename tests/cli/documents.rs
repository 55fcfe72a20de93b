//! What commands print with `--format json`, held against `schemas/documents.schema.json`: every command is run, every
//! key that it prints is described, and every key that is described is printed by one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use clap::CommandFactory as _;
use goldform::cli::args::Cli;
use serde_json::{Value, json};

use super::full::leaves;
use super::schemas::{assert_matches, schema_text};
use crate::cli::WEB;
use crate::common::{PROGRAM, TestEnv, cloud};

/// Commands that print no document of this schema, and what they print instead.
const OTHERS: &[(&str, &str)] = &[
    ("init", "nothing"),
    ("plan", "a plan"),
    ("apply", "an outcome or a plan"),
    ("destroy", "an outcome or a plan"),
    ("set", "an outcome or a plan"),
    ("rollback", "an outcome or a plan"),
    ("graph", "a drawing"),
    ("show", "a state or a plan"),
    ("output", "an output"),
    ("state pull", "a state"),
    ("schema", "a schema"),
    ("completions", "a script"),
    ("man", "a page"),
    ("sandbox seed", "nothing"),
    ("sandbox faults remove", "nothing"),
    ("sandbox faults clear", "nothing"),
    ("sandbox reset", "nothing"),
    ("state lock", "of a shared state only, which `.ci/outside/storage` has"),
];

/// Definitions that only a shared state needs: a local one is locked for as long as a process lives.
const SHARED_ONLY: &[&str] = &["state_locked", "holder"];

struct Documents {
    schema: Value,
    commands: BTreeSet<String>,
    kinds: BTreeSet<String>,
    keys: BTreeSet<String>,
}

/// Refuses keys that are not described.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            keys.values_mut().for_each(close);
            if keys.get("properties").is_some_and(Value::is_object) && keys.contains_key("required") {
                keys.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Adds all keys of all objects.
fn add_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                keys.insert(key.clone());
                add_keys(value, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| add_keys(item, keys)),
        _ => {}
    }
}

/// Returns the keys that a schema describes.
fn described(schema: &Value, keys: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        keys.extend(properties.keys().cloned());
    }
    match schema {
        Value::Object(entries) => entries.values().for_each(|value| described(value, keys)),
        Value::Array(items) => items.iter().for_each(|item| described(item, keys)),
        _ => {}
    }
}

impl Documents {
    fn new() -> Self {
        let mut schema = schema_text("documents");
        close(&mut schema);
        Self { schema, commands: BTreeSet::new(), kinds: BTreeSet::new(), keys: BTreeSet::new() }
    }

    fn validator(&self, kind: &str) -> jsonschema::Validator {
        let reference = json!({
            "$schema": self.schema["$schema"],
            "$ref": format!("#/definitions/{kind}"),
            "definitions": self.schema["definitions"],
        });
        jsonschema::validator_for(&reference).unwrap()
    }

    #[track_caller]
    fn check(&mut self, kind: &str, value: &Value, what: &str) {
        assert_matches(&self.validator(kind), value, what);
        self.kinds.insert(kind.to_owned());
        add_keys(value, &mut self.keys);
    }

    /// Runs a command, whose document is of this kind.
    #[track_caller]
    fn run(&mut self, env: &TestEnv, kind: &str, arguments: &str) -> Value {
        let words = arguments.split_whitespace().chain(["--format", "json", "--quiet"]);
        let output = env.command(PROGRAM).args(words).output().unwrap();
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{arguments}: {error}: {}", String::from_utf8_lossy(&output.stderr))
        });
        self.check(kind, &value, arguments);
        self.commands.insert(arguments.to_owned());
        value
    }
}

/// A world with differences of every kind, and with images that nobody manages.
fn drifted() -> TestEnv {
    let lookups = "lookups: { ubuntu: { region: ap-jakarta, type: public, name: Debian } }\n";
    let env =
        TestEnv::with(&format!("{}{lookups}", WEB.replace("[ap-singapore]", "[ap-singapore, ap-tokyo]")));
    env.expect(0, "apply --yes --quiet");
    cloud::run(&env, "delete web-1 ap-tokyo");
    cloud::run(&env, "describe web-1 ap-singapore by hand");
    cloud::run(&env, "unshare web-1 ap-singapore 200000000002");
    cloud::run(&env, "share web-1 ap-jakarta 200000000077");
    cloud::run(&env, "create other ap-jakarta");
    env
}

fn of_rules_and_the_manifest(documents: &mut Documents) {
    let env = TestEnv::with(&WEB.replace("tags:", "tgas:"));
    documents.run(&env, "validation", "validate");
    let env = TestEnv::with(WEB);
    documents.run(&env, "validation", "validate");
    documents.run(&env, "origins", "render --origins");
    documents.run(&env, "explanation", "explain image.web@ap-singapore");
    documents.run(&env, "codes", "explain");
    let codes = documents.run(&env, "codes", "explain GF601 share_gap GF105");
    assert_eq!(codes["codes"].as_array().map(Vec::len), Some(3));
    // The region is full, so more slots would change the plan. Findings with one cause are folded.
    let full = WEB.replace("images:", "limits: { images_per_region: 1 }\nimages:");
    let env = TestEnv::with(&full);
    env.expect(0, "apply --yes --quiet");
    let steps = documents.run(&env, "explanation", "explain image.web");
    assert_eq!(steps["steps"], json!([]), "nothing changes");
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    let steps = documents.run(&env, "explanation", "explain image.web");
    assert!(steps["steps"].as_array().unwrap().iter().any(|step| step.get("with_more_slots").is_some()));
    let env = TestEnv::with(&format!("{WEB}{}", "  - { image: nginx, with: [partner] }\n".repeat(9)));
    let folded = documents.run(&env, "validation", "validate");
    assert!(folded["diagnostics"][0]["count"].as_u64().is_some_and(|count| count > 1), "{folded:#}");
}

fn of_the_cloud(documents: &mut Documents) {
    let env = drifted();
    documents.run(&env, "images", "images");
    let found = documents.run(&env, "drift", "drift");
    let kinds: BTreeSet<&str> =
        found["drift"].as_array().unwrap().iter().map(|one| one["drift"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 4, "{found:#}");
    env.edit("goldform.yaml", "name: Debian", "name: CentOS 7.9");
    let found = documents.run(&env, "drift", "refresh");
    assert_eq!(found["lookups"][0]["drift"], "answered", "{found:#}");
    documents.run(&env, "imported", "import --all --dry-run");
    documents.run(&env, "history", "history");
}

fn of_the_state(documents: &mut Documents) {
    let env = drifted();
    documents.run(&env, "state_list", "state list");
    documents.run(&env, "state_show", "state show image.web");
    documents.run(&env, "state_show", "state show lookup.ubuntu");
    documents.run(&env, "state_moved", "state mv image.web image.base");
    documents.run(&env, "forgotten", "state rm share.base@ap-jakarta#1/200000000001");
    documents.run(&env, "forgotten", "forget image.base@ap-tokyo");
    assert_eq!(env.shell("goldform state pull > pulled.json").1, 0);
    documents.run(&env, "state_written", "state push --force pulled.json");
    let kept = documents.run(&env, "state_history", "state history");
    let serial = kept["snapshots"][0]["serial"].as_u64().unwrap();
    documents.run(&env, "state_written", &format!("state restore {serial}"));
    documents.run(&env, "state_unlocked", "state unlock");
    env.edit("goldform.yaml", "version: 1", "version: 1\nstate: moved.state.json");
    documents.run(&env, "state_migrated", "state migrate --from goldform.state.json");
    // Shares of others, an earlier generation, and a copy that does not end.
    let env = drifted();
    env.expect(0, "refresh --quiet");
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    cloud::run(&env, r#"fault {"action": "SyncImages", "effect": "hang"}"#);
    env.expect(6, "apply --yes --quiet --settle-timeout 1s");
    documents.run(&env, "history", "history");
    documents.run(&env, "state_show", "state show image.web");
    // An image whose making was sent twice, one that answers for a call, here a recorded one, and a run with a failure.
    let env = TestEnv::with(WEB);
    cloud::run(&env, r#"fault {"action": "CreateImage", "effect": "lost_before"}"#);
    cloud::run(
        &env,
        r#"fault {"action": "SyncImages", "effect": "error", "code": "UnsupportedOperation", "message": "no"}"#,
    );
    env.expect(6, "apply --yes --quiet");
    documents.run(&env, "history", "history");
    documents.run(&env, "state_show", "state show image.web");
    let (id, _) = env.shell("goldform output --quiet image.web@ap-jakarta");
    documents.run(&env, "resolved", &format!("import --yes image.web@ap-jakarta#1 {id}"));
}

fn of_the_sandbox(documents: &mut Documents) {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    for fault in [
        "error --code InternalError --message no --region ap-tokyo --caller 100000000001 --action CreateImage",
        "slow --for 5s --always",
        "hide --for 5s",
        "settle --for 5s",
        "garbage",
        "throttle",
    ] {
        documents.run(&env, "sandbox_fault", &format!("sandbox faults add {fault}"));
    }
    documents.run(&env, "sandbox_faults", "sandbox faults list");
    documents.run(&env, "sandbox_log", "sandbox log");
    documents.run(&env, "sandbox_peaks", "sandbox peaks");
    let (log, _) = env.shell("goldform sandbox log --json");
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        documents.check("sandbox_request", &serde_json::from_str(line).unwrap(), line);
    }
    let serve = "sandbox serve --listen 127.0.0.1:0 --in-memory --tls tls --format json --quiet";
    let mut server =
        env.command(PROGRAM).args(serve.split_whitespace()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    documents.check("sandbox_endpoint", &serde_json::from_str(&line).unwrap(), &line);
    documents.commands.insert(serve.to_owned());
}

#[test]
fn documents_of_every_command_match_and_have_every_described_key() {
    let mut documents = Documents::new();
    of_rules_and_the_manifest(&mut documents);
    of_the_cloud(&mut documents);
    of_the_state(&mut documents);
    of_the_sandbox(&mut documents);

    let mut commands = Vec::new();
    leaves(&Cli::command(), "", &mut commands);
    let others: BTreeMap<&str, &str> = OTHERS.iter().copied().collect();
    for command in &commands {
        let is_run = documents.commands.iter().any(|run| run.starts_with(command.as_str()));
        assert!(is_run || others.contains_key(command.as_str()), "`{command}` is neither run nor in OTHERS");
    }
    let kinds = documents.schema["anyOf"].as_array().unwrap().iter();
    let kinds = kinds.map(|kind| kind["$ref"].as_str().unwrap().trim_start_matches("#/definitions/"));
    let unseen: Vec<&str> =
        kinds.filter(|kind| !documents.kinds.contains(*kind) && !SHARED_ONLY.contains(kind)).collect();
    assert!(unseen.is_empty(), "no command prints {unseen:?}");
    let mut all = BTreeSet::new();
    described(&documents.schema, &mut all);
    for kind in SHARED_ONLY {
        let mut only = BTreeSet::new();
        described(&documents.schema["definitions"][kind], &mut only);
        all.retain(|key| !only.contains(key) || documents.keys.contains(key));
    }
    let stale: Vec<&String> = all.iter().filter(|key| !documents.keys.contains(*key)).collect();
    assert!(stale.is_empty(), "described, and printed by no command: {stale:?}");
}
