//! Texts that are meant to do harm: each is refused soon, with a diagnostic, and without a panic.

mod cost_search;

use std::fmt::Write as _;
use std::time::Duration;

use goldform::diagnostics::{RenderOptions, render};
use goldform::manifest::{Input, Variables, load};

/// What a user waits for at the most. Without optimisation everything takes some ten times as long.
const PATIENCE: Duration =
    if cfg!(debug_assertions) { Duration::from_secs(20) } else { Duration::from_secs(2) };

const HEAD: &str = "version: 1\naccount: \"100000000001\"\n";

/// Returns the processor's time that this thread has used. What else the machine does is not in it.
fn processor_time() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Loads and renders. Returns the codes of the diagnostics.
fn survives(name: &str, bytes: impl Into<Vec<u8>>) -> Vec<&'static str> {
    let inputs = vec![Input { name: "a.yaml".into(), bytes: bytes.into() }];
    let before = processor_time();
    let loaded = load(inputs, &Variables::default());
    let drawn = render(
        &loaded.diagnostics,
        &|place| loaded.locator.place(place),
        loaded.locator.sources(),
        RenderOptions::default(),
    );
    let taken = processor_time().saturating_sub(before);
    // Shown by `cargo test -- --nocapture`.
    println!("{:>10.3?} {name:.60}", taken);
    assert!(taken < PATIENCE, "{name}: {taken:?}");
    assert!(!loaded.diagnostics.is_empty() || loaded.complete, "{name}");
    assert!(drawn.len() < 100_000, "{name}: {} bytes of diagnostics", drawn.len());
    assert!(!drawn.contains(['\u{1b}', '\0', '\u{202e}']), "{name}");
    for diagnostic in &loaded.diagnostics {
        for label in &diagnostic.labels {
            if let Some(span) = loaded.locator.place(&label.place) {
                let text = &loaded.locator.sources().get(span.file).unwrap().text;
                assert!(text.get(span.start..span.end).is_some(), "{name}: {diagnostic:?}");
            }
        }
    }
    let mut codes: Vec<&'static str> =
        loaded.diagnostics.iter().map(|diagnostic| diagnostic.code.id).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = HEAD.to_owned();
    for number in 0..count {
        text.push_str(&line(number));
    }
    text
}

#[test]
fn nesting() {
    for open in ["[", "{a: ", "[[a, ", "{? "] {
        assert_eq!(survives(open, open.repeat(100_000)), ["GF103"], "{open}");
    }
    for open in ["- ", "? ", "- ? ", "a: &a [", "!a "] {
        assert!(!survives(open, open.repeat(100_000)).is_empty(), "{open}");
    }
    let mut steps = String::new();
    for depth in 0..2_000 {
        writeln!(steps, "{}a:", " ".repeat(depth)).unwrap();
    }
    assert_eq!(survives("steps", steps), ["GF103"]);
}

#[test]
fn bombs() {
    let mut laughs = HEAD.to_owned() + "images:\n  a: &a {region: x, copies: [x, x, x, x, x, x, x, x, x]}\n";
    for (name, before) in ('b'..='z').zip('a'..='y') {
        writeln!(laughs, "  {name}: &{name} [{}]", vec![format!("*{before}"); 10].join(", ")).unwrap();
    }
    survives("laughs", laughs);

    let accounts = (0..2_000)
        .map(|number| format!("\"{}\"", 200_000_000_000u64 + number))
        .collect::<Vec<_>>()
        .join(", ");
    let mut shares = format!("{HEAD}shares:\n- {{image: a, with: &all [{accounts}]}}\n");
    shares.push_str(&"- {image: a, with: *all}\n".repeat(1_000));
    assert!(survives("two million accounts from aliases", shares).contains(&"GF103"));

    let mut merges = HEAD.to_owned() + "images:\n  m0: &m0 {region: ap-tokyo}\n";
    for number in 1..5_000 {
        writeln!(merges, "  m{number}: &m{number} {{<<: *m{}, name: x}}", number - 1).unwrap();
    }
    assert!(survives("a chain of merges", merges).contains(&"GF112"));

    let mut wide = HEAD.to_owned() + "images:\n  m: &m {region: ap-tokyo, name: x, family: y}\n";
    for number in 0..3_000 {
        writeln!(wide, "  w{number}: {{<<: [{}]}}", vec!["*m"; 200].join(", ")).unwrap();
    }
    survives("many merges of one", wide);

    let mut squared =
        HEAD.to_owned() + "images:\n  m0: &m0 {region: ap-tokyo, source: {adopted: img-0a1b2c3d}}\n";
    for number in 1..15 {
        let merged = vec![format!("*m{}", number - 1); 8].join(", ");
        writeln!(squared, "  m{number}: &m{number} {{<<: [{merged}]}}").unwrap();
    }
    survives("merges of merges of merges", squared);

    survives("anchors", numbered(60_000, |number| format!("x{number}: &a{number} y\n")));
    survives("aliases", HEAD.to_owned() + "images: &a x\nx: [" + &"*a, ".repeat(600_000) + "]\n");
}

#[test]
fn many_mistakes() {
    let unknown = numbered(100_000, |number| format!("kye{number}: 1\n"));
    assert_eq!(survives("unknown keys", unknown), ["GF105"]);
    assert!(survives("duplicate keys", numbered(100_000, |_| "state: a\n".into())).contains(&"GF106"));
    let images = numbered(20_000, |number| {
        format!("{}  i{number}: {{region: 1}}\n", if number == 0 { "images:\n" } else { "" })
    });
    assert!(survives("wrong types", images).contains(&"GF110"));
    let names = (0..2_000).fold(String::from("accounts:\n"), |text, number| {
        text + &format!("  partner-{number:04}: \"{}\"\n", 200_000_000_000u64 + number)
    });
    let shares = numbered(20_000, |number| {
        let start = if number == 0 { format!("{names}shares:\n") } else { String::new() };
        format!("{start}- {{image: wbe{number}, with: [partnr-{number:05}]}}\n")
    });
    assert_eq!(survives("unknown images and accounts", shares), ["GF122"]);
    let variables = numbered(20_000, |number| {
        format!("{}  t{number}: \"${{v{number}}}\"\n", if number == 0 { "accounts:\n" } else { "" })
    });
    assert_eq!(survives("unknown variables", variables), ["GF118"]);
    let copies = format!(
        "{HEAD}images: {{a: {{region: ap-tokyo, source: {{adopted: img-0a1b2c3d}}, copies: [{}]}}}}\n",
        "ap-tokyo, ".repeat(100_000)
    );
    survives("one region a hundred thousand times", copies);
    let circle = numbered(20_000, |number| {
        let start = if number == 0 { "images:\n" } else { "" };
        format!(
            "{start}  i{number}: {{region: ap-tokyo, source: {{encrypted: {{image: i{}}}}}}}\n",
            (number + 1) % 20_000
        )
    });
    assert_eq!(survives("a large circle", circle), ["GF125"]);
}

#[test]
fn many_shares_of_one_image() {
    let text = numbered(20_000, |number| {
        let start = if number == 0 {
            "images: {web: {region: ap-tokyo, source: {adopted: img-0a1b2c3d}}}\nshares:\n"
        } else {
            ""
        };
        format!("{start}- {{image: web, with: [\"{}\"]}}\n", 200_000_000_000u64 + number as u64)
    });
    assert_eq!(survives("one entry per account", text), [""; 0]);
}

#[test]
fn large_pieces() {
    let million = 500_000;
    survives("a long scalar", format!("{HEAD}state: {}\n", "x".repeat(5 * million)));
    survives(
        "a long quoted scalar",
        format!("{HEAD}images: {{a: {{description: \"{}\"}}}}\n", "x\\n".repeat(million)),
    );
    survives("a long key", format!("{HEAD}? {}\n: 1\n", "x".repeat(5 * million)));
    survives("a long unknown key", format!("{HEAD}{}: 1\n", "x".repeat(1000)));
    survives("blanks", format!("{HEAD}state:{}x\n", " ".repeat(5 * million)));
    survives("lines", "\n".repeat(5 * million));
    survives("comments", "# c\n".repeat(million));
    survives("one line", format!("{HEAD}images: {{{}}}\n", "a, ".repeat(million / 4)));
    survives("an open quote", format!("{HEAD}state: \"{}", "a\n ".repeat(million)));
    survives("an open quote without an end", format!("state: \"{}", "\\".repeat(million)));
    survives("a block", format!("{HEAD}images: {{}}\nstate: |\n{}", "  x\n".repeat(million)));
    survives("dashes", "-".repeat(million));
    survives("colons", ":".repeat(million));
    survives("documents", "---\n".repeat(million));
    survives("directives", "%YAML 1.2\n".repeat(million));
    survives("tags", format!("{HEAD}state: !{} x\n", "t".repeat(million)));
    survives("references", format!("{HEAD}state: \"{}\"\n", "${".repeat(million)));
    survives("escaped references", format!("{HEAD}state: \"{}\"\n", "$${".repeat(million)));
    survives(
        "placeholders",
        format!("{HEAD}images: {{a: {{region: ap-tokyo, name: \"{}\"}}}}\n", "{x}".repeat(million / 4)),
    );
}

#[test]
fn bytes_that_are_no_text() {
    for bytes in [
        &b"\xff"[..],
        b"\xff\xfe\0",
        b"a: \xc0\xaf",
        b"a: \xed\xa0\x80",
        b"\0",
        b"a: \x1b[2J",
        b"a: \x7f",
        "a: \u{9b}".as_bytes(),
    ] {
        assert_eq!(survives(&format!("{bytes:?}"), bytes), ["GF102"], "{bytes:?}");
    }
    assert_eq!(survives("too large", vec![b'\n'; 65 * 1024 * 1024]), ["GF103"]);
    for text in [
        "\u{feff}",
        "\u{feff}\u{feff}a: 1",
        "a: \u{feff}b",
        "\u{2028}",
        "a:\u{a0}b",
        "\r",
        "\r\n\r\n",
        "\t",
        " \t\n",
        "\u{85}",
    ] {
        survives(&format!("{text:?}"), text);
    }
}
