mod roles;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::super::fake::run;
use super::super::http::{Hosts, Site};
use super::super::loopback::{Received, Server, answer, response};
use super::chain::Chain;
use super::*;
use crate::model::ManualClock;

const NOW: i64 = 1_700_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn env(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Env {
    let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let (variables, files) = (own(variables), own(files));
    Env::new(
        move |name| variables.get(name).cloned(),
        move |path| {
            files.get(path.to_str().unwrap()).cloned().ok_or(io::Error::from(io::ErrorKind::NotFound))
        },
        None,
    )
}

/// Returns a chain that finds neither a token service nor a metadata service.
fn chain(env: Env) -> Chain {
    Chain {
        env,
        profile: None,
        hosts: Hosts::at("http://127.0.0.1:9").unwrap(),
        clock: Arc::new(ManualClock::at(at(NOW))),
        metadata: "http://127.0.0.1:9".to_owned(),
    }
}

fn find(chain: &Chain) -> Result<(String, String, Option<String>), CredentialsError> {
    run(chain.credentials()).map(|found| {
        let Credentials { secret_id, secret_key, token, expires: _ } = found;
        (
            secret_id.reveal().to_owned(),
            secret_key.reveal().to_owned(),
            token.map(|token| token.reveal().to_owned()),
        )
    })
}

fn id(env: Env) -> String {
    find(&chain(env)).unwrap().0
}

fn error(env: Env) -> String {
    find(&chain(env)).unwrap_err().to_string()
}

const HOME: (&str, &str) = ("HOME", "/home/me");
const PROFILE: (&str, &str) =
    ("/home/me/.tccli/default.credential", r#"{"secretId":"profile","secretKey":"k","token":"t"}"#);
const INI: (&str, &str) = (
    "/home/me/.tencentcloud/credentials",
    "[other]\nsecret_id = x\n[default]\nsecret_id = ini\nsecret_key= k\n",
);

#[test]
fn the_environment_comes_first_with_either_name_of_the_token() {
    let key = [("TENCENTCLOUD_SECRET_ID", " env "), ("TENCENTCLOUD_SECRET_KEY", "k"), HOME];
    assert_eq!(find(&chain(env(&key, &[PROFILE, INI]))), Ok(("env".into(), "k".into(), None)));
    for (name, value) in [("TENCENTCLOUD_TOKEN", "cli"), ("TENCENTCLOUD_SECURITY_TOKEN", "terraform")] {
        let mut key = key.to_vec();
        key.push((name, value));
        assert_eq!(find(&chain(env(&key, &[]))).unwrap().2.as_deref(), Some(value));
    }
}

#[test]
fn an_incomplete_key_in_the_environment_is_an_error() {
    let half = env(&[("TENCENTCLOUD_SECRET_ID", "env"), HOME], &[PROFILE]);
    assert!(error(half).contains("TENCENTCLOUD_SECRET_KEY is not set"));
    let half = env(&[("TENCENTCLOUD_SECRET_KEY", "hunter2"), HOME], &[PROFILE]);
    let message = error(half);
    assert!(message.contains("TENCENTCLOUD_SECRET_ID is not set") && !message.contains("hunter2"));
}

#[test]
fn a_profile_comes_before_the_ini_file() {
    assert_eq!(
        find(&chain(env(&[HOME], &[PROFILE, INI]))),
        Ok(("profile".into(), "k".into(), Some("t".into())))
    );
    assert_eq!(id(env(&[HOME], &[INI])), "ini");
    let elsewhere = [("/etc/tencentcloud/credentials", "[default]\nsecret_id=etc\nsecret_key=k")];
    assert_eq!(id(env(&[HOME], &elsewhere)), "etc");
}

#[test]
fn variables_name_other_profiles_folders_and_files() {
    for variable in ["TCCLI_PROFILE", "TENCENTCLOUD_PROFILE"] {
        let files = [PROFILE, ("/home/me/.tccli/work.credential", r#"{"secretId":"work","secretKey":"k"}"#)];
        assert_eq!(id(env(&[HOME, (variable, "work")], &files)), "work");
    }
    for (folder, path) in
        [("/keys", "/keys/default.credential"), ("~/keys", "/home/me/keys/default.credential")]
    {
        let files = [PROFILE, (path, r#"{"secretId":"folder","secretKey":"k"}"#)];
        assert_eq!(id(env(&[HOME, ("TENCENTCLOUD_SHARED_CREDENTIALS_DIR", folder)], &files)), "folder");
    }
    let files = [("/keys.ini", "[default]\nsecret_id: file\nsecret_key: k"), INI];
    assert_eq!(id(env(&[HOME, ("TENCENTCLOUD_CREDENTIALS_FILE", "/keys.ini")], &files)), "file");
}

#[test]
fn a_configured_profile_is_the_only_source() {
    let variables = [HOME, ("TENCENTCLOUD_SECRET_ID", "env"), ("TENCENTCLOUD_SECRET_KEY", "k")];
    let with = |profile: &str, files: &[(&str, &str)]| {
        find(&Chain { profile: Some(profile.to_owned()), ..chain(env(&variables, files)) })
    };
    assert_eq!(with("default", &[PROFILE]).unwrap().0, "profile");
    let message = with("work", &[PROFILE, INI]).unwrap_err().to_string();
    assert!(
        message.contains("the profile work") && message.contains("/home/me/.tccli/work.credential"),
        "{message}"
    );
    assert!(with("../default", &[PROFILE]).is_err());
}

#[test]
fn the_error_about_an_invalid_file_does_not_repeat_its_text() {
    for text in ["{\"secretId\":\"hunter2\"", "hunter2", "{}", r#"{"secretId":"hunter2"}"#, "[\"hunter2\"]"] {
        let message = error(env(&[HOME], &[(PROFILE.0, text), INI]));
        assert!(message.contains(PROFILE.0) && !message.contains("hunter2"), "{message}");
    }
    for text in ["", "[default]\nsecret_id=hunter2", "secret_id=hunter2\nsecret_key=x"] {
        let message = error(env(&[HOME], &[(INI.0, text)]));
        assert!(message.contains(INI.0) && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn an_unreadable_file_is_an_error() {
    let env = Env::new(
        |name| (name == "HOME").then(|| "/home/me".to_owned()),
        |_| Err(io::Error::from(io::ErrorKind::PermissionDenied)),
        None,
    );
    assert!(error(env).contains("permission denied"));
}

#[test]
fn a_login_is_valid_until_it_expires() {
    let login = |expires: i64| {
        let text = format!(
            r#"{{"type":"oauth","secretId":"login","secretKey":"k","token":"t","expiresAt":{expires},"oauth":{{}}}}"#
        );
        run(chain(env(&[HOME], &[(PROFILE.0, &text)])).credentials())
    };
    assert_eq!(login(NOW + 600).unwrap().expires, Some(at(NOW + 600)));
    let expired = login(NOW - 1).unwrap_err();
    assert!(matches!(&expired, CredentialsError::Expired { since, .. } if *since == at(NOW - 1)));
    assert!(expired.to_string().contains("log in again"));
}

#[test]
fn the_error_about_missing_credentials_names_every_searched_file() {
    let message = error(env(&[HOME], &[]));
    for place in [
        "TENCENTCLOUD_SECRET_ID",
        "/home/me/.tccli/default.credential",
        "/home/me/.tencentcloud/credentials",
        "/etc/tencentcloud/credentials",
    ] {
        assert!(message.contains(place), "{message}");
    }
}

/// Returns a short-lived key for each request, until it fails.
struct Renewing {
    clock: Arc<ManualClock>,
    life: i64,
    asked: Arc<AtomicU32>,
    fails_from: u32,
}

#[async_trait]
impl CredentialSource for Renewing {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        if n >= self.fails_from {
            return Err(CredentialsError::Missing { files: vec![] });
        }
        let expires = self.clock.now().as_second() + self.life;
        Ok(Credentials { expires: Some(at(expires)), ..Credentials::permanent(n.to_string(), "k") })
    }
}

fn renewing(life: i64, fails_from: u32) -> (Keyring, Arc<ManualClock>, Arc<AtomicU32>) {
    let clock = Arc::new(ManualClock::at(at(NOW)));
    let asked = Arc::new(AtomicU32::new(0));
    let source = Renewing { clock: Arc::clone(&clock), life, asked: Arc::clone(&asked), fails_from };
    (Keyring::new(Box::new(source), clock.clone()), clock, asked)
}

fn current(keys: &Keyring) -> String {
    run(keys.current()).unwrap().secret_id.reveal().to_owned()
}

#[test]
fn a_key_is_renewed_five_minutes_before_it_expires() {
    let (keys, clock, asked) = renewing(7200, u32::MAX);
    assert_eq!(current(&keys), "0");
    clock.advance(SignedDuration::from_secs(7200 - 301));
    assert_eq!((current(&keys), asked.load(Ordering::SeqCst)), ("0".to_owned(), 1));
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!((current(&keys), asked.load(Ordering::SeqCst)), ("1".to_owned(), 2));
}

#[test]
fn a_short_lived_key_is_not_renewed_for_every_request() {
    let (keys, clock, asked) = renewing(120, u32::MAX);
    for _ in 0..10 {
        current(&keys);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    clock.advance(SignedDuration::from_secs(61));
    assert_eq!(current(&keys), "1");
}

#[test]
fn a_key_that_cannot_be_renewed_is_used_until_it_expires() {
    let (keys, clock, _) = renewing(7200, 1);
    current(&keys);
    clock.advance(SignedDuration::from_secs(7100));
    assert_eq!(current(&keys), "0");
    clock.advance(SignedDuration::from_secs(100));
    assert!(run(keys.current()).is_err());
}

#[test]
fn concurrent_requests_read_the_source_once() {
    let (keys, _, asked) = renewing(7200, u32::MAX);
    let keys = Arc::new(keys);
    run(async {
        let all: Vec<_> = (0..32)
            .map(|_| {
                let keys = Arc::clone(&keys);
                tokio::spawn(async move { keys.current().await.unwrap() })
            })
            .collect();
        for one in all {
            one.await.unwrap();
        }
    });
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn nothing_shows_a_key() {
    let key =
        Credentials { token: Some(Secret::new("hunter3")), ..Credentials::permanent("hunter1", "hunter2") };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(at(NOW)));
    let env = env(&[("TENCENTCLOUD_SECRET_KEY", "hunter4")], &[]);
    let keys = keyring(env.clone(), Some("p".to_owned()), Hosts::of(Site::International), clock.clone());
    let shown = format!("{key:?} {env:?} {keys:?} {:?}", Keyring::fixed(key.clone(), clock));
    assert!(!shown.contains("hunter"), "{shown}");
}
