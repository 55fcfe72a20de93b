use crate::common::TestEnv;

#[test]
fn the_starter_works_as_it_is() {
    let env = TestEnv::new();
    shown!("init", env.run("init").text());
    env.expect(0, "validate");
    env.expect(0, "apply --yes --quiet");
    env.expect(0, "plan --detailed-exitcode");
    env.expect(0, "destroy --yes --quiet");
}

#[test]
fn what_is_there_is_left_as_it_is() {
    let env = TestEnv::with("# mine\n");
    shown!("init-again", env.run("init").text());
    assert_eq!(env.read("goldform.yaml"), "# mine\n");
    shown!("init-other", env.run("init other.yaml").text());
    env.expect(0, "validate -f other.yaml");
    shown!("init-nowhere", env.run("init nowhere/goldform.yaml").text());
}
