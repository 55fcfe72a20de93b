//! Why a step is in the plan.

use crate::commands::{MANIFEST, applied, transcript};
use crate::common::TestEnv;

#[test]
fn a_step_shows_why_it_is_there_and_what_it_waits_for() {
    let env = TestEnv::with(MANIFEST);
    insta::assert_snapshot!(transcript(
        &env,
        &[
            "explain copy image.web@ap-tokyo#1",
            "explain image.web@ap-jakarta",
            "explain create image.wob@ap-tokyo#1",
            "explain copy image.web@ap-tokyo#1 --format json",
        ]
    ));
    let env = applied(MANIFEST);
    insta::assert_snapshot!(
        "of-a-plan-that-deletes",
        transcript(
            &env,
            &[
                "explain image.web",
                "explain image.web@ap-seoul",
                "explain --destroy delete image.web@ap-tokyo#1"
            ]
        )
    );
}

/// Two entries with one free slot, and one that fills its region.
const FULL: &str = r#"version: 1
account: "100000000001"
limits: { regions: { ap-jakarta: { images: 3 }, ap-tokyo: { images: 1 } } }
defaults: { keep: 0 }
images:
  a: { region: ap-jakarta, source: { revision: "1", instance: { id: ins-8f3a1c2d } } }
  b: { region: ap-jakarta, source: { revision: "1", instance: { id: ins-8f3a1c2d } } }
  c: { region: ap-tokyo, source: { revision: "1", instance: { id: ins-8f3a1c2d } } }
"#;

#[test]
fn a_step_that_a_full_region_changes_says_what_more_slots_would_do() {
    let env = applied(FULL);
    env.edit("goldform.yaml", "revision: \"1\"", "revision: \"2\"");
    insta::assert_snapshot!(
        "more-slots",
        transcript(
            &env,
            &[
                "explain create:image.c@ap-tokyo#2",
                "explain create image.b@ap-jakarta#2",
                "explain create image.a@ap-jakarta#2",
                "explain delete:image.c@ap-tokyo#1 --format json",
            ]
        )
    );
    // With those slots, it is so.
    env.edit(
        "goldform.yaml",
        "ap-jakarta: { images: 3 }, ap-tokyo: { images: 1 }",
        "ap-jakarta: { images: 4 }, ap-tokyo: { images: 2 }",
    );
    let waits = |step: &str| {
        let json = env.expect(0, &format!("explain {step} --format json")).json();
        assert!(json["steps"][0].get("with_more_slots").is_none(), "{json:#}");
        json["steps"][0]["waits_for"].as_array().unwrap().len()
    };
    assert_eq!(waits("create:image.c@ap-tokyo#2"), 0);
    assert_eq!(waits("create:image.b@ap-jakarta#2"), 0);
    assert_eq!(waits("delete:image.c@ap-tokyo#1"), 1);
}
