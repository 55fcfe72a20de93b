//! goldform: hands the arguments to [`goldform::run`] and exits with its status.

use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "arguments are read here and nowhere else")]
fn main() -> ExitCode {
    ExitCode::from(goldform::run(std::env::args_os()).code())
}
