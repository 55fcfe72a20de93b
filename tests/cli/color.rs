use regex::Regex;

use crate::cli::WEB;
use crate::common::TestEnv;

/// Without colour, the same can be read: it never carries meaning alone.
#[test]
fn colour_adds_nothing_but_colour() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    env.edit("goldform.yaml", "copies: [ap-singapore]", "copies: [ap-singapore, ap-tokyo, ap-jakarta]");
    let codes = Regex::new("\x1b\\[[0-9;]*m").unwrap();
    for command in ["plan", "validate", "show"] {
        let colored = env.run(&format!("{command} --color always"));
        let plain = env.run(&format!("{command} --color never"));
        assert!(!plain.stdout.contains('\x1b') && !plain.stderr.contains('\x1b'), "{}", plain.text());
        assert!(colored.stdout.contains('\x1b') || colored.stderr.contains('\x1b'), "{}", colored.text());
        assert_eq!(codes.replace_all(&colored.stdout, ""), plain.stdout);
        assert_eq!(codes.replace_all(&colored.stderr, ""), plain.stderr);
    }
}

#[test]
fn colour_follows_the_environment() {
    let has_color = |env: TestEnv| env.run("plan").stdout.contains('\x1b');
    assert!(!has_color(TestEnv::with(WEB)), "no terminal");
    assert!(has_color(TestEnv::with(WEB).set("CLICOLOR_FORCE", "1")));
    assert!(!has_color(TestEnv::with(WEB).set("CLICOLOR_FORCE", "0")));
    assert!(!has_color(TestEnv::with(WEB).set("CLICOLOR_FORCE", "1").set("NO_COLOR", "1")));
    assert!(!has_color(TestEnv::with(WEB).set("CLICOLOR_FORCE", "1").set("TERM", "dumb")));
}
