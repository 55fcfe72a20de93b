//! What the machine around goldform says: its environment and its files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;
type Files = dyn Fn(&Path) -> io::Result<String> + Send + Sync;

/// The environment and the files, as the caller lets them be seen.
#[derive(Clone)]
pub struct Surroundings {
    variables: Arc<Variables>,
    files: Arc<Files>,
    home: Option<PathBuf>,
}

impl Surroundings {
    /// The environment and the files as functions return them, and the folder of the user, whose name need not be UTF-8.
    pub fn of(
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        files: impl Fn(&Path) -> io::Result<String> + Send + Sync + 'static,
        home: Option<PathBuf>,
    ) -> Self {
        Self { home, ..Self::with(variables, files) }
    }

    /// Both as they are told by functions.
    pub fn with(
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        files: impl Fn(&Path) -> io::Result<String> + Send + Sync + 'static,
    ) -> Self {
        Self { variables: Arc::new(variables), files: Arc::new(files), home: None }
    }

    /// A variable; one that is empty counts as not set. Blanks around a value are never meant: a key that was pasted
    /// with one is refused by the service as unknown.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The first of these variables that is set.
    pub(super) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.variable(name))
    }

    /// The text of a file; nothing when there is none.
    pub(super) fn file(&self, path: &Path) -> io::Result<Option<String>> {
        match (self.files)(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The home folder of the user.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.home.clone().or_else(|| self.first(&["HOME", "USERPROFILE"]).map(PathBuf::from))
    }
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
