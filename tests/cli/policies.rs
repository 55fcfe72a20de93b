//! The policies of `examples/policies`, run by an engine that is not ours on the JSON of plans.

use std::collections::BTreeSet;

use regorus::{Engine, Value};

use crate::common::{TestEnv, repository};

/// What the policies say against a plan.
fn denied(plan: &serde_json::Value) -> BTreeSet<String> {
    let mut engine = Engine::new();
    let folder = repository().join("examples/policies");
    for file in ["accounts.rego", "losses.rego", "tags.rego"] {
        engine.add_policy_from_file(folder.join(file)).unwrap();
    }
    let data = std::fs::read_to_string(folder.join("data.json")).unwrap();
    engine.add_data(Value::from_json_str(&data).unwrap()).unwrap();
    engine.set_input(Value::from_json_str(&plan.to_string()).unwrap());
    let denied = engine.eval_rule("data.main.deny".to_owned()).unwrap();
    denied.as_set().unwrap().iter().map(|message| message.as_string().unwrap().to_string()).collect()
}

fn plan(env: &TestEnv, arguments: &str) -> serde_json::Value {
    let allowed = "--allow mass_deletion --allow mass_unshare";
    env.expect(0, &format!("plan --format json {allowed} {arguments}")).json()
}

fn texts<const N: usize>(expected: [&str; N]) -> BTreeSet<String> {
    expected.into_iter().map(str::to_owned).collect()
}

const MANIFEST: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001", stranger: "200000000009" }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    tags: { team: platform }
    source: { revision: "1", instance: { id: ins-8f3a1c2d } }
    copies: [ap-tokyo]
  db:
    region: ap-jakarta
    tags: { team: data }
    source: { snapshots: [snap-2f3a1c2d] }
shares:
  - { image: web, with: [partner] }
"#;

#[test]
fn a_plan_that_keeps_to_the_policies_passes() {
    let env = TestEnv::with(MANIFEST);
    assert_eq!(denied(&plan(&env, "")), texts([]));
    env.expect(0, "apply --yes");
    let unchanged = plan(&env, "");
    assert_eq!(denied(&unchanged), texts([]), "nothing changes");
    for resource in unchanged["resource_changes"].as_array().unwrap() {
        assert_eq!(
            resource["change"]["after"]["tags"].as_object().unwrap().len(),
            1,
            "as declared: {resource}"
        );
        assert_eq!(resource["change"]["after"]["protected"], false);
    }
    env.edit("goldform.yaml", "revision: \"1\"", "revision: \"2\"");
    assert_eq!(denied(&plan(&env, "")), texts([]), "a replacement takes the place of what is shared");
}

#[test]
fn an_account_that_is_not_on_the_list_is_refused() {
    let env =
        TestEnv::with(&MANIFEST.replace("with: [partner]", "with: [partner, stranger], regions: [ap-tokyo]"));
    assert_eq!(
        denied(&plan(&env, "")),
        texts(["goldform_image.web[\"ap-tokyo\"]: account 200000000009 is not an approved one"])
    );
}

#[test]
fn an_image_that_is_used_is_not_deleted_without_another() {
    let env = TestEnv::with(MANIFEST);
    env.expect(0, "apply --yes");
    env.edit("goldform.yaml", "    copies: [ap-tokyo]\n", "");
    assert_eq!(
        denied(&plan(&env, "")),
        texts(["goldform_image.web[\"ap-tokyo\"]: it is deleted, and 1 accounts use it"])
    );
    assert_eq!(denied(&plan(&env, "--destroy")).len(), 2, "the one that nobody uses may go");
}

#[test]
fn an_image_without_a_team_is_refused_when_it_changes() {
    let env = TestEnv::with(&MANIFEST.replace("tags: { team: data }", "tags: { tier: gold }"));
    let refused = texts(["goldform_image.db[\"ap-jakarta\"]: the tag `team` is missing"]);
    assert_eq!(denied(&plan(&env, "")), refused);
    env.expect(0, "apply --yes");
    assert_eq!(denied(&plan(&env, "")), texts([]), "what stays as it is says nothing");
    env.edit("goldform.yaml", "tier: gold", "tier: silver");
    assert_eq!(denied(&plan(&env, "")), refused);
}

#[test]
fn an_earlier_generation_goes_when_it_is_no_longer_kept() {
    let env = TestEnv::with(&MANIFEST.replace("copies: [ap-tokyo]", "copies: [ap-tokyo]\n    keep: 1"));
    for revision in ["1", "2"] {
        env.edit("goldform.yaml", "revision: \"1\"", &format!("revision: \"{revision}\""));
        env.expect(0, "apply --yes");
    }
    env.edit("goldform.yaml", "revision: \"2\"", "revision: \"3\"");
    let plan = plan(&env, "");
    let earlier = |resource: &&serde_json::Value| resource["address"] == "goldform_image.web[\"ap-tokyo#1\"]";
    let earlier = plan["resource_changes"].as_array().unwrap().iter().find(earlier).unwrap();
    assert_eq!(earlier["change"]["actions"], serde_json::json!(["delete"]));
    assert_eq!(earlier["change"]["before"]["shared_with"], serde_json::json!(["200000000001"]));
    assert_eq!(denied(&plan), texts([]));
}
