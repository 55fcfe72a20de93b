//! Values without an effect: variables that are not declared, and environment variables that are not read.

use crate::cli::WEB;
use crate::common::TestEnv;

const VARIABLES: &str = "variables: { build: { default: ins-8f3a1c2d } }\n";

fn env() -> TestEnv {
    TestEnv::with(&format!("{VARIABLES}{}", WEB.replace("ins-8f3a1c2d", "\"${build}\"")))
}

fn warnings(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("GF132") || line.contains("GF133")).collect()
}

#[test]
fn an_undeclared_variable_of_a_file_or_the_environment_is_a_warning() {
    let env = env().set("GOLDFORM_VAR_biuld", "ins-11111111").set("GOLDFORM_VAR_build", "ins-22222222");
    env.write("values.yaml", "biuld: ins-11111111\nother: secret-text\nbuild: ins-33333333\n");
    let ran = env.expect(0, "validate --var-file values.yaml");
    shown!("inputs-undeclared", ran.text());
    assert_eq!(warnings(&ran.stderr).len(), 2, "once for each name: {}", ran.stderr);
    assert!(!ran.stderr.contains("secret-text"), "{}", ran.stderr);
    let json = env.expect(0, "plan --var-file values.yaml --format json").json();
    assert_eq!(json["diagnostics"][0]["rule"], "GF132");
    // A file without any of its names may be named by mistake: nothing of it is quoted.
    env.write("keys.yaml", "hunter2: x\nhunter3: x\n");
    let ran = env.expect(0, "validate --var-file keys.yaml");
    assert!(
        !ran.stderr.contains("hunter") && ran.stderr.contains("keys.yaml sets no variable"),
        "{}",
        ran.text()
    );
    // On the command line it is an error still.
    env.expect(1, "validate --var biuld=x");
    // The names that are declared.
    env.write("values.yaml", "build: ins-11111111\n");
    let env = self::env().set("GOLDFORM_VAR_build", "ins-22222222");
    let ran = env.expect(0, "validate");
    assert!(warnings(&ran.stderr).is_empty(), "{}", ran.text());
}

#[test]
fn an_environment_variable_that_is_not_read_is_a_warning() {
    let env =
        env().set("GOLDFORM_ENDPIONT", "provider").set("GOLDFORM_VARS_build", "x").set("GOLDFORM_HOME", "/");
    let ran = env.expect(0, "validate");
    shown!("inputs-unread", ran.text());
    assert_eq!(warnings(&ran.stderr).len(), 3, "{}", ran.stderr);
    // What is read, and what `output --format env` prints.
    let env = self::env()
        .set("GOLDFORM_ACTOR", "ana")
        .set("GOLDFORM_LOG", "warn")
        .set("GOLDFORM_ENDPOINT", "provider")
        .set("GOLDFORM_IMAGE_WEB_AP_JAKARTA", "img-1")
        .set("GOLDFORM_LOOKUP_UBUNTU", "img-1");
    let ran = env.expect(0, "validate");
    assert!(warnings(&ran.stderr).is_empty(), "{}", ran.text());
}
