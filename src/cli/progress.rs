//! Progress on stderr: bars on a terminal, plain lines without. And progress as events.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::heartbeat::{Heartbeat, INTERVAL};
use super::printer::Printer;
use crate::apply::Progress;
use crate::model::ImageId;
use crate::plan::{Step, StepOutcome};
use crate::report::events::{RunEvent, StepName};

/// Shows what an apply does.
pub struct Bar {
    printer: Printer,
    bar: ProgressBar,
    running: Vec<String>,
    /// What was last said of a step that waits: the same is not said again.
    waits: BTreeMap<String, String>,
    /// Without a terminal.
    heartbeat: Option<Heartbeat>,
}

impl Bar {
    /// A bar over this many steps; hidden without a terminal.
    pub fn new(printer: Printer, steps: usize) -> Self {
        let length = u64::try_from(steps).unwrap_or(u64::MAX);
        let bar = if printer.bars {
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {wide_msg}") {
                bar.set_style(if printer.is_ascii_only() { style.progress_chars("#>-") } else { style });
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        } else {
            ProgressBar::hidden()
        };
        let heartbeat = (!printer.bars && !printer.quiet).then(|| {
            let printer = printer.clone();
            Heartbeat::start(INTERVAL, move |line| printer.say(line))
        });
        Self { printer, bar, running: Vec::new(), waits: BTreeMap::new(), heartbeat }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        self.heartbeat = None;
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if self.printer.bars {
            self.bar.suspend(|| self.printer.say(text));
        } else {
            self.printer.say(text);
        }
    }

    fn show_running(&self) {
        let shown: Vec<&str> = self.running.iter().take(3).map(String::as_str).collect();
        let more = match self.running.len().saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        self.bar.set_message(format!("{}{more}", shown.join(", ")));
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.news(&self.running);
        }
    }

    fn ended(&mut self, step: &Step) {
        let id = step.id.to_string();
        self.running.retain(|running| *running != id);
        self.bar.inc(1);
        self.show_running();
    }
}

impl Progress for Bar {
    fn started(&mut self, step: &Step) {
        let id = step.id.to_string();
        if !self.running.contains(&id) {
            self.running.push(id);
        }
        self.show_running();
    }

    fn accepted(&mut self, step: &Step, id: &ImageId) {
        self.line(&format!("  {} {}: {id}, not ready yet", self.printer.talk.dim("…"), step.id));
    }

    fn waiting(&mut self, step: &Step, why: &str) {
        let shown = self.waits.insert(step.id.to_string(), why.to_owned());
        if shown.as_deref() != Some(why) {
            self.line(&format!("  {} {}: {why}", self.printer.talk.changed("…"), step.id));
        }
    }

    fn settled(&mut self, step: &Step) {
        self.ended(step);
        self.line(&format!("  {} {}", self.printer.talk.added("✓"), step.id));
    }

    fn failed(&mut self, step: &Step, outcome: &StepOutcome) {
        self.ended(step);
        let why = outcome.failure().map_or("", |failure| failure.why.as_str());
        self.line(&format!("  {} {}: {why}", self.printer.talk.removed("✗"), step.id));
    }

    fn skipped(&mut self, _: &Step, _: &Step) {
        self.bar.inc(1);
    }
}

/// Writes progress where events were requested.
pub struct Events {
    printer: Printer,
}

impl Events {
    /// Creates it.
    pub fn new(printer: Printer) -> Self {
        Self { printer }
    }
}

impl Progress for Events {
    fn started(&mut self, step: &Step) {
        self.printer.event(|| Some(RunEvent::Started(StepName::of(step))));
    }

    fn accepted(&mut self, step: &Step, id: &ImageId) {
        self.printer.event(|| Some(RunEvent::accepted(step, id)));
    }

    fn waiting(&mut self, step: &Step, why: &str) {
        let why = why.to_owned();
        self.printer.event(|| Some(RunEvent::Waiting { step: StepName::of(step), why }));
    }

    fn settled(&mut self, step: &Step) {
        self.printer.event(|| Some(RunEvent::Settled { step: StepName::of(step), id: None }));
    }

    fn failed(&mut self, step: &Step, outcome: &StepOutcome) {
        self.printer.event(|| RunEvent::failed(StepName::of(step), outcome));
    }

    fn skipped(&mut self, step: &Step, because: &Step) {
        let because = because.id.to_string();
        self.printer.event(|| Some(RunEvent::Skipped { step: StepName::of(step), because }));
    }
}
