use crate::cli::WEB;
use crate::common::TestEnv;

#[test]
fn addresses_are_listed_and_looked_up() {
    let env = TestEnv::with(WEB);
    assert_eq!(env.expect(0, "state list").stdout, "");
    env.expect(0, "apply --yes --quiet");
    shown!("state-list", env.run("state list").text());
    shown!("state-list-one", env.run("state list image.web@ap-singapore").text());
    shown!("state-list-json", env.run("state list --format json").text());
    shown!("state-show", env.run("state show image.web@ap-singapore").text());
    shown!("state-show-unknown", env.run("state show image.db").text());
    shown!("state-show-malformed", env.run("state show web").text());
}

#[cfg(unix)]
#[test]
fn a_link_to_a_state_that_is_not_there_yet_stays_a_link() {
    let env = TestEnv::with(WEB);
    std::os::unix::fs::symlink("shared/web.json", env.path("second.json")).unwrap();
    std::os::unix::fs::symlink("second.json", env.path("goldform.state.json")).unwrap();
    env.expect(0, "apply --yes --quiet");
    for link in ["goldform.state.json", "second.json"] {
        assert!(env.path(link).symlink_metadata().unwrap().is_symlink(), "{link}");
    }
    assert!(env.read("shared/web.json").contains("\"lineage\""));
    env.expect(0, "apply --yes --quiet --expect-no-changes");
    std::os::unix::fs::symlink("circle.plan", env.path("circle.plan")).unwrap();
    assert_eq!(env.run("plan --quiet --replace image.web --out circle.plan").status, 1);
}

/// The manifest that names this file for its state.
fn with_state(file: &str) -> String {
    format!("state: {file}\n{WEB}")
}

#[test]
fn a_state_is_moved_to_the_place_that_the_manifest_names() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    let before = env.read("goldform.state.json");
    let listed = env.expect(0, "state list").stdout;

    let same = env.run("state migrate --from goldform.state.json");
    assert_eq!(same.status, 1);
    assert!(same.stderr.contains("and so does --from"), "{}", same.text());

    env.write("goldform.yaml", &with_state("team.json"));
    let missing = env.run("state migrate --from nowhere.json");
    assert_eq!(missing.status, 1);
    assert!(missing.stderr.contains("there is no state"), "{}", missing.text());

    let moved = env.expect(0, "state migrate --from goldform.state.json");
    assert!(moved.stderr.contains("team.json now, serial"), "{}", moved.text());
    assert!(!env.path("goldform.state.json").exists());
    assert_eq!(env.expect(0, "state list").stdout, listed);

    // A move that was cut off before the old file was removed is repeated.
    env.write("goldform.state.json", &before);
    env.expect(0, "state migrate --from goldform.state.json");
    assert!(!env.path("goldform.state.json").exists());
    assert_eq!(env.expect(0, "state list").stdout, listed);

    // What was written since then, and another state, are not written over.
    env.expect(0, "forget image.web");
    env.write("goldform.state.json", &before);
    let later = env.run("state migrate --from goldform.state.json");
    assert_eq!(later.status, 1);
    assert!(later.stderr.contains("holds this state already"), "{}", later.text());
    let mut other = serde_json::from_str::<serde_json::Value>(&before).unwrap();
    other["lineage"] = "another".into();
    other["format"] = 1.into();
    other.as_object_mut().unwrap().remove("digest");
    env.write("goldform.state.json", &other.to_string());
    let refused = env.run("state migrate --from goldform.state.json");
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("holds another state already"), "{}", refused.text());
    assert!(env.path("goldform.state.json").exists());
    assert_eq!(env.expect(0, "state list").stdout, "");
}

#[test]
fn a_state_in_a_file_is_locked_by_the_process_that_writes_it_and_by_nobody_else() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    let refused = env.run("state lock --reason maintenance");
    assert_ne!(refused.status, 0);
    assert!(refused.stderr.contains("lasts as long as"), "{}", refused.text());
    let free = env.expect(0, "state unlock --yes");
    assert!(free.stderr.contains("goldform.state.json is not locked."), "{}", free.text());
    env.expect(0, "apply --yes --quiet --expect-no-changes");
}
