//! Which host a request goes to.

use std::net::{Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use thiserror::Error;

use crate::cloud::Service;
use crate::model::Region;

/// The two sites of the provider: accounts, consoles and API hosts are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Site {
    /// `<service>.intl.tencentcloudapi.com`.
    #[default]
    International,
    /// `<service>.tencentcloudapi.com`.
    Mainland,
}

/// An endpoint that is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the endpoint `{endpoint}` cannot be used: {reason}")]
pub struct EndpointError {
    /// The endpoint as it was given, without a password.
    pub endpoint: String,
    /// Why not, for people.
    pub reason: &'static str,
}

/// The hosts of the services: those of a site, or one address for every service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Site(Site),
    Endpoint { url: Url, host: String, loopback: bool },
}

/// The address of a request and the host that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Where it is sent; the path is always `/`.
    pub(crate) url: String,
    /// The `Host` header, with the port where it is not the scheme's own.
    pub(crate) host: String,
}

impl Hosts {
    /// The hosts of a site.
    pub fn of(site: Site) -> Self {
        Self(Kind::Site(site))
    }

    /// One address for every service: `https://host[:port]`, or `http://` on this machine.
    ///
    /// # Errors
    /// When it is no such address. Plain HTTP is for loopback addresses only: keys do not travel in it, but what is
    /// signed and answered does.
    pub fn at(endpoint: &str) -> Result<Self, EndpointError> {
        let refuse = |reason| {
            // What stands before an `@` may be a password.
            let shown = endpoint.rsplit('@').next().unwrap_or_default();
            EndpointError { endpoint: shown.to_owned(), reason }
        };
        let url = Url::parse(endpoint.trim()).map_err(|_| refuse("it is no URL (https://host:port)"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it holds a user name or a password"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse(
                "it holds more than scheme, host and port: the path of the protocol is always /",
            ));
        }
        let name =
            url.host_str().filter(|name| !name.is_empty()).ok_or_else(|| refuse("it names no host"))?;
        let loopback = is_loopback(name);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(refuse("plain http is for this machine only (127.0.0.1, ::1, localhost)")),
            _ => return Err(refuse("its scheme is neither https nor http")),
        }
        let host = match url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        Ok(Self(Kind::Endpoint { url, host, loopback }))
    }

    /// Where a request to a service goes.
    ///
    /// Finance regions are called at their own hosts (common parameters, "finance availability zones"); all others
    /// are reached through the nearest one, and the region is a header.
    pub(crate) fn address(&self, service: Service, region: Option<&Region>) -> Address {
        let label = service.host_label();
        let host = match &self.0 {
            Kind::Endpoint { url, host, loopback: _ } => {
                return Address { url: url.to_string(), host: host.clone() };
            }
            Kind::Site(site) => match (region.filter(|region| is_finance(region)), site) {
                (Some(region), _) => format!("{label}.{region}.tencentcloudapi.com"),
                (None, Site::International) => format!("{label}.intl.tencentcloudapi.com"),
                (None, Site::Mainland) => format!("{label}.tencentcloudapi.com"),
            },
        };
        Address { url: format!("https://{host}/"), host }
    }

    /// Whether every request stays on this machine: no proxy is then asked.
    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self.0, Kind::Endpoint { loopback: true, .. })
    }

    /// Whether requests go to a host that somebody named, which is neither the provider's nor this machine.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self.0, Kind::Endpoint { loopback: false, .. })
    }

    /// Whether requests are sent without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(&self.0, Kind::Endpoint { url, .. } if url.scheme() == "http")
    }
}

/// Finance regions end in `-fsi` (`ap-shanghai-fsi`, `ap-shenzhen-fsi`, `ap-beijing-fsi`).
fn is_finance(region: &Region) -> bool {
    region.as_str().ends_with("-fsi")
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(hosts: &Hosts, service: Service, region: Option<&str>) -> String {
        let region = region.map(|region| region.parse().unwrap());
        hosts.address(service, region.as_ref()).host
    }

    #[test]
    fn each_site_has_its_hosts_and_finance_regions_have_their_own() {
        let (international, mainland) = (Hosts::of(Site::International), Hosts::of(Site::Mainland));
        assert_eq!(host(&international, Service::Cvm, Some("ap-tokyo")), "cvm.intl.tencentcloudapi.com");
        assert_eq!(host(&international, Service::Sts, None), "sts.intl.tencentcloudapi.com");
        assert_eq!(host(&mainland, Service::Tag, Some("ap-tokyo")), "tag.tencentcloudapi.com");
        for hosts in [international, mainland] {
            let finance = host(&hosts, Service::Cvm, Some("ap-shanghai-fsi"));
            assert_eq!(finance, "cvm.ap-shanghai-fsi.tencentcloudapi.com");
            assert!(!hosts.is_loopback() && !hosts.is_plain());
        }
        let url = Hosts::of(Site::Mainland).address(Service::Cvm, None).url;
        assert_eq!(url, "https://cvm.tencentcloudapi.com/");
    }

    #[test]
    fn an_endpoint_serves_every_service_and_is_signed_with_its_port() {
        for (endpoint, signed) in [
            ("http://127.0.0.1:8787", "127.0.0.1:8787"),
            ("http://127.1.2.3:8787/", "127.1.2.3:8787"),
            ("http://[::1]:8787", "[::1]:8787"),
            ("http://LocalHost:8787", "localhost:8787"),
            ("http://localhost", "localhost"),
            ("https://cloud.example.com:443", "cloud.example.com"),
            ("https://10.0.0.7:8443", "10.0.0.7:8443"),
        ] {
            let hosts = Hosts::at(endpoint).unwrap();
            assert_eq!(host(&hosts, Service::Cvm, Some("ap-shanghai-fsi")), signed, "{endpoint}");
            assert_eq!(host(&hosts, Service::Sts, None), signed, "{endpoint}");
            assert_eq!(hosts.is_plain(), endpoint.starts_with("http:"));
        }
        assert!(Hosts::at("http://127.0.0.1:1").unwrap().is_loopback());
        assert!(!Hosts::at("https://cloud.example.com").unwrap().is_loopback());
    }

    #[test]
    fn plain_http_leaves_this_machine_never() {
        for endpoint in [
            "http://cloud.example.com",
            "http://10.0.0.7:8787",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0:8787",
            "http://[::ffff:10.0.0.7]",
        ] {
            assert!(Hosts::at(endpoint).unwrap_err().reason.contains("plain http"), "{endpoint}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_and_a_password_is_not_repeated() {
        for endpoint in ["", "127.0.0.1:8787", "ftp://x", "https://x/path", "https://x/?q=1", "https://x/#f"]
        {
            assert!(Hosts::at(endpoint).is_err(), "{endpoint}");
        }
        let error = Hosts::at("https://me:hunter2@x").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
