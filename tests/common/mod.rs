//! What the tests of the command line share: a temporary folder in which the program is run, and transcripts.
//!
//! What changes from run to run is taken out of what is compared: ids of the cloud, times, digests, lineages, and
//! the order of progress lines.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use goldform::cloud::sim::Settings;
use jiff::SignedDuration;
use regex::{Captures, Regex};

pub mod cloud;
pub mod transcript;

/// The program that is tested.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_goldform");

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns whether expected output is written instead of compared. Snapshots obey the same variable.
pub fn blesses() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always")
}

/// A temporary folder, in which the program runs with nothing of the environment.
pub struct TestEnv {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    filters: Mutex<Filters>,
}

/// What a run of the program gave, filtered.
pub struct Ran {
    pub command: String,
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// As it is shown in a snapshot.
    pub fn text(&self) -> String {
        let mut text = format!("$ {}\n", self.command);
        for (name, part) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !part.is_empty() {
                let _ = write!(text, "--- {name}\n{part}");
                if !part.ends_with('\n') {
                    text.push_str("⏎\n");
                }
            }
        }
        let _ = writeln!(text, "--- exit {}", self.status);
        text
    }

    /// The output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl TestEnv {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("goldform-").tempdir().unwrap();
        Self { folder, variables: Vec::new(), filters: Mutex::default() }
    }

    /// With this manifest, and a world as [`TestEnv::quick`] has it.
    pub fn with(manifest: &str) -> Self {
        let env = Self::quick();
        env.write("goldform.yaml", manifest);
        env
    }

    /// With a world whose images are ready at once, so that tests do not wait.
    pub fn quick() -> Self {
        let env = Self::new();
        let settings = Settings { settle: SignedDuration::ZERO, ..Settings::default() };
        cloud::open(&env).set_settings(settings).unwrap();
        env
    }

    /// With a copy of the examples, without what running them left behind.
    pub fn with_examples() -> Self {
        let env = Self::new();
        copy_folder(&repository().join("examples"), &env.path("examples"));
        copy_folder(&repository().join("schemas"), &env.path("schemas"));
        env
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Changes a text that must be there.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} does not hold {from:?}:\n{text}");
        self.write(name, &text.replace(from, to));
    }

    /// A command in this folder and in a bare environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = Path::new(PROGRAM).parent().unwrap().display().to_string();
        let path = match std::env::var("PATH") {
            Ok(path) => format!("{folder}:{path}"),
            Err(_) => folder,
        };
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("USER", "tester")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program with these arguments, separated by blanks.
    pub fn run(&self, arguments: &str) -> Ran {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        self.run_words(&words)
    }

    /// Runs the program with these arguments.
    pub fn run_words(&self, arguments: &[&str]) -> Ran {
        let output = self.command(PROGRAM).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
        Ran {
            command: format!("goldform {}", arguments.join(" ")).trim_end().to_owned(),
            status: output.status.code().expect("the program was not killed"),
            stdout: self.filter(&text(output.stdout)),
            stderr: self.filter(&text(output.stderr)),
        }
    }

    /// Runs the program, which is to end with this status.
    #[track_caller]
    pub fn expect(&self, status: i32, arguments: &str) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.status, status, "{}", ran.text());
        ran
    }

    /// Runs a line of shell; both outputs as a terminal would show them, and the status.
    pub fn shell(&self, line: &str) -> (String, i32) {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = self.command("sh");
        command.env("EXAMPLES", repository().join("examples"));
        command.arg("-c").arg(line).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = command.spawn().unwrap();
        drop(command); // and with it this end's writers
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let status = child.wait().unwrap();
        (text, status.code().expect("the shell was not killed"))
    }

    /// Takes out what changes from run to run.
    pub fn filter(&self, text: &str) -> String {
        let folder = self.folder.path();
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut text = self.filters.lock().unwrap().filter(text);
        for folder in [real.as_path(), folder] {
            text = text.replace(&folder.display().to_string(), "~");
        }
        text
    }
}

/// Replaces what changes from run to run by what does not. Ids get numbers in the order in which they appear, so
/// that one id is one number in all outputs of one folder.
#[derive(Default)]
pub struct Filters {
    ids: BTreeMap<String, String>,
}

/// Ids in the manifests of tests and examples, which the cloud did not make.
const KNOWN_IDS: &[&str] = &["snap-2f3a1c2d", "snap-4444dddd", "img-0a1b2c3d", "img-3c1f0a9b"];

impl Filters {
    pub fn filter(&mut self, text: &str) -> String {
        static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(img|snap)-[0-9a-z]{8}\b").unwrap());
        static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
            [
                (r"\bin \d+\.\d s\b", "in [time] s"),
                (r"\bin \d+ min \d+ s\b", "in [time] s"),
                (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
                (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "####-##-## ##:##:## UTC"),
                (r"\b\d{4}-\d\d-\d\d \d\d:\d\d UTC", "####-##-## ##:## UTC"),
                (r"(  \d+  )[0-9a-f]{32}(  )", "$1[digest....]$2"),
                (r"\b(read|on)(\s+(?:│ )?)\d{4}-\d\d-\d\d\b", "$1$2[day]"),
                (r"\brequest [0-9a-f-]{36}\b", "request [id]"),
                (r"\brequest `[0-9a-f-]{36}`", "request `[id]`"),
                (r"\| \d+\.\d s \|", "| [time] s |"),
                (r#""request_id": "[0-9a-f-]{36}""#, r#""request_id": "[id]""#),
                (r#""duration_s": [0-9.]+"#, r#""duration_s": 0.0"#),
                (r#"\btime="\d+\.\d{3}""#, r#"time="[time]""#),
                (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[lineage]"),
                (r"\bsha256:[0-9a-f]{64}\b", "sha256:[digest]"),
                (r"\bdigest [0-9a-f]{32}\b", "digest [digest]"),
                (r"~[a-z2-7]{10}\b", "~[interim..]"),
                (r"\bprocess \d+\b", "process [pid]"),
                (r"\bpid \d+\b", "pid [pid]"),
            ]
            .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
            .into()
        });
        let mut text = sorted_progress(text);
        for (pattern, with) in RULES.iter() {
            text = pattern.replace_all(&text, *with).into_owned();
        }
        ID.replace_all(&text, |found: &Captures<'_>| {
            let id = &found[0];
            if KNOWN_IDS.contains(&id) {
                return id.to_owned();
            }
            let next = self.ids.len() + 1;
            self.ids.entry(id.to_owned()).or_insert_with(|| format!("{}-{next:08}", &found[1])).clone()
        })
        .into_owned()
    }
}

/// Steps that run at the same time end in any order: their lines are sorted.
fn sorted_progress(text: &str) -> String {
    let is_progress = |line: &str| ["  ✓ ", "  ✗ ", "  … "].iter().any(|mark| line.starts_with(mark));
    let mut lines: Vec<&str> = text.lines().collect();
    let mut start = 0;
    while start < lines.len() {
        let length = lines[start..].iter().take_while(|line| is_progress(line)).count();
        lines[start..start + length].sort_unstable();
        start += length + 1;
    }
    let mut sorted = lines.join("\n");
    if text.ends_with('\n') {
        sorted.push('\n');
    }
    sorted
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "yaml")
            || path.to_string_lossy().ends_with(".schema.json")
        {
            fs::copy(&path, target).unwrap();
        }
    }
}
