//! Host names of the server, and requests that are refused because a page of another site sends them.
//!
//! Every page that a browser shows can make it send requests to this machine. Two kinds must not be answered:
//! - The page's own name leads to this machine (DNS rebinding): to the browser, the answers then belong to that page. So
//!   the `Host` must be a name of this server. An IP address is one, because a page cannot have a name that is an
//!   address: on a loopback address only loopback addresses, elsewhere any, since addresses are translated on the way
//!   to a container.
//! - The page sends requests to the address of this server (cross-site requests). The browser says so in `Origin` and
//!   `Sec-Fetch-Site`. No answer has headers that let other sites read it (CORS).
//!
//! The port is not compared: it may be translated too, and a page of another port has another origin.

use std::net::IpAddr;
use std::str::FromStr;

use hyper::Request;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::http::uri::Authority;
use thiserror::Error;

/// Host name by which clients reach a server, besides its address and `localhost`. It covers the names below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// Error about a malformed host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a host name without scheme and port, such as cloud.example.com")]
pub struct MalformedHostName;

impl HostName {
    /// Returns the name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn covers(&self, host: &str) -> bool {
        let Some(rest) = host.strip_suffix(self.0.as_str()) else { return false };
        rest.is_empty() || rest.ends_with('.')
    }
}

impl FromStr for HostName {
    type Err = MalformedHostName;

    fn from_str(text: &str) -> Result<Self, MalformedHostName> {
        let is_label = |label: &str| {
            let is_plain =
                label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            !label.is_empty() && label.len() <= 63 && is_plain
        };
        if text.len() > 253 || !text.split('.').all(is_label) {
            return Err(MalformedHostName);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Reason why a request is refused before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Foreign {
    /// The `Host` is none of the server's names.
    #[error(
        "The host `{0}` is not a name of this server. Use its address or localhost, or start it with --host NAME."
    )]
    Host(String),
    /// There is no `Host`, or several.
    #[error("The request must have exactly one Host header.")]
    NoHost,
    /// A page of another site sent the request.
    #[error("A page of another site sent this request. Type the address of the sandbox into the browser.")]
    Site,
}

/// Names of a server.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnHosts {
    /// Whether the server listens on other addresses than those of loopback.
    pub(super) is_open: bool,
    /// Further names.
    pub(super) names: Vec<HostName>,
}

impl OwnHosts {
    /// Checks that a request is sent to this server, and not by a page of another site.
    ///
    /// # Errors
    /// If it is foreign.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Foreign> {
        let headers = request.headers();
        let Some(host) = only(headers, HOST.as_str()) else { return Err(Foreign::NoHost) };
        let host = authority(host)?;
        // A request to a proxy names the host twice.
        for authority in [request.uri().authority(), Some(&host)].into_iter().flatten() {
            if !self.has(authority) {
                return Err(Foreign::Host(authority.as_str().chars().take(100).collect()));
            }
        }
        let is_own_origin = |origin: &str| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
        };
        let is_own_site = |site: &str| matches!(site, "same-origin" | "none");
        if each(headers, ORIGIN.as_str(), is_own_origin) && each(headers, "sec-fetch-site", is_own_site) {
            Ok(())
        } else {
            Err(Foreign::Site)
        }
    }

    fn has(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        if authority.as_str().contains('@') {
            return false;
        }
        match bare.parse::<IpAddr>() {
            Ok(address) => self.is_open || address.is_loopback(),
            Err(_) => host == "localhost" || self.names.iter().any(|name| name.covers(&host)),
        }
    }
}

fn authority(host: &str) -> Result<Authority, Foreign> {
    host.parse().map_err(|_| Foreign::Host(host.escape_debug().take(100).collect()))
}

/// Returns the text of a header that a request has exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Returns whether every value of a header is as expected. True if the request has no such header.
fn each(headers: &HeaderMap, name: &str, is_expected: impl Fn(&str) -> bool) -> bool {
    headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(&is_expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn hosts(is_open: bool) -> OwnHosts {
        OwnHosts { is_open, names: vec!["Cloud.Test".parse().unwrap()] }
    }

    #[test]
    fn addresses_localhost_and_given_names_are_own_and_every_other_name_is_foreign() {
        let accepts =
            |is_open: bool, host: &str| hosts(is_open).check(&request("/", &[("host", host)])).is_ok();
        for host in [
            "127.0.0.1:9733",
            "127.0.0.1",
            "127.8.8.8:1",
            "[::1]:9733",
            "localhost",
            "LocalHost:80",
            "cloud.test",
            "cvm.cloud.test:80",
            "cvm.ap-tokyo.Cloud.Test",
        ] {
            assert!(accepts(false, host) && accepts(true, host), "{host}");
        }
        for host in [
            "evil.test",
            "evilcloud.test",
            "cloud.test.evil.test",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "localhost@evil.test",
            "evil@localhost",
            "",
            "a b",
            "localhost.",
            "0x7f000001",
            "[::1",
            "::1",
        ] {
            assert!(!accepts(false, host) && !accepts(true, host), "{host}");
        }
        // Addresses are translated on the way to a container, not on the way to loopback.
        for host in ["10.0.0.7:9733", "[fd00::1]"] {
            assert!(!accepts(false, host) && accepts(true, host), "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host_and_a_proxys_form_names_it_too() {
        let own = hosts(false);
        assert_eq!(own.check(&request("/", &[])), Err(Foreign::NoHost));
        assert_eq!(
            own.check(&request("/", &[("host", "localhost"), ("host", "localhost")])),
            Err(Foreign::NoHost)
        );
        let host = [("host", "cvm.cloud.test")];
        assert_eq!(own.check(&request("http://cvm.cloud.test/", &host)), Ok(()));
        assert!(own.check(&request("http://evil.test/", &host)).is_err());
        assert!(own.check(&request("http://cvm.cloud.test/", &[("host", "evil.test")])).is_err());
    }

    #[test]
    fn what_a_page_of_another_site_sends_is_foreign() {
        let own = hosts(false);
        let sent =
            |name: &str, value: &str| own.check(&request("/", &[("host", "127.0.0.1:9733"), (name, value)]));
        for (name, value) in [
            ("origin", "http://127.0.0.1:9733"),
            ("origin", "https://127.0.0.1:9733"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
        ] {
            assert_eq!(sent(name, value), Ok(()), "{name}: {value}");
        }
        for (name, value) in [
            ("origin", "http://evil.test"),
            ("origin", "http://127.0.0.1:9734"),
            ("origin", "http://127.0.0.1:9733.evil.test"),
            ("origin", "null"),
            ("origin", ""),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
        ] {
            assert_eq!(sent(name, value), Err(Foreign::Site), "{name}: {value}");
        }
    }

    #[test]
    fn a_name_has_neither_scheme_nor_port() {
        assert_eq!("Cloud.Test".parse::<HostName>().unwrap().as_str(), "cloud.test");
        for text in ["", ".", "a.", "http://a", "a:80", "a/b", "*.a", "a b"] {
            assert_eq!(text.parse::<HostName>(), Err(MalformedHostName), "{text}");
        }
    }
}
