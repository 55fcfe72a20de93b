//! A folder with a manifest in it, and the binary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// An entry with a copy, shared with one account.
pub(crate) const MANIFEST: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001" }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    source: { revision: "1", instance: { id: ins-8f3a1c2d } }
    copies: [ap-tokyo]
shares:
  - { image: web, with: [partner] }
"#;

/// A folder to run commands in.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// A folder that holds this manifest.
    pub(crate) fn new(manifest: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.write("goldform.yaml", manifest);
        bench
    }

    /// A folder whose manifest was applied.
    pub(crate) fn applied(manifest: &str) -> Self {
        let bench = Self::new(manifest);
        let output = bench.command("apply --yes").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The state's facts: all of it but who wrote it, when.
    pub(crate) fn state(&self) -> serde_json::Value {
        let output = self.command("state pull").output().unwrap();
        let mut state: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        state.as_object_mut().unwrap().remove("written");
        state
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::cargo_bin("goldform").unwrap();
        command.current_dir(self.folder.path()).args(line.split_whitespace());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "GOLDFORM_LOG", "RUST_LOG", "CI"] {
            command.env_remove(name);
        }
        command.env("GOLDFORM_ACTOR", "me@here");
        command
    }

    /// What a user sees of these commands. Times, lineages and this folder are replaced by words.
    pub(crate) fn transcript(&self, lines: &[&str]) -> String {
        let mut text = String::new();
        for line in lines {
            let output = self.command(line).output().unwrap();
            let _ = writeln!(text, "$ goldform {line}");
            text.push_str(&String::from_utf8_lossy(&output.stdout));
            for line in String::from_utf8_lossy(&output.stderr).lines() {
                let _ = writeln!(text, "{}", format!("2> {line}").trim_end());
            }
            match output.status.code() {
                Some(0) => {}
                code => {
                    let _ = writeln!(text, "exit {code:?}");
                }
            }
        }
        self.redacted(&text)
    }

    pub(crate) fn redacted(&self, text: &str) -> String {
        redacted(text, self.folder.path())
    }
}

fn redacted(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "<folder>");
    let text = replaced(&text, "0000-00-00T00:00:00Z", "<time>");
    let text = replaced(&text, "0000-00-00 00:00 UTC", "<time>");
    let text = replaced(&text, "0000-00-00 00:00:00 UTC", "<time>");
    replaced(&text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "<lineage>")
}

/// Replaces what has a shape: `0` stands for a digit, `x` for a hexadecimal one.
fn replaced(text: &str, shape: &str, word: &str) -> String {
    let fits = |at: &str| {
        let mut found = at.chars();
        shape.chars().all(|expected| match (expected, found.next()) {
            ('0', Some(c)) => c.is_ascii_digit(),
            ('x', Some(c)) => c.is_ascii_hexdigit(),
            (expected, found) => found == Some(expected),
        })
    };
    let mut result = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if fits(rest) {
            result.push_str(word);
            rest = &rest[shape.len()..];
        } else {
            result.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    result
}
