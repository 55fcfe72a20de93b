//! A page in Markdown with everything in it that is not written by hand: sections that are generated, and what
//! commands print.

use crate::common::{Filters, TestEnv, transcript};

/// A block of a page: what its fence says, its text, and the name of the file in the comment before it.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    pub language: String,
    pub text: String,
    pub file: Option<String>,
}

enum Piece {
    Line(String),
    Block(Block),
}

/// Splits a page into lines and blocks. `<!-- file: NAME -->` before a block says how the file is called.
fn pieces(page: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            pieces.push(Piece::Line(line.to_owned()));
            continue;
        };
        let before = pieces.iter().rev().find_map(|piece| match piece {
            Piece::Line(line) if line.is_empty() => None,
            Piece::Line(line) => Some(line.as_str()),
            Piece::Block(_) => Some(""),
        });
        let file = before.and_then(|line| line.strip_prefix("<!-- file: ")?.strip_suffix(" -->"));
        let file = file.map(str::to_owned);
        let mut text = String::new();
        loop {
            match lines.next() {
                Some("```") => break,
                Some(line) => text.push_str(&format!("{line}\n")),
                None => panic!("a block is not closed:\n{text}"),
            }
        }
        pieces.push(Piece::Block(Block { language: language.to_owned(), text, file }));
    }
    pieces
}

/// Returns the blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let blocks = pieces(page).into_iter().filter_map(|piece| match piece {
        Piece::Block(block) => Some(block),
        Piece::Line(_) => None,
    });
    blocks.collect()
}

/// Returns the lines of a page outside its blocks.
pub fn lines(page: &str) -> Vec<String> {
    let lines = pieces(page).into_iter().filter_map(|piece| match piece {
        Piece::Line(line) => Some(line),
        Piece::Block(_) => None,
    });
    lines.collect()
}

/// Returns the lines of a page that are written by hand: no blocks, and no sections between two comments.
pub fn prose(page: &str) -> Vec<String> {
    let mut prose = Vec::new();
    let mut section: Option<String> = None;
    for line in lines(page) {
        let comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        match (comment, &section) {
            (Some(end), Some(name)) if end.strip_prefix('/') == Some(name) => section = None,
            (Some(name), None) if page.contains(&format!("<!-- /{name} -->")) => {
                section = Some(name.to_owned());
            }
            _ if section.is_none() => prose.push(line),
            _ => {}
        }
    }
    prose
}

/// Replaces what is between `<!-- NAME -->` and `<!-- /NAME -->`.
pub fn with_section(page: &str, name: &str, content: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (head, rest) = page.split_once(&open).unwrap_or_else(|| panic!("there is no {open}"));
    let (_, tail) = rest.split_once(&close).unwrap_or_else(|| panic!("there is no {close}"));
    format!("{head}{open}{content}{close}{tail}")
}

/// Runs the commands of a page and returns it with what they print. Each section (`## `) has a folder of its own, into
/// which its named files are written, and the sections run side by side: they wait more than they work. Differences in
/// ids, times and digests alone leave a block as it is.
pub fn printed(page: &str, folder: impl Fn() -> TestEnv + Sync) -> String {
    let mut sections: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in pieces(page) {
        if matches!(&piece, Piece::Line(line) if line.starts_with("## ")) {
            sections.push(Vec::new());
        }
        sections.last_mut().unwrap().push(piece);
    }
    let folder = &folder;
    std::thread::scope(|scope| {
        let running: Vec<_> = sections
            .into_iter()
            .map(|section| scope.spawn(move || section_printed(section, folder)))
            .collect();
        running.into_iter().map(|section| section.join().unwrap()).collect()
    })
}

fn section_printed(section: Vec<Piece>, folder: &(impl Fn() -> TestEnv + Sync)) -> String {
    let is_console = |piece: &Piece| matches!(piece, Piece::Block(block) if block.language == "console");
    let env = section.iter().any(is_console).then(folder);
    let mut fresh = String::new();
    for piece in section {
        match (piece, &env) {
            (Piece::Line(line), _) => fresh.push_str(&format!("{line}\n")),
            (Piece::Block(Block { language, mut text, file }), Some(env)) => {
                if let Some(file) = file {
                    env.write(&file, &text);
                }
                if language == "console" {
                    let replayed = transcript::replay(env, &transcript::parse(&text));
                    // Ids are counted in each block from one: the worlds of two folders have ids in common.
                    if Filters::default().filter(&text) != Filters::default().filter(&replayed) {
                        text = replayed;
                    }
                }
                fresh.push_str(&format!("```{language}\n{text}```\n"));
            }
            (Piece::Block(Block { language, text, .. }), None) => {
                fresh.push_str(&format!("```{language}\n{text}```\n"));
            }
        }
    }
    fresh
}

#[test]
fn a_page_is_printed_with_what_its_commands_print() {
    let page = "## One\n<!-- file: a.yaml -->\n```yaml\nx: 1\n```\n\n```console\n$ cat a.yaml\nstale\n\n$ false\n```\n## Two\n```console\n$ ls\n```\n";
    let expected = page.replace("stale", "x: 1").replace("$ false\n", "$ false\n[exit status 1]\n");
    assert_eq!(printed(page, TestEnv::new), expected);
    assert_eq!(printed(&expected, TestEnv::new), expected);
    assert_eq!(blocks(page)[0].file.as_deref(), Some("a.yaml"));
    let page = "one\n<!-- t -->\nstale\n<!-- /t -->\ntwo\n";
    assert_eq!(with_section(page, "t", "fresh\n"), page.replace("stale", "fresh"));
    assert_eq!(prose(page), ["one", "two"]);
}
