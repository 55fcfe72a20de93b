use crate::WEB;
use crate::common::TestEnv;

#[test]
fn addresses_are_listed_and_looked_up() {
    let env = TestEnv::with(WEB);
    assert_eq!(env.expect(0, "state list").stdout, "");
    env.expect(0, "apply --yes --quiet");
    shown!("state-list", env.run("state list").text());
    shown!("state-list-one", env.run("state list image.web@ap-singapore").text());
    shown!("state-list-json", env.run("state list --format json").text());
    shown!("state-show", env.run("state show image.web@ap-singapore").text());
    shown!("state-show-unknown", env.run("state show image.db").text());
    shown!("state-show-malformed", env.run("state show web").text());
}
