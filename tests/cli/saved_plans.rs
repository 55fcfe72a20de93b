//! Saved plans that were edited with digests of their own: an honest plan each, and not the one that was reviewed.

use goldform::model::Provider;
use goldform::plan::{PlanFile, PlanInputs};

use crate::cli::WEB;
use crate::common::TestEnv;

/// An edit of what a plan was made from.
type Edit = fn(&mut PlanInputs);

/// A saved plan, and its digest as it is shown.
fn saved(env: &TestEnv) -> (PlanInputs, String) {
    env.expect(0, "plan --quiet --out reviewed.plan");
    let file = PlanFile::from_text(&env.read("reviewed.plan")).unwrap();
    (file.inputs, file.plan.digest.name().to_owned())
}

#[test]
fn an_edited_plan_with_digests_of_its_own_is_not_the_expected_one() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    let (inputs, digest) = saved(&env);
    let (state, world) = (env.read("goldform.state.json"), env.run("images --type custom").stdout);
    let edits: [(&str, Edit); 6] = [
        ("another build", |inputs| {
            let web = inputs.desired.images.values_mut().next().unwrap();
            web.source.as_mut().unwrap().revision = Some("7".into());
        }),
        ("an entry less", |inputs| inputs.desired.images.clear()),
        ("a stranger", |inputs| {
            let web = inputs.desired.images.values_mut().next().unwrap();
            for accounts in web.shares.values_mut() {
                *accounts = accounts.joined(&["900000000009".parse().unwrap()].into_iter().collect());
            }
        }),
        ("another account", |inputs| inputs.desired.account = "100000000002".parse().unwrap()),
        ("another service", |inputs| {
            inputs.desired.cloud.provider = Provider::Tencent;
            // Nobody answers there: a call would be an error of its own.
            inputs.desired.cloud.endpoint = Some("http://127.0.0.1:9".to_owned());
        }),
        ("another world", |inputs| inputs.desired.cloud.sandbox.world = Some("other.world.db".to_owned())),
    ];
    for (name, edit) in edits {
        let mut edited = inputs.clone();
        edit(&mut edited);
        env.write("edited.plan", &edited.to_text().unwrap());
        env.expect(0, "show edited.plan");
        let ran = env.expect(5, &format!("apply --yes edited.plan --expect {digest}"));
        assert!(ran.stderr.contains("the plan is not the expected one"), "{name}: {}", ran.text());
        env.expect(5, "apply --yes edited.plan --expect reviewed.plan");
        assert_eq!(env.read("goldform.state.json"), state, "{name}");
        assert!(!env.path("other.world.db").exists(), "{name}");
    }
    assert_eq!(env.run("images --type custom").stdout, world);
    env.expect(0, &format!("apply --yes --quiet reviewed.plan --expect {digest}"));
}

#[test]
fn what_an_edited_plan_shows_is_judged_against_the_state() {
    let env = TestEnv::with(&WEB.replace("    copies:", "    protect: true\n    copies:"));
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    let (mut inputs, _) = saved(&env);
    let images = env.run("images --type custom").stdout;
    // As if nothing were protected, and the entry gone.
    inputs.desired.images.clear();
    env.write("edited.plan", &inputs.to_text().unwrap());
    assert!(env.run("show edited.plan").stdout.contains("delete"));
    assert!(env.expect(3, "apply --yes edited.plan").stderr.contains("GF701"));
    for image in inputs.recorded.images.values_mut() {
        image.protect = false;
    }
    env.write("edited.plan", &inputs.to_text().unwrap());
    let stale = env.expect(5, "apply --yes edited.plan");
    assert!(stale.stderr.contains("its protection"), "{}", stale.text());
    assert_eq!(env.run("images --type custom").stdout, images, "nothing was deleted");
}

/// A plan that keeps earlier generations for some days decides by the day on which it was made.
#[test]
fn an_expected_plan_is_made_as_of_its_own_time() {
    let env = TestEnv::with(&WEB.replace("    copies:", "    keep: { days: 30 }\n    copies:"));
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    let (mut inputs, _) = saved(&env);
    env.expect(0, "plan --expect reviewed.plan");
    // As if it had been made when the earlier generation was no longer kept.
    inputs.options.now = "2099-01-01T00:00:00Z".parse().unwrap();
    env.write("later.plan", &inputs.to_text().unwrap());
    assert!(env.run("show later.plan").stdout.contains("delete"));
    env.expect(0, "plan --expect later.plan");
    env.expect(
        5,
        &format!("plan --expect {}", PlanFile::from_text(&env.read("later.plan")).unwrap().plan.digest),
    );
}
