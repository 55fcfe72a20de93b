//! The real service: hosts, keys, and manners, as the manifest and the environment say.

use std::sync::Arc;

use super::{CommandError, env};
use crate::cloud::client::credentials::{Surroundings, keyring};
use crate::cloud::client::http::{Hosts, Https, Site as HostSite};
use crate::cloud::wrap::{Careful, Policy, Rates};
use crate::cloud::{Clock, Transport};
use crate::manifest::{CloudSettings, Site};

/// A transport to the real service, with the rates that its documents name. Nothing is sent yet.
///
/// # Errors
/// When the endpoint is no address that keys may be used with, or TLS cannot be set up.
pub fn transport(
    settings: &CloudSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Transport>, CommandError> {
    let hosts = match &settings.endpoint {
        Some(endpoint) => Hosts::at(endpoint).map_err(|error| {
            CommandError::input(
                error.to_string(),
                "Name an address with https, or one of this machine:\n\n    \
                 cloud: { provider: tencent, endpoint: http://127.0.0.1:8787 }",
            )
        })?,
        None => Hosts::of(match settings.site {
            Site::International => HostSite::International,
            Site::Mainland => HostSite::Mainland,
        }),
    };
    let profile = settings.profile.as_ref().map(ToString::to_string);
    let keys = keyring(Surroundings::of(env::get), profile, hosts.clone(), Arc::clone(clock));
    let https = Https::new(hosts, Arc::new(keys), Arc::clone(clock)).map_err(|error| {
        CommandError::input(error.to_string(), "Look at the machine's certificates and proxy.")
    })?;
    // Two runs that start at once pause differently.
    let seed = u64::from(std::process::id());
    Ok(Arc::new(Careful::around(Arc::new(https), Rates::Documented, Policy::default(), seed)))
}
