use crate::cli::WEB;
use crate::common::{TestEnv, repository};

#[test]
fn a_valid_manifest_is_reported_in_one_line() {
    let env = TestEnv::with(WEB);
    shown!("validate", env.run("validate").text());
    shown!("validate-json", env.run("validate --format json").text());
    assert_eq!(env.run("validate --quiet").text(), "$ goldform validate --quiet\n--- exit 0\n");
}

#[test]
fn ten_mistakes_are_ten_diagnostics() {
    let mistakes = repository().join("tests/manifests/invalid/ten-mistakes.yaml");
    let env = TestEnv::with(&std::fs::read_to_string(mistakes).unwrap());
    let ran = env.run("validate");
    shown!("validate-ten-mistakes", ran.text());
    assert_eq!(ran.status, 1);
    let text = env.read("goldform.yaml");
    let reported = env.run("validate --format json").json();
    let lines: Vec<u64> = reported["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|diagnostic| diagnostic["labels"][0]["at"]["line"].as_u64().unwrap())
        .collect();
    let expected: Vec<u64> = (1..=10)
        .map(|number| {
            let found = text.lines().position(|line| line.contains(&format!("# {number}:"))).unwrap();
            u64::try_from(found).unwrap() + 1
        })
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn mistakes_of_text_and_broken_rules_are_reported_together() {
    let manifest = WEB.replace("[ap-singapore]", "[ap-jakarta]").replace("tags:", "tgas:");
    let ran = TestEnv::with(&manifest).run("validate");
    shown!("validate-both", ran.text());
    assert_eq!(ran.status, 3, "broken rules come first");
}

#[test]
fn json_of_mistakes_has_places() {
    let ran = TestEnv::with(&WEB.replace("tags:", "tgas:")).run("validate --format json");
    shown!("validate-mistake-json", ran.text());
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let env = TestEnv::new();
    env.write("empty.yaml", "");
    env.write("comment.yaml", "# nothing yet\n");
    env.write("folder/notes.txt", "no manifest");
    std::fs::write(env.path("latin1.yaml"), b"version: 1\naccount: \"100000000001\" # caf\xe9\n").unwrap();
    let mut text = String::new();
    for file in ["", "-f nowhere.yaml", "-f folder", "-f empty.yaml", "-f comment.yaml", "-f latin1.yaml"] {
        let ran = env.run(format!("validate {file}").trim());
        assert_eq!(ran.status, 1, "{}", ran.text());
        text.push_str(&ran.text());
        text.push('\n');
    }
    shown!("validate-unreadable", text);
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_says_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let env = TestEnv::with(WEB);
    std::fs::set_permissions(env.path("goldform.yaml"), std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(env.path("goldform.yaml")).is_ok() {
        return; // a user who may read everything cannot see this message
    }
    shown!("validate-forbidden", env.run("validate").text());
}

#[test]
fn a_state_that_is_damaged_is_reported_and_left_alone() {
    let env = TestEnv::with(WEB);
    env.write("goldform.state.json", "{ \"format\": 1, ");
    for command in ["validate", "plan", "apply --yes", "show", "state list"] {
        let ran = env.run(command);
        assert_eq!(ran.status, 1, "{}", ran.text());
    }
    shown!("plan-state-damaged", env.run("plan").text());
    assert_eq!(env.read("goldform.state.json"), "{ \"format\": 1, ");
}

/// What cannot be read keeps its place in a list.
#[test]
fn regions_after_one_that_is_none_are_pointed_at() {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[\"no region\", ap-nowhere, ap-jakarta]"));
    let reported = env.expect(3, "validate --format json").json();
    let text = env.read("goldform.yaml");
    let pointed: Vec<&str> = reported["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|diagnostic| {
            let at = &diagnostic["labels"][0]["at"];
            let byte = |key: &str| usize::try_from(at[key].as_u64().unwrap()).unwrap();
            &text[byte("start")..byte("end")]
        })
        .collect();
    assert_eq!(pointed, ["\"no region\"", "ap-nowhere", "ap-jakarta"]);
}

/// Each is named in the message, and is not reported as an internal error.
#[test]
fn entries_that_are_made_from_each_other() {
    let entry = |key: &str, of: &str| {
        format!("  {key}: {{ region: ap-jakarta, source: {{ encrypted: {{ image: {of} }} }} }}\n")
    };
    let entries = [entry("a", "b"), entry("b", "c"), entry("c", "a")].concat();
    let env = TestEnv::with(&format!("version: 1\naccount: \"100000000001\"\nimages:\n{entries}"));
    for command in ["validate", "plan", "apply --yes"] {
        let ran = env.expect(1, command);
        assert_eq!(ran.stderr.matches("GF125 source_circular").count(), 1, "{}", ran.text());
    }
}

#[test]
fn the_other_ending_of_yaml_is_offered() {
    let env = TestEnv::new();
    env.write("goldform.yml", WEB);
    let ran = env.expect(1, "validate");
    assert!(ran.stderr.ends_with("Did you mean this one?\n\n    -f goldform.yml\n"), "{}", ran.text());
    env.expect(0, "validate -f goldform.yml");
    env.write("a.yaml", WEB);
    assert!(env.expect(1, "validate -f a.yml").stderr.contains("-f a.yaml"));
}

#[test]
fn a_state_in_the_home_folder_is_refused_and_not_put_into_a_folder_of_that_name() {
    for state in ["~/goldform.state.json", ""] {
        let env = TestEnv::with(&WEB.replace("images:", &format!("state: \"{state}\"\nimages:")));
        let ran = env.expect(1, "plan");
        assert!(
            ran.stderr.contains("GF115") && ran.stderr.contains("help: state: goldform.state.json"),
            "{}",
            ran.text()
        );
        // The advice helps.
        env.edit("goldform.yaml", &format!("state: \"{state}\""), "state: goldform.state.json");
        env.expect(0, "plan");
    }
}

/// A manifest from a pipe has no folder of its own: its state is in the current one.
#[cfg(target_os = "linux")]
#[test]
fn a_piped_manifest_keeps_its_state_in_the_current_folder() {
    for line in [
        "cat goldform.yaml | goldform apply --yes --quiet -f /dev/stdin",
        "goldform apply --yes --quiet -f /dev/stdin < goldform.yaml",
        "bash -c 'goldform apply --yes --quiet -f <(cat goldform.yaml)'",
        "cat goldform.yaml | goldform apply --yes --quiet -f -",
    ] {
        let env = TestEnv::with(WEB);
        let (text, status) = env.shell(line);
        assert_eq!(status, 0, "{line}: {text}");
        assert!(env.path("goldform.state.json").exists(), "{line}: {text}");
    }
}
