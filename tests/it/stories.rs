//! Whole stories in `tests/scripts/*.txt`: commands in one folder, and everything that they print.
//!
//! `GOLDFORM_BLESS=1 cargo test --test it stories` writes what is printed into them. Times and ids are taken out.

use std::fs;

use crate::common::{TestEnv, blesses, repository, transcript};

#[test]
fn every_story_goes_as_it_is_told() {
    let folder = repository().join("tests/scripts");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut stale = Vec::new();
    for file in files {
        let told = fs::read_to_string(&file).unwrap();
        let env = TestEnv::new();
        let replayed = env.filter(&transcript::replay(&env, &transcript::parse(&told)));
        if told == replayed {
            continue;
        }
        if blesses() {
            fs::write(&file, replayed).unwrap();
            continue;
        }
        let difference = similar::TextDiff::from_lines(&told, &replayed);
        stale.push(
            difference
                .unified_diff()
                .context_radius(3)
                .header(&file.to_string_lossy(), "replayed")
                .to_string(),
        );
    }
    assert!(
        stale.is_empty(),
        "a story goes differently: set GOLDFORM_BLESS=1 and review\n{}",
        stale.join("\n")
    );
}
