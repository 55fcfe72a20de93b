//! Keys of roles: assumed with other keys, for a workload's identity, or the machine's.

use super::*;

/// Returns a key in the form of the token service.
fn temporary(id: &str) -> super::super::super::loopback::Deed {
    let key = json!({ "Token": "tmp-token", "TmpSecretId": id, "TmpSecretKey": "tmp-key" });
    response(&json!({ "Credentials": key, "ExpiredTime": NOW + 7200, "RequestId": "r" }).to_string())
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).unwrap()
}

/// Asks a chain whose token service does one thing.
fn with_sts(
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
    deed: super::super::super::loopback::Deed,
) -> (Result<Credentials, CredentialsError>, Vec<Received>) {
    run(async {
        let server = Server::doing([deed]).await;
        let chain = Chain { hosts: Hosts::at(&server.url()).unwrap(), ..chain(env(variables, files)) };
        (chain.credentials().await, server.received())
    })
}

#[test]
fn a_role_is_assumed_with_the_key_that_was_found() {
    let (found, received) = with_sts(
        &[
            ("TENCENTCLOUD_SECRET_ID", "env"),
            ("TENCENTCLOUD_SECRET_KEY", "k"),
            ("TENCENTCLOUD_ASSUME_ROLE_ARN", "qcs::cam::uin/100000000001:roleName/builder"),
            ("TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME", "nightly"),
            ("TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION", "3600"),
            ("TENCENTCLOUD_ASSUME_ROLE_EXTERNAL_ID", "ext"),
        ],
        &[],
        temporary("tmp"),
    );
    let found = found.unwrap();
    assert_eq!((found.secret_id.reveal(), found.expires), ("tmp", Some(at(NOW + 7200))));
    assert_eq!(found.token.unwrap().reveal(), "tmp-token");
    let asked = &received[0];
    assert_eq!(asked.header("x-tc-action"), Some("AssumeRole"));
    assert_eq!(asked.header("x-tc-version"), Some("2018-08-13"));
    assert!(asked.header("authorization").unwrap().contains("Credential=env/2023-11-14/sts/tc3_request"));
    assert_eq!(
        body(asked),
        json!({
            "RoleArn": "qcs::cam::uin/100000000001:roleName/builder", "RoleSessionName": "nightly",
            "DurationSeconds": 3600, "ExternalId": "ext"
        })
    );
}

#[test]
fn a_profile_may_name_a_role_of_its_own() {
    let profile = r#"{"secretId":"profile","secretKey":"k","role-arn":"arn","role-session-name":"s"}"#;
    let (found, received) = with_sts(&[HOME], &[(PROFILE.0, profile)], temporary("tmp"));
    assert_eq!(found.unwrap().secret_id.reveal(), "tmp");
    assert_eq!(body(&received[0]), json!({ "RoleArn": "arn", "RoleSessionName": "s" }));
}

#[test]
fn a_role_that_is_refused_is_an_error_with_the_services_reason() {
    let refusal =
        r#"{"Error":{"Code":"ResourceNotFound.RoleNotFound","Message":"no such role"},"RequestId":"r-9"}"#;
    let variables = [
        ("TENCENTCLOUD_SECRET_ID", "env"),
        ("TENCENTCLOUD_SECRET_KEY", "k"),
        ("TENCENTCLOUD_ROLE_ARN", "arn"),
    ];
    let message = with_sts(&variables, &[], response(refusal)).0.unwrap_err().to_string();
    assert!(message.contains("ResourceNotFound.RoleNotFound") && message.contains("r-9"), "{message}");
}

#[test]
fn an_invalid_duration_is_an_error() {
    for duration in ["0", "43201", "an hour"] {
        let message = error(env(
            &[
                ("TENCENTCLOUD_SECRET_ID", "env"),
                ("TENCENTCLOUD_SECRET_KEY", "k"),
                ("TENCENTCLOUD_ROLE_ARN", "arn"),
                ("TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION", duration),
            ],
            &[],
        ));
        assert!(message.contains("SESSION_DURATION"), "{message}");
    }
}

const WEB: [(&str, &str); 4] = [
    ("TKE_REGION", "ap-singapore"),
    ("TKE_PROVIDER_ID", "tke"),
    ("TKE_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
    ("TKE_ROLE_ARN", "arn"),
];

#[test]
fn a_web_identity_is_exchanged_without_a_signature() {
    let (found, received) = with_sts(&WEB, &[("/run/token", "jwt\n")], temporary("web"));
    assert_eq!(found.unwrap().secret_id.reveal(), "web");
    let asked = &received[0];
    assert_eq!(asked.header("authorization"), Some("SKIP"));
    assert_eq!(asked.header("x-tc-region"), Some("ap-singapore"));
    assert_eq!(
        body(asked),
        json!({
            "ProviderId": "tke", "WebIdentityToken": "jwt", "RoleArn": "arn", "RoleSessionName": "goldform"
        })
    );
}

#[test]
fn a_web_identity_is_not_sent_to_a_host_that_a_manifest_names() {
    let hosts = Hosts::at("https://sts.invalid").unwrap();
    let chain = Chain { hosts, ..chain(env(&WEB, &[("/run/token", "jwt")])) };
    let message = run(chain.credentials()).unwrap_err().to_string();
    assert!(message.contains("is not sent to the endpoint"), "{message}");
}

#[test]
fn an_incomplete_web_identity_is_an_error_but_its_region_alone_is_not() {
    assert!(error(env(&WEB[..3], &[])).contains("only some are set"));
    assert!(error(env(&WEB, &[])).contains("/run/token"));
    assert!(error(env(&WEB[..1], &[])).starts_with("no credentials found"));
}

/// Asks a chain whose metadata service does these things.
fn with_metadata(
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
    deeds: &[super::super::super::loopback::Deed],
) -> (Result<Credentials, CredentialsError>, Vec<String>) {
    run(async {
        let server = Server::doing(deeds.to_vec()).await;
        let chain = Chain { metadata: server.url(), ..chain(env(variables, files)) };
        let found = chain.credentials().await;
        (found, server.received().into_iter().map(|received| received.line).collect())
    })
}

fn role_key(code: &str) -> super::super::super::loopback::Deed {
    let key = json!({ "Code": code, "TmpSecretId": "machine", "TmpSecretKey": "k", "Token": "t",
                      "ExpiredTime": NOW + 3600, "Expiration": "later" });
    answer("200 OK", "", &key.to_string())
}

#[test]
fn the_key_of_a_machine_comes_from_its_role() {
    let (found, lines) = with_metadata(&[], &[], &[answer("200 OK", "", "builder\n"), role_key("Success")]);
    let found = found.unwrap();
    assert_eq!((found.secret_id.reveal(), found.expires), ("machine", Some(at(NOW + 3600))));
    assert_eq!(
        lines,
        [
            "GET /latest/meta-data/cam/security-credentials/ HTTP/1.1",
            "GET /latest/meta-data/cam/security-credentials/builder HTTP/1.1"
        ]
    );
}

#[test]
fn a_role_of_the_machine_may_be_named_by_a_variable_or_meant_by_a_profile() {
    let (found, lines) =
        with_metadata(&[("TENCENTCLOUD_CAM_ROLE_NAME", "named")], &[], &[role_key("Success")]);
    assert_eq!(found.unwrap().secret_id.reveal(), "machine");
    assert!(lines[0].contains("/named "));
    let profile = (PROFILE.0, r#"{"type":"cvm-role"}"#);
    let deeds = [answer("200 OK", "", "builder"), role_key("Success")];
    assert_eq!(with_metadata(&[HOME], &[profile], &deeds).0.unwrap().secret_id.reveal(), "machine");
    assert!(matches!(find(&chain(env(&[HOME], &[profile]))), Err(CredentialsError::Refused { .. })));
}

#[test]
fn other_servers_than_the_metadata_service_are_skipped() {
    for deed in [
        answer("404 Not Found", "", "no"),
        answer("200 OK", "", "<html>log in</html>"),
        answer("200 OK", "", ""),
    ] {
        let (found, _) = with_metadata(&[], &[], &[deed]);
        assert!(matches!(found, Err(CredentialsError::Missing { .. })));
    }
    let (found, _) = with_metadata(&[], &[], &[answer("200 OK", "", "builder"), role_key("Failed")]);
    assert!(matches!(found, Err(CredentialsError::Refused { .. })));
}
