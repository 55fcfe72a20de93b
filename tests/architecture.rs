//! The order of the folders of `src/`, as the table in `src/lib.rs` has it: each uses only those above it, and
//! those above the line are pure.
//!
//! Code of unit tests (`#[cfg(test)]`) is exempt: it may use the sandbox or a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders, in order: each uses only those before it.
const FOLDERS: &[&str] = &[
    "model",
    "diagnostics",
    "manifest",
    "state",
    "diff",
    "plan",
    "constraints",
    "report",
    // Purity ends here.
    "cloud",
    "backend",
    "apply",
    "engine",
    "cli",
    "testing",
];

/// How many of them are pure.
const PURE: usize = 8;

/// What pure code does not name: how such a path starts.
const IMPURE_ROOTS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
    "reqwest",
    "rusqlite",
    "indicatif",
];

/// What pure code does not call: how such a path ends.
const IMPURE_FUNCTIONS: &[&str] =
    &["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "Uuid::new_v4"];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// Words and signs, without comments, texts and characters.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let c = at(i);
        let start = i;
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 || i >= chars.len() {
                    break;
                }
            }
        } else if let Some(end) = raw_string(&chars, i) {
            i = end;
        } else if c == '"' || (matches!(c, 'b' | 'c') && at(i + 1) == '"') {
            i += if c == '"' { 1 } else { 2 };
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            i += 2;
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else if c.is_alphanumeric() || c == '_' {
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            found.push(Token { text: chars[start..i].iter().collect(), line });
        } else if c == ':' && at(i + 1) == ':' {
            i += 2;
            found.push(Token { text: "::".to_owned(), line });
        } else {
            i += 1;
            if !c.is_whitespace() {
                found.push(Token { text: c.to_string(), line });
            }
        }
        line += chars[start..i.min(chars.len())].iter().filter(|&&c| c == '\n').count();
    }
    found
}

/// The end of a raw string (`r"…"`, `r#"…"#`, `br"…"`) that starts here.
fn raw_string(chars: &[char], start: usize) -> Option<usize> {
    let at = |i: usize| chars.get(i).copied();
    if start > 0 && at(start - 1).is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let mut i = start + usize::from(matches!(at(start), Some('b' | 'c')));
    (at(i) == Some('r')).then_some(())?;
    i += 1;
    let first = i;
    while at(i) == Some('#') {
        i += 1;
    }
    let hashes = i - first;
    (at(i) == Some('"')).then_some(())?;
    loop {
        i += 1;
        at(i)?;
        if at(i) == Some('"') && (1..=hashes).all(|n| at(i + n) == Some('#')) {
            return Some(i + 1 + hashes);
        }
    }
}

fn is(tokens: &[Token], at: usize, texts: &[&str]) -> bool {
    texts.iter().enumerate().all(|(n, text)| tokens.get(at + n).is_some_and(|token| token.text == *text))
}

/// The end of the brackets that open here.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The tokens without items under `#[cfg(test)]`, and the modules in other files that are under it.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut modules, mut i) = (Vec::new(), Vec::new(), 0);
    while i < tokens.len() {
        let is_test = is(tokens, i, &["#", "[", "cfg", "(", "test", ")", "]"])
            || is(tokens, i, &["#", "[", "cfg", "(", "all", "(", "test"]);
        if !is_test {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        while is(tokens, i, &["#", "["]) {
            i = closing(tokens, i + 1);
        }
        let start = i;
        while i < tokens.len() && !matches!(tokens[i].text.as_str(), "{" | ";") {
            i = if matches!(tokens[i].text.as_str(), "(" | "[") { closing(tokens, i) } else { i + 1 };
        }
        if is(tokens, i, &[";"]) {
            if let Some(name) = (start..i).find(|&at| tokens[at].text == "mod") {
                modules.push(tokens[name + 1].text.clone());
            }
            i += 1;
        } else {
            let is_use = (start..i).any(|at| tokens[at].text == "use");
            i = closing(tokens, i);
            i += usize::from(is_use && is(tokens, i, &[";"]));
        }
    }
    (kept, modules)
}

/// Every path that starts here: one, or each of a `use` of several.
fn paths(tokens: &[Token], at: usize) -> (Vec<Vec<String>>, usize) {
    let head = vec![tokens[at].text.clone()];
    if !is(tokens, at + 1, &["::"]) {
        return (vec![head], at + 1);
    }
    let next = at + 2;
    let tails = if is(tokens, next, &["{"]) {
        let (end, mut all, mut i) = (closing(tokens, next), Vec::new(), next + 1);
        while i + 1 < end {
            if tokens[i].text == "," {
                i += 1;
                continue;
            }
            let (tails, after) = paths(tokens, i);
            all.extend(tails);
            i = after.max(i + 1);
            while i + 1 < end && tokens[i].text != "," {
                i += 1; // `as name`
            }
        }
        return (prefixed(&head, all), end);
    } else if next < tokens.len() {
        paths(tokens, next)
    } else {
        (Vec::new(), next)
    };
    (prefixed(&head, tails.0), tails.1)
}

fn prefixed(head: &[String], tails: Vec<Vec<String>>) -> Vec<Vec<String>> {
    tails.into_iter().map(|tail| head.iter().cloned().chain(tail).collect()).collect()
}

/// Every path of a file with its line; `super` is followed to the root where it leads there.
fn all_paths(tokens: &[Token], depth: usize) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let is_word = tokens[i].text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !is_word || !is(tokens, i + 1, &["::"]) {
            i += 1;
            continue;
        }
        let line = tokens[i].line;
        let (all, end) = paths(tokens, i);
        for mut path in all {
            let supers = path.iter().take_while(|word| *word == "super").count();
            if supers >= depth && supers > 0 {
                path.splice(..supers, ["crate".to_owned()]);
            }
            found.push((line, path));
        }
        i = end;
    }
    found
}

struct Source {
    /// Path below `src/`.
    name: String,
    folder: String,
    /// Path of the module: `["plan", "build", "draft"]`.
    module: Vec<String>,
    /// Modules of its `pub use`: they name, but do not use.
    exports: BTreeMap<String, Vec<String>>,
    paths: Vec<(usize, Vec<String>)>,
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The sources that are not tests, with the paths that they name.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let read: BTreeMap<PathBuf, (Vec<Token>, Vec<String>)> = files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, without_tests(&tokens(&text)))
        })
        .collect();
    let mut tests: BTreeSet<PathBuf> = BTreeSet::new();
    for (path, (_, modules)) in &read {
        let is_root = path.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
        let folder = if is_root { path.parent().unwrap().to_path_buf() } else { path.with_extension("") };
        for module in modules {
            tests.insert(folder.join(format!("{module}.rs")));
            tests.insert(folder.join(module));
        }
    }
    read.into_iter()
        .filter(|(path, _)| !path.ancestors().any(|ancestor| tests.contains(ancestor)))
        .filter_map(|(path, (tokens, _))| {
            let below = path.strip_prefix(&root).unwrap();
            let words: Vec<String> =
                below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            if words.len() < 2 {
                return None; // lib.rs, main.rs: they name every folder
            }
            let depth = words.len() - usize::from(words.last().is_some_and(|name| name == "mod.rs"));
            let (name, folder) = (words.join("/"), words[0].clone());
            let mut module = words;
            let file = module.pop().unwrap();
            if file != "mod.rs" {
                module.push(file.trim_end_matches(".rs").to_owned());
            }
            let exports = exports(&tokens, &module);
            Some(Source { name, folder, module, exports, paths: all_paths(&tokens, depth) })
        })
        .collect()
}

/// A path of a module as one from the root, without `crate`, `self` and `super`.
fn from_root(path: &[String], module: &[String]) -> Option<Vec<String>> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some(module.iter().chain(&path[1..]).cloned().collect()),
        "super" => {
            let supers = path.iter().take_while(|word| *word == "super").count();
            let above = module.get(..module.len().checked_sub(supers)?)?;
            Some(above.iter().chain(&path[supers..]).cloned().collect())
        }
        // A child module that is named without a prefix.
        _ => Some(module.iter().chain(path).cloned().collect()),
    }
}

/// The names that a module exports from others by `pub use`.
fn exports(tokens: &[Token], module: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut i = 0;
    while i < tokens.len() {
        let after_pub = match is(tokens, i, &["pub"]) {
            true if is(tokens, i + 1, &["("]) => closing(tokens, i + 1),
            true => i + 1,
            false => {
                i += 1;
                continue;
            }
        };
        i = after_pub;
        if is(tokens, i, &["use"]) {
            for path in paths(tokens, i + 1).0 {
                if let (Some(name), Some(path)) = (path.last().cloned(), from_root(&path, module)) {
                    found.insert(name, path);
                }
            }
        }
    }
    found
}

/// The file that a path from the root leads to, through `pub use`.
fn file_of(path: &[String], files: &BTreeMap<&[String], &Source>, depth: usize) -> Option<Vec<String>> {
    let length = (1..=path.len()).rev().find(|length| files.contains_key(&path[..*length]))?;
    let source = files[&path[..length]];
    match path.get(length).and_then(|name| source.exports.get(name)) {
        Some(other) if depth < 8 => {
            let rest = &path[length + 1..];
            let other: Vec<String> = other.iter().chain(rest).cloned().collect();
            file_of(&other, files, depth + 1).or_else(|| Some(source.module.clone()))
        }
        _ => Some(source.module.clone()),
    }
}

/// A module and one that lies in it: they are one idea in two files, and may name each other.
fn is_within(one: &[String], other: &[String]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The circles of files that use each other, each with its files.
fn circles(sources: &[Source]) -> Vec<Vec<String>> {
    let files: BTreeMap<&[String], &Source> =
        sources.iter().map(|source| (source.module.as_slice(), source)).collect();
    let uses: BTreeMap<&[String], BTreeSet<&[String]>> = sources
        .iter()
        .map(|source| {
            let own = source.module.as_slice();
            let used = source.paths.iter().filter_map(|(_, path)| {
                let file = file_of(&from_root(path, own)?, &files, 0)?;
                files.get_key_value(file.as_slice()).map(|(module, _)| *module)
            });
            (own, used.filter(|used| !is_within(own, used)).collect())
        })
        .collect();
    let reached: BTreeMap<&[String], BTreeSet<&[String]>> = uses
        .keys()
        .map(|from| {
            let (mut reached, mut next) = (BTreeSet::new(), vec![*from]);
            while let Some(file) = next.pop() {
                next.extend(uses[file].iter().filter(|used| reached.insert(**used)));
            }
            (*from, reached)
        })
        .collect();
    let circle = |file: &[String]| -> Vec<String> {
        let files = reached[file].iter().filter(|other| reached[**other].contains(file));
        files.map(|file| file.join("/")).collect()
    };
    let found: BTreeSet<Vec<String>> =
        reached.keys().map(|file| circle(file)).filter(|circle| circle.len() > 1).collect();
    found.into_iter().collect()
}

fn position(folder: &str) -> Option<usize> {
    FOLDERS.iter().position(|known| *known == folder)
}

#[test]
fn every_folder_has_its_place_in_the_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut on_disk: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    on_disk.sort();
    let mut known: Vec<&str> = FOLDERS.to_vec();
    known.sort_unstable();
    assert_eq!(on_disk, known);
}

#[test]
fn the_table_of_the_tour_is_this_order() {
    let tour = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let reported: Vec<&str> = tour
        .lines()
        .filter_map(|line| {
            line.strip_prefix("//! | ")?.trim_start_matches('[').strip_prefix('`')?.split_once('`')
        })
        .map(|(folder, _)| folder)
        .collect();
    assert_eq!(reported, FOLDERS);
}

/// The page for people who change the code has the same folders, the same flow, and files that are there.
#[test]
fn the_page_of_the_architecture_agrees_with_the_tour() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |name: &str| fs::read_to_string(src.join(name)).unwrap();
    let (tour, page) = (read("lib.rs"), read("README.md"));
    let flow = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.strip_prefix("//!").unwrap_or(line).trim());
        lines
            .skip_while(|line| *line != "```text")
            .skip(1)
            .take_while(|line| *line != "```")
            .map(str::to_owned)
            .collect()
    };
    // How far the line of purity is drawn does not matter.
    let plain = |lines: Vec<String>| lines.join("\n").replace(['═', ' '], "");
    assert_eq!(plain(flow(&page)), plain(flow(&tour)));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("]("));
    let listed: Vec<&str> = rows.map(|(folder, _)| folder).collect();
    assert_eq!(listed, FOLDERS);
    let code = page.split('`').skip(1).step_by(2).filter(|text| text.ends_with(".rs"));
    let missing: Vec<&str> = code
        .filter(|file| {
            let places = FOLDERS.iter().map(|folder| src.join(folder).join(file));
            let mut places = places.chain([src.join(file), src.join("..").join(file)]);
            !file.contains("NAME") && !places.any(|path| path.exists())
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_folder_uses_only_those_above_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = position(&source.folder).unwrap();
        for (line, path) in &source.paths {
            let [root, folder, ..] = path.as_slice() else { continue };
            if root == "crate" && position(folder).is_some_and(|used| used > own) {
                wrong.push(format!("src/{}:{line}: {} uses {folder}", source.name, source.folder));
            }
        }
    }
    assert!(wrong.is_empty(), "a folder uses one below it:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let found: Vec<String> = circles(&sources()).iter().map(|files| files.join(", ")).collect();
    assert!(found.is_empty(), "files use each other in a circle:\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_found_through_exports_and_supers() {
    let source = |name: &str, text: &str| {
        let module: Vec<String> = name.split('/').map(str::to_owned).collect();
        let (tokens, _) = without_tests(&tokens(text));
        let exports = exports(&tokens, &module);
        let paths = all_paths(&tokens, module.len());
        Source { name: name.to_owned(), folder: module[0].clone(), module, exports, paths }
    };
    let files = [
        source("a", "pub use one::One; pub(crate) use two::{Two, Three as Four};"),
        source("a/one", "use crate::a::Two; fn f() { super::three::g(); }"),
        source("a/two", "fn f(_: super::One) {}"),
        source("a/three", "use crate::b::B;"),
        source("b", "#[cfg(test)] mod tests { use crate::a::three::g; }"),
    ];
    assert_eq!(circles(&files), [["a/one", "a/two"]]);
}

#[test]
fn pure_folders_reach_no_clock_no_file_and_no_network() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| position(&source.folder).unwrap() < PURE) {
        for (line, path) in &source.paths {
            let path = path.join("::");
            let starts = |root: &&str| path == **root || path.starts_with(&format!("{root}::"));
            let ends = |function: &&str| path == **function || path.ends_with(&format!("::{function}"));
            if IMPURE_ROOTS.iter().any(starts) || IMPURE_FUNCTIONS.iter().any(ends) {
                wrong.push(format!("src/{}:{line}: {path}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "pure code reaches outside:\n{}", wrong.join("\n"));
}

#[test]
fn the_sandbox_shares_no_code_with_what_it_is_held_against() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.name.starts_with("cloud/sim/")) {
        for (line, path) in &source.paths {
            if let [root, folder, ..] = path.as_slice()
                && root == "crate"
                && position(folder).is_some()
                && !matches!(folder.as_str(), "model" | "cloud")
            {
                wrong.push(format!("src/{}:{line}: {}", source.name, path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "the sandbox uses more than `model` and `cloud`:\n{}", wrong.join("\n"));
}

/// The reader above, on code that breaks every rule in every spelling.
#[test]
fn every_spelling_of_a_path_is_found() {
    let text = r##"
        //! crate::cli in a comment
        use crate::{model::{self, ids::{ImageId, AccountId as Owner}}, cli::args};
        use super::super::cloud::Clock;
        const TEXT: &str = "crate::apply::X \" std::fs";
        const RAW: &str = r#"crate::backend " "#;
        fn f<'a>(c: char) -> bool { c == '"' || c == '\'' || jiff::Timestamp::now() > $crate::testing::X }
        #[cfg(test)]
        #[allow(unused)]
        mod tests { use crate::apply::Y; fn g() { std::fs::read(""); } }
        #[cfg(test)]
        use crate::backend::{A, B};
        #[cfg(test)]
        mod conformance;
        fn h() { std::fs::read("x") }
    "##;
    let (kept, modules) = without_tests(&tokens(text));
    assert_eq!(modules, ["conformance"]);
    let found: Vec<String> =
        all_paths(&kept, 2).into_iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
    assert_eq!(
        found,
        [
            "3 crate::model::self",
            "3 crate::model::ids::ImageId",
            "3 crate::model::ids::AccountId",
            "3 crate::cli::args",
            "4 crate::cloud::Clock",
            "7 jiff::Timestamp::now",
            "7 crate::testing::X",
            "15 std::fs::read",
        ]
    );
}
