use goldform::constraints::RULES;
use goldform::diagnostics::catalogue::syntax::CODES;

use crate::common::TestEnv;

#[test]
fn a_rule_has_a_page() {
    let env = TestEnv::new();
    shown!("explain-rule", env.run("explain GF601").text());
    assert_eq!(env.run("explain image_quota_exceeded").stdout, env.run("explain gf601").stdout);
    shown!("explain-code", env.run("explain GF105").text());
    shown!("explain-unknown", env.run("explain image_quota_exceded").text());
}

#[test]
fn every_rule_is_listed_and_has_its_page() {
    let env = TestEnv::new();
    let list = env.expect(0, "explain").stdout;
    for rule in RULES {
        assert!(list.contains(rule.code.id) && list.contains(rule.code.name), "{}", rule.code.id);
        let page = env.expect(0, &format!("explain {}", rule.code.name)).stdout;
        for part in ["What it checks", "Why", "Example", "What to do", "Sources", rule.code.title] {
            assert!(page.contains(part), "{}: {part}\n{page}", rule.code.id);
        }
    }
    for code in CODES {
        let page = env.expect(0, &format!("explain {}", code.id)).stdout;
        assert!(page.contains(code.title), "{}", code.id);
    }
}

#[test]
fn several_codes_have_their_pages_in_one_call() {
    let env = TestEnv::new();
    let pages = env.expect(0, "explain GF199 gf302 drift").stdout;
    let headings: Vec<&str> = pages.lines().filter(|line| line.starts_with("# ")).collect();
    assert_eq!(headings.len(), 3, "{pages}");
    assert!(headings[0].starts_with("# GF199 rule_unknown"), "{pages}");
    env.expect(1, "explain GF302 no_such_code");
}
