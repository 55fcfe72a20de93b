//! Concurrent tasks, each with a name: a task that panics is an error that says which one it was.
//!
//! [`Tasks`] are started while others run. [`bounded`] awaits futures that are known from the start, and which may borrow.

use std::collections::HashMap;

use compact_str::CompactString;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::{self, JoinError, JoinSet};

use super::ending::{caught, panic_text};
use crate::cloud::{CloudError, ErrorKind};

/// Tasks that run concurrently. Dropping it aborts them.
#[derive(Debug)]
pub struct Tasks<T> {
    set: JoinSet<T>,
    names: HashMap<task::Id, CompactString>,
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        Self { set: JoinSet::new(), names: HashMap::new() }
    }
}

impl<T: Send + 'static> Tasks<T> {
    /// Starts a task. The name says what it does: `observing ap-tokyo`.
    pub fn spawn(&mut self, name: impl Into<CompactString>, task: impl Future<Output = T> + Send + 'static) {
        let id = self.set.spawn(task).id();
        self.names.insert(id, name.into());
    }

    /// Returns whether no task is left.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Waits for the next task that ends. Returns `None` if no task is left. Cancel safe.
    ///
    /// # Errors
    /// A [`ErrorKind::Defect`] with the task's name if the task panicked.
    pub async fn next(&mut self) -> Option<Result<T, CloudError>> {
        let ended = self.set.join_next_with_id().await?;
        self.ended(ended)
    }

    /// Returns a task that has ended already. Returns `None` if there is none.
    ///
    /// # Errors
    /// A [`ErrorKind::Defect`] with the task's name if the task panicked.
    pub fn try_next(&mut self) -> Option<Result<T, CloudError>> {
        let ended = self.set.try_join_next_with_id()?;
        self.ended(ended)
    }

    fn ended(&mut self, ended: Result<(task::Id, T), JoinError>) -> Option<Result<T, CloudError>> {
        Some(match ended {
            Ok((id, value)) => {
                self.names.remove(&id);
                Ok(value)
            }
            Err(error) => {
                let name = self.names.remove(&error.id()).unwrap_or_else(|| "a task".into());
                Err(defect(name, &why(error)))
            }
        })
    }
}

/// Awaits futures concurrently, at most `limit` at once, and returns their values in the order in which they ended. The
/// name of each says what it does: `observing ap-tokyo`.
///
/// # Errors
/// The first error of a future, or a [`ErrorKind::Defect`] with the name of one that panicked. The others are dropped.
pub async fn bounded<T, F>(
    limit: usize,
    futures: impl IntoIterator<Item = (String, F)>,
) -> Result<Vec<T>, CloudError>
where
    F: Future<Output = Result<T, CloudError>> + Send,
{
    let named = |(name, future): (String, F)| async move {
        match caught(future).await {
            Ok(ended) => ended,
            Err(why) => Err(defect(name.into(), &format!("panicked: {why}"))),
        }
    };
    let futures: Vec<_> = futures.into_iter().map(named).collect();
    stream::iter(futures).buffer_unordered(limit.max(1)).try_collect().await
}

fn why(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
        Err(cancelled) => cancelled.to_string(),
    }
}

fn defect(name: CompactString, why: &str) -> CloudError {
    CloudError {
        kind: ErrorKind::Defect,
        action: name,
        region: None,
        code: None,
        message: format!("{why}; this is a defect of goldform"),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_named_and_the_others_end() {
        let mut tasks = Tasks::default();
        tasks.spawn("observing ap-tokyo", async { panic!("index {} of 0", 3) });
        tasks.spawn("observing ap-seoul", async { 7 });
        let (mut ended, mut defects) = (Vec::new(), Vec::new());
        while let Some(result) = tasks.next().await {
            match result {
                Ok(value) => ended.push(value),
                Err(error) => defects.push(error),
            }
        }
        assert_eq!(ended, [7]);
        let [defect] = defects.as_slice() else { panic!("{defects:?}") };
        assert_eq!(defect.kind, ErrorKind::Defect);
        assert_eq!(
            defect.to_string(),
            "observing ap-tokyo failed: panicked: index 3 of 0; this is a defect of goldform"
        );
        assert!(tasks.is_empty() && tasks.names.is_empty() && tasks.try_next().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_futures_run_at_once_than_the_limit() {
        let running = AtomicUsize::new(0);
        let future = |number: usize| {
            let running = &running;
            async move {
                let at_once = running.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                tokio::time::sleep(Duration::from_secs(1)).await;
                running.fetch_sub(1, Ordering::Relaxed);
                Ok((number, at_once))
            }
        };
        let all = (0..7).map(|number| (format!("number {number}"), future(number)));
        let mut ended = bounded(3, all).await.unwrap();
        assert_eq!(ended.iter().map(|(_, at_once)| *at_once).max(), Some(3));
        ended.sort_unstable();
        assert_eq!(ended.into_iter().map(|(number, _)| number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[tokio::test]
    async fn a_future_that_panics_is_named() {
        let all = [2u32, 0].map(|by| (format!("dividing by {by}"), async move { Ok(8u32.div_euclid(by)) }));
        let defect = bounded(1, all).await.unwrap_err();
        assert_eq!(defect.kind, ErrorKind::Defect);
        let text = defect.to_string();
        assert!(text.starts_with("dividing by 0 failed: panicked: "), "{text}");
    }
}
