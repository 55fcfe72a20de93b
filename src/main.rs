//! goldform: hands the arguments to [`goldform::cli::run`] and exits with its status.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(goldform::cli::run(std::env::args_os()).code())
}
