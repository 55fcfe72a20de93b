//! Requests as other clients send them, and requests that are wrong.

use goldform::cloud::sim::Settings;
use serde_json::Value;

use crate::wire::raw::{Ask, exchange};
use crate::wire::{HOME, OWNER, Served};

#[tokio::test]
async fn a_get_carries_its_parameters_in_the_query() {
    let served = Served::new(Settings::default()).await;
    let query = "Filters.0.Name=image-type&Filters.0.Values.0=PUBLIC_IMAGE&Limit=2";
    let answer = Ask::get(&served.host, "DescribeImages", HOME, query).send(&served.host).await;
    assert_eq!(answer.response()["ImageSet"].as_array().unwrap().len(), 2);
    let answer = Ask::get(&served.host, "DescribeImages", HOME, "Limit=many").send(&served.host).await;
    assert_eq!(answer.code(), "InvalidParameter");
    // What is signed is the query as it was sent, encoded however it was.
    let query = "Filters.0.Name=image-name&Filters.0.Values.0=a%20b%2Bc%e4%b8%ad";
    let answer = Ask::get(&served.host, "DescribeImages", HOME, query).send(&served.host).await;
    assert_eq!(answer.code(), "");
    let log = served.sim.log(0).unwrap();
    assert!(log.last().unwrap().params.contains("a b+c中"), "{log:?}");
}

#[tokio::test]
async fn every_signed_part_counts() {
    let served = Served::new(Settings::default()).await;
    let body = r#"{"ImageName":"web","InstanceId":"ins-8f3a1c2d"}"#;
    let good = Ask::post(&served.host, "CreateImage", HOME, body);
    let signature = format!("Authorization: {}\r\n", good.authorization());
    type Tamper<'a> = Box<dyn Fn(&mut Ask) + 'a>;
    let tampered: [(&str, Tamper<'_>); 4] = [
        ("body", Box::new(|ask| ask.body = body.replace("web", "bad"))),
        ("host", Box::new(|ask| ask.host = "localhost:1".to_owned())),
        ("content type", Box::new(|ask| ask.content_type = "application/json; charset=utf-8".to_owned())),
        ("timestamp", Box::new(|ask| ask.at += 1)),
    ];
    for (part, tamper) in tampered {
        let mut ask = good.clone();
        tamper(&mut ask);
        let answer = exchange(&served.host, &ask.bytes_with(&signature)).await.unwrap();
        assert_eq!(answer.code(), "AuthFailure.SignatureFailure", "{part}");
        assert!(answer.message().contains("Please check your signature"), "{}", answer.message());
    }
    assert_eq!(served.sim.images().unwrap().len(), 0);
    assert_eq!(good.send(&served.host).await.code(), "");
}

#[tokio::test]
async fn signed_headers_are_honoured_as_they_were_sent() {
    let served = Served::new(Settings::default()).await;
    let mut ask = Ask::post(&served.host, "describeImageQuota", HOME, "{}");
    for signed in
        ["content-type;host;x-tc-action", "host;content-type", "content-type;host;x-tc-region;x-tc-version"]
    {
        ask.signed = signed.to_owned();
        assert_eq!(ask.send(&served.host).await.response()["ImageNumQuota"], 10, "{signed}");
    }
    ask.signed = "content-type;host;x-tc-nothing".to_owned();
    assert_eq!(ask.send(&served.host).await.code(), "AuthFailure.SignatureFailure");
    ask.signed = "content-type;host".to_owned();
    ask.unsigned_payload = true;
    assert_eq!(ask.send(&served.host).await.code(), "");
    ask.content_type = "application/json; charset=utf-8".to_owned();
    assert_eq!(ask.send(&served.host).await.code(), "");
}

#[tokio::test]
async fn services_are_reported_apart_by_scope_and_host() {
    let served = Served::new(Settings::default()).await;
    let tags = |host: &str| {
        let mut ask = Ask::post(host, "GetResources", HOME, "{}");
        ask.header("X-TC-Version", "2018-08-13");
        ask.service = "tag".to_owned();
        ask
    };
    // By an address, by a proxy's absolute form, by a name.
    assert_eq!(tags(&served.host).send(&served.host).await.code(), "");
    let mut ask = tags("tag.tc.test");
    ask.target = "http://tag.tc.test/".to_owned();
    assert_eq!(ask.send(&served.host).await.code(), "");
    assert_eq!(tags("tag.ap-jakarta.tencentcloudapi.com").send(&served.host).await.code(), "");
    assert_eq!(tags("cvm.tc.test").send(&served.host).await.code(), "AuthFailure.SignatureFailure");
    let mut ask = tags(&served.host);
    ask.service = "cvm".to_owned();
    assert_eq!(ask.send(&served.host).await.code(), "NoSuchVersion");
    ask.service = "vpc".to_owned();
    assert_eq!(ask.send(&served.host).await.code(), "NoSuchProduct");
}

#[tokio::test]
async fn what_is_no_proper_call_is_refused_by_its_documented_code() {
    let served = Served::new(Settings::default()).await;
    let ask = Ask::post(&served.host, "DescribeImages", HOME, "{}");
    for (authorization, code) in [
        ("", "AuthFailure.InvalidAuthorization"),
        ("Authorization: SKIP\r\n", "AuthFailure.InvalidAuthorization"),
        ("Authorization: Bearer token\r\n", "AuthFailure.InvalidAuthorization"),
        ("Authorization: TC3-HMAC-SHA256 \r\n", "AuthFailure.InvalidAuthorization"),
    ] {
        let answer = exchange(&served.host, &ask.bytes_with(authorization)).await.unwrap();
        assert_eq!(answer.code(), code, "{authorization}");
    }
    let mut put = ask.clone();
    put.method = "PUT";
    assert_eq!(put.send(&served.host).await.code(), "UnsupportedProtocol");
    let mut form = ask.clone();
    form.content_type = "application/x-www-form-urlencoded".to_owned();
    assert_eq!(form.send(&served.host).await.code(), "UnsupportedProtocol");
    let mut unnamed = ask.clone();
    unnamed.headers.retain(|(name, _)| name != "X-TC-Action");
    assert_eq!(unnamed.send(&served.host).await.code(), "MissingParameter");
    let mut late = ask.clone();
    late.at -= 301;
    assert_eq!(late.send(&served.host).await.code(), "AuthFailure.SignatureExpire");
    let bytes = ask.signed_bytes();
    let timeless = bytes.lines().filter(|line| !line.starts_with("X-TC-Timestamp")).collect::<Vec<_>>();
    let timeless = timeless.join("\r\n");
    assert_eq!(exchange(&served.host, &timeless).await.unwrap().code(), "MissingParameter");
    let mut fat = ask.clone();
    fat.body = " ".repeat(10 * 1024 * 1024 + 1);
    assert_eq!(fat.send(&served.host).await.code(), "RequestSizeLimitExceeded");
    assert_eq!(ask.send(&served.host).await.code(), "");
}

#[tokio::test]
async fn names_of_regions_come_in_the_language_that_is_asked_for() {
    let served = Served::new(Settings::default()).await;
    let mut ask = Ask::post(&served.host, "DescribeRegions", "", "{}");
    let name = |response: &Value| response["RegionSet"][0]["RegionName"].as_str().unwrap().to_owned();
    assert!(!name(&ask.send(&served.host).await.response()).is_ascii());
    ask.header("X-TC-Language", "en-US");
    assert!(name(&ask.send(&served.host).await.response()).is_ascii());
}

#[tokio::test]
async fn a_browser_gets_the_page_and_nothing_that_it_could_be_harmed_by() {
    let served = Served::new(Settings::default()).await;
    let body = r#"{"ImageName":"<script>alert(1)</script>","InstanceId":"ins-8f3a1c2d"}"#;
    assert_eq!(Ask::post(&served.host, "CreateImage", HOME, body).send(&served.host).await.code(), "");
    let mut lost = Ask::post(&served.host, "<b>Boo</b>", HOME, "{}");
    lost.secret = "wrong".to_owned();
    lost.send(&served.host).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", served.host);
    let page = exchange(&served.host, &get("/")).await.unwrap();
    assert_eq!(page.status, "HTTP/1.1 200 OK");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    for part in ["&lt;script&gt;alert(1)", HOME, OWNER, "1 of 10 images", "AuthFailure.SignatureFailure"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("<script") && !page.body.contains("<b>") && !page.body.contains("owner-key"));
    assert_eq!(exchange(&served.host, &get("/favicon.ico")).await.unwrap().status, "HTTP/1.1 404 Not Found");
}
