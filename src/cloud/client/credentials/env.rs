//! Access to the environment and the files of the machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;
type Files = dyn Fn(&Path) -> io::Result<String> + Send + Sync;

/// Environment variables, files and home directory, as functions of the caller.
#[derive(Clone)]
pub struct Env {
    variables: Arc<Variables>,
    files: Arc<Files>,
    home: Option<PathBuf>,
}

impl Env {
    /// Creates the access from functions that read a variable and a file, and the home directory of the user. `home` is
    /// separate because its name may not be UTF-8. `None`: `HOME` or `USERPROFILE` applies.
    pub fn new(
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        files: impl Fn(&Path) -> io::Result<String> + Send + Sync + 'static,
        home: Option<PathBuf>,
    ) -> Self {
        Self { variables: Arc::new(variables), files: Arc::new(files), home }
    }

    /// Returns a variable without surrounding blanks, because the service refuses a key that was pasted with one.
    /// `None` if the variable is unset or empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Returns the first of these variables that is set.
    pub(super) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.variable(name))
    }

    /// Returns the text of a file. `None` if the file does not exist.
    pub(super) fn file(&self, path: &Path) -> io::Result<Option<String>> {
        match (self.files)(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the home directory of the user.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.home.clone().or_else(|| self.first(&["HOME", "USERPROFILE"]).map(PathBuf::from))
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}
