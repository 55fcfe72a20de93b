//! Whole stories in `tests/scripts/*.txt`: commands in one folder, and everything that they print.
//!
//! `INSTA_UPDATE=always cargo test --test it stories` writes what is printed into them. Times and ids are taken out.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{TestEnv, blesses, repository, transcript};

#[test]
fn every_story_goes_as_it_is_reported() {
    let folder = repository().join("tests/scripts");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    // Side by side: they wait more than they work.
    let stale: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = files.iter().map(|file| scope.spawn(|| differs(file))).collect();
        running.into_iter().filter_map(|story| story.join().unwrap()).collect()
    });
    assert!(
        stale.is_empty(),
        "a story has other output: set INSTA_UPDATE=always and review\n{}",
        stale.join("\n")
    );
}

/// Returns how the output of a story differs from the stored one, if it does. Stores it if that is asked for.
fn differs(file: &Path) -> Option<String> {
    let reported = fs::read_to_string(file).unwrap();
    if let Some(program) = reported.lines().find_map(|line| line.strip_prefix("# Needs ")?.strip_suffix('.'))
        && Command::new(program).arg("--version").output().is_err()
    {
        println!("{}: not run, since there is no {program}", file.display());
        return None;
    }
    let env = TestEnv::quick();
    let replayed = env.filter(&transcript::replay(&env, &transcript::parse(&reported)));
    if reported == replayed {
        return None;
    }
    if blesses() {
        fs::write(file, replayed).unwrap();
        return None;
    }
    let difference = similar::TextDiff::from_lines(&reported, &replayed);
    let header = file.to_string_lossy();
    Some(difference.unified_diff().context_radius(3).header(&header, "replayed").to_string())
}
