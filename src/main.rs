//! goldform: hands the arguments to [`goldform::cli::run`] and exits with its status.

use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "arguments are read here and nowhere else")]
fn main() -> ExitCode {
    ExitCode::from(goldform::cli::run(std::env::args_os()).code())
}
