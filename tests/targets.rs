//! The properties of `goldform::testing::targets` for the committed corpus of the fuzz targets, and for seeded mutations of
//! it: a bounded run on the stable compiler. `.fuzz/README.md` says how the long runs are started.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use goldform::testing::targets::{TARGETS, check};

use crate::common::repository;

/// The committed inputs of a target, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = repository().join(".fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Pieces of text that mean something to one of the readers.
const TOKENS: &[&str] = &[
    "\n",
    "\r\n",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{feff}",
    "::error::x",
    "##[error]x",
    "${",
    "${a}",
    "$${",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|\n",
    ">-\n",
    "---\n",
    "? ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "null",
    "true",
    "1e999",
    "-1",
    "18446744073709551616",
    "\"\"",
    "''",
    "\\u0000",
    "../",
    "//",
    "%00",
    "Host: ",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "é",
    "日本",
    "\0",
    "image.web@ap-tokyo#1",
    "img-6pb6lrmy",
    "ap-tokyo",
    "200000000001",
];

/// Changes an input in one to four places.
fn mutated(seeds: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..=bytes.len());
        let end = at + random.usize(..=(bytes.len() - at).min(40));
        let with: Vec<u8> = match random.u8(..6) {
            0 => Vec::new(),
            1 => vec![random.u8(..)],
            2 => TOKENS[random.usize(..TOKENS.len())].into(),
            3 => bytes[at..end].repeat(2),
            4 => {
                let other = &seeds[random.usize(..seeds.len())];
                let from = random.usize(..=other.len());
                other[from..from + random.usize(..=(other.len() - from).min(200))].to_vec()
            }
            _ => bytes[at..end].iter().map(|byte| byte ^ (1 << random.u8(..8))).collect(),
        };
        let end = if random.bool() { at } else { end };
        bytes.splice(at..end, with);
    }
    bytes
}

/// Runs a target over its corpus and so many mutations of it.
fn run(name: &str, mutations: usize) {
    let seeds = corpus(name);
    assert!(seeds.len() >= 3, "{name}: {} inputs", seeds.len());
    // A different seed for every target, and the same in every run.
    let mut random = fastrand::Rng::with_seed(name.len() as u64);
    let small: Vec<Vec<u8>> = seeds.iter().filter(|seed| seed.len() <= 16_384).cloned().collect();
    let mutations = (0..mutations).map(|_| mutated(&small, &mut random));
    for bytes in seeds.iter().cloned().chain(mutations) {
        if catch_unwind(AssertUnwindSafe(|| check(name, &bytes))).is_err() {
            panic!("{name}: the property does not hold for {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

macro_rules! targets {
    ($($name:ident: $mutations:literal;)+) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name), $mutations);
            }
        )+

        #[test]
        fn every_target_is_run_and_is_a_program_of_the_fuzzer() {
            let run: Vec<&str> = vec![$(stringify!($name)),+];
            let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(run, known);
            let read = |path: &str| fs::read_to_string(repository().join(".fuzz").join(path)).unwrap();
            let package = read("Cargo.toml");
            for name in known {
                assert!(package.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
                assert!(read(&format!("fuzz_targets/{name}.rs")).contains(&format!("check(\"{name}\", bytes)")), "{name}");
            }
        }
    };
}

targets! {
    manifest: 150;
    variables: 3000;
    state: 400;
    plan_file: 200;
    journal: 200;
    response: 1500;
    signature_header: 600;
    served_request: 600;
    object_listing: 400;
}
