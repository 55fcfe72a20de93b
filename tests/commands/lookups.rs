//! Images that are used and not managed: found, recorded, used in plans, reported.

use crate::commands::transcript;
use crate::common::TestEnv;

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

const VENDOR: &str = "300000000001";

/// `base` is a copy of what a vendor shares, `web` has nothing to do with it.
const WITH_VENDOR: &str = r#"
version: 1
account: "100000000001"
accounts: { vendor: "300000000001" }
rules: { shared_image_copied: allow }
images:
  base:
    region: ap-jakarta
    source: { revision: "1", shared: { id: "${lookup.base}", from: vendor } }
  web: { region: ap-jakarta, description: one, source: { instance: { id: ins-8f3a1c2d } } }
lookups:
  base: { region: ap-jakarta, type: shared, from: vendor, name: hardened }
"#;

/// Applied, and then the vendor shares the image with nobody.
fn withdrawn() -> TestEnv {
    use goldform::cloud::CloudWrite as _;
    use goldform::cloud::client::Client;
    use goldform::cloud::sim::SimTransport;
    use goldform::model::{AccountId, Region};

    use crate::common::cloud;

    let env = TestEnv::with(WITH_VENDOR);
    env.expect(
        0,
        &format!(
            "sandbox seed --image hardened --region ap-jakarta --owner {VENDOR} --share {}",
            cloud::ACCOUNT
        ),
    );
    env.expect(0, "apply --yes --quiet");
    let sim = cloud::open(&env);
    let (image, region) =
        (cloud::id(&sim, "hardened", "ap-jakarta"), "ap-jakarta".parse::<Region>().unwrap());
    let clock = std::sync::Arc::new(goldform::cloud::SystemClock);
    let client =
        Client::new(std::sync::Arc::new(SimTransport { sim, caller: VENDOR.parse().unwrap(), clock }));
    let with = [cloud::ACCOUNT.parse::<AccountId>().unwrap()].into_iter().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.unshare_image(&region, &image, &with)).unwrap();
    env
}

#[test]
fn an_image_that_its_vendor_withdraws_stops_nothing_that_does_not_need_it() {
    let env = withdrawn();
    insta::assert_snapshot!("withdrawn", transcript(&env, &["plan --refresh"]));
    env.edit("goldform.yaml", "description: one", "description: two");
    let applied = env.expect(0, "apply --yes");
    assert!(applied.stderr.contains("warning GF304"), "{}", applied.text());
    env.expect(0, "validate");
    assert!(env.expect(0, "apply --yes --deny lookup_unanswered").stderr.contains("warning GF304"));
    // The entry itself, as far as nothing is built for it.
    env.edit(
        "goldform.yaml",
        "region: ap-jakarta\n    source",
        "region: ap-jakarta\n    description: new\n    source",
    );
    env.expect(0, "apply --yes");

    // A build asks for the image, unless the entry is left out.
    env.edit("goldform.yaml", "description: two", "description: three");
    env.edit("goldform.yaml", "revision: \"1\"", "revision: \"2\"");
    for command in ["apply --yes", "apply --yes --target image.base", "plan", "validate"] {
        assert!(env.expect(3, command).stderr.contains("error GF304"), "{command}");
    }
    let ran = env.expect(1, "apply --yes --allow lookup_unanswered");
    assert!(ran.stderr.contains("no image is known for it"), "{}", ran.text());
    env.expect(0, "apply --yes --exclude image.base");
    env.edit("goldform.yaml", "description: three", "description: four");
    env.expect(0, "apply --yes --target image.web");
    env.expect(3, "apply --yes --replace image.base");
    env.edit("goldform.yaml", "revision: \"2\"", "revision: \"1\"");
    env.expect(3, "apply --yes --replace image.base");
    env.expect(0, "apply --yes --expect-no-changes");

    // An entry that is new, and was never read.
    env.edit("goldform.yaml", "lookups:\n", "lookups:\n  late: { region: ap-jakarta, type: shared }\n");
    env.edit(
        "goldform.yaml",
        "images:\n",
        "images:\n  late: { region: ap-jakarta, source: { shared: { id: \"${lookup.late}\" } } }\n",
    );
    let offline = "apply --yes --no-refresh --deny lookup_unread";
    assert!(env.expect(3, offline).stderr.contains("error GF305"));
    assert!(env.expect(0, &format!("{offline} --exclude image.late")).stderr.contains("warning GF305"));
    assert!(env.expect(0, &format!("{offline} --target image.web")).stderr.contains("warning GF305"));
    // What is not selected may even be impossible.
    env.edit(
        "goldform.yaml",
        "late: { region: ap-jakarta, type: shared }",
        "late: { region: ap-jakarta, type: public, os: Ubuntu, newest: true }",
    );
    assert!(env.expect(3, "apply --yes").stderr.contains("error GF306"));
    assert!(env.expect(0, "apply --yes --exclude image.late").stderr.contains("warning GF306"));
}
