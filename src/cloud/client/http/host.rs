//! Host of a request.

use std::net::{Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use thiserror::Error;

use crate::cloud::Service;
use crate::model::{Region, is_domain, is_provider_domain};

/// Site of the provider. Each has its own accounts, consoles and API hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Site {
    /// `<service>.intl.tencentcloudapi.com`.
    #[default]
    International,
    /// `<service>.tencentcloudapi.com`.
    Mainland,
}

/// Error about an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the endpoint `{endpoint}` cannot be used: {reason}")]
pub struct EndpointError {
    /// The endpoint, without a password.
    pub endpoint: String,
    /// The reason, for people.
    pub reason: &'static str,
}

/// Error about a root domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the domain of the manifest is not a host name of at least two parts")]
pub struct DomainError;

/// Hosts of the services: those of a site, those below a root domain, or one endpoint for every service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Site(Site),
    Domain(String),
    Endpoint { url: Url, host: String, loopback: bool },
}

/// URL of a request and the host that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// URL. Its path is always `/`.
    pub(crate) url: String,
    /// `Host` header, with the port unless it is the default of the scheme.
    pub(crate) host: String,
}

impl Hosts {
    /// Returns the hosts of a site.
    pub fn of(site: Site) -> Self {
        Self(Kind::Site(site))
    }

    /// Returns one endpoint for every service: `https://host[:port]`, or `http://` for a loopback address.
    ///
    /// # Errors
    /// If the endpoint has another form. Plain HTTP is limited to loopback addresses: requests contain no keys, but
    /// anyone on the way can read requests and answers.
    pub fn at(endpoint: &str) -> Result<Self, EndpointError> {
        let refuse = |reason| {
            // The part before an `@` may be a password.
            let shown = endpoint.rsplit('@').next().unwrap_or_default();
            EndpointError { endpoint: shown.to_owned(), reason }
        };
        let url = Url::parse(endpoint.trim()).map_err(|_| refuse("it is not a URL (https://host:port)"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it contains a user name or a password"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse(
                "it contains more than scheme, host and port: the path of the protocol is always /",
            ));
        }
        let name = url.host_str().filter(|name| !name.is_empty()).ok_or_else(|| refuse("it has no host"))?;
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

    /// Returns a host below a root domain for each service: `cvm.<domain>`, over HTTPS only.
    ///
    /// # Errors
    /// If it is not a domain.
    pub fn below(domain: &str) -> Result<Self, DomainError> {
        if is_domain(domain) { Ok(Self(Kind::Domain(domain.to_ascii_lowercase()))) } else { Err(DomainError) }
    }

    /// Returns the address of a request to a service.
    ///
    /// Finance regions have hosts of their own (common parameters, "finance availability zones"). All other regions
    /// share the host of the site, and a header names the region.
    pub(crate) fn address(&self, service: Service, region: Option<&Region>) -> Address {
        let label = service.host_label();
        let host = match &self.0 {
            Kind::Endpoint { url, host, loopback: _ } => {
                return Address { url: url.to_string(), host: host.clone() };
            }
            // Every region is behind the same name, as with the variable TENCENTCLOUD_DOMAIN of other tools.
            Kind::Domain(domain) => format!("{label}.{domain}"),
            Kind::Site(site) => match (region.filter(|region| is_finance(region)), site) {
                (Some(region), _) => format!("{label}.{region}.tencentcloudapi.com"),
                (None, Site::International) => format!("{label}.intl.tencentcloudapi.com"),
                (None, Site::Mainland) => format!("{label}.tencentcloudapi.com"),
            },
        };
        Address { url: format!("https://{host}/"), host }
    }

    /// Returns whether the endpoint is on this machine. Such requests use no proxy.
    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self.0, Kind::Endpoint { loopback: true, .. })
    }

    /// Returns whether the endpoint or domain belongs neither to the provider nor to this machine.
    pub(crate) fn is_custom_host(&self) -> bool {
        match &self.0 {
            Kind::Site(_) => false,
            Kind::Domain(domain) => !is_provider_domain(domain),
            Kind::Endpoint { loopback, .. } => !loopback,
        }
    }

    /// Returns whether requests are sent without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(&self.0, Kind::Endpoint { url, .. } if url.scheme() == "http")
    }
}

/// Returns whether a region is a finance region: its code ends in `-fsi` (`ap-shanghai-fsi`, `ap-shenzhen-fsi`,
/// `ap-beijing-fsi`).
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
    fn a_domain_has_a_host_for_each_service_and_keys_of_a_web_identity_go_to_the_providers_only() {
        let internal = Hosts::below("internal.TencentCloudAPI.com").unwrap();
        assert_eq!(
            host(&internal, Service::Cvm, Some("ap-shanghai-fsi")),
            "cvm.internal.tencentcloudapi.com"
        );
        assert_eq!(host(&internal, Service::Tag, None), "tag.internal.tencentcloudapi.com");
        assert_eq!(internal.address(Service::Sts, None).url, "https://sts.internal.tencentcloudapi.com/");
        assert!(!internal.is_plain() && !internal.is_loopback() && !internal.is_custom_host());
        assert!(Hosts::below("api.corp.example").unwrap().is_custom_host());
        assert!(Hosts::below("eviltencentcloudapi.com").unwrap().is_custom_host());
        for text in ["", "provider", "a.b:1", "x/../a.b", "me@a.b", "127.0.0.1"] {
            assert!(Hosts::below(text).is_err(), "{text}");
        }
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
    fn plain_http_is_refused_except_for_this_machine() {
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
    fn an_invalid_endpoint_is_refused_without_its_password() {
        for endpoint in ["", "127.0.0.1:8787", "ftp://x", "https://x/path", "https://x/?q=1", "https://x/#f"]
        {
            assert!(Hosts::at(endpoint).is_err(), "{endpoint}");
        }
        let error = Hosts::at("https://me:hunter2@x").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
