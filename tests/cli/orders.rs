//! Names of files and texts of others, where a terminal or a build server would obey them.

use crate::cli::WEB;
use crate::common::TestEnv;

const NAME: &str = "\n::error::x\u{1b}[2J.yaml";

/// Fails where a line would be an order, or a code reaches the terminal.
fn assert_harmless(reported: &str, of: &[&str]) {
    assert!(!reported.lines().any(|line| line.trim_start().starts_with("::")), "{of:?}: {reported}");
    assert!(!reported.contains('\u{1b}'), "{of:?}: {reported:?}");
}

#[test]
fn the_name_of_a_file_stays_in_its_line_and_is_no_order() {
    let env = TestEnv::with(WEB);
    env.write(NAME, "version: 1\naccount: 100\n");
    for words in [
        ["validate", "-f"],
        ["validate", "--var-file"],
        ["plan", "--state"],
        ["apply", "--expect"],
        ["import", "--terraform"],
        ["apply", "--yes"],
        ["show", "--quiet"],
    ] {
        let arguments = [words[0], words[1], NAME];
        let ran = env.run_words(&arguments);
        assert_eq!(ran.status, 1, "{}", ran.text());
        assert_harmless(&ran.stderr, &arguments);
        assert_harmless(&ran.stdout, &arguments);
        assert!(ran.stderr.contains("\\n::error::x\\u{1b}[2J.yaml"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn arguments_that_are_not_understood_are_no_orders() {
    let env = TestEnv::with(WEB);
    for arguments in [&[NAME][..], &["plan", "--format", NAME], &["plan", NAME]] {
        let ran = env.run_words(arguments);
        assert_eq!(ran.status, 1, "{}", ran.text());
        assert_harmless(&ran.stderr, arguments);
    }
}

#[test]
fn what_a_record_says_is_no_order() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    let text = env.read("goldform.state.json");
    let (head, tail) = text.split_once("\"lineage\": \"").unwrap();
    let edited = format!("{head}\"lineage\": \"x\\n::error::y\\u001b[2J{tail}");
    let sealed = goldform::state::Snapshot::from_edited(edited.as_bytes()).unwrap().to_text().unwrap();
    env.write("goldform.state.json", &sealed);
    for arguments in [&["show"][..], &["show", "goldform.state.json"]] {
        let ran = env.run_words(arguments);
        assert_eq!(ran.status, 0, "{}", ran.text());
        assert_harmless(&ran.stdout, arguments);
    }
    let painted = env.run("show --color always");
    assert!(
        painted.stdout.contains("\u{1b}[1m") && !painted.stdout.contains("\u{1b}[2J"),
        "{}",
        painted.text()
    );
}
