//! Where a plan's steps are sent: the same steps elsewhere are another plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::diagnostics::sanitize;
use crate::manifest::{CloudSettings, SandboxSettings};
use crate::model::{CloudPlace, Provider, Site};

/// The service that a plan's steps are sent to, as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPlace {
    /// Which service.
    pub provider: Provider,
    /// The provider's site. `None` for the sandbox, and where an endpoint or a domain of others is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// The address of every service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The root domain of the services' hosts, also where it is another name for those of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The sandbox's world, relative to the state, and the quotas that an apply sets in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxSettings>,
}

impl PlanPlace {
    /// The place that a manifest names.
    pub fn of(cloud: &CloudSettings) -> Self {
        let domain = cloud.domain.clone().filter(|_| cloud.provider == Provider::Tencent);
        let place = Self { provider: cloud.provider, site: None, endpoint: None, domain, sandbox: None };
        match cloud.place() {
            Some(CloudPlace::Domain(_)) => place,
            None => Self { sandbox: Some(cloud.sandbox.clone()), ..place },
            Some(CloudPlace::Site(site)) => Self { site: Some(site), ..place },
            Some(CloudPlace::Endpoint(endpoint)) => Self { endpoint: Some(endpoint), ..place },
        }
    }
}

impl fmt::Display for PlanPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(domain) = &self.domain {
            write!(f, "domain {}", sanitize::escape_truncated(domain))?;
            return if self.site == Some(Site::Mainland) { f.write_str(", site mainland") } else { Ok(()) };
        }
        match (&self.endpoint, self.site) {
            (Some(endpoint), _) => write!(f, "endpoint {}", sanitize::escape_truncated(endpoint)),
            (None, Some(Site::International)) => f.write_str("site international"),
            (None, Some(Site::Mainland)) => f.write_str("site mainland"),
            (None, None) => match self.sandbox.as_ref().and_then(|sandbox| sandbox.world.as_ref()) {
                Some(world) => write!(f, "sandbox world {}", sanitize::escape_truncated(world)),
                None => f.write_str("the sandbox"),
            },
        }
    }
}
