//! Completions while a line is typed. `.ci/outside/shells` runs real shells.

use crate::commands::{MANIFEST, applied};
use crate::common::{PROGRAM, TestEnv};

/// Returns the candidates: the first word of each line of an answer. The last word of `line` is the typed one.
#[track_caller]
fn candidates(env: &TestEnv, words: &[&str]) -> Vec<String> {
    let mut command = env.command(PROGRAM);
    let output =
        command.env("GOLDFORM_COMPLETE", "fish").args(["--", "goldform"]).args(words).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{words:?}: {:?} {stderr}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

/// The names of everything in the folder.
fn files(env: &TestEnv) -> Vec<String> {
    let folder = std::fs::read_dir(env.path("")).unwrap();
    let mut names: Vec<String> =
        folder.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Declared and not recorded beside an entry whose name begins alike.
fn grown() -> TestEnv {
    let env = applied(MANIFEST);
    env.edit(
        "goldform.yaml",
        "shares:\n",
        "  web-next:\n    region: ap-seoul\n    source: { snapshots: [snap-2f3a1c2d] }\nshares:\n",
    );
    env.edit("goldform.yaml", "images:\n", "variables: { build: { default: ins-1 } }\nimages:\n");
    env
}

#[test]
fn addresses_are_offered_as_deep_as_is_typed() {
    let env = grown();
    for (typed, offered) in [
        ("", &["image.web", "image.web-next"][..]),
        ("image.web-", &["image.web-next", "image.web-next@ap-seoul"]),
        ("image.web", &["image.web", "image.web-next", "image.web@ap-jakarta", "image.web@ap-tokyo"]),
        ("image.web@", &["image.web@ap-jakarta", "image.web@ap-tokyo"]),
        ("image.web@ap-t", &["image.web@ap-tokyo", "image.web@ap-tokyo#1"]),
        ("image.web@ap-tokyo#", &["image.web@ap-tokyo#1"]),
        ("image.other", &[]),
    ] {
        let mut found = candidates(&env, &["plan", "--target", typed]);
        found.sort();
        assert_eq!(found, offered, "{typed:?}");
    }
    assert_eq!(candidates(&env, &["plan", "--target=image.web-"])[0], "--target=image.web-next");
    assert_eq!(candidates(&env, &["apply", "--replace", "image.web"]), ["image.web", "image.web-next"]);
    let recorded = candidates(&env, &["state", "show", "image."]);
    assert_eq!(recorded, ["image.web", "image.web@ap-jakarta", "image.web@ap-tokyo"], "what is not recorded");
    assert_eq!(
        candidates(&env, &["state", "rm", "share."]),
        ["share.web@ap-jakarta#1/200000000001", "share.web@ap-tokyo#1/200000000001"]
    );
    // The verb of a step is a word of its own.
    assert!(candidates(&env, &["explain", "copy", "image.web@"]).contains(&"image.web@ap-tokyo".to_owned()));
}

#[test]
fn every_kind_of_value_is_offered_where_it_can_stand() {
    let env = grown();
    let offered = |words: &[&str]| candidates(&env, words);
    assert_eq!(offered(&["plan", "--deny", "share_g"]), ["share_gap"]);
    assert_eq!(offered(&["explain", "GF60"]), ["GF601", "GF602"]);
    assert_eq!(offered(&["explain", "unsh"]), ["unshare"]);
    assert_eq!(offered(&["images", "--region", "ap-to"]), ["ap-tokyo"]);
    assert_eq!(offered(&["images", "--from", ""]), ["200000000001"]);
    assert_eq!(offered(&["plan", "--var", ""]), ["build="]);
    assert!(offered(&["state", "restore", ""]).iter().any(|one| one == "1"));
    assert_eq!(offered(&["graph", "--format", ""]), ["dot", "mermaid", "svg"]);
    assert_eq!(offered(&["refresh", "--format", ""]), ["text", "json", "events"]);
    assert!(offered(&["plan", "--format", ""]).contains(&"sarif".to_owned()));
    assert_eq!(
        offered(&["--format", "html", "plan", "--format", "junit=goldform.y"]),
        ["junit=goldform.yaml"]
    );
    assert_eq!(offered(&["plan", "--expect", "goldform.y"]), ["goldform.yaml"]);
    assert_eq!(offered(&["graph", "--refr"]), ["--refresh"]);
    assert_eq!(offered(&["state", "mv", "image.web@ap-t", "image.web@ap-j"])[0], "image.web@ap-jakarta");
}

#[test]
fn lookups_are_offered_and_other_files_are_read_where_the_line_names_them() {
    let env = TestEnv::new();
    env.write(
        "other/fleet.yaml",
        "version: 1\naccount: \"100000000001\"\nlookups:\n  ubuntu: { region: ap-seoul, type: public, os: Ubuntu, newest: true }\nimages:\n  app:\n    region: ap-seoul\n    source: { snapshots: [snap-2f3a1c2d] }\n",
    );
    let targets = |words: &[&str]| candidates(&env, &[words, &["image."]].concat());
    assert!(targets(&["plan", "--target"]).is_empty(), "there is no manifest here");
    for named in [&["-f", "other/fleet.yaml"][..], &["--file=other/fleet.yaml"], &["--file", "other"]] {
        let words = [&["plan"], named, &["--target"]].concat();
        assert_eq!(targets(&words), ["image.app", "image.app@ap-seoul"], "{named:?}");
    }
    let recorded = grown();
    std::fs::rename(recorded.path("goldform.state.json"), env.path("pulled.json")).unwrap();
    let words = ["plan", "--state", "pulled.json", "--target"];
    assert_eq!(targets(&words), ["image.web", "image.web@ap-jakarta", "image.web@ap-tokyo"]);
    let env = applied(&MANIFEST.replace(
        "images:",
        "lookups:\n  ubuntu: { region: ap-seoul, type: public, os: Ubuntu, newest: true }\nimages:",
    ));
    assert_eq!(candidates(&env, &["state", "rm", "look"]), ["lookup.ubuntu"]);
}

#[test]
fn what_cannot_be_read_is_passed_over_in_silence_and_nothing_is_written() {
    let env = grown();
    let before = files(&env);
    let all = candidates(&env, &["plan", "--target", "image."]);
    assert!(all.contains(&"image.web-next".to_owned()));
    env.edit("goldform.yaml", "source: { snapshots", "sauce: { snapshots");
    assert!(candidates(&env, &["plan", "--target", "image."]).contains(&"image.web".to_owned()));
    env.write("goldform.yaml", "version: [1\n\t%%%");
    assert!(candidates(&env, &["plan", "--target", "image."]).is_empty(), "where the state is, is not known");
    env.write("goldform.yaml", MANIFEST);
    env.write("goldform.state.json", "{ broken");
    let declared = candidates(&env, &["plan", "--target", "image."]);
    assert_eq!(declared, ["image.web", "image.web@ap-jakarta", "image.web@ap-tokyo"]);
    assert!(candidates(&env, &["state", "show", "image."]).is_empty());
    assert_eq!(files(&env), before);
}

#[test]
fn a_shell_is_registered_by_a_script_that_asks_or_by_one_that_does_not() {
    let env = TestEnv::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = env.expect(0, &format!("completions {shell}")).stdout;
        for place in ["@NAME@", "@PROGRAM@", "@COMPLETER@", "@VARIABLE@"] {
            assert!(!script.contains(place), "{script}");
        }
        assert!(script.contains("GOLDFORM_COMPLETE") && script.lines().count() < 60, "{script}");
        let fixed = env.expect(0, &format!("completions {shell} --static")).stdout;
        assert!(fixed.contains("detailed-exitcode") && !fixed.contains("GOLDFORM_COMPLETE"), "{shell}");
    }
    let env = TestEnv::with(MANIFEST).set("GOLDFORM_COMPLETE", "nonsense");
    let ran = env.expect(1, "apply --yes");
    assert!(ran.stderr.contains("unknown shell `nonsense`") && ran.stdout.is_empty(), "{}", ran.text());
    assert!(!env.path("goldform.state.json").exists(), "the command is not run");
}

#[cfg(unix)]
#[test]
fn what_never_ends_or_takes_long_is_not_read() {
    let env = applied(MANIFEST);
    let pipe = |name: &str| assert!(env.command("mkfifo").arg(env.path(name)).status().unwrap().success());
    pipe("pipe.yaml");
    env.write("large/a.yaml", &format!("{MANIFEST}{}", "# nothing\n".repeat(300_000)));
    env.write("large/b.yaml", &"# nothing\n".repeat(300_000));
    env.write("zero.yaml", "version: 1\naccount: \"100000000001\"\nstate: /dev/zero\n");
    for file in ["pipe.yaml", "/dev/zero", "large", "zero.yaml"] {
        let mut command = env.command("timeout");
        command
            .env("GOLDFORM_COMPLETE", "fish")
            .args(["60", PROGRAM, "--", "goldform", "plan", "-f", file, "--target", ""]);
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "{file}: {output:?}");
    }
    pipe("goldform.state.json.journal");
    assert_eq!(candidates(&env, &["plan", "--target", "image.web@"]).len(), 2, "from the manifest");
}
