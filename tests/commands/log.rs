//! The log has the calls, and no secret.

use crate::common::TestEnv;

const MANIFEST: &str = r#"
version: 1
account: "100000000001"
variables: { signature: { sensitive: true } }
images:
  web:
    region: ap-jakarta
    source:
      import: { url: "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2", query: "${signature}", os: Ubuntu, version: "22", architecture: x86_64 }
"#;

#[test]
fn calls_are_logged_and_signatures_are_not() {
    let env = TestEnv::with(MANIFEST).set("GOLDFORM_VAR_signature", "q-signature=0123abcdsecret");
    let ran = env.expect(0, "apply --yes --log trace");
    assert!(ran.stderr.contains("goldform::calls") && ran.stderr.contains("ImportImage"), "{}", ran.text());
    assert!(
        !ran.stderr.contains("0123abcdsecret") && !ran.stdout.contains("0123abcdsecret"),
        "{}",
        ran.text()
    );
    let ran = env.expect(0, "refresh --log-json --log goldform::calls=debug");
    for line in ran.stderr.lines().filter(|line| line.starts_with('{')) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["target"], "goldform::calls");
        assert!(event["action"].is_string() && event["took_ms"].is_u64(), "{event}");
    }
    assert!(ran.stderr.contains("\"DescribeImages\""), "{}", ran.text());
    assert!(!env.expect(0, "refresh").stderr.contains("DescribeImages"), "silent unless asked");
    let env = env.set("GOLDFORM_LOG", "debug");
    assert!(env.expect(0, "refresh").stderr.contains("DescribeImages"));
    assert!(
        !env.expect(0, "refresh --log off").stderr.contains("DescribeImages"),
        "the argument counts first"
    );
    insta::assert_snapshot!(env.run("refresh --log goldform=loud").text());
}
