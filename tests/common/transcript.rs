//! Transcripts: commands and what they print, as one would see them in a terminal.
//!
//! ```text
//! # A line of explanation.
//!
//! $ goldform plan
//! what it prints, to stdout and stderr
//! [exit status 3]
//! ```
//!
//! A command is a line of shell; it may continue in lines that start with `> `. The status is written if it is not
//! 0. `$ cloud …` is done to the sandbox's world, behind the program's back: see [`super::cloud`].

use super::{TestEnv, cloud};

/// A command of a transcript.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// As it is written, with `$ ` and `> `.
    pub written: String,
    /// What it says it prints.
    pub output: String,
}

/// Part of a transcript: an explanation, kept as it is, or a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Said(String),
    Ran(Step),
}

pub fn parse(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in text.lines() {
        match parts.last_mut() {
            _ if line.starts_with("$ ") => {
                parts.push(Part::Ran(Step { written: format!("{line}\n"), output: String::new() }));
            }
            Some(Part::Ran(step)) if line.starts_with("> ") && step.output.is_empty() => {
                step.written.push_str(line);
                step.written.push('\n');
            }
            Some(Part::Ran(step)) if !line.starts_with("# ") => {
                step.output.push_str(line);
                step.output.push('\n');
            }
            Some(Part::Said(said)) => {
                said.push_str(line);
                said.push('\n');
            }
            _ => parts.push(Part::Said(format!("{line}\n"))),
        }
    }
    for part in &mut parts {
        let text = match part {
            Part::Said(text) => text,
            Part::Ran(step) => &mut step.output,
        };
        text.truncate(text.trim_end().len());
        if !text.is_empty() {
            text.push('\n');
        }
    }
    parts
}

/// Runs the commands of a transcript and gives it with what they really print.
pub fn replay(env: &TestEnv, parts: &[Part]) -> String {
    let mut text = String::new();
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        match part {
            Part::Said(said) => text.push_str(said),
            Part::Ran(step) => {
                text.push_str(&step.written);
                let output = run(env, step);
                text.push_str(&output);
            }
        }
    }
    text
}

fn run(env: &TestEnv, step: &Step) -> String {
    let line: Vec<&str> = step.written.lines().map(|line| &line[2..]).collect();
    let line = line.join("\n");
    let (mut output, status) = match line.strip_prefix("cloud ") {
        Some(arguments) => (cloud::run(env, arguments), 0),
        None => env.shell(&line),
    };
    output.truncate(output.trim_end().len());
    if !output.is_empty() {
        output.push('\n');
    }
    if status != 0 {
        output.push_str(&format!("[exit status {status}]\n"));
    }
    output
}
