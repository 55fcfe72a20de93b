//! `goldform sandbox` as it is typed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::wire::HOME;
use crate::wire::raw::Ask;

fn goldform(folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = command(folder, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let (out, err, code) = goldform(folder, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    out
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goldform"));
    command.current_dir(folder).arg("sandbox").args(arguments);
    command
}

/// A server; killed with the test that started it.
struct Serving {
    child: Child,
    reported: Value,
}

impl Serving {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = command(folder, &["serve", "--listen", "127.0.0.1:0", "--format", "json"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, reported: serde_json::from_str(&line).unwrap() }
    }

    fn host(&self) -> String {
        self.reported["endpoint"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_world_is_seeded_faulted_and_read_while_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let serving = Serving::start(at, &["--images-per-region", "7"]);
    let host = serving.host();
    let ask_of = |serving: &Serving, action: &str, body: &str| {
        let account = &serving.reported["accounts"][0];
        let mut ask = Ask::post(&serving.host(), action, HOME, body);
        ask.at = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().try_into().unwrap();
        ask.secret_id = account["secret_id"].as_str().unwrap().to_owned();
        ask.secret = account["secret_key"].as_str().unwrap().to_owned();
        ask
    };
    let first = serving.reported["accounts"][0]["secret_key"].clone();
    let ask = |action: &str, body: &str| ask_of(&serving, action, body);
    let seed = r#"{ images: [ { owner: "100000000001", region: ap-jakarta, name: base, shares: ["200000000001"] } ],
        instances: [ { id: ins-8f3a1c2d, owner: "100000000001", region: ap-jakarta, refusal: InvalidInstance.NotSupported } ],
        settings: { seed: 5 } }"#;
    #[expect(clippy::disallowed_methods, reason = "a file of the test")]
    std::fs::write(at.join("seed.yaml"), seed).unwrap();
    for _ in 0..2 {
        done(at, &["seed", "seed.yaml"]);
    }
    done(at, &["seed", "--image", "second", "--region", HOME, "--owner", "100000000001"]);
    let own = r#"{"Filters":[{"Name":"image-type","Values":["PRIVATE_IMAGE"]}]}"#;
    let listed = ask("DescribeImages", own).send(&host).await.response();
    assert_eq!(listed["TotalCount"], 2, "{listed}");
    let create = r#"{"ImageName":"x","InstanceId":"ins-8f3a1c2d"}"#;
    assert_eq!(ask("CreateImage", create).send(&host).await.code(), "InvalidInstance.NotSupported");
    let quota = ask("DescribeImageQuota", "{}").send(&host).await.response();
    assert_eq!(quota["ImageNumQuota"], 7);

    let id = done(at, &["faults", "add", "error", "--code", "ResourceInsufficient", "--from-call", "2"]);
    assert_eq!(ask("DescribeImageQuota", "{}").send(&host).await.code(), "");
    assert_eq!(ask("DescribeImageQuota", "{}").send(&host).await.code(), "ResourceInsufficient");
    let faults: Value = serde_json::from_str(&done(at, &["faults", "list", "--format", "json"])).unwrap();
    assert_eq!(
        (faults["faults"][0]["seen"].as_i64(), faults["faults"][0]["code"].as_str()),
        (Some(2), Some("ResourceInsufficient"))
    );
    done(at, &["faults", "remove", id.trim()]);
    assert_eq!(goldform(at, &["faults", "remove", id.trim()]).2, Some(1));
    done(at, &["faults", "add", "slow", "--for", "1s", "--always"]);
    done(at, &["faults", "clear"]);
    assert_eq!(done(at, &["faults", "list"]), "");
    for wrong in [&["faults", "add", "error"][..], &["faults", "add", "slow"], &["faults", "add", "sudden"]] {
        assert_eq!(goldform(at, wrong).2, Some(1), "{wrong:?}");
    }

    let log = done(at, &["log", "--json"]);
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["action"].as_str(), last["fate"].as_str()),
        (Some("DescribeImageQuota"), Some("refused"))
    );
    assert!(done(at, &["peaks"]).contains("2 of 7 images"));
    done(at, &["reset"]);
    let listed = ask("DescribeImages", own).send(&host).await.response();
    assert_eq!(listed["TotalCount"], 0, "{listed}");

    // After a signal to stop, it ends well, and a second server finds the world with its switches.
    let pid = serving.child.id().to_string();
    let mut serving = serving;
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    let again = Serving::start(at, &[]);
    // The key is new with every start.
    assert_ne!(again.reported["accounts"][0]["secret_key"], first);
    let quota = ask_of(&again, "DescribeImageQuota", "{}");
    assert_eq!(quota.send(&again.host()).await.response()["ImageNumQuota"], 7);
}

#[test]
fn keys_that_were_given_are_not_shown_and_what_is_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &["--in-memory", "--account", "100000000001:AKIDx:hidden"]);
    assert_eq!(serving.reported["accounts"][0]["secret_id"], "AKIDx");
    assert!(!serving.reported.to_string().contains("hidden"));
    let (_, err, code) = goldform(folder.path(), &["serve", "--account", "web:AKIDx:other"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("main account"), "{err}");
    assert!(!folder.path().join("goldform.world.db").exists());
}

#[test]
fn certificates_are_made_once_and_a_client_that_trusts_the_authority_gets_through() {
    let folder = tempfile::tempdir().unwrap();
    let files = || {
        ["ca.pem", "cert.pem", "key.pem"].map(|name| {
            #[expect(clippy::disallowed_methods, reason = "a file of the test")]
            std::fs::read(folder.path().join("tls").join(name)).unwrap()
        })
    };
    let mut made = None;
    for _ in 0..2 {
        let serving = Serving::start(folder.path(), &["--in-memory", "--tls", "tls"]);
        assert!(serving.reported["endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"));
        let now = files();
        assert_eq!(*made.get_or_insert(now.clone()), now);
        let ca = reqwest::Certificate::from_pem(&now[0]).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for name in ["127.0.0.1", "localhost"] {
            let url = format!("https://{name}:{}/", serving.host().rsplit(':').next().unwrap());
            let page =
                runtime.block_on(async { client.get(url).send().await.unwrap().text().await.unwrap() });
            assert!(page.contains("goldform sandbox"));
        }
    }
}

#[cfg(unix)]
#[test]
fn the_key_of_tls_is_its_owners_and_one_that_others_can_read_is_refused() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let folder = tempfile::tempdir().unwrap();
    let (tls, key) = (folder.path().join("tls"), folder.path().join("tls/key.pem"));
    let mode = || key.symlink_metadata().unwrap().permissions().mode() & 0o777;
    // What an interrupted start left has any mode, and what somebody else put there leads anywhere.
    std::fs::create_dir(&tls).unwrap();
    std::fs::write(folder.path().join("elsewhere"), "kept").unwrap();
    std::fs::write(tls.join("ca.pem"), "").unwrap();
    symlink("../elsewhere", &key).unwrap();
    drop(Serving::start(folder.path(), &["--in-memory", "--tls", "tls"]));
    assert_eq!(mode(), 0o600);
    assert_eq!(std::fs::read_to_string(folder.path().join("elsewhere")).unwrap(), "kept");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--in-memory", "--tls", "tls"];
    let (out, err, code) = goldform(folder.path(), &serve);
    assert_eq!((out.as_str(), code), ("", Some(1)), "{err}");
    assert!(err.contains("others than its owner can read this key"), "{err}");
    assert!(err.contains("chmod 600 tls/key.pem"), "{err}");
    // The help is an action that helps.
    assert!(
        Command::new("chmod")
            .args(["600", "tls/key.pem"])
            .current_dir(folder.path())
            .status()
            .unwrap()
            .success()
    );
    drop(Serving::start(folder.path(), &["--in-memory", "--tls", "tls"]));
}

#[test]
fn a_name_of_host_is_served_and_is_in_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &["--in-memory", "--tls", "tls", "--host", "tc.test"]);
    #[expect(clippy::disallowed_methods, reason = "a file of the test")]
    let ca = std::fs::read(folder.path().join("tls/ca.pem")).unwrap();
    let ca = reqwest::Certificate::from_pem(&ca).unwrap();
    let at = serving.host().parse().unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).resolve("cvm.tc.test", at);
    let client = client.resolve("other.test", at).build().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let get = |name: &str| {
        let url = format!("https://{name}:{}/", at.port());
        runtime.block_on(async { client.get(url).send().await.map(|answer| answer.status().as_u16()) })
    };
    assert_eq!(get("cvm.tc.test").unwrap(), 200);
    assert!(get("other.test").is_err());
    let (_, err, code) = goldform(folder.path(), &["serve", "--host", "http://tc.test"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("without scheme and port"), "{err}");
}
