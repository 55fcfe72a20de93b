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
