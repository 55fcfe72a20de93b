use crate::cli::WEB;
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
fn drift_is_shown_and_not_recorded() {
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
    let domain = |name: &str| {
        WEB.replace("images:", &format!("cloud: {{ provider: tencent, domain: {name} }}\nimages:"))
    };
    let (internal, keyword) = (domain("internal.tencentcloudapi.com"), domain("provider"));
    let none = WEB.replace("images:", "cloud: { provider: tencent }\nimages:");
    for (manifest, allowed, reported) in [
        (&own, "provider", "the manifest names the endpoint `http://127.0.0.1:9`"),
        (&none, "http://127.0.0.1:9", "the manifest names the endpoint `provider`"),
        // A domain of the provider's may lead elsewhere in this network, and a domain cannot be named like the keyword.
        (&internal, "provider", "the manifest names the domain `internal.tencentcloudapi.com`"),
        (&internal, "https://internal.tencentcloudapi.com", "the manifest names the domain"),
        (&keyword, "provider", "`cloud.domain` is `provider`"),
        (&own, "http://127.0.0.1:9/", "no answer from 127.0.0.1:9"),
    ] {
        let env = TestEnv::with(manifest)
            .set("GOLDFORM_ENDPOINT", allowed)
            .set("TENCENTCLOUD_SECRET_ID", "AKIDexample")
            .set("TENCENTCLOUD_SECRET_KEY", "example");
        let ran = env.expect(1, "drift");
        assert!(ran.stderr.contains(reported), "{allowed}: {}", ran.stderr);
    }
}

/// Nothing that is recorded is there any more: another endpoint, another world, or an empty answer.
fn emptied(manifest: &str) -> TestEnv {
    let env = TestEnv::with(manifest);
    env.expect(0, "apply --yes --quiet");
    for file in ["goldform.world.db", "goldform.world.db-wal", "goldform.world.db-shm"] {
        let _ = std::fs::remove_file(env.path(file));
    }
    env
}

#[test]
fn a_record_of_which_nothing_is_left_is_kept_until_a_person_allows_it() {
    let env = emptied(WEB);
    let before = env.read("goldform.state.json");
    for command in ["refresh", "plan --refresh", "plan --refresh --destroy", "apply --yes", "destroy --yes"] {
        let ran = env.expect(3, command);
        assert!(ran.stderr.contains("GF708"), "{command}: {}", ran.text());
        assert_eq!(env.read("goldform.state.json"), before, "{command}");
        assert_eq!(cloud::list(&cloud::open(&env)), "", "{command} makes nothing");
    }
    shown!("disappeared", env.run("refresh").text());
    let drift = env.expect(2, "drift");
    assert!(drift.stderr.contains("warning GF708"), "{}", drift.text());
    let json = env.expect(3, "apply --yes --format json").json();
    assert_eq!(json["diagnostics"][0]["rule"], "GF708", "{json}");

    let allowed = env.expect(0, "refresh --allow mass_disappearance");
    assert!(!allowed.stderr.contains("GF708"), "{}", allowed.text());
    assert_ne!(env.read("goldform.state.json"), before);
    env.expect(0, "apply --yes --quiet");
    assert!(env.expect(0, "refresh --allow mass_disappearance").stderr.contains("was not needed"));
}

#[test]
fn the_manifest_may_allow_that_everything_is_gone() {
    let env = emptied(&format!("{WEB}rules: {{ mass_disappearance: allow }}\n"));
    env.expect(0, "apply --yes --quiet");
    assert_eq!(cloud::list(&cloud::open(&env)).lines().count(), 2);
    let env = emptied(&format!("{WEB}rules: {{ mass_disappearance: warn }}\n"));
    let ran = env.expect(0, "apply --yes");
    assert!(ran.stderr.contains("warning GF708"), "{}", ran.text());
}

#[test]
fn one_image_that_was_deleted_by_hand_is_ordinary_drift_unless_it_is_protected() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    cloud::run(&env, "delete web-1 ap-singapore");
    env.expect(0, "apply --yes --quiet");
    let env = TestEnv::with(&WEB.replace("copies:", "protect: true\n    copies:"));
    env.expect(0, "apply --yes --quiet");
    cloud::run(&env, "delete web-1 ap-singapore");
    let ran = env.expect(3, "apply --yes");
    assert!(ran.stderr.contains("Protected:"), "{}", ran.text());
    env.expect(0, "apply --yes --quiet --allow mass_disappearance");
}

#[test]
fn the_last_images_of_two_regions_are_not_deleted_by_hand() {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-singapore, ap-tokyo]"));
    env.expect(0, "apply --yes --quiet");
    cloud::run(&env, "delete web-1 ap-singapore");
    cloud::run(&env, "delete web-1 ap-tokyo");
    let ran = env.expect(3, "apply --yes");
    assert!(ran.stderr.contains("2 of 3 recorded images are missing"), "{}", ran.text());
}
