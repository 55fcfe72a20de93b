//! How the service is reached: the real one over HTTPS, with hosts, keys and rate limits from the manifest and the
//! environment, or the sandbox in this process.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;

use super::{CommandError, env, files};
use crate::cloud::client::credentials::{Env, Keyring, keyring};
use crate::cloud::client::http::{CALL_TIMEOUT, Hosts, Https, Site as HostSite};
use crate::cloud::sim::{Settings, Sim, SimError, SimTransport};
use crate::cloud::wrap::{RateLimits, RetryPolicy, RetryingTransport};
use crate::cloud::{Lease, Leased, Transport};
use crate::diagnostics::sanitize;
use crate::manifest::{CloudSettings, SandboxSettings};
use crate::model::{AccountId, Clock, Provider, Site};
use crate::state::evidence::MAY_BE_EXECUTED_FOR;

/// Name of the service's own hosts.
pub(super) const PROVIDER: &str = "provider";

/// Hosts of the real service, and the keys that are used with them.
pub struct Access {
    hosts: Hosts,
    keys: Arc<Keyring>,
}

impl Access {
    /// Keys of the cloud.
    pub fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys)
    }

    /// A transport to the service, with the rates that its documents name. Nothing is sent yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn transport(
        self,
        clock: &Arc<dyn Clock>,
        lease: &Lease,
    ) -> Result<Arc<dyn Transport>, CommandError> {
        let https = Https::new(self.hosts, self.keys, Arc::clone(clock)).map_err(|error| {
            CommandError::input(error.to_string(), "Check the machine's certificates and proxy.")
        })?;
        Ok(with_retries(Arc::new(https), RateLimits::Documented, clock, lease))
    }
}

/// How the real service is reached, whatever provider the manifest names.
///
/// # Errors
/// When the endpoint is no address that keys may be used with.
pub fn access(settings: &CloudSettings, clock: &Arc<dyn Clock>) -> Result<Access, CommandError> {
    check_endpoint(settings, env::get(env::ENDPOINT)?.as_deref())?;
    let hosts = match (&settings.endpoint, &settings.domain) {
        (None, Some(domain)) => Hosts::below(domain).map_err(|error| {
            CommandError::input(
                error.to_string(),
                "Name a domain:\n\n    cloud: { provider: tencent, domain: internal.tencentcloudapi.com }",
            )
        })?,
        (Some(endpoint), _) => Hosts::at(endpoint).map_err(|error| {
            CommandError::input(
                error.to_string(),
                "Name an address with https, or one of this machine:\n\n    \
                 cloud: { provider: tencent, endpoint: http://127.0.0.1:8787 }",
            )
        })?,
        (None, None) => Hosts::of(match settings.site {
            Site::International => HostSite::International,
            Site::Mainland => HostSite::Mainland,
        }),
    };
    let profile = settings.profile.as_ref().map(ToString::to_string);
    env::check_credentials()?;
    env::check_proxies()?;
    let env = Env::new(|name| env::get(name).ok().flatten(), files::read_keys, env::home());
    let keys = keyring(env, profile, hosts.clone(), Arc::clone(clock));
    Ok(Access { hosts, keys: Arc::new(keys) })
}

/// Returns how long after it was sent a call may still be executed.
pub fn calls_last(provider: Provider, settings: &CloudSettings) -> SignedDuration {
    // Plain HTTP leads to a server of this machine only: no call is on its way there for long.
    let is_local = settings.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    match provider {
        Provider::Sandbox => SignedDuration::ZERO,
        Provider::Tencent if is_local => SignedDuration::from_secs(10),
        Provider::Tencent => MAY_BE_EXECUTED_FOR,
    }
}

/// Whether the environment allows keys to be used with what the manifest names. A domain is allowed by its own name
/// only: `provider` means the hosts of the sites, and a domain of the provider's may lead to other machines.
fn check_endpoint(settings: &CloudSettings, allowed: Option<&str>) -> Result<(), CommandError> {
    let Some(allowed) = allowed.map(str::trim) else { return Ok(()) };
    let (key, named) = match (&settings.endpoint, &settings.domain) {
        (Some(endpoint), _) => ("endpoint", endpoint.as_str()),
        (None, Some(domain)) => ("domain", domain.as_str()),
        (None, None) => ("endpoint", PROVIDER),
    };
    let is_allowed = match key {
        "domain" => named.eq_ignore_ascii_case(allowed) && !allowed.eq_ignore_ascii_case(PROVIDER),
        _ => named.trim_end_matches('/') == allowed.trim_end_matches('/'),
    };
    if is_allowed {
        return Ok(());
    }
    Err(CommandError::input(
        format!(
            "the manifest names the {key} `{}`, and {} allows `{}` only",
            sanitize::escape_truncated(named),
            env::ENDPOINT,
            sanitize::escape_truncated(allowed)
        ),
        format!("Nothing was sent. Correct `cloud.{key}` in the manifest, or what this machine allows."),
    ))
}

/// A transport to the sandbox's world. It has no rate limits out of the box; where its world was made with them,
/// it says so and calls slow down. A limit that the manifest does not name stays what it is in that world: a manifest
/// that knows nothing of a seeded limit does not lift it.
///
/// # Errors
/// When the world cannot be opened.
pub fn sandbox(
    path: &Path,
    settings: &SandboxSettings,
    caller: AccountId,
    clock: &Arc<dyn Clock>,
    lease: &Lease,
) -> Result<Arc<dyn Transport>, CommandError> {
    let sim = Sim::open(path, Settings::default()).and_then(|sim| {
        with_limits(&sim, settings)?;
        Ok(sim)
    });
    in_process(sim, path, caller, clock, lease)
}

fn with_limits(sim: &Sim, given: &SandboxSettings) -> Result<(), SimError> {
    let SandboxSettings { world: _, images_per_region, accounts_per_image } = given;
    let before = sim.settings()?;
    let mut settings = before.clone();
    if let Some(images) = images_per_region {
        settings.images_per_region = *images;
        settings.images_in.clear();
    }
    if let Some(accounts) = accounts_per_image {
        settings.accounts_per_image = *accounts;
    }
    if settings == before { Ok(()) } else { sim.set_settings(settings) }
}

/// A transport to a world of which no manifest says anything: it is left as it is, and where there is none, none is made.
///
/// # Errors
/// When the world cannot be opened.
pub fn sandbox_as_it_is(
    path: &Path,
    caller: AccountId,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Transport>, CommandError> {
    let settings = Settings::default();
    let sim = if path.exists() { Sim::open(path, settings) } else { Sim::in_memory(settings) };
    in_process(sim, path, caller, clock, &Lease::default())
}

fn in_process(
    sim: Result<Sim, SimError>,
    path: &Path,
    caller: AccountId,
    clock: &Arc<dyn Clock>,
    lease: &Lease,
) -> Result<Arc<dyn Transport>, CommandError> {
    let sim = sim.map_err(|error| {
        CommandError::input(
            format!("the sandbox's world {} cannot be opened: {error}", sanitize::path(path)),
            "Name another file, or move it away to start an empty world:\n\n    \
             cloud: { sandbox: { world: another.world.db } }",
        )
    })?;
    let transport = SimTransport { sim: Arc::new(sim), caller, clock: Arc::clone(clock) };
    Ok(with_retries(Arc::new(transport), RateLimits::Unlimited, clock, lease))
}

fn with_retries(
    transport: Arc<dyn Transport>,
    rates: RateLimits,
    clock: &Arc<dyn Clock>,
    lease: &Lease,
) -> Arc<dyn Transport> {
    let transport = Arc::new(Leased::new(transport, lease.clone(), Arc::clone(clock), CALL_TIMEOUT));
    // Two runs that start at once pause differently.
    let seed = u64::from(std::process::id());
    Arc::new(RetryingTransport::new(transport, rates, RetryPolicy::default(), seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_lasts_long_where_a_network_is_in_between() {
        let at = |endpoint: Option<&str>| CloudSettings {
            endpoint: endpoint.map(str::to_owned),
            ..CloudSettings::default()
        };
        let seconds = |provider, endpoint| calls_last(provider, &at(endpoint)).as_secs();
        assert_eq!(seconds(Provider::Tencent, None), 600);
        assert_eq!(seconds(Provider::Tencent, Some("https://cvm.internal.test")), 600);
        assert_eq!(seconds(Provider::Tencent, Some("http://127.0.0.1:8787")), 10);
        assert_eq!(seconds(Provider::Sandbox, None), 0);
    }
}
