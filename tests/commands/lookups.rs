//! Images that are used and not managed: found, recorded, used in plans, told.

use crate::common::TestEnv;
use crate::transcript;

/// An entry that is a copy of what a lookup finds, and a lookup for its own sake.
const MANIFEST: &str = r#"
version: 1
account: "100000000001"
accounts: { lender: "900000000001" }
rules: { shared_image_copied: allow }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    source: { shared: { id: "${lookup.hardened}", from: lender } }
lookups:
  hardened: { region: ap-jakarta, type: shared, os: Ubuntu, from: lender }
  ubuntu: { region: ap-tokyo, type: public, os: ubuntu, bits: 64, name: "22.04", newest: true }
"#;

#[test]
fn what_is_made_from_a_lookup_is_unknown_until_it_was_read() {
    let env = TestEnv::with(MANIFEST);
    insta::assert_snapshot!(
        "offline",
        transcript(
            &env,
            &["plan", "apply --yes --no-refresh", "plan --out saved.plan", "apply --yes saved.plan"]
        )
    );
    insta::assert_snapshot!(
        "read",
        transcript(
            &env,
            &[
                "apply --yes",
                "plan",
                "drift",
                "output",
                "output --as env",
                "state list",
                "state show lookup.ubuntu",
                "show"
            ]
        )
    );
    // Offline, the record answers; another question is not answered by it.
    env.edit("goldform.yaml", "type: shared, os: Ubuntu,", "type: shared, os: Ubuntu, bits: 64,");
    insta::assert_snapshot!(
        "another-question",
        transcript(&env, &["plan", "output --format json", "plan --refresh"])
    );
}

#[test]
fn several_and_none_are_refused_with_what_there_is() {
    let env = TestEnv::with(
        &MANIFEST
            .replace("newest: true", "newest: false")
            .replace("type: shared, os: Ubuntu,", "type: shared, os: Debian, bits: 32,"),
    );
    insta::assert_snapshot!(transcript(
        &env,
        &["plan --refresh", "refresh --quiet", "validate", "destroy --yes"]
    ));
}

#[test]
fn an_answer_that_is_gone_is_drift() {
    let env = TestEnv::with(
        r#"
version: 1
account: "100000000001"
images:
  web: { region: ap-tokyo, source: { instance: { id: ins-8f3a1c2d } } }
lookups:
  mine: { region: ap-jakarta, type: custom, name: golden }
"#,
    );
    crate::common::cloud::run(&env, "create golden ap-jakarta");
    std::thread::sleep(std::time::Duration::from_millis(600));
    env.expect(0, "apply --yes --quiet");
    env.expect(0, "drift");
    crate::common::cloud::run(&env, "delete golden ap-jakarta");
    insta::assert_snapshot!(transcript(
        &env,
        &["drift", "refresh", "plan", "state rm lookup.mine", "state list"]
    ));
}
