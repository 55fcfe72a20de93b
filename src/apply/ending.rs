//! How a run ends when it does not end by itself: the state cannot be stored, or the run panics.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use thiserror::Error;

use crate::backend::StoreError;
use crate::plan::Outcome;

/// A run that ended because its events could not be stored. The snapshot holds what the store does not.
#[derive(Debug, Error)]
#[error("{source}")]
pub struct Unsaved {
    /// What became of the steps, as far as is known.
    pub outcome: Box<Outcome>,
    /// Why nothing more could be stored.
    pub source: StoreError,
}

/// Runs a future to its end.
///
/// # Errors
/// The text of its panic.
pub(super) async fn caught<T>(future: impl Future<Output = T> + Send) -> Result<T, String> {
    let mut future = Box::pin(future);
    poll_fn(|context| {
        // A future that panicked is not polled again, and what it borrowed is only read afterwards.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_text(panic.as_ref()).to_owned())),
        }
    })
    .await
}

/// Returns what a panic says.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
