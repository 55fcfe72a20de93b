//! Credentials for the real service: their sources, the order of the sources, and renewal.
//!
//! ```text
//!  a profile is configured? ─── yes ─▶ that profile of the command line tool only
//!          │ no
//!          ▼  the first source that exists
//!  environment ▶ profile ▶ ini file ▶ web identity (OIDC) ▶ role of the machine (metadata)
//!          │
//!          ▼  a role is configured (environment or profile)?
//!  AssumeRole with those keys
//! ```
//!
//! - A source that does not exist is skipped. A source that exists but is invalid is an error, so that a typing mistake
//!   never makes goldform use the wrong keys.
//! - Web identity comes before the role of the machine (the SDK for Python has the opposite order), because it requires
//!   an explicit setup, while every process on a machine can use the role of the machine.
//! - [`Keyring`] caches the key and reads the source again before the key expires. It uses a file that another program
//!   has renewed then, such as a login of the command line tool.
//! - The environment and files are read through [`Env`], so that tests and callers can replace them.
//!
//! Keys are [`Secret`]s, and errors name places but never values.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::sync::Mutex;

use super::Secret;
use crate::model::Clock;

mod chain;
mod env;
mod environment;
mod file;
mod metadata;
mod sts;

pub use chain::keyring;
pub use env::Env;

/// Key with its expiry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Id of the key (SecretId). It is not secret, but identifies the owner of the key.
    pub secret_id: Secret,
    /// The key itself (SecretKey).
    pub secret_key: Secret,
    /// Token of a temporary key.
    pub token: Option<Secret>,
    /// Time of expiry. `None`: the key does not expire.
    pub expires: Option<Timestamp>,
}

impl Credentials {
    /// Creates a permanent key.
    pub fn permanent(secret_id: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            secret_id: Secret::new(secret_id),
            secret_key: Secret::new(secret_key),
            token: None,
            expires: None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secret_id: _, secret_key: _, token, expires } = self;
        f.debug_struct("Credentials")
            .field("temporary", &token.is_some())
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}

/// Error about credentials. It names places but never values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// No source has a key.
    #[error(
        "no credentials found: they are neither in the environment (TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY) \
         nor in {}, and this machine has no role",
        .files.join(", ")
    )]
    Missing {
        /// Files that do not exist.
        files: Vec<String>,
    },
    /// A source has an incomplete or invalid key.
    #[error("the credentials in {place} cannot be used: {reason}")]
    Broken {
        /// File, variable or service.
        place: String,
        /// Mistake in the source.
        reason: String,
    },
    /// The key of a source has expired.
    #[error("the credentials in {place} expired at {since}: log in again")]
    Expired {
        /// File or service.
        place: String,
        /// Time of expiry.
        since: Timestamp,
    },
    /// A service refuses to issue a temporary key.
    #[error("{place} does not issue credentials: {reason}")]
    Refused {
        /// Service.
        place: String,
        /// Reason of the service.
        reason: String,
    },
}

/// Source of a key.
#[async_trait]
pub(crate) trait CredentialSource: Send + Sync {
    /// Returns the current key of the source.
    async fn credentials(&self) -> Result<Credentials, CredentialsError>;
}

/// Remaining time at which a key is renewed, as in the official SDKs for the role of a machine.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(300);

/// Cache of a key that renews it before it expires.
pub struct Keyring {
    source: Box<dyn CredentialSource>,
    clock: Arc<dyn Clock>,
    held: Mutex<Option<Held>>,
}

#[derive(Clone)]
struct Held {
    credentials: Credentials,
    since: Timestamp,
}

impl Held {
    /// Returns whether the key needs no renewal. A key with a short life is renewed after half of it, so that not every
    /// request renews it.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let Some(expires) = self.credentials.expires else { return true };
        let life = expires.duration_since(self.since);
        expires.duration_since(now) > RENEW_BEFORE.min(life / 2)
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.credentials.expires.is_none_or(|expires| expires > now)
    }
}

impl Keyring {
    pub(crate) fn new(source: Box<dyn CredentialSource>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, held: Mutex::new(None) }
    }

    /// Creates a ring with one key that is never renewed.
    pub fn fixed(credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        struct Fixed(Credentials);

        #[async_trait]
        impl CredentialSource for Fixed {
            async fn credentials(&self) -> Result<Credentials, CredentialsError> {
                Ok(self.0.clone())
            }
        }

        Self::new(Box::new(Fixed(credentials)), clock)
    }

    /// Returns the current key. If several tasks need a renewal, one of them reads the source and the others wait.
    ///
    /// # Errors
    /// If the source has no key. A key that has not expired is used even if its renewal fails.
    pub async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.is_fresh(self.clock.now())) {
            return Ok(held.credentials.clone());
        }
        match self.source.credentials().await {
            Ok(credentials) => {
                *held = Some(Held { credentials: credentials.clone(), since: self.clock.now() });
                Ok(credentials)
            }
            Err(error) => match held.as_ref().filter(|held| held.is_valid(self.clock.now())) {
                Some(held) => {
                    tracing::warn!(%error, "credentials could not be renewed, using the current ones until they expire");
                    Ok(held.credentials.clone())
                }
                None => Err(error),
            },
        }
    }

    /// Drops the key, because the service refuses it as expired.
    pub async fn forget(&self) {
        *self.held.lock().await = None;
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
