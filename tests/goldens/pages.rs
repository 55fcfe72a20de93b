//! Every page in Markdown: what it prints is printed, its tables and pictures are fresh, its manifests are manifests,
//! its commands exist, and its links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use goldform::cli::args::Cli;
use goldform::cloud::sim::{Settings, Sim};
use goldform::constraints::manifest_schema;
use jiff::SignedDuration;
use regex::Regex;
use serde_json::Value;

use crate::common::{TestEnv, blesses, repository};
use crate::goldens::examples::with_secrets;
use crate::goldens::reference;
use crate::goldens::sync::{blocks, lines, printed, with_section};

/// What a page has between `<!-- NAME -->` and `<!-- /NAME -->`.
type Section = (&'static str, fn() -> String);

/// Pages with sections that are generated, or with commands that are run.
const LIVING: &[(&str, &[Section])] = &[
    ("README.md", &[("quickstart", quickstart)]),
    ("examples/README.md", &[]),
    (
        "schemas/README.md",
        &[("keys", reference::keys), ("rules", reference::rules), ("codes", reference::codes)],
    ),
];

/// The most lines that the README may have: it introduces, and other pages explain.
const LONGEST_README: usize = 250;

/// Every page of the repository, from its root.
fn pages() -> Vec<String> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_ours = !name.starts_with('.') || name == ".github";
            if path.is_dir() && is_ours && name != "target" {
                below(&path, found);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    below(repository(), &mut found);
    let name = |path: &PathBuf| path.strip_prefix(repository()).unwrap().to_string_lossy().into_owned();
    let mut names: Vec<String> = found.iter().map(name).collect();
    names.sort();
    assert!(names.len() > 8, "{names:?}");
    names
}

fn read(page: &str) -> String {
    fs::read_to_string(repository().join(page)).unwrap()
}

/// The manifest of the README: an example without the comment at its top.
fn quickstart() -> String {
    let text = read("examples/quickstart.yaml");
    let start = text.find("version: 1").unwrap();
    format!("```yaml\n{}```\n", &text[start..])
}

/// A folder with the examples, in whose worlds images are ready at once.
fn quick() -> TestEnv {
    let env = TestEnv::with_examples();
    for world in ["goldform.world.db", "examples/goldform.world.db", "examples/limits.world.db"] {
        let settings = Settings { settle: SignedDuration::ZERO, ..Settings::default() };
        Sim::open(&env.path(world), settings.clone()).unwrap().set_settings(settings).unwrap();
    }
    env
}

/// The lines in which two texts differ, with a few around them.
fn difference(published: &str, fresh: &str) -> String {
    let difference = similar::TextDiff::from_lines(published, fresh);
    difference.unified_diff().context_radius(2).header("published", "fresh").to_string()
}

/// Compares a file with what it should be, or writes it.
fn is_fresh(name: &str, published: &str, fresh: &str) {
    if published == fresh {
        return;
    }
    if blesses() {
        fs::write(repository().join(name), fresh).unwrap();
        return;
    }
    panic!("{name} is stale: set INSTA_UPDATE=always and test again\n{}", difference(published, fresh));
}

fn lives(page: &str, folder: fn() -> TestEnv) {
    let (_, sections) = LIVING.iter().find(|(name, _)| *name == page).unwrap();
    let published = read(page);
    let mut fresh = published.clone();
    for (name, content) in *sections {
        fresh = with_section(&fresh, name, &content());
    }
    fresh = printed(&fresh, folder);
    is_fresh(page, &published, &fresh);
}

/// In the world as its users meet it, in which images take their time.
#[test]
fn the_readme_is_fresh() {
    lives("README.md", TestEnv::with_examples);
}

#[test]
fn the_cookbook_is_fresh() {
    lives("examples/README.md", quick);
}

#[test]
fn the_reference_of_the_manifest_is_fresh() {
    lives("schemas/README.md", quick);
}

/// Only the pages above have commands with what they print, and sections.
#[test]
fn no_other_page_promises_what_is_not_tested() {
    for page in pages().iter().filter(|page| !LIVING.iter().any(|(name, _)| name == page)) {
        let consoles = blocks(&read(page)).into_iter().filter(|block| block.language == "console").count();
        assert_eq!(consoles, 0, "{page}");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= LONGEST_README, "{lines} lines, at most {LONGEST_README}: explain it on another page");
}

/// The README's picture: the quickstart's `web-base` after its revision has changed.
#[test]
fn the_picture_of_the_readme_is_what_the_program_draws() {
    let env = quick();
    env.expect(0, "apply --yes --quiet -f examples/quickstart.yaml");
    env.edit("examples/quickstart.yaml", "2026-11-24", "2026-12-01");
    let drawn =
        env.expect(0, "graph -f examples/quickstart.yaml --target image.web-base --format svg").stdout;
    assert!(drawn.matches("gf-step").count() > 10, "{drawn}");
    let published = fs::read_to_string(repository().join(".github/plan.svg")).unwrap_or_default();
    is_fresh(".github/plan.svg", &published, &drawn);
}

/// A block with a version is a manifest: it has no errors, and matches the schema.
#[test]
fn the_manifests_of_the_pages_are_manifests() {
    let validator = jsonschema::validator_for(&manifest_schema()).unwrap();
    let mut count = 0;
    for page in pages() {
        for block in blocks(&read(&page)).iter().filter(|block| block.language == "yaml") {
            if !block.text.contains("version: 1\n") {
                continue;
            }
            let value: Value = serde_yaml::from_str(&block.text).unwrap();
            assert!(validator.is_valid(&value), "{page}:\n{}", block.text);
            let ran = with_secrets(TestEnv::with(&block.text)).run("validate");
            assert_eq!(ran.status, 0, "{page}:\n{}", ran.text());
            count += 1;
        }
    }
    assert!(count > 3, "{count}");
}

/// Every command that a page shows can be typed: its name, its flags and their values are known.
#[test]
fn the_commands_of_the_pages_exist() {
    let command =
        Regex::new(r"(?m)^(?:[A-Z_]+=\S+ )*(goldform [^|>;&\n]+?)(?: +#.*| *\d?[|>;&].*)?$").unwrap();
    let mut count = 0;
    for page in pages() {
        for block in blocks(&read(&page)) {
            if !["sh", "console", "yaml"].contains(&block.language.as_str()) {
                continue;
            }
            let text = block.text.replace("$ goldform", "goldform").replace("run: goldform", "goldform");
            for found in command.captures_iter(&text) {
                let words = found[1].split_whitespace().map(|word| word.trim_matches(['\'', '"']));
                if let Err(error) = Cli::try_parse_from(words) {
                    let is_answer =
                        matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
                    assert!(is_answer, "{page}: {}\n{error}", &found[1]);
                }
                count += 1;
            }
        }
    }
    assert!(count > 40, "{count}");
}

/// The headings of a page, as links to them are written.
fn anchors(page: &str) -> Vec<String> {
    let headings = lines(page).into_iter().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Links lead to files, folders and headings that are there.
#[test]
fn the_links_of_the_pages_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut wrong = Vec::new();
    for page in pages() {
        let folder = repository().join(&page).parent().unwrap().to_path_buf();
        for found in link.captures_iter(&lines(&read(&page)).join("\n")) {
            let (file, anchor) = found[1].split_once('#').unwrap_or((&found[1], ""));
            if file.starts_with("http") {
                continue;
            }
            let target = if file.is_empty() { repository().join(&page) } else { folder.join(file) };
            let is_heading = anchor.is_empty()
                || fs::read_to_string(&target)
                    .is_ok_and(|text| anchors(&text).iter().any(|known| known == anchor));
            if !target.exists() || !is_heading {
                wrong.push(format!("{page}: {}", &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The README names every variable of the environment that the program reads.
#[test]
fn every_variable_of_the_environment_is_in_the_readme() {
    let variable = Regex::new(r#""([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+_?|CI|TERM)""#).unwrap();
    let readme = read("README.md");
    let mut sources = vec![repository().join("src/cli/env.rs")];
    for name in ["chain", "environment", "file", "metadata"] {
        sources.push(repository().join(format!("src/cloud/client/credentials/{name}.rs")));
    }
    let mut count = 0;
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        for found in variable.captures_iter(&text) {
            assert!(readme.contains(&found[1]), "{} reads {}", source.display(), &found[1]);
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}
