//! Manifests as files: each mistake drawn as its reader sees it.

use std::fs;
use std::path::{Path, PathBuf};

use goldform::diagnostics::{Diagnostic, RenderOptions, render};
use goldform::manifest::{Input, Loaded, Variables, load};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests").join(name)
}

/// The manifests of a folder by name: files, and folders of several files.
fn manifests(name: &str) -> Vec<(String, Vec<Input>)> {
    let mut found: Vec<(String, Vec<Input>)> = Vec::new();
    for entry in fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        let mut files = if path.is_dir() {
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect()
        } else {
            vec![path.clone()]
        };
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        if !files.is_empty() {
            let inputs = files.iter().map(|file| Input {
                name: file.file_name().unwrap().to_str().unwrap().to_owned(),
                bytes: fs::read(file).unwrap(),
            });
            found.push((path.file_stem().unwrap().to_str().unwrap().to_owned(), inputs.collect()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn drawn(loaded: &Loaded, options: RenderOptions) -> String {
    render(&loaded.diagnostics, &|place| loaded.locator.place(place), loaded.locator.sources(), options)
}

#[test]
fn the_corrected_lines_of_text_for_a_mapping_are_accepted() {
    let text = fs::read_to_string(folder("invalid/type-shorthand.yaml")).unwrap();
    let read = |text: &str| {
        load(vec![Input { name: "a.yaml".to_owned(), bytes: text.into() }], &Variables::default())
    };
    let found = read(&text);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for diagnostic in &found.diagnostics {
        let at = line(&found, diagnostic) - 1;
        let indent = lines[at].len() - lines[at].trim_start().len();
        lines[at] = format!("{}{}", " ".repeat(indent), diagnostic.help.as_deref().unwrap());
    }
    let corrected = read(&lines.join("\n"));
    assert!(corrected.diagnostics.is_empty(), "{}", drawn(&corrected, RenderOptions::default()));
}

/// The line that a diagnostic's first label is on, from 1.
fn line(loaded: &Loaded, diagnostic: &Diagnostic) -> usize {
    let span = loaded.locator.place(&diagnostic.labels[0].place).unwrap();
    let text = &loaded.locator.sources().get(span.file).unwrap().text;
    text[..span.start].lines().count() + usize::from(text[..span.start].ends_with('\n') || span.start == 0)
}

#[test]
fn every_mistake_is_reported_as_its_reader_needs_it() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder("invalid"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, inputs) in manifests("invalid") {
        let loaded = load(inputs, &Variables::default());
        assert!(!loaded.diagnostics.is_empty(), "{name}");
        settings.bind(|| insta::assert_snapshot!(name.as_str(), drawn(&loaded, RenderOptions::default())));
    }
}

#[test]
fn every_code_has_a_manifest_that_shows_it() {
    let mut shown: Vec<&str> = manifests("invalid")
        .into_iter()
        .flat_map(|(_, inputs)| load(inputs, &Variables::default()).diagnostics)
        .chain(load(Vec::new(), &Variables::default()).diagnostics)
        .map(|diagnostic| diagnostic.code.id)
        .collect();
    shown.sort_unstable();
    shown.dedup();
    // An unknown rule is found by `constraints::Levels`, values from outside of the manifest in `cli/inputs.rs`.
    let ids = goldform::diagnostics::catalogue::syntax::CODES.iter().map(|code| code.id);
    let all: Vec<&str> = ids.filter(|id| !["GF132", "GF133", "GF199"].contains(id)).collect();
    assert_eq!(shown, all);
}

#[test]
fn ten_mistakes_are_ten_diagnostics_each_on_its_line() {
    let (_, inputs) = manifests("invalid").into_iter().find(|(name, _)| name == "ten-mistakes").unwrap();
    let text = String::from_utf8(inputs[0].bytes.clone()).unwrap();
    let expected: Vec<usize> = (1..=10)
        .map(|number| text.lines().position(|line| line.contains(&format!("# {number}:"))).unwrap() + 1)
        .collect();
    let loaded = load(inputs, &Variables::default());
    let found: Vec<usize> = loaded.diagnostics.iter().map(|diagnostic| line(&loaded, diagnostic)).collect();
    assert_eq!(found, expected, "{}", drawn(&loaded, RenderOptions::default()));
    assert!(!loaded.complete && loaded.desired.is_some());
}

/// Regenerate with `INSTA_UPDATE=always cargo test --test it manifest::`.
#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/manifest.schema.json");
    let mut text = serde_json::to_string_pretty(&goldform::constraints::manifest_schema()).unwrap();
    text.push('\n');
    if crate::common::blesses() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(published == text, "{} is stale: set INSTA_UPDATE=always and test again", path.display());
}

/// Every YAML file below a folder.
fn yaml_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// The schema may let pass more than goldform, and never less.
#[test]
fn every_manifest_that_is_accepted_matches_the_schema() {
    let validator = jsonschema::validator_for(&goldform::constraints::manifest_schema()).unwrap();
    let mut files = Vec::new();
    for folder in ["examples", "tests"] {
        yaml_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let variables = Variables::new([("signature".to_owned(), "q-sign=1".to_owned())].into());
    let mut accepted = 0;
    for file in &files {
        let bytes = fs::read(file).unwrap();
        let loaded = load(vec![Input { name: "a.yaml".into(), bytes: bytes.clone() }], &variables);
        if !loaded.complete {
            continue;
        }
        let value: serde_json::Value = serde_yaml::from_slice(&bytes).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        accepted += 1;
    }
    assert!(accepted > 60, "{accepted} of {}", files.len());
}
