//! The words of `.github/CONTRIBUTING.md`: comments, messages, help texts and pages use the field's terms.
//!
//! Help texts and messages are written in `src/`, so reading the sources covers them.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::common::repository;

/// Words that are not used, each with what to write instead.
const UNUSED: &[(&str, &str)] = &[
    (r"(?i)\b(tell|tells|told|telling)\b", "report, print, return, show"),
    (r"(?i)\b(stands?|stood|standing)\b", "is, exists, has, contains"),
    (
        r"(?i)\b(look|looks|looked|looking) (at|for|into|again|back)\b|\b(a|last|second) look\b",
        "observe, check, search",
    ),
    (r"(?i)\b(nothing|none|nobody) where\b", "`None` if, nothing if"),
    (r"(?i)\b(is|are) to be\b", "the verb itself"),
    (r"(?i)\bthat (is|are) none\b", "is not a"),
    (r"(?i)\b(whoever|anew|all the same)\b", "who, again, nonetheless"),
    (r"(?i)\bgoes (on|early|first|before|away)\b|\bgoes[.;]", "continues, is deleted"),
    (r"(?i)\bwhat there (is|are)\b|\bof a kind\b", "a noun"),
    (r"(?i)\bwish(es)?\b", "options, request"),
    (r"(?i)\bintention\b", "mode"),
    (r"(?i)\btaken? over\b", "adopt"),
    (r"(^|/// |//! |\. )Gives\b", "Returns"),
];

/// Lines that may have one: they name the word itself, or a stored key.
const ALLOWED: &[&str] = &[r#"rename = "wish""#, r#"rename = "intention""#];

/// Files below a folder that have text of ours, and are not recorded output.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    const TEXT: &[&str] = &["rs", "md", "yaml", "yml", "toml", "py", "sh", "css", "bash", "json"];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let is_ours = !name.starts_with('.') || matches!(name.as_str(), ".ci" | ".github");
            if is_ours && !matches!(name.as_str(), "target" | "manifests") {
                below(&path, found);
            }
        } else if name != "words.rs" && name != "CHANGELOG.md" {
            let kind = path.extension().map(|kind| kind.to_string_lossy().into_owned());
            // A script has no extension, and neither has anything else that is tracked in `.ci`.
            let is_script = kind.is_none() && path.components().any(|part| part.as_os_str() == ".ci");
            if is_script || kind.is_some_and(|kind| TEXT.contains(&kind.as_str())) {
                found.push(path);
            }
        }
    }
}

#[test]
fn no_text_uses_the_words_that_readers_stumble_over() {
    let words: Vec<(Regex, &str)> =
        UNUSED.iter().map(|(word, better)| (Regex::new(word).unwrap(), *better)).collect();
    let mut files = Vec::new();
    below(repository(), &mut files);
    assert!(files.len() > 500, "{}", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let Ok(text) = fs::read_to_string(file) else { continue };
        let name = file.strip_prefix(repository()).unwrap().display();
        for (number, line) in text.lines().enumerate() {
            if ALLOWED.iter().any(|allowed| line.contains(allowed)) {
                continue;
            }
            for (word, better) in &words {
                if is_used(word, line) {
                    wrong.push(format!("{name}:{}: {}\n    write: {better}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines\n{}", wrong.len(), wrong.join("\n"));
}

/// "Stands for" is a term, and `regex` has no look-ahead: it is cut out before the line is searched.
fn is_used(word: &Regex, line: &str) -> bool {
    word.is_match(&line.replace("stands for", "").replace("stand for", ""))
}

#[test]
fn the_words_are_found() {
    for (line, is_wrong) in [
        ("/// What it told.", true),
        ("/// The value stands in the text.", true),
        ("/// `*` stands for every region.", false),
        ("/// Looks the id up.", false),
        ("/// A look at the cloud.", true),
        ("/// Gives the id.", true),
        ("/// A step gives a slot.", false),
        ("/// Nothing goes wrong.", false),
        ("/// The old image goes first.", true),
    ] {
        let found = UNUSED.iter().any(|(word, _)| is_used(&Regex::new(word).unwrap(), line));
        assert_eq!(found, is_wrong, "{line}");
    }
}
