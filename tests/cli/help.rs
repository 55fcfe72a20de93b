use clap::CommandFactory as _;
use goldform::cli::args::Cli;

use crate::common::TestEnv;

#[test]
fn help_lists_the_commands_and_the_exit_statuses() {
    let env = TestEnv::new();
    let help = env.expect(0, "--help");
    shown!("help", help.text());
    let bare = env.run("");
    assert_eq!(bare.status, 1, "no command is a mistake");
    assert!(
        bare.stderr.contains("Usage: goldform") && bare.stderr.contains("Exit status"),
        "{}",
        bare.text()
    );
    assert_eq!(env.expect(0, "-V").stdout, format!("goldform {}\n", env!("CARGO_PKG_VERSION")));
}

/// Every command and every argument says what it is for, in one line without a full stop.
#[test]
fn every_command_and_argument_is_explained() {
    fn judge(command: &clap::Command, path: &str, wrong: &mut Vec<String>) {
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            if help.is_empty() || help.ends_with('.') {
                wrong.push(format!("{path} {}: {help:?}", argument.get_id()));
            }
        }
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let path = format!("{path} {}", inner.get_name());
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            if about.is_empty() || about.ends_with('.') {
                wrong.push(format!("{path}: {about:?}"));
            }
            judge(inner, &path, wrong);
        }
    }
    let mut wrong = Vec::new();
    judge(&Cli::command(), "goldform", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_that_is_mistyped_says_what_was_meant() {
    let env = TestEnv::new();
    let mut text = String::new();
    for arguments in [
        "plann",
        "plan --detailed-exit-code",
        "plan --var build",
        "plan --format yaml",
        "plan extra",
        "apply --parallelism 0",
        "apply --settle-timeout soon",
        "state",
    ] {
        let ran = env.run(arguments);
        assert_eq!(ran.status, 1, "{}", ran.text());
        text.push_str(&ran.text());
        text.push('\n');
    }
    shown!("help-mistyped", text);
}
