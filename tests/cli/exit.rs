//! Every exit status, and which one is given where several hold.

use crate::cli::WEB;
use crate::common::TestEnv;

#[test]
fn each_status_has_its_meaning() {
    let env = TestEnv::with(WEB);
    env.expect(0, "plan");
    env.expect(2, "plan --detailed-exitcode");
    env.expect(1, "plan --expect-no-changes");
    env.expect(1, "plan -f nowhere.yaml");
    env.expect(1, "plan --nonsense");
    env.expect(5, "plan --expect 00000000000000000000000000000000");
    env.expect(0, "apply --yes");
    env.expect(0, "plan --detailed-exitcode");
    env.expect(0, "plan --expect-no-changes");
    env.expect(0, "drift");
    crate::common::cloud::run(&env, "delete web-1 ap-singapore");
    env.expect(2, "drift");
    env.edit("goldform.yaml", "[ap-singapore]", "[ap-guangzhou]");
    env.expect(3, "plan");
    // 4, 6, 130 and 143: see apply.rs.
}

#[test]
fn where_several_hold_the_gravest_is_given() {
    let env = TestEnv::with(&WEB.replace("[ap-singapore]", "[ap-jakarta]"));
    env.expect(3, "plan --detailed-exitcode"); // over 2
    env.expect(3, "plan --expect-no-changes"); // over 1
    env.expect(5, "plan --expect 00000000000000000000000000000000"); // over 3
    let env = TestEnv::with(WEB);
    env.expect(1, "plan --expect-no-changes --detailed-exitcode"); // over 2
}
