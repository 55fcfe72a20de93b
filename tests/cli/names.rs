//! Names and values that are not UTF-8: the exact file is used, or a diagnostic names what cannot be.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::process::Output;

use crate::cli::WEB;
use crate::common::{PROGRAM, TestEnv};

/// A name in Latin-1.
fn latin(before: &str, after: &str) -> OsString {
    let mut name = before.as_bytes().to_vec();
    name.push(0xe9);
    name.extend(after.as_bytes());
    OsString::from_vec(name)
}

fn run(env: &TestEnv, folder: &Path, arguments: &[&OsStr]) -> Output {
    env.command(PROGRAM).args(arguments).current_dir(env.path("").join(folder)).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_status(status: i32, output: &Output) {
    assert_eq!(output.status.code(), Some(status), "{}", stderr(output));
}

#[test]
fn other_variables_of_the_environment_need_not_be_text() {
    let env = TestEnv::with(WEB);
    let output = env
        .command(PROGRAM)
        .args(["apply", "--yes"])
        .env("X", latin("", ""))
        .env(latin("Y", ""), "1")
        .env("USER", latin("ren", ""))
        .env("HOSTNAME", latin("", ""))
        .env("TERM", latin("", ""))
        .env("CI", latin("", ""))
        .output()
        .unwrap();
    assert_status(0, &output);
    assert!(env.run("history").stdout.contains("ren\u{fffd}@\u{fffd}"), "{}", env.run("history").text());
}

#[test]
fn a_variable_that_is_read_must_be_text_and_its_value_is_not_shown() {
    let env = TestEnv::with(WEB);
    let value = latin("hunter2", "");
    for (name, arguments) in [
        ("GOLDFORM_VAR_build", "plan"),
        ("GOLDFORM_LOG", "plan"),
        ("GOLDFORM_ACTOR", "apply --yes"),
        ("GOLDFORM_COMPLETE", "plan"),
    ] {
        let output =
            env.command(PROGRAM).args(arguments.split_whitespace()).env(name, &value).output().unwrap();
        assert_status(1, &output);
        let stderr = stderr(&output);
        assert!(stderr.contains(&format!("error: the environment variable {name} is not UTF-8")), "{stderr}");
        assert!(!stderr.contains("hunter2") && output.stdout.is_empty(), "{stderr}");
    }
    let output = env.command(PROGRAM).arg("plan").env(latin("GOLDFORM_VAR_", ""), "x").output().unwrap();
    assert_status(1, &output);
    assert!(stderr(&output).contains("GOLDFORM_VAR_\u{fffd} is not UTF-8"), "{}", stderr(&output));

    env.edit(
        "goldform.yaml",
        "images:",
        "cloud: { provider: tencent, endpoint: http://127.0.0.1:9 }\nimages:",
    );
    for name in ["GOLDFORM_ENDPOINT", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN", "TCCLI_PROFILE"] {
        let output = env
            .command(PROGRAM)
            .args(["plan", "--refresh"])
            .env("TENCENTCLOUD_SECRET_ID", "AKID")
            .env("TENCENTCLOUD_SECRET_KEY", "key")
            .env(name, &value)
            .output()
            .unwrap();
        assert_status(1, &output);
        let stderr = stderr(&output);
        assert!(stderr.contains(&format!("{name} is not UTF-8")) && !stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn a_proxy_that_cannot_be_read_is_not_passed_over() {
    let env = TestEnv::with(WEB);
    env.edit(
        "goldform.yaml",
        "images:",
        "cloud: { provider: tencent, endpoint: http://127.0.0.1:9 }\nimages:",
    );
    let env = env.set("HTTPS_PROXY", "http://user:hunter2@");
    let ran = env.expect(1, "plan --refresh");
    assert!(ran.stderr.contains("HTTPS_PROXY is not the address of a proxy"), "{}", ran.text());
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.text());
}

#[test]
fn keys_are_found_in_a_home_folder_of_any_name() {
    let env = TestEnv::with(WEB);
    env.edit(
        "goldform.yaml",
        "images:",
        "cloud: { provider: tencent, endpoint: http://127.0.0.1:9 }\nimages:",
    );
    let home = env.path("").join(latin("home", ""));
    std::fs::create_dir_all(home.join(".tccli")).unwrap();
    std::fs::write(home.join(".tccli/default.credential"), "{").unwrap();
    let output = env.command(PROGRAM).args(["plan", "--refresh"]).env("HOME", &home).output().unwrap();
    assert_status(1, &output);
    assert!(stderr(&output).contains("default.credential cannot be used"), "{}", stderr(&output));
}

#[test]
fn files_have_exactly_the_names_that_were_given() {
    let env = TestEnv::with(WEB);
    let (folder, manifest) = (latin("w", ""), latin("web", ".yaml"));
    std::fs::create_dir(env.path("").join(&folder)).unwrap();
    let at = |name: &OsStr| env.path("").join(&folder).join(name);
    let variables = latin("v", ".yaml");
    std::fs::write(at(&variables), "build: ins-8f3a1c2d\n").unwrap();
    let text = WEB.replace("ins-8f3a1c2d", "\"${build}\"") + "variables: { build: {} }\n";
    std::fs::write(at(&manifest), text).unwrap();
    let (state, plan, report) = (latin("s", ".json"), latin("p", ".json"), latin("r", ".html"));
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let with = |first: &[&str], rest: Vec<OsString>| {
        let mut all = words(first);
        all.extend([OsString::from("-f"), manifest.clone(), "--var-file".into(), variables.clone()]);
        all.extend(rest);
        let all: Vec<&OsStr> = all.iter().map(OsString::as_os_str).collect();
        run(&env, Path::new(&folder), &all)
    };
    let mut html = OsString::from("html=");
    html.push(&report);
    assert_status(0, &with(&["plan"], vec!["--format".into(), html]));
    assert_status(0, &with(&["apply", "--yes"], vec![]));
    // A plan names its state, so that it is saved where the folder of the state has a name in UTF-8.
    let here = |words: &[&OsStr]| run(&env, Path::new(""), words);
    let saved =
        [OsStr::new("plan"), OsStr::new("-f"), OsStr::new("goldform.yaml"), OsStr::new("--out"), &plan];
    assert_status(0, &here(&saved));
    assert_status(0, &here(&[OsStr::new("show"), &plan]));
    assert!(env.path("").join(&plan).exists());
    let pulled = with(&["state", "pull"], vec![]);
    std::fs::write(at(&state), &pulled.stdout).unwrap();
    assert_status(0, &with(&["plan", "--detailed-exitcode"], vec!["--state".into(), state.clone()]));
    assert_status(0, &run(&env, Path::new(&folder), &[OsStr::new("show"), &state]));
    // The manifest that import writes is the one that was read.
    let output = run(
        &env,
        Path::new(&folder),
        &["sandbox", "seed", "--image", "other", "--region", "ap-tokyo", "--owner", "100000000001"]
            .map(OsStr::new),
    );
    assert_status(0, &output);
    assert_status(0, &with(&["import", "--all", "--yes"], vec![]));
    assert!(std::fs::read_to_string(at(&manifest)).unwrap().contains("other"));

    let known = [&manifest, &variables, &state, &report];
    let others: Vec<OsString> = std::fs::read_dir(env.path("").join(&folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| !name.as_bytes().is_ascii() && !known.contains(&name))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    for name in known {
        assert!(at(name).exists(), "{name:?}");
    }
}

/// A plan file is JSON, so it cannot name such a folder; another one would be used in its place.
#[test]
fn a_plan_is_not_saved_for_a_folder_that_it_cannot_name() {
    let env = TestEnv::with(WEB);
    let folder = latin("w", "");
    std::fs::create_dir(env.path("").join(&folder)).unwrap();
    std::fs::copy(env.path("goldform.yaml"), env.path("").join(&folder).join("goldform.yaml")).unwrap();
    let words = [OsStr::new("plan"), OsStr::new("-f"), &folder, OsStr::new("--out"), OsStr::new("p.json")];
    let output = run(&env, Path::new(""), &words);
    assert_status(1, &output);
    assert!(
        stderr(&output).contains("a saved plan names its state, and this path is not UTF-8"),
        "{}",
        stderr(&output)
    );
    assert!(!env.path("p.json").exists());
}

#[test]
fn an_argument_that_must_be_text_is_refused() {
    let env = TestEnv::with(WEB);
    let bad = latin("x", "");
    let mut variable = OsString::from("build=");
    variable.push(&bad);
    for words in [
        vec![OsStr::new("plan"), OsStr::new("--target"), &bad],
        vec![OsStr::new("plan"), OsStr::new("--var"), &variable],
        vec![&bad],
        vec![OsStr::new("plan"), OsStr::new("--format"), &bad],
        vec![OsStr::new("state"), OsStr::new("show"), &bad],
    ] {
        let output = run(&env, Path::new(""), &words);
        assert_status(1, &output);
        assert!(stderr(&output).contains("error"), "{}", stderr(&output));
    }
    let output = run(&env, Path::new(""), &[OsStr::new("plan"), OsStr::new("--expect"), &bad]);
    assert_status(1, &output);
    assert!(stderr(&output).contains("No such file"), "{}", stderr(&output));
}
