//! Bash splits words at `@`, `=` and `:` too, which addresses and formats contain, and replaces only the text after the
//! last of those.

use std::ffi::OsString;
use std::io::{Error, Write};
use std::path::Path;

use clap::Command;
use clap_complete::env::{Bash as Plain, EnvCompleter};

/// Bash, with words as blanks part them.
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        Plain.name()
    }

    fn is(&self, name: &str) -> bool {
        Plain.is(name)
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        program: &str,
        completer: &str,
        text: &mut dyn Write,
    ) -> Result<(), Error> {
        let script = include_str!("completion.bash")
            .replace("@NAME@", name)
            .replace("@PROGRAM@", program)
            .replace("@COMPLETER@", completer)
            .replace("@VARIABLE@", variable);
        text.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        text: &mut dyn Write,
    ) -> Result<(), Error> {
        Plain.write_complete(command, words, folder, text)
    }
}
