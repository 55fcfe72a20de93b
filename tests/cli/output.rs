use crate::cli::WEB;
use crate::common::TestEnv;

#[test]
fn ids_are_printed_for_other_tools() {
    let env = TestEnv::with(WEB);
    shown!("output-missing", env.run("output").text());
    env.expect(0, "apply --yes --quiet");
    shown!("output", env.run("output").text());
    shown!("output-json", env.run("output --format json").text());
}
