use crate::WEB;
use crate::common::{TestEnv, cloud};

fn drifted() -> TestEnv {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-singapore, ap-tokyo]"));
    env.expect(0, "apply --yes --quiet");
    cloud::run(&env, "delete web-1 ap-tokyo");
    cloud::run(&env, "describe web-1 ap-singapore by hand");
    cloud::run(&env, "unshare web-1 ap-singapore 200000000002");
    cloud::run(&env, "share web-1 ap-jakarta 200000000077");
    env
}

#[test]
fn drift_is_told_and_not_recorded() {
    let env = drifted();
    let before = env.read("goldform.state.json");
    shown!("drift", env.run("drift").text());
    shown!("drift-json", env.run("drift --format json").text());
    assert_eq!(env.read("goldform.state.json"), before);
    assert_eq!(env.run("plan --detailed-exitcode").status, 0, "offline, nothing is known of it");
    assert_eq!(env.run("plan --detailed-exitcode --refresh").status, 2);
}

#[test]
fn a_refresh_records_what_is_there_and_the_next_apply_heals_it() {
    let env = drifted();
    shown!("refresh", env.run("refresh").text());
    shown!("plan-heal", env.run("plan").text());
    env.expect(0, "apply --yes --quiet");
    shown!("drift-none", env.run("drift").text());
    let world = cloud::list(&cloud::open(&env));
    assert_eq!(world.lines().count(), 3, "{world}");
    assert!(world.contains("200000000077"), "a share that others made stays: {world}");
}

#[test]
fn an_exclusive_share_revokes_what_others_shared() {
    let env = drifted();
    env.edit("goldform.yaml", "with: [partner, staging]", "with: [partner, staging], exclusive: true");
    env.expect(0, "apply --yes --quiet");
    assert!(!cloud::list(&cloud::open(&env)).contains("200000000077"));
}

#[test]
fn keys_are_used_with_the_endpoint_that_the_environment_allows_and_no_other() {
    let own =
        WEB.replace("images:", "cloud: { provider: tencent, endpoint: \"http://127.0.0.1:9\" }\nimages:");
    let none = WEB.replace("images:", "cloud: { provider: tencent }\nimages:");
    for (manifest, allowed, told) in [
        (&own, "provider", "the manifest names the endpoint `http://127.0.0.1:9`"),
        (&none, "http://127.0.0.1:9", "the manifest names the endpoint `provider`"),
        (&own, "http://127.0.0.1:9/", "no answer from 127.0.0.1:9"),
    ] {
        let env = TestEnv::with(manifest)
            .set("GOLDFORM_ENDPOINT", allowed)
            .set("TENCENTCLOUD_SECRET_ID", "AKIDexample")
            .set("TENCENTCLOUD_SECRET_KEY", "example");
        let ran = env.expect(1, "drift");
        assert!(ran.stderr.contains(told), "{allowed}: {}", ran.stderr);
    }
}
