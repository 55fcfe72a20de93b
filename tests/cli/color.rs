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

/// Tables, diagnostics, progress and help, where the locale or the terminal cannot show other signs.
#[test]
fn signs_are_ascii_where_nothing_else_can_be_shown() {
    let plain = |name: &str, value: &str| TestEnv::with(WEB).set(name, value);
    let refused = WEB.replace("[ap-singapore]", "[ap-jakarta]");
    for (name, value) in [
        ("LC_ALL", "C"),
        ("LC_CTYPE", "POSIX"),
        ("LANG", "en_US.ISO-8859-1"),
        ("TERM", "dumb"),
        ("TERM", "linux"),
    ] {
        let env = plain(name, value);
        for (status, command) in [
            (0, "plan"),
            (0, "apply --yes"),
            (1, "plan --hlep"),
            (0, "apply --help"),
            (0, "explain GF601"),
            (1, "output image.wob"),
        ] {
            let ran = env.expect(status, command);
            assert!(ran.stdout.is_ascii() && ran.stderr.is_ascii(), "{name}={value}: {}", ran.text());
        }
        env.write("goldform.yaml", &refused);
        let ran = env.expect(3, "validate");
        assert!(ran.stderr.is_ascii() && ran.stderr.contains("GF404"), "{}", ran.text());
    }
    shown!("ascii-plan", plain("LC_ALL", "C").run("plan").text());
    shown!("ascii-refused", TestEnv::with(&refused).set("LANG", "C").run("validate").text());
    // The first that is set decides; files and programs get what they always get.
    let env = plain("LANG", "C").set("LC_ALL", "C.UTF-8");
    assert!(env.run("plan").stdout.contains('·'));
    assert!(plain("NO_SUCH", "C").run("plan").stdout.contains('·'));
    let env = plain("LANG", "C");
    let json = env.run("plan --format json").stdout;
    assert_eq!(json, TestEnv::with(WEB).run("plan --format json").stdout);
}
