//! Files of others: what is read as a manifest, and what is not.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::cli::WEB;
use crate::common::TestEnv;

const SECRET: &str = "TENCENTCLOUD_SECRET_KEY=hunter2hunter2\n-----BEGIN PRIVATE KEY-----\nhunter2\n";

/// A folder of manifests: the entry is in a part of its own.
fn folder() -> TestEnv {
    let env = TestEnv::quick();
    let (head, images) = WEB.split_once("images:").unwrap();
    env.write("m/goldform.yaml", head);
    env.write("m/parts/web.yaml", &format!("images:{images}"));
    env
}

#[track_caller]
fn refused(env: &TestEnv, arguments: &str, says: &str) {
    let ran = env.expect(1, arguments);
    assert!(ran.stderr.contains(says), "{}", ran.text());
    assert!(!ran.text().contains("hunter2"), "{}", ran.text());
}

#[test]
fn the_ending_of_a_manifest_may_have_any_case() {
    let env = folder();
    std::fs::rename(env.path("m/parts/web.yaml"), env.path("m/parts/web.YAML")).unwrap();
    env.write(
        "m/more.Yml",
        "images:\n  db:\n    region: ap-tokyo\n    name: db\n    source: { snapshots: [snap-2f3a1c2d] }\n",
    );
    let ran = env.expect(0, "validate -f m");
    assert!(ran.stdout.contains("2 images in 3 placements"), "{}", ran.text());
}

#[test]
fn what_is_no_file_is_refused_and_not_passed_over() {
    let env = folder();
    assert!(Command::new("mkfifo").arg(env.path("m/x.yaml")).status().unwrap().success());
    refused(&env, "plan -f m", "m/x.yaml is a device, pipe or socket, not a file");
    std::fs::remove_file(env.path("m/x.yaml")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(env.path("m/x.yml")).unwrap();
    refused(&env, "plan -f m", "m/x.yml is a device, pipe or socket, not a file");
    std::fs::remove_file(env.path("m/x.yml")).unwrap();
    symlink("nowhere", env.path("m/x.yaml")).unwrap();
    refused(&env, "plan -f m", "m/x.yaml: No such file or directory");
}

#[test]
fn a_link_may_lead_within_the_folder_only() {
    let env = folder();
    env.write("secret", SECRET);
    env.write("outside/db.yaml", "images: {}\n");
    for (target, link) in [
        ("/proc/self/environ", "m/a.yaml"),
        ("/dev/zero", "m/a.yaml"),
        ("../secret", "m/a.yaml"),
        ("../outside/db.yaml", "m/a.yaml"),
        ("../../outside", "m/parts/outside"),
    ] {
        symlink(target, env.path(link)).unwrap();
        refused(&env, "plan -f m", &format!("{link} is a link that leads out of m"));
        std::fs::remove_file(env.path(link)).unwrap();
    }
    // Within it, a link is a name like any other, and a circle of folders has an end.
    std::fs::rename(env.path("m/parts/web.yaml"), env.path("m/parts/web.txt")).unwrap();
    symlink("parts/web.txt", env.path("m/web.yaml")).unwrap();
    symlink("..", env.path("m/parts/up")).unwrap();
    assert!(env.expect(0, "validate -f m").stdout.contains("1 image in 2 placements"));
    // A folder that was named may be a link itself.
    symlink("m", env.path("n")).unwrap();
    assert!(env.expect(0, "validate -f n").stdout.contains("1 image in 2 placements"));
}

#[test]
fn hidden_files_are_left_out() {
    let env = folder();
    env.write("m/.hidden.yaml", "nonsense: [");
    env.write("m/.github/workflow.yaml", "nonsense: [");
    symlink("/proc/self/environ", env.path("m/.a.yaml")).unwrap();
    env.expect(0, "validate -f m");
}

#[test]
fn what_was_named_may_be_a_link_a_pipe_or_stdin() {
    let env = TestEnv::with(WEB);
    env.write("v.yaml", "build: ins-8f3a1c2d\n");
    env.edit("goldform.yaml", "ins-8f3a1c2d", "\"${build}\"");
    env.edit("goldform.yaml", "images:", "variables: { build: {} }\nimages:");
    symlink("goldform.yaml", env.path("link")).unwrap();
    env.expect(0, "validate -f link --var-file v.yaml");
    for line in [
        "cat goldform.yaml | goldform validate -f /dev/stdin --var-file v.yaml",
        "bash -c 'goldform validate -f <(cat goldform.yaml) --var-file <(cat v.yaml)'",
        "mkfifo pipe; cat v.yaml > pipe & goldform validate --var-file pipe",
        "goldform apply --yes --quiet --var-file v.yaml",
        "bash -c 'goldform show <(goldform state pull --var-file v.yaml)'",
        "bash -c 'goldform plan --detailed-exitcode --var-file v.yaml --state <(goldform state pull --var-file v.yaml)'",
        "goldform state pull --var-file v.yaml | goldform state push --var-file v.yaml -",
        "goldform plan --replace image.web --var-file v.yaml --out p.json && cat p.json | goldform show /dev/stdin",
    ] {
        let (text, status) = env.shell(line);
        assert_eq!(status, 0, "{line}: {text}");
    }
}

#[test]
fn a_link_to_a_device_is_refused_also_where_it_was_named() {
    let env = TestEnv::with(WEB);
    symlink("/dev/zero", env.path("x")).unwrap();
    for arguments in [
        "plan -f x",
        "plan --var-file x",
        "plan --state x",
        "plan --expect x",
        "apply x",
        "show x",
        "state push x",
        "import --terraform x",
        "sandbox seed x",
    ] {
        refused(&env, arguments, "x is a link to a device or pipe, not a file");
    }
}

/// Nothing without an end is read to its end.
#[test]
fn a_file_has_a_size_that_it_may_have() {
    let env = TestEnv::with(WEB);
    for (arguments, says) in [
        ("plan --var-file /dev/zero", "/dev/zero: it has more than the 1 MiB that a variable file may have"),
        (
            "sandbox seed /dev/zero",
            "/dev/zero: it has more than the 16 MiB that a file of the sandbox may have",
        ),
    ] {
        refused(&env, arguments, says);
    }
    // A hole takes no room on the disk.
    let file = std::fs::File::create(env.path("large.yaml")).unwrap();
    file.set_len(u64::try_from(goldform::manifest::MAX_BYTES).unwrap() + 1).unwrap();
    refused(&env, "plan -f large.yaml", "large.yaml: a manifest may have");
}

#[test]
fn no_diagnostic_quotes_a_file_of_another_kind() {
    let env = TestEnv::with(WEB);
    env.write("secret", SECRET);
    env.write(
        "secret.json",
        r#"{"private_key": "hunter2", "format": "hunter2", "goldform_plan": "hunter2"}"#,
    );
    env.write("hunter.json", r#"{"hunter2": "hunter2"}"#);
    env.write("text.json", r#""hunter2""#);
    env.expect(0, "apply --yes --quiet");
    for arguments in [
        "plan -f secret",
        "validate -f secret --format sarif=/dev/stdout",
        "validate -f secret --format markdown=/dev/stdout",
        "validate -f secret --format html=/dev/stdout",
        "plan -f goldform.yaml -f secret",
        "plan --var-file secret",
        "plan --state secret",
        "apply --yes secret",
        "plan --expect secret",
        "show secret",
        "state push secret",
        "import --terraform secret --yes",
        "sandbox seed secret",
        "sandbox serve --settings secret --listen 127.0.0.1:0",
    ] {
        refused(&env, arguments, "secret");
        for json in ["secret.json", "hunter.json", "text.json"] {
            let arguments = arguments.replace("secret", json);
            let ran = env.run(&arguments);
            // These are names and texts, too, as a variable file has them.
            assert!(ran.status == 1 || arguments.contains("--var-file"), "{}", ran.text());
            let text = ran.text().replace("hunter.json", "");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
    let ran = env.run("plan -f secret");
    assert!(ran.stderr.contains("GF131") && ran.stderr.contains("`secret`, line 1"), "{}", ran.text());
}

#[test]
fn a_state_with_a_wrong_value_is_described_by_place() {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.state.json", "\"account\": \"100000000001\"", "\"account\": \"hunter2\"");
    refused(&env, "plan", "at `account`: a value is not valid at line");
}

#[test]
fn keys_that_others_can_read_are_used_with_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;

    let env = TestEnv::with(WEB);
    env.edit(
        "goldform.yaml",
        "images:",
        "cloud: { provider: tencent, endpoint: http://127.0.0.1:9 }\nimages:",
    );
    env.write("home/.tccli/default.credential", r#"{ "secretId": "AKIDone", "secretKey": "hunter2" }"#);
    let file = env.path("home/.tccli/default.credential");
    let home = env.path("home");
    let env = env.set("HOME", home.to_str().unwrap());
    for (mode, is_warned) in [(0o644, true), (0o640, true), (0o600, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let ran = env.expect(1, "plan --refresh");
        assert_eq!(
            ran.stderr.contains("others than its owner can read the keys in"),
            is_warned,
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("hunter2") && ran.stderr.contains("127.0.0.1:9"), "{}", ran.stderr);
    }
}
