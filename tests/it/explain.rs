use goldform::constraints::RULES;
use goldform::manifest::codes::CODES;

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
        assert!(list.contains(rule.id) && list.contains(rule.name), "{}", rule.id);
        let page = env.expect(0, &format!("explain {}", rule.name)).stdout;
        for part in ["What it checks", "Why", "Example", "What to do", "Sources", rule.title] {
            assert!(page.contains(part), "{}: {part}\n{page}", rule.id);
        }
    }
    for code in CODES {
        let page = env.expect(0, &format!("explain {}", code.id)).stdout;
        assert!(page.contains(code.title), "{}", code.id);
    }
}
