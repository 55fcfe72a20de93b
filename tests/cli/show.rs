use crate::cli::WEB;
use crate::common::TestEnv;

#[test]
fn nothing_is_recorded_before_the_first_apply() {
    shown!("show-nothing", TestEnv::with(WEB).run("show").text());
}

#[test]
fn a_state_is_shown_for_people_and_for_programs() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    shown!("show", env.run("show").text());
    shown!("show-json", env.run("show --format json").text());
    let file = env.run("show goldform.state.json");
    assert_eq!(file.status, 0);
    assert!(file.stdout.contains("200000000001"), "no manifest, no names: {}", file.text());
    env.expect(0, "destroy --yes --quiet");
    shown!("show-destroyed", env.run("show").text());
}

#[test]
fn a_file_that_is_no_state_is_reported() {
    let env = TestEnv::with(WEB);
    env.write("notes.txt", "hello");
    shown!("show-no-state", env.run("show notes.txt").text());
    shown!("show-no-file", env.run("show nowhere.json").text());
}
