//! The state by hand: moving, forgetting, whole snapshots, history.

use crate::commands::{MANIFEST, applied, state_of, transcript};
use crate::common::PROGRAM;

#[test]
fn an_entry_that_was_moved_and_renamed_in_the_manifest_has_no_changes() {
    let env = applied(MANIFEST);
    insta::assert_snapshot!(transcript(&env, &["state mv image.web image.edge", "state list"]));
    env.write("goldform.yaml", &MANIFEST.replace("web:", "edge:").replace("image: web,", "image: edge,"));
    insta::assert_snapshot!(transcript(&env, &["plan", "plan --refresh --expect-no-changes"]));
}

#[test]
fn what_is_forgotten_stays_in_the_cloud() {
    let env = applied(MANIFEST);
    insta::assert_snapshot!(transcript(
        &env,
        &[
            "forget share.web@ap-jakarta#1/200000000001",
            "state rm image.web@ap-tokyo",
            "state list",
            "refresh",
            "forget image.web@ap-tokyo image.web",
        ]
    ));
}

#[test]
fn the_record_is_not_changed_by_hand_while_steps_are_open() {
    let env = applied(MANIFEST);
    let state = state_of(&env);
    let header = serde_json::json!({ "lineage": state["lineage"], "follows": state["serial"] });
    let started = serde_json::json!({
        "event": "started", "step": "unshare image.web@ap-tokyo#1", "at": "2026-11-24T12:00:00Z",
        "operation": { "do": "unshare", "at": "image.web@ap-tokyo#1", "accounts": ["200000000001"] },
    });
    let journal = format!("{header}\n{started}\n");
    env.write("goldform.state.json.journal", &journal);
    std::fs::copy(env.path("goldform.state.json"), env.path("copy.json")).unwrap();
    insta::assert_snapshot!(transcript(
        &env,
        &[
            "state mv image.web image.edge",
            "forget image.web",
            "state push copy.json --force",
            "state restore 1",
            "refresh --quiet",
            "forget image.web --quiet",
        ]
    ));
}

#[test]
fn a_snapshot_is_pulled_changed_and_pushed() {
    let env = applied(MANIFEST);
    let pulled = env.command(PROGRAM).args(["state", "pull"]).output().unwrap().stdout;
    std::fs::write(env.path("pulled.json"), &pulled).unwrap();
    let mut edited: serde_json::Value = serde_json::from_slice(&pulled).unwrap();
    edited["recorded"]["images"]["web"]["protect"] = true.into();
    env.write("edited.json", &edited.to_string());
    edited["recorded"]["images"]["web"]["current"] = 9.into();
    env.write("contradiction.json", &edited.to_string());
    edited["recorded"]["images"]["web"]["current"] = 1.into();
    edited["lineage"] = "another".into();
    env.write("another.json", &edited.to_string());
    edited["account"] = "100000000009".into();
    env.write("foreign.json", &edited.to_string());
    env.write("newer.json", r#"{"format": 99, "goldform": "9.0.0"}"#);
    env.write("broken.json", r#"{"format": 1, "goldform": 7}"#);
    insta::assert_snapshot!(transcript(
        &env,
        &[
            "state push pulled.json",
            "state push edited.json",
            "state push --edited contradiction.json",
            "state push --edited edited.json",
            "state push pulled.json",
            "state push another.json --edited",
            "state push foreign.json --force --edited",
            "state push newer.json --force",
            "state push broken.json --force",
            "state push missing.json",
            "state push another.json --force --edited",
            "state history",
        ]
    ));
    assert_eq!(state_of(&env)["lineage"], "another");
}

#[test]
fn a_kept_snapshot_is_restored_and_loses_neither_runs_nor_numbers() {
    let env = applied(MANIFEST);
    let before = state_of(&env);
    env.write("goldform.yaml", &MANIFEST.replace("revision: \"1\"", "revision: \"2\""));
    env.expect(0, "apply --yes");
    insta::assert_snapshot!(transcript(&env, &["state history", "state restore 2", "state restore 99"]));
    let state = state_of(&env);
    assert_eq!(state["recorded"]["images"], before["recorded"]["images"]);
    assert_eq!(
        state["recorded"]["generations_used"]["web"], 2,
        "the number of the lost build is not used again"
    );
    assert_eq!(state["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn what_a_journal_holds_is_kept_when_the_state_is_replaced() {
    for command in ["state restore 1", "state push --force old.json"] {
        let env = applied(MANIFEST);
        std::fs::copy(env.path("goldform.state.json"), env.path("old.json")).unwrap();
        let state = state_of(&env);
        let header = serde_json::json!({ "lineage": state["lineage"], "follows": state["serial"] });
        let edited = serde_json::json!({
            "event": "edited", "at": "2026-11-24T12:00:00Z", "change": { "edit": "learn_accounts_per_call", "value": 7 },
        });
        env.write("goldform.state.json.journal", &format!("{header}\n{edited}\n"));
        env.expect(0, command);
        let serial = state["serial"].as_u64().unwrap() + 1;
        let kept = env.read(&format!("goldform.state.json.history/{serial}.json"));
        assert!(kept.contains("\"accounts_per_call\": 7"), "{command}: {kept}");
        assert!(!env.read("goldform.state.json").contains("accounts_per_call"), "{command}");
    }
}

#[test]
fn a_state_that_cannot_be_read_is_left_alone_and_a_kept_one_helps() {
    let env = applied(MANIFEST);
    env.write("goldform.state.json", "{\"format\": 1, ");
    insta::assert_snapshot!(transcript(
        &env,
        &["state list", "refresh", "state history", "state restore 99"]
    ));
    assert_eq!(env.read("goldform.state.json"), "{\"format\": 1, ");
    insta::assert_snapshot!(transcript(
        &env,
        &["state restore 2", "plan --refresh --expect-no-changes --quiet", "state history"]
    ));
    assert_eq!(env.read("goldform.state.json.history/replaced-1.json"), "{\"format\": 1, ");
    std::fs::remove_file(env.path("goldform.state.json")).unwrap();
    insta::assert_snapshot!(transcript(
        &env,
        &["state restore 1 --quiet", "refresh --quiet", "state history"]
    ));
}

#[test]
fn a_state_that_was_edited_in_its_place_is_refused_until_that_is_confirmed() {
    let env = applied(MANIFEST);
    let whole = env.read("goldform.state.json");
    env.edit("goldform.state.json", "\"seen\": true", "\"seen\": false");
    let edited = env.read("goldform.state.json");
    insta::assert_snapshot!(transcript(&env, &["plan", "apply --yes", "plan --state goldform.state.json"]));
    for command in ["refresh", "destroy --yes", "output", "show", "state pull", "forget image.web", "history"]
    {
        let refused = env.expect(1, command).stderr;
        assert!(refused.contains("was changed since goldform wrote it"), "{command}: {refused}");
        assert_eq!(env.read("goldform.state.json"), edited, "{command}");
    }
    // Each of the helps.
    insta::assert_snapshot!(transcript(&env, &["state push --edited goldform.state.json", "plan"]));
    env.write("goldform.state.json", &edited);
    env.expect(0, "state restore 2");
    env.expect(0, "plan --refresh --expect-no-changes");
    env.write("goldform.state.json", &whole);
    env.expect(0, "plan --refresh --expect-no-changes");
}

#[test]
fn a_damaged_journal_is_left_alone_until_it_is_gone_on_without() {
    let env = applied(MANIFEST);
    let state = state_of(&env);
    let header = serde_json::json!({ "lineage": state["lineage"], "follows": state["serial"] });
    let edited = |value: u32| {
        serde_json::json!({
            "event": "edited", "at": "2026-11-24T12:00:00Z",
            "change": { "edit": "learn_accounts_per_call", "value": value },
        })
    };
    let journal = format!("{header}\n{}\n{{\"event\": \"edi\n{}\n", edited(7), edited(8));
    env.write("goldform.state.json.journal", &journal);
    insta::assert_snapshot!(transcript(&env, &["plan", "apply --yes"]));
    assert_eq!(env.read("goldform.state.json.journal"), journal);
    insta::assert_snapshot!(transcript(
        &env,
        &["state restore 2", "plan --refresh --expect-no-changes --quiet"]
    ));
    assert_eq!(state_of(&env)["recorded"]["accounts_per_call"], 7);
    assert_eq!(env.read("goldform.state.json.history/replaced-1.journal"), journal);
}

#[test]
fn an_older_state_is_not_gone_on_with_beside_a_journal_of_a_later_one() {
    let env = applied(MANIFEST);
    let older = env.read("goldform.state.json");
    env.write("goldform.yaml", &MANIFEST.replace("revision: \"1\"", "revision: \"2\""));
    env.expect(0, "apply --yes");
    // A run after that is cut off: what it did is in the journal only.
    let state = state_of(&env);
    let header = serde_json::json!({ "lineage": state["lineage"], "follows": state["serial"] });
    let edited = serde_json::json!({
        "event": "edited", "at": "2026-11-24T12:00:00Z", "change": { "edit": "learn_accounts_per_call", "value": 7 },
    });
    let journal = format!("{header}\n{edited}\n");
    env.write("goldform.state.json.journal", &journal);
    env.write("goldform.state.json", &older);
    insta::assert_snapshot!(transcript(&env, &["plan", "apply --yes", "state history"]));
    for command in ["plan --refresh", "refresh", "destroy --yes", "import --all", "state pull", "output"] {
        env.expect(1, command);
        assert_eq!(env.read("goldform.state.json"), older, "{command}");
        assert_eq!(env.read("goldform.state.json.journal"), journal, "{command}");
    }
    let serial = state["serial"].as_u64().unwrap();
    env.expect(0, &format!("state restore {serial}"));
    env.expect(0, "plan --refresh --expect-no-changes");
    assert_eq!(state_of(&env)["recorded"]["accounts_per_call"], 7, "the journal was taken in");

    // Without the state, and with another.
    let state = state_of(&env);
    let header = serde_json::json!({ "lineage": state["lineage"], "follows": state["serial"] });
    env.write("goldform.state.json.journal", &format!("{header}\n{edited}\n"));
    std::fs::remove_file(env.path("goldform.state.json")).unwrap();
    insta::assert_snapshot!(transcript(&env, &["apply --yes"]));
    let other = applied(MANIFEST);
    env.write("goldform.state.json", &other.read("goldform.state.json"));
    insta::assert_snapshot!(transcript(&env, &["apply --yes"]));
}

#[test]
fn a_state_that_was_named_is_read_only() {
    let env = applied(MANIFEST);
    std::fs::copy(env.path("goldform.state.json"), env.path("copy.json")).unwrap();
    let before = env.read("copy.json");
    insta::assert_snapshot!(transcript(
        &env,
        &[
            "state mv image.web image.edge --state copy.json",
            "forget image.web --state copy.json",
            "state push copy.json --state copy.json",
            "state restore 1 --state copy.json",
            "refresh --state copy.json",
            "apply --yes --state copy.json",
        ]
    ));
    assert_eq!(env.read("copy.json"), before);
}

#[test]
fn what_was_applied_is_listed() {
    let env = applied(MANIFEST);
    env.expect(0, "destroy --yes");
    let text = transcript(&env, &["history"]);
    assert!(text.contains("apply") && text.contains("destroy"), "{text}");
    let runs = &env.run("history --format json").json()["runs"];
    assert_eq!(runs[0]["command"], "destroy");
    assert_eq!(runs[0]["by"], "tester");
    assert_eq!(runs[1]["end"]["result"], "complete");
    assert_eq!(runs[1]["steps"]["create"], 1);
}
