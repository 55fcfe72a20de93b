//! Signals: the first starts nothing new and lets what runs settle; the second writes down what is known and
//! ends; the third exits at once. A command with events writes its summary whenever a signal comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

use super::exit::ExitStatus;
use super::printer::Printer;
use crate::apply::Shutdown;

/// Listens for Ctrl-C and termination.
pub struct Signals {
    /// Whether to go on.
    pub stop: watch::Receiver<Shutdown>,
    last: Arc<AtomicU8>,
    task: tokio::task::JoinHandle<()>,
}

impl Signals {
    /// Starts listening.
    pub fn listen(printer: Printer) -> Self {
        let (sender, stop) = watch::channel(Shutdown::No);
        let last = Arc::new(AtomicU8::new(0));
        let seen = Arc::clone(&last);
        let mut sources = Sources::open();
        printer.listens.store(true, Ordering::SeqCst);
        let task = tokio::spawn(async move {
            loop {
                let status = sources.next().await;
                seen.store(status.code(), Ordering::SeqCst);
                let next = match *sender.borrow() {
                    Shutdown::No => {
                        printer.always("Stopping: nothing new is started, what runs may settle. Once more: stop at once.");
                        Shutdown::Gently
                    }
                    Shutdown::Gently => Shutdown::Now,
                    Shutdown::Now => exit(&printer, status),
                };
                // Nobody listens any more when the run has ended.
                let _ = sender.send(next);
            }
        });
        Self { stop, last, task }
    }

    /// The status of the signal that came last; nothing when none came.
    pub fn status(&self) -> Option<ExitStatus> {
        match self.last.load(Ordering::SeqCst) {
            0 => None,
            code if code == ExitStatus::Terminated.code() => Some(ExitStatus::Terminated),
            _ => Some(ExitStatus::Interrupted),
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends the program at a signal, with the summary of its events, as long as nothing else listens: no step runs then, so
/// that nothing is lost. Ends when it is dropped.
pub fn end_early(printer: Printer) -> impl Drop {
    struct Task(tokio::task::JoinHandle<()>);
    impl Drop for Task {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let mut sources = Sources::open();
    Task(tokio::spawn(async move {
        loop {
            let status = sources.next().await;
            if !printer.listens.load(Ordering::SeqCst) {
                exit(&printer, status);
            }
        }
    }))
}

fn exit(printer: &Printer, status: ExitStatus) -> ! {
    printer.summary_event(status, None);
    std::process::exit(i32::from(status.code()))
}

/// The streams of signals, made once: one that comes while another is handled is not lost.
#[cfg(unix)]
struct Sources {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Sources {
    fn open() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    async fn next(&mut self) -> ExitStatus {
        async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => {
                    signal.recv().await;
                }
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = heard(&mut self.interrupt) => ExitStatus::Interrupted,
            () = heard(&mut self.terminate) => ExitStatus::Terminated,
        }
    }
}

#[cfg(not(unix))]
struct Sources;

#[cfg(not(unix))]
impl Sources {
    fn open() -> Self {
        Self
    }

    async fn next(&mut self) -> ExitStatus {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        ExitStatus::Interrupted
    }
}
