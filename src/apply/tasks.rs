//! Concurrent tasks, each with a name: a task that panics is an error that says which one it was.

use std::collections::HashMap;

use compact_str::CompactString;
use tokio::task::{self, JoinError, JoinSet};

use super::ending::panic_text;
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
                Err(defect(name, error))
            }
        })
    }
}

fn defect(name: CompactString, error: JoinError) -> CloudError {
    let message = match error.try_into_panic() {
        Ok(panic) => {
            format!("panicked: {}", panic_text(panic.as_ref()))
        }
        Err(cancelled) => cancelled.to_string(),
    };
    CloudError {
        kind: ErrorKind::Defect,
        action: name,
        region: None,
        code: None,
        message: format!("{message}; this is a defect of goldform"),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
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
}
