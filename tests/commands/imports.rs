//! Imports are validated by a built-in list, and by the service's own list once that was read.

use crate::common::TestEnv;

const MANIFEST: &str = r#"
version: 1
account: "100000000001"
images:
  web:
    region: ap-jakarta
    source:
      import: { url: "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2", os: Ubuntu, version: "VERSION", architecture: x86_64 }
"#;

#[test]
fn a_version_is_checked_after_a_refresh_has_read_the_supported_ones() {
    let env = TestEnv::with(&MANIFEST.replace("VERSION", "99"));
    env.expect(0, "plan");
    env.expect(3, "plan --refresh");
    env.expect(0, "refresh");
    let refused = env.expect(3, "plan");
    assert!(
        refused.stderr.contains("Version `99` of Ubuntu cannot be imported in ap-jakarta."),
        "{}",
        refused.stderr
    );
    std::fs::write(env.path("goldform.yaml"), MANIFEST.replace("VERSION", "22")).unwrap();
    env.expect(0, "apply --yes");
    // What is there stays, and the record is not written again for the same answer.
    let serial = |text: &str| text.split("serial ").nth(1).map(str::to_owned);
    let first = serial(&env.expect(0, "refresh").stderr);
    assert!(first.is_some() && first == serial(&env.expect(0, "refresh").stderr));
}
