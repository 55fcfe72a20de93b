//! `.github/SECURITY.md`: each threat has a defence, and each test that it names exists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::repository;

/// Rows of the table as threat, defence and tests. Headings of groups are left out.
fn rows(page: &str) -> Vec<[String; 3]> {
    let lines = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    lines
        .take_while(|line| line.starts_with('|'))
        .filter(|line| !line.starts_with("| **"))
        .map(|line| {
            let cells: Vec<String> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            <[String; 3]>::try_from(cells).unwrap_or_else(|cells| panic!("{cells:?}"))
        })
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a file of a module has a test. Modules named `tests` are part of the module that they test.
fn has_test(files: &[PathBuf], name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").unwrap();
    let module: Vec<&str> = module.split("::").collect();
    files.iter().any(|file| {
        let relative = file.strip_prefix(repository()).unwrap().with_extension("");
        let parts: Vec<String> = relative
            .components()
            .skip(1)
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        let parts: Vec<&str> =
            parts.iter().map(String::as_str).filter(|part| !matches!(*part, "mod" | "tests")).collect();
        parts == module && is_test(&fs::read_to_string(file).unwrap(), function)
    })
}

/// Whether a text has a test function: written out, or a line of the list of targets.
fn is_test(text: &str, function: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(number, line)| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let is_function =
            line.strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{function}(")));
        let above = &lines[number.saturating_sub(2)..number];
        let is_attributed = above.iter().any(|line| matches!(*line, "#[test]" | "#[tokio::test]"));
        (is_function && is_attributed)
            || (text.contains("\ntargets! {") && line.starts_with(&format!("{function}: ")))
    })
}

#[test]
fn every_threat_has_a_defence_and_every_test_that_it_names_exists() {
    let folder = repository().join(".github");
    let rows = rows(&fs::read_to_string(folder.join("SECURITY.md")).unwrap());
    assert!(rows.len() > 25, "{}", rows.len());
    let mut files = Vec::new();
    for below in ["src", "tests"] {
        sources(&repository().join(below), &mut files);
    }
    let mut missing = Vec::new();
    for [threat, defence, tests] in &rows {
        assert!(!threat.is_empty() && !defence.is_empty() && !tests.is_empty(), "{threat}");
        for shown in tests.split(", ") {
            let exists = match shown.strip_prefix('[') {
                Some(link) => link
                    .split_once("](")
                    .is_some_and(|(_, to)| folder.join(to.trim_end_matches(')')).exists()),
                None => has_test(&files, shown.trim_matches('`')),
            };
            if !exists {
                missing.push(format!("{threat}: {shown}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    let mut files = Vec::new();
    sources(&repository().join("tests"), &mut files);
    assert!(has_test(&files, "security::a_test_that_does_not_exist_is_noticed"));
    assert!(has_test(&files, "targets::manifest"));
    assert!(!has_test(&files, "security::rows") && !has_test(&files, "security::another"));
    assert!(!has_test(&files, "words::a_test_that_does_not_exist_is_noticed"));
}
