//! Texts for properties: small manifests, and mutations of them.

use proptest::prelude::*;
use proptest::sample::Index;

/// Small manifests that between them use every construct of YAML that people use.
const SEEDS: &[&str] = &[
    super::EXAMPLE,
    super::once::FLEET,
    "version: 1\naccount: \"100000000001\"\n",
    "version: 1\naccount: '100000000001'\nimages:\n  web: &web\n    region: ap-jakarta\n    tags: &tags {a: b}\n    source: {adopted: img-0a1b2c3d}\n  api:\n    region: ap-tokyo\n    tags: *tags\n    source: {adopted: img-0a1b2c3e}\n",
    "version: 1\naccount: \"100000000001\"\nimages:\n  web: &web\n    region: ap-jakarta\n    source: {adopted: img-0a1b2c3d}\n  api:\n    <<: *web\n    region: ap-tokyo\n  app: {<<: [*web], name: x}\n",
    "version: 1\naccount: \"100000000001\"\nimages:\n  web:\n    region: ap-jakarta\n    description: >-\n      folded text\n      of two lines\n\n      and a third\n    family: |\n      kept\n    source:\n      snapshots:\n      - snap-2f3a1c2d\n      - \"snap-2f3a1c2e\"\n    keep: {generations: 1}\n    protect: false\n",
    "# comment\n---\nversion: 1 # one\naccount: \"1000\\u0030000001\"\n\nshares:\n- image: web\n  with:\n  - partner\n  - '200000000001'\n  regions: []\n...\n",
    "\"version\": 1\n\"account\": \"100000000001\"\nimages: {\"web\": {\"region\": \"ap-jakarta\", \"copies\": [\"ap-tokyo\"]}}\n",
    "version: 1\r\naccount: \"100000000001\"\r\nlimits:\r\n  images_per_region: 10\r\n  regions: {ap-jakarta: {images: 8}}\r\nimages:\r\n  wéb: {region: ap-jakarta, description: \"日本語\"}\r\n",
    "\u{feff}version: 1\naccount: \"100000000001\"\nrules: {share_gap: deny}\nvariables:\n  a:\n  b: {}\n  c: {default: \"\", sensitive: false}\nimages:\nshares:\n",
    "? version\n: 1\n? account\n: \"100000000001\"\ncloud: {ownership_tag: false, sandbox: {quotas: }}\n",
];

/// Pieces that replace others.
const TOKENS: &[&str] = &[
    "",
    " ",
    "  ",
    "\n",
    "\n  ",
    "\n- ",
    ": ",
    ":",
    "- ",
    "? ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "#",
    " # c",
    "|",
    ">",
    "|+",
    ">-",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!x ",
    "%",
    "@",
    "`",
    "~",
    "null",
    "true",
    "false",
    "yes",
    "no",
    "NO",
    "on",
    "y",
    "n",
    "1",
    "0",
    "-1",
    "007",
    "0x1F",
    "0o17",
    "1_000",
    "1.5",
    "1e3",
    ".inf",
    "\"1\"",
    "'true'",
    "a",
    "region",
    "images",
    "keep",
    "version",
    "generations",
    "é",
    "日本",
    "\t",
    "\r\n",
    "\r",
    "\u{feff}",
    "\\",
    "${a}",
    "---\n",
    "...\n",
    "\u{85}",
    "\u{2028}",
    "[]",
    "{}",
    "[a, b]",
    "{a: b}",
    "protect: true",
    "1: a",
    "null: a",
    "no: a",
    "a b",
    "- no\n",
    "  no\n",
];

/// Generates a manifest with some pieces replaced, doubled or left out.
pub(in crate::manifest) fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<Index>(), 0usize..4, any::<Index>(), any::<Index>());
    (proptest::sample::select(SEEDS), proptest::collection::vec(edit, 0..5)).prop_map(|(seed, edits)| {
        let mut text = seed.to_owned();
        for (place, kind, token, other) in edits {
            let spans = tokens(&text);
            if spans.is_empty() {
                break;
            }
            let span = spans[place.index(spans.len())].clone();
            let piece = match kind {
                0 => String::new(),
                1 => text[spans[other.index(spans.len())].clone()].to_owned(),
                2 => format!("{}{}", &text[span.clone()], TOKENS[token.index(TOKENS.len())]),
                _ => TOKENS[token.index(TOKENS.len())].to_owned(),
            };
            text.replace_range(span, &piece);
        }
        text
    })
}

/// Returns the words, blanks and single characters of a text.
fn tokens(text: &str) -> Vec<std::ops::Range<usize>> {
    let class = |c: char| {
        if c.is_alphanumeric() {
            0
        } else if c == ' ' {
            1
        } else {
            2
        }
    };
    let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
    let mut last = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        match spans.last_mut() {
            Some(span) if last == Some(class(c)) && class(c) != 2 => span.end = end,
            _ => spans.push(at..end),
        }
        last = Some(class(c));
    }
    spans
}

pub(in crate::manifest) fn seeds() -> &'static [&'static str] {
    SEEDS
}
