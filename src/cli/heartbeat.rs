//! Breaks the silence of a long wait: a line at intervals in which nothing else was said.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time without a line after which one is printed.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);
/// Number of steps that are named.
const NAMED: usize = 3;

/// Prints what is waited for while nothing else is said. Ends when it is dropped.
pub(super) struct Heartbeat {
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<String>,
    /// Whether something was said since the last check.
    has_news: bool,
    /// Intervals since something was said.
    silent: u32,
    is_over: bool,
}

impl Heartbeat {
    /// Starts it. `say` prints a line.
    pub(super) fn start(interval: Duration, say: impl Fn(&str) + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let seen = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let (state, changed) = &*seen;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let is_silent = |state: &mut State| !state.has_news && !state.is_over;
                let waited = changed.wait_timeout_while(state, interval, is_silent);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                if state.is_over {
                    return;
                }
                if std::mem::take(&mut state.has_news) {
                    state.silent = 0;
                    continue;
                }
                state.silent = state.silent.saturating_add(1);
                if let Some(line) = line(&state, interval) {
                    say(&line);
                }
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Notes what is running, and that something was said.
    pub(super) fn news(&self, running: &[String]) {
        let (state, changed) = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running = running.to_vec();
        state.has_news = true;
        changed.notify_one();
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        let (state, changed) = &*self.shared;
        state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn line(state: &State, interval: Duration) -> Option<String> {
    let named: Vec<&str> = state.running.iter().take(NAMED).map(String::as_str).collect();
    if named.is_empty() {
        return None;
    }
    let more = match state.running.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let seconds = interval.as_secs().saturating_mul(u64::from(state.silent));
    Some(format!("  … still waiting after {seconds} s for: {}{more}", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_silence_is_broken_with_what_is_waited_for() {
        let (said, heard) = mpsc::channel();
        let heartbeat =
            Heartbeat::start(Duration::from_millis(20), move |line| said.send(line.to_owned()).unwrap());
        let running: Vec<String> = (1..=4).map(|number| format!("step {number}")).collect();
        heartbeat.news(&running);
        let first = heard.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(first.ends_with("for: step 1, step 2, step 3 and 1 more"), "{first}");
        heartbeat.news(&[]);
        drop(heartbeat);
        // It has ended: its sender is gone.
        while heard.recv_timeout(Duration::from_secs(5)).is_ok() {}
        assert_eq!(heard.recv(), Err(mpsc::RecvError));
    }
}
