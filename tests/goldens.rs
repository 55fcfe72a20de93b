//! What is published and must not go stale: the examples, the README's tables, and what it says is printed.
//!
//! Regenerate with `GOLDFORM_BLESS=1 cargo test --test goldens`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::CommandFactory as _;
use common::{Filters, TestEnv, blesses, repository, transcript};
use goldform::constraints::{RULES, manifest_schema as schema};
use goldform::manifest::codes::CODES;
use serde_json::Value;

/// Examples that are ahead of the code, each with the reason.
const NOT_YET: &[(&str, &str)] = &[];

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml")
}

/// Whether a folder holds manifests: others explain something.
fn holds_yaml(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| is_yaml(&entry.unwrap().path()))
}

/// The manifests of `examples/`: files, and folders of several files.
fn examples() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_yaml(path) || (path.is_dir() && holds_yaml(path)))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn is_ready(name: &str) -> bool {
    !NOT_YET.iter().any(|(example, _)| *example == name)
}

/// The files that an example consists of.
fn files(name: &str) -> Vec<PathBuf> {
    let path = repository().join("examples").join(name);
    if path.is_file() {
        return vec![path];
    }
    let mut files: Vec<PathBuf> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn with_secrets(env: TestEnv) -> TestEnv {
    env.set("GOLDFORM_VAR_signature", "q-sign-algorithm=sha1&q-signature=0123abcd")
}

#[test]
fn every_example_says_what_it_is_for_and_matches_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let whole: Vec<&str> = vec!["version", "account"];
    for name in examples() {
        for (number, file) in files(&name).iter().enumerate() {
            let text = fs::read_to_string(file).unwrap();
            let depth = if file.parent().unwrap().ends_with("examples") { "../" } else { "../../" };
            let modeline =
                format!("# yaml-language-server: $schema={depth}schemas/manifest.schema.json\n#\n# ");
            assert!(text.starts_with(&modeline), "{}: it starts with\n{modeline}", file.display());
            let mut value: Value = serde_yaml::from_str(&text).unwrap();
            if number > 0 {
                // Only the first of several files must hold what a manifest as a whole must.
                for key in &whole {
                    value[*key] = if *key == "version" { 1.into() } else { "100000000001".into() };
                }
            }
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}:\n{}", file.display(), errors.join("\n"));
        }
    }
}

#[test]
fn a_manifest_that_is_wrong_does_not_match_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let text = fs::read_to_string(repository().join("examples/quickstart.yaml")).unwrap();
    let good: Value = serde_yaml::from_str(&text).unwrap();
    assert!(validator.is_valid(&good));
    for (pointer, value) in [
        ("/version", Value::from(2)),
        ("/account", Value::from(100_000_000_001_u64)),
        ("/images/web-base/regoin", Value::from("ap-jakarta")),
        ("/images/web-base/copies", Value::from("ap-tokyo")),
        ("/images/web-base/replace", Value::from("create_first")),
    ] {
        let mut bad = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = value;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn every_example_is_applied_planned_empty_and_destroyed() {
    for (name, why) in NOT_YET {
        let env = with_secrets(TestEnv::with_examples());
        let ran = env.run(&format!("validate -f examples/{name}"));
        assert_ne!(ran.status, 0, "{name} works now: take it out of the list ({why})");
    }
    for name in examples().iter().filter(|name| is_ready(name)) {
        let env = with_secrets(TestEnv::with_examples());
        let file = format!("-f examples/{name}");
        env.expect(0, &format!("validate {file}"));
        // What lookups find is known after a look at the cloud.
        env.expect(2, &format!("plan --refresh --detailed-exitcode {file}"));
        env.expect(0, &format!("apply --yes {file}"));
        env.expect(0, &format!("plan --detailed-exitcode {file}"));
        env.expect(0, &format!("plan --detailed-exitcode --refresh {file}"));
        env.expect(0, &format!("drift {file}"));
        if name == "fleet.yaml" {
            // It has a protected image, which is deleted only after an apply without the protection.
            let ran = env.run(&format!("destroy --yes {file}"));
            assert_eq!(ran.status, 3, "{}", ran.text());
            env.edit("examples/fleet.yaml", "protect: true", "protect: false");
            env.expect(0, &format!("apply --yes {file}"));
        } else if name == "teams" {
            env.edit("examples/teams/payments.yaml", "protect: true", "protect: false");
            env.expect(0, &format!("apply --yes {file}"));
        }
        env.expect(0, &format!("destroy --yes {file}"));
        let ran = env.run(&format!("state list {file}"));
        // What a lookup found stays recorded: it is nothing that goldform manages.
        let managed: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("lookup.")).collect();
        assert_eq!((ran.status, managed.as_slice()), (0, &[][..]), "{name}: {}", ran.text());
        let world = match name.as_str() {
            "limits.yaml" => "examples/limits.world.db",
            "teams" => "examples/teams/goldform.world.db",
            _ => "examples/goldform.world.db",
        };
        assert_eq!(common::cloud::list_file(&env.path(world)), "", "{name} leaves images behind");
    }
}

/// They name states of their own, so that one may be tried after the other.
#[test]
fn all_examples_can_be_applied_side_by_side() {
    let env = with_secrets(TestEnv::with_examples());
    let names: Vec<String> = examples().into_iter().filter(|name| is_ready(name)).collect();
    for name in &names {
        env.expect(0, &format!("apply --yes -f examples/{name}"));
    }
    for name in &names {
        env.expect(0, &format!("plan --detailed-exitcode --refresh -f examples/{name}"));
    }
}

#[test]
fn the_quickstart_does_what_it_says() {
    let env = TestEnv::with_examples();
    let file = "-f examples/quickstart.yaml";
    let applied = env.expect(0, &format!("apply --yes {file}"));
    assert!(applied.stdout.contains("Applied: "), "{}", applied.text());
    let ids = env.expect(0, &format!("output {file} --format json")).json();
    let regions: std::collections::BTreeSet<&String> = ids
        .as_object()
        .unwrap()
        .values()
        .flat_map(|image| image["regions"].as_object().unwrap().keys())
        .collect();
    assert!(ids.as_object().unwrap().len() >= 2 && regions.len() >= 3, "{ids}");
    env.expect(0, &format!("plan --detailed-exitcode {file}"));
    env.edit("examples/quickstart.yaml", "Ubuntu 22.04 with nginx", "Ubuntu 24.04 with nginx");
    // What lookups find is known after a look at the cloud.
    env.expect(2, &format!("plan --refresh --detailed-exitcode {file}"));
    env.expect(0, &format!("apply --yes {file}"));
    env.expect(0, &format!("destroy --yes {file}"));
    assert_eq!(common::cloud::list_file(&env.path("examples/goldform.world.db")), "");
}

/// Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`.
fn with_section(text: &str, name: &str, content: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (head, rest) = text.split_once(&open).unwrap_or_else(|| panic!("README.md has no {open}"));
    let (_, tail) = rest.split_once(&close).unwrap_or_else(|| panic!("README.md has no {close}"));
    format!("{head}{open}{content}{close}{tail}")
}

fn rule_table() -> String {
    let mut text = String::from("| id | name | default | what it refuses or tells |\n|---|---|---|---|\n");
    for rule in RULES {
        let title = rule.title.replace('|', "\\|");
        text.push_str(&format!("| {} | `{}` | {} | {title} |\n", rule.id, rule.name, rule.level.as_str()));
    }
    text
}

fn code_table() -> String {
    let mut text = String::from("| id | name | is | says |\n|---|---|---|---|\n");
    for code in CODES {
        let title = code.title.replace('|', "\\|");
        text.push_str(&format!("| {} | `{}` | {} | {title} |\n", code.id, code.name, code.severity.as_str()));
    }
    text
}

fn command_table() -> String {
    fn rows(command: &clap::Command, path: &str, text: &mut String) {
        for inner in
            command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set())
        {
            let path = format!("{path}{}", inner.get_name());
            if inner.has_subcommands() {
                rows(inner, &format!("{path} "), text);
            } else {
                let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
                text.push_str(&format!("| `{path}` | {about} |\n"));
            }
        }
    }
    let mut text = String::from("| command | does |\n|---|---|\n");
    rows(&goldform::cli::args::Cli::command(), "", &mut text);
    text
}

fn exit_table() -> String {
    format!("```text\n{}\n```\n", goldform::cli::exit::TABLE)
}

fn format_table() -> String {
    use clap::ValueEnum as _;
    let mut text = String::from("| format | is |\n|---|---|\n");
    for format in goldform::cli::args::ReportFormat::value_variants() {
        let value = format.to_possible_value().unwrap();
        text.push_str(&format!("| `{}` | {} |\n", value.get_name(), value.get_help().unwrap()));
    }
    text
}

/// The lines in which two texts differ, with a few around them.
fn difference(published: &str, fresh: &str) -> String {
    let difference = similar::TextDiff::from_lines(published, fresh);
    difference.unified_diff().context_radius(2).header("published", "fresh").to_string()
}

#[test]
fn the_tables_of_the_readme_are_fresh() {
    let _alone = README.lock();
    let path = repository().join("README.md");
    let published = fs::read_to_string(&path).unwrap();
    let mut fresh = published.clone();
    for (name, content) in [
        ("commands", command_table()),
        ("rules", rule_table()),
        ("codes", code_table()),
        ("exit", exit_table()),
        ("formats", format_table()),
    ] {
        fresh = with_section(&fresh, name, &content);
    }
    if blesses() {
        fs::write(&path, fresh).unwrap();
        return;
    }
    assert!(published == fresh, "{STALE}\n{}", difference(&published, &fresh));
}

const STALE: &str = "README.md is stale: set GOLDFORM_BLESS=1 and test again";

/// Two tests write it, each a part.
static README: Mutex<()> = Mutex::new(());

/// What the README's `console` blocks say is printed is printed: all are run in order in one folder, which has the
/// examples. What differs in ids, times and digests only is left as it is.
#[test]
fn what_the_readme_prints_is_printed() {
    const OPEN: &str = "```console\n";
    let _alone = README.lock();
    let path = repository().join("README.md");
    let published = fs::read_to_string(&path).unwrap();
    let env = TestEnv::with_examples();
    let (mut before, mut after) = (String::new(), String::new());
    let mut pieces = published.split(OPEN);
    let mut fresh = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (block, tail) = piece.split_once("```\n").expect("a block is closed");
        let replayed = transcript::replay(&env, &transcript::parse(block));
        // Ids are counted in each block anew: the worlds of two folders have ids in common.
        before.push_str(&Filters::default().filter(block));
        after.push_str(&Filters::default().filter(&replayed));
        fresh.push_str(&format!("{OPEN}{replayed}```\n{tail}"));
    }
    if before == after {
        return;
    }
    if blesses() {
        fs::write(&path, fresh).unwrap();
        return;
    }
    panic!("{STALE}\n{}", difference(&before, &after));
}

/// What the README shows as a manifest is one: it has no errors, and matches the schema.
#[test]
fn the_manifests_of_the_readme_are_manifests() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut count = 0;
    for block in readme.split("```yaml\n").skip(1) {
        let (text, _) = block.split_once("```\n").unwrap();
        let value: Value = serde_yaml::from_str(text).unwrap();
        assert!(validator.is_valid(&value), "{text}");
        let env = with_secrets(TestEnv::with(text));
        env.expect(0, "validate");
        count += 1;
    }
    assert!(count > 0);
}

/// Files and folders that the README links to are there.
#[test]
fn the_links_of_the_readme_lead_somewhere() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    for link in readme.split("](").skip(1) {
        let (target, _) = link.split_once(')').unwrap();
        assert!(target.starts_with("http") || repository().join(target).exists(), "{target}");
    }
}
