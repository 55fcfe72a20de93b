use crate::cli::WEB;
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

#[cfg(unix)]
#[test]
fn a_link_to_a_state_that_is_not_there_yet_stays_a_link() {
    let env = TestEnv::with(WEB);
    std::os::unix::fs::symlink("shared/web.json", env.path("second.json")).unwrap();
    std::os::unix::fs::symlink("second.json", env.path("goldform.state.json")).unwrap();
    env.expect(0, "apply --yes --quiet");
    for link in ["goldform.state.json", "second.json"] {
        assert!(env.path(link).symlink_metadata().unwrap().is_symlink(), "{link}");
    }
    assert!(env.read("shared/web.json").contains("\"lineage\""));
    env.expect(0, "apply --yes --quiet --expect-no-changes");
    std::os::unix::fs::symlink("circle.plan", env.path("circle.plan")).unwrap();
    assert_eq!(env.run("plan --quiet --replace image.web --out circle.plan").status, 1);
}
